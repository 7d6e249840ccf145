/* Gradient steps. */
#include "sim/train/predictor_optimisers/predictor_optimisers.h"

static const struct param params[] = {PREDICTOR_STEP_PARAMS, {0}};

const struct predictor_optimiser predictor_gradient = {
    .about = {.name = "gradient",
              .doc = "The predictor is trained: by the trunk's optimiser, with a learning rate and "
                     "a weight decay of its own.",
              .source = "[NCP]",
              .params = params,
              .settings_size = sizeof(struct predictor_step)},
};
