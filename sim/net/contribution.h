/* For every pattern of a child: its contribution W_c f to the parent's pre-activation (the first
 * child's includes the bias), stored as rows of a lookup table.  So the products of a parent are
 * computed once per pattern of a child. */
#pragma once

#include "core/arena.h"
#include "core/product.h"
#include "sim/net/batch_patterns.h"
#include "sim/net/lookup.h"

struct contribution {
    const struct network *network;
    int level; /* of the parents */
    const struct batch_patterns
        *batch_patterns;     /* patterns of the children, NULL: all that they can have */
    size_t patterns, stride; /* of a child at most; padded */
    size_t step;             /* columns of a product */
    double *sum, *delta;     /* [child][width of the parent][stride] */
    struct lookup lookup;    /* of parents */
    double *rows;
    struct product forward, outer, backward; /* of one child */
};

/* Lay out for children with columns of all `patterns`, or of those that are `batch_patterns` if
 * that is not NULL; `backward`: with arrays for gradients. */
void contribution_layout(struct contribution *contribution, const struct network *network,
                         int level, size_t patterns, const struct batch_patterns *batch_patterns,
                         bool backward, struct arena *arena);

/* Rows of a child, by its number in its level, that are in use. */
static inline size_t contribution_rows(const struct contribution *contribution, size_t child)
{
    return contribution->batch_patterns ? contribution->batch_patterns->count[child]
                                        : contribution->patterns;
}

/* Fill the rows of a parent from value[child][width][stride] of all children of its level. */
void contribution_forward(struct contribution *contribution, double *parameters, double *value,
                          size_t node);

/* From sums of d loss / d row, laid out as the rows: add to the gradient of a parent's W and b, and
 * fill delta_value = d loss / d value of its children. */
void contribution_backward(struct contribution *contribution, const double *delta_rows,
                           double *parameters, double *gradient, double *value, double *delta_value,
                           size_t node);

double contribution_flops(const struct contribution *contribution, bool backward);
