#include "analysis/readout.h"

#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

size_t readout_weights(size_t features, int states)
{
    return (size_t)states * (features + 1);
}

size_t readout_work(size_t features, int states)
{
    return (features + 1) * (features + 1) + readout_weights(features, states);
}

/* Feature i of sample s, or the constant */
static inline double entry(const struct readout *p, const double *feature, size_t stride, size_t i,
                           size_t s)
{
    return i < p->features ? feature[i * stride + s] : 1;
}

/* The ridge, but no less than rounding of the largest mean square: features that depend on each
 * other, or are huge, have a readout too. */
static double ridge_of(const struct readout *p, const double *gram)
{
    const size_t n = p->features + 1;
    double largest = 0;
    for (size_t i = 0; i < p->features; i++)
        largest = fmax(largest, gram[i * n + i]);
    return fmax(p->ridge, 10 * (double)n * DBL_EPSILON * largest);
}

/* Lower triangle of E[x x^T] + ridge, and E[1(z = k) x] for every state k */
static void moments(const struct readout *p, size_t samples, const double *feature, size_t stride,
                    const uint8_t *label, double *gram, double *cross)
{
    const size_t n = p->features + 1;
    memset(gram, 0, n * n * sizeof *gram);
    memset(cross, 0, readout_weights(p->features, p->states) * sizeof *cross);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = 0;
            for (size_t s = 0; s < samples; s++)
                sum += entry(p, feature, stride, i, s) * entry(p, feature, stride, j, s);
            gram[i * n + j] = sum / (double)samples;
        }
        for (size_t s = 0; s < samples; s++)
            cross[label[s] * n + i] += entry(p, feature, stride, i, s) / (double)samples;
    }
    const double ridge = ridge_of(p, gram);
    for (size_t i = 0; i < p->features; i++)
        gram[i * n + i] += ridge;
}

enum status readout_fit(struct readout *p, size_t samples, const double *feature, size_t stride,
                        const uint8_t *label, double *work, struct error *err)
{
    const size_t n = p->features + 1;
    double *gram = work, *cross = work + n * n;
    moments(p, samples, feature, stride, label, gram, cross);
    double sum = 0; /* 0 x a is NaN where a is infinite or NaN */
    for (size_t i = 0; i < n * n; i++)
        sum += 0 * gram[i];
    /* Row-major lower is LAPACK's upper; right-hand sides are its columns. */
    const int code = LAPACKE_dposv_work(LAPACK_COL_MAJOR, 'U', (lapack_int)n, (lapack_int)p->states,
                                        gram, (lapack_int)n, cross, (lapack_int)n);
    if (code != 0 || sum != 0)
        return error_set(err, STATUS_DIVERGED, "the features of a probe are not finite");
    memcpy(p->weights, cross, readout_weights(p->features, p->states) * sizeof *cross);
    return STATUS_OK;
}

double readout_accuracy(const struct readout *p, size_t samples, const double *feature,
                        size_t stride, const uint8_t *label)
{
    const size_t n = p->features + 1;
    size_t right = 0;
    for (size_t s = 0; s < samples; s++) {
        int best = 0;
        double largest = 0;
        for (int k = 0; k < p->states; k++) {
            double value = 0;
            for (size_t i = 0; i < n; i++)
                value += p->weights[(size_t)k * n + i] * entry(p, feature, stride, i, s);
            if (k == 0 || value > largest) {
                best = k;
                largest = value;
            }
        }
        right += best == label[s];
    }
    return (double)right / (double)samples;
}
