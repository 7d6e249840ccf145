#include "sim/train/ema_step.h"

void ema_step(size_t count, double gamma, const double *online, double *target)
{
    for (size_t i = 0; i < count; i++) /* gamma = 0 exactly: the sum below would round */
        target[i] = gamma == 0 ? online[i] : target[i] + (1 - gamma) * (online[i] - target[i]);
}
