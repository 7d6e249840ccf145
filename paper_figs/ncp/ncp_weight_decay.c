/* ncp_weight_decay: effects of weight decay and of the moving average on a mode and on K. */
#include "core/extreme.h"
#include "paper_figs/figures.h"
#include "paper_figs/kit/series.h"
#include "sim/flow/phase.h"

#include <math.h>

struct settings {
    double sigma2, alpha_p, p, s, end;
    int64_t times;
};

static const struct param params[] = {
    REAL_SETTING(sigma2, "0.0009", 0, 10,
                 "sigma^2, the variance of the views around their mean: X' = sigma^2 I"),
    REAL_SETTING(alpha_p, "1", 0.1, 10,
                 "alpha_p, rate of the predictor over the rate of the trunk"),
    REAL_SETTING(p, "0.1", 1e-3, 2, "p_j(0)"),
    REAL_SETTING(s, "0.1", 1e-3, 2, "s_j(0)"),
    REAL_SETTING(end, "1200", 10, 2000,
                 "time at which the flow ends; a step at learning rate 0.01 is 0.01"),
    INTEGER_SETTING(times, "200", 20, 10000, "times at which it is measured"),
    {0},
};

enum { MOST_RUNS = 6, MODE_P = 0, MODE_S, MODE_TAU, MODE_K, QUANTITIES };

/* Runs that differ in weight decay, or in the rate of the average; INFINITY: no average. */
static const struct panel {
    const char *name, *axis, *long_name;
    size_t runs;
    double eta[MOST_RUNS], beta[MOST_RUNS];
    bool over_eta;
} panels[] = {
    {.name = "weight_decay",
     .axis = "eta",
     .long_name = "weight decay",
     .runs = 5,
     .eta = {0, 0.01, 0.04, 0.1, 0.2},
     .beta = {0.4, 0.4, 0.4, 0.4, 0.4},
     .over_eta = true},
    {.name = "moving_average",
     .axis = "beta",
     .long_name = "rate of the moving average; inf: none, W_a = W",
     .runs = 6,
     .eta = {0.04, 0.04, 0.04, 0.04, 0.04, 0.04},
     .beta = {0.01, 0.04, 0.1, 0.4, 1, INFINITY}},
};

enum { PANELS = sizeof panels / sizeof *panels };

/* ---- computing ---- */

/* p, s, tau and the eigenvalue of K in the mode, computed as K of a one-dimensional flow */
static enum status look(const void *context, const double *state, double *value, struct error *err)
{
    const struct mode_flow *mode = context;
    const struct reduced_flow one = {
        .n = 1, .sigma2 = mode->sigma2, .alpha_p = mode->alpha_p, .eta = mode->eta_p};
    (void)err;
    value[MODE_P] = state[0];
    value[MODE_S] = state[1];
    value[MODE_TAU] = state[2];
    reduced_flow_k(&one, state, &value[MODE_K]);
    return STATUS_OK;
}

static void run(struct sheet *sheet, struct series *series, const struct panel *panel, size_t i,
                const struct settings *s)
{
    const bool average = isfinite(panel->beta[i]);
    struct mode_flow mode = {.modes = 1,
                             .sigma2 = s->sigma2,
                             .alpha_p = s->alpha_p,
                             .beta = average ? panel->beta[i] : 0,
                             .eta_p = panel->eta[i],
                             .eta_s = panel->eta[i],
                             .tau_moves = average};
    const struct series_measure measure = {look, &mode};
    struct dynamics dynamics;
    double state[] = {s->p, s->s, average ? 0 : 1};
    mode_flow_open(&mode, &dynamics);
    series_run(sheet, series, i, &dynamics, &measure, state);
}

/* p_+ at tau = 1, whether it is reached or not; 0 if there is none */
static void predict(const struct panel *panel, double sigma2, double *p_plus)
{
    for (size_t i = 0; i < panel->runs; i++) {
        double p_minus = phase_p_minus(panel->eta[i], 1, sigma2);
        p_plus[i] = isnan(p_minus) ? 0 : 1 / (1 + sigma2) - p_minus;
    }
}

static void put_panel(struct sheet *sheet, const struct figure_job *job, size_t i)
{
    const struct settings *s = job->settings;
    const struct panel *panel = &panels[i];
    double p_plus[MOST_RUNS];
    struct series series =
        series_open(sheet, QUANTITIES, (size_t)s->times, panel->runs, 0.1, s->end);
    predict(panel, s->sigma2, p_plus);
    for (size_t k = 0; k < panel->runs; k++)
        run(sheet, &series, panel, k, s);
    sheet_group(sheet, panel->name);
    sheet_axis(sheet, "t", series.times, series.t, "time, learning rate times steps", "1");
    sheet_axis(sheet, panel->axis, panel->runs, panel->over_eta ? panel->eta : panel->beta,
               panel->long_name, "1");
    sheet_series(sheet, &series, MODE_P, "p", panel->axis, "p_j");
    sheet_series(sheet, &series, MODE_S, "s", panel->axis, "s_j");
    sheet_series(sheet, &series, MODE_TAU, "tau", panel->axis, "tau");
    sheet_series(sheet, &series, MODE_K, "k", panel->axis, "eigenvalue of K in the mode");
    sheet_put(sheet, "p_plus", panel->axis, p_plus, "p_+ at tau = 1; 0: there is none", "1");
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    return sheet_fill(job, store, PANELS, put_panel, err);
}

