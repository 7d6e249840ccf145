/* Rows of numbers that are looked up by pattern: [node][child][pattern][row]. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* How they lie; `row` is the width, padded to 4. */
struct lookup {
    size_t nodes, children, width;
    size_t row, child, node; /* doubles between patterns, children and nodes; node 0: all nodes
                                share one node's */
};

/* Room for so many patterns of each child. */
struct lookup lookup_plan(size_t nodes, size_t children, size_t patterns, size_t width);

/* Doubles of all rows. */
size_t lookup_size(const struct lookup *lookup);

static inline size_t lookup_offset(const struct lookup *lookup, size_t node, size_t child)
{
    return node * lookup->node + child * lookup->child;
}

/* One child's first `patterns` rows from columns in[width][stride], plus `bias` [width] where that
 * is not NULL; and back. */
void lookup_fill(const struct lookup *lookup, double *rows, size_t patterns, const double *in,
                 size_t stride, const double *bias);
void lookup_take(const struct lookup *lookup, const double *rows, size_t patterns, double *out,
                 size_t stride);

/* Look up `count` samples at a node: out[width][columns] is the sum over its children of the
 * rows pattern[child * stride + sample], and act[width][columns] is ReLU(out) where that is not
 * NULL; both may be one array, which then is ReLU(out). */
void lookup_read(const struct lookup *lookup, const double *rows, size_t node,
                 const uint16_t *pattern, size_t stride, size_t count, double *out, double *act,
                 size_t columns);

/* ... and back: add in[width][columns] to these rows, sample by sample; where `act` is not NULL
 * only that where the neuron is open, act > 0. */
void lookup_add(const struct lookup *lookup, double *rows, size_t node, const uint16_t *pattern,
                size_t stride, size_t count, const double *in, const double *act, size_t columns);
