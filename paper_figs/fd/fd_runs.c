#include "paper_figs/fd/fd_runs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(field) .name = #field, .offset = offsetof(struct fd_settings_of_figure, field)

const struct param fd_figure_params[] = {
    {FIELD(seeds), .type = PARAM_INTEGER, .fallback = "5", .low = 1, .high = 1000,
     .doc = "runs of each kind of mask, with seeds 1, 2, ..."},
    {FIELD(epochs), .type = PARAM_INTEGER, .fallback = "6", .low = 1, .high = 1e4,
     .doc = "epochs of a run, measured after each"},
    {FIELD(samples), .type = PARAM_INTEGER, .fallback = "64000", .low = 64, .high = 1e9,
     .doc = "samples per epoch"},
    {FIELD(features), .type = PARAM_INTEGER, .fallback = "20", .low = 8, .high = 256,
     .doc = "d: features, columns of the dictionary M"},
    {FIELD(dimension), .type = PARAM_INTEGER, .fallback = "200", .low = 16, .high = 16384,
     .doc = "d_1: inputs"},
    {FIELD(neurons), .type = PARAM_INTEGER, .fallback = "40", .low = 2, .high = 4096, .doc = "m"},
    {0},
};

size_t fd_seeds(const struct fd_settings_of_figure *s)
{
    return s->seeds > 0 ? (size_t)s->seeds : 1;
}

/* Measurements of a run: before training and after each epoch. */
static size_t points_of(const struct fd_settings_of_figure *s)
{
    return s->epochs > 0 ? (size_t)s->epochs + 1 : 1;
}

static void set_run(struct run_list *runs, size_t i, const struct fd_settings_of_figure *s,
                    const char *mask, size_t seed)
{
    const double d = (double)s->features;
    run_list_set(runs, i, "data.mask=%s", mask);
    run_list_set(runs, i, "seed=%zu", seed);
    run_list_set(runs, i, "data.features=%lld", (long long)s->features);
    run_list_set(runs, i, "data.dimension=%lld", (long long)s->dimension);
    run_list_set(runs, i, "network.neurons=%lld", (long long)s->neurons);
    run_list_set(runs, i, "network.bias_cap=%.3g", 1.1 * sqrt(2 * log(d) / d));
    run_list_set(runs, i, "train.epochs=%lld", (long long)s->epochs);
    run_list_set(runs, i, "train.samples=%lld", (long long)s->samples);
}

enum status fd_runs_make(struct run_list *runs, const struct figure_job *job,
                         const char *const *masks, size_t mask_count, struct error *err)
{
    const struct fd_settings_of_figure *s = job->settings;
    const size_t seeds = fd_seeds(s);
    enum status status = run_list_open(runs, mask_count * seeds, err);
    for (size_t i = 0; i < runs->count && !status; i++)
        set_run(runs, i, s, masks[i / seeds], i % seeds + 1);
    return status ? status : figure_runs(job, runs->run, runs->count, err);
}

static void put_axes(struct sheet *sheet, const struct fd_settings_of_figure *s)
{
    const size_t points = points_of(s), seeds = fd_seeds(s);
    double *values = calloc(points + seeds, sizeof *values);
    if (!values) {
        sheet->status = error_memory(sheet->err, "runs");
        return;
    }
    sheet_axis(sheet, "epoch", points, NULL, "epochs of training", "1");
    for (size_t t = 0; t < points; t++)
        values[t] = (double)t * floor((double)s->samples / 64);
    sheet_put(sheet, "steps", "epoch", values, "steps of training, of 64 samples", "1");
    for (size_t i = 0; i < seeds; i++)
        values[i] = (double)(i + 1);
    sheet_axis(sheet, "seed", seeds, values, "seed", "1");
    free(values);
}

/* of one seed's run: column[epoch][seed] */
static enum status read_run(const char *path, const char *name, size_t points, size_t seeds,
                            double *column, struct error *err)
{
    struct store_file *file;
    char series[96];
    double *values = calloc(points, sizeof *values);
    enum status status = values ? store_open(&file, path, err) : error_memory(err, "runs");
    if (!status) {
        snprintf(series, sizeof series, "/series/%s", name);
        status = run_series(file, series, points, 1, values, err);
        store_close(file);
    }
    for (size_t t = 0; t < points && !status; t++)
        column[t * seeds] = values[t];
    free(values);
    return status;
}

static void put_series(struct sheet *sheet, const struct fd_settings_of_figure *s,
                       const struct figure_run *run_of_seed, const char *name,
                       const char *long_name)
{
    const size_t points = points_of(s), seeds = fd_seeds(s);
    const char *last = strrchr(name, '/');
    double *values = calloc(points * seeds, sizeof *values);
    if (!values)
        sheet->status = error_memory(sheet->err, "runs");
    for (size_t i = 0; i < seeds && !sheet->status; i++)
        sheet->status = read_run(run_of_seed[i].path, name, points, seeds, values + i, sheet->err);
    if (!sheet->status)
        sheet_put(sheet, last ? last + 1 : name, "epoch seed", values, long_name, "1");
    free(values);
}

enum status fd_compute(const struct figure_job *job, struct store *store, const char *const *masks,
                       size_t mask_count, const struct fd_number *numbers, struct error *err)
{
    struct run_list runs;
    struct sheet sheet = {.store = store, .err = err};
    sheet.status = fd_runs_make(&runs, job, masks, mask_count, err);
    if (!sheet.status)
        put_axes(&sheet, job->settings);
    for (size_t m = 0; m < mask_count && !sheet.status; m++) {
        sheet_group(&sheet, masks[m]);
        for (const struct fd_number *n = numbers; n->name && !sheet.status; n++)
            put_series(&sheet, job->settings, runs.run + m * fd_seeds(job->settings), n->name,
                       n->long_name);
    }
    run_list_free(&runs);
    return sheet.status;
}

double fd_end(struct reader *reader, const char *mask, const char *name)
{
    const struct store_array a = reader_get(reader, 0, 0, "/%s/%s", mask, name);
    double sum = 0;
    if (reader->status)
        return NAN;
    const size_t seeds = a.shape[1];
    for (size_t i = 0; i < seeds; i++)
        sum += a.values[a.count - seeds + i] / (double)seeds;
    return sum;
}
