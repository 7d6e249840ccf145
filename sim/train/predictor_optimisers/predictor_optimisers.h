/* The predictor optimisers, one file each. */
#ifndef DUET_SIM_PREDICTOR_OPTIMISERS_PREDICTOR_OPTIMISERS_H
#define DUET_SIM_PREDICTOR_OPTIMISERS_PREDICTOR_OPTIMISERS_H

#include "sim/train/direct_predictor.h"
#include "sim/train/predictor_optimiser.h"

/* All of them, in the order of `duet list predictor_optimisers`: one line per file. */
/* clang-format off */
#define PREDICTOR_OPTIMISERS(X) \
    X(gradient) \
    X(direct_pred) \
    X(direct_copy) \
    X(optimal)
/* clang-format on */

#define DECLARE(name) extern const struct predictor_optimiser predictor_##name;
PREDICTOR_OPTIMISERS(DECLARE)
#undef DECLARE

/* Settings of DirectPred and DirectCopy. */
struct direct_settings {
    struct predictor_rule rule;
    double epsilon, offset, power;
};

/* Lines of a parameter table. */
#define PREDICTOR_STEP_PARAMS                                                                      \
    NUMBER_PARAM("lr_ratio", PARAM_REAL, struct predictor_step, lr_ratio, "1", 0, UNBOUNDED,       \
                 "alpha_p: the predictor's learning rate over that of the trunk"),                 \
        NUMBER_PARAM(                                                                              \
            "weight_decay", PARAM_REAL, struct predictor_step, weight_decay, "0", 0, UNBOUNDED,    \
            "of the predictor, beside its gradient: in time eta_p = lr_ratio * weight_decay; "     \
            "optimiser.weight_decay is the trunk's alone")

#define PREDICTOR_RULE_PARAMS(freq_default)                                                        \
    PREDICTOR_STEP_PARAMS,                                                                         \
        NUMBER_PARAM(                                                                              \
            "rho", PARAM_REAL, struct predictor_rule, rho, "0.3", 0, 1 - 1e-12,                    \
            "share of the moments that a batch leaves in place; 0: each batch by itself"),         \
        NUMBER_PARAM("freq", PARAM_INTEGER, struct predictor_rule, freq, freq_default, 1, 1e9,     \
                     "W_p is set after every so many steps; it moves by its gradient in between")

#define DIRECT_PARAMS                                                                              \
    PREDICTOR_RULE_PARAMS("1"),                                                                    \
        NUMBER_PARAM("epsilon", PARAM_REAL, struct direct_settings, epsilon, "0.1", 0, UNBOUNDED,  \
                     "of the largest eigenvalue of C, added to every p_j"),                        \
        NUMBER_PARAM("offset", PARAM_REAL, struct direct_settings, offset, "0", -UNBOUNDED,        \
                     UNBOUNDED, "c: taken off every eigenvalue s_j of C")

/* W_p = U diag(p) U^T, p_j = max(s_j - offset, 0)^power + epsilon max s */
enum status set_direct(const void *settings, int n, const double *c, const double *d, double *w_p,
                       double *scratch, struct error *err);

#endif
