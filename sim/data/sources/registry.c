#include "sim/registry.h"
#include "sim/data/sources/sources.h"

#define ENTRY(name) &source_##name.about,

static const struct descriptor *const sources[] = {SOURCES(ENTRY)};

const struct registry source_registry = {"data source", sources, sizeof sources / sizeof *sources};
