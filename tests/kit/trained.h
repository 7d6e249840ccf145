/* Parts of trainings in tests: trees that generate data, networks on them, settings by name.  Use
 * it where a test needs data of latent trees, a small network, or the settings of a loss or an
 * optimiser, without a spec. */
#pragma once

#include "core/descriptor.h"
#include "sim/net/network.h"
#include "tests/kit/testing.h"

/* ---- data ---- */

struct kit_tree {
    int depth, children[4];      /* of a node, by level; the first alone: of every node */
    int states;                  /* 0: 2 */
    int keep_level;              /* of views */
    int label_level, label_node; /* the latent that labels a sample */
    double low, high;            /* polarities are drawn from there; low 0: all are `high` */
    uint64_t seed;
};

/* A world of source_hltm, whose `close` frees it. */
void *kit_open_tree(const struct kit_tree *tree);

/* For sources that need no scratch memory. */
size_t kit_no_scratch(const void *world);

/* ---- networks ---- */

/* `network`, which has its number of levels, its leaves and its options, with levels of these
 * widths from the output down: of a binary tree where it mirrors one, else fully connected. */
struct network kit_network(struct network network, const int *width);

/* A network as a spec describes it, on a tree. */
struct kit_shape {
    int depth, children[4], states;
    int64_t width;                  /* of a tree network; 0: an mlp */
    int64_t layers[3], layer_count; /* of an mlp */
};

struct kit_options {
    bool linear, bias, normalize;
};

void kit_build(struct network *network, const struct kit_shape *shape, struct kit_options options);

/* ---- settings by name ---- */

union kit_settings {
    max_align_t align;
    unsigned char bytes[128];
};

/* A number, choice or flag; fails if the descriptor has no such parameter. */
void kit_set(const struct descriptor *about, union kit_settings *settings, const char *name,
             double value);

/* Numbers and flags at their defaults, the rest zero. */
void kit_defaults(const struct descriptor *about, union kit_settings *settings);
