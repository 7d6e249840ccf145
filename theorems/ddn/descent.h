/* Gradient flow of a drawn network on a drawn distribution, dW/dt = -grad E[loss], up to the first
 * switch of a ReLU gate on any view. */
#ifndef DUET_THEOREMS_DESCENT_H
#define DUET_THEOREMS_DESCENT_H

#include "sim/flow/flow.h"
#include "theorems/ddn/dual.h"

struct descent {
    struct ensemble *ensemble;
    const struct dual *dual;
    struct flow flow; /* state: the network's parameters */
    bool hold_output; /* the output's layer does not move */
};

/* `watch_gates`: whether gates of hidden ReLUs are events. */
enum status descent_create(struct descent *descent, const struct dual *dual,
                           const struct objective *objective, const void *settings,
                           bool watch_gates, struct error *err);
void descent_free(struct descent *descent);

/* The trajectory at `*count` equal times from 0 to about the time in which the squared norm of the
 * weights would change by `growth` of itself at its first rate: state[i][parameters], to be freed.
 * It ends sooner at a gate switch; if hardly any time is left before one, or the flow goes to
 * infinity, it is run over shorter and shorter times. */
enum status descent_run(struct descent *descent, double growth, int *count, double **state,
                        struct error *err);

#endif
