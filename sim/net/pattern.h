/* Patterns: the leaves below a node as base-m digits, the first the most significant. */
#pragma once

#include "sim/net/network.h"

/* The highest level (at least 1) whose patterns number at most half of `columns` and 256. */
int boundary_level(const struct network *network, size_t columns);

/* Patterns below a node of `level`: m^leaves, or 0 past 65536 and for real-valued leaves. */
size_t pattern_count(const struct network *network, int level);

/* pattern[node * stride + s] of `count` samples for all nodes of `level`, from leaf states
 * leaf[i * leaf_stride + s]. */
void pattern_index(const struct network *network, int level, const uint8_t *leaf,
                   size_t leaf_stride, size_t count, uint16_t *pattern, size_t stride);
