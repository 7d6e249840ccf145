/* Ancestral sampling, 64 samples at a time.
 *
 * Sample i is lane i mod 64 of block i / 64, and every draw in it has the address (seed, purpose,
 * epoch, block), lane (view, node), so samples may be drawn in any order.  With m = 2 a node's 64
 * states are the bits of one word, and the flips of an edge are 64 Bernoulli bits made by comparing
 * random words with the binary digits of P(flip), exact to 2^-64. */
#pragma once

#include "core/random.h"
#include "hltm/tree.h"

enum { BLOCK = 64 };

/* Address of a block, or of a view of it. */
struct draw {
    uint64_t seed;
    enum purpose purpose;
    uint64_t epoch;
    uint64_t block;
    uint64_t view; /* independent resamplings of the same block: 0, 1, 2, ... */
};

/* States of a block before unpacking. m = 2: one uint64_t per node; m > 2: BLOCK bytes per node. */
size_t sample_size(const struct tree *tree); /* bytes */

/* Draw all nodes. */
void sample_tree(const struct tree *tree, struct draw draw, void *states);

/* A view of `kept`: levels 0..tree->keep_level are copied from it, all below are drawn anew with
 * draw.view.  `states` may not be `kept`. */
void sample_view(const struct tree *tree, struct draw draw, const void *kept, void *states);

/* States of `count` nodes from `first` as bytes: out[node * stride + lane], lanes 0..63. */
void sample_unpack(const struct tree *tree, const void *states, size_t first, size_t count,
                   uint8_t *out, size_t stride);

/* States of node i of `level` alone, state[BLOCK], equal to those that sample_tree draws. */
void sample_latent(const struct tree *tree, struct draw draw, int level, size_t i, uint8_t *state);

/* 64 independent bits, each 1 with probability p; words are taken from (draw, lane). */
uint64_t sample_bernoulli(struct draw draw, uint64_t lane, double p);
