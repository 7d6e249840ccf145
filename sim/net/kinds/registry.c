#include "sim/registry.h"
#include "sim/net/kinds/kinds.h"

static const struct descriptor *const kinds[] = {&network_tree.about, &network_mlp.about,
                                                 &network_symmetric_relu.about};

const struct registry network_registry = {"network", kinds, sizeof kinds / sizeof *kinds};
