/* The optimisers, one file each. */
#ifndef DUET_SIM_OPTIMISERS_OPTIMISERS_H
#define DUET_SIM_OPTIMISERS_OPTIMISERS_H

#include "sim/optimisers/optimiser.h"

struct sgd_settings {
    double lr, momentum, weight_decay;
};

extern const struct optimiser optimiser_sgd, optimiser_adam;

#endif
