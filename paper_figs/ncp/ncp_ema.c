/* ncp_ema: does the moving average point where the network does? */
#include "paper_figs/figures.h"
#include "paper_figs/kit/isotropic.h"
#include "paper_figs/kit/series.h"
#include "theorems/ncp/ncp.h"

#include <math.h>

struct ema_settings {
    double sigma, rate, end;
    int64_t size, runs, times, seed;
};

#define FIELD(field) .name = #field, .offset = offsetof(struct ema_settings, field)

static const struct param params[] = {
    {FIELD(sigma), .type = PARAM_REAL, .fallback = "0.03", .low = 0, .high = 3,
     .doc = "sigma, standard deviation of the views around their mean: X = I, X' = sigma^2 I"},
    {FIELD(rate), .type = PARAM_REAL, .fallback = "0.01", .low = 1e-4, .high = 1,
     .doc = "learning rate; a factor gamma_a per step has the rate beta = (1 - gamma_a) / rate"},
    {FIELD(end), .type = PARAM_REAL, .fallback = "64", .low = 1, .high = 1000,
     .doc = "time at which the flow ends"},
    {FIELD(size), .type = PARAM_INTEGER, .fallback = "8", .low = 2, .high = 64,
     .doc = "inputs, and as many outputs"},
    {FIELD(runs), .type = PARAM_INTEGER, .fallback = "10", .low = 2, .high = 1000,
     .doc = "runs, each with its own first weights"},
    {FIELD(times), .type = PARAM_INTEGER, .fallback = "120", .low = 8, .high = 10000,
     .doc = "times at which they are measured"},
    {FIELD(seed), .type = PARAM_INTEGER, .fallback = "1", .low = 0, .high = 1e15,
     .doc = "seed of the weights"},
    {0},
};

static const double gamma_a[] = {0.9, 0.99, 0.996, 0.999};

static const struct panel {
    const char *name;
    double eta;
} panels[] = {{"eta_0", 0}, {"eta_0.01", 0.01}, {"eta_0.1", 0.1}};

enum { RATES = sizeof gamma_a / sizeof *gamma_a, PANELS = sizeof panels / sizeof *panels };

/* ---- computing ---- */

/* <W_a, W> / (|W_a| |W|); NaN while W_a = 0 */
static enum status look(const void *context, const double *state, double *value, struct error *err)
{
    const struct matrix_flow *f = context;
    const size_t count = f->outputs * f->inputs;
    const double *target = state + matrix_flow_target(f);
    double along = 0;
    (void)err;
    for (size_t i = 0; i < count; i++)
        along += target[i] * state[i];
    *value = along / (frobenius(state, count) * frobenius(target, count));
    return STATUS_OK;
}

/* All runs of every rate; all rates start from the same weights. */
static enum status run_all(struct series *series, double eta, const struct ema_settings *s,
                           struct error *err)
{
    const size_t runs = (size_t)s->runs;
    struct isotropic byol;
    const struct series_measure measure = {look, &byol.flow};
    enum status status = isotropic_open(&byol, (size_t)s->size, s->sigma * s->sigma, err);
    byol.flow.target = RULE_EMA;
    byol.flow.eta_p = byol.flow.eta_s = eta;
    for (size_t i = 0; i < RATES * runs && !status; i++) {
        byol.flow.beta = (1 - gamma_a[i / runs]) / s->rate;
        status = isotropic_draw(&byol, (uint64_t)s->seed, i % runs, err);
        if (!status)
            status = series_run(series, i, &byol.dynamics, &measure, byol.state, err);
    }
    isotropic_close(&byol);
    return status;
}

/* Over the runs: the mean, and the mean minus and plus one standard deviation. */
static void summarise(const struct series *series, size_t runs, struct series *mean,
                      struct series *band)
{
    for (size_t i = 0; i < series->times * RATES; i++) {
        const double *value = series->value + i * runs;
        double middle = 0, square = 0;
        for (size_t k = 0; k < runs; k++)
            middle += value[k] / (double)runs;
        for (size_t k = 0; k < runs; k++)
            square += (value[k] - middle) * (value[k] - middle) / (double)(runs - 1);
        mean->value[i] = middle;
        band->value[2 * i] = middle - sqrt(square);
        band->value[2 * i + 1] = middle + sqrt(square);
    }
}

