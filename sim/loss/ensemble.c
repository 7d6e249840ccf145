#include "sim/loss/ensemble.h"

#include <stdlib.h>
#include <string.h>

/* A combination: x_1, K views of its point, H views of any point or of the same. */
struct choice {
    int positives, negatives;
    bool same_point;
};

/* Number of (x_1, x_+1, ..., x_1-, ...), or 0 past the limit. */
static size_t combinations(const struct population *d, struct choice c)
{
    size_t views = (size_t)d->views, count = (size_t)d->points * views;
    for (int k = 0; k < c.positives && count <= ENSEMBLE_LIMIT; k++)
        count *= views;
    for (int k = 0; k < c.negatives && count <= ENSEMBLE_LIMIT; k++)
        count *= c.same_point ? views : views * (size_t)d->points;
    return count <= ENSEMBLE_LIMIT ? count : 0;
}

/* Columns of combination `index`; returns its probability. */
static double decode(const struct population *d, size_t index, struct choice c, int *column)
{
    size_t views = (size_t)d->views, columns = views * (size_t)d->points;
    int first = (int)(index % columns), x = first / d->views;
    index /= columns;
    *column++ = first;
    double probability = d->p[x] * d->q[first];
    for (int k = 0; k < c.positives; k++, column++) {
        *column = x * d->views + (int)(index % views);
        index /= views;
        probability *= d->q[*column];
    }
    for (int k = 0; k < c.negatives; k++, column++) {
        size_t range = c.same_point ? views : columns;
        *column = (int)(index % range) + (c.same_point ? x * d->views : 0);
        index /= range;
        probability *= (c.same_point ? 1 : d->p[*column / d->views]) * d->q[*column];
    }
    return probability;
}

static void fill(struct ensemble *e, const struct population *d, struct choice choice,
                 const double *pair_weight)
{
    int views = e->loss.batch.outputs.views;
    size_t samples = e->loss.batch.samples, inputs = (size_t)d->inputs;
    for (size_t s = 0; s < samples; s++) {
        int *column = e->column + s * (size_t)views;
        e->probability[s] = decode(d, s, choice, column);
        double xi = 1;
        if (pair_weight)
            xi = pair_weight[column[0] / d->views * d->points + column[2] / d->views];
        e->weight[s] = e->probability[s] * xi;
        for (int view = 0; view < views; view++)
            for (size_t i = 0; i < inputs; i++)
                batch_value(&e->loss.batch, view, i)[s] = d->x[(size_t)column[view] * inputs + i];
    }
    e->loss.batch.outputs.weight = e->weight;
}

static void layout(struct ensemble *e, const struct network *network,
                   const struct objective *objective, const void *settings, size_t samples,
                   struct arena *arena)
{
    batch_loss_layout(&e->loss, network, objective, settings, samples, network->levels, arena);
    e->weight = ARENA_TAKE(arena, double, samples);
    e->probability = ARENA_TAKE(arena, double, samples);
    e->column = ARENA_TAKE(arena, int, samples *(size_t)objective_needs(objective, settings).views);
    e->parameters = ARENA_TAKE(arena, double, padded(network->parameters));
}

enum status ensemble_create(struct ensemble **out, const struct network *network,
                            const struct population *d, const struct objective *objective,
                            const void *settings, struct ensemble_options options,
                            struct error *err)
{
    const struct needs needs = objective_needs(objective, settings);
    const struct choice choice = {.positives = needs.positives,
                                  .negatives = needs.views - 1 - needs.positives,
                                  .same_point = options.same_point};
    size_t samples = combinations(d, choice);
    if (samples == 0)
        return error_set(err, STATUS_INVALID,
                         "%d points of %d views with %d positives and %d negatives have more than "
                         "%d combinations",
                         d->points, d->views, needs.positives, choice.negatives, ENSEMBLE_LIMIT);
    struct ensemble *e = calloc(1, sizeof *e);
    if (!e)
        return error_memory(err, "an ensemble");
    struct arena count = {0};
    layout(e, network, objective, settings, samples, &count);
    enum status status = arena_create(&e->arena, &count, err);
    if (status) {
        free(e);
        return status;
    }
    layout(e, network, objective, settings, samples, &e->arena);
    fill(e, d, choice, options.pair_weight);
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
    memcpy(e->parameters, parameters, e->loss.batch.network->parameters * sizeof *parameters);
    return batch_loss(&e->loss, e->parameters, gradient);
}
