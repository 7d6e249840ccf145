/* The hierarchical latent tree model (HLTM), [DDN].
 *
 * A rooted tree of categorical variables with m states.  The root is uniform; a child copies its
 * parent by the symmetric channel of its edge, whose polarity is rho:
 *
 *     P(same) = rho + (1 - rho) / m,    P(any other) = (1 - rho) / m
 *
 * so for m = 2 P(same) = (1 + rho) / 2 and rho is the correlation of the two.  The leaves are the
 * observed x.  Level 0 is the root, level `depth` the leaves; all nodes of a level have the same
 * number of children, and node i of level d has children c i ... c i + c - 1 of level d + 1.
 *
 * Nodes are numbered level by level: node i of level d is first[d] + i. */
#pragma once

#include "core/descriptor.h"
#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

enum { TREE_MAX_DEPTH = 24, TREE_MAX_STATES = 256 };

/* Settings of a tree in a spec. */
struct tree_settings {
    int64_t depth;
    struct integers children; /* a number, or one entry per level, root first */
    int64_t states;
    struct reals polarity; /* rho of every edge; [lo, hi]: drawn; list of lists: one row per
                              level */
    int64_t keep_level;    /* a view keeps the latents of levels 0..keep_level */
    int64_t label_level, label_node; /* the latent that labels a sample; views keep it */
};

struct tree {
    int depth;
    int states;                       /* m */
    int keep_level;                   /* of its views */
    int label_level;                  /* of the latent that labels a sample */
    size_t label_node;                /* ... within its level */
    int children[TREE_MAX_DEPTH];     /* of a node of level d */
    size_t count[TREE_MAX_DEPTH + 1]; /* nodes of level d */
    size_t first[TREE_MAX_DEPTH + 1]; /* number of the first node of level d */
    size_t nodes;                     /* all levels */
    double *polarity;                 /* [nodes]; rho of the edge from the parent, root: 0 */
};

/* Build the tree.  A polarity given as a range is drawn at (seed, PURPOSE_TREE): |rho| uniform in
 * [lo, hi], its sign +1 or -1 with equal chance where m = 2, positive for m > 2 (where rho cannot
 * go below -1/(m-1)).  Errors name the key to blame: "data.children", "data.polarity", ... */
enum status tree_create(struct tree **tree, const struct tree_settings *settings, uint64_t seed,
                        struct error *err);
void tree_free(struct tree *tree);

static inline size_t tree_leaves(const struct tree *tree)
{
    return tree->count[tree->depth];
}

/* Index within level d - 1 of the parent of node i of level d. */
static inline size_t tree_parent(const struct tree *tree, int level, size_t i)
{
    return i / (size_t)tree->children[level - 1];
}

/* P(child = b | parent = a) over the edge into `node`. */
double tree_transition(const struct tree *tree, size_t node, int a, int b);
