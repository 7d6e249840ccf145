/* A short training run on the latent tree, for claims about what training does. */
#ifndef DUET_THEOREMS_TRAINING_H
#define DUET_THEOREMS_TRAINING_H

#include "core/error.h"
#include "sim/objective.h"

enum { TRAINING_LEVELS = 8, TRAINING_UPPER = 3 };

/* The published setting but for these. */
struct training_plan {
    int depth, width, epochs;
    double low, high; /* |rho| */
    const struct objective *objective;
    const void *objective_settings;
    double lr;
    bool correlations_only; /* leave norm and ceiling of the result at 0 */
    int keep_level; /* of views; `depth`: no augmentation; -1: x_+ is an independent sample */
    size_t samples; /* of an epoch and of a measurement */
    uint64_t seed;  /* of the tree, the weights and all samples */
};

/* [level] of the tree's latents, level 0 the root; [0] before and [1] after training. */
struct training_result {
    double best[2][TRAINING_LEVELS]; /* mean over nodes of the best |correlation| */
    double norm[2][TRAINING_LEVELS]; /* mean over nodes of |OP_mu| */
    double ceiling[TRAINING_LEVELS]; /* mean over nodes (HLTM-2) */
};

enum status training_run(const struct training_plan *plan, struct training_result *result,
                         struct error *err);

/* Mean over the TRAINING_UPPER upper levels, the root and those below it, of best[level]. */
double training_upper_mean(const double *best);

#endif
