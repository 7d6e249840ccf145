/* From the neurons of children, a column a pattern, to what they add to their parents'
 * pre-activations: W_c f of child c, and the parent's bias with its first child.  They lie in rows
 * to be looked up, so that a parent's products are made once a pattern of a child. */
#ifndef DUET_SIM_JOIN_H
#define DUET_SIM_JOIN_H

#include "core/arena.h"
#include "core/product.h"
#include "sim/net/lookup.h"
#include "sim/net/occurring.h"

struct join {
    const struct network *network;
    int level;                         /* of the parents */
    const struct occurring *occurring; /* patterns of the children, NULL: all that they can have */
    size_t patterns, stride;           /* of a child at most; padded */
    size_t step;                       /* columns of a product */
    double *sum, *delta;               /* [child][width of the parent][stride] */
    struct lookup lookup;              /* of parents */
    double *rows;
    struct product forward, outer, backward; /* of one child */
};

/* Lay out for children with columns of all `patterns`, or of those that are `occurring` if that is
 * not NULL; `backward`: with arrays for gradients. */
void join_layout(struct join *join, const struct network *network, int level, size_t patterns,
                 const struct occurring *occurring, bool backward, struct arena *arena);

/* Rows of a child, by its number in its level, that are in use. */
static inline size_t join_rows(const struct join *join, size_t child)
{
    return join->occurring ? join->occurring->count[child] : join->patterns;
}

/* Fill the rows of a parent from value[child][width][stride] of all children of its level. */
void join_forward(struct join *join, double *parameters, double *value, size_t node);

/* From sums of d loss / d row, laid out as the rows: add to the gradient of a parent's W and b, and
 * fill delta_value = d loss / d value of its children. */
void join_backward(struct join *join, const double *delta_rows, double *parameters,
                   double *gradient, double *value, double *delta_value, size_t node);

double join_flops(const struct join *join, bool backward);

#endif
