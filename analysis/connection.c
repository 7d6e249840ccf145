#include "analysis/connection.h"

#include <cblas.h>
#include <string.h>

/* Entries of J at a level: outputs times neurons. */
static size_t jacobian_rows(const struct connection_plan *plan, int l)
{
    return plan->outputs * (size_t)plan->network->level[l].width;
}

/* Rows that are summed for a node of level l (see the header). */
static size_t summed_rows(const struct connection_plan *plan, int l)
{
    return l == 1 ? (size_t)plan->network->level[1].width : jacobian_rows(plan, l);
}

/* Entries of K of a node. */
static size_t connection_entries(const struct connection_plan *plan, int l)
{
    return jacobian_rows(plan, l) * (size_t)plan->network->level[l].fan_in;
}

/* Levels whose K is summed directly: those above the boundary's parents, or all. */
static int direct_levels(const struct connection_plan *plan)
{
    const int boundary = plan->tables->boundary;
    return boundary < plan->network->levels ? boundary - 1 : boundary;
}

void connection_plan(struct connection_plan *plan, const struct network *network,
                     const struct pattern_tables *tables, int labels)
{
    *plan = (struct connection_plan){.network = network,
                                     .tables = tables,
                                     .labels = (size_t)labels,
                                     .outputs = (size_t)network->level[0].width};
    int boundary = tables->boundary;
    plan->weight = take_sums(&plan->size, plan->labels);
    if (direct_levels(plan) > 0)
        plan->root = take_sums(&plan->size, plan->labels * (size_t)network->level[0].fan_in);
    for (int l = 1; l < boundary; l++) {
        const struct level *level = &network->level[l];
        size_t rows = summed_rows(plan, l);
        product_plan(&plan->jacobian[l], PRODUCT_BACKWARD, network->level[l - 1].width,
                     level->width, COLUMNS, COLUMNS, network->level[l - 1].fan_in);
        if (l >= direct_levels(plan))
            continue;
        plan->level[l] =
            take_sums(&plan->size, level->nodes * plan->labels * rows * (size_t)level->fan_in);
        product_plan(&plan->outer[l], PRODUCT_OUTER, (int)rows, level->fan_in, COLUMNS, COLUMNS,
                     level->fan_in);
    }
    if (boundary < network->levels) {
        plan->bucket_row = padded(summed_rows(plan, boundary - 1));
        plan->bucket = take_sums(&plan->size, nodes_of(network, boundary) * plan->labels *
                                                  tables->patterns[boundary] * plan->bucket_row);
    }
}

void connection_layout(struct connection_work *work, const struct connection_plan *plan,
                       struct arena *arena)
{
    const struct network *n = plan->network;
    int boundary = plan->tables->boundary;
    *work = (struct connection_work){0};
    if (boundary > 1)
        work->gate = ARENA_TAKE(arena, double, (size_t)n->level[1].width *COLUMNS);
    for (int l = 0; l < boundary; l++)
        work->jacobian[l] = ARENA_TAKE(arena, double, jacobian_rows(plan, l) * COLUMNS);
    if (boundary == n->levels)
        return;
    work->transposed = ARENA_TAKE(arena, double, COLUMNS * plan->bucket_row);
    for (int l = boundary; l < n->levels; l++) {
        size_t patterns = plan->tables->patterns[l];
        work->sums[l] = ARENA_TAKE(arena, double, patterns *jacobian_rows(plan, l - 1));
        work->gated[l] = ARENA_TAKE(arena, double, patterns *jacobian_rows(plan, l));
    }
}

/* ---- per sample ---- */

/* J of the root: the identity, times the weight of the column, which all J below carry. */
static void root_jacobian(const struct connection_plan *plan, const struct columns *columns,
                          double *jacobian)
{
    size_t n = plan->outputs;
    for (size_t o = 0; o < n; o++)
        memcpy(jacobian + (o * n + o) * COLUMNS, columns->weight, COLUMNS * sizeof *jacobian);
}

/* Weighted gates of a node of level 1. */
static void level_one_gate(const struct connection_plan *plan, struct connection_work *work,
                           const struct pass *pass, const struct columns *columns, size_t node)
{
    size_t width = (size_t)plan->network->level[1].width;
    const double *act = pass->act[1] + node * width * COLUMNS;
    for (size_t k = 0; k < width; k++)
        for (size_t s = 0; s < COLUMNS; s++) {
            bool open = !plan->network->relu || act[k * COLUMNS + s] > 0;
            work->gate[k * COLUMNS + s] = open ? columns->weight[s] : 0;
        }
}

