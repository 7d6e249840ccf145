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

/* ---- intervals of means ---- */

static double normal(gsl_rng *rng)
{
    return 3 + gsl_ran_gaussian(rng, 2);
}

static double exponential(gsl_rng *rng)
{
    return gsl_ran_exponential(rng, 3);
}

static double lognormal(gsl_rng *rng)
{
    return gsl_ran_lognormal(rng, 0, 1);
}

/* As correlations near 1 are. */
static double beta(gsl_rng *rng)
{
    return gsl_ran_beta(rng, 9, 1);
}

/* Share of intervals of `count` draws that hold `mean`; its standard error is at 0.95 0.0035 for
 * Student's t and 0.015 for the bootstrap, which takes longer. */
static double coverage(double (*draw)(gsl_rng *), double mean, size_t count, double level,
                       uint64_t sample)
{
    enum { MOST = 50 };
    const int repeats = count < STUDENT_BELOW ? 4000 : 200;
    gsl_rng *rng = rng_at(sample);
    int covered = 0;
    for (int r = 0; r < repeats; r++) {
        double value[MOST];
        for (size_t i = 0; i < count; i++)
            value[i] = draw(rng);
        const struct interval i = mean_interval(value, count, level, rng);
        assert_true(i.low < i.mean && i.mean < i.high && i.count == count);
        covered += i.low < mean && mean < i.high;
    }
    gsl_rng_free(rng);
    return (double)covered / repeats;
}

static void intervals_cover_normal_means_as_often_as_they_say(void **state)
{
    (void)state;
    static const size_t count[] = {2, 3, 4, 5, 6, 10};
    for (size_t i = 0; i < sizeof count / sizeof *count; i++) {
        const double share = coverage(normal, 3, count[i], 0.95, 10 + i);
        const double room = count[i] < STUDENT_BELOW ? 0.013 : 0.045;
        if (!(fabs(share - 0.95) < room))
            fail_msg("%zu normal values: %g", count[i], share);
    }
    assert_near(coverage(normal, 3, 3, 0.5, 30), 0.5, 0.03);
    assert_near(coverage(normal, 3, 12, 0.5, 31), 0.5, 0.12);
}

/* Each law has its floor below and from STUDENT_BELOW values on. */
static void intervals_do_not_fall_far_short_for_skewed_values(void **state)
{
    (void)state;
    static const struct {
        double (*draw)(gsl_rng *);
        double mean, few, many;
    } laws[] = {{exponential, 3, 0.84, 0.91}, {beta, 0.9, 0.86, 0.91}, {NULL, 0, 0.76, 0.86}};
    static const size_t count[] = {2, 3, 5, 6, 12};
    for (size_t l = 0; l < sizeof laws / sizeof *laws; l++)
        for (size_t i = 0; i < sizeof count / sizeof *count; i++) {
            double (*draw)(gsl_rng *) = laws[l].draw ? laws[l].draw : lognormal;
            const double mean = laws[l].draw ? laws[l].mean : exp(0.5);
            const double share = coverage(draw, mean, count[i], 0.95, 40 + 10 * l + i);
            if (!(share > (count[i] < STUDENT_BELOW ? laws[l].few : laws[l].many)))
                fail_msg("law %zu, %zu values: %g", l, count[i], share);
        }
}

static void small_intervals_are_student_s(void **state)
{
    (void)state;
    gsl_rng *rng = rng_at(2);
    const double value[] = {1, 2, 6};
    const struct interval i = mean_interval(value, 3, 0.95, rng);
    const double half = 4.302652729749464 * sqrt(7.0 / 3); /* t of 2 degrees of freedom */
    assert_near(i.mean, 3, 1e-15);
    assert_near(i.low, 3 - half, 1e-12);
    assert_near(i.high, 3 + half, 1e-12);
    gsl_rng_free(rng);
}

/* Too many resamples of these are constant: Student's t again. */
static void equal_values_have_an_interval_too(void **state)
{
    (void)state;
    gsl_rng *rng = rng_at(3);
    double value[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    struct interval i = mean_interval(value, 8, 0.95, rng);
    const double half = 2.3646242515927844 / 8;
    assert_near(i.low, 0.125 - half, 1e-12);
    assert_near(i.high, 0.125 + half, 1e-12);
    value[7] = 0;
    i = mean_interval(value, 8, 0.95, rng);
    assert_true(i.low == 0 && i.mean == 0 && i.high == 0);
    gsl_rng_free(rng);
}

/* The end on the long side of the values is the farther one. */
static void large_intervals_follow_the_skew(void **state)
{
    (void)state;
    gsl_rng *rng = rng_at(4);
    const double value[] = {1, 1.1, 1.2, 1.3, 1.5, 1.6, 1.9, 2.2, 3, 7};
    const struct interval i = mean_interval(value, 10, 0.95, rng);
    assert_above(i.high - i.mean, 1.5 * (i.mean - i.low));
    gsl_rng_free(rng);
}

static void an_interval_of_one_value_says_nothing(void **state)
{
    (void)state;
    gsl_rng *rng = rng_at(2);
    const double value[] = {7, 1, NAN, 2, 3, 4, 5};
    struct interval i = mean_interval(value, 1, 0.95, rng);
    assert_near(i.mean, 7, 0);
    assert_true(i.low == -INFINITY && i.high == INFINITY);
    i = mean_interval(value, 0, 0.95, rng);
    assert_true(isnan(i.mean) && isnan(i.low) && isnan(i.high));
    for (size_t n = 3; n <= 7; n += 4) {
        i = mean_interval(value, n, 0.95, rng);
        assert_true(isnan(i.mean) && isnan(i.low) && isnan(i.high));
    }
    gsl_rng_free(rng);
}

/* ---- slopes ---- */

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
    y[5] = -1; /* it has no logarithm */
    assert_true(isnan(log_log_slope(x, y, 8).slope));
    y[5] = NAN; /* a lost value is no point to be left out */
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

static void tests_of_lost_values_have_no_p_value(void **state)
{
    (void)state;
    const double lost[] = {50, NAN, 2}, expected[] = {50, 49, 2};
    double zero = 0, value[] = {-0.5, NAN, 0.5};
    assert_true(isnan(kolmogorov_smirnov_p(value, 3, normal_cdf, &zero)));
    assert_true(isnan(chi_square_p(lost, expected, 3, 0)));
    assert_true(isnan(chi_square_p(expected, lost, 3, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_cover_normal_means_as_often_as_they_say),
        cmocka_unit_test(intervals_do_not_fall_far_short_for_skewed_values),
        cmocka_unit_test(small_intervals_are_student_s),
        cmocka_unit_test(equal_values_have_an_interval_too),
        cmocka_unit_test(large_intervals_follow_the_skew),
        cmocka_unit_test(an_interval_of_one_value_says_nothing),
        cmocka_unit_test(slopes_of_power_laws_are_their_exponents),
        cmocka_unit_test(kolmogorov_smirnov_is_uniform_under_the_law_and_small_beside_it),
        cmocka_unit_test(chi_square_pools_and_refuses_the_impossible),
        cmocka_unit_test(tests_of_lost_values_have_no_p_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
