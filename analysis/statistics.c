#include "analysis/statistics.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_fit.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { RESAMPLES = 10000 };

struct interval bootstrap_mean(const double *value, size_t count, gsl_rng *rng)
{
    struct interval i = {
        .mean = gsl_stats_mean(value, 1, count), .low = -INFINITY, .high = INFINITY};
    double *mean = malloc(RESAMPLES * sizeof *mean);
    if (count < 2 || !mean) {
        free(mean);
        return i;
    }
    for (size_t r = 0; r < RESAMPLES; r++) {
        mean[r] = 0;
        for (size_t k = 0; k < count; k++)
            mean[r] += value[gsl_rng_uniform_int(rng, count)] / (double)count;
    }
    gsl_sort(mean, 1, RESAMPLES);
    i.low = gsl_stats_quantile_from_sorted_data(mean, 1, RESAMPLES, 0.025);
    i.high = gsl_stats_quantile_from_sorted_data(mean, 1, RESAMPLES, 0.975);
    free(mean);
    return i;
}

struct slope log_log_slope(const double *x, const double *y, size_t count)
{
    struct slope result = {.slope = NAN, .error = NAN};
    double *log_x = malloc(2 * (count + 1) * sizeof *log_x), *log_y = log_x ? log_x + count : NULL;
    size_t n = 0;
    bool sound = true;
    for (size_t i = 0; log_x && i < count; i++) {
        sound = sound && x[i] >= 0 && y[i] >= 0;
        if (x[i] > 0 && y[i] > 0) {
            log_x[n] = log(x[i]);
            log_y[n++] = log(y[i]);
        }
    }
    if (sound && n >= 3) {
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
        d = fmax(d, fmax(f - (double)i / n, (double)(i + 1) / n - f));
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
    return freedom > 0 ? gsl_cdf_chisq_Q(sum, freedom) : 1;
}
