/* loco: infonce of every block of levels, each trained by its own, [SC] Xiong et al. */
#include "sim/loss/objectives/objectives.h"

static struct block_cut cut(const void *settings)
{
    return ((const struct loco_settings *)settings)->cut;
}

static const struct param params[] = {
    TAU_PARAM("0.1", "temperature"),
    {.name = "negatives",
     .type = PARAM_INTEGER,
     .fallback = "1",
     .low = 1,
     .high = 4096,
     .doc = "H, independent negatives of each sample",
     .offset = offsetof(struct loco_settings, infonce.negatives)},
    {.name = "block",
     .type = PARAM_INTEGER,
     .fallback = "2",
     .low = 1,
     .high = 24,
     .doc = "levels of a block, counted from the output; all of the network's: infonce itself",
     .offset = offsetof(struct loco_settings, cut.size)},
    {.name = "overlap",
     .type = PARAM_INTEGER,
     .fallback = "1",
     .low = 0,
     .high = 23,
     .doc = "levels that a block shares with the one above; 0: disjoint blocks",
     .offset = offsetof(struct loco_settings, cut.overlap)},
    {0}};

const struct objective objective_loco = {
    .about = {.name = "loco",
              .doc = "Local contrastive learning: the network is cut into blocks of levels, each "
                     "trained by InfoNCE over distances between what its top level gives to the "
                     "level above, without gradients to the levels below the block. A level that "
                     "two blocks share gets the gradients of both. There is no decoder on top of "
                     "a block. The loss of the run is that of the top block.",
              .source = "[SC] Xiong et al., arXiv:2008.01342",
              .params = params,
              .settings_size = sizeof(struct loco_settings)},
    .form = &form_per_sample,
    .of = &(
        const struct per_sample){.loss = infonce_loss, .negatives = infonce_negatives, .cut = cut},
};
