#include "sim/registry.h"
#include "sim/train/predictor_optimisers/predictor_optimisers.h"

static const struct descriptor *const optimisers[] = {
    &predictor_gradient.about, &predictor_direct_pred.about, &predictor_direct_copy.about,
    &predictor_optimal.about};

const struct registry predictor_optimiser_registry = {"predictor optimiser", optimisers,
                                                      sizeof optimisers / sizeof *optimisers};
