#include "sim/pass.h"

#include <string.h>

enum { MAX_TABLE_PATTERNS = 256, MAX_PATTERNS = 1 << 16 };

size_t pattern_count(const struct network *network, int level)
{
    if (network->leaf_states == 0)
        return 0;
    size_t leaves = network->leaves / nodes_of(network, level);
    size_t count = 1;
    for (size_t i = 0; i < leaves; i++)
        if ((count *= (size_t)network->leaf_states) > MAX_PATTERNS)
            return 0;
    return count;
}

int boundary_level(const struct network *network, size_t columns)
{
    int level = network->levels;
    while (level > 1) {
        size_t patterns = pattern_count(network, level - 1);
        if (patterns == 0 || patterns > MAX_TABLE_PATTERNS || 2 * patterns > columns)
            break;
        level--;
    }
    return level;
}

void pattern_index(const struct network *network, int level, const uint8_t *leaf,
                   size_t leaf_stride, size_t count, uint16_t *pattern, size_t stride)
{
    size_t nodes = nodes_of(network, level), below = network->leaves / nodes;
    unsigned m = (unsigned)network->leaf_states;
    for (size_t node = 0; node < nodes; node++) {
        uint16_t *out = pattern + node * stride;
        memset(out, 0, count * sizeof *out);
        for (size_t i = node * below; i < (node + 1) * below; i++)
            for (size_t s = 0; s < count; s++)
                out[s] = (uint16_t)(out[s] * m + leaf[i * leaf_stride + s]);
    }
}

/* ---- shared by both halves ---- */

static void add_bias(double *row, double bias, size_t count)
{
    for (size_t s = 0; s < count; s++)
        row[s] += bias;
}

static void rectify(const double *in, double *out, size_t count)
{
    for (size_t s = 0; s < count; s++)
        out[s] = in[s] > 0 ? in[s] : 0;
}

/* NaN must not vanish in a ReLU: `in > 0` is false for it, so the sum is checked by the trainer. */
static void gate(double *delta, const double *act, size_t count)
{
    for (size_t s = 0; s < count; s++)
        delta[s] = act[s] > 0 ? delta[s] : 0;
}

