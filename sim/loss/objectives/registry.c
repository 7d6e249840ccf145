#include "sim/registry.h"
#include "sim/loss/objectives/objectives.h"

#define ENTRY(name) &objective_##name.about,

static const struct descriptor *const objectives[] = {OBJECTIVES(ENTRY)};

const struct registry objective_registry = {"objective", objectives,
                                            sizeof objectives / sizeof *objectives};
