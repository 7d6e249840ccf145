/* A run from its spec: build the world, the network and the trainer, train and measure, keep the
 * series, store them. */
#ifndef DUET_HARNESS_EXPERIMENT_H
#define DUET_HARNESS_EXPERIMENT_H

#include "analysis/classification.h"
#include "analysis/features.h"
#include "analysis/measure.h"
#include "analysis/representation.h"
#include "harness/spec/spec.h"
#include "sim/flow/network_flow.h"
#include "sim/loss/comatch.h"
#include "sim/train/trainer.h"
#include "store/store.h"

/* Values at the points in time at which the run measures; [point][...] each. */
struct series {
    double *time, *loss; /* time: epochs, or the time of a flow */
    double *block_loss;  /* [block] of local training; NULL: one block, whose loss is `loss` */
    double *correlation; /* [correlation_size] */
    double *best;        /* [latent level] */
    double *norm[NETWORK_MAX_LEVELS], *trace[NETWORK_MAX_LEVELS]; /* [node] */
    double *eigenvalue[NETWORK_MAX_LEVELS];                       /* [node][rank] */
    double *weight_norm[NETWORK_MAX_LEVELS];                      /* [node] */
    double *quantity[REPRESENTATION_QUANTITIES]; /* [size of representation_quantities] */
    double *accuracy;                            /* [latent of the representation] */
    double *feature[FEATURES_QUANTITIES];        /* [size of features_quantities] */
    double *term[COMATCH_TERMS];                 /* of a semi-supervised objective */
    double *class_accuracy;                      /* ... of its class head */
};

/* A run whose trainer is a flow (harness/run/experiment_flow.h). */
struct flow_part {
    struct network_flow flow;
    double *x, *x_prime; /* moments of the data */
    double *w_a;         /* as it is now; W_p is predictor_parameters */
    double *invariant;   /* [point][dynamics.invariants] */
};

struct experiment {
    const struct spec *spec; /* borrowed */
    const struct source *source;
    void *world;
    const struct tree *tree; /* the world's; NULL: no latents */
    struct network network;
    struct predictor predictor; /* of an objective that has one, see experiment_predicts */
    bool flows;                 /* the trainer is `flow`, else `trainer` */
    struct flow_part flow;
    struct trainer trainer;
    /* Weights as they are now, of whichever trains; target: NULL where the online network is. */
    double *parameters, *predictor_parameters, *target;
    struct measure measure;               /* with a tree */
    struct representation representation; /* with a predictor or with probes */
    bool has_representation;
    struct features features; /* of sparse-coding data */
    bool has_features;
    struct classification classification; /* of a semi-supervised objective */
    struct arena arena;
    int threads;
    size_t train_bytes, measure_bytes, series_bytes, ceiling_bytes, file_bytes; /* the plan */
    size_t points, measured; /* points in time: planned, reached */
    struct series series;
    /* Parameters before training: the network's, the predictor's, the class head's. */
    double *initial, *initial_predictor, *initial_class_head;
    /* Copies that a measurement works on while training goes on. */
    struct {
        double *parameters, *predictor, *target, *class_head;
        double block_loss[NETWORK_MAX_LEVELS], term[COMATCH_TERMS];
    } seen;
    double *ceiling; /* [node of the tree] */
    bool diverged;
    char detail[256]; /* where it diverged */
};

/* Who wants to know how far a run is, and may stop it. */
struct observer {
    /* After every measurement; `step` steps of all `steps` are done. */
    void (*measured)(void *context, const struct experiment *experiment, uint64_t step,
                     uint64_t steps);
    /* Now and then while training; false stops the run. */
    bool (*training)(void *context, const struct experiment *experiment, uint64_t step,
                     uint64_t steps);
    void *context;
};

/* Plan everything and take all memory.  Free with experiment_free, also after an error. */
enum status experiment_open(struct experiment *experiment, const struct spec *spec, int threads,
                            struct error *err);

/* Run it.  A run that diverges returns STATUS_DIVERGED with what it measured kept. */
enum status experiment_run(struct experiment *experiment, const struct observer *observer,
                           struct error *err);

/* Write the result file, whole or not at all. */
enum status experiment_store(const struct experiment *experiment, const char *path,
                             struct error *err);

void experiment_free(struct experiment *experiment);

/* Number of levels of latents that correlations are measured with; 0 without a tree. */
int experiment_latent_levels(const struct experiment *experiment);

/* What is trained for. */
const struct objective *experiment_objective(const struct experiment *experiment);

/* Whether predictions are compared with a target: there is a predictor. */
bool experiment_predicts(const struct experiment *experiment);

/* Whether a few labelled samples are learned from with a class head (sim/loss/comatch.h). */
bool experiment_semi_supervised(const struct experiment *experiment);

/* [point] effective rank of the outputs; NULL where it is not kept. */
const double *experiment_effective_rank(const struct experiment *experiment);

/* What the representation measured becomes point `point` of the series. */
void experiment_keep_representation(struct experiment *experiment, size_t point);

#endif
