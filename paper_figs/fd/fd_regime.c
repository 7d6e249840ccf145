/* fd_regime: the noise and the thresholds for which masks decouple features from noise. */
#include "core/extreme.h"
#include "paper_figs/fd/fd_runs.h"
#include "paper_figs/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    int64_t seeds, every, epochs, samples, features, dimension, neurons;
};

static const struct param params[] = {
    INTEGER_SETTING(seeds, "2", 1, 100, "runs of each cell, with seeds 1, 2, ..."),
    INTEGER_SETTING(every, "1", 1, 3, "take every stride-th noise and threshold, from the first"),
    INTEGER_SETTING(epochs, "4", 1, 1e4,
                    "epochs of a run, measured at its end; twice as many with the largest noise"),
    INTEGER_SETTING(samples, "64000", 64, 1e9, "samples per epoch"),
    INTEGER_SETTING(features, "20", 3, 256, "d: features, columns of the dictionary M"),
    INTEGER_SETTING(dimension, "200", 3, 16384, "d_1: inputs"),
    INTEGER_SETTING(neurons, "40", 2, 4096, "m"),
    {0},
};

/* Variance of the noise, and the factor by which steps are shorter and more numerous there. */
struct noise {
    double variance;
    int shorter;
};

static const struct noise all_noises[] = {{0.02, 1}, {0.04, 1}, {0.0865, 1}, {0.17, 2}};
static const double all_thresholds[] = {0, 0.25, 0.5, 0.75, 1};
static const char *const masks[] = {"none", "complementary"};

enum {
    NOISES = sizeof all_noises / sizeof *all_noises,
    THRESHOLDS = sizeof all_thresholds / sizeof *all_thresholds,
    MASKS = sizeof masks / sizeof *masks,
    PLACES = NOISES * THRESHOLDS
};

/* ---- computing ---- */

/* The cells of the map that are run. */
struct grid {
    struct noise noise[NOISES];
    double threshold[THRESHOLDS];
    size_t noises, thresholds, seeds;
};

static struct grid grid_of(const struct settings *s)
{
    struct grid g = {.seeds = (size_t)s->seeds};
    const size_t every = (size_t)s->every;
    for (size_t i = 0; i < NOISES; i += every)
        g.noise[g.noises++] = all_noises[i];
    for (size_t i = 0; i < THRESHOLDS; i += every)
        g.threshold[g.thresholds++] = all_thresholds[i];
    return g;
}

/* Runs are [mask][noise][threshold][seed]. */
static void set_run(struct run_list *runs, size_t i, const struct settings *s, const struct grid *g)
{
    const size_t place = i / g->seeds, map = g->noises * g->thresholds;
    const double threshold = g->threshold[place % g->thresholds];
    const struct noise noise = g->noise[place % map / g->thresholds];
    run_list_set(runs, i, "data.mask=%s", masks[place / map]);
    run_list_set(runs, i, "data.noise=%g", noise.variance);
    run_list_set(runs, i, "optimiser.lr=%g", 0.5 / noise.shorter);
    run_list_set(runs, i, "network.bias_start=%g", threshold);
    run_list_set(runs, i, "network.bias_cap=%g", threshold);
    run_list_set(runs, i, "seed=%zu", i % g->seeds + 1);
    run_list_set(runs, i, "data.features=%lld", (long long)s->features);
    run_list_set(runs, i, "data.dimension=%lld", (long long)s->dimension);
    run_list_set(runs, i, "network.neurons=%lld", (long long)s->neurons);
    run_list_set(runs, i, "train.epochs=%lld", (long long)(s->epochs * noise.shorter));
    run_list_set(runs, i, "train.samples=%lld", (long long)s->samples);
}

/* A quantity of one kind of mask, mean over the seeds that did not diverge. */
static void put_map(struct sheet *sheet, const struct grid *g, const struct figure_run *run,
                    const char *name, const char *long_name, double map[PLACES])
{
    char series[64];
    snprintf(series, sizeof series, "/series/features/%s", name);
    for (size_t place = 0; place < g->noises * g->thresholds; place++) {
        double sum = 0, count = 0, first, value;
        for (size_t i = 0; i < g->seeds; i++) {
            run_ends(sheet, run[place * g->seeds + i].path, series, &first, &value);
            if (!isnan(value)) {
                sum += value;
                count++;
            }
        }
        map[place] = count > 0 ? sum / count : NAN;
    }
    sheet_put(sheet, name, "noise threshold", map, long_name, "1");
}

