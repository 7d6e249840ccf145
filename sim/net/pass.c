#include "sim/net/pass.h"

#include "sim/net/level.h"

#include <string.h>

/* The output of a symmetric network: pre becomes ReLU(pre - bias) - ReLU(-pre - bias). */
static void shrink(double bias, double *pre, size_t count)
{
    for (size_t s = 0; s < count; s++) {
        const double above = pre[s] - bias, below = pre[s] + bias;
        pre[s] = (above <= 0 ? 0 : above) + (below >= 0 ? 0 : below); /* NaN stays */
    }
}

/* The same through `shrink`, which left 0 where no gradient passes. */
static void gate_shrunk(double *delta, const double *output, size_t count)
{
    for (size_t s = 0; s < count; s++)
        delta[s] = output[s] != 0 ? delta[s] : 0;
}

static size_t level_size(const struct pass *p, int l)
{
    return nodes_of(p->network, l) * (size_t)width_of(p->network, l) * p->columns;
}

void pass_layout_delta(struct pass *p, struct arena *arena)
{
    for (int l = 0; l <= p->tables->entry; l++)
        p->delta[l] = ARENA_TAKE(arena, double, level_size(p, l));
}

void pass_layout(struct pass *p, const struct pattern_tables *tables, size_t columns, bool keep,
                 bool backward, struct arena *arena)
{
    const struct network *n = tables->network;
    *p = (struct pass){
        .network = n, .tables = tables, .columns = padded(columns), .learning = padded(columns)};
    for (int l = 0; l <= tables->entry; l++) {
        size_t size = level_size(p, l);
        if (l > 0)
            p->act[l] = ARENA_TAKE(arena, double, size);
        if (l < tables->boundary)
            p->pre[l] = keep || l == 0 ? ARENA_TAKE(arena, double, size) : p->act[l];
        if (l < tables->entry)
            level_plan(n, l, p->columns, &p->forward[l], &p->outer[l], &p->backward[l]);
    }
    if (backward)
        pass_layout_delta(p, arena);
}

void pass_limit(struct pass *p, size_t columns)
{
    p->learning = columns;
    for (int l = 0; l < p->tables->entry; l++)
        level_plan_gradient(p->network, l, p->columns, columns, &p->outer[l], &p->backward[l]);
}

/* Whether samples look up pre-activations, which then go through a ReLU. */
static bool gates_entry(const struct pass *p)
{
    const struct pattern_tables *t = p->tables;
    return p->network->relu && t->entry > 0 && t->entry < t->boundary;
}

void pass_look_up(struct pass *p, const uint16_t *pattern, size_t stride, size_t column,
                  size_t count)
{
    const struct pattern_tables *t = p->tables;
    const size_t width = t->lookup.width;
    double *pre = t->entry < t->boundary ? p->pre[t->entry] : p->act[t->entry];
    double *act = t->entry > 0 ? p->act[t->entry] : pre;
    const bool relu = gates_entry(p);
    for (size_t node = 0; node < nodes_of(p->network, t->entry); node++) {
        const size_t first = node * width * p->columns + column;
        lookup_read(&t->lookup, t->rows, node, pattern + node * t->lookup.children * stride, stride,
                    count, pre + first, relu ? act + first : NULL, p->columns);
        if (!relu && act != pre)
            level_activate(p->network, t->entry, NULL, pre + first, act + first, p->columns, count);
    }
}

void pass_load(struct pass *p, const double *x, size_t stride, size_t column, size_t count)
{
    double *out = p->act[p->tables->entry] + column;
    for (size_t i = 0; i < p->network->leaves; i++)
        memcpy(out + i * p->columns, x + i * stride, count * sizeof *out);
}

void pass_borrow_layout(struct pass *p, size_t borrowed, size_t stride, struct arena *arena)
{
    const struct level *level = &p->network->level[p->network->levels - 1];
    p->borrowed = borrowed;
    p->part = ARENA_TAKE(arena, const double *, p->columns / borrowed);
    product_plan_apart(&p->part_forward, PRODUCT_FORWARD, level->width, level->fan_in,
                       (int)borrowed, (int)p->columns, (int)stride, level->fan_in);
    product_plan_apart(&p->part_outer, PRODUCT_OUTER, level->width, level->fan_in, (int)borrowed,
                       (int)p->columns, (int)stride, level->fan_in);
}

/* Products of the lowest level with inputs that are borrowed, for the first `columns`. */
static void run_parts(const struct pass *p, const struct product *product, double *w, double *y,
                      size_t columns)
{
    for (size_t k = 0; k < columns / p->borrowed; k++)
        product_run(product, w, (double *)p->part[k], y + k * p->borrowed);
}

