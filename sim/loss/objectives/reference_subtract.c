/* reference_subtract: what the published code calls subtract (erratum E5) */
#include "sim/loss/objectives/objectives.h"

static double loss(const void *settings, double difference, double *slope)
{
    (void)settings;
    *slope = 1;
    return difference;
}

const struct objective objective_reference_subtract = {
    .about = {.name = "reference_subtract",
              .doc = "The published code's subtract: mean squared difference to the positive minus "
                     "that to the negative, both averaged over the batch and the outputs.",
              .source = "code published with [DDN]; erratum E5"},
    .form = &form_of_batch,
    .of = &(const struct of_batch){.loss = loss},
};
