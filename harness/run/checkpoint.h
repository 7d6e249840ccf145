/* Checkpoints: a run's state in a file, from which the same command goes on.
 *
 * The end has the same bytes as the end of a run that nobody disturbed, on any number of threads.
 * The file lies beside the result, RESULT without .h5 and with .checkpoint.  It is an HDF5 file,
 * whole or not at all and with a checksum (store/store.h): spec, hash and build (core/build.h) as
 * in a result, the naturals of the state (core/state.h) as root attributes, the reals below /state.
 *
 * It is written every train.checkpoint seconds, but never for more than a tenth of the time, and
 * when the run is stopped.  The caller removes it once the result is there. */
#pragma once

#include "harness/run/experiment.h"

enum { CHECKPOINT_PATH = 4160 };

/* The checkpoint of a result file. */
void checkpoint_path(const char *result, char path[CHECKPOINT_PATH]);

/* Remove it, if there is one. */
void checkpoint_remove(const char *result);

enum status checkpoint_save(const struct experiment *experiment, const char *path,
                            struct error *err);

enum checkpoint_found {
    CHECKPOINT_NONE,
    CHECKPOINT_LOADED,
    CHECKPOINT_DAMAGED, /* the file is kept as PATH.damaged, and `err` says what was wrong */
};

/* Fill an experiment that was opened and has not run.  STATUS_INVALID where the checkpoint is of
 * another spec or another build, with what differs: the file and the experiment stay as they are.
 */
enum status checkpoint_load(struct experiment *experiment, const char *path,
                            enum checkpoint_found *found, struct error *err);

/* A run with checkpoints. */
struct checkpointed {
    const char *result;              /* path of its result file, which this does not touch */
    const struct observer *observer; /* its `training` stops the run; `due` and `save` are unused */
    /* Something that the user should know: that the run goes on from a checkpoint, that one is
     * damaged or could not be written.  With the observer's context; NULL: not. */
    void (*tell)(void *context, const char *what);
    uint64_t from; /* the step at which it began */
    bool kept;     /* after STATUS_INTERRUPTED: the checkpoint is there */
    bool refused;  /* after STATUS_INVALID: the checkpoint is of another spec or build */
};

/* As experiment_run, but from the checkpoint if there is one, and with checkpoints on the way.
 * STATUS_INVALID as checkpoint_load. */
enum status checkpoint_run(struct experiment *experiment, struct checkpointed *run,
                           struct error *err);
