#include "sim/net/pattern_tables.h"

#include "sim/net/level.h"

#include <string.h>

/* Whether leaves themselves are looked up, and nothing is evaluated by pattern. */
static bool of_leaves(const struct pattern_tables *t)
{
    return t->boundary == t->network->levels;
}

/* The first node of level l in the subtree of an entry node. */
static size_t below(const struct pattern_tables *t, int l, size_t entry_node)
{
    return entry_node * (nodes_of(t->network, l) / nodes_of(t->network, t->entry));
}

/* Patterns of a node at level l in the order of child c's digit: pattern (high, digit, low) is
 * (high * digits + digit) * step + low. */
struct digits {
    size_t high, digits, step;
};

static struct digits digits_of(const struct pattern_tables *t, int l, int c)
{
    struct digits d = {.digits = t->patterns[l + 1], .step = 1};
    for (int i = t->network->level[l].children - 1; i > c; i--)
        d.step *= d.digits;
    d.high = t->patterns[l] / (d.digits * d.step);
    return d;
}

/* The input of a leaf of state v: the state itself (m = 2), or indicator k. */
static double leaf_value(const struct network *network, size_t v, int k)
{
    return network->leaf_states == 2 ? (double)v : (double)(v == (size_t)k);
}

/* Row (c, k) of a node's input: value of child c's neuron k at the child's part of each pattern. */
static void expand_row(struct digits d, const double *restrict value, double *restrict out)
{
    for (size_t high = 0; d.step == 1 && high < d.high; high++, out += d.digits)
        for (size_t digit = 0; digit < d.digits; digit++)
            out[digit] = value[digit];
    for (size_t high = 0; d.step > 1 && high < d.high; high++)
        for (size_t digit = 0; digit < d.digits; digit++, out += d.step)
            for (size_t low = 0; low < d.step; low++)
                out[low] = value[digit];
}

static void expand(struct pattern_tables *t, int l, size_t node)
{
    const struct level *level = &t->network->level[l];
    size_t width = (size_t)width_of(t->network, l + 1), fan_in = (size_t)level->fan_in;
    double *out = t->input[l] + node * fan_in * t->stride[l];
    bool leaves = l + 1 == t->network->levels;
    for (int c = 0; c < level->children; c++) {
        struct digits d = digits_of(t, l, c);
        size_t child = leaves ? 0 : node * (size_t)level->children + (size_t)c;
        for (size_t k = 0; k < width; k++, out += t->stride[l])
            expand_row(d, t->value[l + 1] + (child * width + k) * t->stride[l + 1], out);
    }
}

/* Where the columns of a node of the level above the boundary lie. */
static size_t batch_patterns_first(const struct pattern_tables *t, size_t node)
{
    return node * (size_t)width_of(t->network, t->boundary - 1) *
           batch_patterns_stride(t->batch_patterns);
}

/* Values of the patterns that occur at a node above the boundary. */
static void evaluate_occurring(struct pattern_tables *t, double *parameters, size_t node)
{
    const struct batch_patterns *o = t->batch_patterns;
    const size_t stride = batch_patterns_stride(o), columns = batch_patterns_columns(o, node);
    const struct lookup *below = &t->contribution.lookup;
    double *value = t->batch_patterns_value + batch_patterns_first(t, node);
    contribution_forward(&t->contribution, parameters, t->value[t->boundary], node);
    lookup_read(below, t->contribution.rows, node, o->pattern + node * below->children * o->most,
                o->most, columns, value, t->network->relu ? value : NULL, stride);
}

static void fill_sums(struct pattern_tables *t, double *parameters, size_t node)
{
    if (!t->batch_patterns) {
        contribution_forward(&t->contribution, parameters, t->value[t->boundary], node);
        return;
    }
    const size_t children = t->upper.lookup.children;
    for (size_t i = node * children; i < (node + 1) * children; i++)
        evaluate_occurring(t, parameters, i);
    contribution_forward(&t->upper, parameters, t->batch_patterns_value, node);
}

/* Leaves never change: their values, and the inputs or the lookup made of them. */
static void set_leaves(struct pattern_tables *t)
{
    const struct network *n = t->network;
    for (size_t v = 0; v < t->patterns[n->levels]; v++)
        for (int k = 0; k < n->leaf_width; k++)
            t->value[n->levels][(size_t)k * t->stride[n->levels] + v] = leaf_value(n, v, k);
    if (of_leaves(t))
        lookup_fill(&t->lookup, t->rows, t->patterns[n->levels], t->value[n->levels],
                    t->stride[n->levels], NULL);
    for (size_t i = 0; t->boundary < n->levels && i < n->level[n->levels - 1].nodes; i++)
        expand(t, n->levels - 1, i);
}

