/* supcon_out: supervised contrastive loss, positives averaged outside the logarithm
 * (sim/loss/pairs.h) */
#include "sim/loss/objectives/objectives.h"

static const struct param params[] = {TAU_PARAM("0.1", "temperature"), {0}};

const struct objective objective_supcon_out = {
    .about = {.name = "supcon_out",
              .doc =
                  "Supervised contrastive loss L_out: each of the 2 batch outputs picks every "
                  "other output of its label among all others by cosine similarity over tau; mean "
                  "over those positives of the cross entropies. Its partner is always one of them: "
                  "where no other sample of the batch has its label, its loss is that of ntxent.",
              .source = "[SC] Khosla et al., arXiv:2004.11362, Eqn. 2",
              .params = params,
              .settings_size = sizeof(struct temperature_settings)},
    .form = &form_pairs,
    .of = &(const struct pairs){POSITIVES_OUTSIDE, temperature_setting},
};
