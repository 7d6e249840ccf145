#include "theorems/ncp/ablation.h"

#include "sim/data/sources/sources.h"
#include "sim/loss/objectives/objectives.h"
#include "theorems/hltm/training.h"

#include <math.h>

/* ---- the runs ---- */

const struct ablation_base ablation_base = {.depth = 6,
                                            .keep_level = 3,
                                            .hidden = 64,
                                            .width = 8,
                                            .low = 0.7,
                                            .high = 1,
                                            .lr = 0.03,
                                            .momentum = 0.9,
                                            .samples = 25600,
                                            .batch = 128,
                                            .epochs = 10,
                                            .measured = 8192,
                                            .ridge = 1e-6};

#define EMA .ema = 0.996
#define DECAY 0.002

#define GRADIENT(ratio, decay)                                                                     \
    .optimiser = &predictor_gradient,                                                              \
    .predictor.step = {.lr_ratio = (ratio), .weight_decay = (decay)}
#define RULE(every)                                                                                \
    {                                                                                              \
        .step = {.lr_ratio = 1, .weight_decay = DECAY}, .rho = 0.3, .freq = (every)                \
    }
#define DIRECT(every, floor, c)                                                                    \
    .weight_decay = DECAY, .optimiser = &predictor_direct_pred,                                    \
    .predictor.direct = {.rule = RULE(every), .epsilon = (floor), .offset = (c), .power = 0.5}
#define OPTIMAL(kind)                                                                              \
    .weight_decay = DECAY, .optimiser = &predictor_optimal,                                        \
    .predictor.optimal = {.rule = RULE(1), .form = (kind)}

const struct ablation ablations[ABLATION_COUNT] = {
    [ABLATION_GRADIENT] = {"gradient", EMA, .weight_decay = DECAY, GRADIENT(1, DECAY)},
    [ABLATION_GRADIENT_NO_EMA] = {"gradient_no_ema", .weight_decay = DECAY, GRADIENT(1, DECAY)},
    [ABLATION_GRADIENT_ALPHA_10] = {"gradient_alpha_10", EMA, .weight_decay = DECAY,
                                    GRADIENT(10, DECAY)},
    [ABLATION_GRADIENT_NO_DECAY] = {"gradient_no_decay", EMA, GRADIENT(1, 0)},
    [ABLATION_GRADIENT_DECAY_PREDICTOR] = {"gradient_decay_predictor", EMA, GRADIENT(1, DECAY)},
    [ABLATION_GRADIENT_DECAY_TRUNK] = {"gradient_decay_trunk", EMA, .weight_decay = DECAY,
                                       GRADIENT(1, 0)},
    [ABLATION_SYMMETRIC] = {"symmetric", true, EMA, DECAY, GRADIENT(1, DECAY)},
    [ABLATION_SYMMETRIC_NO_DECAY] = {"symmetric_no_decay", true, EMA, GRADIENT(1, 0)},
    [ABLATION_SYMMETRIC_NO_EMA] = {"symmetric_no_ema", true, 0, DECAY, GRADIENT(1, DECAY)},
    [ABLATION_SYMMETRIC_NO_EMA_ALPHA_10] = {"symmetric_no_ema_alpha_10", true, 0, DECAY,
                                            GRADIENT(10, DECAY)},
    [ABLATION_SYMMETRIC_NO_EMA_NO_DECAY] = {"symmetric_no_ema_no_decay", true, GRADIENT(1, 0)},
    [ABLATION_SYMMETRIC_NO_EMA_DECAY_PREDICTOR] = {"symmetric_no_ema_decay_predictor", true,
                                                   GRADIENT(1, DECAY)},
    [ABLATION_SYMMETRIC_NO_EMA_DECAY_TRUNK] = {"symmetric_no_ema_decay_trunk", true, 0, DECAY,
                                               GRADIENT(1, 0)},
    [ABLATION_DIRECT] = {"direct_pred", EMA, DIRECT(1, 0.1, 0)},
    [ABLATION_DIRECT_NO_EMA] = {"direct_pred_no_ema", DIRECT(1, 0.1, 0)},
    [ABLATION_EPSILON_0] = {"epsilon_0", EMA, DIRECT(1, 0, 0)},
    [ABLATION_EPSILON_001] = {"epsilon_0.01", EMA, DIRECT(1, 0.01, 0)},
    [ABLATION_EPSILON_05] = {"epsilon_0.5", EMA, DIRECT(1, 0.5, 0)},
    [ABLATION_OFFSET_01] = {"offset_0.1", EMA, DIRECT(1, 0, 0.1)},
    [ABLATION_OFFSET_005] = {"offset_0.05", EMA, DIRECT(1, 0, 0.05)},
    [ABLATION_OFFSET_MINUS_005] = {"offset_-0.05", EMA, DIRECT(1, 0, -0.05)},
    [ABLATION_OFFSET_MINUS_01] = {"offset_-0.1", EMA, DIRECT(1, 0, -0.1)},
    [ABLATION_FREQ_2] = {"freq_2", EMA, DIRECT(2, 0.1, 0)},
    [ABLATION_FREQ_5] = {"freq_5", EMA, DIRECT(5, 0.1, 0)},
    [ABLATION_COPY] = {"direct_copy", EMA, .weight_decay = DECAY,
                       .optimiser = &predictor_direct_copy,
                       .predictor.direct = {.rule = RULE(1), .epsilon = 0.1}},
    [ABLATION_OPTIMAL] = {"optimal", EMA, OPTIMAL(OPTIMAL_PLUG_IN)},
    [ABLATION_OPTIMAL_SYMMETRIC] = {"optimal_symmetric", EMA, OPTIMAL(OPTIMAL_SYMMETRIC)},
};

