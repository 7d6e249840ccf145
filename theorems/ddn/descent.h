/* Gradient flow of a drawn network on a drawn distribution, dW/dt = -grad E[loss], up to the first
 * switch of a ReLU gate on any view. */
#pragma once

#include "sim/flow/flow.h"
#include "theorems/ddn/dual.h"

struct descent {
    struct ensemble *ensemble; /* owned */
    const struct dual *dual;
    struct flow flow; /* state: the network's parameters; context: the descent */
    bool hold_output; /* the output's layer is fixed */
    void *watcher;    /* of whoever watches the flow */
};

/* Switches of hidden ReLU gates are events. */
enum status descent_create(struct descent *descent, const struct dual *dual,
                           const struct objective *objective, const void *settings,
                           struct error *err);
void descent_free(struct descent *descent);

/* The trajectory at `*count` equally spaced times: state[i][parameters], which the caller frees.
 * It runs from 0 to about the time in which the weights, or their squared norm, would change by the
 * fraction `growth` at the initial rate.  A gate switch ends it sooner.  If that comes almost at
 * once, or the flow diverges, the run is repeated over shorter and shorter times. */
enum status descent_record(const struct dual *dual, const struct objective *objective,
                           const void *settings, double growth, int *count, double **state,
                           struct error *err);
