/* infonce: -log[e^{-r_+/tau} / (e^{-r_+/tau} + sum_k e^{-r_k-/tau})], [DDN] */
#include "sim/objectives/objectives.h"

static int64_t negatives_of(const void *settings)
{
    return ((const struct infonce_settings *)settings)->negatives;
}

static double loss(const void *settings, int64_t negatives, double r_plus, const double *r_minus,
                   double *d_plus, double *d_minus)
{
    const double tau = ((const struct infonce_settings *)settings)->tau;
    double nearest = r_plus, sum = 0;
    for (int64_t k = 0; k < negatives; k++)
        nearest = fmin(nearest, r_minus[k]);
    for (int64_t k = 0; k < negatives; k++)
        sum += d_minus[k] = exp((nearest - r_minus[k]) / tau);
    double total = sum + exp((nearest - r_plus) / tau);
    for (int64_t k = 0; k < negatives; k++)
        d_minus[k] /= -total * tau;
    *d_plus = sum / (total * tau);
    /* log1p keeps the digits of a saturated loss, where the positive is by far the nearest */
    return r_plus == nearest ? log1p(sum) : (r_plus - nearest) / tau + log(total);
}

static const struct param params[] = {TAU_PARAM("0.1", "temperature"),
                                      {.name = "negatives",
                                       .type = PARAM_INTEGER,
                                       .fallback = "1",
                                       .low = 1,
                                       .high = 4096,
                                       .doc = "H, independent negatives of each sample",
                                       .offset = offsetof(struct infonce_settings, negatives)},
                                      {0}};

const struct objective objective_infonce = {
    .about = {.name = "infonce",
              .doc = "InfoNCE over distances with H negatives, -log of the softmax weight of the "
                     "positive.",
              .source = "[DDN]",
              .params = params,
              .settings_size = sizeof(struct infonce_settings)},
    .scope = OBJECTIVE_PER_SAMPLE,
    .negatives = negatives_of,
    .loss = loss,
};