/* J of a node of level 1 from its gates: W_0[o][k] gate_k. */
static void level_one_jacobian(const struct connection_plan *plan, struct connection_work *work,
                               const double *parameters, size_t node)
{
    const struct network *n = plan->network;
    size_t width = (size_t)n->level[1].width;
    const double *w = parameters + weight_offset(n, 0, 0) + node * width;
    for (size_t o = 0; o < plan->outputs; o++)
        for (size_t k = 0; k < width; k++)
            for (size_t s = 0; s < COLUMNS; s++)
                work->jacobian[1][(o * width + k) * COLUMNS + s] =
                    w[o * (size_t)n->level[0].fan_in + k] * work->gate[k * COLUMNS + s];
}

/* J of child c of (l - 1, parent), l > 1, gated by its own neurons. */
static void child_jacobian(const struct connection_plan *plan, struct connection_work *work,
                           const struct pass *pass, double *parameters, int l, size_t parent, int c)
{
    const struct network *n = plan->network;
    const struct level *above = &n->level[l - 1];
    size_t width = (size_t)n->level[l].width, node = parent * (size_t)above->children + (size_t)c;
    double *w = parameters + weight_offset(n, l - 1, parent) + (size_t)c * width;
    const double *act = pass->act[l] + node * width * COLUMNS;
    for (size_t o = 0; o < plan->outputs; o++) {
        double *out = work->jacobian[l] + o * width * COLUMNS;
        product_run(&plan->jacobian[l], w, out,
                    work->jacobian[l - 1] + o * (size_t)above->width * COLUMNS);
        for (size_t i = 0; n->relu && i < width * COLUMNS; i++)
            out[i] = act[i] > 0 ? out[i] : 0;
    }
}

/* The rows that are summed for the node in hand: its gates or its J. */
static double *summed(const struct connection_work *work, int l)
{
    return l == 1 ? work->gate : work->jacobian[l];
}

/* Add the rows in hand of a boundary node's parent to the sums of each child's patterns. */
static void fill_buckets(const struct connection_plan *plan, struct connection_work *work,
                         int label, size_t parent, const uint16_t *pattern, double *sums)
{
    int l = plan->tables->boundary - 1;
    size_t rows = summed_rows(plan, l), patterns = plan->tables->patterns[l + 1];
    const double *in_hand = summed(work, l);
    for (size_t r = 0; r < rows; r++)
        for (size_t s = 0; s < COLUMNS; s++)
            work->transposed[s * plan->bucket_row + r] = in_hand[r * COLUMNS + s];
    size_t children = (size_t)plan->network->level[l].children;
    for (size_t child = parent * children; child < (parent + 1) * children; child++) {
        double *bucket = sums + plan->bucket +
                         (child * plan->labels + (size_t)label) * patterns * plan->bucket_row;
        for (size_t s = 0; s < COLUMNS; s++) {
            double *row = bucket + pattern[child * COLUMNS + s] * plan->bucket_row;
            const double *in = work->transposed + s * plan->bucket_row;
            for (size_t r = 0; r < plan->bucket_row; r++)
                row[r] += in[r];
        }
    }
}

/* With J of (l, node) in hand (l > 1): its K, then its children's. */
static void descend(const struct connection_plan *plan, struct connection_work *work,
                    const struct pass *pass, double *parameters, const struct columns *columns,
                    const uint16_t *pattern, int l, size_t node, double *sums)
{
    const struct network *n = plan->network;
    const struct level *level = &n->level[l];
    if (l == 1)
        level_one_gate(plan, work, pass, columns, node);
    if (l > 0 && l < direct_levels(plan)) {
        size_t slot = node * plan->labels + (size_t)columns->label;
        size_t entries = summed_rows(plan, l) * (size_t)level->fan_in;
        product_run(&plan->outer[l], sums + plan->level[l] + slot * entries,
                    pass->act[l + 1] + node * (size_t)level->fan_in * COLUMNS, summed(work, l));
    }
    if (l + 1 == n->levels)
        return;
    if (l + 1 == plan->tables->boundary) {
        fill_buckets(plan, work, columns->label, node, pattern, sums);
        return;
    }
    if (l == 1)
        level_one_jacobian(plan, work, parameters, node);
    for (int c = 0; c < level->children; c++) {
        if (l > 0)
            child_jacobian(plan, work, pass, parameters, l + 1, node, c);
        descend(plan, work, pass, parameters, columns, pattern, l + 1,
                node * (size_t)level->children + (size_t)c, sums);
    }
}

