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

/* The output of a symmetric network: pre becomes ReLU(pre - bias) - ReLU(-pre - bias). */
static void shrink(double bias, double *pre, size_t count)
{
    for (size_t s = 0; s < count; s++) {
        const double above = pre[s] - bias, below = pre[s] + bias;
        pre[s] = (above <= 0 ? 0 : above) + (below >= 0 ? 0 : below); /* NaN stays */
    }
}

/* pre += bias, act = psi(pre).  The output, level 0, has no psi; `act` may be `pre`. */
static void activate(const struct network *network, int level, double bias, double *pre,
                     double *act, size_t count)
{
    bool relu = network->relu && level > 0;
    if (relu && act != pre)
        for (size_t s = 0; s < count; s++) {
            double x = pre[s] + bias;
            pre[s] = x;
            act[s] = x > 0 ? x : 0;
        }
    else
        for (size_t s = 0; s < count; s++) {
            double x = pre[s] + bias;
            pre[s] = !relu || x > 0 ? x : 0;
        }
    if (!relu && act != pre)
        memcpy(act, pre, count * sizeof *act);
}

/* A NaN that meets a gate becomes 0, so the trainer checks the parameters too. */
static void gate(double *delta, const double *act, size_t count)
{
    for (size_t s = 0; s < count; s++)
        delta[s] = act[s] > 0 ? delta[s] : 0;
}

/* The same through `shrink`, which left 0 where no gradient passes. */
static void gate_shrunk(double *delta, const double *output, size_t count)
{
    for (size_t s = 0; s < count; s++)
        delta[s] = output[s] != 0 ? delta[s] : 0;
}

