/* Networks evaluated once a pattern of the leaves instead of once a sample.
 *
 * Near the leaves a tree network sees few different inputs: a node above n binary leaves meets at
 * most 2^n of them, however many samples there are.  So the levels from `boundary` down are
 * evaluated once a pattern.  What a sample looks up of a boundary node is what it adds to its
 * parent's pre-activations (sim/net/join.h): the products of the parent's level, too, are made once
 * a pattern, and a sample only adds up a row for each child.  The parents themselves may be
 * evaluated once a pattern that occurs in the batch (sim/net/occurring.h), and be looked up in the
 * same way.  The levels above are evaluated once a sample (sim/net/pass.h); they begin with the
 * activations of `entry`, one or two levels above the boundary.
 *
 * Gradients go the same way back: a sample adds to the rows that it looked up, and the levels below
 * see only the sums.  This is exact; it changes the order of additions and nothing else.  With
 * boundary = levels = entry only the leaves' values are looked up, which is the ordinary pass, and
 * the only one for real-valued data.
 *
 * Rows of samples and of patterns (sim/net/pattern.h) are feature-major, [feature][stride]. */
#ifndef DUET_SIM_TABLES_H
#define DUET_SIM_TABLES_H

#include "sim/net/join.h"
#include "sim/net/pattern.h"

/* Shared by all passes with the same weights. */
struct tables {
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
    /* From the boundary to its parents, and from the patterns of these that occur, where they are
     * looked for, to theirs. */
    struct join join, upper;
    const struct occurring *occurring;         /* NULL: they are not */
    double *occurring_value, *occurring_delta; /* [node][width][occurring_stride] */
    double *join_delta;                        /* d loss / d join.rows */
    struct lookup lookup;                      /* of entry nodes */
    double *rows;                              /* what samples look up */
    struct product forward[NETWORK_MAX_LEVELS], outer[NETWORK_MAX_LEVELS],
        backward[NETWORK_MAX_LEVELS];
};

/* Lay out and plan.  `occurring`: the patterns one level above the boundary that occur, or NULL.
 * `threads` > 0 with backward passes on that many threads, 0 without any. */
void tables_layout(struct tables *tables, const struct network *network, int boundary,
                   const struct occurring *occurring, int threads, struct arena *arena);

/* Evaluate the subtrees of entry nodes [first, end); disjoint ranges may run in parallel.  What
 * occurs there has been found. */
void tables_forward(struct tables *tables, double *parameters, size_t first, size_t end);

/* From `delta_lookup`, sums of d loss / d rows laid out as they are, add to `gradient` what the
 * subtrees of entry nodes [first, end) contribute. */
void tables_backward(struct tables *tables, const double *delta_lookup, double *parameters,
                     double *gradient, size_t first, size_t end, int thread);

/* Doubles in a delta_lookup. */
size_t tables_lookup_size(const struct tables *tables);

/* Of them, those in use at lookup_offset(&tables->lookup, node, child): the others are neither read
 * nor written. */
size_t tables_used(const struct tables *tables, size_t node, size_t child);

/* Floating-point operations of one forward (and backward) evaluation of what occurs now. */
double tables_flops(const struct tables *tables, bool backward);

#endif
