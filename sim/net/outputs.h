/* The outputs of a network for the views of a batch of samples, and the gradient with respect to
 * them: what passes between networks and losses. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* [view][width][stride] each; rows are padded. */
struct outputs {
    size_t samples, stride;
    int width, views;
    const double *f;
    double *df; /* d loss / d f, written by a loss for the views that have gradients */
    /* [samples] share of each sample in the loss, NULL: 1 / samples.  Losses per sample only. */
    const double *weight;
    /* [samples] what losses with labels compare, NULL: no two samples have the same. */
    const uint8_t *label;
};

static inline size_t output_index(const struct outputs *o, int view, int k, size_t s)
{
    return ((size_t)view * (size_t)o->width + (size_t)k) * o->stride + s;
}
