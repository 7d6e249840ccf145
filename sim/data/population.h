/* A finite data distribution with finite sets of views, so that every expectation is a sum.
 *
 * Point x has probability p[x]; its view v has probability q[x][v] and is the real vector
 * x[x][v][inputs]. */
#pragma once

#include "core/error.h"

struct population {
    int points, views, inputs;
    double *p; /* [points] */
    double *q; /* [points][views] P(view | point) */
    double *x; /* [points][views][inputs] */
};

enum status population_create(struct population **population, int points, int views, int inputs,
                              struct error *err);
void population_free(struct population *population);

/* The mean view of every point, [points][inputs]. */
void population_mean_view(const struct population *population, double *mean);
