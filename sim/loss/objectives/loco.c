/* loco: infonce of every block of levels, each trained by its own, [SC] Xiong et al. */
#include "sim/loss/objectives/objectives.h"

static struct block_cut cut(const void *settings)
{
    return ((const struct loco_settings *)settings)->cut;
}

static const struct param params[] = {
    TAU_PARAM("0.1", "temperature"),
    NUMBER_PARAM("negatives", PARAM_INTEGER, struct loco_settings, infonce.negatives, "1", 1, 4096,
                 "H, independent negatives of each sample"),
    NUMBER_PARAM(
        "block", PARAM_INTEGER, struct loco_settings, cut.size, "2", 1, 24,
        "levels of a block, counted from the output; all of the network's: infonce itself"),
    NUMBER_PARAM("overlap", PARAM_INTEGER, struct loco_settings, cut.overlap, "1", 0, 23,
                 "levels that a block shares with the one above; 0: disjoint blocks"),
    {0}};

const struct objective objective_loco = {
    .about = {.name = "loco",
              .doc = "Local contrastive learning: the network is cut into blocks of levels, each "
                     "trained by InfoNCE over distances between what its top level gives to the "
                     "level above, without gradients to the levels below the block. A level that "
                     "two blocks share gets the gradients of both. There is no decoder on top of "
                     "a block. The loss of the run is the loss of the top block.",
              .source = "[SC] Xiong et al., arXiv:2008.01342",
              .params = params,
              .settings_size = sizeof(struct loco_settings)},
    .form = &form_per_sample,
    .of = &(
        const struct per_sample){.loss = infonce_loss, .negatives = infonce_negatives, .cut = cut},
};
