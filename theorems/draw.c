#include "theorems/draw.h"

#include <gsl/gsl_randist.h>
#include <math.h>

int draw_between(gsl_rng *rng, int low, int high)
{
    return low + (int)gsl_rng_uniform_int(rng, (unsigned long)(high - low + 1));
}

void draw_normal(gsl_rng *rng, double sd, size_t count, double *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = gsl_ran_gaussian(rng, sd);
}

void draw_parameters(gsl_rng *rng, const struct network *n, double bias_sd, double *parameters)
{
    for (int l = 0; l < n->levels; l++) {
        const struct level *level = &n->level[l];
        size_t neurons = level->nodes * (size_t)level->width, fan_in = (size_t)level->fan_in;
        double gain = n->relu && l > 0 ? 2 : 1;
        draw_normal(rng, sqrt(gain / level->fan_in), neurons * fan_in, parameters + level->weights);
        if (n->bias)
            draw_normal(rng, bias_sd, neurons, parameters + level->biases);
    }
}

void draw_shares(gsl_rng *rng, int count, double *share)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += share[i] = 0.5 + gsl_rng_uniform(rng);
    for (int i = 0; i < count; i++)
        share[i] /= sum;
}
