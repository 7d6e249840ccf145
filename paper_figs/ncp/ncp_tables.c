/* ncp_tables: ablations of learning without negatives. */
#include "paper_figs/figures.h"
#include "paper_figs/kit/run_list.h"

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

/* The runs [seed][case], and their last values [case][seed]. */
struct ablations {
    struct spec spec;
    struct grid grid;
    size_t cases, seeds;
    struct figure_run *run;
    const char **name; /* [case] */
    char epochs[40];
    struct sheet sheet;
};

static void plan(struct ablations *a, const struct figure_job *job)
{
    const struct settings *s = job->settings;
    struct sheet *sheet = &a->sheet;
    char path[RUN_PATH], seed[40];
    const char *const arguments[] = {seed};
    a->seeds = (size_t)s->seeds;
    snprintf(a->epochs, sizeof a->epochs, "train.epochs=%lld", (long long)s->epochs);
    snprintf(seed, sizeof seed, "seed=1:%lld:1", (long long)s->seeds);
    sheet->status = find_shared_file(job->spec, path, sheet->err);
    if (!sheet->status)
        sheet->status = spec_load(&a->spec, path, NULL, 0, sheet->err);
    if (!sheet->status)
        sheet->status = grid_make(&a->grid, &a->spec, arguments, 1, NULL, 0, sheet->err);
    a->cases = a->grid.points / a->seeds;
    a->run = sheet_room(sheet, a->grid.points, sizeof *a->run);
    a->name = sheet_room(sheet, a->cases, sizeof *a->name);
    for (size_t i = 0; i < a->grid.points && !sheet->status; i++)
        a->run[i].overrides[grid_overrides(&a->grid, i, a->run[i].overrides)] = a->epochs;
    for (size_t i = 0; i < a->cases && !sheet->status; i++)
        a->name[i] = grid_label(&a->grid, i, a->grid.columns - 1);
}

/* ---- storing ---- */

static void put_axes(struct ablations *a)
{
    static const double side[] = {-1, 0, 1};
    struct sheet *sheet = &a->sheet;
    double *top_1 = sheet_numbers(sheet, a->cases);
    for (size_t i = 0; i < a->cases && top_1; i++)
        top_1[i] = reported_of(a->name[i]);
    sheet_words(sheet, "ablations", a->name, a->cases);
    sheet_axis(sheet, "ablation", a->cases, NULL, "ablation, in the order of the attribute", "1");
    sheet_axis(sheet, "seed", a->seeds, NULL, "run, from seed 1 on", "1");
    sheet_axis(sheet, "interval", 3, side, "low end, mean, high end of the 95% interval", "1");
    sheet_put(sheet, "stl_10", "ablation", top_1, "Top-1 accuracy on STL-10 that the paper reports",
              "%");
}

static void put_measure(struct ablations *a, size_t m, gsl_rng *rng)
{
    struct sheet *sheet = &a->sheet;
    double *value = sheet_numbers(sheet, a->grid.points), first;
    double *interval = sheet_numbers(sheet, 3 * a->cases);
    for (size_t i = 0; i < a->grid.points && !sheet->status; i++) {
        double *last = &value[i % a->cases * a->seeds + i / a->cases];
        run_ends(sheet, a->run[i].path, measures[m].path, &first, last);
        *last = isnan(*last) ? measures[m].constant : *last;
    }
    for (size_t i = 0; i < a->cases && !sheet->status; i++) {
        const struct interval b = mean_interval(value + i * a->seeds, a->seeds, 0.95, rng);
        memcpy(interval + 3 * i, (double[]){b.low, b.mean, b.high}, 3 * sizeof *interval);
    }
    sheet_group(sheet, measures[m].name);
    sheet_put(sheet, "runs", "ablation seed", value, measures[m].long_name, "1");
    sheet_put(sheet, "interval", "ablation interval", interval, measures[m].long_name, "1");
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    struct ablations a = {.sheet = {.store = store, .err = err}};
    gsl_rng *rng = stream_rng_alloc(1, PURPOSE_CLAIM, 0, 0);
    plan(&a, job);
    if (!a.sheet.status && !rng)
        a.sheet.status = error_memory(err, "a table");
    if (!a.sheet.status)
        a.sheet.status = figure_runs(job, a.run, a.grid.points, err);
    put_axes(&a);
    for (size_t m = 0; m < MEASURES; m++)
        put_measure(&a, m, rng);
    if (rng)
        gsl_rng_free(rng);
    grid_free(&a.grid);
    spec_free(&a.spec);
    return sheet_close(&a.sheet);
}

/* ---- checks ---- */

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
        const size_t better = 3 * word_place(names, pairs[i].better) + 1;
        const size_t worse = 3 * word_place(names, pairs[i].worse) + 1;
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
