/* Leases: who works on which point of a sweep, so that sweeps on one folder share the work.
 *
 * A lease is a file `.NAME.lease` that only one process can create (O_EXCL, which also holds on
 * network file systems).  It says host, process and term in one line, and its owner renews its time
 * of change several times a term.  It is dead when its process has ended, if that was on this
 * machine, or when it was not renewed for a term by the monotonic clock of the one who looks: the
 * time of day, which differs between machines and can be set, is compared with nothing.
 *
 * A lease saves work and no more: two processes on one point would compute the same bytes, and a
 * finished file is never replaced. */
#ifndef DUET_HARNESS_LEASE_H
#define DUET_HARNESS_LEASE_H

#include "core/error.h"

#include <stdbool.h>
#include <time.h>

enum { LEASE_TEXT = 512, LEASE_TERM = 120, LEASE_UNWRITTEN = 3 }; /* seconds */

struct lessee {
    const char *folder; /* borrowed */
    char text[LEASE_TEXT];
};

/* An observation of somebody else's lease, and since when it has been the same; zeroed at first. */
struct lease_sight {
    char text[LEASE_TEXT];
    struct timespec changed;
    double since; /* seconds of the monotonic clock; 0: never seen */
};

void lessee_open(struct lessee *lessee, const char *folder);

/* Take the lease of `name`: *taken says whether it is this process's now.  An error is one of the
 * folder. */
enum status lease_take(const struct lessee *lessee, const char *name, bool *taken,
                       struct error *err);

/* Keep it alive; release it.  Both leave alone what has become somebody else's. */
void lease_renew(const struct lessee *lessee, const char *name);
void lease_release(const struct lessee *lessee, const char *name);

/* Look at somebody else's lease; a dead one is removed.  True if the name is free now. */
bool lease_look(const struct lessee *lessee, const char *name, struct lease_sight *sight);

/* Whether this machine has a process of that number that has not ended. */
bool lease_process_runs(long pid);

#endif
