/* The selectivity of neurons for two translated objects along the gradient flow (DDN-10), for its
 * figure. */
#pragma once

#include "theorems/claim.h"

enum { DDN_10_NEURONS = 4, DDN_10_TIMES = 41 };

/* From one initial state, with the output's weights fixed.  Selectivities are computed from the
 * responses, with the gates of that time. */
struct ddn_10_path {
    int sites;                 /* of the ring */
    double growth;             /* tr A of DDN-10: times run to 1 / growth */
    double time[DDN_10_TIMES]; /* equal steps */
    int count;                 /* times before a gate switches: the length of relu and predicted */
    double relu[DDN_10_TIMES][DDN_10_NEURONS];
    double predicted[DDN_10_TIMES][DDN_10_NEURONS]; /* e^{A t} s(0) */
    double linear[DDN_10_TIMES][DDN_10_NEURONS];    /* a linear layer with the same weights */
    double counts[DDN_10_TIMES][DDN_10_NEURONS];    /* the same, for the objects 11 and 111 */
};

enum status ddn_10_follow(const struct trial *trial, struct ddn_10_path *path);
