#include "sim/registry.h"
#include "sim/optimisers/optimisers.h"

#define ENTRY(name) &optimiser_##name.about,

static const struct descriptor *const optimisers[] = {OPTIMISERS(ENTRY)};

const struct registry optimiser_registry = {"optimiser", optimisers,
                                            sizeof optimisers / sizeof *optimisers};
