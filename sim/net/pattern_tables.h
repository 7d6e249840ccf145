/* Evaluates a network once per leaf pattern instead of once per sample.
 *
 * Near the leaves a tree network sees few different inputs: a node above n binary leaves meets at
 * most 2^n of them, however many samples there are.  So the levels from `boundary` down are
 * evaluated once per pattern.  The contribution of a boundary node to its parent's pre-activations
 * (sim/net/contribution.h) is also computed once per pattern; a sample only adds up one row per
 * child.  The parents may be evaluated once per pattern that occurs in the batch
 * (sim/net/batch_patterns.h), and be looked up in the same way.  The levels above are evaluated
 * once per sample (sim/net/pass.h); they begin with the activations of `entry`, one or two levels
 * above the boundary.
 *
 * Gradients go the same way back: a sample adds to the rows that it looked up, and the levels below
 * see only the sums.  This is exact; it changes the order of additions and nothing else.  With
 * boundary = levels = entry only the leaves' values are looked up, which is the ordinary pass, and
 * the only one for real-valued data.
 *
 * Rows of samples and of patterns (sim/net/pattern.h) are feature-major, [feature][stride]. */
#pragma once

#include "sim/net/contribution.h"
#include "sim/net/pattern.h"

/* Shared by all passes with the same weights. */
struct pattern_tables {
    const struct network *network;
    int boundary, entry;
    size_t patterns[NETWORK_MAX_LEVELS + 1]; /* of level boundary..levels */
    size_t stride[NETWORK_MAX_LEVELS + 1];   /* padded patterns */
    double *input[NETWORK_MAX_LEVELS];       /* [node][fan_in][stride], level boundary..levels-1 */
    double *pre[NETWORK_MAX_LEVELS];         /* [node][width][stride] pre-activations */
    double *value[NETWORK_MAX_LEVELS + 1];   /* psi of them; one leaf's values, which all share */
    double *delta[NETWORK_MAX_LEVELS];       /* d loss / d pre, backward only */
    double *delta_input;                     /* scratch, [thread][fan_in][stride] */
    size_t delta_input_size;                 /* of one thread */
    /* From the boundary to its parents; from the parents' patterns that occur to theirs. */
    struct contribution contribution, upper;
    const struct batch_patterns *batch_patterns;         /* NULL: all are evaluated */
    double *batch_patterns_value, *batch_patterns_delta; /* [node][width][batch_patterns_stride] */
    double *contribution_delta;                          /* d loss / d contribution.rows */
    struct lookup lookup;                                /* of entry nodes */
    double *rows;                                        /* looked up by samples */
    struct product forward[NETWORK_MAX_LEVELS], outer[NETWORK_MAX_LEVELS],
        backward[NETWORK_MAX_LEVELS];
};

/* Lay out and plan.  `batch_patterns`: the patterns one level above the boundary that occur, or
 * NULL. `threads` > 0 with backward passes on that many threads, 0 without any. */
void pattern_tables_layout(struct pattern_tables *tables, const struct network *network,
                           int boundary, const struct batch_patterns *batch_patterns, int threads,
                           struct arena *arena);

/* Evaluate the subtrees of entry nodes [first, end); disjoint ranges may run in parallel.  Call
 * batch_patterns_take for them first. */
void pattern_tables_forward(struct pattern_tables *tables, double *parameters, size_t first,
                            size_t end);

/* From `delta_lookup`, sums of d loss / d rows in the layout of the rows, add to `gradient` the
 * gradient of the subtrees of entry nodes [first, end). */
void pattern_tables_backward(struct pattern_tables *tables, const double *delta_lookup,
                             double *parameters, double *gradient, size_t first, size_t end,
                             int thread);

/* Doubles in a delta_lookup. */
size_t pattern_tables_lookup_size(const struct pattern_tables *tables);

/* How many of these doubles are in use from lookup_offset(&tables->lookup, node, child) on; the
 * rest are never touched. */
size_t pattern_tables_used(const struct pattern_tables *tables, size_t node, size_t child);

/* Floating-point operations of one forward (and backward) evaluation of what occurs now. */
double pattern_tables_flops(const struct pattern_tables *tables, bool backward);
