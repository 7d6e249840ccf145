/* A barrier for threads that meet every few tens of microseconds.
 *
 * A thread that waits first does other work that has to be done anyway, then spins for about as
 * long as the others may lag behind on a free machine, then sleeps.  OpenMP's own barrier spins a
 * thousand times longer, and on a machine that is busy with other work takes the time that the
 * others need. */
#pragma once

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

/* Wait for all threads.  After it, each of them sees all that any of them wrote before it.  Until
 * all have arrived, `meanwhile(context)` is called repeatedly: it does a small piece of other work
 * and returns false when none is left; NULL: none.  The others see its writes after the next
 * barrier. */
void barrier_wait(struct barrier *barrier, bool (*meanwhile)(void *context), void *context);
