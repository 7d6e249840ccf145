/* Statistics that judge random measurements: intervals, slopes with errors, tests of distributions.
 */
#pragma once

#include <gsl/gsl_rng.h>
#include <stddef.h>

struct interval {
    double mean, low, high;
};

/* Mean of `count` values with its 95% percentile bootstrap interval (Efron and Tibshirani 1993,
 * ch. 13) from 10,000 resamples.  One value: an interval from -inf to inf. */
struct interval bootstrap_mean(const double *value, size_t count, gsl_rng *rng);

struct slope {
    double slope, error; /* standard error */
};

/* Least-squares slope of log y against log x.  Values of 0 are left out; a value below 0, or NaN,
 * makes the slope NaN, as fewer than 3 values do. */
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
