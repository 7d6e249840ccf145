#include "core/barrier.h"

enum { SPINS = 2000 }; /* some 50 microseconds */

enum status barrier_create(struct barrier *barrier, int threads, struct error *err)
{
    barrier->threads = threads;
    atomic_init(&barrier->arrived, 0);
    atomic_init(&barrier->phase, 0);
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

void barrier_wait(struct barrier *barrier)
{
    if (barrier->threads == 1)
        return;
    unsigned phase = atomic_load_explicit(&barrier->phase, memory_order_acquire);
    if (atomic_fetch_add_explicit(&barrier->arrived, 1, memory_order_acq_rel) + 1 ==
        barrier->threads) {
        atomic_store_explicit(&barrier->arrived, 0, memory_order_relaxed);
        pthread_mutex_lock(&barrier->lock); /* a thread that is about to sleep holds it */
        atomic_store_explicit(&barrier->phase, phase + 1, memory_order_release);
        pthread_cond_broadcast(&barrier->met);
        pthread_mutex_unlock(&barrier->lock);
        return;
    }
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&barrier->phase, memory_order_acquire) != phase)
            return;
        pause_briefly();
    }
    pthread_mutex_lock(&barrier->lock);
    while (atomic_load_explicit(&barrier->phase, memory_order_acquire) == phase)
        pthread_cond_wait(&barrier->met, &barrier->lock);
    pthread_mutex_unlock(&barrier->lock);
}
