#include "sim/join.h"

#include "sim/level.h"

void join_layout(struct join *j, const struct network *n, int level, size_t patterns, size_t stride,
                 bool backward, struct arena *arena)
{
    const int width = n->level[level].width, below = n->level[level + 1].width;
    const int fan_in = n->level[level].fan_in, columns = (int)stride;
    const size_t size = nodes_of(n, level + 1) * (size_t)width * stride;
    *j = (struct join){.network = n,
                       .level = level,
                       .patterns = patterns,
                       .stride = stride,
                       .lookup = lookup_plan(nodes_of(n, level), (size_t)n->level[level].children,
                                             patterns, (size_t)width)};
    j->sum = ARENA_TAKE(arena, double, size);
    if (backward)
        j->delta = ARENA_TAKE(arena, double, size);
    j->rows = ARENA_TAKE(arena, double, lookup_size(&j->lookup));
    product_plan(&j->forward, PRODUCT_FORWARD, width, below, columns, columns, fan_in);
    product_plan(&j->outer, PRODUCT_OUTER, width, below, columns, columns, fan_in);
    product_plan(&j->backward, PRODUCT_BACKWARD, width, below, columns, columns, fan_in);
}

/* One child at work: its number in its level, W from its columns on, and its arrays. */
struct child {
    size_t node, weights, value, sum;
};

static struct child child_of(const struct join *j, size_t parent, size_t c)
{
    const struct network *n = j->network;
    const size_t below = (size_t)n->level[j->level + 1].width;
    const size_t node = parent * j->lookup.children + c;
    return (struct child){.node = node,
                          .weights = weight_offset(n, j->level, parent) + c * below,
                          .value = node * below * j->stride,
                          .sum = node * j->lookup.width * j->stride};
}

void join_forward(struct join *j, double *parameters, double *value, size_t node)
{
    const struct network *n = j->network;
    const double *bias = n->bias ? parameters + bias_offset(n, j->level, node) : NULL;
    for (size_t c = 0; c < j->lookup.children; c++) {
        const struct child child = child_of(j, node, c);
        product_run(&j->forward, parameters + child.weights, value + child.value,
                    j->sum + child.sum);
        lookup_fill(&j->lookup, j->rows + lookup_offset(&j->lookup, node, c), j->patterns,
                    j->sum + child.sum, j->stride, c == 0 ? bias : NULL);
    }
}

/* The padding of `delta` stays 0. */
void join_backward(struct join *j, const double *delta_rows, double *parameters, double *gradient,
                   double *value, double *delta_value, size_t node)
{
    for (size_t c = 0; c < j->lookup.children; c++) {
        const struct child child = child_of(j, node, c);
        double *delta = j->delta + child.sum;
        lookup_take(&j->lookup, delta_rows + lookup_offset(&j->lookup, node, c), j->patterns, delta,
                    j->stride);
        product_run(&j->outer, gradient + child.weights, value + child.value, delta);
        if (c == 0)
            level_bias_gradient(j->network, j->level, node, &j->outer, delta, gradient);
        product_run(&j->backward, parameters + child.weights, delta_value + child.value, delta);
    }
}

double join_flops(const struct join *j, bool backward)
{
    const double children = (double)(j->lookup.nodes * j->lookup.children);
    return children * (backward ? 3 : 1) * product_flops(&j->forward);
}
