#include "hltm/sample.h"

#include <string.h>

size_t sample_size(const struct tree *tree)
{
    return tree->nodes * (tree->states == 2 ? sizeof(uint64_t) : (size_t)BLOCK);
}

static inline struct random_words words_at(struct draw draw, uint64_t lane, uint64_t index)
{
    return random_words(draw.seed, draw.purpose, draw.epoch, draw.block, draw.view << 32 | lane,
                        index);
}

/* Lane l is 1 where its uniform number u_l < p.  Both are read from the highest binary digit down;
 * the first digit in which they differ decides a lane, so few words are needed. */
uint64_t sample_bernoulli(struct draw draw, uint64_t lane, double p)
{
    if (p >= 1)
        return ~(uint64_t)0;
    uint64_t digits = (uint64_t)(p * 0x1p64);
    uint64_t open = ~(uint64_t)0, below = 0;
    for (uint64_t index = 0; digits && open; index++) {
        struct random_words words = words_at(draw, lane, index);
        for (int i = 0; i < 4; i++, digits <<= 1) {
            uint64_t digit = (uint64_t)0 - (digits >> 63); /* all ones where p's digit is 1 */
            uint64_t u = words.word[i];
            below |= open & ~u & digit;
            open &= ~(u ^ digit);
        }
    }
    return below;
}

/* ---- m = 2 ---- */

static inline uint64_t root_bits(struct draw draw)
{
    return words_at(draw, 0, 0).word[0];
}

static inline uint64_t child_bits(const struct tree *tree, struct draw draw, size_t node,
                                  uint64_t parent)
{
    return parent ^ sample_bernoulli(draw, node, (1 - tree->polarity[node]) / 2);
}

static void descend_bits(const struct tree *tree, struct draw draw, int from, uint64_t *bits)
{
    for (int d = from; d <= tree->depth; d++) {
        size_t c = (size_t)tree->children[d - 1];
        const uint64_t *parent = bits + tree->first[d - 1];
        for (size_t i = 0; i < tree->count[d]; i++) {
            size_t node = tree->first[d] + i;
            bits[node] = child_bits(tree, draw, node, parent[i / c]);
        }
    }
}

/* ---- m > 2 ---- */

/* `child` may be `parent`. */
static void child_states(const struct tree *tree, struct draw draw, size_t node,
                         const uint8_t *parent, uint8_t *child)
{
    const unsigned m = (unsigned)tree->states;
    double same = tree_transition(tree, node, 0, 0);
    double others = same < 1 ? (m - 1) / (1 - same) : 0;
    for (uint64_t group = 0; group < BLOCK / 4; group++) {
        struct random_words words = words_at(draw, node, group);
        for (unsigned k = 0; k < 4; k++) {
            double u = (double)(words.word[k] >> 11) * 0x1p-53;
            unsigned step = u < same ? 0 : 1 + (unsigned)((u - same) * others);
            step = step < m ? step : m - 1;
            size_t lane = 4 * group + k;
            /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): m >= 2 */
            child[lane] = (uint8_t)((parent[lane] + step) % m);
        }
    }
}

static void descend_states(const struct tree *tree, struct draw draw, int from, uint8_t *states)
{
    for (int d = from; d <= tree->depth; d++) {
        size_t c = (size_t)tree->children[d - 1];
        for (size_t i = 0; i < tree->count[d]; i++) {
            size_t node = tree->first[d] + i;
            child_states(tree, draw, node, states + (tree->first[d - 1] + i / c) * BLOCK,
                         states + node * BLOCK);
        }
    }
}

static void draw_root(const struct tree *tree, struct draw draw, uint8_t *states)
{
    for (uint64_t group = 0; group < BLOCK / 4; group++) {
        struct random_words words = words_at(draw, 0, group);
        for (unsigned k = 0; k < 4; k++) /* multiply-shift: bias below 2^-56 */
            states[4 * group + k] =
                (uint8_t)(((unsigned __int128)words.word[k] * (unsigned)tree->states) >> 64);
    }
}

/* ---- both ---- */

static void descend(const struct tree *tree, struct draw draw, int from, void *states)
{
    if (tree->states == 2)
        descend_bits(tree, draw, from, states);
    else
        descend_states(tree, draw, from, states);
}

void sample_tree(const struct tree *tree, struct draw draw, void *states)
{
    if (tree->states == 2)
        *(uint64_t *)states = root_bits(draw);
    else
        draw_root(tree, draw, states);
    descend(tree, draw, 1, states);
}

void sample_view(const struct tree *tree, struct draw draw, const void *kept, void *states)
{
    int below = tree->keep_level + 1;
    if (below == 0) { /* nothing is kept */
        sample_tree(tree, draw, states);
        return;
    }
    size_t nodes = below > tree->depth ? tree->nodes : tree->first[below];
    memcpy(states, kept, nodes * (sample_size(tree) / tree->nodes));
    descend(tree, draw, below, states);
}

/* Bit i of `byte` into byte i of the result. */
static inline uint64_t spread(uint64_t byte)
{
    uint64_t picked = (byte * 0x0101010101010101u) & 0x8040201008040201u;
    return ((picked + 0x7f7f7f7f7f7f7f7fu) >> 7) & 0x0101010101010101u;
}

/* Bit l into byte l of `row`. */
static void unpack_bits(uint64_t bits, uint8_t row[BLOCK])
{
    for (size_t lane = 0; lane < BLOCK; lane += 8, bits >>= 8) {
        uint64_t bytes = spread(bits & 0xff); /* byte i is lane + i on a little-endian machine */
        memcpy(row + lane, &bytes, sizeof bytes);
    }
}

void sample_unpack(const struct tree *tree, const void *states, size_t first, size_t count,
                   uint8_t *out, size_t stride)
{
    for (size_t i = 0; i < count; i++)
        if (tree->states > 2)
            memcpy(out + i * stride, (const uint8_t *)states + (first + i) * BLOCK, BLOCK);
        else
            unpack_bits(((const uint64_t *)states)[first + i], out + i * stride);
}

/* ---- one node ---- */

static uint64_t latent_bits(const struct tree *tree, struct draw draw, int level, size_t i)
{
    if (level == 0)
        return root_bits(draw);
    return child_bits(tree, draw, tree->first[level] + i,
                      latent_bits(tree, draw, level - 1, tree_parent(tree, level, i)));
}

static void latent_states(const struct tree *tree, struct draw draw, int level, size_t i,
                          uint8_t *state)
{
    if (level == 0) {
        draw_root(tree, draw, state);
        return;
    }
    latent_states(tree, draw, level - 1, tree_parent(tree, level, i), state);
    child_states(tree, draw, tree->first[level] + i, state, state);
}

void sample_latent(const struct tree *tree, struct draw draw, int level, size_t i, uint8_t *state)
{
    if (tree->states == 2)
        unpack_bits(latent_bits(tree, draw, level, i), state);
    else
        latent_states(tree, draw, level, i, state);
}
