/* Optimisers: one step on a range of the flat parameter array. */
#pragma once

#include "core/descriptor.h"

struct optimiser {
    struct descriptor about;
    int slots; /* arrays of state beside the parameters */
    /* Step number `step` = 1, 2, ... on `count` parameters; state[slot * stride + i], zero before
     * the first step. */
    void (*update)(const void *settings, uint64_t step, size_t count, double *parameter,
                   const double *gradient, double *state, size_t stride);
};
