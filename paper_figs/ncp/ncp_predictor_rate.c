/* ncp_predictor_rate: a symmetric predictor without a target network, at several learning rates. */
#include "core/extreme.h"
#include "paper_figs/figures.h"
#include "paper_figs/ncp/ncp_runs.h"
#include "store/reader.h"

#include <math.h>

struct settings {
    int64_t seeds, epochs, samples, points;
    double eta;
};

static const struct param params[] = {
    INTEGER_SETTING(seeds, "3", 1, 1000, "runs of each kind, with seeds 1, 2, ..."),
    INTEGER_SETTING(epochs, "20", 1, 1e4, "epochs of a run, measured at its end"),
    INTEGER_SETTING(samples, "64000", 128, 1e9, "samples per epoch"),
    INTEGER_SETTING(points, "4", 2, 4, "values of alpha_p, from 1/4 by factors of 4"),
    REAL_SETTING(eta, "0.006", 0, 1, "weight decay"),
    {0},
};

/* A kind of run: a sweep over alpha_p, or a reference at alpha_p = 1. */
static const struct rate_curve {
    const char *name;
    bool relu, sweep;
    bool scaled;    /* weight decay of the predictor is eta per own step, alpha_p eta in time */
    bool symmetric; /* W_p */
    double ema;
} all_series[] = {
    {"linear_equal", .sweep = true, .symmetric = true},
    {"linear_scaled", .sweep = true, .scaled = true, .symmetric = true},
    {"linear_ema", .symmetric = true, .ema = 0.996},
    {"linear_regular", .symmetric = false},
    {"relu_equal", .relu = true, .sweep = true, .symmetric = true},
    {"relu_scaled", .relu = true, .sweep = true, .scaled = true, .symmetric = true},
    {"relu_ema", .relu = true, .symmetric = true, .ema = 0.996},
    {"relu_regular", .relu = true, .symmetric = false},
};

enum { SERIES = sizeof all_series / sizeof *all_series, MOST_RATES = 4 };

static const struct {
    const char *name, *path, *long_name;
    bool gain; /* over the first measurement */
} quantities[] = {
    {"probe", "/series/probe/mean",
     "accuracy of linear probes at the end, mean over the latents that views share", false},
    {"gain", "/series/probe/mean", "the same minus the accuracy of the untrained network", true},
    {"effective_rank", "/series/predictor/effective_rank", "effective rank of E[f f^T] at the end",
     false},
    {"k_least", "/series/predictor/k_least", "least eigenvalue of K at the end", false},
};

enum { QUANTITIES = sizeof quantities / sizeof *quantities };

static double rate_of(size_t i)
{
    return ldexp(0.25, 2 * (int)i);
}

/* ---- computing ---- */

/* One quantity of a series: [rates][seeds] of a sweep, [seeds] of a reference; NaN: diverged. */
static void put_quantity(struct sheet *sheet, const struct rate_curve *series, size_t quantity,
                         const struct figure_run *run, size_t count)
{
    double *values = sheet_numbers(sheet, count), first;
    for (size_t i = 0; i < count && !sheet->status; i++) {
        run_ends(sheet, run[i].path, quantities[quantity].path, &first, &values[i]);
        if (quantities[quantity].gain)
            values[i] -= first;
    }
    sheet_put(sheet, quantities[quantity].name, series->sweep ? "alpha_p seed" : "seed", values,
              quantities[quantity].long_name, "1");
}

static size_t rates_of(const struct settings *s, const struct rate_curve *series)
{
    return series->sweep ? (size_t)s->points : 1;
}

/* Put the runs of all series together, one after another. */
static void plan(const struct settings *s, struct run_list *runs)
{
    const size_t seeds = (size_t)s->seeds;
    size_t run = 0;
    for (size_t k = 0; k < SERIES; k++)
        for (size_t i = 0; i < rates_of(s, &all_series[k]) * seeds; i++) {
            const struct rate_curve *series = &all_series[k];
            const double alpha_p = series->sweep ? rate_of(i / seeds) : 1;
            ncp_runs_put(runs, run++,
                         &(struct ncp_setting){.relu = series->relu,
                                               .symmetric = series->symmetric,
                                               .ema = series->ema,
                                               .alpha_p = alpha_p,
                                               .eta = s->eta,
                                               .eta_p = series->scaled ? s->eta : s->eta / alpha_p,
                                               .seed = i % seeds + 1,
                                               .epochs = s->epochs,
                                               .samples = s->samples});
        }
}

