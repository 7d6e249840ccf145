/* simsiam: |W_p f(x_1) - StopGrad f(x_+)|^2 / 2, [NCP] */
#include "sim/loss/objectives/objectives.h"

const struct objective objective_simsiam = {
    .about = {.name = "simsiam",
              .doc = "byol with the online network itself, without gradient, as the target.",
              .source = "[NCP]"},
    .form = &form_per_sample,
    .of = &(const struct per_sample){.loss = half_square_loss, .target = TARGET_STOPPED},
};
