/* reference_subtract: what the published code calls subtract (erratum E5) */
#include "sim/loss/objectives/objectives.h"

static double loss(const void *settings, int64_t negatives, const double *r_plus,
                   const double *r_minus, double *d_plus, double *d_minus)
{
    (void)settings, (void)negatives;
    *d_plus = 1;
    d_minus[0] = -1;
    return r_plus[0] - r_minus[0];
}

const struct objective objective_reference_subtract = {
    .about = {.name = "reference_subtract",
              .doc = "The published code's subtract: mean squared difference to the positive minus "
                     "that to the negative, both averaged over the batch and the outputs.",
              .source = "code published with [DDN]; erratum E5"},
    .scope = OBJECTIVE_OF_BATCH,
    .loss = loss,
};