void pass_forward(struct pass *p, double *parameters)
{
    const struct network *n = p->network;
    for (int l = p->tables->entry - 1; l >= 0; l--) {
        const struct level *level = &n->level[l];
        size_t width = (size_t)level->width;
        for (size_t node = 0; node < level->nodes; node++) {
            double *pre = p->pre[l] + node * width * p->columns;
            double *w = parameters + weight_offset(n, l, node);
            if (p->borrowed && l + 1 == n->levels)
                run_parts(p, &p->part_forward, w, pre, p->columns);
            else
                product_run(&p->forward[l], w,
                            p->act[l + 1] + node * (size_t)level->fan_in * p->columns, pre);
            double *act = l > 0 ? p->act[l] + node * width * p->columns : pre;
            const double *b = parameters + bias_offset(n, l, node);
            for (size_t k = 0; n->symmetric && k < width; k++)
                shrink(b[k], pre + k * p->columns, p->columns);
            if (!n->symmetric)
                level_activate(n, l, n->bias ? b : NULL, pre, act, p->columns, p->columns);
        }
    }
}

void pass_backward(struct pass *p, double *parameters, double *gradient)
{
    pass_backward_levels(p, parameters, gradient, 0, p->network->levels - 1);
}

void pass_backward_levels(struct pass *p, double *parameters, double *gradient, int top, int bottom)
{
    const struct network *n = p->network;
    if (top > 0 && n->relu)
        level_gate(p->delta[top], p->act[top], level_size(p, top));
    for (int l = top; l <= bottom && l < p->tables->entry; l++) {
        const struct level *level = &n->level[l];
        for (size_t node = 0; node < level->nodes; node++) {
            size_t inputs = (size_t)level->fan_in * p->columns;
            double *delta = p->delta[l] + node * (size_t)level->width * p->columns;
            double *input = p->act[l + 1] + node * inputs;
            if (n->symmetric)
                gate_shrunk(delta, p->pre[l], (size_t)level->width * p->columns);
            if (p->borrowed && l + 1 == n->levels) {
                run_parts(p, &p->part_outer, gradient + weight_offset(n, l, node), delta,
                          p->learning);
                level_bias_gradient(n, l, node, &p->outer[l], delta, gradient);
                continue;
            }
            level_gradient(n, l, node, &p->outer[l], delta, input, gradient);
            if (l == bottom)
                continue;
            double *delta_input = p->delta[l + 1] + node * inputs;
            product_run(&p->backward[l], parameters + weight_offset(n, l, node), delta_input,
                        delta);
            if (n->relu && !(l + 1 == p->tables->entry && gates_entry(p)))
                level_gate(delta_input, input, inputs);
        }
    }
}

/* Of a level, as the level above sees it; before the output is normalised. */
static double *values(const struct pass *p, int level)
{
    return level > 0 ? p->act[level] : p->pre[0];
}

void pass_outputs(const struct pass *p, int top, size_t column, size_t count, size_t stride,
                  double *out)
{
    const struct network *n = p->network;
    const size_t width = level_size(p, top) / p->columns;
    for (size_t k = 0; k < width; k++)
        memcpy(out + k * stride, values(p, top) + k * p->columns + column, count * sizeof *out);
    if (n->normalize)
        normalize_forward((int)width, count, stride, n->norm_eps, out, out);
}

void pass_take_gradient(struct pass *p, int top, size_t column, size_t count, const double *df,
                        size_t stride, size_t samples)
{
    const struct network *n = p->network;
    const size_t width = level_size(p, top) / p->columns;
    double *delta = p->delta[top] + column;
    for (size_t k = 0; k < width; k++) {
        memcpy(delta + k * p->columns, df + k * stride, samples * sizeof *delta);
        memset(delta + k * p->columns + samples, 0, (count - samples) * sizeof *delta);
    }
    if (n->normalize)
        normalize_backward((int)width, count, p->columns, n->norm_eps, values(p, top) + column,
                           delta, delta);
}

void pass_scatter(const struct pass *p, const uint16_t *pattern, size_t stride, size_t column,
                  size_t count, double *delta_lookup)
{
    const struct pattern_tables *t = p->tables;
    if (t->boundary == p->network->levels)
        return;
    for (size_t node = 0; node < nodes_of(p->network, t->entry); node++) {
        const size_t first = node * t->lookup.width * p->columns + column;
        lookup_add(&t->lookup, delta_lookup, node, pattern + node * t->lookup.children * stride,
                   stride, count, p->delta[t->entry] + first,
                   gates_entry(p) ? p->act[t->entry] + first : NULL, p->columns);
    }
}

double pass_flops(const struct pass *p, bool backward)
{
    double flops = backward ? pass_backward_flops(p, 0, p->network->levels - 1) : 0;
    for (int l = 0; l < p->tables->entry; l++)
        flops += (double)p->network->level[l].nodes * product_flops(&p->forward[l]);
    return flops;
}

double pass_backward_flops(const struct pass *p, int top, int bottom)
{
    double flops = 0;
    for (int l = top; l <= bottom && l < p->tables->entry; l++)
        flops += (l == bottom ? 1 : 2) * (double)p->network->level[l].nodes *
                 product_flops(&p->outer[l]);
    return flops;
}
