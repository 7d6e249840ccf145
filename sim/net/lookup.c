#include "sim/net/lookup.h"

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

/* Quads of a row that are in hand at a time: a constant where the functions below are inlined, so
 * that they stay in registers. */
#define INLINE static inline __attribute__((always_inline))
enum { QUADS = 4 };

static size_t quads_from(struct lookup l, size_t k)
{
    const size_t left = (l.row - k) / 4;
    return left < QUADS ? left : QUADS;
}

/* Entries [k, k + 4 quads) of the first `count` samples, a multiple of 4. */
INLINE void read_block(struct lookup l, const double *rows, struct samples of, size_t k,
                       size_t quads, size_t count, double *out, double *act)
{
    for (size_t s = 0; s < count; s += 4) {
        quad r[QUADS][4];
        for (size_t i = 0; i < 4; i++)
            for (size_t q = 0; q < quads; q++)
                r[q][i] = *(const quad *)(rows + row_of(l, of, 0, s + i) + k + 4 * q);
        for (size_t c = 1; c < l.children; c++)
            for (size_t i = 0; i < 4; i++)
                for (size_t q = 0; q < quads; q++)
                    r[q][i] += *(const quad *)(rows + row_of(l, of, c, s + i) + k + 4 * q);
        for (size_t q = 0; q < quads; q++) {
            quad_transpose(r[q]);
            for (size_t i = 0; i < 4 && k + 4 * q + i < l.width; i++) {
                const size_t at = (k + 4 * q + i) * of.columns + s;
                if (out != act)
                    *(quad *)(out + at) = r[q][i];
                if (!act)
                    continue;
                quad_gate(&r[q][i], &r[q][i]);
                *(quad *)(act + at) = r[q][i];
            }
        }
    }
}

/* One sample after the other: they may share a row. */
INLINE void add_block(struct lookup l, double *rows, struct samples of, size_t k, size_t quads,
                      size_t count, const double *in, const double *act)
{
    for (size_t s = 0; s < count; s += 4) {
        quad r[QUADS][4];
        for (size_t q = 0; q < quads; q++) {
            for (size_t i = 0; i < 4; i++) {
                const size_t row = k + 4 * q + i, at = row * of.columns + s;
                r[q][i] = row < l.width ? *(const quad *)(in + at) : (quad){0};
                if (act && row < l.width)
                    quad_gate(&r[q][i], (const quad *)(act + at));
            }
            quad_transpose(r[q]);
        }
        for (size_t c = 0; c < l.children; c++)
            for (size_t i = 0; i < 4; i++)
                for (size_t q = 0; q < quads; q++)
                    *(quad *)(rows + row_of(l, of, c, s + i) + k + 4 * q) += r[q][i];
    }
}

/* Whole rows, block by block: `quads` is a constant in every call, and so is whether there is an
 * `act`. */
#define EACH_BLOCK(block, l, rows, of, count, columns, act)                                        \
    for (size_t k = 0; k < (l).row; k += 4 * QUADS)                                                \
        switch (quads_from(l, k)) {                                                                \
        case 1:                                                                                    \
            block(l, rows, of, k, 1, count, columns, act);                                         \
            break;                                                                                 \
        case 2:                                                                                    \
            block(l, rows, of, k, 2, count, columns, act);                                         \
            break;                                                                                 \
        case 3:                                                                                    \
            block(l, rows, of, k, 3, count, columns, act);                                         \
            break;                                                                                 \
        default:                                                                                   \
            block(l, rows, of, k, QUADS, count, columns, act);                                     \
        }

static void read_one(struct lookup l, const double *rows, struct samples of, size_t s, double *out,
                     double *act)
{
    for (size_t k = 0; k < l.width; k++) {
        double sum = rows[row_of(l, of, 0, s) + k];
        for (size_t c = 1; c < l.children; c++)
            sum += rows[row_of(l, of, c, s) + k];
        out[k * of.columns + s] = sum;
        if (act)
            act[k * of.columns + s] = sum > 0 ? sum : 0;
    }
}

void lookup_read(const struct lookup *lookup, const double *rows, size_t node,
                 const uint16_t *pattern, size_t stride, size_t count, double *out, double *act,
                 size_t columns)
{
    const struct lookup l = *lookup;
    const struct samples of = {.pattern = pattern, .stride = stride, .columns = columns};
    const double *own = rows + lookup_offset(lookup, node, 0);
    const size_t fours = count / 4 * 4;
    if (act == out)
        EACH_BLOCK(read_block, l, own, of, fours, out, out)
    else if (act)
        EACH_BLOCK(read_block, l, own, of, fours, out, act)
    else
        EACH_BLOCK(read_block, l, own, of, fours, out, NULL)
    for (size_t s = fours; s < count; s++)
        read_one(l, own, of, s, out, act);
}

static void add_one(struct lookup l, double *rows, struct samples of, size_t s, const double *in,
                    const double *act)
{
    for (size_t k = 0; k < l.width; k++)
        for (size_t c = 0; c < l.children; c++)
            if (!act || act[k * of.columns + s] > 0)
                rows[row_of(l, of, c, s) + k] += in[k * of.columns + s];
}

void lookup_add(const struct lookup *lookup, double *rows, size_t node, const uint16_t *pattern,
                size_t stride, size_t count, const double *in, const double *act, size_t columns)
{
    const struct lookup l = *lookup;
    const struct samples of = {.pattern = pattern, .stride = stride, .columns = columns};
    double *own = rows + lookup_offset(lookup, node, 0);
    const size_t fours = count / 4 * 4;
    if (act)
        EACH_BLOCK(add_block, l, own, of, fours, in, act)
    else
        EACH_BLOCK(add_block, l, own, of, fours, in, NULL)
    for (size_t s = fours; s < count; s++)
        add_one(l, own, of, s, in, act);
}
