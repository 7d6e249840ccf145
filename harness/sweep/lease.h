/* Leases: which process works on which point, so that sweeps on one folder share the work.
 *
 * A lease is a file `.NAME.lease` that only one process can create (O_EXCL, which also holds on
 * network file systems).  It holds host, process and term in one line, and its owner renews its
 * modification time several times per term.  It is dead if its process ran on this machine and has
 * ended, or if the observer has seen no renewal for one term of its own monotonic clock.  Times of
 * day are never compared: they differ between machines and can be set.
 *
 * A lease only saves work: two processes on one point would compute the same bytes, and a finished
 * file is never replaced. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <time.h>

enum { LEASE_TEXT = 512 };
/* Seconds; the longest term that another version of duet may have written. */
enum { LEASE_TERM = 120, LEASE_UNWRITTEN = 3, LEASE_LONGEST = 3600 };

struct lessee {
    const char *folder; /* borrowed */
    char text[LEASE_TEXT];
};

/* The last look at another process's lease, and since when it is unchanged; zeroed at first. */
struct lease_sight {
    char text[LEASE_TEXT];
    struct timespec changed;
    double since; /* seconds of the monotonic clock; 0: never seen */
};

void lessee_open(struct lessee *lessee, const char *folder);

/* Take the lease of `name`: *taken says whether this process holds it now.  Errors concern the
 * folder. */
enum status lease_take(const struct lessee *lessee, const char *name, bool *taken,
                       struct error *err);

/* Renew it; release it.  Both leave alone a lease that another process has taken over. */
void lease_renew(const struct lessee *lessee, const char *name);
void lease_release(const struct lessee *lessee, const char *name);

/* Look at another process's lease; a dead one is removed.  True if the name is free now. */
bool lease_look(const struct lessee *lessee, const char *name, struct lease_sight *sight);

/* Whether this machine has a process of that number that has not ended. */
bool lease_process_runs(long pid);
