#include "paper_figs/ddn/ddn_runs.h"

#include <gsl/gsl_sort_double.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(field) .name = #field, .offset = offsetof(struct ddn_settings, field)
#define SEEDS                                                                                      \
    FIELD(seeds), .type = PARAM_INTEGER, .low = 2, .high = 1000,                                   \
                  .doc = "runs of a setting, with seeds 1, 2, ... of the tree, the weights and "   \
                         "the samples"
#define EPOCHS                                                                                     \
    FIELD(epochs), .type = PARAM_INTEGER, .fallback = "20", .low = 2, .high = 10000,               \
                   .doc = "epochs of training"
#define SAMPLES                                                                                    \
    FIELD(samples), .type = PARAM_INTEGER, .fallback = "64000", .low = 1000, .high = 1e9,          \
                    .doc = "samples per epoch"

const struct param ddn_params_5[] = {{SEEDS, .fallback = "5"}, {EPOCHS}, {SAMPLES}, {0}};
const struct param ddn_params_10[] = {{SEEDS, .fallback = "10"}, {EPOCHS}, {SAMPLES}, {0}};

/* ---- runs ---- */

enum { OVERRIDES = 6, TEXT = 64, PATH = 128, QUARTILES = 3 };

static const char *path_of(char out[PATH], const struct ddn_case *of, const char *quantity,
                           int level, const char *dataset)
{
    snprintf(out, PATH, "/depth_%d_width_%d_polarity_%.1f/%s/level_%d/%s", of->depth, of->width,
             of->low, quantity, level, dataset);
    return out;
}

static void set_overrides(struct figure_run *run, char (*text)[TEXT], const struct ddn_case *of,
                          const struct ddn_settings *settings, size_t seed)
{
    snprintf(text[0], TEXT, "seed=%zu", seed);
    snprintf(text[1], TEXT, "data.depth=%d", of->depth);
    snprintf(text[2], TEXT, "data.polarity=[%.1f, 1.0]", of->low);
    snprintf(text[3], TEXT, "network.width=%d", of->width);
    snprintf(text[4], TEXT, "train.epochs=%lld", (long long)settings->epochs);
    snprintf(text[5], TEXT, "train.samples=%lld", (long long)settings->samples);
    for (size_t i = 0; i < OVERRIDES; i++)
        run->overrides[i] = text[i];
}

static enum status put_axes(struct store *store, const struct ddn_runs *runs, struct error *err)
{
    const double quantiles[] = {0.25, 0.5, 0.75};
    double *seed = calloc(runs->seeds, sizeof *seed);
    if (!seed)
        return error_memory(err, "%zu seeds", runs->seeds);
    for (size_t i = 0; i < runs->seeds; i++)
        seed[i] = (double)(i + 1);
    enum status status =
        store_put_axis(store, "/epoch", runs->points, NULL, "epochs of training", "1", err);
    if (!status)
        status = store_put_axis(store, "/seed", runs->seeds, seed, "seed of the run", "1", err);
    if (!status)
        status = store_put_axis(store, "/quantile", QUARTILES, quantiles,
                                "share of the runs that lie below", "1", err);
    free(seed);
    return status;
}

enum status ddn_runs_make(struct ddn_runs *runs, const struct figure_job *job,
                          const struct ddn_case *cases, size_t count, struct store *store,
                          struct error *err)
{
    const struct ddn_settings *settings = job->settings;
    const size_t seeds = (size_t)settings->seeds;
    *runs = (struct ddn_runs){.cases = cases,
                              .count = count,
                              .seeds = seeds,
                              .points = (size_t)settings->epochs + 1,
                              .run = calloc(count * seeds, sizeof *runs->run),
                              .text = calloc(count * seeds * OVERRIDES, sizeof *runs->text)};
    if (!runs->run || !runs->text)
        return error_memory(err, "%zu runs", count * seeds);
    for (size_t i = 0; i < count * seeds; i++)
        set_overrides(&runs->run[i], runs->text + i * OVERRIDES, &cases[i / seeds], settings,
                      i % seeds + 1);
    enum status status = figure_runs(job, runs->run, count * seeds, err);
    return status ? status : put_axes(store, runs, err);
}

void ddn_runs_free(struct ddn_runs *runs)
{
    free(runs->run);
    free(runs->text);
}

