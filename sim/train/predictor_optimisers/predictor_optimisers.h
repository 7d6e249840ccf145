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
    {.name = "lr_ratio",                                                                           \
     .type = PARAM_REAL,                                                                           \
     .fallback = "1",                                                                              \
     .low = 0,                                                                                     \
     .high = UNBOUNDED,                                                                            \
     .doc = "alpha_p: the predictor's learning rate over that of the trunk",                       \
     .offset = offsetof(struct predictor_step, lr_ratio)},                                         \
    {                                                                                              \
        .name = "weight_decay", .type = PARAM_REAL, .fallback = "0", .low = 0, .high = UNBOUNDED,  \
        .doc = "of the predictor, beside its gradient: in time eta_p = lr_ratio * weight_decay; "  \
               "optimiser.weight_decay is the trunk's alone",                                      \
        .offset = offsetof(struct predictor_step, weight_decay)                                    \
    }

#define PREDICTOR_RULE_PARAMS(freq_default)                                                        \
    PREDICTOR_STEP_PARAMS,                                                                         \
        {.name = "rho",                                                                            \
         .type = PARAM_REAL,                                                                       \
         .fallback = "0.3",                                                                        \
         .low = 0,                                                                                 \
         .high = 1 - 1e-12,                                                                        \
         .doc = "share of the moments that a batch leaves in place; 0: each batch by itself",      \
         .offset = offsetof(struct predictor_rule, rho)},                                          \
    {                                                                                              \
        .name = "freq", .type = PARAM_INTEGER, .fallback = freq_default, .low = 1, .high = 1e9,    \
        .doc = "W_p is set after every so many steps; it moves by its gradient in between",        \
        .offset = offsetof(struct predictor_rule, freq)                                            \
    }

#define DIRECT_PARAMS                                                                              \
    PREDICTOR_RULE_PARAMS("1"),                                                                    \
        {.name = "epsilon",                                                                        \
         .type = PARAM_REAL,                                                                       \
         .fallback = "0.1",                                                                        \
         .low = 0,                                                                                 \
         .high = UNBOUNDED,                                                                        \
         .doc = "of the largest eigenvalue of C, added to every p_j",                              \
         .offset = offsetof(struct direct_settings, epsilon)},                                     \
    {                                                                                              \
        .name = "offset", .type = PARAM_REAL, .fallback = "0", .low = -UNBOUNDED,                  \
        .high = UNBOUNDED, .doc = "c: taken off every eigenvalue s_j of C",                        \
        .offset = offsetof(struct direct_settings, offset)                                         \
    }

/* W_p = U diag(p) U^T, p_j = max(s_j - offset, 0)^power + epsilon max s */
enum status set_direct(const void *settings, int n, const double *c, const double *d, double *w_p,
                       double *scratch, struct error *err);

#endif
