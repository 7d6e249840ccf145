/* Protects sim/flow/noncontrastive.c: rates against differences of the loss, rules of the target,
 * conserved quantities of the flows, recording. */
#include "core/random.h"
#include "sim/flow/noncontrastive.h"
#include "tests/kit/numbers.h"
#include "tests/kit/testing.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_randist.h>

enum { N1 = 4, N2 = 3, W = N1 * N2, P = N2 * N2, SIZE = 2 * W + P };

struct model {
    struct matrix_flow flow;
    struct dynamics dynamics;
    double x[N1 * N1], x_prime[N1 * N1], state[SIZE];
};

/* a a^T of a drawn a */
static void draw_square(gsl_rng *rng, double sd, double *out)
{
    double a[N1 * N1];
    for (int i = 0; i < N1 * N1; i++)
        a[i] = gsl_ran_gaussian(rng, sd);
    matrix_product(PLAIN, TRANSPOSED, N1, N1, N1, 1, a, a, 0, out);
}

static void open_model(struct model *m, uint64_t sample)
{
    gsl_rng *rng = stream_rng_alloc(3, PURPOSE_TEST, 21, sample);
    struct error err = {0};
    draw_square(rng, 0.5, m->x);
    draw_square(rng, 0.3, m->x_prime);
    for (int i = 0; i < SIZE; i++)
        m->state[i] = gsl_ran_gaussian(rng, 0.5);
    m->flow = (struct matrix_flow){.inputs = N1,
                                   .outputs = N2,
                                   .x = m->x,
                                   .x_prime = m->x_prime,
                                   .alpha_p = 1.5,
                                   .beta = 0.4,
                                   .eta_p = 0.1,
                                   .eta_s = 0.1,
                                   .tau = 0.7};
    check_ok(matrix_flow_open(&m->flow, &m->dynamics, &err), &err);
    gsl_rng_free(rng);
}

/* sum over entries of a times b m, a and b [N2][N1], m [N1][N1] */
static double form(const double *a, const double *b, const double *m)
{
    double product[W], sum = 0;
    matrix_product(PLAIN, PLAIN, N2, N1, N1, 1, b, m, 0, product);
    for (int i = 0; i < W; i++)
        sum += a[i] * product[i];
    return sum;
}

/* E|P W x_1 - W_a x_2|^2 / 2 by its moments, plus the weight decay; with `tied` W_a = tau W */
static double loss(const struct model *m, const double *w, const double *p, const double *target,
                   bool tied)
{
    double sum[N1 * N1], pw[W], w_a[W], decay = 0;
    for (int i = 0; i < N1 * N1; i++)
        sum[i] = m->x[i] + m->x_prime[i];
    for (int i = 0; i < W; i++) {
        w_a[i] = tied ? m->flow.tau * w[i] : target[i];
        decay += m->flow.eta_s * w[i] * w[i] / 2;
    }
    for (int i = 0; i < P; i++)
        decay += m->flow.eta_p / m->flow.alpha_p * p[i] * p[i] / 2;
    matrix_product(PLAIN, PLAIN, N2, N1, N2, 1, p, w, 0, pw);
    return form(pw, pw, sum) / 2 - form(pw, w_a, m->x) + form(w_a, w_a, sum) / 2 + decay;
}

static void rates_descend_the_loss(void **state)
{
    (void)state;
    for (uint64_t sample = 0; sample < 8; sample++) {
        struct model m;
        double rate[SIZE], target[W];
        bool tied = sample % 2;
        open_model(&m, sample);
        m.flow.target = RULE_SCALED;
        m.flow.through_target = tied;
        for (int i = 0; i < W; i++)
            target[i] = m.flow.tau * m.state[i];
        m.dynamics.flow.rate(&m.flow, 0, m.state, rate);
        for (int i = 0; i < W + P; i++) {
            double slope; /* W_a held or tied */
            KIT_DIFFERENCE(slope, &m.state[i], 1e-4, 2,
                           loss(&m, m.state, m.state + W, target, tied));
            assert_near(rate[i], (i < W ? 1 : m.flow.alpha_p) * -slope, 1e-6);
        }
        matrix_flow_close(&m.flow);
    }
}

