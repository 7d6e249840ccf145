/* The losses that the published code calls nce and subtract (erratum E5) */
#include "sim/loss/objectives/objectives.h"

/* -e^{-P/tau} / (e^{-P/tau} + e^{-N/tau}) = -logistic((N - P) / tau) */
static double nce(const void *settings, double difference, double *slope)
{
    const double tau = ((const struct temperature_settings *)settings)->tau;
    double p = logistic(-difference / tau), q = logistic(difference / tau);
    *slope = p * q / tau;
    return -p;
}

static const struct param params[] = {TAU_PARAM("0.01", "temperature"), {0}};

const struct objective objective_reference_nce = {
    .about = {.name = "reference_nce",
              .doc = "The published code's nce: minus the softmax weight of the positive, without "
                     "the logarithm, of distances averaged over the batch and the outputs.",
              .source = "code published with [DDN]; erratum E5",
              .params = params,
              .settings_size = sizeof(struct temperature_settings)},
    .form = &form_of_batch,
    .of = &(const struct of_batch){.loss = nce},
};

static double subtract(const void *settings, double difference, double *slope)
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
    .of = &(const struct of_batch){.loss = subtract},
};