static double row_sum(const double *row, size_t count)
{
    double sum[8] = {0};
    for (size_t s = 0; s < count; s += 8)
        for (size_t i = 0; i < 8; i++)
            sum[i] += row[s + i];
    return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

/* W gradient and bias gradient of one node. */
static void node_gradient(const struct network *network, int level, size_t node,
                          const struct product *outer, double *delta, double *input,
                          double *gradient)
{
    product_run(outer, gradient + weight_offset(network, level, node), input, delta);
    double *b = gradient + bias_offset(network, level, node);
    size_t stride = (size_t)outer->stride;
    for (int k = 0; network->bias && k < network->level[level].width; k++)
        b[k] += row_sum(delta + (size_t)k * stride, stride);
}

static void plan_level(const struct network *network, int l, size_t columns,
                       struct product *forward, struct product *outer, struct product *backward)
{
    const struct level *level = &network->level[l];
    int n = (int)columns;
    product_plan(forward, PRODUCT_FORWARD, level->width, level->fan_in, n, n, level->fan_in);
    product_plan(outer, PRODUCT_OUTER, level->width, level->fan_in, n, n, level->fan_in);
    product_plan(backward, PRODUCT_BACKWARD, level->width, level->fan_in, n, n, level->fan_in);
}

/* ---- tables ---- */

/* Nodes of level l in the subtrees of boundary nodes [first, end). */
static size_t below(const struct tables *t, int l, size_t boundary_node)
{
    return boundary_node * (nodes_of(t->network, l) / nodes_of(t->network, t->boundary));
}

/* Digit of child c in pattern v of its parent at level l. */
static inline size_t child_pattern(size_t v, size_t child_patterns, int children, int c)
{
    for (int i = children - 1; i > c; i--)
        v /= child_patterns;
    return v % child_patterns;
}

/* What a leaf of state v enters as: the state itself (m = 2), or indicator k. */
static double leaf_value(const struct network *network, size_t v, int k)
{
    return network->leaf_states == 2 ? (double)v : (double)(v == (size_t)k);
}

/* Row (c, k) of a node's input: value of child c's neuron k at the child's part of each pattern. */
static void expand(struct tables *t, int l, size_t node)
{
    const struct level *level = &t->network->level[l];
    int width = width_of(t->network, l + 1);
    size_t stride = t->stride[l];
    for (int c = 0; c < level->children; c++) {
        size_t child = node * (size_t)level->children + (size_t)c;
        for (int k = 0; k < width; k++) {
            size_t row = node * (size_t)level->fan_in + (size_t)(c * width + k);
            double *out = t->input[l] + row * stride;
            const double *pre = NULL;
            if (l + 1 < t->network->levels)
                pre = t->pre[l + 1] + (child * (size_t)width + (size_t)k) * t->stride[l + 1];
            for (size_t v = 0; v < t->patterns[l]; v++) {
                size_t part = child_pattern(v, t->patterns[l + 1], level->children, c);
                double x = pre ? pre[part] : leaf_value(t->network, part, k);
                out[v] = pre && t->network->relu && !(x > 0) ? 0 : x;
            }
        }
    }
}

void tables_layout(struct tables *t, const struct network *network, int boundary, int threads,
                   struct arena *arena)
{
    *t = (struct tables){.network = network, .boundary = boundary};
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
        if (threads > 0)
            t->delta[l] = ARENA_TAKE(arena, double, rows * t->stride[l]);
        if (fan_in * t->stride[l] > t->delta_input_size)
            t->delta_input_size = fan_in * t->stride[l];
        plan_level(network, l, t->stride[l], &t->forward[l], &t->outer[l], &t->backward[l]);
    }
    t->delta_input = ARENA_TAKE(arena, double, (size_t)threads * t->delta_input_size);
    bool shared = boundary == network->levels;
    t->row = ((size_t)width_of(network, boundary) + 3) / 4 * 4;
    t->lookup_node = shared ? 0 : t->patterns[boundary] * t->row;
    t->lookup = ARENA_TAKE(arena, double,
                           shared ? t->patterns[boundary] * t->row
                                  : nodes_of(network, boundary) * t->lookup_node);
    if (!arena->base)
        return;
    if (boundary < network->levels)
        for (size_t i = 0; i < network->level[network->levels - 1].nodes; i++)
            expand(t, network->levels - 1, i); /* leaves never change */
    for (size_t v = 0; shared && v < t->patterns[boundary]; v++)
        for (int k = 0; k < network->leaf_width; k++)
            t->lookup[v * t->row + (size_t)k] = leaf_value(network, v, k);
}

static void table_node_forward(struct tables *t, double *parameters, int l, size_t node)
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
    for (int k = 0; n->bias && k < level->width; k++)
        add_bias(pre + (size_t)k * stride, b[k], stride);
}

static void fill_lookup(struct tables *t, size_t node)
{
    int width = width_of(t->network, t->boundary);
    size_t stride = t->stride[t->boundary];
    const double *pre = t->pre[t->boundary] + node * (size_t)width * stride;
    double *out = t->lookup + node * t->lookup_node;
    for (size_t v = 0; v < t->patterns[t->boundary]; v++)
        for (size_t k = 0; k < (size_t)width; k++) {
            double x = pre[k * stride + v];
            out[v * t->row + k] = t->network->relu && !(x > 0) ? 0 : x;
        }
}

void tables_forward(struct tables *t, double *parameters, size_t first, size_t end)
{
    if (t->boundary == t->network->levels)
        return;
    for (int l = t->network->levels - 1; l >= t->boundary; l--)
        for (size_t node = below(t, l, first); node < below(t, l, end); node++)
            table_node_forward(t, parameters, l, node);
    for (size_t node = first; node < end; node++)
        fill_lookup(t, node);
}