void connection_add(const struct connection_plan *plan, struct connection_work *work,
                    const struct pass *pass, double *parameters, const struct columns *columns,
                    const uint16_t *pattern, double *sums)
{
    size_t label = (size_t)columns->label, inputs = (size_t)plan->network->level[0].fan_in;
    sums[plan->weight + label] += weighted_sum(columns->weight, columns->weight, 0, 0);
    for (size_t a = 0; direct_levels(plan) > 0 && a < inputs; a++)
        sums[plan->root + label * inputs + a] +=
            weighted_sum(columns->weight, pass->act[1] + a * COLUMNS, 0, 1);
    if (plan->tables->boundary == 1)
        root_jacobian(plan, columns, work->jacobian[0]);
    descend(plan, work, pass, parameters, columns, pattern, 0, 0, sums);
}

/* ---- at the end ---- */

size_t connection_offset(const struct connection_plan *plan, int level, size_t node, int label)
{
    size_t offset = 0;
    for (int l = 0; l < level; l++)
        offset += nodes_of(plan->network, l) * plan->labels * connection_entries(plan, l);
    return offset + (node * plan->labels + (size_t)label) * connection_entries(plan, level);
}

size_t connection_size(const struct connection_plan *plan)
{
    return connection_offset(plan, plan->network->levels, 0, 0);
}

/* 1 / P(label), or 0 for a label that did not occur */
static double inverse_weight(const struct connection_plan *plan, const double *sums, size_t label)
{
    double weight = sums[plan->weight + label];
    return weight > 0 ? 1 / weight : 0;
}

/* K of the root: f (x) I. */
static void finish_root(const struct connection_plan *plan, const double *inputs, double inverse,
                        double *out)
{
    size_t fan_in = (size_t)plan->network->level[0].fan_in;
    memset(out, 0, connection_entries(plan, 0) * sizeof *out);
    for (size_t o = 0; o < plan->outputs; o++)
        for (size_t a = 0; a < fan_in; a++)
            out[(o * plan->outputs + o) * fan_in + a] = inverse * inputs[a];
}

/* K of a node of level 1: W_0[o][k] times the sums over its gates. */
static void finish_level_one(const struct connection_plan *plan, const double *parameters,
                             size_t node, const double *sums, double inverse, double *out)
{
    const struct network *n = plan->network;
    size_t width = (size_t)n->level[1].width, fan_in = (size_t)n->level[1].fan_in;
    const double *w = parameters + weight_offset(n, 0, 0) + node * width;
    for (size_t o = 0; o < plan->outputs; o++)
        for (size_t k = 0; k < width; k++)
            for (size_t a = 0; a < fan_in; a++)
                *out++ = inverse * w[o * (size_t)n->level[0].fan_in + k] * sums[k * fan_in + a];
}

void connection_finish_upper(const struct connection_plan *plan, const double *parameters,
                             const double *sums, double *connection)
{
    const struct network *n = plan->network;
    for (size_t label = 0; label < plan->labels; label++) {
        double inverse = inverse_weight(plan, sums, label);
        if (direct_levels(plan) > 0)
            finish_root(plan, sums + plan->root + label * (size_t)n->level[0].fan_in, inverse,
                        connection + connection_offset(plan, 0, 0, (int)label));
        for (int l = 1; l < direct_levels(plan); l++)
            for (size_t node = 0; node < n->level[l].nodes; node++) {
                size_t entries = summed_rows(plan, l) * (size_t)n->level[l].fan_in;
                const double *in = sums + plan->level[l] + (node * plan->labels + label) * entries;
                double *out = connection + connection_offset(plan, l, node, (int)label);
                if (l == 1)
                    finish_level_one(plan, parameters, node, in, inverse, out);
                for (size_t i = 0; l > 1 && i < entries; i++)
                    out[i] = inverse * in[i];
            }
    }
}

/* gated[v][(o, k)] = gate_k(v) sum_j sums[v][(o, j)] W[j][k]: J of `node` summed by pattern. */
static void gate_patterns(const struct connection_plan *plan, struct connection_work *work,
                          double *parameters, int l, size_t node, const double *sums, size_t row)
{
    const struct network *n = plan->network;
    const struct pattern_tables *t = plan->tables;
    const struct level *above = &n->level[l - 1];
    size_t width = (size_t)n->level[l].width, parent = node / (size_t)above->children;
    const double *w =
        parameters + weight_offset(n, l - 1, parent) + node % (size_t)above->children * width;
    for (size_t v = 0; v < t->patterns[l]; v++) {
        double *out = work->gated[l] + v * plan->outputs * width;
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)plan->outputs, (int)width,
                    above->width, 1, sums + v * row, above->width, w, above->fan_in, 0, out,
                    (int)width);
        for (size_t k = 0; n->relu && k < width; k++)
            if (!(t->pre[l][(node * width + k) * t->stride[l] + v] > 0))
                for (size_t o = 0; o < plan->outputs; o++)
                    out[o * width + k] = 0;
    }
}

