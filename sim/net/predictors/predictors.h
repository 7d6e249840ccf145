/* The kinds of predictor, one file each. */
#ifndef DUET_SIM_PREDICTORS_PREDICTORS_H
#define DUET_SIM_PREDICTORS_PREDICTORS_H

#include "sim/net/predictor_kind.h"

/* All of them, in the order of `duet list predictors`: one line per file. */
/* clang-format off */
#define PREDICTORS(X) \
    X(none) \
    X(identity) \
    X(linear) \
    X(two_layers)
/* clang-format on */

#define DECLARE(name) extern const struct predictor_descriptor predictor_##name;
PREDICTORS(DECLARE)
#undef DECLARE

/* Lines of a parameter table. */
#define PREDICTOR_PARAMS                                                                           \
    BOOLEAN_PARAM("bias", struct predictor_settings, bias, "false",                                \
                  "whether its neurons have a bias"),                                              \
        BOOLEAN_PARAM(                                                                             \
            "symmetric", struct predictor_settings, symmetric, "false",                            \
            "its matrices begin symmetric and move by the symmetric part of their gradients")

#endif
