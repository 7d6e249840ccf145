/* A barrier for threads that meet every few tens of microseconds.
 *
 * A thread that waits first does other work that has to be done anyway, then spins for about as
 * long as its fellows may lag behind on a free machine, then sleeps.  OpenMP's own barrier spins a
 * thousand times longer, and on a machine that is busy with other work burns the time that the
 * fellows are waiting for. */
#ifndef DUET_CORE_BARRIER_H
#define DUET_CORE_BARRIER_H

#include "core/error.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct barrier {
    int threads;
    _Alignas(64) atomic_int arrived;
    _Alignas(64) atomic_uint phase; /* how often all have met */
    atomic_int sleepers;            /* threads that no longer spin */
    pthread_mutex_t lock;
    pthread_cond_t met;
};

enum status barrier_create(struct barrier *barrier, int threads, struct error *err);
void barrier_free(struct barrier *barrier);

/* Wait for all threads; what any of them wrote before its call, all read after theirs.  Until all
 * are there, `meanwhile(context)` is called again and again: a small piece of other work, false
 * when none is left; NULL: none.  What it writes is seen by the others after the next barrier. */
void barrier_wait(struct barrier *barrier, bool (*meanwhile)(void *context), void *context);

#endif
