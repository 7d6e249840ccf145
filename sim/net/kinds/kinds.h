/* The kinds of network, one file each. */
#ifndef DUET_SIM_NETWORKS_KINDS_H
#define DUET_SIM_NETWORKS_KINDS_H

#include "sim/net/network.h"

extern const struct network_kind network_tree, network_mlp, network_symmetric_relu;

#endif
