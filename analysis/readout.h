/* Linear readout: how well a linear readout of features tells a latent's state, on samples that it
 * was not fitted to.
 *
 * Ridge regression of the indicator of each state on the features and a constant; the state with
 * the largest value is the prediction.  The constant is not penalised.  Features are
 * feature-major, [feature][stride]. */
#pragma once

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

struct readout {
    size_t features;
    int states;
    double ridge;    /* penalty: mean squared error + ridge |w|^2; above 0, and raised to rounding
                        where the features are large */
    double *weights; /* [state][features + 1], the constant last; the caller's */
};

/* Doubles of `weights`, and of workspace for readout_fit. */
size_t readout_weights(size_t features, int states);
size_t readout_work(size_t features, int states);

/* STATUS_DIVERGED where the features are not finite. */
enum status readout_fit(struct readout *readout, size_t samples, const double *feature,
                        size_t stride, const uint8_t *label, double *work, struct error *err);

/* Share of samples whose state is predicted; the first of equal values wins. */
double readout_accuracy(const struct readout *readout, size_t samples, const double *feature,
                        size_t stride, const uint8_t *label);