/* d loss / d pre of the boundary nodes, from the samples' sums. */
static void take_lookup_delta(struct tables *t, const double *delta_lookup, size_t node)
{
    size_t width = (size_t)width_of(t->network, t->boundary), stride = t->stride[t->boundary];
    const double *in = delta_lookup + node * t->lookup_node;
    for (size_t k = 0; k < width; k++) {
        double *delta = t->delta[t->boundary] + (node * width + k) * stride;
        for (size_t v = 0; v < t->patterns[t->boundary]; v++)
            delta[v] = in[v * t->row + k];
        if (t->network->relu)
            gate(delta, t->pre[t->boundary] + (node * width + k) * stride, stride);
    }
}

/* Hand a node's delta_input down: a child's pattern gathers all patterns that contain it. */
static void hand_down(struct tables *t, int l, size_t node, const double *delta_input)
{
    const struct level *level = &t->network->level[l];
    size_t width = (size_t)width_of(t->network, l + 1), stride = t->stride[l + 1];
    for (int c = 0; c < level->children; c++) {
        size_t child = node * (size_t)level->children + (size_t)c;
        for (size_t k = 0; k < width; k++) {
            const double *in = delta_input + ((size_t)c * width + k) * t->stride[l];
            double *delta = t->delta[l + 1] + (child * width + k) * stride;
            memset(delta, 0, stride * sizeof *delta);
            for (size_t v = 0; v < t->patterns[l]; v++)
                delta[child_pattern(v, t->patterns[l + 1], level->children, c)] += in[v];
            if (t->network->relu)
                gate(delta, t->pre[l + 1] + (child * width + k) * stride, stride);
        }
    }
}

void tables_backward(struct tables *t, const double *delta_lookup, double *parameters,
                     double *gradient, size_t first, size_t end, int thread)
{
    const struct network *n = t->network;
    if (t->boundary == n->levels)
        return;
    double *delta_input = t->delta_input + (size_t)thread * t->delta_input_size;
    for (size_t node = first; node < end; node++)
        take_lookup_delta(t, delta_lookup, node);
    for (int l = t->boundary; l < n->levels; l++)
        for (size_t node = below(t, l, first); node < below(t, l, end); node++) {
            const struct level *level = &n->level[l];
            double *delta = t->delta[l] + node * (size_t)level->width * t->stride[l];
            double *input = t->input[l] + node * (size_t)level->fan_in * t->stride[l];
            node_gradient(n, l, node, &t->outer[l], delta, input, gradient);
            if (l + 1 == n->levels)
                continue;
            product_run(&t->backward[l], parameters + weight_offset(n, l, node), delta_input,
                        delta);
            hand_down(t, l, node, delta_input);
        }
}

size_t tables_lookup_size(const struct tables *t)
{
    return t->boundary == t->network->levels ? 0
                                             : nodes_of(t->network, t->boundary) * t->lookup_node;
}

double tables_flops(const struct tables *t, bool backward)
{
    double flops = 0;
    for (int l = t->boundary; l < t->network->levels; l++) {
        bool bottom = l + 1 == t->network->levels;
        double products = backward ? (bottom ? 2 : 3) : 1;
        flops += (double)t->network->level[l].nodes * products * product_flops(&t->forward[l]);
    }
    return flops;
}

/* ---- pass ---- */

void pass_layout(struct pass *p, const struct tables *tables, size_t columns, bool keep,
                 bool backward, struct arena *arena)
{
    const struct network *n = tables->network;
    *p = (struct pass){.network = n, .tables = tables, .columns = padded(columns)};
    for (int l = 0; l <= tables->boundary; l++) {
        size_t size = nodes_of(n, l) * (size_t)width_of(n, l) * p->columns;
        if (l > 0)
            p->act[l] = ARENA_TAKE(arena, double, size);
        if (l < tables->boundary)
            p->pre[l] = keep || l == 0 ? ARENA_TAKE(arena, double, size) : p->act[l];
        if (backward)
            p->delta[l] = ARENA_TAKE(arena, double, size);
        if (l < tables->boundary)
            plan_level(n, l, p->columns, &p->forward[l], &p->outer[l], &p->backward[l]);
    }
}

