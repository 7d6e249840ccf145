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

enum { MODES = 3 };

static const double some_p[MODES] = {0.4, -0.7, 0.2}, some_s[MODES] = {0.9, 0.3, 1.6},
                    lambda_s[MODES] = {1.3, 1.3, 1.3}, lambda_d[MODES] = {1, 1, 1};

/* X = I, X' = 0.3 I. */
static const struct scalar_flow some_scalars = {.modes = MODES,
                                                .lambda_s = lambda_s,
                                                .lambda_d = lambda_d,
                                                .alpha_p = 0.8,
                                                .beta = 0.4,
                                                .eta_p = 0.15,
                                                .eta_s = 0.15};

static const struct mode_flow some_modes = {.modes = MODES,
                                            .sigma2 = 0.3,
                                            .alpha_p = 0.8,
                                            .beta = 0.4,
                                            .eta_p = 0.15,
                                            .eta_s = 0.15,
                                            .tau_moves = true};

/* w_p = p, w = sqrt(s), w_a = tau w: the rates of these, and of s and tau with them; `one`: a tau
 * for all, <w_a, w> / |w|^2. */
static void modes_follow_from_scalars(bool one)
{
    struct dynamics of_scalars, of_modes;
    struct scalar_flow f = some_scalars;
    struct mode_flow m = some_modes;
    double scalar[3 * MODES], scalar_rate[3 * MODES], mode[3 * MODES], rate[3 * MODES];
    double aw = 0, ww = 0, aw_rate = 0, ww_rate = 0;
    m.one_tau = one;
    scalar_flow_open(&f, &of_scalars);
    mode_flow_open(&m, &of_modes);
    for (int j = 0; j < MODES; j++) {
        const double tau = one ? 0.6 : 0.4 + 0.2 * j, w = sqrt(some_s[j]);
        memcpy(mode + 3 * j, (double[]){some_p[j], some_s[j], tau}, 3 * sizeof *mode);
        memcpy(scalar + 3 * j, (double[]){some_p[j], w, tau * w}, 3 * sizeof *scalar);
    }
    of_scalars.flow.rate(&f, 0, scalar, scalar_rate);
    of_modes.flow.rate(&m, 0, mode, rate);
    for (int j = 0; j < MODES; j++) {
        const double *x = scalar + 3 * j, *dx = scalar_rate + 3 * j;
        aw += x[2] * x[1];
        ww += x[1] * x[1];
        aw_rate += dx[2] * x[1] + x[2] * dx[1];
        ww_rate += 2 * x[1] * dx[1];
        assert_near(rate[3 * j], dx[0], 1e-14);
        assert_near(rate[3 * j + 1], 2 * x[1] * dx[1], 1e-14);
        if (!one)
            assert_near(rate[3 * j + 2], dx[2] / x[1] - x[2] * dx[1] / (x[1] * x[1]), 1e-14);
    }
    for (int j = 0; j < MODES && one; j++)
        assert_near(rate[3 * j + 2], aw_rate / ww - aw * ww_rate / (ww * ww), 1e-14);
}

static void rates_of_modes_follow_from_those_of_scalars(void **state)
{
    (void)state;
    modes_follow_from_scalars(false);
    modes_follow_from_scalars(true);
}

/* W_p = diag p, F = diag s, one tau. */
static void rates_of_diagonal_matrices_are_those_of_modes(void **state)
{
    (void)state;
    enum { SQUARE = MODES * MODES };
    struct mode_flow m = some_modes;
    struct reduced_flow r = {.n = MODES,
                             .sigma2 = m.sigma2,
                             .alpha_p = m.alpha_p,
                             .beta = m.beta,
                             .eta = m.eta_p,
                             .tau_moves = true};
    struct dynamics of_modes, of_matrices;
    struct error err = {0};
    double mode[3 * MODES], rate[3 * MODES], full[2 * SQUARE + 1] = {0}, full_rate[2 * SQUARE + 1];
    m.one_tau = true;
    mode_flow_open(&m, &of_modes);
    check_ok(reduced_flow_open(&r, &of_matrices, &err), &err);
    full[2 * SQUARE] = 0.6;
    for (int j = 0; j < MODES; j++) {
        memcpy(mode + 3 * j, (double[]){some_p[j], some_s[j], 0.6}, 3 * sizeof *mode);
        full[j * MODES + j] = some_p[j];
        full[SQUARE + j * MODES + j] = some_s[j];
    }
    of_modes.flow.rate(&m, 0, mode, rate);
    of_matrices.flow.rate(&r, 0, full, full_rate);
    for (int j = 0; j < MODES; j++)
        for (int k = 0; k < MODES; k++)
            for (int part = 0; part < 2; part++)
                assert_near(full_rate[part * SQUARE + j * MODES + k],
                            j == k ? rate[3 * j + part] : 0, 1e-14);
    assert_near(full_rate[2 * SQUARE], rate[2], 1e-14);
    reduced_flow_close(&r);
}