/* Sum `gated` of a node by the pattern of its child c. */
static void marginalise(const struct connection_plan *plan, struct connection_work *work, int l,
                        int c)
{
    const struct pattern_tables *t = plan->tables;
    size_t rows = jacobian_rows(plan, l), step = 1; /* weight of the child's digit */
    for (int i = plan->network->level[l].children - 1; i > c; i--)
        step *= t->patterns[l + 1];
    memset(work->sums[l + 1], 0, t->patterns[l + 1] * rows * sizeof(double));
    for (size_t v = 0; v < t->patterns[l]; v++) {
        double *out = work->sums[l + 1] + v / step % t->patterns[l + 1] * rows;
        for (size_t r = 0; r < rows; r++)
            out[r] += work->gated[l][v * rows + r];
    }
}

static void finish_node(const struct connection_plan *plan, struct connection_work *work,
                        double *parameters, int l, size_t node, int label, double inverse,
                        const double *sums, size_t row, double *connection)
{
    const struct network *n = plan->network;
    const struct pattern_tables *t = plan->tables;
    const struct level *level = &n->level[l];
    int rows = (int)jacobian_rows(plan, l), stride = (int)t->stride[l];
    gate_patterns(plan, work, parameters, l, node, sums, row);
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasTrans, rows, level->fan_in, (int)t->patterns[l],
                inverse, work->gated[l], rows,
                t->input[l] + node * (size_t)level->fan_in * t->stride[l], stride, 0,
                connection + connection_offset(plan, l, node, label), level->fan_in);
    for (int c = 0; l + 1 < n->levels && c < level->children; c++) {
        marginalise(plan, work, l, c);
        finish_node(plan, work, parameters, l + 1, node * (size_t)level->children + (size_t)c,
                    label, inverse, work->sums[l + 1], (size_t)rows, connection);
    }
}

/* Sums of the parent's J by pattern, [(o, j)], from the sums of its gates. */
static void expand_bucket(const struct connection_plan *plan, const double *parameters,
                          size_t parent, const double *bucket, double *out)
{
    const struct network *n = plan->network;
    size_t width = (size_t)n->level[1].width;
    const double *w = parameters + weight_offset(n, 0, 0) + parent * width;
    for (size_t v = 0; v < plan->tables->patterns[2]; v++, bucket += plan->bucket_row)
        for (size_t o = 0; o < plan->outputs; o++)
            for (size_t j = 0; j < width; j++)
                *out++ = w[o * (size_t)n->level[0].fan_in + j] * bucket[j];
}

/* K of the parent of boundary node i, in the columns of this child: its J, summed by the child's
 * pattern, times the child's values. */
static void finish_parent(const struct connection_plan *plan, size_t i, int label, double inverse,
                          const double *sums, size_t row, double *connection)
{
    const struct network *n = plan->network;
    const struct pattern_tables *t = plan->tables;
    const int l = t->boundary, width = n->level[l].width, fan_in = n->level[l - 1].fan_in;
    const size_t children = (size_t)n->level[l - 1].children;
    double *out = connection + connection_offset(plan, l - 1, i / children, label) +
                  i % children * (size_t)width;
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasTrans, (int)jacobian_rows(plan, l - 1), width,
                (int)t->patterns[l], inverse, sums, (int)row,
                t->value[l] + i * (size_t)width * t->stride[l], (int)t->stride[l], 0, out, fan_in);
}

void connection_finish_subtree(const struct connection_plan *plan, struct connection_work *work,
                               double *parameters, const double *sums, size_t i, double *connection)
{
    int l = plan->tables->boundary;
    for (size_t label = 0; label < plan->labels; label++) {
        const double *bucket =
            sums + plan->bucket +
            (i * plan->labels + label) * plan->tables->patterns[l] * plan->bucket_row;
        size_t row = plan->bucket_row;
        if (l == 2) {
            expand_bucket(plan, parameters, i / (size_t)plan->network->level[1].children, bucket,
                          work->sums[l]);
            bucket = work->sums[l];
            row = jacobian_rows(plan, l - 1);
        }
        const double inverse = inverse_weight(plan, sums, label);
        finish_parent(plan, i, (int)label, inverse, bucket, row, connection);
        finish_node(plan, work, parameters, l, i, (int)label, inverse, bucket, row, connection);
    }
}
