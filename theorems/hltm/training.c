#include "theorems/hltm/training.h"

#include "analysis/latent_measure.h"
#include "core/extreme.h"
#include "hltm/exact.h"
#include "sim/data/sources/sources.h"
#include "sim/optimisers/optimisers.h"
#include "sim/train/trainer.h"

#include <math.h>
#include <stdlib.h>

struct world {
    struct tree *tree;
    struct sgd_settings sgd;
    struct network network;
    struct trainer trainer;
    struct latent_measure measure;
    struct arena arena;
};

enum status training_tree(struct tree_settings settings, double low, double high, uint64_t seed,
                          struct tree **tree, struct error *err)
{
    const int64_t two = 2;
    const double bounds[] = {low, high};
    const size_t length = 2;
    settings.children = (struct integers){.scalar = true, .count = 1, .value = &two};
    settings.states = 2;
    settings.polarity = (struct reals){.rank = 1, .rows = 1, .length = &length, .value = bounds};
    return tree_create(tree, &settings, seed, err);
}

struct network training_network(int depth, int width)
{
    struct network n = {.levels = depth,
                        .leaves = (size_t)1 << depth,
                        .leaf_states = 2,
                        .leaf_width = 1,
                        .relu = true,
                        .bias = true,
                        .normalize = true,
                        .norm_eps = 1e-4,
                        .mirrors_tree = true};
    for (int l = 0; l < depth; l++)
        n.level[l] = (struct level){.nodes = (size_t)1 << l, .width = width, .children = 2};
    network_finish(&n);
    return n;
}

static void layout(struct world *w, const struct training_plan *p, struct arena *arena)
{
    const struct learner train = {.source = &source_hltm,
                                  .world = w->tree,
                                  .network = &w->network,
                                  .objective = p->objective,
                                  .objective_settings = p->objective_settings,
                                  .optimiser = &optimiser_sgd,
                                  .optimiser_settings = &w->sgd,
                                  .seed = p->seed,
                                  .samples = p->samples,
                                  .batch = 128,
                                  .threads = 1};
    const struct latent_plan measure = {.network = &w->network,
                                        .tree = w->tree,
                                        .columns = p->samples,
                                        .correlation = true,
                                        .covop = !p->correlations_only,
                                        .threads = 1,
                                        .source = &source_hltm,
                                        .world = w->tree};
    trainer_layout(&w->trainer, &train, arena);
    latents_layout(&w->measure, &measure, arena);
}

static enum status open_world(struct world *w, const struct training_plan *p, struct error *err)
{
    *w = (struct world){.sgd = {.lr = p->lr}};
    w->network = training_network(p->depth, p->width);
    const struct tree_settings settings = {.depth = p->depth,
                                           .keep_level = p->keep_level < 0 ? 0 : p->keep_level};
    enum status status = training_tree(settings, p->low, p->high, p->seed, &w->tree, err);
    struct arena count = {0};
    if (status)
        return status;
    w->tree->keep_level = p->keep_level;
    layout(w, p, &count);
    status = arena_create(&w->arena, &count, err);
    if (!status)
        layout(w, p, &w->arena);
    return status;
}

static void close_world(struct world *w)
{
    arena_free(&w->arena);
    tree_free(w->tree);
}

static double mean_best(const struct world *w, int level)
{
    const struct latent_measure *m = &w->measure;
    size_t width = (size_t)correlation_width(&m->correlation_plan, level);
    const double *r = m->correlation + correlation_offset(&m->correlation_plan, level);
    double sum = 0;
    for (size_t i = 0; i < w->tree->count[level]; i++) {
        double best = 0;
        for (size_t k = 0; k < width; k++)
            best = larger(best, fabs(r[i * width + k]));
        sum += best;
    }
    return sum / (double)w->tree->count[level];
}

static double mean_of(const double *value, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += value[i] / (double)count;
    return sum;
}

static enum status observe(struct world *w, const struct training_plan *p, int when,
                           struct training_result *result, struct error *err)
{
    enum status status = latents_from_samples(&w->measure, w->trainer.parameters, p->seed,
                                              (uint64_t)when, p->samples, err);
    for (int l = 0; l < p->depth && !status; l++) {
        result->best[when][l] = mean_best(w, l);
        if (!p->correlations_only)
            result->norm[when][l] = mean_of(w->measure.norm[l], w->tree->count[l]);
    }
    return status;
}

static enum status find_ceiling(const struct world *w, const struct training_plan *p,
                                struct training_result *result, struct error *err)
{
    double *ceiling = malloc(w->tree->nodes * sizeof *ceiling);
    if (!ceiling)
        return error_memory(err, "the ceiling");
    enum status status = ceiling_measure(w->tree, p->seed, 1 << 14, ceiling, err);
    for (int l = 0; l < p->depth && !status; l++)
        result->ceiling[l] = mean_of(ceiling + w->tree->first[l], w->tree->count[l]);
    free(ceiling);
    return status;
}

struct training_plan training_plan_of(const struct training_settings *settings, uint64_t seed)
{
    return (struct training_plan){.depth = (int)settings->depth,
                                  .width = (int)settings->width,
                                  .epochs = (int)settings->epochs,
                                  .low = 0.7,
                                  .high = 1,
                                  .lr = 0.1,
                                  .samples = (size_t)settings->samples,
                                  .seed = seed};
}

enum status training_run(const struct training_plan *plan, struct training_result *result,
                         struct error *err)
{
    struct world w;
    *result = (struct training_result){.best = {{0}}};
    enum status status = open_world(&w, plan, err);
    if (!status)
        status = observe(&w, plan, 0, result, err);
    for (int epoch = 1; epoch <= plan->epochs && !status; epoch++)
        if (trainer_epoch(&w.trainer, (uint64_t)epoch, NULL).diverged)
            status = error_set(err, STATUS_DIVERGED, "training diverged in epoch %d", epoch);
    if (!status)
        status = observe(&w, plan, 1, result, err);
    if (!status && !plan->correlations_only)
        status = find_ceiling(&w, plan, result, err);
    close_world(&w);
    return status;
}

double training_upper_mean(const double *best)
{
    double sum = 0;
    for (int l = 0; l < TRAINING_UPPER; l++)
        sum += best[l] / TRAINING_UPPER;
    return sum;
}
