#include "theorems/draw.h"

#include <gsl/gsl_randist.h>

int draw_between(gsl_rng *rng, int low, int high)
{
    return low + (int)gsl_rng_uniform_int(rng, (unsigned long)(high - low + 1));
}

void draw_normal(gsl_rng *rng, double sd, size_t count, double *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = gsl_ran_gaussian(rng, sd);
}

void draw_shares(gsl_rng *rng, int count, double *share)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += share[i] = 0.5 + gsl_rng_uniform(rng);
    for (int i = 0; i < count; i++)
        share[i] /= sum;
}
