/* suncet: supervised noise contrastive estimation (sim/loss/pairs.h) */
#include "sim/loss/objectives/objectives.h"

static const struct param params[] = {TAU_PARAM("0.1", "temperature"), {0}};

const struct objective objective_suncet = {
    .about = {.name = "suncet",
              .doc = "Supervised noise contrastive estimation: -log of the softmax weight that all "
                     "other outputs of its label have together, on the 2 batch outputs. Its "
                     "partner is always one of them: where no other sample of the batch has its "
                     "label, its loss is that of ntxent.",
              .source = "[SC] Assran et al., arXiv:2006.10803",
              .params = params,
              .settings_size = sizeof(struct temperature_settings)},
    .form = &form_pairs,
    .of = &(const struct pairs){POSITIVES_SUMMED, temperature_setting},
};
