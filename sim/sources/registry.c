#include "sim/registry.h"
#include "sim/sources/sources.h"

static const struct descriptor *const sources[] = {&source_hltm.about};

const struct registry source_registry = {"data source", sources, sizeof sources / sizeof *sources};