void pass_look_up(struct pass *p, const uint16_t *pattern, size_t stride, size_t column,
                  size_t count)
{
    const struct tables *t = p->tables;
    size_t width = (size_t)width_of(p->network, t->boundary);
    for (size_t node = 0; node < nodes_of(p->network, t->boundary); node++) {
        const double *lookup = t->lookup + node * t->lookup_node;
        const uint16_t *v = pattern + node * stride;
        double *out = p->act[t->boundary] + node * width * p->columns + column;
        for (size_t s = 0; s < count; s++)
            for (size_t k = 0; k < width; k++)
                out[k * p->columns + s] = lookup[v[s] * t->row + k];
    }
}

void pass_load(struct pass *p, const double *x, size_t stride, size_t column, size_t count)
{
    double *out = p->act[p->tables->boundary] + column;
    for (size_t i = 0; i < p->network->leaves; i++)
        memcpy(out + i * p->columns, x + i * stride, count * sizeof *out);
}

void pass_forward(struct pass *p, double *parameters)
{
    const struct network *n = p->network;
    for (int l = p->tables->boundary - 1; l >= 0; l--) {
        const struct level *level = &n->level[l];
        size_t width = (size_t)level->width;
        for (size_t node = 0; node < level->nodes; node++) {
            double *pre = p->pre[l] + node * width * p->columns;
            product_run(&p->forward[l], parameters + weight_offset(n, l, node),
                        p->act[l + 1] + node * (size_t)level->fan_in * p->columns, pre);
            const double *b = parameters + bias_offset(n, l, node);
            for (size_t k = 0; k < width; k++) {
                double *row = pre + k * p->columns;
                if (n->bias)
                    add_bias(row, b[k], p->columns);
                if (l == 0)
                    continue;
                double *act = p->act[l] + (node * width + k) * p->columns;
                if (n->relu)
                    rectify(row, act, p->columns);
                else if (act != row)
                    memcpy(act, row, p->columns * sizeof *act);
            }
        }
    }
}

void pass_backward(struct pass *p, double *parameters, double *gradient)
{
    const struct network *n = p->network;
    for (int l = 0; l < p->tables->boundary; l++) {
        const struct level *level = &n->level[l];
        bool inner = l + 1 < p->tables->boundary;
        for (size_t node = 0; node < level->nodes; node++) {
            size_t inputs = (size_t)level->fan_in * p->columns;
            double *delta = p->delta[l] + node * (size_t)level->width * p->columns;
            double *input = p->act[l + 1] + node * inputs;
            node_gradient(n, l, node, &p->outer[l], delta, input, gradient);
            if (l + 1 == n->levels)
                continue;
            double *delta_input = p->delta[l + 1] + node * inputs;
            product_run(&p->backward[l], parameters + weight_offset(n, l, node), delta_input,
                        delta);
            if (inner && n->relu)
                gate(delta_input, input, inputs);
        }
    }
}

void pass_scatter(const struct pass *p, const uint16_t *pattern, size_t stride, size_t column,
                  size_t count, double *delta_lookup)
{
    const struct tables *t = p->tables;
    if (t->boundary == p->network->levels)
        return;
    size_t width = (size_t)width_of(p->network, t->boundary);
    for (size_t node = 0; node < nodes_of(p->network, t->boundary); node++) {
        double *sum = delta_lookup + node * t->lookup_node;
        const uint16_t *v = pattern + node * stride;
        const double *in = p->delta[t->boundary] + node * width * p->columns + column;
        for (size_t s = 0; s < count; s++)
            for (size_t k = 0; k < width; k++)
                sum[v[s] * t->row + k] += in[k * p->columns + s];
    }
}

double pass_flops(const struct pass *p, bool backward)
{
    double flops = 0;
    for (int l = 0; l < p->tables->boundary; l++) {
        bool bottom = l + 1 == p->network->levels;
        double products = backward ? (bottom ? 2 : 3) : 1;
        flops += (double)p->network->level[l].nodes * products * product_flops(&p->forward[l]);
    }
    return flops;
}