static double row_sum(const double *row, size_t count)
{
    double sum[8] = {0};
    for (size_t s = 0; s < count; s += 8)
        for (size_t i = 0; i < 8; i++)
            sum[i] += row[s + i];
    return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

/* Bias gradient of one node; outer: the product that makes that of W. */
static void bias_gradient(const struct network *network, int level, size_t node,
                          const struct product *outer, const double *delta, double *gradient)
{
    double *b = gradient + bias_offset(network, level, node);
    size_t stride = (size_t)outer->stride, samples = (size_t)outer->samples;
    bool trained = network->bias && !network->symmetric;
    for (int k = 0; trained && k < network->level[level].width; k++)
        b[k] += row_sum(delta + (size_t)k * stride, samples);
}

/* Gradients of the first `learning` of `columns`. */
static void plan_gradient(const struct network *network, int l, size_t columns, size_t learning,
                          struct product *outer, struct product *backward)
{
    const int width = network->level[l].width, fan_in = network->level[l].fan_in;
    product_plan(outer, PRODUCT_OUTER, width, fan_in, (int)learning, (int)columns, fan_in);
    product_plan(backward, PRODUCT_BACKWARD, width, fan_in, (int)learning, (int)columns, fan_in);
}

/* W gradient and bias gradient of one node. */
static void node_gradient(const struct network *network, int level, size_t node,
                          const struct product *outer, double *delta, double *input,
                          double *gradient)
{
    product_run(outer, gradient + weight_offset(network, level, node), input, delta);
    bias_gradient(network, level, node, outer, delta, gradient);
}

static void plan_level(const struct network *network, int l, size_t columns,
                       struct product *forward, struct product *outer, struct product *backward)
{
    const struct level *level = &network->level[l];
    int n = (int)columns;
    product_plan(forward, PRODUCT_FORWARD, level->width, level->fan_in, n, n, level->fan_in);
    plan_gradient(network, l, columns, columns, outer, backward);
}

/* ---- tables ---- */

static bool looks_up_sums(const struct tables *t)
{
    return t->entry < t->boundary;
}

/* Boundary nodes that a sample looks up for one entry node. */
static int looked_up_children(const struct tables *t)
{
    return looks_up_sums(t) ? t->network->level[t->entry].children : 1;
}

/* The first node of level l in the subtree of an entry node. */
static size_t below(const struct tables *t, int l, size_t entry_node)
{
    return entry_node * (nodes_of(t->network, l) / nodes_of(t->network, t->entry));
}

/* Patterns of a node at level l in the order of child c's digit: pattern (high, digit, low) is
 * (high * digits + digit) * step + low. */
struct digits {
    size_t high, digits, step;
};

static struct digits digits_of(const struct tables *t, int l, int c)
{
    struct digits d = {.digits = t->patterns[l + 1], .step = 1};
    for (int i = t->network->level[l].children - 1; i > c; i--)
        d.step *= d.digits;
    d.high = t->patterns[l] / (d.digits * d.step);
    return d;
}

/* What a leaf of state v enters as: the state itself (m = 2), or indicator k. */
static double leaf_value(const struct network *network, size_t v, int k)
{
    return network->leaf_states == 2 ? (double)v : (double)(v == (size_t)k);
}

/* Row (c, k) of a node's input: value of child c's neuron k at the child's part of each pattern. */
static void expand_row(struct digits d, const double *value, double *out)
{
    for (size_t high = 0; high < d.high; high++)
        for (size_t digit = 0; digit < d.digits; digit++)
            for (size_t low = 0; low < d.step; low++)
                *out++ = value[digit];
}

static void expand(struct tables *t, int l, size_t node)
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

/* Neurons of a boundary node, and what it adds to its parent; leaves share one set of values. */
static double *boundary_value(const struct tables *t, size_t node)
{
    const int l = t->boundary;
    const size_t rows = (size_t)width_of(t->network, l);
    return t->value[l] + (l == t->network->levels ? 0 : node * rows * t->stride[l]);
}

static size_t sum_offset(const struct tables *t, size_t node)
{
    return node * (size_t)width_of(t->network, t->entry) * t->stride[t->boundary];
}

/* W of an entry node, from child c's columns on. */
static size_t child_weights(const struct tables *t, size_t node, size_t c)
{
    return weight_offset(t->network, t->entry, node) +
           c * (size_t)width_of(t->network, t->boundary);
}

/* Rows of a lookup from in[k][stride], with the bias, where there is one, added. */
static void fill_rows(const struct tables *t, const double *in, const double *bias, double *out)
{
    const size_t width = (size_t)width_of(t->network, t->entry), stride = t->stride[t->boundary];
    for (size_t v = 0; v < t->patterns[t->boundary]; v++)
        for (size_t k = 0; k < width; k++)
            out[v * t->row + k] = in[k * stride + v] + (bias ? bias[k] : 0);
}

/* The entry node's bias goes with its first child. */
static void fill_sums(struct tables *t, double *parameters, size_t node)
{
    const struct network *n = t->network;
    for (size_t c = 0; c < (size_t)n->level[t->entry].children; c++) {
        const size_t child = node * (size_t)n->level[t->entry].children + c;
        double *sum = t->sum + sum_offset(t, child);
        product_run(&t->sum_forward, parameters + child_weights(t, node, c),
                    boundary_value(t, child), sum);
        fill_rows(t, sum, c == 0 && n->bias ? parameters + bias_offset(n, t->entry, node) : NULL,
                  t->lookup + node * t->lookup_node + c * t->lookup_child);
    }
}

static void fill_lookup(struct tables *t, double *parameters, size_t node)
{
    if (looks_up_sums(t))
        fill_sums(t, parameters, node);
    else
        fill_rows(t, boundary_value(t, node), NULL, t->lookup + node * t->lookup_node);
}

/* Leaves never change: their values, and the inputs or the lookup made of them. */
static void set_leaves(struct tables *t)
{
    const struct network *n = t->network;
    for (size_t v = 0; v < t->patterns[n->levels]; v++)
        for (int k = 0; k < n->leaf_width; k++)
            t->value[n->levels][(size_t)k * t->stride[n->levels] + v] = leaf_value(n, v, k);
    if (t->boundary == n->levels)
        fill_lookup(t, NULL, 0);
    for (size_t i = 0; t->boundary < n->levels && i < n->level[n->levels - 1].nodes; i++)
        expand(t, n->levels - 1, i);
}

static void layout_lookup(struct tables *t, int threads, struct arena *arena)
{
    const struct network *n = t->network;
    const int q = t->boundary, width = width_of(n, t->entry), stride = (int)t->stride[q];
    const bool shared = t->entry == n->levels;
    t->row = ((size_t)width + 3) / 4 * 4;
    t->lookup_child = t->patterns[q] * t->row;
    t->lookup_node = shared ? 0 : (size_t)looked_up_children(t) * t->lookup_child;
    t->lookup = ARENA_TAKE(arena, double,
                           shared ? t->lookup_child : nodes_of(n, t->entry) * t->lookup_node);
    if (!looks_up_sums(t))
        return;
    const int below = n->level[q].width, fan_in = n->level[t->entry].fan_in;
    t->sum = ARENA_TAKE(arena, double, sum_offset(t, nodes_of(n, q)));
    if (threads > 0)
        t->delta_sum = ARENA_TAKE(arena, double, sum_offset(t, nodes_of(n, q)));
    product_plan(&t->sum_forward, PRODUCT_FORWARD, width, below, stride, stride, fan_in);
    product_plan(&t->sum_outer, PRODUCT_OUTER, width, below, stride, stride, fan_in);
    product_plan(&t->sum_backward, PRODUCT_BACKWARD, width, below, stride, stride, fan_in);
}

void tables_layout(struct tables *t, const struct network *network, int boundary,
                   enum look_up look_up, int threads, struct arena *arena)
{
    const bool sums = look_up == LOOK_UP_SUMS && boundary < network->levels;
    *t = (struct tables){.network = network, .boundary = boundary, .entry = boundary - sums};
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
        plan_level(network, l, t->stride[l], &t->forward[l], &t->outer[l], &t->backward[l]);
    }
    t->delta_input = ARENA_TAKE(arena, double, (size_t)threads * t->delta_input_size);
    t->value[network->levels] =
        ARENA_TAKE(arena, double, (size_t)network->leaf_width * t->stride[network->levels]);
    layout_lookup(t, threads, arena);
    if (arena->base && network->leaf_states > 0)
        set_leaves(t);
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
    double *value = t->value[l] + node * (size_t)level->width * stride;
    for (size_t k = 0; k < (size_t)level->width; k++)
        activate(n, l, n->bias ? b[k] : 0, pre + k * stride, value + k * stride, stride);
}

