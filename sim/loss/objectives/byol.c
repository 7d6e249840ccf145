/* byol: |W_p f(x_1) - f_a(x_+)|^2 / 2, no gradient to f_a, [NCP] */
#include "sim/loss/objectives/objectives.h"

static const struct param params[] = {TARGET_PARAMS, {0}};

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