static void layout_occurring(struct pattern_tables *t, bool backward, struct arena *arena)
{
    const size_t size = batch_patterns_first(t, nodes_of(t->network, t->boundary - 1));
    contribution_layout(&t->upper, t->network, t->entry, 0, t->batch_patterns, backward, arena);
    t->batch_patterns_value = ARENA_TAKE(arena, double, size);
    if (!backward)
        return;
    t->batch_patterns_delta = ARENA_TAKE(arena, double, size);
    t->contribution_delta = ARENA_TAKE(arena, double, lookup_size(&t->contribution.lookup));
}

/* Leaves share their rows. */
static void layout_lookup(struct pattern_tables *t, bool backward, struct arena *arena)
{
    const struct network *n = t->network;
    const int l = t->boundary;
    if (of_leaves(t)) {
        t->lookup = lookup_plan(n->leaves, 1, t->patterns[l], (size_t)n->leaf_width);
        t->lookup.node = 0;
        t->rows = ARENA_TAKE(arena, double, lookup_size(&t->lookup));
        return;
    }
    contribution_layout(&t->contribution, n, l - 1, t->patterns[l], NULL, backward, arena);
    if (t->batch_patterns)
        layout_occurring(t, backward, arena);
    t->lookup = t->batch_patterns ? t->upper.lookup : t->contribution.lookup;
    t->rows = t->batch_patterns ? t->upper.rows : t->contribution.rows;
}

void pattern_tables_layout(struct pattern_tables *t, const struct network *network, int boundary,
                           const struct batch_patterns *batch_patterns, int threads,
                           struct arena *arena)
{
    *t = (struct pattern_tables){
        .network = network, .boundary = boundary, .batch_patterns = batch_patterns};
    t->entry = of_leaves(t) ? boundary : boundary - (batch_patterns ? 2 : 1);
    for (int l = boundary; l <= network->levels; l++) {
        t->patterns[l] = pattern_count(network, l);
        t->stride[l] = padded(t->patterns[l]);
    }
    for (int l = boundary; l < network->levels; l++) {
        const struct level *level = &network->level[l];
        size_t rows = level->nodes * (size_t)level->width;
        size_t fan_in = (size_t)level->fan_in;
        t->input[l] = ARENA_TAKE(arena, double, level->nodes *fan_in * t->stride[l]);
        t->pre[l] = ARENA_TAKE(arena, double, rows * t->stride[l]);
        t->value[l] = network->relu ? ARENA_TAKE(arena, double, rows * t->stride[l]) : t->pre[l];
        if (threads > 0)
            t->delta[l] = ARENA_TAKE(arena, double, rows * t->stride[l]);
        if (fan_in * t->stride[l] > t->delta_input_size)
            t->delta_input_size = fan_in * t->stride[l];
        level_plan(network, l, t->stride[l], &t->forward[l], &t->outer[l], &t->backward[l]);
    }
    t->delta_input = ARENA_TAKE(arena, double, (size_t)threads * t->delta_input_size);
    t->value[network->levels] =
        ARENA_TAKE(arena, double, (size_t)network->leaf_width * t->stride[network->levels]);
    layout_lookup(t, threads > 0, arena);
    if (arena->base && network->leaf_states > 0)
        set_leaves(t);
}

static void table_node_forward(struct pattern_tables *t, double *parameters, int l, size_t node)
{
    const struct network *n = t->network;
    const struct level *level = &n->level[l];
    size_t stride = t->stride[l];
    double *pre = t->pre[l] + node * (size_t)level->width * stride;
    if (l < n->levels - 1)
        expand(t, l, node);
    product_run(&t->forward[l], parameters + weight_offset(n, l, node),
                t->input[l] + node * (size_t)level->fan_in * stride, pre);
    const double *b = parameters + bias_offset(n, l, node);
    double *value = t->value[l] + node * (size_t)level->width * stride;
    level_activate(n, l, n->bias ? b : NULL, pre, value, stride, stride);
}

void pattern_tables_forward(struct pattern_tables *t, double *parameters, size_t first, size_t end)
{
    if (of_leaves(t))
        return;
    for (int l = t->network->levels - 1; l >= t->boundary; l--)
        for (size_t node = below(t, l, first); node < below(t, l, end); node++)
            table_node_forward(t, parameters, l, node);
    for (size_t node = first; node < end; node++)
        fill_sums(t, parameters, node);
}

/* From d loss / d value of the patterns that occur at a node above the boundary to the boundary. */
static void take_occurring(struct pattern_tables *t, double *parameters, double *gradient,
                           size_t node)
{
    const struct batch_patterns *o = t->batch_patterns;
    const size_t stride = batch_patterns_stride(o), first = batch_patterns_first(t, node);
    const struct lookup *below = &t->contribution.lookup;
    memset(t->contribution_delta + lookup_offset(below, node, 0), 0, below->node * sizeof(double));
    lookup_add(below, t->contribution_delta, node, o->pattern + node * below->children * o->most,
               o->most, o->count[node], t->batch_patterns_delta + first,
               t->network->relu ? t->batch_patterns_value + first : NULL, stride);
    contribution_backward(&t->contribution, t->contribution_delta, parameters, gradient,
                          t->value[t->boundary], t->delta[t->boundary], node);
}

