/* The trainer: batches of views, one objective, one optimiser; with an objective that has a target,
 * also a predictor and a target network.
 *
 * A batch is cut into chunks of samples, chunks are dealt to at most TRAINER_SHARDS shards, and a
 * thread works on whole shards; sums go chunk by chunk within a shard, then shard by shard.  The
 * cut depends on the plan alone, so results are the same bits for any number of threads.
 *
 * With an objective that cuts the network into blocks (sim/train/blocks.h), each block learns from
 * its own loss; where there is more than one, all levels are evaluated once per sample
 * (sim/net/pass.h).
 *
 * The phases of a loss (sim/loss/objective.h) run on the same chunks.  Labelled samples beside the
 * batch (sim/train/labelled.h) add to the sums of the last shard. */
#pragma once

#include "core/quantity.h"
#include "core/remarks.h"
#include "core/state.h"
#include "sim/loss/prediction.h"
#include "sim/net/pass.h"
#include "sim/train/blocks.h"
#include "sim/train/labelled.h"
#include "sim/train/learner.h"
#include "sim/train/predictor_trainer.h"
#include "sim/train/supply.h"

enum { TRAINER_SHARDS = 16 };

/* Where an epoch ended. */
struct epoch_result {
    double loss;    /* mean over its steps; of the top block */
    uint64_t steps; /* taken so far, all epochs */
    bool diverged;  /* the last step gave a loss or a parameter that is not finite */
    bool stopped;   /* `keep_going` said no, or the machine has no more locks to give */
};

struct trainer {
    struct learner plan;
    struct needs needs;           /* of the objective */
    int online_views;             /* of a sample, that the network in training sees */
    int gradient_views;           /* of those, the first so many have gradients */
    int team;                     /* threads at work, at most plan.threads */
    size_t chunk, chunks, shards; /* samples of a chunk; chunks of a batch; shards of a batch */
    size_t steps;                 /* of an epoch */
    uint64_t step;                /* taken in whole epochs */
    uint64_t slab;                /* slabs (sim/train/supply.h) done of the epoch at work */
    struct block block[NETWORK_MAX_LEVELS];
    int blocks;
    double
        block_loss[NETWORK_MAX_LEVELS]; /* of the last epoch or evaluation, as epoch_result.loss */
    double *parameters, *gradient, *state; /* [padded parameters], state: slots of them */
    size_t parameter_stride;
    struct batch_patterns batch_patterns; /* patterns of a batch, where it pays to look for them */
    struct pattern_tables tables;         /* of the batch at work, with the weights that it meets */
    struct pass *pass;       /* one per thread; one per chunk where the loss compares all samples */
    struct pass *delta;      /* one per thread: the gradient arrays that its passes use in turn */
    struct outputs *outputs; /* [block] of the network: one set; one per thread where the loss needs
                                no other sample, whose blocks use the same memory in turn */
    struct loss loss;
    double *partial;        /* [block][chunk][8], LOSS_PARTIALS of them used */
    double *shard_gradient; /* [shard][gradient_stride], levels above the entry
                               (sim/net/pattern_tables.h) */
    double *shard_lookup;   /* [shard][lookup_stride], sums by pattern */
    size_t gradient_stride, lookup_stride;
    /* Objectives with a target. */
    struct predictor_trainer predictor;
    struct prediction *prediction; /* one per thread; NULL without a target */
    double *predictor_sums;        /* [shard][predictor_stride] */
    size_t predictor_stride;       /* padded predictor_sums_size */
    double *target; /* parameters of a target network; NULL where the online one is */
    struct pattern_tables target_tables; /* ... of the same patterns */
    struct pass *target_pass;            /* one per thread */
    double *target_output;               /* [thread][width][chunk] */
    struct labelled labelled;            /* for objectives with labelled samples */
    struct supply supply;
};

/* Lay out the trainer in `arena` (call once counting, once real), then set initial parameters.  The
 * cut of the objective fits the network (blocks_check), all else the epoch (objective_check), and
 * there are 1..TRAINER_SHARDS threads. */
void trainer_layout(struct trainer *trainer, const struct learner *plan, struct arena *arena);

/* Add the whole state to `list`: with these blocks filled, trainer_epoch goes on where another
 * trainer, laid out alike for any number of threads, was left. */
void trainer_state(struct trainer *trainer, struct state_list *list);

/* Callbacks of an epoch, called now and then by the calling thread.  NULL: go on, all threads. */
struct trainer_watch {
    bool (*keep_going)(void *context, size_t step); /* `step` of the epoch comes next */
    int (*threads)(void *context); /* how many may work on the next few steps, at least 1 */
    void *context;
    bool goes_on; /* epoch + 1 follows; idle threads may already draw its samples */
};

/* One epoch, numbered from 1.  `watch` may be NULL.  An epoch that was stopped goes on with the
 * next call for it. */
struct epoch_result trainer_epoch(struct trainer *trainer, uint64_t epoch,
                                  const struct trainer_watch *watch);

/* Mean loss (of the top block) of the first `steps` batches of epoch 1 with the parameters as they
 * are. */
double trainer_evaluate(struct trainer *trainer, size_t steps);

/* target <- target + (1 - gamma)(online - target), [NCP]: gamma = 1 leaves a frozen target, gamma =
 * 0 makes it the online network.  Both are `count` parameters. */
void ema_step(size_t count, double gamma, const double *online, double *target);

/* Quantities of training itself, of the last epoch or evaluation: "/series/block_loss" of local
 * training, "/series/comatch/..." of a semi-supervised objective. */
void trainer_quantities(const struct trainer *trainer, struct quantity_list *list);

/* Remark on classes of which an objective that needs labelled samples has none. */
void trainer_remarks(const struct trainer *trainer, struct remarks *remarks);

/* The class head of an objective that learns one, [*count]; NULL: it has none. */
const double *trainer_class_head(const struct trainer *trainer, size_t *count);

/* Floating-point operations of the products in one step, with as many patterns as occurred in the
 * last one. */
double trainer_flops(const struct trainer *trainer);
