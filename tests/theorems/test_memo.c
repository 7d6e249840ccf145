/* Protects theorems/memo.c: a value is made once for all callers, and no caller gets an unfinished
 * one. */
#include "tests/kit/testing.h"
#include "theorems/memo.h"

#include <stdatomic.h>
#include <unistd.h>

enum { KEYS = 20, ASKED = 400, SIZE = 100 };

static atomic_int made;

struct numbers {
    int value[SIZE];
};

static enum status count_up(const void *key, void *value, struct error *err)
{
    const int first = *(const int *)key;
    struct numbers *n = value;
    (void)err;
    atomic_fetch_add(&made, 1);
    usleep(500);
    for (int i = 0; i < SIZE; i++)
        n->value[i] = first + i;
    return STATUS_OK;
}

static enum status count_down(const void *key, void *value, struct error *err)
{
    (void)err;
    ((struct numbers *)value)->value[0] = -*(const int *)key;
    return STATUS_OK;
}

static enum status refuse_once(const void *key, void *value, struct error *err)
{
    if (atomic_fetch_add(&made, 1) == 0)
        return error_set(err, STATUS_DIVERGED, "not yet");
    *(int *)value = *(const int *)key;
    return STATUS_OK;
}

static int wrong(struct memo *memo, int key)
{
    struct numbers n;
    struct error err;
    int count = memo_take(memo, &key, sizeof key, &n, sizeof n, count_up, &err) != STATUS_OK;
    for (int i = 0; i < SIZE; i++)
        count += n.value[i] != key + i;
    return count;
}

static struct memo *create(void)
{
    struct memo *memo;
    struct error err;
    atomic_store(&made, 0);
    assert_int_equal(memo_create(&memo, &err), STATUS_OK);
    return memo;
}

static void a_value_is_made_once(void **state)
{
    (void)state;
    struct memo *memo = create();
    int count = 0;
#pragma omp parallel for num_threads(4) schedule(dynamic, 1) reduction(+ : count)
    for (int i = 0; i < ASKED; i++)
        count += wrong(memo, i % KEYS);
    assert_int_equal(count, 0);
    assert_int_equal(atomic_load(&made), KEYS);
    memo_free(memo);
}

static void makers_do_not_share(void **state)
{
    (void)state;
    struct memo *memo = create();
    struct numbers n;
    struct error err;
    const int key = 7;
    assert_int_equal(wrong(memo, key), 0);
    memo_take(memo, &key, sizeof key, &n, sizeof n, count_down, &err);
    assert_int_equal(n.value[0], -key);
    assert_int_equal(wrong(memo, key), 0);
    memo_free(memo);
}

static void a_failure_is_not_kept(void **state)
{
    (void)state;
    struct memo *memo = create();
    struct error err;
    const int key = 3;
    int value = 0;
    assert_int_equal(memo_take(memo, &key, sizeof key, &value, sizeof value, refuse_once, &err),
                     STATUS_DIVERGED);
    for (int i = 0; i < 2; i++)
        assert_int_equal(memo_take(memo, &key, sizeof key, &value, sizeof value, refuse_once, &err),
                         STATUS_OK);
    assert_int_equal(value, key);
    assert_int_equal(atomic_load(&made), 2);
    memo_free(memo);
}

static void without_a_shelf_it_is_made_each_time(void **state)
{
    (void)state;
    atomic_store(&made, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(wrong(NULL, 5), 0);
    assert_int_equal(atomic_load(&made), 3);
    memo_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_made_once),
        cmocka_unit_test(makers_do_not_share),
        cmocka_unit_test(a_failure_is_not_kept),
        cmocka_unit_test(without_a_shelf_it_is_made_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
