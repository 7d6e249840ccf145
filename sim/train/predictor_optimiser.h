/* How a predictor's weights move: by gradient steps, or set from the moments of the outputs, [NCP].
 *
 * With batch means of f = online output for x_1 and f_a = the target's for x_2
 *     C <- rho C + (1 - rho) E_B[f f^T],   D <- rho D + (1 - rho) E_B[f_a f^T]
 * (after the first batch C and D are its own), a rule sets W_p after every `freq`-th step; in all
 * other steps W_p moves by its gradient. */
#pragma once

#include "core/descriptor.h"
#include "core/error.h"
#include "sim/train/direct_predictor.h"

/* Settings that all share: the first member of each settings struct. */
struct predictor_step {
    double lr_ratio;     /* alpha_p: the predictor's learning rate over the trunk's */
    double weight_decay; /* eta_p */
};

struct predictor_rule {
    struct predictor_step step;
    double rho;
    int64_t freq;
};

struct predictor_optimiser {
    struct descriptor about;
    /* NULL: gradient steps alone; else settings begin with a predictor_rule, and this writes the
     * n x n matrix W_p.  `scratch`: direct_scratch_size(n) doubles. */
    enum status (*set)(const void *settings, int n, const double *c, const double *d, double *w_p,
                       double *scratch, struct error *err);
};

extern const struct predictor_optimiser predictor_gradient, predictor_direct_pred,
    predictor_direct_copy, predictor_optimal;

/* Settings of DirectPred and DirectCopy. */
struct direct_settings {
    struct predictor_rule rule;
    double epsilon, offset, power;
};
