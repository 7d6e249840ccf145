/* Correlation of neurons with latents.
 *
 * Signed Pearson correlation of a pre-activation with the indicator 1(z = s) of a latent's state:
 * s = 1 for m = 2 (the same as with z itself), for m > 2 the state whose correlation is largest in
 * size.  A constant neuron has correlation 0.  A state that occurs in all samples or in none has no
 * correlation: it is passed over, and the result is NaN, not measured, where no state is left.
 *
 * In a network that mirrors the tree, the neurons of a node go with the node's latent; elsewhere
 * the output neurons go with every latent. */
#pragma once

#include "analysis/columns.h"
#include "hltm/tree.h"
#include "sim/net/pass.h"

/* Where the sums stand in a flat array of doubles.  Per level l of the network above the boundary:
 * neurons [node][width][2], sums of g and g^2, g = pre-activation - shift.  Per latent that goes
 * with such neurons: states [tracked], sums of 1(z = s); cross [tracked][width], sums of 1(z = s)
 * g. Per level below the boundary: histogram [node][pattern][m] of (pattern, latent). */
struct correlation_plan {
    const struct network *network;
    const struct tree *tree;
    const struct pattern_tables *tables;
    int tracked; /* states: 1 for m = 2, else m */
    size_t neurons[NETWORK_MAX_LEVELS], states[TREE_MAX_DEPTH], cross[TREE_MAX_DEPTH];
    size_t histogram[TREE_MAX_DEPTH];
    size_t total; /* sum of weights */
    size_t size;  /* doubles */
};

void correlation_plan(struct correlation_plan *plan, const struct network *network,
                      const struct tree *tree, const struct pattern_tables *tables);

/* Neurons that go with a latent of tree level d, and the number of results: latents of levels
 * 0..depth-1 times their neurons, level by level. */
int correlation_width(const struct correlation_plan *plan, int level);
size_t correlation_offset(const struct correlation_plan *plan, int level);
size_t correlation_size(const struct correlation_plan *plan);

/* Add columns that `pass` has evaluated.  shift[l]: [node][width] value that is taken off the
 * pre-activations of level l before summing, so that constant neurons give exactly 0.
 * pattern: [NETWORK_MAX_LEVELS] per level below the boundary [node][COLUMNS]; NULL above. */
void correlation_add(const struct correlation_plan *plan, const struct pass *pass,
                     const struct columns *columns, double *const *shift, uint16_t *const *pattern,
                     double *sums);

/* Results, laid out as above, from the summed-up sums; on so many threads. */
void correlation_finish(const struct correlation_plan *plan, double *const *shift,
                        const double *sums, double *correlation, int threads);
