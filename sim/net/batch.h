/* One explicit batch: outputs of given samples, and the gradient of whatever is a function of them,
 * by the passes that training uses.  For measurements, reference files, finite-difference tests and
 * exact sums over small supports. */
#pragma once

#include "sim/net/outputs.h"
#include "sim/net/pass.h"
#include "sim/net/views.h"

struct batch {
    const struct network *network;
    int gradient_views;     /* the first so many views have gradients */
    size_t samples, stride; /* samples of a view; padded, also of a row of `pattern` */
    struct pattern_tables tables;
    struct pass pass; /* columns [view * stride, view * stride + samples) are a view's */
    /* For losses with labels the caller sets outputs.label, an array of its own. */
    struct outputs outputs;
    uint16_t *pattern; /* [view][boundary node][stride] */
    double *delta_lookup;
};

/* `boundary`: level from which down the network is evaluated by pattern; 0: as boundary_level
 * chooses; network->levels: not at all. */
void batch_layout_views(struct batch *batch, const struct network *network, int views,
                        size_t samples, int boundary, struct arena *arena);

/* While laying out: only the first so many views have gradients. */
void batch_limit(struct batch *batch, int gradient_views);

/* Samples of one view: leaf states [leaf][stride], or real values [leaf][stride]. */
void batch_set_states(struct batch *batch, int view, const uint8_t *leaf, size_t stride);
void batch_set_values(struct batch *batch, int view, const double *x, size_t stride);

/* The place of one view's samples, for views_fill: patterns, or real values. */
struct rows batch_rows(struct batch *batch, int view);

/* Row of input `i` of one view, [samples], to write real values into. */
static inline double *batch_value(struct batch *batch, int view, size_t i)
{
    return batch->pass.act[batch->tables.entry] + i * batch->pass.columns +
           (size_t)view * batch->stride;
}

/* Fill batch->outputs.f (normalised where the network is), pass.pre and pass.act. */
void batch_forward(struct batch *batch, double *parameters);

/* The gradient ([parameters], overwritten) that outputs.df stands for, after batch_forward. */
void batch_backward(struct batch *batch, double *parameters, double *gradient);
