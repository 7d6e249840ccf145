/* ntxent, SimCLR's loss on the 2 batch cosine similarities, and its kin that know labels
 * (sim/loss/pairs.h) */
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
    .of = &(const struct pairs){POSITIVE_PARTNER},
};

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
    .of = &(const struct pairs){POSITIVES_OUTSIDE},
};

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
    .of = &(const struct pairs){POSITIVES_INSIDE},
};

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
    .of = &(const struct pairs){POSITIVES_SUMMED},
};
