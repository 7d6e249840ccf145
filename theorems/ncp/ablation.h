/* Learning without negative pairs on the latent tree, with one change at a time: the runs of
 * NCP-13. specs/ncp-13.yaml is the base and specs/ncp-13-sweep.yaml names every ablation; both give
 * the same runs as these, seed by seed. */
#pragma once

#include "analysis/output_measure.h"
#include "core/arena.h"
#include "sim/optimisers/optimisers.h"
#include "sim/train/predictor_optimiser.h"
#include "sim/train/trainer.h"

enum { ABLATION_MAX_EPOCHS = 100 };

/* Settings of a predictor's optimiser of any kind. */
union predictor_settings_of {
    struct predictor_step step;    /* gradient */
    struct predictor_rule rule;    /* all others begin with it */
    struct direct_settings direct; /* direct_pred, direct_copy */
    struct {                       /* optimal */
        struct predictor_rule rule;
        int form; /* enum optimal_kind */
    } optimal;
};

/* An ablation: the settings that change from run to run. */
struct ablation {
    const char *name;
    bool symmetric;      /* the predictor */
    double ema;          /* gamma_a; 0: the target is the online network */
    double weight_decay; /* of the trunk */
    const struct predictor_optimiser *optimiser;
    union predictor_settings_of predictor;
};

/* The settings that stay the same. */
struct ablation_base {
    int depth, keep_level, hidden, width; /* two children per node; hidden ReLU, width out */
    double low, high;                     /* |rho| */
    double lr, momentum;
    size_t samples, batch; /* of an epoch */
    int epochs;
    size_t measured; /* samples of a measurement, and of the probes */
    double ridge;    /* of the probes */
};

extern const struct ablation_base ablation_base;

enum ablation_name {
    ABLATION_GRADIENT,
    ABLATION_GRADIENT_NO_EMA,
    ABLATION_GRADIENT_ALPHA_10,
    ABLATION_GRADIENT_NO_DECAY,
    ABLATION_GRADIENT_DECAY_PREDICTOR,
    ABLATION_GRADIENT_DECAY_TRUNK,
    ABLATION_SYMMETRIC,
    ABLATION_SYMMETRIC_NO_DECAY,
    ABLATION_SYMMETRIC_NO_EMA,
    ABLATION_SYMMETRIC_NO_EMA_ALPHA_10,
    ABLATION_SYMMETRIC_NO_EMA_NO_DECAY,
    ABLATION_SYMMETRIC_NO_EMA_DECAY_PREDICTOR,
    ABLATION_SYMMETRIC_NO_EMA_DECAY_TRUNK,
    ABLATION_DIRECT,
    ABLATION_DIRECT_NO_EMA,
    ABLATION_EPSILON_0,
    ABLATION_EPSILON_001,
    ABLATION_EPSILON_05,
    ABLATION_OFFSET_01,
    ABLATION_OFFSET_005,
    ABLATION_OFFSET_MINUS_005,
    ABLATION_OFFSET_MINUS_01,
    ABLATION_FREQ_2,
    ABLATION_FREQ_5,
    ABLATION_COPY,
    ABLATION_OPTIMAL,
    ABLATION_OPTIMAL_SYMMETRIC,
    ABLATION_COUNT
};

extern const struct ablation ablations[ABLATION_COUNT];

/* A run that is laid out.  It points into itself, so it must not be moved. */
struct ablation_run {
    const struct ablation_base *base;
    const struct ablation *ablation;
    struct tree *tree;
    struct network network;
    struct predictor predictor;
    struct sgd_settings sgd;
    struct target_settings target;
    struct trainer trainer;
    struct output_measure outputs;
    struct arena arena;
};

/* `base` and `ablation` are borrowed.  Close also after an error. */
enum status ablation_open(struct ablation_run *run, const struct ablation_base *base,
                          const struct ablation *ablation, uint64_t seed, struct error *err);
void ablation_close(struct ablation_run *run);

/* [epoch], 0 before training: mean accuracy of the linear probes over all latents that a view
 * keeps, and effective rank of E[f f^T].  A run that diverges, or whose outputs grow so large that
 * the probes' equations are singular in double precision, counts from there on as a constant
 * output: accuracy 1/2, rank 1. */
struct ablation_result {
    double accuracy[ABLATION_MAX_EPOCHS + 1], rank[ABLATION_MAX_EPOCHS + 1];
    bool diverged;
};

/* Train, and measure at the end, or with `follow` before training and after every epoch.  Entries
 * that are not measured are NaN. */
enum status ablation_train(const struct ablation_base *base, const struct ablation *ablation,
                           uint64_t seed, bool follow, struct ablation_result *result,
                           struct error *err);