/* ---- from runs to statistics ---- */

/* Read the quantity of one run into value[point * stride]. */
static enum status read_run(const char *path, const struct ddn_quantity *q, size_t points,
                            double *value, size_t stride, struct error *err)
{
    struct store_file *file = NULL;
    struct store_array a = {0};
    enum status status = store_open(&file, path, err);
    if (!status)
        status = store_get(file, q->dataset, &a, err);
    const size_t nodes = a.count / (points * q->size);
    if (!status && (nodes == 0 || nodes * points * q->size != a.count))
        status = error_set(err, STATUS_INVALID,
                           "%s: %s has %zu values, which are not %zu epochs of %zu: the run has "
                           "diverged",
                           path, q->dataset, a.count, points, q->size);
    for (size_t t = 0; t < points && !status; t++) {
        double sum = 0;
        for (size_t i = 0; i < nodes; i++)
            sum += a.values[(t * nodes + i) * q->size + q->column];
        value[t * stride] = sum / (double)nodes;
    }
    store_array_free(&a);
    store_close(file);
    return status;
}

/* The statistics of a quantity, one value or row per point. */
struct statistics {
    size_t points, seeds;
    double *runs, *sorted; /* [seed] */
    double *mean, *sd, *quartiles;
};

static enum status open_statistics(struct statistics *s, size_t points, size_t seeds,
                                   struct error *err)
{
    *s = (struct statistics){.points = points, .seeds = seeds};
    s->runs = calloc(points * (2 * seeds + 2 + QUARTILES), sizeof *s->runs);
    if (!s->runs)
        return error_memory(err, "%zu runs", seeds);
    s->sorted = s->runs + points * seeds;
    s->mean = s->sorted + points * seeds;
    s->sd = s->mean + points;
    s->quartiles = s->sd + points;
    return STATUS_OK;
}

static void compute_statistics(struct statistics *s)
{
    memcpy(s->sorted, s->runs, s->points * s->seeds * sizeof *s->runs);
    for (size_t t = 0; t < s->points; t++) {
        double *value = s->sorted + t * s->seeds;
        gsl_sort(value, 1, s->seeds);
        s->mean[t] = gsl_stats_mean(value, 1, s->seeds);
        s->sd[t] = gsl_stats_sd(value, 1, s->seeds);
        for (int k = 0; k < QUARTILES; k++)
            s->quartiles[t * QUARTILES + (size_t)k] =
                gsl_stats_quantile_from_sorted_data(value, 1, s->seeds, 0.25 * (k + 1));
    }
}

static enum status put_statistics(struct store *store, const struct statistics *s,
                                  const struct ddn_case *of, const struct ddn_quantity *q,
                                  int level, struct error *err)
{
    const struct {
        const char *name, *what, *axis; /* axis beside the epochs */
        size_t size;
        const double *values;
    } dataset[] = {
        {"runs", "", "/seed", s->seeds, s->runs},
        {"mean", ", mean over the seeds", NULL, 1, s->mean},
        {"sd", ", standard deviation over the seeds", NULL, 1, s->sd},
        {"quartiles", ", quartiles over the seeds", "/quantile", QUARTILES, s->quartiles}};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof dataset / sizeof *dataset && !status; i++) {
        char path[PATH], long_name[256];
        const size_t shape[] = {s->points, dataset[i].size};
        const char *const axes[] = {"/epoch", dataset[i].axis};
        snprintf(long_name, sizeof long_name, "%s%s", q->long_name, dataset[i].what);
        status = store_put(store, path_of(path, of, q->name, level, dataset[i].name),
                           (q->constant ? 0 : 1) + (dataset[i].axis ? 1 : 0), shape + q->constant,
                           axes + q->constant, dataset[i].values, long_name, "1", err);
    }
    return status;
}

enum status ddn_put(struct store *store, const struct ddn_runs *runs, size_t of_case,
                    const struct ddn_quantity *q, int level, struct error *err)
{
    const size_t points = q->constant ? 1 : runs->points, seeds = runs->seeds;
    struct statistics statistics;
    enum status status = open_statistics(&statistics, points, seeds, err);
    for (size_t s = 0; s < seeds && !status; s++)
        status = read_run(runs->run[of_case * seeds + s].path, q, points, statistics.runs + s,
                          seeds, err);
    if (!status) {
        compute_statistics(&statistics);
        status = put_statistics(store, &statistics, &runs->cases[of_case], q, level, err);
    }
    free(statistics.runs);
    return status;
}