static void put_all(struct sheet *sheet, const struct grid *g, const struct figure_run *run)
{
    double noise[NOISES];
    for (size_t i = 0; i < g->noises; i++)
        noise[i] = g->noise[i].variance;
    sheet_axis(sheet, "noise", g->noises, noise, "variance of the noise, sigma_xi^2", "1");
    sheet_axis(sheet, "threshold", g->thresholds, g->threshold, "b_i / |w_i| after the warm-up",
               "1");
    double learned[PLACES], readout[MASKS][PLACES], gap[PLACES];
    for (size_t m = 0; m < MASKS && !sheet->status; m++) {
        const struct figure_run *of_mask = run + m * g->noises * g->thresholds * g->seeds;
        sheet_group(sheet, masks[m]);
        put_map(sheet, g, of_mask, "learned", "share of the features that have a neuron", learned);
        put_map(sheet, g, of_mask, "readout",
                "accuracy of a readout, scaled from chance (0) to the oracle (1)", readout[m]);
    }
    if (sheet->status)
        return;
    for (size_t i = 0; i < g->noises * g->thresholds; i++)
        gap[i] = readout[1][i] - readout[0][i];
    sheet_group(sheet, "");
    sheet_put(sheet, "gap", "noise threshold", gap, "readout with masks minus without", "1");
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    const struct settings *s = job->settings;
    const struct grid g = grid_of(s);
    struct run_list runs;
    struct sheet sheet = {.store = store, .err = err};
    sheet.status = run_list_open(&runs, MASKS * g.noises * g.thresholds * g.seeds, err);
    for (size_t i = 0; i < runs.count && !sheet.status; i++)
        set_run(&runs, i, s, &g);
    if (!sheet.status)
        sheet.status = figure_runs(job, runs.run, runs.count, err);
    if (!sheet.status)
        put_all(&sheet, &g, runs.run);
    run_list_free(&runs);
    return sheet_close(&sheet);
}

/* ---- checks ---- */

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    const struct store_array noise = reader_get(&r, 0, 0, "/noise");
    const struct store_array threshold = reader_get(&r, 0, 0, "/threshold");
    const struct store_array without =
        reader_get(&r, noise.count, threshold.count, "/none/learned");
    const struct store_array with =
        reader_get(&r, noise.count, threshold.count, "/complementary/learned");
    if (r.status)
        return reader_close(&r);
    size_t widest = 0;
    double unbiased = 0;
    for (size_t i = 0; i < with.count; i++) {
        if (with.values[i] - without.values[i] > with.values[widest] - without.values[widest])
            widest = i;
        if (threshold.values[i % threshold.count] == 0)
            unbiased = larger(unbiased, larger(with.values[i], without.values[i]));
    }
    sight(sights, with.values[widest] - without.values[widest] > 0.5,
          "at sigma_xi^2 = %.3g and b / |w| = %.2g %.2f of the features are learned with masks, "
          "%.2f without",
          noise.values[widest / threshold.count], threshold.values[widest % threshold.count],
          with.values[widest], without.values[widest]);
    sight(sights, unbiased < 0.5, "without thresholds no training learns more than %.2f of them",
          unbiased);
    return reader_close(&r);
}

const struct figure figure_fd_regime = {
    .about = {.name = "fd_regime",
              .doc =
                  "Regime in which masks decouple sparse features from dense noise: share of the "
                  "features that have a neuron, without and with complementary masks, and gain "
                  "by masks in the accuracy of a linear readout, scaled from chance (0) to the "
                  "oracle (1), over the variance of the noise and a constant threshold b / |w|. "
                  "The theory's values are 0.0865 and 0.55 at d = 20.",
              .source = "[FD], FD-2 and FD-3",
              .params = params,
              .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"seeds=1", "every=2", "features=10", "dimension=100",
                                   "neurons=20", "samples=24000", NULL},
    .spec = "specs/fd-regime.yaml",
    .compute = compute,
    .script = "paper_figs/fd/fd_regime.gp",
    .check = check,
};
