/* The work of a sweep: processes that run its points. */
#pragma once

#include "harness/sweep/sweep_options.h"
#include "harness/sweep/sweep_plan.h"

struct sweep_failure {
    size_t point;
    char *reason;
};

struct sweep_work {
    const struct sweep_options *options; /* borrowed, as the plan */
    const struct sweep_plan *plan;
    char folder[RUN_PATH];
    /* The points of this shard, and which of them have no sound file: sweep_work_find. */
    size_t all;
    size_t *todo; /* [count] */
    size_t count;
    bool sealed;                    /* nothing is left to do, and the folder takes no files */
    size_t before, diverged_before; /* the others; how many of these diverged */
    /* Who works: processes here, or of each task of Slurm. */
    int workers;
    size_t shards, tasks; /* of Slurm; tasks is 1 without it */
    double memory;        /* bytes that a task needs; 0: not known, the cluster's default */
    /* Results: points finished here, by another sweep; diverged among those finished here. */
    size_t done, elsewhere, diverged, failures;
    struct sweep_failure *failure;
};

/* Run the points.  A point that crashes its process is tried once more; a point that fails, or
 * takes too long, is kept in work->failure and in HASH.failed, and the others go on.  Points that
 * another sweep has leased are left to it, and waited for at the end.  STATUS_INTERRUPTED: the user
 * stopped it; unfinished points are dropped and their leases released.  STATUS_SYSTEM: the same,
 * because the folder takes no more files.  sweep_work_free frees failures and `todo`. */
enum status sweep_work(struct sweep_work *work, struct error *err);
void sweep_work_free(struct sweep_work *work);

/* Is the file of the point there and sound?  A damaged one is as good as none. */
bool sweep_has_point(const struct sweep_work *work, size_t point);
