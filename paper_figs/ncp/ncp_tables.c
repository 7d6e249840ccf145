/* ncp_tables: ablations of learning without negatives. */
#include "paper_figs/figure_runs.h"
#include "paper_figs/figures.h"

#include "analysis/statistics.h"
#include "core/random.h"
#include "harness/report/gnuplot.h"
#include "harness/spec/grid.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    int64_t seeds, epochs;
};

static const struct param params[] = {
    INTEGER_SETTING(seeds, "10", 2, 1000,
                    "runs of each ablation, with trees and first weights of their own"),
    INTEGER_SETTING(epochs, "10", 1, 1000, "of 200 steps"),
    {0},
};

/* Top-1 accuracy on STL-10 after 100 epochs, in per cent: [NCP] Tables 1, 3, 5, 6 and 7. */
static const struct {
    const char *name;
    double top_1;
} reported[] = {
    {"gradient", 74.51},    {"gradient_no_ema", 72.85},  {"gradient_no_decay", 70.62},
    {"symmetric", 75.09},   {"symmetric_no_ema", 36.62}, {"direct_pred", 77.86},
    {"epsilon_0", 76.77},   {"epsilon_0.01", 77.11},     {"epsilon_0.5", 75.06},
    {"offset_0.1", 46.57},  {"offset_0.05", 65.31},      {"offset_-0.05", 77.11},
    {"offset_-0.1", 76.46}, {"optimal", 40.67},
};

static double reported_of(const char *name)
{
    for (size_t i = 0; i < sizeof reported / sizeof *reported; i++)
        if (strcmp(reported[i].name, name) == 0)
            return reported[i].top_1;
    return NAN;
}

/* ---- the runs ---- */

enum { MEASURES = 2 };

static const struct {
    const char *path, *name, *long_name;
    double constant; /* of a constant output: the value that a diverged run counts as */
} measures[MEASURES] = {
    {"/series/probe/mean", "accuracy", "accuracy of the linear probes", 0.5},
    {"/series/predictor/effective_rank", "effective_rank", "effective rank of E[f f^T]", 1},
};

struct pattern_tables {
    struct spec spec;
    struct grid grid; /* run seed * cases + case */
    size_t cases, seeds;
    struct figure_run *run;
    double *value[MEASURES]; /* [case][seed] */
    char epochs[40], seed[40];
};

static enum status tables_open(struct pattern_tables *t, const struct figure_job *job,
                               struct error *err)
{
    const struct settings *s = job->settings;
    char path[RUN_PATH];
    const char *const arguments[] = {t->seed};
    *t = (struct pattern_tables){.seeds = (size_t)s->seeds};
    snprintf(t->epochs, sizeof t->epochs, "train.epochs=%lld", (long long)s->epochs);
    snprintf(t->seed, sizeof t->seed, "seed=1:%lld:1", (long long)s->seeds);
    enum status status = find_shared_file(job->spec, path, err);
    if (!status)
        status = spec_load(&t->spec, path, NULL, 0, err);
    if (!status)
        status = grid_make(&t->grid, &t->spec, arguments, 1, NULL, 0, err);
    if (status)
        return status;
    t->cases = t->grid.points / t->seeds;
    t->run = calloc(t->grid.points, sizeof *t->run);
    for (size_t m = 0; m < MEASURES; m++)
        t->value[m] = calloc(t->grid.points, sizeof(double));
    if (!t->run || !t->value[0] || !t->value[1])
        return error_memory(err, "%zu runs", t->grid.points);
    for (size_t i = 0; i < t->grid.points; i++)
        t->run[i].overrides[grid_overrides(&t->grid, i, t->run[i].overrides)] = t->epochs;
    return STATUS_OK;
}

static void tables_free(struct pattern_tables *t)
{
    for (size_t m = 0; m < MEASURES; m++)
        free(t->value[m]);
    free(t->run);
    grid_free(&t->grid);
    spec_free(&t->spec);
}

/* The last value of each measure of a run. */
static enum status read_run(struct pattern_tables *t, size_t point, struct error *err)
{
    const size_t at = point % t->cases * t->seeds + point / t->cases;
    struct store_file *file;
    char *ended = NULL;
    enum status status = store_open(&file, t->run[point].path, err);
    if (status)
        return status;
    status = store_get_text(file, "status", &ended, err);
    const bool complete = ended && strcmp(ended, "complete") == 0;
    for (size_t m = 0; m < MEASURES && !status; m++) {
        struct store_array series = {0};
        t->value[m][at] = measures[m].constant;
        if (complete)
            status = store_get(file, measures[m].path, &series, err);
        if (series.count > 0)
            t->value[m][at] = series.values[series.count - 1];
        store_array_free(&series);
    }
    free(ended);
    store_close(file);
    return status;
}

/* ---- storing ---- */

static const char *case_name(const struct pattern_tables *t, size_t i)
{
    return grid_label(&t->grid, i, t->grid.columns - 1);
}

/* Names of the ablations, in order, as one text. */
static enum status put_names(const struct pattern_tables *t, struct store *store, struct error *err)
{
    char names[4096] = "";
    for (size_t i = 0, used = 0; i < t->cases && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? " " : "",
                                 case_name(t, i));
    return store_put_text(store, "ablations", names, err);
}

