/* The form of losses of moments: functions of the means and covariances of the outputs over the
 * batch.  z is both views of a sample, f(x_1) and f(x_+), one after the other: 2 width numbers. */
#pragma once

#include "sim/loss/objective.h"

struct batch_moments {
    int width; /* of one view */
    size_t samples;
    double distance; /* mean of |f(x_1) - f(x_+)|^2 */
    double *mean;    /* [2 width] of z, which is c below for centred losses; for others c = 0 */
    double *product; /* [2 width][2 width] mean of (z - c)(z - c)^T */
};

struct of_moments {
    bool (*centred)(const void *settings);
    /* Value and derivatives: d->distance, and d->product by every entry for itself.  These are 0 at
     * first.  Through the mean there is no derivative: the products of a centred loss have none,
     * and others do not look at it. */
    double (*loss)(const void *settings, const struct batch_moments *m, struct batch_moments *d);
};

extern const struct form form_moments;
