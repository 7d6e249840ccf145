#include "core/barrier.h"

enum { SPINS = 2000 }; /* some 50 microseconds */

enum status barrier_create(struct barrier *barrier, int threads, struct error *err)
{
    barrier->threads = threads;
    atomic_init(&barrier->arrived, 0);
    atomic_init(&barrier->phase, 0);
    atomic_init(&barrier->sleepers, 0);
    if (pthread_mutex_init(&barrier->lock, NULL) == 0) {
        if (pthread_cond_init(&barrier->met, NULL) == 0)
            return STATUS_OK;
        pthread_mutex_destroy(&barrier->lock);
    }
    return error_set(err, STATUS_SYSTEM, "no resources for a barrier of %d threads", threads);
}

void barrier_free(struct barrier *barrier)
{
    pthread_mutex_destroy(&barrier->lock);
    pthread_cond_destroy(&barrier->met);
}

static inline void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Either the last thread sees that somebody sleeps, or who is about to sleep sees the new phase:
 * both write first and read then, in one order for all (sequential consistency). */
static void sleep_until_met(struct barrier *barrier, unsigned phase)
{
    pthread_mutex_lock(&barrier->lock);
    atomic_fetch_add(&barrier->sleepers, 1);
    while (atomic_load(&barrier->phase) == phase)
        pthread_cond_wait(&barrier->met, &barrier->lock);
    atomic_fetch_sub(&barrier->sleepers, 1);
    pthread_mutex_unlock(&barrier->lock);
}

static void let_go(struct barrier *barrier, unsigned phase)
{
    atomic_store_explicit(&barrier->arrived, 0, memory_order_relaxed);
    atomic_store(&barrier->phase, phase + 1);
    if (atomic_load(&barrier->sleepers) == 0)
        return;
    pthread_mutex_lock(&barrier->lock);
    pthread_cond_broadcast(&barrier->met);
    pthread_mutex_unlock(&barrier->lock);
}

void barrier_wait(struct barrier *barrier)
{
    if (barrier->threads == 1)
        return;
    unsigned phase = atomic_load_explicit(&barrier->phase, memory_order_acquire);
    int before = atomic_fetch_add_explicit(&barrier->arrived, 1, memory_order_acq_rel);
    if (before + 1 == barrier->threads) {
        let_go(barrier, phase);
        return;
    }
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&barrier->phase, memory_order_acquire) != phase)
            return;
        pause_briefly();
    }
    sleep_until_met(barrier, phase);
}
