/* Protects sim/flow/phase.c: fates against flows followed to their end, boundaries against closed
 * forms of the theory, diagrams on any number of threads. */
#include "core/random.h"
#include "sim/flow/noncontrastive.h"
#include "sim/flow/phase.h"
#include "tests/kit/testing.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_randist.h>

enum { GRID = 24, CELLS = GRID * GRID };

#define WIDTH 1e-8

/* The eta where p_- and p_+ meet, and the smaller root of k p^2 - tau p + eta, implemented again.
 */
static double threshold(double tau, double k)
{
    return tau * tau / (4 * k);
}

static double smaller_root(double eta, double tau, double k)
{
    return (tau - sqrt(tau * tau - 4 * eta * k)) / (2 * k);
}

static const struct phase_mode examples[] = {
    {.sigma2 = 0, .alpha_p = 1, .tau = 1},      {.sigma2 = 0.1, .alpha_p = 0.2, .tau = 0.9},
    {.sigma2 = 0.5, .alpha_p = 5, .tau = 0.5},  {.sigma2 = 2, .alpha_p = 1, .tau = 0.2},
    {.sigma2 = 0.1, .alpha_p = 1, .tau = 1e-4}, /* s is about 1e-9 */
};

enum { EXAMPLES = sizeof examples / sizeof *examples };

static double boundary(const struct phase_mode *mode, enum phase_variable variable, double low,
                       double high)
{
    struct error err = {0};
    double found;
    check_ok(phase_boundary(mode, variable, low, high, WIDTH, &found, &err), &err);
    return found;
}

/* ---- boundaries ---- */

static void from_above_weight_decay_collapses_at_the_threshold(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        struct phase_mode mode = examples[i];
        mode.start = START_ABOVE_P_PLUS;
        double square = mode.tau * mode.tau, expected = threshold(mode.tau, 1 + mode.sigma2);
        assert_near(boundary(&mode, PHASE_ETA, 1e-3 * square, square) / expected, 1, 1e-7);
        assert_near(phase_critical_eta(1, mode.tau, mode.sigma2) / expected, 1, 1e-14);
    }
}

static void on_the_parabola_starts_collapse_below_p_minus(void **state)
{
    static const double shares[] = {0.02, 0.3, 0.9, 0.999};
    (void)state;
    for (size_t i = 0; i < EXAMPLES * 4; i++) {
        struct phase_mode mode = examples[i / 4];
        double k = 1 + mode.sigma2;
        mode.start = START_P;
        mode.eta = shares[i % 4] * threshold(mode.tau, k);
        double expected = smaller_root(mode.eta, mode.tau, k);
        assert_near(boundary(&mode, PHASE_P, 1e-5 * mode.tau, mode.tau / k) / expected, 1, 1e-7);
        assert_near(phase_p_minus(mode.eta, mode.tau, mode.sigma2) / expected, 1, 1e-12);
        assert_near(phase_critical_eta(expected, mode.tau, mode.sigma2) / mode.eta, 1, 1e-12);
    }
}

/* p(0) = sqrt(alpha_p s(0)) is p_- at alpha_p = p_-^2 / s(0). */
static void at_fixed_s_the_predictors_rate_decides(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        struct phase_mode mode = examples[i];
        double k = 1 + mode.sigma2;
        mode.start = START_S;
        mode.s = 0.05 * mode.tau * mode.tau;
        mode.eta = 0.7 * threshold(mode.tau, k);
        double p = smaller_root(mode.eta, mode.tau, k);
        assert_near(boundary(&mode, PHASE_ALPHA_P, 1e-5, 50) / (p * p / mode.s), 1, 1e-7);
    }
}

/* Survivors end at tau = 1, where there is p_+ only below the threshold; a fast target gets there
 * in time, a slow one does not. */
static void a_fast_target_collapses_where_tau_is_1(void **state)
{
    (void)state;
    struct phase_mode mode = {
        .sigma2 = 0.1, .alpha_p = 1, .beta = 5, .tau_moves = true, .p = 1, .start = START_P};
    assert_near(boundary(&mode, PHASE_ETA, 1e-3, 1) / threshold(1, 1.1), 1, 1e-7);
    mode.beta = 0.05;
    assert_at_most(boundary(&mode, PHASE_ETA, 1e-3, 1), 0.6 * threshold(1, 1.1));
}

