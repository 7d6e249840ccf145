/* ncp_ema: does the moving average point where the network does? */
#include "core/extreme.h"
#include "paper_figs/figures.h"
#include "paper_figs/kit/isotropic.h"
#include "paper_figs/kit/series.h"
#include "theorems/ncp/ncp.h"

#include <math.h>

struct settings {
    double sigma, rate, end;
    int64_t size, runs, times, seed;
};

static const struct param params[] = {
    REAL_SETTING(sigma, "0.03", 0, 3,
                 "sigma, standard deviation of the views around their mean: X = I, X' = sigma^2 I"),
    REAL_SETTING(
        rate, "0.01", 1e-4, 1,
        "learning rate; a factor gamma_a per step has the rate beta = (1 - gamma_a) / rate"),
    REAL_SETTING(end, "64", 1, 1000, "time at which the flow ends"),
    INTEGER_SETTING(size, "8", 2, 64, "inputs, and as many outputs"),
    INTEGER_SETTING(runs, "10", 2, 1000, "runs, each with its own first weights"),
    INTEGER_SETTING(times, "120", 8, 10000, "times at which they are measured"),
    INTEGER_SETTING(seed, "1", 0, 1e15, "seed of the weights"),
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
static void run_all(struct sheet *sheet, struct series *series, double eta,
                    const struct settings *s)
{
    const size_t runs = (size_t)s->runs;
    struct isotropic byol;
    const struct series_measure measure = {look, &byol.flow};
    isotropic_open(sheet, &byol, (size_t)s->size, s->sigma * s->sigma);
    byol.flow.target = RULE_EMA;
    byol.flow.eta_p = byol.flow.eta_s = eta;
    for (size_t i = 0; i < RATES * runs; i++) {
        byol.flow.beta = (1 - gamma_a[i / runs]) / s->rate;
        isotropic_draw(sheet, &byol, (uint64_t)s->seed, i % runs);
        series_run(sheet, series, i, &byol.dynamics, &measure, byol.state);
    }
    isotropic_close(&byol);
}

/* Over the runs: the mean, and the mean minus and plus one standard deviation. */
static void put_summary(struct sheet *sheet, const struct series *series, size_t runs)
{
    const size_t count = series->times * RATES;
    double *mean = sheet_numbers(sheet, count), *band = sheet_numbers(sheet, 2 * count);
    for (size_t i = 0; i < count && !sheet->status; i++) {
        const double *value = series->value + i * runs;
        double square = 0;
        for (size_t k = 0; k < runs; k++)
            mean[i] += value[k] / (double)runs;
        for (size_t k = 0; k < runs; k++)
            square += (value[k] - mean[i]) * (value[k] - mean[i]) / (double)(runs - 1);
        band[2 * i] = mean[i] - sqrt(square);
        band[2 * i + 1] = mean[i] + sqrt(square);
    }
    sheet_axis(sheet, "bound", 2, NULL, "lower, upper", "1");
    sheet_put(sheet, "mean", "t gamma_a", mean, "its mean over the runs", "1");
    sheet_put(sheet, "band", "t gamma_a bound", band, "mean minus and plus standard deviation",
              "1");
}

static void put_panel(struct sheet *sheet, const struct figure_job *job, size_t i)
{
    const struct settings *s = job->settings;
    const size_t runs = (size_t)s->runs;
    struct series series = series_open(sheet, 1, (size_t)s->times, RATES * runs, 0.05, s->end);
    run_all(sheet, &series, panels[i].eta, s);
    sheet_group(sheet, panels[i].name);
    sheet_axis(sheet, "t", series.times, series.t, "time, learning rate times steps", "1");
    sheet_axis(sheet, "gamma_a", RATES, gamma_a, "factor of the moving average per step", "1");
    sheet_axis(sheet, "run", runs, NULL, "run", "1");
    sheet_series(sheet, &series, 0, "correlation", "gamma_a run", "<W_a, W> / (|W_a| |W|)");
    put_summary(sheet, &series, runs);
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
            o[k].least = smaller(o[k].least, value);
            if (value < 0.995)
                o[k].recovered = t.values[i];
            if (t.values[i] >= t.values[t.count - 1] / 4)
                o[k].least_late = smaller(o[k].least_late, value);
        }
        late = smaller(late, o[k].least_late);
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
              .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"runs=3", "times=40", NULL},
    .compute = compute,
    .script = "paper_figs/ncp/ncp_ema.gp",
    .check = check,
};
