#include "sim/registry.h"
#include "sim/train/predictor_optimisers/predictor_optimisers.h"

#define ENTRY(name) &predictor_##name.about,

static const struct descriptor *const optimisers[] = {PREDICTOR_OPTIMISERS(ENTRY)};

const struct registry predictor_optimiser_registry = {"predictor optimiser", optimisers,
                                                      sizeof optimisers / sizeof *optimisers};
