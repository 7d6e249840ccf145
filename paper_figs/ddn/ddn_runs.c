#include "paper_figs/ddn/ddn_runs.h"

#include <gsl/gsl_sort_double.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
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

enum { PATH = 128, QUARTILES = 3 };

/* The group of a quantity in the figure's file. */
static void group_of(char out[PATH], const struct ddn_case *of, const char *quantity, int level)
{
    snprintf(out, PATH, "depth_%d_width_%d_polarity_%.1f/%s/level_%d", of->depth, of->width,
             of->low, quantity, level);
}

static void plan(struct run_list *runs, size_t i, const struct ddn_case *of,
                 const struct ddn_settings *settings, size_t seed)
{
    run_list_set(runs, i, "seed=%zu", seed);
    run_list_set(runs, i, "data.depth=%d", of->depth);
    run_list_set(runs, i, "data.polarity=[%.1f, 1.0]", of->low);
    run_list_set(runs, i, "network.width=%d", of->width);
    run_list_set(runs, i, "train.epochs=%lld", (long long)settings->epochs);
    run_list_set(runs, i, "train.samples=%lld", (long long)settings->samples);
}

void ddn_runs_make(struct ddn_runs *runs, const struct figure_job *job,
                   const struct ddn_case *cases, size_t count, struct store *store,
                   struct error *err)
{
    static const double quantiles[] = {0.25, 0.5, 0.75};
    const struct ddn_settings *settings = job->settings;
    const size_t seeds = (size_t)settings->seeds, points = (size_t)settings->epochs + 1;
    *runs = (struct ddn_runs){
        .cases = cases, .seeds = seeds, .points = points, .sheet = {.store = store, .err = err}};
    struct sheet *sheet = &runs->sheet;
    sheet->status = run_list_open(&runs->list, count * seeds, err);
    for (size_t i = 0; i < count * seeds && !sheet->status; i++)
        plan(&runs->list, i, &cases[i / seeds], settings, i % seeds + 1);
    if (!sheet->status)
        sheet->status = figure_runs(job, runs->list.run, count * seeds, err);
    sheet_axis(sheet, "epoch", points, NULL, "epochs of training", "1");
    sheet_seeds(sheet, seeds, "seed of the run");
    sheet_axis(sheet, "quantile", QUARTILES, quantiles, "share of the runs that lie below", "1");
}

enum status ddn_runs_close(struct ddn_runs *runs)
{
    run_list_free(&runs->list);
    return sheet_close(&runs->sheet);
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

static void put_statistics(struct sheet *sheet, const struct ddn_quantity *q, const double *values,
                           size_t points, size_t seeds)
{
    double *sorted = sheet_numbers(sheet, seeds), *mean = sheet_numbers(sheet, points);
    double *sd = sheet_numbers(sheet, points);
    double *quartiles = sheet_numbers(sheet, points * QUARTILES);
    const struct {
        const char *name, *what, *axes;
        const double *values;
    } dataset[] = {{"runs", "", "epoch seed", values},
                   {"mean", ", mean over the seeds", "epoch", mean},
                   {"sd", ", standard deviation over the seeds", "epoch", sd},
                   {"quartiles", ", quartiles over the seeds", "epoch quantile", quartiles}};
    for (size_t t = 0; t < points && !sheet->status; t++) {
        memcpy(sorted, values + t * seeds, seeds * sizeof *sorted);
        gsl_sort(sorted, 1, seeds);
        mean[t] = gsl_stats_mean(sorted, 1, seeds);
        sd[t] = gsl_stats_sd(sorted, 1, seeds);
        for (size_t k = 0; k < QUARTILES; k++)
            quartiles[t * QUARTILES + k] =
                gsl_stats_quantile_from_sorted_data(sorted, 1, seeds, 0.25 * (double)(k + 1));
    }
    for (size_t i = 0; i < sizeof dataset / sizeof *dataset; i++) {
        char long_name[256];
        const char *axes = dataset[i].axes + (q->constant ? strcspn(dataset[i].axes, " ") : 0);
        snprintf(long_name, sizeof long_name, "%s%s", q->long_name, dataset[i].what);
        sheet_put(sheet, dataset[i].name, axes + (*axes == ' '), dataset[i].values, long_name, "1");
    }
}

void ddn_put(struct ddn_runs *runs, size_t of_case, const struct ddn_quantity *q, int level)
{
    const size_t points = q->constant ? 1 : runs->points, seeds = runs->seeds;
    struct sheet *sheet = &runs->sheet;
    char group[PATH];
    double *values = sheet_numbers(sheet, points * seeds);
    for (size_t s = 0; s < seeds && !sheet->status; s++)
        sheet->status = read_run(runs->list.run[of_case * seeds + s].path, q, points, values + s,
                                 seeds, sheet->err);
    group_of(group, &runs->cases[of_case], q->name, level);
    sheet_group(sheet, group);
    put_statistics(sheet, q, values, points, seeds);
}

/* ---- from the figure's file ---- */

/* Entry `column` of the row of an epoch of the dataset at group/name. */
static double read_value(struct reader *r, const char *group, const char *name, int epoch,
                         size_t columns, size_t column)
{
    struct store_array a = {0};
    char path[2 * PATH];
    double value = NAN;
    snprintf(path, sizeof path, "/%s/%s", group, name);
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

double ddn_value(struct reader *r, const struct ddn_case *of, const char *quantity, int level,
                 enum ddn_statistic statistic, int epoch)
{
    char group[PATH];
    group_of(group, of, quantity, level);
    if (statistic == DDN_MEDIAN)
        return read_value(r, group, "quartiles", epoch, QUARTILES, 1);
    return read_value(r, group, statistic == DDN_MEAN ? "mean" : "sd", epoch, 1, 0);
}

/* Length of an axis, at least 1. */
static size_t length_of(struct reader *r, const char *path)
{
    struct store_array a = {0};
    if (!r->status)
        r->status = store_get(r->file, path, &a, r->err);
    const size_t length = !r->status && a.count > 0 ? a.count : 1;
    store_array_free(&a);
    return length;
}

int ddn_last_epoch(struct reader *r)
{
    return (int)length_of(r, "/epoch") - 1;
}

size_t ddn_seeds(struct reader *r)
{
    return length_of(r, "/seed");
}

double ddn_value_of_run(struct reader *r, const struct ddn_case *of, const char *quantity,
                        int level, size_t run, int epoch)
{
    char group[PATH];
    group_of(group, of, quantity, level);
    return read_value(r, group, "runs", epoch, ddn_seeds(r), run);
}

/* ---- the table ---- */

struct quartile_table {
    struct reader reader;
    FILE *out;
};

/* The lines of the quantity whose quartiles these are; "/a/b/c/quartiles" gives three columns. */
static enum status write_quantity(const char *path, void *context, struct error *err)
{
    struct quartile_table *t = context;
    struct store_array a = {0};
    char group[PATH], columns[PATH];
    const char *last = strrchr(path, '/');
    if (strcmp(last, "/quartiles") != 0)
        return STATUS_OK;
    snprintf(group, sizeof group, "%.*s", (int)(last - path) - 1, path + 1);
    memcpy(columns, group, sizeof columns);
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
        fprintf(t->out, "\t%.17g\t%.17g", read_value(&t->reader, group, "mean", (int)i, 1, 0),
                read_value(&t->reader, group, "sd", (int)i, 1, 0));
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
