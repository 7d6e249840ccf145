/* A barrier for threads that meet every few tens of microseconds.
 *
 * A thread spins for about as long as its fellows may lag behind on a free machine, then sleeps.
 * OpenMP's own barrier spins a thousand times longer, and on a machine that is busy with other work
 * burns the time that the fellows are waiting for. */
#ifndef DUET_CORE_BARRIER_H
#define DUET_CORE_BARRIER_H

#include "core/error.h"

#include <pthread.h>
#include <stdatomic.h>

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

/* Wait for all threads; what any of them wrote before, all read after. */
void barrier_wait(struct barrier *barrier);

#endif
