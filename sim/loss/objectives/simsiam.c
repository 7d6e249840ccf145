/* simsiam: |W_p f(x_1) - StopGrad f(x_+)|^2 / 2, [NCP] */
#include "sim/loss/objectives/objectives.h"

const struct objective objective_simsiam = {
    .about = {.name = "simsiam",
              .doc = "byol with the online network itself, without gradient, as the target.",
              .source = "[NCP]"},
    .scope = OBJECTIVE_PER_SAMPLE,
    .target = TARGET_STOPPED,
    .negatives = no_negatives,
    .loss = half_square_loss,
};
