/* The measurement of DDN-6 on one instance, also for its figure: the residual of the weighted
 * operator as the augmentation shrinks. */
#pragma once

#include "theorems/claim.h"

enum { DDN_6_SCALES = 8 };

struct ddn_6_residual {
    double gradient;             /* |grad|, all layers */
    double with_weight, without; /* |-grad - operator vec(W)|, with its xi and with xi = 1 */
};

struct ddn_6_sweep {
    bool infonce; /* else triplet; instances alternate */
    bool relu;
    double scale[DDN_6_SCALES]; /* s of the views: 1/4, 1/8, ..., 1/512 */
    int split[DDN_6_SCALES];    /* ReLU gates that differ between views of one point */
    struct ddn_6_residual residual[DDN_6_SCALES];
};

/* trial->settings: struct dual_settings.  No edge cases (theorems/ddn/dual.h). */
enum status ddn_6_sweep(const struct trial *trial, struct ddn_6_sweep *sweep);

/* Slope of log residual against log s, with the weight or with xi = 1. */
struct slope ddn_6_slope(const struct ddn_6_sweep *sweep, bool weighted);
