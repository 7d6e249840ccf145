#include "sim/registry.h"
#include "sim/train/trainer_kind.h"

#define ENTRY(name) &trainer_##name.about,

static const struct descriptor *const kinds[] = {TRAINER_KINDS(ENTRY)};

const struct registry trainer_registry = {"trainer", kinds, sizeof kinds / sizeof *kinds};