static void the_printed_factors_are_told_apart(void **state)
{
    (void)state;
    struct phase_mode mode = examples[1];
    mode.start = START_ABOVE_P_PLUS;
    double found = boundary(&mode, PHASE_ETA, 1e-4, 1);
    assert_above(fabs(found / threshold(mode.tau, 1) - 1), 100 * 1e-6);
    mode.start = START_P;
    mode.eta = found / 2;
    found = boundary(&mode, PHASE_P, 1e-6, 0.4);
    assert_above(fabs(found / smaller_root(mode.eta, mode.tau, 1) - 1), 100 * 1e-6);
}

static void no_change_of_fate_is_no_boundary(void **state)
{
    (void)state;
    struct phase_mode mode = examples[0];
    mode.start = START_ABOVE_P_PLUS;
    assert_true(isnan(boundary(&mode, PHASE_ETA, 0.01, 0.2)));
    assert_true(isnan(boundary(&mode, PHASE_ETA, 0.3, 0.5)));
    assert_true(isnan(phase_p_minus(0.26, 1, 0)));
}

/* ---- fates ---- */

/* A drawn mode, on the parabola or off it, with tau fixed or not, and p(0) of either sign where
 * allowed. */
static struct phase_mode draw_mode(gsl_rng *rng)
{
    struct phase_mode mode = {.sigma2 = gsl_ran_flat(rng, 0, 1),
                              .alpha_p = pow(10, gsl_ran_flat(rng, -1, 1)),
                              .beta = pow(10, gsl_ran_flat(rng, -2, 1)),
                              .eta = pow(10, gsl_ran_flat(rng, -2, -0.5)),
                              .tau_moves = gsl_ran_flat(rng, 0, 1) < 0.5,
                              .p = gsl_ran_flat(rng, -0.5, 1.5),
                              .s = pow(10, gsl_ran_flat(rng, -3, 0)),
                              .tau = gsl_ran_flat(rng, 0, 1)};
    if (mode.tau_moves) {
        mode.p = fabs(mode.p);
        mode.tau = pow(10, gsl_ran_flat(rng, -2, 2));
    }
    return mode;
}

/* p after 100 times its longest time scale; if tau moves, in the variables w_p, w, w_a. */
static double final_p(const struct phase_mode *mode)
{
    const double lambda_s = 1 + mode->sigma2, lambda_d = 1;
    struct mode_flow fixed = {.modes = 1,
                              .sigma2 = mode->sigma2,
                              .alpha_p = mode->alpha_p,
                              .eta_p = mode->eta,
                              .eta_s = mode->eta};
    struct scalar_flow moving = {.modes = 1,
                                 .lambda_s = &lambda_s,
                                 .lambda_d = &lambda_d,
                                 .alpha_p = mode->alpha_p,
                                 .beta = mode->beta,
                                 .eta_p = mode->eta,
                                 .eta_s = mode->eta};
    struct dynamics dynamics;
    struct error err = {0};
    double w = sqrt(mode->s), state[3] = {mode->p, mode->s, mode->tau};
    double end = 100 / fmin(mode->eta, mode->tau_moves ? mode->beta : 1);
    mode_flow_open(&fixed, &dynamics);
    if (mode->tau_moves) {
        scalar_flow_open(&moving, &dynamics);
        state[1] = w;
        state[2] = mode->tau * w;
    }
    check_ok(dynamics_record(&dynamics, end, 50, state, NULL, &err), &err);
    return state[0];
}

static bool collapses(const struct phase_mode *mode)
{
    double p = final_p(mode), largest_tau = mode->tau_moves ? 1 : mode->tau;
    struct error err = {0};
    enum phase_fate fate;
    check_ok(phase_fate(mode, &fate, &err), &err);
    bool vanishes = p < 0.5 * mode->eta / largest_tau;
    if (fate != (vanishes ? FATE_COLLAPSES : FATE_SURVIVES))
        fail_msg("fate %d, but p ends at %g", (int)fate, p);
    return vanishes;
}

static void fates_are_where_flows_end(void **state)
{
    enum { MODES = 400 };
    size_t count[2][2] = {{0}}; /* [tau moves][collapses] */
    gsl_rng *rng = stream_rng_alloc(3, PURPOSE_TEST, 31, 0);
    (void)state;
    for (int i = 0; i < MODES; i++) {
        struct phase_mode mode = draw_mode(rng);
        count[mode.tau_moves][collapses(&mode)]++;
    }
    for (int i = 0; i < 4; i++)
        assert_true(count[i / 2][i % 2] >= 20);
    gsl_rng_free(rng);
}