static void put_series(struct sheet *sheet, const struct series *series, size_t runs)
{
    struct series mean = {.t = NULL}, band = {.t = NULL};
    sheet->status = series_open(&mean, 1, series->times, RATES, sheet->err);
    if (!sheet->status)
        sheet->status = series_open(&band, 1, series->times, 2 * RATES, sheet->err);
    if (!sheet->status)
        summarise(series, runs, &mean, &band);
    sheet_axis(sheet, "t", series->times, series->t, "time, learning rate times steps", "1");
    sheet_axis(sheet, "gamma_a", RATES, gamma_a, "factor of the moving average per step", "1");
    sheet_axis(sheet, "run", runs, NULL, "run", "1");
    sheet_axis(sheet, "bound", 2, NULL, "lower, upper", "1");
    sheet_series(sheet, series, 0, "correlation", "gamma_a run", "<W_a, W> / (|W_a| |W|)");
    sheet_series(sheet, &mean, 0, "mean", "gamma_a", "its mean over the runs");
    sheet_series(sheet, &band, 0, "band", "gamma_a bound",
                 "mean minus and plus standard deviation");
    series_close(&mean);
    series_close(&band);
}

static void put_panel(struct sheet *sheet, const void *settings, size_t i)
{
    const struct ema_settings *s = settings;
    struct series series;
    sheet_group(sheet, panels[i].name);
    sheet->status = series_open(&series, 1, (size_t)s->times, RATES * (size_t)s->runs, sheet->err);
    if (!sheet->status) {
        series_times(series.times, 0.05, s->end, series.t);
        sheet->status = run_all(&series, panels[i].eta, s, sheet->err);
    }
    if (!sheet->status)
        put_series(sheet, &series, (size_t)s->runs);
    series_close(&series);
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    return sheet_fill(job, store, PANELS, put_panel, err);
}

/* ---- checks ---- */

/* Of the mean over runs: the minimum, the minimum after the first quarter of the time, and the time
 * from which it stays above 0.995. */
struct recovery {
    double least, least_late, recovered;
};

static void check_panel(struct reader *r, const struct panel *panel, struct recovery o[RATES],
                        struct sights *sights)
{
    struct store_array t = reader_get(r, 0, 1, "/%s/t", panel->name);
    struct store_array mean = reader_get(r, t.count, RATES, "/%s/mean", panel->name);
    double late = 1;
    bool ordered = true;
    if (r->status)
        return;
    for (size_t k = 0; k < RATES; k++) {
        o[k] = (struct recovery){1, 1, 0};
        for (size_t i = 1; i < t.count; i++) {
            double value = mean.values[i * RATES + k];
            o[k].least = fmin(o[k].least, value);
            if (value < 0.995)
                o[k].recovered = t.values[i];
            if (t.values[i] >= t.values[t.count - 1] / 4)
                o[k].least_late = fmin(o[k].least_late, value);
        }
        late = fmin(late, o[k].least_late);
        ordered &= k == 0 || o[k].recovered > o[k - 1].recovered;
    }
    sight(sights, late > 0.9,
          "%s: after the first quarter the mean correlation is above 0.9 (%.3f)", panel->name,
          late);
    sight(sights, ordered,
          "%s: the slower the average, the longer it is below 0.995, until t = %.2g to %.2g",
          panel->name, o[0].recovered, o[RATES - 1].recovered);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader reader = {.file = file, .err = err};
    struct recovery o[PANELS][RATES];
    for (size_t i = 0; i < PANELS; i++)
        check_panel(&reader, &panels[i], o[i], sights);
    if (!reader.status) {
        const double without = o[0][RATES - 1].least, most = o[PANELS - 1][RATES - 1].least;
        sight(sights, most < without && most > 0.9,
              "weight decay deepens the dip of the slowest average, from %.3f to %.3f", without,
              most);
    }
    return reader_close(&reader);
}

const struct figure figure_ncp_ema = {
    .about = {.name = "ncp_ema",
              .doc =
                  "The assumption that the target is a multiple of the network, W_a = tau W: "
                  "normalised correlation of both along the flow of linear BYOL from W_a(0) = 0, "
                  "mean and standard deviation over the runs. The correlation is high; its dip "
                  "is longer for slower averages and deeper with weight decay.",
              .source =
                  "[NCP] Fig. 7, with its sigma, weight decays and number of runs; it does not "
                  "give sizes, weights and times",
              .params = params,
              .settings_size = sizeof(struct ema_settings)},
    .quick = (const char *const[]){"runs=3", "times=40", NULL},
    .compute = compute,
    .script = "paper_figs/ncp/ncp_ema.gp",
    .check = check,
};