static void take_sums(struct pattern_tables *t, const double *delta_lookup, double *parameters,
                      double *gradient, size_t node)
{
    if (!t->batch_patterns) {
        contribution_backward(&t->contribution, delta_lookup, parameters, gradient,
                              t->value[t->boundary], t->delta[t->boundary], node);
        return;
    }
    const size_t children = t->upper.lookup.children;
    contribution_backward(&t->upper, delta_lookup, parameters, gradient, t->batch_patterns_value,
                          t->batch_patterns_delta, node);
    for (size_t i = node * children; i < (node + 1) * children; i++)
        take_occurring(t, parameters, gradient, i);
}

/* d loss / d pre of the boundary nodes of an entry node, from the samples' sums. */
static void take_lookup_delta(struct pattern_tables *t, const double *delta_lookup,
                              double *parameters, double *gradient, size_t node)
{
    const int l = t->boundary;
    const size_t rows = below(t, l, 1) * (size_t)width_of(t->network, l);
    const size_t first = node * rows * t->stride[l];
    take_sums(t, delta_lookup, parameters, gradient, node);
    if (t->network->relu)
        level_gate(t->delta[l] + first, t->value[l] + first, rows * t->stride[l]);
}

/* The sums that expand_row's transpose makes. */
static void collect_row(struct digits d, const double *restrict in, double *restrict sum)
{
    for (size_t high = 0; d.step == 1 && high < d.high; high++, in += d.digits)
        for (size_t digit = 0; digit < d.digits; digit++)
            sum[digit] += in[digit];
    for (size_t high = 0; d.step > 1 && high < d.high; high++)
        for (size_t digit = 0; digit < d.digits; digit++, in += d.step)
            for (size_t low = 0; low < d.step; low++)
                sum[digit] += in[low];
}

/* Hand a node's delta_input down: a child's pattern gathers all patterns that contain it. */
static void hand_down(struct pattern_tables *t, int l, size_t node, const double *delta_input)
{
    const struct level *level = &t->network->level[l];
    size_t width = (size_t)width_of(t->network, l + 1), stride = t->stride[l + 1];
    for (int c = 0; c < level->children; c++) {
        size_t child = node * (size_t)level->children + (size_t)c;
        struct digits d = digits_of(t, l, c);
        double *delta = t->delta[l + 1] + child * width * stride;
        memset(delta, 0, width * stride * sizeof *delta);
        for (size_t k = 0; k < width; k++)
            collect_row(d, delta_input + ((size_t)c * width + k) * t->stride[l],
                        delta + k * stride);
        if (t->network->relu)
            level_gate(delta, t->value[l + 1] + child * width * stride, width * stride);
    }
}

void pattern_tables_backward(struct pattern_tables *t, const double *delta_lookup,
                             double *parameters, double *gradient, size_t first, size_t end,
                             int thread)
{
    const struct network *n = t->network;
    if (of_leaves(t))
        return;
    double *delta_input = t->delta_input + (size_t)thread * t->delta_input_size;
    for (size_t node = first; node < end; node++)
        take_lookup_delta(t, delta_lookup, parameters, gradient, node);
    for (int l = t->boundary; l < n->levels; l++)
        for (size_t node = below(t, l, first); node < below(t, l, end); node++) {
            const struct level *level = &n->level[l];
            double *delta = t->delta[l] + node * (size_t)level->width * t->stride[l];
            double *input = t->input[l] + node * (size_t)level->fan_in * t->stride[l];
            level_gradient(n, l, node, &t->outer[l], delta, input, gradient);
            if (l + 1 == n->levels)
                continue;
            product_run(&t->backward[l], parameters + weight_offset(n, l, node), delta_input,
                        delta);
            hand_down(t, l, node, delta_input);
        }
}

size_t pattern_tables_lookup_size(const struct pattern_tables *t)
{
    return of_leaves(t) ? 0 : lookup_size(&t->lookup);
}

size_t pattern_tables_used(const struct pattern_tables *t, size_t node, size_t child)
{
    const size_t number = node * t->lookup.children + child;
    return t->lookup.row *
           (t->batch_patterns ? contribution_rows(&t->upper, number) : t->patterns[t->boundary]);
}

double pattern_tables_flops(const struct pattern_tables *t, bool backward)
{
    double flops = 0;
    for (int l = t->boundary; l < t->network->levels; l++) {
        bool bottom = l + 1 == t->network->levels;
        double products = backward ? (bottom ? 2 : 3) : 1;
        flops += (double)t->network->level[l].nodes * products * product_flops(&t->forward[l]);
    }
    if (!of_leaves(t))
        flops += contribution_flops(&t->contribution, backward);
    if (t->batch_patterns)
        flops += contribution_flops(&t->upper, backward);
    return flops;
}
