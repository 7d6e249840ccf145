#include "paper_figs/figures.h"

#define ENTRY(name) &figure_##name.about,

static const struct descriptor *const figures[] = {FIGURES(ENTRY)};

const struct registry figure_registry = {"figure", figures, sizeof figures / sizeof *figures};
