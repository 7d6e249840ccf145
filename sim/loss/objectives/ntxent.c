/* ntxent: SimCLR's loss on the 2 batch cosine similarities (sim/loss/pairs.h) */
#include "sim/loss/objectives/objectives.h"

static const struct param params[] = {TAU_PARAM("0.1", "temperature"), {0}};

const struct objective objective_ntxent = {
    .about = {.name = "ntxent",
              .doc = "SimCLR's normalised-temperature cross entropy: each of the 2 batch outputs "
                     "picks its partner among all others by cosine similarity over tau.",
              .source = "Chen et al., arXiv:2002.05709, Eqn. 1",
              .params = params,
              .settings_size = sizeof(struct temperature_settings)},
    .form = &form_pairs,
    .of = &(const struct pairs){POSITIVE_PARTNER, temperature_setting},
};
