#include "analysis/statistics.h"

#include "core/extreme.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_fit.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { RESAMPLES = 10000 };

/* (mean of a resample - mean) / (standard error of the resample); `resample` has room for `count`.
 * False where the resample has no spread. */
static bool studentised(const double *value, size_t count, double mean, gsl_rng *rng,
                        double *resample, double *t)
{
    const double rounding = 1e-12, n = (double)count;
    double its_mean = 0, squares = 0;
    for (size_t k = 0; k < count; k++) {
        resample[k] = value[gsl_rng_uniform_int(rng, count)];
        its_mean += resample[k] / n;
    }
    for (size_t k = 0; k < count; k++)
        squares += (resample[k] - its_mean) * (resample[k] - its_mean);
    const double sd = sqrt(squares / (n - 1));
    *t = (its_mean - mean) * sqrt(n) / sd;
    return sd > rounding * fabs(its_mean);
}

/* Quantiles of the studentised mean at `tail` from either end.  False where too many resamples have
 * no spread, or without memory. */
static bool bootstrap_t(const double *value, size_t count, double mean, double tail, gsl_rng *rng,
                        double quantile[2])
{
    double *t = malloc((RESAMPLES + count) * sizeof *t);
    size_t used = 0;
    for (size_t r = 0; t && r < RESAMPLES; r++)
        used += studentised(value, count, mean, rng, t + RESAMPLES, &t[used]);
    const bool enough = used > RESAMPLES - RESAMPLES / 100;
    if (enough) {
        gsl_sort(t, 1, used);
        quantile[0] = gsl_stats_quantile_from_sorted_data(t, 1, used, tail);
        quantile[1] = gsl_stats_quantile_from_sorted_data(t, 1, used, 1 - tail);
    }
    free(t);
    return enough;
}

struct interval mean_interval(const double *value, size_t count, double level, gsl_rng *rng)
{
    struct interval i = {.mean = NAN, .low = NAN, .high = NAN, .count = count};
    if (count == 0)
        return i;
    i.mean = gsl_stats_mean(value, 1, count);
    if (!isfinite(i.mean))
        return i;
    i.low = -INFINITY;
    i.high = INFINITY;
    if (count < 2)
        return i;
    const double tail = (1 - level) / 2;
    const double error = gsl_stats_sd_m(value, 1, count, i.mean) / sqrt((double)count);
    double quantile[2];
    if (count < STUDENT_BELOW || !bootstrap_t(value, count, i.mean, tail, rng, quantile)) {
        quantile[1] = gsl_cdf_tdist_Qinv(tail, (double)count - 1);
        quantile[0] = -quantile[1];
    }
    i.low = i.mean - quantile[1] * error;
    i.high = i.mean - quantile[0] * error;
    return i;
}

struct slope log_log_slope(const double *x, const double *y, size_t count)
{
    struct slope result = {.slope = NAN, .error = NAN};
    double *log_x = malloc(2 * (count + 1) * sizeof *log_x), *log_y = log_x ? log_x + count : NULL;
    size_t n = 0;
    bool lost = !log_x;
    for (size_t i = 0; log_x && i < count; i++) {
        lost = lost || !(x[i] >= 0 && y[i] >= 0);
        if (x[i] > 0 && y[i] > 0) {
            log_x[n] = log(x[i]);
            log_y[n++] = log(y[i]);
        }
    }
    if (n >= 3 && !lost) {
        double c0, cov00, cov01, cov11, sumsq;
        gsl_fit_linear(log_x, 1, log_y, 1, n, &c0, &result.slope, &cov00, &cov01, &cov11, &sumsq);
        result.error = sqrt(cov11);
    }
    free(log_x);
    return result;
}

/* P(D > d) of the limit: 2 sum_k (-1)^(k-1) e^(-2 k^2 d^2) */
static double kolmogorov_tail(double d)
{
    if (isnan(d))
        return NAN;
    if (d < 0.2)
        return 1; /* the series needs many terms there; the tail is 1 to 1e-12 */
    double sum = 0, sign = 1;
    for (int k = 1; k <= 100; k++) {
        sum += 2 * sign * exp(-2.0 * k * k * d * d);
        sign = -sign;
    }
    return fmin(1, fmax(0, sum));
}

double kolmogorov_smirnov_p(double *value, size_t count, double (*cdf)(double x, void *context),
                            void *context)
{
    double n = (double)count, d = 0;
    for (size_t i = 0; i < count; i++)
        if (isnan(value[i]))
            return NAN;
    gsl_sort(value, 1, count);
    for (size_t i = 0; i < count; i++) {
        double f = cdf(value[i], context);
        d = larger(d, larger(f - (double)i / n, (double)(i + 1) / n - f));
    }
    return kolmogorov_tail(d * (sqrt(n) + 0.12 + 0.11 / sqrt(n)));
}

double chi_square_p(const double *observed, const double *expected, size_t count, int estimated)
{
    double sum = 0, rest_observed = 0, rest_expected = 0;
    int cells = 0;
    for (size_t i = 0; i < count; i++) {
        if (expected[i] == 0 && observed[i] > 0)
            return 0;
        if (expected[i] < 5) {
            rest_observed += observed[i];
            rest_expected += expected[i];
            continue;
        }
        sum += (observed[i] - expected[i]) * (observed[i] - expected[i]) / expected[i];
        cells++;
    }
    if (rest_expected >= 5) {
        sum += (rest_observed - rest_expected) * (rest_observed - rest_expected) / rest_expected;
        cells++;
    }
    int freedom = cells - 1 - estimated;
    if (isnan(sum + rest_observed + rest_expected))
        return NAN;
    return freedom > 0 ? gsl_cdf_chisq_Q(sum, freedom) : 1;
}
