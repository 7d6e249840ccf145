#include "paper_figs/fd/fd_runs.h"

#include <math.h>
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

void fd_runs_make(struct sheet *sheet, struct run_list *runs, const struct figure_job *job,
                  const char *const *masks, size_t mask_count)
{
    const struct fd_settings_of_figure *s = job->settings;
    const size_t seeds = fd_seeds(s);
    sheet->status = run_list_open(runs, mask_count * seeds, sheet->err);
    for (size_t i = 0; i < runs->count && !sheet->status; i++)
        set_run(runs, i, s, masks[i / seeds], i % seeds + 1);
    if (!sheet->status)
        sheet->status = figure_runs(job, runs->run, runs->count, sheet->err);
}

static void put_axes(struct sheet *sheet, const struct fd_settings_of_figure *s)
{
    const size_t points = points_of(s);
    double *steps = sheet_numbers(sheet, points);
    for (size_t t = 0; t < points && steps; t++)
        steps[t] = (double)t * floor((double)s->samples / 64);
    sheet_axis(sheet, "epoch", points, NULL, "epochs of training", "1");
    sheet_put(sheet, "steps", "epoch", steps, "steps of training, of 64 samples", "1");
    sheet_seeds(sheet, fd_seeds(s), "seed");
}

static void put_series(struct sheet *sheet, const struct fd_settings_of_figure *s,
                       const struct figure_run *run_of_seed, const struct fd_number *number)
{
    const size_t points = points_of(s), seeds = fd_seeds(s);
    const char *last = strrchr(number->name, '/');
    char series[96];
    double *values = sheet_numbers(sheet, points * seeds);
    snprintf(series, sizeof series, "/series/%s", number->name);
    for (size_t i = 0; i < seeds && values; i++)
        run_series(sheet, run_of_seed[i].path, series, points, 1, seeds, values + i);
    sheet_put(sheet, last ? last + 1 : number->name, "epoch seed", values, number->long_name, "1");
}

enum status fd_compute(const struct figure_job *job, struct store *store, const char *const *masks,
                       size_t mask_count, const struct fd_number *numbers, struct error *err)
{
    struct run_list runs;
    struct sheet sheet = {.store = store, .err = err};
    fd_runs_make(&sheet, &runs, job, masks, mask_count);
    put_axes(&sheet, job->settings);
    for (size_t m = 0; m < mask_count; m++) {
        sheet_group(&sheet, masks[m]);
        for (const struct fd_number *n = numbers; n->name; n++)
            put_series(&sheet, job->settings, runs.run + m * fd_seeds(job->settings), n);
    }
    run_list_free(&runs);
    return sheet_close(&sheet);
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
