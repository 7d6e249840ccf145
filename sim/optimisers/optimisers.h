/* The optimisers, one file each. */
#pragma once

#include "sim/optimisers/optimiser.h"

struct sgd_settings {
    double lr, momentum, weight_decay;
};

/* All of them, in the order of `duet list optimisers`: one line per file. */
/* clang-format off */
#define OPTIMISERS(X) \
    X(sgd) \
    X(adam)
/* clang-format on */

#define DECLARE(name) extern const struct optimiser optimiser_##name;
OPTIMISERS(DECLARE)
#undef DECLARE