static void put_all(struct sheet *sheet, const struct settings *s, const struct figure_run *run)
{
    double rate[MOST_RATES];
    for (size_t i = 0; i < (size_t)s->points; i++)
        rate[i] = rate_of(i);
    sheet_axis(sheet, "alpha_p", (size_t)s->points, rate,
               "alpha_p, learning rate of the predictor over the rate of the trunk", "1");
    sheet_seeds(sheet, (size_t)s->seeds, "seed");
    for (size_t k = 0; k < SERIES; k++) {
        const size_t count = rates_of(s, &all_series[k]) * (size_t)s->seeds;
        sheet_group(sheet, all_series[k].name);
        for (size_t q = 0; q < QUANTITIES; q++)
            put_quantity(sheet, &all_series[k], q, run, count);
        run += count;
    }
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    const struct settings *s = job->settings;
    struct run_list runs;
    struct sheet sheet = {.store = store, .err = err};
    size_t count = 0;
    for (size_t k = 0; k < SERIES; k++)
        count += rates_of(s, &all_series[k]) * (size_t)s->seeds;
    sheet.status = run_list_open(&runs, count, err);
    if (!sheet.status) {
        plan(s, &runs);
        sheet.status = figure_runs(job, runs.run, runs.count, err);
    }
    put_all(&sheet, s, runs.run);
    run_list_free(&runs);
    return sheet_close(&sheet);
}

/* ---- checks ---- */

/* Means over the seeds at the first and the last alpha_p, and the largest mean. */
struct sweep {
    double first, last, largest;
};

static struct sweep find_sweep(struct reader *r, const char *path)
{
    const struct store_array a = reader_get(r, 0, 0, "%s", path);
    const size_t seeds = a.values ? a.count / a.shape[0] : 0;
    struct sweep found = {.largest = -INFINITY};
    if (!a.values)
        return found;
    for (size_t i = 0; i < a.count; i++)
        found.largest = larger(found.largest, a.values[i]);
    for (size_t i = 0; i < seeds; i++) {
        found.first += a.values[i] / (double)seeds;
        found.last += a.values[a.count - seeds + i] / (double)seeds;
    }
    return found;
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    static const char *const paths[] = {"/linear_equal/probe", "/relu_equal/probe",
                                        "/relu_scaled/probe",  "/relu_scaled/effective_rank",
                                        "/relu_equal/k_least", "/relu_scaled/k_least"};
    struct sweep s[sizeof paths / sizeof *paths];
    struct reader r = {.file = file, .err = err};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        s[i] = find_sweep(&r, paths[i]);
    if (r.status)
        return reader_close(&r);
    sight(sights, fabs(s[0].last - s[0].first) < 0.01,
          "linear: alpha_p does not change the probes, %.3f and %.3f", s[0].first, s[0].last);
    sight(sights, s[1].last > s[1].first,
          "ReLU, equal decay: the probes rise with alpha_p from %.3f to %.3f", s[1].first,
          s[1].last);
    sight(sights, s[2].last > s[2].first + 0.01,
          "ReLU, decay in the predictor's steps: the probes rise from %.3f to %.3f", s[2].first,
          s[2].last);
    sight(sights, s[3].last > s[3].first, "and the effective rank from %.2f to %.2f", s[3].first,
          s[3].last);
    sight(sights, s[5].last > s[5].first,
          "and the least eigenvalue of K from %.3f to %.3f; with equal decay it stays below %.3f",
          s[5].first, s[5].last, s[4].largest);
    return reader_close(&r);
}

const struct figure figure_ncp_predictor_rate = {
    .about =
        {.name = "ncp_predictor_rate",
         .doc = "A symmetric predictor without a target network is better the faster it learns. "
                "Views of a latent tree of depth 6 share its latents down to level 3. In a ReLU "
                "network the accuracy of linear probes for these latents falls by training at "
                "alpha_p = 1/4, and rises as much as with EMA or more at alpha_p > 1. The least "
                "eigenvalue of K rises above 0 only if the predictor's weight decay grows with its "
                "rate. Unlike on the paper's images alpha_p = 1 does not fail, and a linear "
                "network gains the same at every alpha_p (lines: means; bands: range of the "
                "seeds, each with a tree of its own).",
         .source = "[NCP] Fig. 6",
         .params = params,
         .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"seeds=1", "points=3", "epochs=6", "eta=0.01", NULL},
    .spec = "paper_figs/ncp/ncp_predictor_rate.yaml",
    .compute = compute,
    .script = "paper_figs/ncp/ncp_predictor_rate.gp",
    .check = check,
};