static enum status put_axes(const struct pattern_tables *t, struct store *store, struct error *err)
{
    static const double side[] = {-1, 0, 1};
    enum status status = store_put_axis(store, "/ablation", t->cases, NULL,
                                        "ablation, in the order of the attribute", "1", err);
    if (!status)
        status = store_put_axis(store, "/seed", t->seeds, NULL, "run, from seed 1 on", "1", err);
    return status
               ? status
               : store_put_axis(store, "/interval", 3, side,
                                "low end, mean, high end of the 95% bootstrap interval", "1", err);
}

static enum status put_measure(const struct pattern_tables *t, size_t m, struct store *store,
                               gsl_rng *rng, struct error *err)
{
    const size_t runs[] = {t->cases, t->seeds}, ends[] = {t->cases, 3};
    const char *const run_axes[] = {"/ablation", "/seed"};
    const char *const end_axes[] = {"/ablation", "/interval"};
    char path[64];
    double *interval = malloc(3 * t->cases * sizeof *interval);
    if (!interval)
        return error_memory(err, "a table");
    for (size_t i = 0; i < t->cases; i++) {
        const struct interval b = bootstrap_mean(t->value[m] + i * t->seeds, t->seeds, rng);
        memcpy(interval + 3 * i, (double[]){b.low, b.mean, b.high}, 3 * sizeof *interval);
    }
    snprintf(path, sizeof path, "/%s/runs", measures[m].name);
    enum status status =
        store_put(store, path, 2, runs, run_axes, t->value[m], measures[m].long_name, "1", err);
    snprintf(path, sizeof path, "/%s/interval", measures[m].name);
    if (!status)
        status =
            store_put(store, path, 2, ends, end_axes, interval, measures[m].long_name, "1", err);
    free(interval);
    return status;
}

static enum status put_reported(const struct pattern_tables *t, struct store *store,
                                struct error *err)
{
    const char *const axes[] = {"/ablation"};
    double *top_1 = malloc(t->cases * sizeof *top_1);
    if (!top_1)
        return error_memory(err, "a table");
    for (size_t i = 0; i < t->cases; i++)
        top_1[i] = reported_of(case_name(t, i));
    enum status status = store_put(store, "/stl_10", 1, &t->cases, axes, top_1,
                                   "Top-1 accuracy on STL-10 that the paper reports", "%", err);
    free(top_1);
    return status;
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    struct pattern_tables t;
    gsl_rng *rng = stream_rng_alloc(1, PURPOSE_CLAIM, 0, 0);
    enum status status = tables_open(&t, job, err);
    if (!status && !rng)
        status = error_memory(err, "a table");
    if (!status)
        status = figure_runs(job, t.run, t.grid.points, err);
    for (size_t i = 0; i < t.grid.points && !status; i++)
        status = read_run(&t, i, err);
    if (!status)
        status = put_names(&t, store, err);
    if (!status)
        status = put_axes(&t, store, err);
    for (size_t m = 0; m < MEASURES && !status; m++)
        status = put_measure(&t, m, store, rng, err);
    if (!status)
        status = put_reported(&t, store, err);
    if (rng)
        gsl_rng_free(rng);
    tables_free(&t);
    return status;
}

/* ---- checks ---- */

/* The place of an ablation in the attribute. */
static size_t place_of(const char *names, const char *name)
{
    size_t place = 0, length = strlen(name);
    for (const char *word = names; *word; place++) {
        const size_t size = strcspn(word, " ");
        if (size == length && strncmp(word, name, length) == 0)
            return place;
        word += size + (word[size] == ' ');
    }
    return place;
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    static const struct {
        const char *what, *better, *worse;
        double least;
    } pairs[] = {
        {"a target that follows slowly", "gradient", "gradient_no_ema", 0.05},
        {"... with a symmetric predictor", "symmetric", "symmetric_no_ema", 0.1},
        {"without it a ten times faster predictor", "symmetric_no_ema_alpha_10", "symmetric_no_ema",
         0.1},
        {"c = 0 instead of 0.1", "epsilon_0", "offset_0.1", 0.03},
        {"a trained predictor instead of the printed optimum", "gradient", "optimal", 0.3},
    };
    struct store_array a = {0};
    char *names = NULL;
    enum status status = store_get_text(file, "ablations", &names, err);
    if (!status)
        status = store_get(file, "/accuracy/interval", &a, err);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs && !status; i++) {
        const size_t better = 3 * place_of(names, pairs[i].better) + 1;
        const size_t worse = 3 * place_of(names, pairs[i].worse) + 1;
        const double gain =
            better < a.count && worse < a.count ? a.values[better] - a.values[worse] : NAN;
        sight(sights, gain > pairs[i].least, "%s raises the probes by %.3f", pairs[i].what, gain);
    }
    store_array_free(&a);
    free(names);
    return status;
}

const struct figure figure_ncp_tables = {
    .about = {.name = "ncp_tables",
              .doc =
                  "Ablations of learning without negatives on the latent tree: accuracy of linear "
                  "probes of the latents that a view keeps (chance is 1/2) and effective rank "
                  "of the outputs, means with 95% intervals over seeds; beside them, if the "
                  "paper has the same ablation, its Top-1 accuracy on STL-10. A "
                  "diverged run counts as a constant output. docs/ncp-13.md discusses them.",
              .source = "[NCP] Tables 1, 3, 5, 6, 7, on other data",
              .params = params,
              .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"seeds=2", "epochs=2", NULL},
    .spec = "specs/ncp-13-sweep.yaml",
    .compute = compute,
    .script = "paper_figs/ncp/ncp_tables.gp",
    .check = check,
};
