/* Statistics that judge random measurements: intervals, slopes with errors, tests of distributions.
 */
#pragma once

#include <gsl/gsl_rng.h>
#include <stddef.h>

/* A mean with the interval that covers the true mean in a given share of cases. */
struct interval {
    double mean, low, high;
    size_t count; /* values that it is made of */
};

/* Mean of `count` values and its interval, both ends alike: each leaves out (1 - level) / 2.
 *
 * Below STUDENT_BELOW values it is Student's t (1908); from there on the studentised bootstrap, or
 * bootstrap-t, from 10,000 resamples (Efron and Tibshirani 1993, ch. 12.5), which follows the skew
 * of the values; but Student's t again where one resample in 100 or more has no spread, as with
 * many equal values.  Measured coverage at 95%, from 2 to 50 values: normal 94 to 96%, uniform 91
 * to 98%, exponential and beta(9, 1) 88 to 91% below STUDENT_BELOW and 93 to 96% from there on,
 * lognormal (0, 1) 81 to 90% and 89 to 94%.  (Percentiles of the bootstrapped mean cover normal
 * values in 50, 74, 85 and 89% with 2, 3, 5 and 10 of them.)
 *
 * One value: an interval from -inf to inf.  No value, or one that is not finite: NaN. */
struct interval mean_interval(const double *value, size_t count, double level, gsl_rng *rng);

enum { STUDENT_BELOW = 6 };

struct slope {
    double slope, error; /* standard error */
};

/* Least-squares slope of log y against log x; points where one of them is 0 are left out.  NaN for
 * fewer than three other points, and where a number is negative or NaN. */
struct slope log_log_slope(const double *x, const double *y, size_t count);

/* p-value of the one-sample Kolmogorov-Smirnov test against `cdf`; `value` is sorted in place.
 * Asymptotic distribution with Stephens' correction (1970), good from some 10 values on;
 * NaN where a value is. */
double kolmogorov_smirnov_p(double *value, size_t count, double (*cdf)(double x, void *context),
                            void *context);

/* p-value of Pearson's chi-square of `count` observed counts against expected ones, with
 * count - 1 - `estimated` degrees of freedom.  Cells expected below 5 are pooled, and left
 * out if together they still are; 0 where a cell of expectation 0 was hit. */
double chi_square_p(const double *observed, const double *expected, size_t count, int estimated);
