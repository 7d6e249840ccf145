/* Stochastic gradient descent with heavy-ball momentum. */
#include "sim/optimisers/optimisers.h"

/* g = grad + weight_decay p;  v = momentum v + g;  p -= lr v */
static void update(const void *settings, uint64_t step, size_t count, double *parameter,
                   const double *gradient, double *state, size_t stride)
{
    (void)step, (void)stride;
    const struct sgd_settings s = *(const struct sgd_settings *)settings;
    for (size_t i = 0; i < count; i++) {
        state[i] = s.momentum * state[i] + (gradient[i] + s.weight_decay * parameter[i]);
        parameter[i] -= s.lr * state[i];
    }
}

static const struct param params[] = {
    REAL_PARAM(struct sgd_settings, lr, "0.1", 0, UNBOUNDED, "learning rate"),
    REAL_PARAM(struct sgd_settings, momentum, "0", 0, 1, "share of the last step that is kept"),
    REAL_PARAM(struct sgd_settings, weight_decay, "0", 0, UNBOUNDED,
               "eta: added to the gradient times the parameter"),
    {0}};

const struct optimiser optimiser_sgd = {
    .about = {.name = "sgd",
              .doc = "Stochastic gradient descent. Momentum and weight decay as in PyTorch: the "
                     "decay is part of the gradient, and the velocity is not damped.",
              .source = "Polyak 1964",
              .params = params,
              .settings_size = sizeof(struct sgd_settings)},
    .slots = 1,
    .update = update,
};
