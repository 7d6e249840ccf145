/* Objectives without negatives, [NCP]: the distance of q = W_p f(x_1) from a target t, which is
 * f_a(x_+) of a target network or f(x_+) of the online one */
#include "sim/loss/objectives/objectives.h"

#define TARGET_PARAMS                                                                              \
    REAL_PARAM(                                                                                    \
        struct target_settings, ema, "0.996", 0, 1,                                                \
        "gamma_a: share of the target's weights that a step leaves; 0: they are the online "       \
        "network's, 1: they stay as they began"),                                                  \
        CHOICE_PARAM(                                                                              \
            struct target_settings, start, "online", "online random zero",                         \
            "the target's first weights: the weights of the online network, others, or 0")

static const struct param params[] = {TARGET_PARAMS, {0}};

/* r_+ */
static double half_square_loss(const void *settings, int64_t negatives, const double *r_plus,
                               const double *r_minus, double *d_plus, double *d_minus)
{
    (void)settings, (void)negatives, (void)r_minus, (void)d_minus;
    *d_plus = 1;
    return r_plus[0];
}

const struct objective objective_byol = {
    .about = {.name = "byol",
              .doc = "Half the squared distance of the prediction from the output of a target "
                     "network, which follows the online one by EMA or is frozen.",
              .source = "[NCP]",
              .params = params,
              .settings_size = sizeof(struct target_settings)},
    .form = &form_per_sample,
    .of = &(const struct per_sample){.loss = half_square_loss, .target = TARGET_NETWORK},
};

/* |q / |q| - t / |t||^2 */
static double square_loss(const void *settings, int64_t negatives, const double *r_plus,
                          const double *r_minus, double *d_plus, double *d_minus)
{
    (void)settings, (void)negatives, (void)r_minus, (void)d_minus;
    *d_plus = 2;
    return 2 * r_plus[0];
}

const struct objective objective_byol_cosine = {
    .about = {.name = "byol_cosine",
              .doc = "Squared distance of prediction and target after each is divided by its norm, "
                     "2 - 2 cos; the target network is that of byol.",
              .source = "[NCP]",
              .params = params,
              .settings_size = sizeof(struct target_settings)},
    .form = &form_per_sample,
    .of = &(const struct per_sample){.loss = square_loss, .target = TARGET_NETWORK, .cosine = true},
};

const struct objective objective_simsiam = {
    .about = {.name = "simsiam",
              .doc = "byol with the online network itself, without gradient, as the target.",
              .source = "[NCP]"},
    .form = &form_per_sample,
    .of = &(const struct per_sample){.loss = half_square_loss, .target = TARGET_STOPPED},
};

const struct objective objective_no_stopgrad = {
    .about = {.name = "no_stopgrad",
              .doc = "byol with the online network itself as the target and the gradient through "
                     "both sides: what collapses.",
              .source = "[NCP]"},
    .form = &form_per_sample,
    .of = &(const struct per_sample){.loss = half_square_loss, .target = TARGET_ONLINE},
};
