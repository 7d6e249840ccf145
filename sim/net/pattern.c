#include "sim/net/pattern.h"

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