/* ---- checks ---- */

/* Summary of a run in the panels. */
struct endpoint {
    double p, s, p_plus;  /* at the end, and predicted */
    double least_k, late; /* minimum over time; time from which p stays above nine tenths of p_+ */
};

static void read_outcomes(struct reader *r, const struct panel *panel, struct endpoint *outcome)
{
    struct store_array t = reader_get(r, 0, 1, "/%s/t", panel->name);
    struct store_array p = reader_get(r, t.count, panel->runs, "/%s/p", panel->name);
    struct store_array s = reader_get(r, t.count, panel->runs, "/%s/s", panel->name);
    struct store_array k = reader_get(r, t.count, panel->runs, "/%s/k", panel->name);
    struct store_array p_plus = reader_get(r, panel->runs, 1, "/%s/p_plus", panel->name);
    for (size_t i = 0; i < panel->runs && !r->status; i++) {
        struct endpoint *o = &outcome[i];
        *o = (struct endpoint){.least_k = INFINITY};
        for (size_t row = 0; row < t.count; row++) {
            size_t at = row * panel->runs + i;
            o->p = p.values[at];
            o->s = s.values[at];
            o->p_plus = p_plus.values[i];
            o->least_k = smaller(o->least_k, k.values[at]);
            if (o->p < 0.9 * o->p_plus)
                o->late = t.values[row];
        }
    }
}

static void check_weight_decay(struct reader *r, struct sights *sights)
{
    const struct panel *panel = &panels[0];
    const size_t last = panel->runs - 1;
    struct endpoint o[MOST_RUNS] = {{0}};
    double off = 0;
    bool lower = true, boosted = true;
    read_outcomes(r, panel, o);
    if (r->status)
        return;
    for (size_t i = 0; i <= last; i++) {
        off = larger(off, smaller(fabs(o[i].p - o[i].p_plus), fabs(o[i].p)));
        lower &= i == 0 || (o[i].p < o[i - 1].p && o[i].s < o[i - 1].s);
        boosted &= i == 0 || o[i].least_k > o[i - 1].least_k;
    }
    sight(sights, off < 1e-6, "weight decay: all end at p_+ of tau = 1, or at 0 (%.1e)", off);
    sight(sights, lower && o[last].p < 1e-6 && o[last - 1].p > 0.1,
          "weight decay: p_j and s_j end lower with more of it, and at 0 for eta = %g",
          panel->eta[last]);
    sight(sights, boosted && o[0].least_k < 0 && o[last - 1].least_k > 0,
          "weight decay: the least eigenvalue of K rises with it, from %.3f to %.3f", o[0].least_k,
          o[last].least_k);
}

static void check_moving_average(struct reader *r, struct sights *sights)
{
    const struct panel *panel = &panels[1];
    const size_t last = panel->runs - 1;
    struct endpoint o[MOST_RUNS] = {{0}};
    double off = 0;
    bool faster = true, falls = true;
    read_outcomes(r, panel, o);
    if (r->status)
        return;
    for (size_t i = 1; i <= last; i++) {
        off = larger(off, fabs(o[i].p - o[i].p_plus));
        faster &= o[i].late < o[i - 1].late;
        falls &= i == 1 || o[i].least_k < o[i - 1].least_k;
    }
    sight(sights, off < 1e-6,
          "moving average: with beta above %g the end is the same as without average (%.1e)",
          panel->beta[0], off);
    sight(sights, faster,
          "moving average: the slower it is, the later p_j is learned, t = %.0f to "
          "%.0f",
          o[last].late, o[0].late);
    sight(sights, falls && o[2].least_k > 0 && o[last].least_k < -0.05,
          "moving average: the least eigenvalue of K is above 0 up to beta = %g (%.3f), and falls "
          "to %.3f without average",
          panel->beta[2], o[2].least_k, o[last].least_k);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader reader = {.file = file, .err = err};
    check_weight_decay(&reader, sights);
    check_moving_average(&reader, sights);
    return reader_close(&reader);
}

const struct figure figure_ncp_weight_decay = {
    .about = {.name = "ncp_weight_decay",
              .doc =
                  "Effects of weight decay (top, beta = 0.4) and of the rate of the moving average "
                  "(bottom, eta = 0.04) along the flow of one mode from tau(0) = 0. More decay "
                  "and a slower average both lift the eigenvalue of K above 0, where "
                  "eigenspaces align. More decay lowers the final p_j and s_j, up to collapse; "
                  "a slower average delays them. In a collapse the average lags behind the "
                  "shrinking weights, and tau ends above 1.",
              .source =
                  "[NCP] Fig. 5, with its learning rate alpha = 0.01 (t = alpha times steps), "
                  "beta and eta of the other row; it does not give the start",
              .params = params,
              .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"times=100", NULL},
    .compute = compute,
    .script = "paper_figs/ncp/ncp_weight_decay.gp",
    .check = check,
};