void tables_forward(struct tables *t, double *parameters, size_t first, size_t end)
{
    if (t->boundary == t->network->levels)
        return;
    for (int l = t->network->levels - 1; l >= t->boundary; l--)
        for (size_t node = below(t, l, first); node < below(t, l, end); node++)
            table_node_forward(t, parameters, l, node);
    for (size_t node = first; node < end; node++)
        fill_lookup(t, parameters, node);
}

/* out[k][stride] from rows of a lookup. */
static void take_rows(const struct tables *t, const double *in, double *out)
{
    const size_t width = (size_t)width_of(t->network, t->entry), stride = t->stride[t->boundary];
    for (size_t k = 0; k < width; k++)
        for (size_t v = 0; v < t->patterns[t->boundary]; v++)
            out[k * stride + v] = in[v * t->row + k];
}

/* d loss / d f of the children of an entry node, and the gradient of its W and b. */
static void take_sums(struct tables *t, const double *delta_lookup, double *parameters,
                      double *gradient, size_t node)
{
    const struct network *n = t->network;
    const int q = t->boundary;
    for (size_t c = 0; c < (size_t)n->level[t->entry].children; c++) {
        const size_t child = node * (size_t)n->level[t->entry].children + c;
        double *delta = t->delta_sum + sum_offset(t, child);
        take_rows(t, delta_lookup + c * t->lookup_child, delta);
        product_run(&t->sum_outer, gradient + child_weights(t, node, c), boundary_value(t, child),
                    delta);
        if (c == 0)
            bias_gradient(n, t->entry, node, &t->sum_outer, delta, gradient);
        product_run(&t->sum_backward, parameters + child_weights(t, node, c),
                    t->delta[q] + child * (size_t)n->level[q].width * t->stride[q], delta);
    }
}

