/* No predictor. */
#include "sim/net/predictors/predictors.h"

const struct predictor_descriptor predictor_none = {
    .about = {.name = "none", .doc = "Nothing is predicted: for the contrastive objectives."},
    .none = true,
};
