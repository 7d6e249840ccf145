/* supcon_in: supervised contrastive loss, positives averaged inside the logarithm
 * (sim/loss/pairs.h) */
#include "sim/loss/objectives/objectives.h"

static const struct param params[] = {TAU_PARAM("0.1", "temperature"), {0}};

const struct objective objective_supcon_in = {
    .about =
        {.name = "supcon_in",
         .doc =
             "Supervised contrastive loss L_in: as supcon_out, with the mean over positives inside "
             "the logarithm, -log of their mean softmax weight. Its partner is always one of them: "
             "where no other sample of the batch has its label, its loss is that of ntxent.",
         .source = "[SC] Khosla et al., arXiv:2004.11362, Eqn. 3",
         .params = params,
         .settings_size = sizeof(struct temperature_settings)},
    .form = &form_pairs,
    .of = &(const struct pairs){POSITIVES_INSIDE, temperature_setting},
};
