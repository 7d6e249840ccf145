#include "sim/net/batch_patterns.h"

#include "core/product.h"
#include "sim/net/pattern.h"

#include <string.h>

enum { MOST_PATTERNS = 1024, COLUMNS_WORTH = 4 };

bool batch_patterns_pays(const struct network *n, int level, size_t columns)
{
    const size_t patterns = pattern_count(n, level);
    return patterns > 0 && patterns <= MOST_PATTERNS && patterns <= COLUMNS_WORTH * columns;
}

static size_t children_of(const struct batch_patterns *o)
{
    return (size_t)o->network->level[o->level].children;
}

/* Numbers in a batch's `count` (padded to a cache line), `pattern` and `column`. */
static size_t counts_of(const struct batch_patterns *o)
{
    return padded(nodes_of(o->network, o->level));
}

static size_t patterns_of(const struct batch_patterns *o)
{
    return nodes_of(o->network, o->level) * children_of(o) * o->most;
}

static size_t columns_of(const struct batch_patterns *o)
{
    return (size_t)o->views * nodes_of(o->network, o->level) * o->stride;
}

/* The children's digits of every pattern, the first the most significant. */
static void set_digits(struct batch_patterns *o)
{
    for (size_t v = 0; v < o->patterns; v++)
        for (size_t c = children_of(o), rest = v; c-- > 0; rest /= o->child_patterns)
            o->digit[c * o->patterns + v] = (uint16_t)(rest % o->child_patterns);
}

void batch_patterns_layout(struct batch_patterns *o, const struct network *n, int level, int views,
                           size_t samples, struct arena *arena)
{
    const size_t all = (size_t)views * samples;
    *o = (struct batch_patterns){.network = n,
                                 .level = level,
                                 .patterns = pattern_count(n, level),
                                 .child_patterns = pattern_count(n, level + 1),
                                 .samples = samples,
                                 .stride = padded(samples),
                                 .views = views};
    o->most = batch_patterns_padded(o->patterns < all ? o->patterns : all);
    o->digit = ARENA_TAKE(arena, uint16_t, children_of(o) * o->patterns);
    o->count = ARENA_TAKE(arena, size_t, nodes_of(n, level));
    o->pattern = ARENA_TAKE(arena, uint16_t, patterns_of(o));
    if (arena->base)
        set_digits(o);
}

void numbering_layout(struct numbering *numberings, const struct batch_patterns *o, size_t batches,
                      struct arena *arena)
{
    numberings->count = ARENA_TAKE(arena, size_t, batches * counts_of(o));
    numberings->pattern = ARENA_TAKE(arena, uint16_t, batches * patterns_of(o));
    numberings->column = ARENA_TAKE(arena, uint16_t, batches * columns_of(o));
}

struct numbering numbering_of(const struct numbering *numberings, const struct batch_patterns *o,
                              size_t batch)
{
    return (struct numbering){.count = numberings->count + batch * counts_of(o),
                              .pattern = numberings->pattern + batch * patterns_of(o),
                              .column = numberings->column + batch * columns_of(o)};
}

size_t numbering_bytes(const struct batch_patterns *o)
{
    return counts_of(o) * sizeof(size_t) + (patterns_of(o) + columns_of(o)) * sizeof(uint16_t);
}

/* Numbers a node's patterns that are seen, and writes down those of its children. */
static size_t number_seen(const struct batch_patterns *o, const bool *seen, uint16_t *pattern,
                          uint16_t *column)
{
    uint16_t met[MOST_PATTERNS + BATCH_PATTERNS_STEP] = {0};
    size_t count = 0;
    for (size_t v = 0; v < o->patterns; v++) {
        met[count] = (uint16_t)v;
        column[v] = (uint16_t)count;
        count += seen[v];
    }
    met[count] = 0;
    for (size_t c = 0; c < children_of(o); c++)
        for (size_t i = 0; i < batch_patterns_padded(count); i++)
            pattern[c * o->most + i] = o->digit[c * o->patterns + met[i]];
    return count;
}

static void number_node(const struct batch_patterns *o, const uint16_t *pattern, size_t view_stride,
                        struct numbering numbering, size_t node)
{
    const size_t view = nodes_of(o->network, o->level) * o->stride;
    bool seen[MOST_PATTERNS] = {false};
    uint16_t column[MOST_PATTERNS];
    for (size_t v = 0; v < (size_t)o->views; v++)
        for (size_t s = 0; s < o->samples; s++)
            seen[pattern[v * view_stride + s]] = true;
    numbering.count[node] =
        number_seen(o, seen, numbering.pattern + node * children_of(o) * o->most, column);
    for (size_t v = 0; v < (size_t)o->views; v++)
        for (size_t s = 0; s < o->samples; s++)
            numbering.column[v * view + node * o->stride + s] =
                column[pattern[v * view_stride + s]];
}

void batch_patterns_number(const struct batch_patterns *o, const uint16_t *pattern,
                           size_t view_stride, size_t stride, struct numbering numbering)
{
    for (size_t node = 0; node < nodes_of(o->network, o->level); node++)
        number_node(o, pattern + node * stride, view_stride, numbering, node);
}

void batch_patterns_take(struct batch_patterns *o, struct numbering numbering, size_t first,
                         size_t end)
{
    for (size_t node = first; node < end; node++) {
        o->count[node] = numbering.count[node];
        for (size_t c = 0; c < children_of(o); c++) {
            const size_t row = (node * children_of(o) + c) * o->most;
            memcpy(o->pattern + row, numbering.pattern + row,
                   batch_patterns_columns(o, node) * sizeof *o->pattern);
        }
    }
}
