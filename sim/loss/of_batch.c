/* The gradient is one number, known when all chunks are done, times that of P - N, which a chunk
 * can do by itself. */
#include "sim/loss/of_batch.h"

#include "sim/loss/per_sample.h"

static struct needs needs(const void *of, const void *settings)
{
    (void)of, (void)settings;
    return (struct needs){.positives = 1, .views = 3, .gradient_views = 3};
}

/* P = sum of |a - b|^2 / entries = 2 r / entries */
static double entries(const struct outputs *o)
{
    return (double)o->samples * o->width;
}

static void gradient(const struct loss *l, const struct chunk *chunk, double partial[LOSS_PARTIALS])
{
    (void)l;
    const struct outputs *o = chunk->outputs;
    double c[2][EIGHT];
    for (size_t i = 0; i < EIGHT; i++) {
        c[0][i] = 2 / entries(o);
        c[1][i] = -c[0][i];
    }
    for (size_t s = chunk->begin; s < chunk->end; s += EIGHT)
        for (int i = 0; i < 2; i++) {
            double square[EIGHT];
            squared_distances(o, 1 + i, s, square);
            for (size_t k = 0; k < EIGHT && s + k < chunk->end; k++)
                partial[i] += square[k];
            pull_together(o, 1 + i, s, c[i]);
        }
}

static double finish(const struct loss *l, const struct outputs *o,
                     const double totals[LOSS_PARTIALS], double *scale)
{
    const struct of_batch *of = l->plan.objective->of;
    return of->loss(l->plan.settings, totals[0] / entries(o) - totals[1] / entries(o), scale);
}

const struct form form_of_batch = {.needs = needs, .gradient = gradient, .finish = finish};
