/* How far the factors of HLTM-4 are from the operator of a drawn network, for the claim's curve and
 * its figure. */
#pragma once

#include "theorems/hltm/latent.h"

/* The factor for the layers above in the formula: E[J^T J] or E[J]^T E[J]. */
enum hltm_4_factor { HLTM_4_MEAN_OF_GRAM, HLTM_4_GRAM_OF_MEAN, HLTM_4_FACTORS };

/* Random networks without biases on binary trees. */
struct hltm_4_kind {
    int depth, width;
    double polarity; /* |rho| of every edge */
    bool linear;     /* else ReLU */
};

/* |OP - 2 o_mu a_mu a_mu^T (x) factor|_F / |OP|_F of a drawn network, all nodes below the root
 * taken together, by exact sums. */
enum status hltm_4_errors(gsl_rng *rng, const struct latent_settings *settings,
                          struct hltm_4_kind kind, double error[HLTM_4_FACTORS], struct error *err);
