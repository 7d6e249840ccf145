/* Forward and backward passes of a network over a batch: one column per sample, one pass per
 * thread. They begin where samples look up rows that are evaluated once per pattern
 * (sim/net/pattern_tables.h).  Rows are feature-major, [feature][stride]. */
#pragma once

#include "sim/net/pattern_tables.h"

struct pass {
    const struct network *network;
    const struct pattern_tables *tables; /* entry and lookup */
    size_t columns;                      /* samples, a multiple of 8 */
    size_t learning;                     /* the first so many of them have gradients */
    /* f~ of level 0..entry-1, and of the entry where it lies above the boundary,
     * [node][width][columns], but f_0 of a symmetric network; psi(f~) of level 1..entry, which are
     * the inputs of the level above, [node][fan_in][columns].  Both are one array unless `keep`. */
    double *pre[NETWORK_MAX_LEVELS], *act[NETWORK_MAX_LEVELS + 1];
    /* d loss / d f~, backward only; at an entry above the boundary before its ReLU's gate. */
    double *delta[NETWORK_MAX_LEVELS + 1];
    struct product forward[NETWORK_MAX_LEVELS], outer[NETWORK_MAX_LEVELS],
        backward[NETWORK_MAX_LEVELS];
    /* Zero-copy inputs: the pass reads them where the source wrote them (pass_borrow_layout). */
    size_t borrowed;     /* columns of a part; 0: inputs are copied into `act` */
    const double **part; /* [columns / borrowed] */
    struct product part_forward, part_outer;
};

/* `keep`: keep pre-activations beside activations; `backward`: with arrays for gradients. */
void pass_layout(struct pass *pass, const struct pattern_tables *tables, size_t columns, bool keep,
                 bool backward, struct arena *arena);

/* Gradients of the first `columns` columns only, a multiple of 8; the others of delta[0] are
 * ignored. */
void pass_limit(struct pass *pass, size_t columns);

/* The gradient arrays alone, in a pass that was laid out without `backward`.  Passes of the same
 * shape may use one set in turn: nothing in it outlives pass_backward and pass_scatter. */
void pass_layout_delta(struct pass *pass, struct arena *arena);

/* Look up `count` samples into columns [column, column + count); the rest of the columns is left.
 * pattern[child * stride + s]: of the children of the entry's nodes in their order, or of the
 * leaves where these are the entry; where patterns that occur are looked for, the number of its
 * column. */
void pass_look_up(struct pass *pass, const uint16_t *pattern, size_t stride, size_t column,
                  size_t count);

/* Real-valued data: copy x[leaf * stride + s] into the columns instead. */
void pass_load(struct pass *pass, const double *x, size_t stride, size_t column, size_t count);

/* ... or borrow them: real-valued inputs of columns [k borrowed, (k + 1) borrowed) stay where they
 * are, x[input * stride + i], on 64 bytes, until the pass is done with them.  For a lowest level of
 * one node; `borrowed` is a multiple of 8 and divides the columns and those that learn.  Lay out
 * first, after pass_limit. */
void pass_borrow_layout(struct pass *pass, size_t borrowed, size_t stride, struct arena *arena);

static inline void pass_borrow(struct pass *pass, size_t k, const double *x)
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

/* f_top of `count` columns from `column` on into out[neuron of the level][stride], normalised where
 * the network is; `count` a multiple of 8. */
void pass_outputs(const struct pass *pass, int top, size_t column, size_t count, size_t stride,
                  double *out);

/* ... and back: delta[top] of these columns from df, laid out as `out`, of the first `samples` of
 * them; 0 in the others. */
void pass_take_gradient(struct pass *pass, int top, size_t column, size_t count, const double *df,
                        size_t stride, size_t samples);

/* Add delta at the entry of columns [column, column + count) to the rows of their patterns. */
void pass_scatter(const struct pass *pass, const uint16_t *pattern, size_t stride, size_t column,
                  size_t count, double *delta_lookup);

double pass_flops(const struct pass *pass, bool backward);
double pass_backward_flops(const struct pass *pass, int top, int bottom);
