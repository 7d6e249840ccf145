/* How a target network follows the online one. */
#ifndef DUET_SIM_EMA_STEP_H
#define DUET_SIM_EMA_STEP_H

#include <stddef.h>

/* target <- target + (1 - gamma)(online - target), [NCP]: gamma = 1 leaves a frozen target, gamma =
 * 0 makes it the online network.  Both are `count` parameters. */
void ema_step(size_t count, double gamma, const double *online, double *target);

#endif
