#include "sim/data/population.h"

#include <stdlib.h>
#include <string.h>

enum status population_create(struct population **out, int points, int views, int inputs,
                              struct error *err)
{
    size_t columns = (size_t)points * (size_t)views;
    struct population *d = calloc(1, sizeof *d);
    double *memory = calloc((size_t)points + columns * (1 + (size_t)inputs), sizeof *memory);
    if (!d || !memory) {
        free(d);
        free(memory);
        return error_memory(err, "a distribution of %d points", points);
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
