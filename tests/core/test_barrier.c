/* Protects core/barrier.c: nobody passes before all have arrived, and who sleeps is woken.  A
 * thread that is never let go would wait for ever: an alarm ends the test. */
#include "core/barrier.h"
#include "tests/kit/testing.h"

#include <unistd.h>

enum { MOST = 5, ROUNDS = 200 };

struct meeting {
    struct barrier barrier;
    atomic_int arrived[ROUNDS]; /* before the barrier of a round */
    atomic_int early;           /* passed while one was missing */
    int threads, rounds;
    useconds_t late; /* of the last thread in every round */
};

struct guest {
    struct meeting *meeting;
    int number;
};

static void *meet(void *context)
{
    const struct guest *g = context;
    struct meeting *m = g->meeting;
    for (int round = 0; round < m->rounds; round++) {
        if (g->number == round % m->threads && m->late > 0)
            usleep(m->late);
        atomic_fetch_add(&m->arrived[round], 1);
        barrier_wait(&m->barrier, NULL, NULL);
        if (atomic_load(&m->arrived[round]) != m->threads)
            atomic_fetch_add(&m->early, 1);
    }
    return NULL;
}

static void run(int threads, int rounds, useconds_t late)
{
    static struct meeting m;
    struct guest guest[MOST];
    pthread_t thread[MOST];
    struct error err;
    m = (struct meeting){.threads = threads, .rounds = rounds, .late = late};
    check_ok(barrier_create(&m.barrier, threads, &err), &err);
    for (int i = 0; i < threads; i++) {
        guest[i] = (struct guest){&m, i};
        assert_int_equal(pthread_create(&thread[i], NULL, meet, &guest[i]), 0);
    }
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(m.early, 0);
    barrier_free(&m.barrier);
}

static void nobody_passes_before_all_have_arrived(void **state)
{
    (void)state;
    for (int threads = 1; threads <= MOST; threads++) {
        run(threads, ROUNDS, 0);
        run(threads, 20, 500);
    }
}

/* Long enough that the others have stopped to spin. */
static void sleepers_are_woken(void **state)
{
    (void)state;
    run(2, 4, 100000);
    run(MOST, 4, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_passes_before_all_have_arrived),
        cmocka_unit_test(sleepers_are_woken),
    };
    alarm(120);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
