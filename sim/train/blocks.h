/* Local training ([SC], LoCo): a network trained in blocks, runs of consecutive levels.
 *
 * Each block has the objective on what its top level gives to the level above, f_l of all the
 * level's nodes, normalised where the network's output is; its gradient ends at its lowest level.
 * Blocks are cut from the output down, `size` levels each, of which a block shares `overlap` with
 * the one above; the lowest ends with the network, and may be shorter.  A shared level's parameters
 * get the gradients of both blocks.  Ordinary training is the one block of all levels. */
#pragma once

#include "sim/loss/objective.h"
#include "sim/net/network.h"

struct block {
    int top, bottom; /* levels, both included */
    int width;       /* numbers that the objective sees: neurons of all nodes of `top` */
};

/* STATUS_INVALID where the cut does not fit the network. */
enum status blocks_check(struct block_cut cut, const struct network *network, struct error *err);

/* The blocks from the output down, and their number. */
int blocks_of(struct block_cut cut, const struct network *network,
              struct block block[NETWORK_MAX_LEVELS]);
