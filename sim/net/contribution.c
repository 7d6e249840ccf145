#include "sim/net/contribution.h"

#include "sim/net/level.h"

#include <string.h>

void contribution_layout(struct contribution *j, const struct network *n, int level,
                         size_t patterns, const struct batch_patterns *batch_patterns,
                         bool backward, struct arena *arena)
{
    const size_t most = batch_patterns ? batch_patterns->most : padded(patterns);
    const size_t stride = batch_patterns ? batch_patterns_stride(batch_patterns) : most;
    const int width = n->level[level].width, below = n->level[level + 1].width;
    const int fan_in = n->level[level].fan_in;
    const int step = batch_patterns ? BATCH_PATTERNS_STEP : (int)most, columns = (int)stride;
    const size_t size = nodes_of(n, level + 1) * (size_t)width * stride;
    *j = (struct contribution){.network = n,
                               .level = level,
                               .batch_patterns = batch_patterns,
                               .patterns = batch_patterns ? most : patterns,
                               .stride = stride,
                               .step = (size_t)step,
                               .lookup =
                                   lookup_plan(nodes_of(n, level), (size_t)n->level[level].children,
                                               batch_patterns ? most : patterns, (size_t)width)};
    j->sum = ARENA_TAKE(arena, double, size);
    if (backward)
        j->delta = ARENA_TAKE(arena, double, size);
    j->rows = ARENA_TAKE(arena, double, lookup_size(&j->lookup));
    product_plan(&j->forward, PRODUCT_FORWARD, width, below, step, columns, fan_in);
    product_plan(&j->outer, PRODUCT_OUTER, width, below, step, columns, fan_in);
    product_plan(&j->backward, PRODUCT_BACKWARD, width, below, step, columns, fan_in);
}

/* One child at work: its number in its level, W from its columns on, and its arrays. */
struct child {
    size_t weights, value, sum;
    size_t rows, columns; /* in use; padded */
};

static struct child child_of(const struct contribution *j, size_t parent, size_t c)
{
    const struct network *n = j->network;
    const size_t below = (size_t)n->level[j->level + 1].width;
    const size_t node = parent * j->lookup.children + c;
    return (struct child){
        .rows = contribution_rows(j, node),
        .columns = j->batch_patterns ? batch_patterns_columns(j->batch_patterns, node) : j->step,
        .weights = weight_offset(n, j->level, parent) + c * below,
        .value = node * below * j->stride,
        .sum = node * j->lookup.width * j->stride};
}

void contribution_forward(struct contribution *j, double *parameters, double *value, size_t node)
{
    const struct network *n = j->network;
    const double *bias = n->bias ? parameters + bias_offset(n, j->level, node) : NULL;
    for (size_t c = 0; c < j->lookup.children; c++) {
        const struct child child = child_of(j, node, c);
        for (size_t i = 0; i < child.columns; i += j->step)
            product_run(&j->forward, parameters + child.weights, value + child.value + i,
                        j->sum + child.sum + i);
        lookup_fill(&j->lookup, j->rows + lookup_offset(&j->lookup, node, c), child.rows,
                    j->sum + child.sum, j->stride, c == 0 ? bias : NULL);
    }
}

/* d loss / d sum of a child: the rows' columns, and no gradient in their padding. */
static double *child_delta(const struct contribution *j, struct child child, const double *rows)
{
    double *delta = j->delta + child.sum;
    lookup_take(&j->lookup, rows, child.rows, delta, j->stride);
    for (size_t k = 0; k < j->lookup.width; k++)
        memset(delta + k * j->stride + child.rows, 0, (child.columns - child.rows) * sizeof *delta);
    return delta;
}

void contribution_backward(struct contribution *j, const double *delta_rows, double *parameters,
                           double *gradient, double *value, double *delta_value, size_t node)
{
    for (size_t c = 0; c < j->lookup.children; c++) {
        const struct child child = child_of(j, node, c);
        double *delta = child_delta(j, child, delta_rows + lookup_offset(&j->lookup, node, c));
        struct product outer = j->outer;
        outer.samples = (int)child.columns;
        product_run(&outer, gradient + child.weights, value + child.value, delta);
        if (c == 0)
            level_bias_gradient(j->network, j->level, node, &outer, delta, gradient);
        for (size_t i = 0; i < child.columns; i += j->step)
            product_run(&j->backward, parameters + child.weights, delta_value + child.value + i,
                        delta + i);
    }
}

double contribution_flops(const struct contribution *j, bool backward)
{
    double columns = 0;
    for (size_t i = 0; i < j->lookup.nodes * j->lookup.children; i++)
        columns +=
            (double)(j->batch_patterns ? batch_patterns_columns(j->batch_patterns, i) : j->step);
    return columns / (double)j->step * (backward ? 3 : 1) * product_flops(&j->forward);
}