/* p, s or the target is large, and drives the others. */
static void what_is_small_may_revive(void **state)
{
    (void)state;
    const struct phase_mode revived[] = {
        {.alpha_p = 1, .eta = 0.05, .tau = 1, .p = 0.6, .s = 0.0024},
        {.alpha_p = 1, .eta = 0.1, .tau = 1, .p = 0, .s = 1},
        {.alpha_p = 100, .eta = 0.1, .tau = 1, .p = 0, .s = 0.0025},
        {.alpha_p = 1, .eta = 0.1, .tau = 500, .p = 0, .s = 1e-4, .tau_moves = true, .beta = 0.05},
    };
    for (size_t i = 0; i < 4; i++)
        if (collapses(&revived[i]))
            fail_msg("mode %zu collapses", i);
}

/* One rate is 0 at the start, the other variables move. */
static void one_variable_at_rest_is_not_yet_rest(void **state)
{
    (void)state;
    double above = (1.5 + sqrt(1.5 * 1.5 - 4 * 0.3)) / 2; /* p_+ at tau = 1.5, eta = 0.3 */
    const struct phase_mode examples_at_rest[] = {
        {.alpha_p = 1, .eta = 0.2, .tau = 1, .p = smaller_root(0.2, 1, 1), .s = 0.01},
        {.alpha_p = 1, .eta = 0.2, .tau = 1, .p = 0.2, .s = 0.2 * 0.2 / 0.8},
        {.alpha_p = 1,
         .eta = 0.3,
         .tau = 1.5,
         .p = above,
         .s = above * above,
         .tau_moves = true,
         .beta = 0.1},
    };
    for (size_t i = 0; i < 3; i++)
        assert_true(collapses(&examples_at_rest[i]));
}

