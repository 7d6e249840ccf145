/* Random draws for the instances of several families of claims. */
#pragma once

#include "sim/net/network.h"

#include <gsl/gsl_rng.h>

/* A whole number from `low` to `high`, both included. */
int draw_between(gsl_rng *rng, int low, int high);

/* Normal(0, sd^2), `count` of them. */
void draw_normal(gsl_rng *rng, double sd, size_t count, double *out);

/* Weights of variance 1 / fan_in, twice that below the output of a ReLU network, and biases. */
void draw_parameters(gsl_rng *rng, const struct network *network, double bias_sd,
                     double *parameters);

/* `count` probabilities that add up to 1, none above three times another. */
void draw_shares(gsl_rng *rng, int count, double *share);
