#include "sim/population.h"

#include <stdlib.h>
#include <string.h>

/* ---- the distribution ---- */

enum status population_create(struct population **out, int points, int views, int inputs,
                              struct error *err)
{
    size_t columns = (size_t)points * (size_t)views;
    struct population *d = calloc(1, sizeof *d);
    double *memory = calloc((size_t)points + columns * (1 + (size_t)inputs), sizeof *memory);
    if (!d || !memory) {
        free(d);
        free(memory);
        return error_set(err, STATUS_SYSTEM, "no memory for a distribution of %d points", points);
    }
    *d = (struct population){.points = points, .views = views, .inputs = inputs};
    d->p = memory;
    d->q = d->p + points;
    d->x = d->q + columns;
    *out = d;
    return STATUS_OK;
}

void population_free(struct population *d)
{
    if (d)
        free(d->p);
    free(d);
}

void population_mean_view(const struct population *d, double *mean)
{
    size_t inputs = (size_t)d->inputs;
    memset(mean, 0, (size_t)d->points * inputs * sizeof *mean);
    for (int x = 0; x < d->points; x++)
        for (int v = 0; v < d->views; v++) {
            size_t column = (size_t)(x * d->views + v);
            for (size_t i = 0; i < inputs; i++)
                mean[(size_t)x * inputs + i] += d->q[column] * d->x[column * inputs + i];
        }
}

/* ---- all combinations ---- */

/* Number of (x_1, x_+, x_1-, ...), or 0 past the limit. */
static size_t combinations(const struct population *d, int negatives, bool same_point)
{
    size_t views = (size_t)d->views, count = (size_t)d->points * views * views;
    for (int k = 0; k < negatives && count <= ENSEMBLE_LIMIT; k++)
        count *= same_point ? views : views * (size_t)d->points;
    return count <= ENSEMBLE_LIMIT ? count : 0;
}

/* Columns of combination `index`; returns its probability. */
static double decode(const struct population *d, size_t index, int negatives, bool same_point,
                     int *column)
{
    size_t views = (size_t)d->views, columns = views * (size_t)d->points;
    int first = (int)(index % columns), x = first / d->views;
    index /= columns;
    column[0] = first;
    column[1] = x * d->views + (int)(index % views);
    index /= views;
    double probability = d->p[x] * d->q[column[0]] * d->q[column[1]];
    for (int k = 0; k < negatives; k++) {
        size_t range = same_point ? views : columns;
        column[2 + k] = (int)(index % range) + (same_point ? x * d->views : 0);
        index /= range;
        probability *= (same_point ? 1 : d->p[column[2 + k] / d->views]) * d->q[column[2 + k]];
    }
    return probability;
}

static void fill(struct ensemble *e, const struct population *d, struct ensemble_options options)
{
    int views = e->batch.outputs.views;
    size_t samples = e->batch.samples, inputs = (size_t)d->inputs;
    for (size_t s = 0; s < samples; s++) {
        int *column = e->column + s * (size_t)views;
        e->probability[s] = decode(d, s, views - 2, options.same_point, column);
        double xi = 1;
        if (options.pair_weight)
            xi = options.pair_weight[column[0] / d->views * d->points + column[2] / d->views];
        e->weight[s] = e->probability[s] * xi;
        for (int view = 0; view < views; view++)
            for (size_t i = 0; i < inputs; i++)
                batch_value(&e->batch, view, i)[s] = d->x[(size_t)column[view] * inputs + i];
    }
    e->batch.outputs.weight = e->weight;
}

static void layout(struct ensemble *e, const struct network *network,
                   const struct objective *objective, const void *settings, size_t samples,
                   struct arena *arena)
{
    batch_layout(&e->batch, network, objective, settings, samples, network->levels, arena);
    e->weight = ARENA_TAKE(arena, double, samples);
    e->probability = ARENA_TAKE(arena, double, samples);
    e->column = ARENA_TAKE(arena, int, samples *(size_t)objective_views(objective, settings));
    e->parameters = ARENA_TAKE(arena, double, padded(network->parameters));
}

enum status ensemble_create(struct ensemble **out, const struct network *network,
                            const struct population *d, const struct objective *objective,
                            const void *settings, struct ensemble_options options,
                            struct error *err)
{
    int negatives = objective_views(objective, settings) - 2;
    size_t samples = combinations(d, negatives, options.same_point);
    if (samples == 0)
        return error_set(err, STATUS_INVALID,
                         "%d points of %d views with %d negatives have more than %d combinations",
                         d->points, d->views, negatives, ENSEMBLE_LIMIT);
    struct ensemble *e = calloc(1, sizeof *e);
    if (!e)
        return error_set(err, STATUS_SYSTEM, "no memory for an ensemble");
    struct arena count = {0};
    layout(e, network, objective, settings, samples, &count);
    enum status status = arena_create(&e->arena, &count, err);
    if (status) {
        free(e);
        return status;
    }
    layout(e, network, objective, settings, samples, &e->arena);
    fill(e, d, options);
    *out = e;
    return STATUS_OK;
}

void ensemble_free(struct ensemble *e)
{
    if (e)
        arena_free(&e->arena);
    free(e);
}

double ensemble_loss(struct ensemble *e, const double *parameters, double *gradient)
{
    memcpy(e->parameters, parameters, e->batch.network->parameters * sizeof *parameters);
    return batch_loss(&e->batch, e->parameters, gradient);
}