static void give_nothing(const void *context, double t, double *w_a)
{
    (void)context, (void)t;
    memset(w_a, 0, W * sizeof *w_a);
}

static void targets_follow_their_rules(void **state)
{
    (void)state;
    struct model m;
    double ema[SIZE], frozen[SIZE], online[SIZE], scaled[SIZE], none[SIZE], given[SIZE];
    open_model(&m, 30);
    memcpy(m.state + W + P, m.state, W * sizeof *m.state); /* W_a = W: all but two agree */
    m.flow.given = give_nothing;
    m.flow.tau = 1;
    double *rates[] = {ema, online, frozen, scaled, given, none};
    static const enum target_rule rules[] = {RULE_EMA,    RULE_ONLINE, RULE_FROZEN,
                                             RULE_SCALED, RULE_GIVEN,  RULE_NONE};
    for (int r = 0; r < 6; r++) {
        m.flow.target = rules[r];
        m.dynamics.flow.rate(&m.flow, 0, m.state, rates[r]);
    }
    for (int i = 0; i < SIZE; i++) {
        assert_near(ema[i], online[i], 1e-15);
        assert_near(frozen[i], online[i], 1e-15);
        assert_near(scaled[i], online[i], 1e-15);
        assert_near(given[i], none[i], 1e-15);
    }
    m.state[W + P] += 1;
    m.flow.target = RULE_EMA;
    m.dynamics.flow.rate(&m.flow, 0, m.state, ema);
    assert_near(ema[W + P], -m.flow.beta, 1e-15);
    matrix_flow_close(&m.flow);
}

static void switches_hold_what_they_say(void **state)
{
    (void)state;
    struct model m;
    double rate[SIZE];
    open_model(&m, 31);
    m.flow.hold_trunk = m.flow.symmetric = true;
    m.dynamics.flow.rate(&m.flow, 0, m.state, rate);
    for (int i = 0; i < W; i++)
        assert_near(rate[i], 0, 0);
    for (int i = 0; i < P; i++)
        assert_near(rate[W + i], rate[W + i % N2 * N2 + i / N2], 0);
    m.flow.no_predictor = true;
    m.dynamics.flow.rate(&m.flow, 0, m.state, rate);
    for (int i = 0; i < P; i++)
        assert_near(rate[W + i], 0, 0);
    matrix_flow_close(&m.flow);
}

static void records_the_states_at_equal_times(void **state)
{
    (void)state;
    enum { SAMPLES = 4 };
    struct mode_flow f = {.modes = 2, .sigma2 = 0.3, .alpha_p = 0.8, .eta_p = 0.1, .eta_s = 0.1};
    struct dynamics dynamics;
    struct error err = {0};
    double modes[6] = {0.5, 0.9, 0.8, 0, 0.4, 0.6}, record[(SAMPLES + 1) * 6], first[2], now[2];
    mode_flow_open(&f, &dynamics);
    check_ok(dynamics_record(&dynamics, 2, SAMPLES, modes, record, &err), &err);
    assert_memory_equal(modes, record + SAMPLES * 6, sizeof modes);
    assert_near(record[0], 0.5, 0);
    dynamics.invariant(&f, 0, record, first);
    for (int k = 1; k <= SAMPLES; k++) {
        dynamics.invariant(&f, 0.5 * k, record + 6 * k, now);
        assert_near(now[0], first[0], 1e-10);
        assert_near(now[1], first[1], 1e-10);
        assert_near(record[6 * k + 2], 0.8, 0); /* a fixed tau stays */
    }
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_descend_the_loss),
        cmocka_unit_test(targets_follow_their_rules),
        cmocka_unit_test(switches_hold_what_they_say),
        cmocka_unit_test(records_the_states_at_equal_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
