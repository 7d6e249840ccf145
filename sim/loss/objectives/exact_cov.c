/* exact_cov: w (r_+ - r_-), w = e^{-r_-/tau} / (tau (1 + e^{-r_-/tau})) held constant, [DDN]
 */
#include "sim/loss/objectives/objectives.h"

static double loss(const void *settings, int64_t negatives, const double *r_plus,
                   const double *r_minus, double *d_plus, double *d_minus)
{
    (void)negatives;
    const double tau = ((const struct temperature_settings *)settings)->tau;
    double weight = logistic(-r_minus[0] / tau) / tau;
    *d_plus = weight;
    d_minus[0] = -weight;
    return weight * (r_plus[0] - r_minus[0]);
}

static const struct param params[] = {
    TAU_PARAM("0.1", "temperature of the weight on the negative pair"), {0}};

const struct objective objective_exact_cov = {
    .about = {.name = "exact_cov",
              .doc =
                  "The loss whose gradient is exactly a weighted covariance operator: the simple "
                  "loss times InfoNCE's weight at r_+ = 0, through which no gradient flows.",
              .source = "[DDN]",
              .params = params,
              .settings_size = sizeof(struct temperature_settings)},
    .form = &form_per_sample,
    .of = &(const struct per_sample){.loss = loss},
};
