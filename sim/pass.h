/* Forward and backward passes of a network over a batch of samples.
 *
 * Near the leaves a tree network sees few different inputs: a node above n binary leaves meets at
 * most 2^n of them, however many samples there are.  So the levels from `boundary` down are
 * evaluated once a pattern, in `struct tables`; a sample looks its boundary nodes up there.  The
 * levels above are evaluated once a sample, in `struct pass`.  Gradients go the same way back: a
 * sample adds to its pattern's row, and the levels below the boundary see only the sums.  This is
 * exact; it changes the order of additions and nothing else.  With boundary = levels only the
 * leaves are looked up, which is the ordinary pass, and the only one for real-valued data.
 *
 * What is looked up of a boundary node is what it hands to its parent: its neurons' values
 * (LOOK_UP_VALUES), or what they add to the parent's pre-activations, W_c f of child c
 * (LOOK_UP_SUMS).  Then the products of the parent's level, too, are made once a pattern, and a
 * sample only adds up a row for each child.  `entry` is the level whose activations a pass begins
 * with: the boundary, or the level above it.
 *
 * Patterns: the leaves below a node as base-m digits, the first the most significant.
 * Rows of samples and of patterns are feature-major, [feature][stride]. */
#ifndef DUET_SIM_PASS_H
#define DUET_SIM_PASS_H

#include "core/arena.h"
#include "core/product.h"
#include "sim/network.h"

/* The highest level (at least 1) whose patterns number at most half of `columns` and 256. */
int boundary_level(const struct network *network, size_t columns);

/* Patterns below a node of `level`: m^leaves, or 0 past 65536 and for real-valued leaves. */
size_t pattern_count(const struct network *network, int level);

/* pattern[node * stride + s] of `count` samples for all nodes of `level`, from leaf states
 * leaf[i * leaf_stride + s]. */
void pattern_index(const struct network *network, int level, const uint8_t *leaf,
                   size_t leaf_stride, size_t count, uint16_t *pattern, size_t stride);

/* ---- from the boundary down: one column a pattern; shared by all passes with the same weights
 * ----
 */

enum look_up { LOOK_UP_VALUES, LOOK_UP_SUMS };

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
    double *sum, *delta_sum; /* [boundary node][width of its parent][stride] of LOOK_UP_SUMS */
    double *lookup;          /* [entry node][child, of LOOK_UP_SUMS][pattern][row] */
    size_t row;              /* width of the entry, padded to 4 */
    size_t lookup_child;     /* doubles between children */
    size_t lookup_node;      /* doubles between nodes; 0: leaves share one table */
    struct product forward[NETWORK_MAX_LEVELS], outer[NETWORK_MAX_LEVELS],
        backward[NETWORK_MAX_LEVELS];
    struct product sum_forward, sum_outer, sum_backward; /* of one child */
};

/* Lay out and plan.  `threads` > 0 with backward passes on that many threads, 0 without any.  Where
 * the boundary is that of the leaves, values are looked up. */
void tables_layout(struct tables *tables, const struct network *network, int boundary,
                   enum look_up look_up, int threads, struct arena *arena);

/* Evaluate the subtrees of entry nodes [first, end); disjoint ranges may run in parallel. */
void tables_forward(struct tables *tables, double *parameters, size_t first, size_t end);

/* From `delta_lookup`, sums of d loss / d lookup laid out as it is, add to `gradient` what the
 * subtrees of entry nodes [first, end) contribute. */
void tables_backward(struct tables *tables, const double *delta_lookup, double *parameters,
                     double *gradient, size_t first, size_t end, int thread);

/* Doubles in a delta_lookup. */
size_t tables_lookup_size(const struct tables *tables);

/* Floating-point operations of one forward (and backward) evaluation. */
double tables_flops(const struct tables *tables, bool backward);

/* ---- above: one column a sample; one pass a thread ---- */

struct pass {
    const struct network *network;
    const struct tables *tables; /* entry and lookup */
    size_t columns;              /* samples, a multiple of 8 */
    size_t learning;             /* the first so many of them have gradients */
    /* f~ of level 0..entry-1, and of the entry if its sums are looked up, [node][width][columns],
     * but f_0 of a symmetric network; psi(f~) of level 1..entry, which are the inputs of the level
     * above, [node][fan_in][columns].  Both are one array unless `keep`. */
    double *pre[NETWORK_MAX_LEVELS], *act[NETWORK_MAX_LEVELS + 1];
    double *delta[NETWORK_MAX_LEVELS + 1]; /* d loss / d f~, backward only */
    struct product forward[NETWORK_MAX_LEVELS], outer[NETWORK_MAX_LEVELS],
        backward[NETWORK_MAX_LEVELS];
    /* Inputs that lie where they were drawn, see pass_lend_layout. */
    size_t lent;         /* columns of a part; 0: inputs are copied into `act` */
    const double **part; /* [columns / lent] */
    struct product part_forward, part_outer;
};

/* `keep`: keep pre-activations beside activations; `backward`: with arrays for gradients. */
void pass_layout(struct pass *pass, const struct tables *tables, size_t columns, bool keep,
                 bool backward, struct arena *arena);

/* Gradients of the first `columns` columns only, a multiple of 8: what is written of the others in
 * delta[0] is not looked at. */
void pass_limit(struct pass *pass, size_t columns);

/* The gradient arrays alone, in a pass that was laid out without `backward`.  Passes of the same
 * shape may use one set in turn: nothing in it outlives pass_backward and pass_scatter. */
void pass_layout_delta(struct pass *pass, struct arena *arena);

/* Look up `count` samples, pattern[boundary node * stride + s], into columns [column, column +
 * count); the rest of the columns is left. */
void pass_look_up(struct pass *pass, const uint16_t *pattern, size_t stride, size_t column,
                  size_t count);

/* Real-valued data: copy x[leaf * stride + s] into the columns instead. */
void pass_load(struct pass *pass, const double *x, size_t stride, size_t column, size_t count);

/* ... or lend them: real-valued inputs of columns [k lent, (k + 1) lent) stay where they are,
 * x[input * stride + i], on 64 bytes, until the pass is done with them.  For a lowest level of one
 * node; `lent` is a multiple of 8 and divides the columns and those that learn.  Lay out first,
 * after pass_limit. */
void pass_lend_layout(struct pass *pass, size_t lent, size_t stride, struct arena *arena);

static inline void pass_lend(struct pass *pass, size_t k, const double *x)
{
    pass->part[k] = x;
}

/* Fill pre and act of levels entry-1..0; the output f_0 is pre[0], not normalised. */
void pass_forward(struct pass *pass, double *parameters);

/* From delta[0] = d loss / d f_0: add to `gradient` (parameters of levels 0..entry-1) and fill
 * delta of all levels up to the entry. */
void pass_backward(struct pass *pass, double *parameters, double *gradient);

/* The same for levels `top` to `bottom` alone: from delta[top] = d loss / d f_top, without
 * gradients to what lies below `bottom`.  With bottom = levels - 1 they reach the entry. */
void pass_backward_levels(struct pass *pass, double *parameters, double *gradient, int top,
                          int bottom);

/* Add delta at the entry of columns [column, column + count) to the rows of their patterns. */
void pass_scatter(const struct pass *pass, const uint16_t *pattern, size_t stride, size_t column,
                  size_t count, double *delta_lookup);

double pass_flops(const struct pass *pass, bool backward);
double pass_backward_flops(const struct pass *pass, int top, int bottom);

#endif
