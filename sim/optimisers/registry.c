#include "sim/registry.h"
#include "sim/optimisers/optimisers.h"

static const struct descriptor *const optimisers[] = {&optimiser_sgd.about, &optimiser_adam.about};

const struct registry optimiser_registry = {"optimiser", optimisers,
                                            sizeof optimisers / sizeof *optimisers};