/* The integral of each flow: its value, and that it stays, with decay and alpha_p != 1. */
static void integrals_have_their_values_and_stay(void **state)
{
    (void)state;
    struct scalar_flow f = some_scalars;
    struct mode_flow m = some_modes;
    struct dynamics of_scalars, of_modes;
    struct error err = {0};
    double scalar[3 * MODES], mode[3 * MODES], first[MODES], now[MODES];
    scalar_flow_open(&f, &of_scalars);
    mode_flow_open(&m, &of_modes);
    for (int j = 0; j < MODES; j++) {
        memcpy(mode + 3 * j, (double[]){some_p[j], some_s[j], 0.6}, 3 * sizeof *mode);
        memcpy(scalar + 3 * j, (double[]){some_p[j], sqrt(some_s[j]), 0.5}, 3 * sizeof *scalar);
    }
    for (int flow = 0; flow < 2; flow++) {
        const struct dynamics *d = flow ? &of_modes : &of_scalars;
        double *at = flow ? mode : scalar;
        d->invariant(d->flow.context, 0.7, at, now);
        d->invariant(d->flow.context, 0, at, first);
        for (int j = 0; j < MODES; j++) {
            const double value = some_s[j] - some_p[j] * some_p[j] / 0.8;
            assert_near(first[j], value, 1e-14);
            assert_near(now[j], exp(2 * 0.15 * 0.7) * value, 1e-14);
        }
        check_ok(dynamics_record(d, 2, 4, at, NULL, &err), &err);
        d->invariant(d->flow.context, 2, at, now);
        for (int j = 0; j < MODES; j++)
            assert_near(now[j], first[j], 1e-10);
    }
}

/* e^{2 eta t} (W W^T - W_p^T W_p / alpha_p), entry by entry */
static void the_balance_of_matrices_has_its_value(void **state)
{
    (void)state;
    struct model m;
    double value[P];
    open_model(&m, 32);
    assert_int_equal(m.dynamics.invariants, P);
    m.dynamics.invariant(&m.flow, 0.7, m.state, value);
    const double *w = m.state, *p = m.state + W;
    for (int i = 0; i < N2; i++)
        for (int k = 0; k < N2; k++) {
            double sum = 0;
            for (int j = 0; j < N1; j++)
                sum += w[i * N1 + j] * w[k * N1 + j];
            for (int j = 0; j < N2; j++)
                sum -= p[j * N2 + i] * p[j * N2 + k] / 1.5;
            assert_near(value[i * N2 + k], exp(2 * 0.1 * 0.7) * sum, 1e-14);
        }
    matrix_flow_close(&m.flow);
}

/* (1 + sigma2)(alpha_p F / 2 + W_p^2) - tau W_p + (3/2) eta I, entry by entry */
static void k_of_the_commutator_has_its_value(void **state)
{
    (void)state;
    enum { SQUARE = MODES * MODES };
    const struct reduced_flow f = {.n = MODES, .sigma2 = 0.3, .alpha_p = 0.8, .eta = 0.15};
    double at[2 * SQUARE + 1], k[SQUARE];
    for (int i = 0; i < 2 * SQUARE + 1; i++)
        at[i] = sin(1.0 + i * i);
    reduced_flow_k(&f, at, k);
    for (int i = 0; i < MODES; i++)
        for (int j = 0; j < MODES; j++) {
            double square = 0;
            for (int l = 0; l < MODES; l++)
                square += at[i * MODES + l] * at[l * MODES + j];
            assert_near(k[i * MODES + j],
                        1.3 * (0.4 * at[SQUARE + i * MODES + j] + square) -
                            at[2 * SQUARE] * at[i * MODES + j] + (i == j ? 1.5 * 0.15 : 0),
                        1e-14);
        }
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
        cmocka_unit_test(rates_of_modes_follow_from_those_of_scalars),
        cmocka_unit_test(rates_of_diagonal_matrices_are_those_of_modes),
        cmocka_unit_test(integrals_have_their_values_and_stay),
        cmocka_unit_test(the_balance_of_matrices_has_its_value),
        cmocka_unit_test(k_of_the_commutator_has_its_value),
        cmocka_unit_test(records_the_states_at_equal_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