/* ---- from the figure's file ---- */

/* Entry `column` of the row of an epoch. */
static double read_value(struct ddn_reader *r, const char *path, int epoch, size_t columns,
                         size_t column)
{
    struct store_array a = {0};
    double value = NAN;
    if (!r->status)
        r->status = store_get(r->file, path, &a, r->err);
    const size_t points = a.count / columns, point = epoch < 0 ? points - 1 : (size_t)epoch;
    if (!r->status && point < points)
        value = a.values[point * columns + column];
    else if (!r->status)
        r->status = error_set(r->err, STATUS_INVALID, "%s has no epoch %d", path, epoch);
    store_array_free(&a);
    return value;
}

double ddn_value(struct ddn_reader *r, const struct ddn_case *of, const char *quantity, int level,
                 enum ddn_statistic statistic, int epoch)
{
    char path[PATH];
    if (statistic < DDN_QUARTILE_1)
        return read_value(r,
                          path_of(path, of, quantity, level, statistic == DDN_MEAN ? "mean" : "sd"),
                          epoch, 1, 0);
    return read_value(r, path_of(path, of, quantity, level, "quartiles"), epoch, QUARTILES,
                      (size_t)(statistic - DDN_QUARTILE_1));
}

/* Length of an axis, at least 1. */
static size_t length_of(struct ddn_reader *r, const char *path)
{
    struct store_array a = {0};
    if (!r->status)
        r->status = store_get(r->file, path, &a, r->err);
    const size_t length = !r->status && a.count > 0 ? a.count : 1;
    store_array_free(&a);
    return length;
}

int ddn_last_epoch(struct ddn_reader *r)
{
    return (int)length_of(r, "/epoch") - 1;
}

size_t ddn_seeds(struct ddn_reader *r)
{
    return length_of(r, "/seed");
}

double ddn_value_of_run(struct ddn_reader *r, const struct ddn_case *of, const char *quantity,
                        int level, size_t run, int epoch)
{
    char path[PATH];
    return read_value(r, path_of(path, of, quantity, level, "runs"), epoch, ddn_seeds(r), run);
}

/* ---- the table ---- */

struct quartile_table {
    struct ddn_reader reader;
    FILE *out;
};

/* The lines of the quantity whose quartiles these are; "/a/b/c/quartiles" gives three columns. */
static enum status write_quantity(const char *path, void *context, struct error *err)
{
    struct quartile_table *t = context;
    struct store_array a = {0};
    char columns[PATH], sibling[PATH + 8];
    const char *last = strrchr(path, '/');
    if (strcmp(last, "/quartiles") != 0)
        return STATUS_OK;
    const int length = (int)(last - path);
    snprintf(columns, sizeof columns, "%.*s", length - 1, path + 1);
    for (char *c = columns; *c; c++)
        *c = *c == '/' ? '\t' : *c;
    t->reader.status = store_get(t->reader.file, path, &a, err);
    for (size_t i = 0; i < a.count / QUARTILES && !t->reader.status; i++) {
        const double *quartile = a.values + i * QUARTILES;
        fprintf(t->out, "%s\t", columns);
        if (a.rank == 2)
            fprintf(t->out, "%zu", i);
        else
            putc('-', t->out);
        for (int k = 0; k < 2; k++) {
            snprintf(sibling, sizeof sibling, "%.*s/%s", length, path, k == 0 ? "mean" : "sd");
            fprintf(t->out, "\t%.17g", read_value(&t->reader, sibling, (int)i, 1, 0));
        }
        fprintf(t->out, "\t%.17g\t%.17g\t%.17g\n", quartile[0], quartile[1], quartile[2]);
    }
    store_array_free(&a);
    return t->reader.status;
}

enum status ddn_write_statistics(const struct store_file *file, FILE *out, struct error *err)
{
    struct quartile_table table = {.reader = {.file = file, .err = err}, .out = out};
    fprintf(out, "setting\tquantity\tlevel\tepoch\tmean\tsd\tquartile_1\tmedian\tquartile_3\n");
    return store_visit(file, "/", write_quantity, &table, err);
}
