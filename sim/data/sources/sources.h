/* The data sources, one file each. */
#ifndef DUET_SIM_SOURCES_SOURCES_H
#define DUET_SIM_SOURCES_SOURCES_H

#include "sim/data/source.h"

extern const struct source source_hltm;
extern const struct source source_gaussian;
extern const struct source source_scrambling;
extern const struct source source_finite;
extern const struct source source_sparse_coding;

/* The `tree` of sources that have none. */
static inline const struct tree *no_tree(const void *world)
{
    (void)world;
    return NULL;
}

#endif
