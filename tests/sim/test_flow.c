/* Protects sim/flow/flow.c: trajectories, events, stiff systems, divergence. */
#include "sim/flow/flow.h"
#include "tests/kit/testing.h"

#include <gsl/gsl_errno.h>

struct log {
    int count;
    double t[64], value[64];
};

static void decay(void *context, double t, const double *y, double *rate)
{
    (void)context, (void)t;
    rate[0] = -y[0];
    rate[1] = -1000 * (y[1] - y[0]);
}

static void decay_jacobian(void *context, double t, const double *y, double *jacobian)
{
    (void)context, (void)t, (void)y;
    const double j[] = {-1, 0, 1000, -1000};
    memcpy(jacobian, j, sizeof j);
}

static bool record(void *context, double t, const double *y)
{
    struct log *log = context;
    log->t[log->count] = t;
    log->value[log->count++] = y[0];
    return true;
}

static void follows_the_solution_at_equal_times(void **state)
{
    (void)state;
    struct log log = {0};
    struct flow flow = {.size = 2, .context = &log, .rate = decay};
    struct flow_result result;
    struct error err = {0};
    double y[] = {2, 2};
    check_ok(flow_run(&flow, 1, 3, 1e-12, 1, 8, record, y, &result, &err), &err);
    assert_int_equal(log.count, 9);
    for (int i = 0; i < 9; i++) {
        assert_near(log.t[i], 1 + i / 4.0, 1e-14);
        assert_near(log.value[i], 2 * exp(-i / 4.0), 1e-11);
    }
    assert_near(result.t, 3, 1e-14);
    assert_false(result.stopped);
}

static void stiff_flow_with_its_jacobian_agrees(void **state)
{
    (void)state;
    struct flow flow = {.size = 2, .rate = decay, .jacobian = decay_jacobian};
    struct flow_result result;
    struct error err = {0};
    double y[] = {2, 5};
    check_ok(flow_run(&flow, 0, 2, 1e-9, 1, 1, NULL, y, &result, &err), &err);
    assert_near(y[0], 2 * exp(-2), 1e-7);
    assert_near(y[1], 2 * exp(-2) * 1000 / 999, 1e-7); /* slaved to the slow one */
}

static void falling(void *context, double t, const double *y, double *rate)
{
    (void)context, (void)t;
    rate[0] = y[0] > 0 ? -1 : 1; /* an attracting kink: no trajectory passes it */
}

static void above_ground(void *context, const double *y, double *value)
{
    (void)context;
    value[0] = y[0];
}

static void stops_before_an_event_even_at_an_attracting_kink(void **state)
{
    (void)state;
    struct log log = {0};
    struct flow flow = {
        .size = 1, .context = &log, .rate = falling, .events = 1, .event = above_ground};
    struct flow_result result;
    struct error err = {0};
    double y = 1.05;
    check_ok(flow_run(&flow, 0, 2, 1e-12, 1, 20, record, &y, &result, &err), &err);
    assert_true(result.stopped);
    assert_near(result.t, 1, 1e-9); /* the last sample before 1.05 */
    assert_near(y, 0.05, 1e-9);
    assert_int_equal(log.count, 11);
}

static void explode(void *context, double t, const double *y, double *rate)
{
    (void)context, (void)t;
    rate[0] = y[0] * y[0];
}

static void fall_fast(void *context, double t, const double *y, double *rate)
{
    (void)context, (void)t;
    rate[0] = -pow(y[0], 5);
}

/* The first attempted step is some millions of times too long. */
static void survives_a_first_step_that_overflows(void **state)
{
    (void)state;
    struct flow flow = {.size = 1, .rate = fall_fast};
    struct flow_result result;
    struct error err = {0};
    double y = 10, end = 1e6;
    check_ok(flow_run(&flow, 0, end, 1e-10, 1e-3, 1, NULL, &y, &result, &err), &err);
    assert_near(y, pow(1e-4 + 4 * end, -0.25), 1e-9);
}

static void says_when_it_diverges(void **state)
{
    (void)state;
    struct flow flow = {.size = 1, .rate = explode};
    struct flow_result result;
    struct error err = {0};
    double y = 1; /* infinite at t = 1 */
    assert_int_equal(flow_run(&flow, 0, 2, 1e-12, 1, 4, NULL, &y, &result, &err), STATUS_DIVERGED);
    assert_non_null(strstr(err.message, "the flow stopped at t = "));
    assert_false(result.exhausted);
    struct flow_place place = {0};
    flow.max_steps = 3;
    flow.place = &place;
    y = 1;
    assert_int_equal(flow_run(&flow, 0, 0.5, 1e-12, 1, 4, NULL, &y, &result, &err),
                     STATUS_DIVERGED);
    assert_non_null(strstr(err.message, "too many steps"));
    assert_int_equal(place.steps, 3);
    assert_true(result.exhausted && result.t > 0 && result.t < 0.5 && isfinite(y));
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_solution_at_equal_times),
        cmocka_unit_test(stiff_flow_with_its_jacobian_agrees),
        cmocka_unit_test(stops_before_an_event_even_at_an_attracting_kink),
        cmocka_unit_test(survives_a_first_step_that_overflows),
        cmocka_unit_test(says_when_it_diverges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
