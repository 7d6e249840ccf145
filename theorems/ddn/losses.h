/* The losses that the claims on dual networks cover, and their weights by formula.
 *
 * A contrastive loss L(r_+, r_1-, ..., r_H-) pulls x_+ with dL/dr_+ = sum_k xi_k and pushes x_k-
 * with dL/dr_{k-} = -xi_k ([DDN] Thm. 2).  The weights here are the formulas of the paper.  They
 * share no code with the losses that training uses, so that a wrong derivative is seen. */
#pragma once

#include "sim/loss/objectives/objectives.h"

#include <gsl/gsl_rng.h>

enum loss_kind { LOSS_SIMPLE, LOSS_TRIPLET, LOSS_INFONCE, LOSS_EXACT_COV, LOSS_KINDS };

struct chosen_loss {
    enum loss_kind kind;
    const struct objective *objective;
    double tau, margin; /* as in the settings */
    int negatives;      /* H; 1 except for infonce */
    union {
        struct triplet_settings triplet;
        struct infonce_settings infonce;
        struct temperature_settings exact_cov;
    } settings;
};

struct chosen_loss loss_of(enum loss_kind kind, double tau, double margin, int negatives);

/* xi[k] = -dL/dr_{k-}, k = 0..H-1.  exact_cov holds its weight constant. */
void loss_weights(const struct chosen_loss *loss, double r_plus, const double *r_minus, double *xi);
