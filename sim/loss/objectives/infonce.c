/* infonce: -log[e^{-r_+/tau} / (e^{-r_+/tau} + sum_k e^{-r_k-/tau})], [DDN]; with inner products
 * -<f(x_1), StopGrad f(x')> in the place of r, [FD]; loco: that of every block of levels, each
 * trained by its own, [SC] Xiong et al. */
#include "sim/loss/objectives/objectives.h"

static double infonce_loss(const void *settings, int64_t negatives, const double *r_plus,
                           const double *r_minus, double *d_plus, double *d_minus)
{
    const double tau = ((const struct infonce_settings *)settings)->tau;
    double nearest = r_plus[0], sum = 0;
    for (int64_t k = 0; k < negatives; k++)
        nearest = fmin(nearest, r_minus[k]);
    for (int64_t k = 0; k < negatives; k++)
        sum += d_minus[k] = exp((nearest - r_minus[k]) / tau);
    double total = sum + exp((nearest - r_plus[0]) / tau);
    for (int64_t k = 0; k < negatives; k++)
        d_minus[k] /= -total * tau;
    *d_plus = sum / (total * tau);
    /* log1p keeps the digits of a saturated loss, where the positive is by far the nearest */
    return r_plus[0] == nearest ? log1p(sum) : (r_plus[0] - nearest) / tau + log(total);
}

static const struct param params[] = {
    TAU_PARAM("0.1", "temperature"),
    INTEGER_PARAM(struct infonce_settings, negatives, "1", 1, 4096,
                  "H, independent negatives of each sample"),
    CHOICE_PARAM(struct infonce_settings, similarity, "distance", "distance inner_stopped",
                 "distance: -r, half the squared distance, with the "
                 "gradient through all views, [DDN]; inner_stopped: "
                 "<f(x_1), StopGrad f(x')>, with the gradient "
                 "through x_1 alone, [FD]"),
    {0}};

const struct objective objective_infonce = {
    .about = {.name = "infonce",
              .doc = "InfoNCE with H negatives, -log of the softmax weight of the positive, over "
                     "distances or inner products.",
              .source = "[DDN]",
              .params = params,
              .settings_size = sizeof(struct infonce_settings)},
    .form = &form_per_sample,
    .of = &(const struct per_sample){.loss = infonce_loss,
                                     .negatives = offsetof(struct infonce_settings, negatives),
                                     .similarity = offsetof(struct infonce_settings, similarity)},
};

static const struct param loco_params[] = {
    TAU_PARAM("0.1", "temperature"),
    NUMBER_PARAM("negatives", PARAM_INTEGER, struct loco_settings, infonce.negatives, "1", 1, 4096,
                 "H, independent negatives of each sample"),
    NUMBER_PARAM(
        "block", PARAM_INTEGER, struct loco_settings, cut.size, "2", 1, 24,
        "levels of a block, counted from the output; all of the network's: infonce itself"),
    NUMBER_PARAM("overlap", PARAM_INTEGER, struct loco_settings, cut.overlap, "1", 0, 23,
                 "levels that a block shares with the one above; 0: disjoint blocks"),
    {0}};

const struct objective objective_loco = {
    .about = {.name = "loco",
              .doc = "Local contrastive learning: the network is cut into blocks of levels, each "
                     "trained by InfoNCE over distances between what its top level gives to the "
                     "level above, without gradients to the levels below the block. A level that "
                     "two blocks share gets the gradients of both. There is no decoder on top of "
                     "a block. The loss of the run is the loss of the top block.",
              .source = "[SC] Xiong et al., arXiv:2008.01342",
              .params = loco_params,
              .settings_size = sizeof(struct loco_settings)},
    .form = &form_per_sample,
    .of = &(const struct per_sample){.loss = infonce_loss,
                                     .negatives = offsetof(struct loco_settings, infonce.negatives),
                                     .cut = offsetof(struct loco_settings, cut)},
};
