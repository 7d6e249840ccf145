/* A short training run on the latent tree, for claims about the effects of training. */
#pragma once

#include "core/descriptor.h"
#include "core/error.h"
#include "hltm/tree.h"
#include "sim/loss/objective.h"
#include "sim/net/network.h"

enum { TRAINING_LEVELS = 8, TRAINING_UPPER = 3 };

/* Sizes of the runs of a claim, the first field of its settings. */
struct training_settings {
    int64_t depth, width, epochs, samples;
};

/* The parameters of these sizes, for its params. */
#define TRAINING_SIZE(field, ...)                                                                  \
    {                                                                                              \
        .name = #field, .type = PARAM_INTEGER,                                                     \
        .offset = offsetof(struct training_settings, field), __VA_ARGS__                           \
    }
#define TRAINING_PARAMS                                                                            \
    TRAINING_SIZE(depth, .fallback = "5", .low = 4, .high = TRAINING_LEVELS,                       \
                  .doc = "levels of the tree below its root, two children per node"),              \
        TRAINING_SIZE(width, .fallback = "10", .low = 2, .high = 64, .doc = "neurons of a node"),  \
        TRAINING_SIZE(epochs, .fallback = "2", .low = 1, .high = 100,                              \
                      .doc = "epochs of training"),                                                \
        TRAINING_SIZE(samples, .fallback = "64000", .low = 12800, .high = 1 << 24,                 \
                      .doc = "samples of an epoch, and of a measurement")

/* The published setting except for these. */
struct training_plan {
    int depth, width, epochs;
    double low, high; /* |rho| */
    const struct objective *objective;
    const void *objective_settings;
    double lr;
    bool correlations_only; /* leave norm and ceiling of the result at 0 */
    int keep_level; /* of views; `depth`: no augmentation; -1: x_+ is an independent sample */
    size_t samples; /* of an epoch and of a measurement */
    uint64_t seed;  /* of the tree, the weights and all samples */
};

/* The published setting at these sizes, |rho| in [0.7, 1]; the objective is left open. */
struct training_plan training_plan_of(const struct training_settings *settings, uint64_t seed);

/* [level] of the tree's latents, level 0 the root; [0] before and [1] after training. */
struct training_result {
    double best[2][TRAINING_LEVELS]; /* mean over nodes of the best |correlation| */
    double norm[2][TRAINING_LEVELS]; /* mean over nodes of |OP_mu| */
    double ceiling[TRAINING_LEVELS]; /* mean over nodes (HLTM-2) */
};

enum status training_run(const struct training_plan *plan, struct training_result *result,
                         struct error *err);

/* The published network on a binary tree: ReLU, biases, normalised outputs. */
struct network training_network(int depth, int width);

/* A binary tree with |rho| in [low, high]; `settings` leaves children, states and polarity open. */
enum status training_tree(struct tree_settings settings, double low, double high, uint64_t seed,
                          struct tree **tree, struct error *err);

/* Mean of best[level] over the TRAINING_UPPER upper levels, from the root down. */
double training_upper_mean(const double *best);
