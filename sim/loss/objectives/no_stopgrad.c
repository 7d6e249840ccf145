/* no_stopgrad: |W_p f(x_1) - f(x_+)|^2 / 2, [NCP] */
#include "sim/loss/objectives/objectives.h"

const struct objective objective_no_stopgrad = {
    .about = {.name = "no_stopgrad",
              .doc = "byol with the online network itself as the target and the gradient through "
                     "both sides: what collapses.",
              .source = "[NCP]"},
    .form = &form_per_sample,
    .of = &(const struct per_sample){.loss = half_square_loss, .target = TARGET_ONLINE},
};
