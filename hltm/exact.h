/* Exact quantities of a small tree: joint distribution, posteriors, ceilings. */
#pragma once

#include "core/error.h"
#include "hltm/sample.h"
#include "hltm/tree.h"

enum {
    JOINT_LIMIT = 1 << 22,   /* assignments of all nodes that joint_enumerate writes out */
    SUPPORT_LIMIT = 1 << 16, /* leaf patterns that support_create writes out: 16 binary leaves */
};

/* P(z) of every assignment z of all nodes: probability[index], where node 0 is the most significant
 * of the base-m digits of `index`.  `*count` = m^nodes; the caller frees the array.  An error past
 * JOINT_LIMIT. */
enum status joint_enumerate(const struct tree *tree, double **probability, size_t *count,
                            struct error *err);

/* ---- belief propagation (HLTM-2): upward-downward pass on a block of BLOCK leaf patterns ---- */

/* leaves: [leaf][stride] states, BLOCK columns read.
 * work, belief: [node][m][BLOCK] doubles; belief = P(z_node = s | leaves), 0 for impossible leaves.
 * log_evidence: [BLOCK], log P(leaves); may be NULL. */
void belief_block(const struct tree *tree, const uint8_t *leaves, size_t stride, double *work,
                  double *belief, double *log_evidence);

/* ---- the support: every leaf pattern with its weight and posteriors ---- */

struct support {
    size_t count;        /* m^leaves patterns */
    size_t stride;       /* count padded to BLOCK */
    uint8_t *leaf;       /* [leaf][stride]; leaf 0 is the most significant digit */
    double *probability; /* [stride] P(x); 0 past `count` */
    double *posterior;   /* [node][m][stride] P(z_node = s | x) */
};

/* An error past SUPPORT_LIMIT. */
enum status support_create(struct support **support, const struct tree *tree, struct error *err);
void support_free(struct support *support);

/* ---- the ceiling (HLTM-2) ---- */

/* Largest correlation that any function of the leaves can have with each latent:
 * ceiling[node] = sd(E[1(z = s) | leaves]) / sd(1(z = s)), the largest over states s (m = 2: both
 * are the same and equal sqrt(Var E[z | leaves]) / sd(z)).  Exact where the support can be
 * enumerated, else from `samples` draws at (seed, PURPOSE_CEILING). */
enum status ceiling_measure(const struct tree *tree, uint64_t seed, size_t samples, double *ceiling,
                            struct error *err);

/* Bytes that ceiling_measure takes while it works. */
size_t ceiling_memory(const struct tree *tree);
