/* A run from its spec: build the world, the network and the trainer, train and measure, keep what
 * was measured, store it. */
#pragma once

#include "analysis/probe.h"
#include "harness/run/record.h"
#include "harness/spec/spec.h"
#include "sim/train/trainer_kind.h"

/* Owns its memory, and points into itself: it stays where it was opened. */
struct experiment {
    const struct spec *spec; /* borrowed */
    void *world;             /* of the learner's source */
    struct network network;
    struct predictor predictor; /* of an objective that compares a prediction with a target */
    struct learner learner;
    const struct trainer_kind *kind;
    void *training; /* state of the kind */
    struct subject subject;
    struct probe_set probes;
    struct record record;
    struct snapshot initial;         /* copies of the first weights */
    const struct observer *observer; /* while it runs; may be NULL */
    struct arena arena;
    int threads;
    size_t train_bytes, measure_bytes; /* of the arena */
    enum status outcome;               /* of the run */
    char detail[TRAINER_DETAIL];       /* where it diverged, or was interrupted */
};

/* Callbacks that report progress and may stop the run; `step` steps of all `steps` are done. */
struct observer {
    /* After a measurement that is worth a line. */
    void (*measured)(void *context, const struct experiment *experiment, uint64_t step,
                     uint64_t steps);
    /* Now and then while training; false stops the run. */
    bool (*training)(void *context, const struct experiment *experiment, uint64_t step,
                     uint64_t steps);
    void *context;
    /* Save the state (experiment_state), so that another run can go on from it: whenever `due`,
     * and before it stops.  An error ends the run.  NULL: never. */
    bool (*due)(void *context);
    enum status (*save)(void *context, const struct experiment *experiment, struct error *err);
};

/* Plan everything and take all memory.  Free with experiment_free, also after an error. */
enum status experiment_open(struct experiment *experiment, const struct spec *spec, int threads,
                            struct error *err);
void experiment_free(struct experiment *experiment);

/* What of its data it will not use, and what it will not measure. */
void experiment_remarks(const struct experiment *experiment, struct remarks *remarks);

/* Run it, from where its state is.  A run that diverges returns STATUS_DIVERGED, one that was
 * stopped, or that a setting stopped (err->key), STATUS_INTERRUPTED, with what it measured kept. */
enum status experiment_run(struct experiment *experiment, const struct observer *observer,
                           struct error *err);

/* Add the whole state to `list` (core/state.h), record included; and whether its parts, once they
 * are filled, are of the same moment. */
void experiment_state(const struct experiment *experiment, struct state_list *list);
bool experiment_is_sound(const struct experiment *experiment);

/* The root attributes of its files: build, spec, seed, and the status with what there is to say of
 * it. */
enum status experiment_put(const struct experiment *experiment, const char *outcome,
                           const char *detail, struct store *store, struct error *err);

/* Write the result file, whole or not at all. */
enum status experiment_store(const struct experiment *experiment, const char *path,
                             struct error *err);

/* Bytes that it takes: series; the result file, which is built in memory from them and written from
 * one copy of it; everything, with what measuring takes beside the arena. */
size_t experiment_series_bytes(const struct experiment *experiment);
size_t experiment_file_bytes(const struct experiment *experiment);
size_t experiment_bytes(const struct experiment *experiment);
