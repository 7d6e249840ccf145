/* W_p f (+ b) */
#include "sim/net/predictors/predictors.h"

static const struct param params[] = {PREDICTOR_PARAMS, {0}};

const struct predictor_descriptor predictor_linear = {
    .about = {.name = "linear",
              .doc = "One matrix W_p on the output of the online network.",
              .source = "[NCP]",
              .params = params,
              .settings_size = sizeof(struct predictor_settings)},
    .kind = PREDICTOR_LINEAR,
};
