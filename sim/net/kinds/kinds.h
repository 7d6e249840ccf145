/* The kinds of network, one file each. */
#pragma once

#include "sim/net/network.h"

/* All of them, in the order of `duet list networks`: one line per file. */
/* clang-format off */
#define NETWORK_KINDS(X) \
    X(tree) \
    X(mlp) \
    X(symmetric_relu)
/* clang-format on */

#define DECLARE(name) extern const struct network_kind network_##name;
NETWORK_KINDS(DECLARE)
#undef DECLARE
