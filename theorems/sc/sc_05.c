/* SC-5: local training with disjoint and with overlapping blocks */
#include "sim/loss/objectives/objectives.h"
#include "theorems/claims.h"
#include "theorems/hltm/training.h"

struct local_settings {
    struct training_settings training;
    int64_t block;
};

static const struct param params[] = {
    TRAINING_PARAMS,
    INTEGER_PARAM(struct local_settings, block, "2", 2, 4, "levels of a block"),
    {0}};

/* Cuts of the network; two of them are the argument of a part. */
enum cut { END_TO_END, OVERLAPPING, DISJOINT, SINGLE_LEVELS, CUTS };

static struct block_cut cut_of(const struct trial *trial, enum cut cut)
{
    const struct local_settings *s = trial->settings;
    const struct block_cut all[CUTS] = {
        [END_TO_END] = {.size = 0},
        [OVERLAPPING] = {.size = s->block, .overlap = s->block - 1},
        [DISJOINT] = {.size = s->block},
        [SINGLE_LEVELS] = {.size = 1},
    };
    return all[cut];
}

/* The trial's training in blocks; two that differ only in `cut` share tree, initial weights and
 * samples. */
static struct training_plan plan_of(const struct trial *trial, uint64_t seed,
                                    const struct loco_settings *objective)
{
    const struct local_settings *s = trial->settings;
    struct training_plan plan = training_plan_of(&s->training, seed);
    plan.objective = &objective_loco;
    plan.objective_settings = objective;
    return plan;
}

static struct loco_settings objective_of(const struct trial *trial, enum cut cut)
{
    return (struct loco_settings){.infonce = {.tau = 0.1, .negatives = 1},
                                  .cut = cut_of(trial, cut)};
}

/* Best |correlation| after training in blocks: mean of the upper levels, and of the lowest one. */
struct recovery {
    double upper, lowest;
};

static enum status recover(const struct trial *trial, uint64_t seed, enum cut cut,
                           struct recovery *recovery)
{
    const struct loco_settings objective = objective_of(trial, cut);
    struct training_plan plan = plan_of(trial, seed, &objective);
    struct training_result result;
    plan.correlations_only = true;
    enum status status = training_run(&plan, &result, trial->err);
    *recovery = (struct recovery){.upper = training_upper_mean(result.best[1]),
                                  .lowest = result.best[1][plan.depth - 1]};
    return status;
}

/* How much better blocks of the first cut recover the latents than blocks of the second. */
static enum status measure_cuts(const struct trial *trial, struct reading *reading)
{
    const enum cut *cut = trial->argument;
    const uint64_t seed = gsl_rng_get(trial->rng);
    struct recovery a, b;
    enum status status = recover(trial, seed, cut[0], &a);
    if (!status)
        status = recover(trial, seed, cut[1], &b);
    if (status)
        return status;
    reading->error = a.upper - b.upper;
    reading->control[0] = a.lowest - b.lowest;
    return STATUS_OK;
}

static enum status draw(const struct trial *trial, struct curves *curves)
{
    const struct local_settings *s = trial->settings;
    const uint64_t seed = gsl_rng_get(trial->rng);
    struct training_result r[CUTS];
    *curves = (struct curves){
        .title = "Local training",
        .x_label = "level (0: the root)",
        .y_label = "mean best |correlation|",
        .caption = "One tree. Mean over a level's nodes of the best neuron's correlation with its "
                   "latent after training end to end and in blocks of levels, each by its own "
                   "InfoNCE, and the ceiling, the best that any function of the leaves can do.",
        .columns = 7,
        .name = {"level", "before training", "end to end", "overlapping", "disjoint",
                 "single levels", "ceiling"}};
    enum status status = STATUS_OK;
    for (enum cut i = 0; i < CUTS && !status; i++) {
        const struct loco_settings objective = objective_of(trial, i);
        const struct training_plan plan = plan_of(trial, seed, &objective);
        status = training_run(&plan, &r[i], trial->err);
    }
    for (int l = 0; l < s->training.depth && !status; l++) {
        const double row[] = {l,
                              r[0].best[0][l],
                              r[0].best[1][l],
                              r[1].best[1][l],
                              r[2].best[1][l],
                              r[3].best[1][l],
                              r[0].ceiling[l]};
        status = curves_add(curves, row, trial->err);
    }
    return status;
}

static const struct part parts[] = {
    {.statement = "same size: overlapping blocks recover the upper latents better than disjoint "
                  "blocks of as many levels",
     .measured = "Best |correlation| after training, mean over nodes, then over the root and the "
                 "two levels below it; overlapping less disjoint, with the same tree, initial "
                 "weights and samples; one seed per instance. Blocks have two levels; overlapping "
                 "ones share one.",
     .controls = {"lowest level: the latents above the leaves in place of the upper ones"},
     .kind = PART_EFFECT,
     .reported = true,
     .plan = {.instances = 24, .cost = 1},
     .measure = measure_cuts,
     .argument = (const enum cut[]){OVERLAPPING, DISJOINT}},
    {.statement = "single levels: ... better than every level by itself, the paper's comparison of "
                  "overlapping stages with greedy ones",
     .measured = "The same, less training in blocks of one level.",
     .controls = {"lowest level: the latents above the leaves in place of the upper ones"},
     .kind = PART_EFFECT,
     .reported = true,
     .plan = {.instances = 24, .quick = 10, .cost = 1},
     .measure = measure_cuts,
     .argument = (const enum cut[]){OVERLAPPING, SINGLE_LEVELS}},
    {.statement = "gap: training end to end recovers them better than every level by itself",
     .measured = "The same, end to end less blocks of one level.",
     .kind = PART_EFFECT,
     .reported = true,
     .plan = {.instances = 24, .cost = 1},
     .measure = measure_cuts,
     .argument = (const enum cut[]){END_TO_END, SINGLE_LEVELS}},
};

const struct claim claim_sc_5 = {
    .about = {.name = "SC-5",
              .doc = "A network may be trained in blocks of levels, each by its own contrastive "
                     "loss with gradients stopped between blocks. The upper levels recover the "
                     "latents that training end to end recovers, and do so better where "
                     "neighbouring blocks share a level than where blocks are disjoint.",
              .source = "[SC] Xiong et al., arXiv:2008.01342",
              .params = params,
              .settings_size = sizeof(struct local_settings)},
    .title = "Local training in overlapping blocks",
    .formula = "best |corr(f_k, z_mu)|: overlapping > disjoint",
    .hypotheses = "SB-HLTM, two children per node; InfoNCE of every block on the outputs of its "
                  "top level, without a decoder; SGD, lr 0.1, batch 128, biases, normalised "
                  "outputs.",
    ALL_PARTS(parts),
    .draw = draw,
};
