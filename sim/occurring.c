#include "sim/occurring.h"

#include "core/product.h"
#include "sim/pattern.h"

enum { MOST_PATTERNS = 1024, COLUMNS_WORTH = 4 };

bool occurring_pays(const struct network *n, int level, size_t columns)
{
    const size_t patterns = pattern_count(n, level);
    return patterns > 0 && patterns <= MOST_PATTERNS && patterns <= COLUMNS_WORTH * columns;
}

/* The children's digits of every pattern, the first the most significant. */
static void set_digits(struct occurring *o)
{
    for (size_t v = 0; v < o->patterns; v++)
        for (size_t c = (size_t)o->network->level[o->level].children, rest = v; c-- > 0;
             rest /= o->child_patterns)
            o->digit[c * o->patterns + v] = (uint16_t)(rest % o->child_patterns);
}

void occurring_layout(struct occurring *o, const struct network *n, int level, int views,
                      size_t samples, struct arena *arena)
{
    const size_t nodes = nodes_of(n, level), all = (size_t)views * samples;
    *o = (struct occurring){.network = n,
                            .level = level,
                            .patterns = pattern_count(n, level),
                            .child_patterns = pattern_count(n, level + 1),
                            .samples = samples,
                            .stride = padded(samples),
                            .views = views};
    o->most = o->patterns < all ? o->patterns : all;
    o->most = (o->most + OCCURRING_STEP - 1) / OCCURRING_STEP * OCCURRING_STEP;
    o->digit = ARENA_TAKE(arena, uint16_t, (size_t)n->level[level].children * o->patterns);
    o->count = ARENA_TAKE(arena, size_t, nodes);
    o->pattern = ARENA_TAKE(arena, uint16_t, nodes * (size_t)n->level[level].children * o->most);
    o->column = ARENA_TAKE(arena, uint16_t, (size_t)views * nodes * o->stride);
    if (arena->base)
        set_digits(o);
}

/* Numbers the patterns that are seen, and writes down those of the children. */
static void number(struct occurring *o, size_t node, const bool *seen, uint16_t *column)
{
    const size_t children = (size_t)o->network->level[o->level].children;
    uint16_t *pattern = o->pattern + node * children * o->most, met[MOST_PATTERNS + OCCURRING_STEP];
    size_t count = 0;
    for (size_t v = 0; v < o->patterns; v++) {
        met[count] = (uint16_t)v;
        column[v] = (uint16_t)count;
        count += seen[v];
    }
    o->count[node] = count;
    for (size_t i = count; i < occurring_columns(o, node); i++)
        met[i] = 0;
    for (size_t c = 0; c < children; c++)
        for (size_t i = 0; i < occurring_columns(o, node); i++)
            pattern[c * o->most + i] = o->digit[c * o->patterns + met[i]];
}

static void find_node(struct occurring *o, const uint16_t *pattern, size_t view_stride,
                      size_t stride, size_t node)
{
    const size_t nodes = nodes_of(o->network, o->level);
    bool seen[MOST_PATTERNS] = {false};
    uint16_t column[MOST_PATTERNS];
    for (size_t v = 0; v < (size_t)o->views; v++)
        for (size_t s = 0; s < o->samples; s++)
            seen[pattern[v * view_stride + node * stride + s]] = true;
    number(o, node, seen, column);
    for (size_t v = 0; v < (size_t)o->views; v++)
        for (size_t s = 0; s < o->samples; s++)
            o->column[(v * nodes + node) * o->stride + s] =
                column[pattern[v * view_stride + node * stride + s]];
}

void occurring_find(struct occurring *o, const uint16_t *pattern, size_t view_stride, size_t stride,
                    size_t first, size_t end)
{
    for (size_t node = first; node < end; node++)
        find_node(o, pattern, view_stride, stride, node);
}
