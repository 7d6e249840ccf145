/* train.trainer flow: a linear network follows the gradient flow of its loss, integrated from the
 * exact moments of the data.  Time is in units of optimiser.lr times steps. */
#pragma once

#include "sim/flow/network_flow.h"
#include "sim/train/trainer_kind.h"

struct flow_settings {
    struct trainer_settings common;
    int equations; /* enum flow_equations */
    double end;    /* time */
    int64_t points;
    double tolerance;
    int64_t max_steps; /* of the integrator */
};

/* State of the kind; memory belongs to the arena, except the memory of `flow`.  Matrices have the
 * shapes of the network: W is [n2][n1], W_p [n2][n2]. */
struct flow_trainer {
    const struct learner *learner;
    const struct flow_settings *settings;
    struct network_flow flow;
    double *x, *x_prime;   /* moments of the data, [n1][n1] */
    double *w, *w_p, *w_a; /* as they are now */
    double *c, *f, *d;     /* moments of the outputs, [n2][n2] */
    double *invariant;     /* [dynamics.invariants] of the flow, at most [n2][n2] */
    double loss;
    struct flow_place place;
    uint64_t reached; /* points in time */
    double time;      /* of the last of them */
};
