/* The dimensions that numbers of a network have, as axes of a quantity (core/quantity.h). */
#pragma once

#include "core/quantity.h"
#include "sim/net/network.h"

/* One more dimension: the nodes of a level; the neurons of a node; the inputs of a node. */
void add_nodes(struct quantity *quantity, const struct network *network, int level);
void add_neurons(struct quantity *quantity, const struct network *network, int level);
void add_inputs(struct quantity *quantity, const struct network *network, int level);

/* One more dimension: the latents of level `level` of the data's tree, `count` of them; in a
 * network that mirrors the tree they are the nodes of that level. */
void add_latents(struct quantity *quantity, size_t count, int level);
