/* A run from its spec: build the world, the network and the trainer, train and measure, keep the
 * series, store them. */
#ifndef DUET_HARNESS_EXPERIMENT_H
#define DUET_HARNESS_EXPERIMENT_H

#include "analysis/measure.h"
#include "harness/spec.h"
#include "harness/store.h"
#include "sim/trainer.h"

/* Values at the points in time at which the run measures; [point][...] each. */
struct series {
    double *epoch, *loss;
    double *correlation;                                          /* [correlation_size] */
    double *best;                                                 /* [latent level] */
    double *norm[NETWORK_MAX_LEVELS], *trace[NETWORK_MAX_LEVELS]; /* [node] */
    double *eigenvalue[NETWORK_MAX_LEVELS];                       /* [node][rank] */
    double *weight_norm[NETWORK_MAX_LEVELS];                      /* [node] */
};

struct experiment {
    const struct spec *spec; /* borrowed */
    const struct source *source;
    void *world;
    const struct tree *tree; /* the world's */
    struct network network;
    struct trainer trainer;
    struct measure measure;
    struct arena arena;
    int threads;
    size_t train_bytes, measure_bytes, series_bytes, ceiling_bytes, file_bytes; /* the plan */
    size_t points, measured; /* points in time: planned, reached */
    struct series series;
    double *initial; /* parameters before training */
    double *ceiling; /* [node of the tree] */
    bool diverged;
    char detail[160]; /* where it diverged */
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

/* Number of levels of latents that correlations are measured with. */
int experiment_latent_levels(const struct experiment *experiment);

#endif
