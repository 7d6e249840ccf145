/* Shared by the figures of runs without negatives, [NCP]: their settings. */
#pragma once

#include "paper_figs/kit/run_list.h"

/* The spec's outputs, the 8 latents of level 3 that its views share, its batch and learning rate.
 */
enum { NCP_MODES = 32, NCP_SHARED = 8, NCP_BATCH = 128 };
#define NCP_RATE 0.03

/* The linear network W of the theory, or one with a hidden ReLU layer and biases.  The predictor's
 * steps are alpha_p times as long, so that its weight decay `eta_p` is alpha_p eta_p in the flow.
 */
struct ncp_setting {
    bool relu, symmetric;
    double ema, alpha_p, eta, eta_p;
    size_t seed;
    int64_t epochs, samples;
};
void ncp_runs_put(struct run_list *runs, size_t i, const struct ncp_setting *setting);
