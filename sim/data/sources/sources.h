/* The data sources, one file each. */
#pragma once

#include "sim/data/source.h"

/* All of them, in the order of `duet list data`: one line per file. */
/* clang-format off */
#define SOURCES(X) \
    X(hltm) \
    X(gaussian) \
    X(scrambling) \
    X(finite) \
    X(sparse_coding) \
    X(file)
/* clang-format on */

#define DECLARE(name) extern const struct source source_##name;
SOURCES(DECLARE)
#undef DECLARE
