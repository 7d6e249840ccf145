#include "sim/train/blocks.h"

#include <inttypes.h>

enum status blocks_check(struct block_cut cut, const struct network *network, struct error *err)
{
    if (cut.size > network->levels)
        return error_key(err, "objective.block",
                         "objective.block is %" PRId64 ", but the network has %d level%s; a block "
                         "has at most as many",
                         cut.size, network->levels, network->levels == 1 ? "" : "s");
    if (cut.size > 0 && cut.overlap >= cut.size)
        return error_key(err, "objective.overlap",
                         "objective.overlap is %" PRId64 " with objective.block %" PRId64
                         "; a block shares at most all levels but one, 0 ... %" PRId64,
                         cut.overlap, cut.size, cut.size - 1);
    return STATUS_OK;
}

int blocks_of(struct block_cut cut, const struct network *network,
              struct block block[NETWORK_MAX_LEVELS])
{
    const int lowest = network->levels - 1, size = cut.size > 0 ? (int)cut.size : network->levels;
    int count = 0, top = 0, bottom;
    do {
        const struct level *level = &network->level[top];
        bottom = top + size - 1 < lowest ? top + size - 1 : lowest;
        block[count++] = (struct block){top, bottom, (int)level->nodes * level->width};
        top += size - (int)cut.overlap;
    } while (bottom < lowest);
    return count;
}
