/* Adam. */
#include "sim/optimisers/optimisers.h"

#include <math.h>

struct settings {
    double lr, beta1, beta2, eps, weight_decay;
};

static void update(const void *settings, uint64_t step, size_t count, double *parameter,
                   const double *gradient, double *state, size_t stride)
{
    const struct settings s = *(const struct settings *)settings;
    double *mean = state, *square = state + stride;
    double unbias1 = 1 / (1 - pow(s.beta1, (double)step));
    double unbias2 = 1 / (1 - pow(s.beta2, (double)step));
    for (size_t i = 0; i < count; i++) {
        double g = gradient[i] + s.weight_decay * parameter[i];
        mean[i] = s.beta1 * mean[i] + (1 - s.beta1) * g;
        square[i] = s.beta2 * square[i] + (1 - s.beta2) * g * g;
        parameter[i] -= s.lr * mean[i] * unbias1 / (sqrt(square[i] * unbias2) + s.eps);
    }
}

static const struct param params[] = {
    REAL_PARAM(struct settings, lr, "0.001", 0, UNBOUNDED, "learning rate"),
    REAL_PARAM(struct settings, beta1, "0.9", 0, 1 - 1e-12, "decay of the mean gradient"),
    REAL_PARAM(struct settings, beta2, "0.999", 0, 1 - 1e-12, "decay of the mean squared gradient"),
    REAL_PARAM(struct settings, eps, "1e-8", POSITIVE, UNBOUNDED,
               "added to the root of the mean square"),
    REAL_PARAM(struct settings, weight_decay, "0", 0, UNBOUNDED,
               "eta: added to the gradient times the parameter"),
    {0}};

const struct optimiser optimiser_adam = {
    .about = {.name = "adam",
              .doc = "Adam with bias correction; weight decay is part of the gradient.",
              .source = "Kingma, Ba, arXiv:1412.6980, Algorithm 1",
              .params = params,
              .settings_size = sizeof(struct settings)},
    .slots = 2,
    .update = update,
};