static void names_what_is_out_of_range(void **state)
{
    static const struct {
        struct phase_mode mode;
        const char *says;
    } bad[] = {
        {{.alpha_p = 1, .s = 1, .tau = 1}, "eta = 0; a mode needs eta > 0"},
        {{.alpha_p = -1, .eta = 1, .s = 1, .tau = 1}, "alpha_p = -1"},
        {{.alpha_p = 1, .eta = 1, .tau = 1}, "s = 0"},
        {{.alpha_p = 1, .eta = 1, .s = 1, .tau = -1}, "tau = -1; a mode needs tau >= 0"},
        {{.alpha_p = 1, .eta = 1, .s = 1, .tau_moves = true}, "beta = 0"},
        {{.alpha_p = 1, .eta = 1, .s = 1, .tau_moves = true, .beta = 1, .p = -1}, "p = -1"},
        {{.alpha_p = 1, .eta = 1, .s = 1, .sigma2 = NAN}, "sigma2 = "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error err = {0};
        enum phase_fate fate;
        assert_int_equal(phase_fate(&bad[i].mode, &fate, &err), STATUS_INVALID);
        if (!strstr(err.message, bad[i].says))
            fail_msg("'%s' does not say '%s'", err.message, bad[i].says);
    }
}

/* ---- diagrams ---- */

static const struct {
    struct phase_mode mode;
    struct phase_axis x;
} diagrams[] = {
    {{.sigma2 = 0.3, .alpha_p = 2, .start = START_ABOVE_P_PLUS}, {PHASE_TAU, 0, 1, false, GRID}},
    {{.sigma2 = 0.3, .alpha_p = 2, .tau = 1, .start = START_P}, {PHASE_P, 0, 0.6, false, GRID}},
    {{.sigma2 = 0.3, .tau = 1, .s = 0.05, .start = START_S}, {PHASE_ALPHA_P, 0.1, 10, true, GRID}},
};

static const struct phase_axis eta_axis = {PHASE_ETA, 0, 0.3, false, GRID};

static double edge(const struct phase_axis *axis, size_t i)
{
    double share = (double)i / (double)axis->count;
    return axis->logarithmic ? axis->low * pow(axis->high / axis->low, share)
                             : axis->low + share * (axis->high - axis->low);
}

/* Whether the closed form with `k` predicts collapse in diagram d; p_- is below tau / (2 k). */
static bool predicts_collapse(size_t d, double x, double eta, double k)
{
    const struct phase_mode *mode = &diagrams[d].mode;
    double tau = d == 0 ? x : 1, p = d == 0 ? tau / k : d == 1 ? x : sqrt(x * mode->s);
    return eta > threshold(tau, k) || p < smaller_root(eta, tau, k);
}

/* Cells whose fate differs from the closed form at all their corners. */
static size_t disagreements(size_t d, const double *collapse, double k, size_t *judged)
{
    size_t wrong = 0;
    for (size_t i = 0; i < CELLS; i++) {
        int corners = 0;
        for (size_t c = 0; c < 4; c++)
            corners += predicts_collapse(d, edge(&diagrams[d].x, i % GRID + c % 2),
                                         edge(&eta_axis, i / GRID + c / 2), k);
        *judged += corners % 4 == 0;
        wrong += corners % 4 == 0 && collapse[i] != (corners == 4);
    }
    return wrong;
}

static void diagrams_agree_in_all_cells_off_the_boundary(void **state)
{
    (void)state;
    for (size_t d = 0; d < 3; d++) {
        double collapse[CELLS], k = 1 + diagrams[d].mode.sigma2;
        struct error err = {0};
        size_t judged = 0, ignored = 0;
        check_ok(phase_grid(&diagrams[d].mode, &diagrams[d].x, &eta_axis, 1, collapse, &err), &err);
        assert_int_equal(disagreements(d, collapse, k, &judged), 0);
        assert_true(judged >= CELLS - 3 * GRID);
        assert_true(disagreements(d, collapse, 1, &ignored) > 5); /* without 1 + sigma2 */
    }
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    struct phase_mode mode = {
        .sigma2 = 0.1, .alpha_p = 1, .tau_moves = true, .p = 1, .start = START_P};
    const struct phase_axis x = {PHASE_BETA, 1e-2, 10, true, GRID};
    const struct phase_axis at = {PHASE_BETA, 1e-2, 10, true, 3};
    double one[CELLS], two[CELLS], curve_one[3], curve_two[3];
    struct error err = {0};
    check_ok(phase_grid(&mode, &x, &eta_axis, 1, one, &err), &err);
    check_ok(phase_grid(&mode, &x, &eta_axis, 2, two, &err), &err);
    assert_memory_equal(one, two, sizeof one);
    check_ok(phase_curve(&mode, &at, PHASE_ETA, 1e-3, 1, 1e-5, 1, curve_one, &err), &err);
    check_ok(phase_curve(&mode, &at, PHASE_ETA, 1e-3, 1, 1e-5, 2, curve_two, &err), &err);
    assert_memory_equal(curve_one, curve_two, sizeof curve_one);
    assert_true(curve_one[0] < curve_one[1] && curve_one[1] < curve_one[2]);
}

/* The error comes from the first cell, whichever thread is first. */
static void a_bad_cell_is_an_error(void **state)
{
    (void)state;
    const struct phase_axis x = {PHASE_ALPHA_P, -1, 1, false, 4}, eta = {PHASE_ETA, 0, 1, false, 2};
    double collapse[8];
    for (int threads = 1; threads <= 2; threads++) {
        struct error err = {0};
        assert_int_equal(phase_grid(&diagrams[2].mode, &x, &eta, threads, collapse, &err),
                         STATUS_INVALID);
        assert_non_null(strstr(err.message, "alpha_p = -0.75"));
        assert_true(isnan(collapse[0]) && !isnan(collapse[2]));
    }
}

static void an_axis_has_the_middles_of_its_cells(void **state)
{
    (void)state;
    const struct phase_axis plain = {PHASE_TAU, 1, 3, false, 4};
    const struct phase_axis powers = {PHASE_TAU, 1e-2, 1e2, true, 2};
    assert_near(phase_axis_value(&plain, 0), 1.25, 1e-15);
    assert_near(phase_axis_value(&plain, 3), 2.75, 1e-15);
    assert_near(phase_axis_value(&powers, 0), 0.1, 1e-15);
    assert_near(phase_axis_value(&powers, 1), 10, 1e-13);
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_above_weight_decay_collapses_at_the_threshold),
        cmocka_unit_test(on_the_parabola_starts_collapse_below_p_minus),
        cmocka_unit_test(at_fixed_s_the_predictors_rate_decides),
        cmocka_unit_test(a_fast_target_collapses_where_tau_is_1),
        cmocka_unit_test(the_printed_factors_are_told_apart),
        cmocka_unit_test(no_change_of_fate_is_no_boundary),
        cmocka_unit_test(fates_are_where_flows_end),
        cmocka_unit_test(what_is_small_may_revive),
        cmocka_unit_test(one_variable_at_rest_is_not_yet_rest),
        cmocka_unit_test(names_what_is_out_of_range),
        cmocka_unit_test(diagrams_agree_in_all_cells_off_the_boundary),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(a_bad_cell_is_an_error),
        cmocka_unit_test(an_axis_has_the_middles_of_its_cells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
