/* The work of a sweep: processes that run its points. */
#ifndef DUET_HARNESS_SWEEP_WORK_H
#define DUET_HARNESS_SWEEP_WORK_H

#include "harness/sweep/sweep_plan.h"

struct sweep_failure {
    size_t point;
    char *reason;
};

struct sweep_work {
    const struct sweep_plan *plan; /* borrowed, as all that follows */
    const char *folder, *results;
    const size_t *todo; /* points to run, [count] */
    size_t count;
    int workers, threads; /* threads of each worker */
    double limit;         /* seconds a point may take; 0: no limit */
    bool quiet;
    /* Results: points finished here, by another sweep; diverged among those finished here. */
    size_t done, elsewhere, diverged, failures;
    struct sweep_failure *failure;
};

/* Run the points.  A point that crashes its process is tried once more; a point that fails, or
 * takes too long, is kept in work->failure and in HASH.failed, and the others go on.  Points that
 * another sweep has leased are left to it, and waited for at the end.  STATUS_INTERRUPTED: the user
 * stopped it; unfinished points are dropped and their leases released.  STATUS_SYSTEM: the same,
 * because the folder takes no more files.  Free with sweep_work_free. */
enum status sweep_work(struct sweep_work *work, struct error *err);
void sweep_work_free(struct sweep_work *work);

/* Is the file of the point there and sound?  A damaged one is as good as none. */
bool sweep_has_point(const struct sweep_work *work, size_t point);

#endif
