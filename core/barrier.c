#include "core/barrier.h"

#include <sched.h>

/* Some 1 and 50 microseconds, and on an idle machine 300 more: waking up costs as much. */
enum { FEW_SPINS = 40, SPINS = 2000, YIELDS = 1000 };

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

/* Either the last thread sees the sleeper, or the sleeper sees the new phase before it sleeps: both
 * write first and then read, in one order for all (sequential consistency). */
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

static bool met(const struct barrier *barrier, unsigned phase)
{
    return atomic_load_explicit(&barrier->phase, memory_order_acquire) != phase;
}

static bool met_while_spinning(const struct barrier *barrier, unsigned phase, int spins)
{
    for (int i = 0; i < spins; i++) {
        if (met(barrier, phase))
            return true;
        pause_briefly();
    }
    return false;
}

void barrier_wait(struct barrier *barrier, bool (*meanwhile)(void *context), void *context)
{
    if (barrier->threads == 1)
        return;
    unsigned phase = atomic_load_explicit(&barrier->phase, memory_order_acquire);
    int before = atomic_fetch_add_explicit(&barrier->arrived, 1, memory_order_acq_rel);
    if (before + 1 == barrier->threads) {
        let_go(barrier, phase);
        return;
    }
    if (met_while_spinning(barrier, phase, FEW_SPINS))
        return;
    while (meanwhile && meanwhile(context))
        if (met(barrier, phase))
            return;
    if (met_while_spinning(barrier, phase, SPINS))
        return;
    for (int i = 0; i < YIELDS; i++) {
        if (met(barrier, phase))
            return;
        sched_yield(); /* give the processor to another program */
    }
    sleep_until_met(barrier, phase);
}
