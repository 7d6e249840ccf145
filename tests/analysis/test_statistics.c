/* Protects analysis/statistics.c: the statistics that judge random measurements. */
#include "analysis/statistics.h"
#include "core/random.h"
#include "tests/kit/testing.h"

#include <gsl/gsl_randist.h>

static gsl_rng *rng_at(uint64_t sample)
{
    gsl_rng *rng = stream_rng_alloc(5, PURPOSE_TEST, 99, sample);
    assert_non_null(rng);
    return rng;
}

static void bootstrap_intervals_cover_the_mean_as_often_as_they_say(void **state)
{
    (void)state;
    enum { REPEATS = 400, COUNT = 30 };
    gsl_rng *rng = rng_at(1);
    int covered = 0;
    for (int r = 0; r < REPEATS; r++) {
        double value[COUNT];
        for (int i = 0; i < COUNT; i++)
            value[i] = 3 + gsl_ran_gaussian(rng, 2);
        struct interval i = bootstrap_mean(value, COUNT, rng);
        assert_true(i.low < i.mean && i.mean < i.high);
        covered += i.low < 3 && 3 < i.high;
    }
    /* 95%, a little less at 30 values (the percentile interval is narrow by sqrt(29/30)) */
    assert_true(covered > REPEATS * 0.90 && covered < REPEATS * 0.985);
    gsl_rng_free(rng);
}

static void bootstrap_of_one_value_says_nothing(void **state)
{
    (void)state;
    gsl_rng *rng = rng_at(2);
    double value = 7;
    struct interval i = bootstrap_mean(&value, 1, rng);
    assert_near(i.mean, 7, 0);
    assert_true(i.low == -INFINITY && i.high == INFINITY);
    gsl_rng_free(rng);
}

static void slopes_of_power_laws_are_their_exponents(void **state)
{
    (void)state;
    double x[8], y[8], noisy[8];
    for (int i = 0; i < 8; i++) {
        x[i] = pow(2, -i);
        y[i] = 3 * pow(x[i], 1.7);
        noisy[i] = y[i] * (i % 2 ? 1.1 : 0.9);
    }
    struct slope exact = log_log_slope(x, y, 8), rough = log_log_slope(x, noisy, 8);
    assert_near(exact.slope, 1.7, 1e-12);
    assert_at_most(exact.error, 1e-12);
    assert_at_most(fabs(rough.slope - 1.7), 3 * rough.error);
    assert_above(rough.error, 0.005);
    y[3] = 0; /* left out */
    assert_near(log_log_slope(x, y, 8).slope, 1.7, 1e-12);
    assert_true(isnan(log_log_slope(x, y, 2).slope));
    y[3] = NAN;
    assert_true(isnan(log_log_slope(x, y, 8).slope));
    y[3] = -1;
    assert_true(isnan(log_log_slope(x, y, 8).slope));
}

static double normal_cdf(double x, void *context)
{
    return gsl_cdf_ugaussian_P(x - *(const double *)context);
}

/* Share of p-values of 20 draws below 0.1. */
static double small_p_values(gsl_rng *rng, double shift)
{
    enum { REPEATS = 1000, COUNT = 20 };
    int small = 0;
    for (int r = 0; r < REPEATS; r++) {
        double value[COUNT];
        for (int i = 0; i < COUNT; i++)
            value[i] = gsl_ran_ugaussian(rng);
        small += kolmogorov_smirnov_p(value, COUNT, normal_cdf, &shift) < 0.1;
    }
    return (double)small / REPEATS;
}

static void kolmogorov_smirnov_is_uniform_under_the_law_and_small_beside_it(void **state)
{
    (void)state;
    gsl_rng *rng = rng_at(3);
    assert_near(small_p_values(rng, 0), 0.1, 0.03);
    assert_above(small_p_values(rng, 1), 0.95);
    gsl_rng_free(rng);
    double zero = 0, value[] = {-0.5, 0, 0.5}; /* D = 0.358; P(sqrt(3) D ...) by hand */
    double d = 1.0 / 3 - gsl_cdf_ugaussian_P(-0.5) > gsl_cdf_ugaussian_P(-0.5)
                   ? 1.0 / 3 - gsl_cdf_ugaussian_P(-0.5)
                   : gsl_cdf_ugaussian_P(-0.5);
    double z = d * (sqrt(3) + 0.12 + 0.11 / sqrt(3)), p = 0;
    for (int k = 1; k < 50; k++)
        p += 2 * (k % 2 ? 1 : -1) * exp(-2 * k * k * z * z);
    assert_near(kolmogorov_smirnov_p(value, 3, normal_cdf, &zero), p, 1e-9);
}

static void chi_square_pools_and_refuses_the_impossible(void **state)
{
    (void)state;
    const double expected[] = {50, 30, 15, 3, 2}, seen[] = {60, 25, 11, 3, 1};
    /* cells 50, 30, 15 and 3 + 2 pooled */
    double sum = 100.0 / 50 + 25.0 / 30 + 16.0 / 15 + 1.0 / 5;
    assert_near(chi_square_p(seen, expected, 5, 0), gsl_cdf_chisq_Q(sum, 3), 1e-14);
    assert_near(chi_square_p(seen, expected, 5, 1), gsl_cdf_chisq_Q(sum, 2), 1e-14);
    const double impossible[] = {50, 49, 0}, hit[] = {50, 49, 1};
    assert_near(chi_square_p(hit, impossible, 3, 0), 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bootstrap_intervals_cover_the_mean_as_often_as_they_say),
        cmocka_unit_test(bootstrap_of_one_value_says_nothing),
        cmocka_unit_test(slopes_of_power_laws_are_their_exponents),
        cmocka_unit_test(kolmogorov_smirnov_is_uniform_under_the_law_and_small_beside_it),
        cmocka_unit_test(chi_square_pools_and_refuses_the_impossible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