/* ---- laying out ---- */

static void make_network(struct ablation_run *r)
{
    const int leaves = 1 << r->base->depth;
    r->network =
        (struct network){.levels = 2,
                         .level = {{.nodes = 1, .width = r->base->width, .children = 1},
                                   {.nodes = 1, .width = r->base->hidden, .children = leaves}},
                         .leaves = (size_t)leaves,
                         .leaf_states = 2,
                         .relu = true,
                         .bias = true};
    network_finish(&r->network);
}

static void layout(struct ablation_run *r, uint64_t seed, struct arena *arena)
{
    const struct learner train = {.source = &source_hltm,
                                  .world = r->tree,
                                  .network = &r->network,
                                  .objective = &objective_byol,
                                  .objective_settings = &r->target,
                                  .optimiser = &optimiser_sgd,
                                  .optimiser_settings = &r->sgd,
                                  .predictor = &r->predictor,
                                  .predictor_optimiser = r->ablation->optimiser,
                                  .predictor_settings = &r->ablation->predictor,
                                  .seed = seed,
                                  .samples = r->base->samples,
                                  .batch = r->base->batch,
                                  .threads = 1};
    const struct output_plan measure = {.network = &r->network,
                                        .source = &source_hltm,
                                        .world = r->tree,
                                        .predictor = &r->predictor,
                                        .samples = r->base->measured,
                                        .probe_samples = r->base->measured,
                                        .ridge = r->base->ridge,
                                        .threads = 1};
    trainer_layout(&r->trainer, &train, arena);
    outputs_layout(&r->outputs, &measure, arena);
}

enum status ablation_open(struct ablation_run *r, const struct ablation_base *base,
                          const struct ablation *ablation, uint64_t seed, struct error *err)
{
    *r = (struct ablation_run){
        .base = base,
        .ablation = ablation,
        .sgd = {.lr = base->lr, .momentum = base->momentum, .weight_decay = ablation->weight_decay},
        .target = {.ema = ablation->ema, .start = START_ONLINE}};
    struct arena count = {0};
    const struct tree_settings settings = {.depth = base->depth, .keep_level = base->keep_level};
    enum status status = training_tree(settings, base->low, base->high, seed, &r->tree, err);
    make_network(r);
    if (!status)
        status = predictor_build(&r->predictor, PREDICTOR_LINEAR, base->width, 0, false,
                                 ablation->symmetric, err);
    if (status)
        return status;
    layout(r, seed, &count);
    status = arena_create(&r->arena, &count, err);
    if (!status)
        layout(r, seed, &r->arena);
    return status;
}

void ablation_close(struct ablation_run *r)
{
    arena_free(&r->arena);
    tree_free(r->tree);
}

/* ---- running ---- */

/* The result of a network with a constant output. */
static void observe_constant(int epoch, struct ablation_result *result)
{
    result->accuracy[epoch] = 0.5;
    result->rank[epoch] = 1;
}

static enum status observe(struct ablation_run *r, int epoch, struct ablation_result *result,
                           struct error *err)
{
    struct output_measure *m = &r->outputs;
    const struct trainer *t = &r->trainer;
    enum status status = outputs_measure(m, t->parameters, t->target, t->predictor.parameters,
                                         t->plan.seed, (uint64_t)epoch, err);
    if (status == STATUS_DIVERGED) { /* outputs that are not finite */
        result->diverged = true;
        observe_constant(epoch, result);
        return STATUS_OK;
    }
    result->rank[epoch] = m->alignment.effective_rank;
    result->accuracy[epoch] = m->mean_accuracy;
    return status;
}

static enum status train_epoch(struct ablation_run *r, int epoch, bool look,
                               struct ablation_result *result, struct error *err)
{
    if (!result->diverged)
        result->diverged = trainer_epoch(&r->trainer, (uint64_t)epoch, NULL).diverged;
    result->accuracy[epoch] = result->rank[epoch] = NAN;
    if (result->diverged)
        observe_constant(epoch, result);
    return result->diverged || !look ? STATUS_OK : observe(r, epoch, result, err);
}

enum status ablation_train(const struct ablation_base *base, const struct ablation *ablation,
                           uint64_t seed, bool follow, struct ablation_result *result,
                           struct error *err)
{
    struct ablation_run run;
    result->diverged = false;
    enum status status = ablation_open(&run, base, ablation, seed, err);
    result->accuracy[0] = result->rank[0] = NAN;
    if (!status && follow)
        status = observe(&run, 0, result, err);
    for (int epoch = 1; epoch <= base->epochs && !status; epoch++)
        status = train_epoch(&run, epoch, follow || epoch == base->epochs, result, err);
    ablation_close(&run);
    return status;
}
