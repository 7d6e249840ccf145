#include "sim/lookup.h"

#include "core/quad.h"

struct lookup lookup_plan(size_t nodes, size_t children, size_t patterns, size_t width)
{
    const size_t row = (width + 3) / 4 * 4;
    return (struct lookup){.nodes = nodes,
                           .children = children,
                           .width = width,
                           .row = row,
                           .child = patterns * row,
                           .node = children * patterns * row};
}

size_t lookup_size(const struct lookup *l)
{
    return l->node == 0 ? l->children * l->child : l->nodes * l->node;
}

/* Columns v to v + 3 as rows, and back. */
static inline void fill_quad(struct lookup l, double *rows, size_t v, const double *in,
                             size_t stride, const double *bias)
{
    for (size_t k = 0; k < l.width; k += 4) {
        quad r[4] = {{0}};
        for (size_t i = 0; i < 4 && k + i < l.width; i++)
            r[i] = *(const quad *)(in + (k + i) * stride + v) + (bias ? bias[k + i] : 0);
        quad_transpose(r);
        for (size_t i = 0; i < 4; i++)
            *(quad *)(rows + (v + i) * l.row + k) = r[i];
    }
}

static inline void take_quad(struct lookup l, const double *rows, size_t v, double *out,
                             size_t stride)
{
    for (size_t k = 0; k < l.width; k += 4) {
        quad r[4];
        for (size_t i = 0; i < 4; i++)
            r[i] = *(const quad *)(rows + (v + i) * l.row + k);
        quad_transpose(r);
        for (size_t i = 0; i < 4 && k + i < l.width; i++)
            *(quad *)(out + (k + i) * stride + v) = r[i];
    }
}

void lookup_fill(const struct lookup *lookup, double *rows, size_t patterns, const double *in,
                 size_t stride, const double *bias)
{
    const struct lookup l = *lookup;
    size_t v = 0;
    for (; v + 4 <= patterns; v += 4)
        fill_quad(l, rows, v, in, stride, bias);
    for (; v < patterns; v++)
        for (size_t k = 0; k < l.width; k++)
            rows[v * l.row + k] = in[k * stride + v] + (bias ? bias[k] : 0);
}

void lookup_take(const struct lookup *lookup, const double *rows, size_t patterns, double *out,
                 size_t stride)
{
    const struct lookup l = *lookup;
    size_t v = 0;
    for (; v + 4 <= patterns; v += 4)
        take_quad(l, rows, v, out, stride);
    for (; v < patterns; v++)
        for (size_t k = 0; k < l.width; k++)
            out[k * stride + v] = rows[v * l.row + k];
}

/* A node's samples at work: numbers alone, that the loops below keep in registers. */
struct samples {
    const uint16_t *pattern; /* [child][stride] */
    size_t stride, columns;
};

/* Child c's row of sample s, from the node's first. */
static inline size_t row_of(struct lookup l, struct samples of, size_t c, size_t s)
{
    return c * l.child + of.pattern[c * of.stride + s] * l.row;
}

static inline void read_quad(struct lookup l, const double *rows, struct samples of, size_t s,
                             double *out)
{
    const double *at[4];
    for (size_t i = 0; i < 4; i++)
        at[i] = rows + row_of(l, of, 0, s + i);
    for (size_t k = 0; k < l.width; k += 4) {
        quad r[4];
        for (size_t i = 0; i < 4; i++)
            r[i] = *(const quad *)(at[i] + k);
        for (size_t c = 1; c < l.children; c++)
            for (size_t i = 0; i < 4; i++)
                r[i] += *(const quad *)(rows + row_of(l, of, c, s + i) + k);
        quad_transpose(r);
        for (size_t i = 0; i < 4 && k + i < l.width; i++)
            *(quad *)(out + (k + i) * of.columns + s) = r[i];
    }
}

static void read_one(struct lookup l, const double *rows, struct samples of, size_t s, double *out)
{
    for (size_t k = 0; k < l.width; k++) {
        double sum = rows[row_of(l, of, 0, s) + k];
        for (size_t c = 1; c < l.children; c++)
            sum += rows[row_of(l, of, c, s) + k];
        out[k * of.columns + s] = sum;
    }
}

void lookup_read(const struct lookup *lookup, const double *rows, size_t node,
                 const uint16_t *pattern, size_t stride, size_t count, double *out, size_t columns)
{
    const struct lookup l = *lookup;
    const struct samples of = {.pattern = pattern, .stride = stride, .columns = columns};
    const double *own = rows + lookup_offset(lookup, node, 0);
    size_t s = 0;
    for (; s + 4 <= count; s += 4)
        read_quad(l, own, of, s, out);
    for (; s < count; s++)
        read_one(l, own, of, s, out);
}

/* One sample after the other: they may share a row. */
static inline void add_quad(struct lookup l, double *rows, struct samples of, size_t s,
                            const double *in)
{
    for (size_t k = 0; k < l.width; k += 4) {
        quad r[4] = {{0}};
        for (size_t i = 0; i < 4 && k + i < l.width; i++)
            r[i] = *(const quad *)(in + (k + i) * of.columns + s);
        quad_transpose(r);
        for (size_t c = 0; c < l.children; c++)
            for (size_t i = 0; i < 4; i++)
                *(quad *)(rows + row_of(l, of, c, s + i) + k) += r[i];
    }
}

static void add_one(struct lookup l, double *rows, struct samples of, size_t s, const double *in)
{
    for (size_t k = 0; k < l.width; k++)
        for (size_t c = 0; c < l.children; c++)
            rows[row_of(l, of, c, s) + k] += in[k * of.columns + s];
}

void lookup_add(const struct lookup *lookup, double *rows, size_t node, const uint16_t *pattern,
                size_t stride, size_t count, const double *in, size_t columns)
{
    const struct lookup l = *lookup;
    const struct samples of = {.pattern = pattern, .stride = stride, .columns = columns};
    double *own = rows + lookup_offset(lookup, node, 0);
    size_t s = 0;
    for (; s + 4 <= count; s += 4)
        add_quad(l, own, of, s, in);
    for (; s < count; s++)
        add_one(l, own, of, s, in);
}
