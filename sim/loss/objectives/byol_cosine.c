/* byol_cosine: |q / |q| - t / |t||^2, q = W_p f(x_1), t = StopGrad f_a(x_+), [NCP] */
#include "sim/loss/objectives/objectives.h"

static double loss(const void *settings, int64_t negatives, const double *r_plus,
                   const double *r_minus, double *d_plus, double *d_minus)
{
    (void)settings, (void)negatives, (void)r_minus, (void)d_minus;
    *d_plus = 2;
    return 2 * r_plus[0];
}

static const struct param params[] = {TARGET_PARAMS, {0}};

const struct objective objective_byol_cosine = {
    .about = {.name = "byol_cosine",
              .doc = "Squared distance of prediction and target after each is divided by its norm, "
                     "2 - 2 cos; the target network is that of byol.",
              .source = "[NCP]",
              .params = params,
              .settings_size = sizeof(struct target_settings)},
    .form = &form_per_sample,
    .of = &(const struct per_sample){.loss = loss, .target = TARGET_NETWORK, .cosine = true},
};