/* d loss / d pre of the boundary nodes of an entry node, from the samples' sums. */
static void take_lookup_delta(struct tables *t, const double *delta_lookup, double *parameters,
                              double *gradient, size_t node)
{
    const int q = t->boundary;
    const size_t rows = (size_t)looked_up_children(t) * (size_t)width_of(t->network, q);
    const size_t first = node * rows * t->stride[q];
    const double *in = delta_lookup + node * t->lookup_node;
    if (looks_up_sums(t))
        take_sums(t, in, parameters, gradient, node);
    else
        take_rows(t, in, t->delta[q] + first);
    if (t->network->relu)
        gate(t->delta[q] + first, t->value[q] + first, rows * t->stride[q]);
}

/* The sums that expand_row's transpose makes. */
static void collect_row(struct digits d, const double *in, double *sum)
{
    for (size_t high = 0; high < d.high; high++)
        for (size_t digit = 0; digit < d.digits; digit++)
            for (size_t low = 0; low < d.step; low++)
                sum[digit] += *in++;
}

/* Hand a node's delta_input down: a child's pattern gathers all patterns that contain it. */
static void hand_down(struct tables *t, int l, size_t node, const double *delta_input)
{
    const struct level *level = &t->network->level[l];
    size_t width = (size_t)width_of(t->network, l + 1), stride = t->stride[l + 1];
    for (int c = 0; c < level->children; c++) {
        size_t child = node * (size_t)level->children + (size_t)c;
        struct digits d = digits_of(t, l, c);
        for (size_t k = 0; k < width; k++) {
            const double *in = delta_input + ((size_t)c * width + k) * t->stride[l];
            double *delta = t->delta[l + 1] + (child * width + k) * stride;
            memset(delta, 0, stride * sizeof *delta);
            collect_row(d, in, delta);
            if (t->network->relu)
                gate(delta, t->value[l + 1] + (child * width + k) * stride, stride);
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
        take_lookup_delta(t, delta_lookup, parameters, gradient, node);
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
    return t->boundary == t->network->levels ? 0 : nodes_of(t->network, t->entry) * t->lookup_node;
}

double tables_flops(const struct tables *t, bool backward)
{
    double flops = 0;
    for (int l = t->boundary; l < t->network->levels; l++) {
        bool bottom = l + 1 == t->network->levels;
        double products = backward ? (bottom ? 2 : 3) : 1;
        flops += (double)t->network->level[l].nodes * products * product_flops(&t->forward[l]);
    }
    if (looks_up_sums(t))
        flops += (double)nodes_of(t->network, t->boundary) * (backward ? 3 : 1) *
                 product_flops(&t->sum_forward);
    return flops;
}

/* ---- pass ---- */

static size_t level_size(const struct pass *p, int l)
{
    return nodes_of(p->network, l) * (size_t)width_of(p->network, l) * p->columns;
}

void pass_layout_delta(struct pass *p, struct arena *arena)
{
    for (int l = 0; l <= p->tables->entry; l++)
        p->delta[l] = ARENA_TAKE(arena, double, level_size(p, l));
}

void pass_layout(struct pass *p, const struct tables *tables, size_t columns, bool keep,
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
            plan_level(n, l, p->columns, &p->forward[l], &p->outer[l], &p->backward[l]);
    }
    if (backward)
        pass_layout_delta(p, arena);
}

void pass_limit(struct pass *p, size_t columns)
{
    p->learning = columns;
    for (int l = 0; l < p->tables->entry; l++)
        plan_gradient(p->network, l, p->columns, columns, &p->outer[l], &p->backward[l]);
}

/* Four rows of four doubles, transposed: the step between a sample's row in a table and the
 * feature-major rows of a pass. */
typedef double quad __attribute__((vector_size(32), aligned(8), may_alias));
typedef int64_t quad_index __attribute__((vector_size(32)));

#if defined(__clang__)
#define SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define SHUFFLE(a, b, i, j, k, l) __builtin_shuffle(a, b, (quad_index){i, j, k, l})
#endif

static inline void transpose(quad r[4])
{
    quad a = SHUFFLE(r[0], r[1], 0, 4, 2, 6), b = SHUFFLE(r[0], r[1], 1, 5, 3, 7);
    quad c = SHUFFLE(r[2], r[3], 0, 4, 2, 6), d = SHUFFLE(r[2], r[3], 1, 5, 3, 7);
    r[0] = SHUFFLE(a, c, 0, 1, 4, 5);
    r[1] = SHUFFLE(b, d, 0, 1, 4, 5);
    r[2] = SHUFFLE(a, c, 2, 3, 6, 7);
    r[3] = SHUFFLE(b, d, 2, 3, 6, 7);
}

/* Where a sample finds what the children of an entry node, or itself, are to it: numbers alone,
 * that the loops below keep in registers. */
struct looked_up {
    size_t first, child, row; /* of the lookup: the node's, doubles between children and patterns */
    size_t children;
    const uint16_t *pattern; /* [child][stride] */
    size_t stride;
};

static struct looked_up looked_up_of(const struct tables *t, size_t node, const uint16_t *pattern,
                                     size_t stride)
{
    const size_t children = (size_t)looked_up_children(t);
    return (struct looked_up){.first = node * t->lookup_node,
                              .child = t->lookup_child,
                              .row = t->row,
                              .children = children,
                              .pattern = pattern + node * children * stride,
                              .stride = stride};
}

/* Child c's row of sample s, in a lookup. */
static inline size_t row_of(struct looked_up u, size_t c, size_t s)
{
    return u.first + c * u.child + u.pattern[c * u.stride + s] * u.row;
}

/* out[k][s] = sum over children, from sample s on; rows of a lookup are padded to 4. */
static inline void look_up_quad(const double *lookup, struct looked_up u, size_t s, size_t width,
                                size_t columns, double *out)
{
    const double *at[4];
    for (size_t i = 0; i < 4; i++)
        at[i] = lookup + row_of(u, 0, s + i);
    for (size_t k = 0; k < width; k += 4) {
        quad r[4];
        for (size_t i = 0; i < 4; i++)
            r[i] = *(const quad *)(at[i] + k);
        for (size_t c = 1; c < u.children; c++)
            for (size_t i = 0; i < 4; i++)
                r[i] += *(const quad *)(lookup + row_of(u, c, s + i) + k);
        transpose(r);
        for (size_t i = 0; i < 4 && k + i < width; i++)
            *(quad *)(out + (k + i) * columns + s) = r[i];
    }
}

static double look_up_one(const double *lookup, struct looked_up u, size_t s, size_t k)
{
    double sum = lookup[row_of(u, 0, s) + k];
    for (size_t c = 1; c < u.children; c++)
        sum += lookup[row_of(u, c, s) + k];
    return sum;
}

void pass_look_up(struct pass *p, const uint16_t *pattern, size_t stride, size_t column,
                  size_t count)
{
    const struct tables *t = p->tables;
    const int l = t->entry;
    const size_t width = (size_t)width_of(p->network, l);
    for (size_t node = 0; node < nodes_of(p->network, l); node++) {
        const struct looked_up u = looked_up_of(t, node, pattern, stride);
        double *out = (looks_up_sums(t) ? p->pre[l] : p->act[l]) + node * width * p->columns;
        double *act = l > 0 ? p->act[l] + node * width * p->columns : out;
        size_t s = 0;
        for (; s + 4 <= count; s += 4)
            look_up_quad(t->lookup, u, s, width, p->columns, out + column);
        for (; s < count; s++)
            for (size_t k = 0; k < width; k++)
                out[k * p->columns + column + s] = look_up_one(t->lookup, u, s, k);
        for (size_t k = 0; looks_up_sums(t) && k < width; k++)
            activate(p->network, l, 0, out + k * p->columns + column, act + k * p->columns + column,
                     count);
    }
}

void pass_load(struct pass *p, const double *x, size_t stride, size_t column, size_t count)
{
    double *out = p->act[p->tables->entry] + column;
    for (size_t i = 0; i < p->network->leaves; i++)
        memcpy(out + i * p->columns, x + i * stride, count * sizeof *out);
}

void pass_lend_layout(struct pass *p, size_t lent, size_t stride, struct arena *arena)
{
    const struct level *level = &p->network->level[p->network->levels - 1];
    p->lent = lent;
    p->part = ARENA_TAKE(arena, const double *, p->columns / lent);
    product_plan_apart(&p->part_forward, PRODUCT_FORWARD, level->width, level->fan_in, (int)lent,
                       (int)p->columns, (int)stride, level->fan_in);
    product_plan_apart(&p->part_outer, PRODUCT_OUTER, level->width, level->fan_in, (int)lent,
                       (int)p->columns, (int)stride, level->fan_in);
}

/* Products of the lowest level with inputs that are lent, for the first `columns`. */
static void run_parts(const struct pass *p, const struct product *product, double *w, double *y,
                      size_t columns)
{
    for (size_t k = 0; k < columns / p->lent; k++)
        product_run(product, w, (double *)p->part[k], y + k * p->lent);
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
            if (p->lent && l + 1 == n->levels)
                run_parts(p, &p->part_forward, w, pre, p->columns);
            else
                product_run(&p->forward[l], w,
                            p->act[l + 1] + node * (size_t)level->fan_in * p->columns, pre);
            double *act = l > 0 ? p->act[l] + node * width * p->columns : pre;
            const double *b = parameters + bias_offset(n, l, node);
            for (size_t k = 0; k < width; k++)
                if (n->symmetric)
                    shrink(b[k], pre + k * p->columns, p->columns);
                else
                    activate(n, l, n->bias ? b[k] : 0, pre + k * p->columns, act + k * p->columns,
                             p->columns);
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
        gate(p->delta[top], p->act[top], level_size(p, top));
    for (int l = top; l <= bottom && l < p->tables->entry; l++) {
        const struct level *level = &n->level[l];
        bool inner = l + 1 < p->tables->boundary; /* else the tables gate what they gather */
        for (size_t node = 0; node < level->nodes; node++) {
            size_t inputs = (size_t)level->fan_in * p->columns;
            double *delta = p->delta[l] + node * (size_t)level->width * p->columns;
            double *input = p->act[l + 1] + node * inputs;
            if (n->symmetric)
                gate_shrunk(delta, p->pre[l], (size_t)level->width * p->columns);
            if (p->lent && l + 1 == n->levels) {
                run_parts(p, &p->part_outer, gradient + weight_offset(n, l, node), delta,
                          p->learning);
                bias_gradient(n, l, node, &p->outer[l], delta, gradient);
                continue;
            }
            node_gradient(n, l, node, &p->outer[l], delta, input, gradient);
            if (l == bottom)
                continue;
            double *delta_input = p->delta[l + 1] + node * inputs;
            product_run(&p->backward[l], parameters + weight_offset(n, l, node), delta_input,
                        delta);
            if (inner && n->relu)
                gate(delta_input, input, inputs);
        }
    }
}

/* Add in[k][s] to the children's rows for 4 samples, one after the other: they may share a row. */
static inline void scatter_quad(double *lookup, struct looked_up u, size_t s, size_t width,
                                size_t columns, const double *in)
{
    for (size_t k = 0; k < width; k += 4) {
        quad r[4] = {{0}};
        for (size_t i = 0; i < 4 && k + i < width; i++)
            r[i] = *(const quad *)(in + (k + i) * columns + s);
        transpose(r);
        for (size_t c = 0; c < u.children; c++)
            for (size_t i = 0; i < 4; i++)
                *(quad *)(lookup + row_of(u, c, s + i) + k) += r[i];
    }
}

void pass_scatter(const struct pass *p, const uint16_t *pattern, size_t stride, size_t column,
                  size_t count, double *delta_lookup)
{
    const struct tables *t = p->tables;
    if (t->boundary == p->network->levels)
        return;
    const size_t width = (size_t)width_of(p->network, t->entry);
    for (size_t node = 0; node < nodes_of(p->network, t->entry); node++) {
        const struct looked_up u = looked_up_of(t, node, pattern, stride);
        const double *in = p->delta[t->entry] + node * width * p->columns + column;
        size_t s = 0;
        for (; s + 4 <= count; s += 4)
            scatter_quad(delta_lookup, u, s, width, p->columns, in);
        for (; s < count; s++)
            for (size_t k = 0; k < width; k++)
                for (size_t c = 0; c < u.children; c++)
                    delta_lookup[row_of(u, c, s) + k] += in[k * p->columns + s];
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
