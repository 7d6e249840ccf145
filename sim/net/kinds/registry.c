#include "sim/registry.h"
#include "sim/net/kinds/kinds.h"

#define ENTRY(name) &network_##name.about,

static const struct descriptor *const kinds[] = {NETWORK_KINDS(ENTRY)};

const struct registry network_registry = {"network", kinds, sizeof kinds / sizeof *kinds};
