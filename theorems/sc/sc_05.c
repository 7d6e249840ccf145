/* SC-5: local training with disjoint and with overlapping blocks */
#include "sim/loss/objectives/objectives.h"
#include "theorems/claims.h"
#include "theorems/hltm/training.h"
#include "theorems/memo.h"

#include <string.h>

struct local_settings {
    struct training_settings training;
    int64_t block;
};

static const struct param params[] = {
    TRAINING_PARAMS,
    INTEGER_PARAM(struct local_settings, block, "2", 2, 4, "levels of a block"),
    {0}};

/* Cuts of the network. */
enum cut { END_TO_END, OVERLAPPING, DISJOINT, SINGLE_LEVELS, CUTS };

/* The argument of a part: the cut that recovers more, and the other one. */
struct comparison {
    enum cut better, worse;
};

/* A training run: all that its result depends on, the key of its result on the memo. */
struct local_run {
    struct local_settings settings;
    uint64_t cut, seed;
    uint64_t shuffled; /* x_+ is of another sample */
};

static struct block_cut cut_of(const struct local_settings *s, enum cut cut)
{
    const struct block_cut all[CUTS] = {
        [END_TO_END] = {.size = 0},
        [OVERLAPPING] = {.size = s->block, .overlap = s->block - 1},
        [DISJOINT] = {.size = s->block},
        [SINGLE_LEVELS] = {.size = 1},
    };
    return all[cut];
}

/* A training in blocks; two that differ only in `cut` share tree, initial weights and samples. */
static struct training_plan plan_of(const struct local_settings *s, uint64_t seed,
                                    const struct loco_settings *objective)
{
    struct training_plan plan = training_plan_of(&s->training, seed);
    plan.objective = &objective_loco;
    plan.objective_settings = objective;
    return plan;
}

static struct loco_settings objective_of(const struct local_settings *s, enum cut cut)
{
    return (struct loco_settings){.infonce = {.tau = 0.1, .negatives = 1}, .cut = cut_of(s, cut)};
}

/* For the memo: best |correlation| after training in blocks, mean of the upper levels, from a
 * struct local_run. */
static enum status recover(const void *key, void *upper, struct error *err)
{
    const struct local_run *run = key;
    const struct loco_settings objective = objective_of(&run->settings, (enum cut)run->cut);
    struct training_plan plan = plan_of(&run->settings, run->seed, &objective);
    struct training_result result;
    plan.correlations_only = true;
    plan.keep_level = run->shuffled ? -1 : plan.keep_level;
    enum status status = training_run(&plan, &result, err);
    *(double *)upper = training_upper_mean(result.best[1]);
    return status;
}

/* All parts have the same seeds, so that they can share runs. */
static uint64_t seed_of(const struct trial *trial)
{
    gsl_rng *rng = claim_rng(&claim_sc_5, trial->seed, 0, trial->instance);
    const uint64_t seed = gsl_rng_get(rng);
    gsl_rng_free(rng);
    return seed;
}

static enum status recovery_of(const struct trial *trial, enum cut cut, bool shuffled,
                               double *upper)
{
    struct local_run run;
    memset(&run, 0, sizeof run); /* padding is part of the key */
    run.settings = *(const struct local_settings *)trial->settings;
    run.cut = cut;
    run.shuffled = shuffled;
    run.seed = seed_of(trial);
    return memo_take(trial->memo, &run, sizeof run, upper, sizeof *upper, recover, trial->err);
}

/* How much better blocks of the first cut recover the latents than blocks of the second; in the
 * control the first learn from shuffled pairs. */
static enum status measure_cuts(const struct trial *trial, struct reading *reading)
{
    const struct comparison *c = trial->argument;
    double better = NAN, worse = NAN, other = NAN;
    enum status status = recovery_of(trial, c->better, false, &better);
    if (!status)
        status = recovery_of(trial, c->worse, false, &worse);
    if (!status)
        status = recovery_of(trial, c->better, !trial->restored, &other);
    reading->error = better - worse;
    reading->control[0] = other - worse;
    plant(trial, &reading->error, 1);
    return status;
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
        const struct loco_settings objective = objective_of(s, i);
        const struct training_plan plan = plan_of(s, seed, &objective);
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

#define SHUFFLED "the first network learns from x_+ of other samples"

static const struct part parts[] = {
    {.statement = "same size: overlapping blocks recover the upper latents better than disjoint "
                  "blocks of as many levels",
     .measured = "Best |correlation| after training, mean over nodes, then over the root and the "
                 "two levels below it; overlapping less disjoint, with the same tree, initial "
                 "weights and samples; one seed per instance, the same for all parts. Blocks have "
                 "two levels; overlapping ones share one. Descriptive: differences are of the "
                 "order of 0.001.",
     .controls = {SHUFFLED},
     .kind = PART_EFFECT,
     .reported = true,
     .plan = {.instances = 30, .cost = 1.5},
     .measure = measure_cuts,
     .argument = &(const struct comparison){OVERLAPPING, DISJOINT}},
    {.statement = "single levels: ... better than every level by itself, the paper's comparison of "
                  "overlapping stages with greedy ones",
     .measured = "The same, less training in blocks of one level. Descriptive, too.",
     .controls = {SHUFFLED},
     .kind = PART_EFFECT,
     .reported = true,
     .plan = {.instances = 30, .quick = 6, .cost = 1},
     .measure = measure_cuts,
     .argument = &(const struct comparison){OVERLAPPING, SINGLE_LEVELS}},
    {.statement = "gap: training end to end recovers them better than every level by itself",
     .measured = "The same, end to end less blocks of one level.",
     .controls = {SHUFFLED},
     .kind = PART_EFFECT,
     .reported = true,
     .plan = {.instances = 30, .cost = 0.5},
     .measure = measure_cuts,
     .argument = &(const struct comparison){END_TO_END, SINGLE_LEVELS}},
};

const struct claim claim_sc_5 = {
    .about = {.name = "SC-5",
              .doc = "A network may be trained in blocks of levels, each by its own contrastive "
                     "loss with gradients stopped between blocks. The upper levels recover the "
                     "latents that training end to end recovers, and do so better where "
                     "neighbouring blocks share a level than where blocks are disjoint. On the "
                     "tree these differences are small beside the differences between seeds: the "
                     "comparisons describe the seeds that were run.",
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
