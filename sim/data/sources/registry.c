#include "sim/registry.h"
#include "sim/data/sources/sources.h"

static const struct descriptor *const sources[] = {&source_hltm.about, &source_gaussian.about,
                                                   &source_scrambling.about, &source_finite.about,
                                                   &source_sparse_coding.about};

const struct registry source_registry = {"data source", sources, sizeof sources / sizeof *sources};
