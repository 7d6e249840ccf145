/* The work of a sweep: processes that run its points. */
#pragma once

#include "harness/sweep/sweep_options.h"
#include "harness/sweep/sweep_plan.h"

#include <sys/types.h>
#include <time.h>

enum { SWEEP_SAVING = 30 }; /* seconds that workers have to save their points at an interrupt */

struct sweep_failure {
    size_t point;
    char *reason;
    bool again; /* the command that runs it alone needs --again */
};

/* A file as it was at a moment; ino 0: it was not there.  Its time is compared with no clock, since
 * clocks can be set. */
struct file_mark {
    ino_t ino;
    struct timespec changed;
};

struct sweep_work {
    const struct sweep_options *options; /* borrowed, as the plan */
    const struct sweep_plan *plan;
    char folder[RUN_PATH];
    /* The points of this shard, and which of them have no sound file: sweep_work_find. */
    size_t all;
    size_t *todo; /* [count] */
    size_t count;
    struct file_mark *partial;      /* [plan->count]: the results of interrupted runs */
    bool sealed;                    /* nothing is left to do, and the folder takes no files */
    size_t before, diverged_before; /* the others; how many of these diverged */
    /* Who works: processes here, or of each task of Slurm. */
    int workers;
    size_t shards, tasks; /* of Slurm; tasks is 1 without it */
    double memory;        /* bytes that a task needs; 0: not known, the cluster's default */
    /* Results: points finished here, by another sweep; diverged among those finished here. */
    size_t done, elsewhere, diverged, failures;
    size_t saved; /* points that an interrupt of this sweep left in checkpoints */
    struct sweep_failure *failure;
};

/* Run the points, each from its checkpoint if there is one.  A point that crashes its process is
 * tried once more; a point that fails, or takes too long, is kept in work->failure and in
 * HASH.failed, and the others go on; its last checkpoint stays.  Points that another sweep has
 * leased are left to it, and waited for at the end.  STATUS_INTERRUPTED: the user stopped it;
 * unfinished points are saved in their checkpoints, for which there are SWEEP_SAVING seconds, and
 * their leases released.  STATUS_SYSTEM: the folder takes no more files; then nothing more is
 * saved.  sweep_work_free frees failures and `todo`. */
enum status sweep_work(struct sweep_work *work, struct error *err);
void sweep_work_free(struct sweep_work *work);

/* Is the result of the point there, sound, and of a whole run?  One that is damaged, or whose run
 * was interrupted, is as good as none.  A file with its checksum is opened only if a checkpoint
 * lies beside it: without one, an interrupted run is told from work->partial. */
bool sweep_has_point(const struct sweep_work *work, size_t point);

/* How many of the points to do have a checkpoint. */
size_t sweep_checkpoints(const struct sweep_work *work);

/* A file of the point, FOLDER/HASH and `end`, as it is. */
struct file_mark sweep_mark(const struct sweep_work *work, size_t point, const char *end);
