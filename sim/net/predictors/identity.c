/* W_p = I */
#include "sim/net/predictors/predictors.h"

const struct predictor_descriptor predictor_identity = {
    .about = {.name = "identity",
              .doc = "The output is its own prediction, W_p = I: learning without negatives and "
                     "without a predictor, which collapses.",
              .source = "[NCP]"},
    .kind = PREDICTOR_IDENTITY,
};
