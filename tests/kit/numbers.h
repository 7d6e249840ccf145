/* Numbers in tests: drawn, compared, differentiated.  Use it where a test needs random parameters,
 * the distance between two arrays, or a derivative to hold against a gradient. */
#pragma once

#include "tests/kit/testing.h"

/* Uniform in [-scale, scale), at an address of the stream of tests (core/random.h). */
void kit_fill(double *x, size_t count, double scale, uint64_t seed, uint64_t epoch, uint64_t block);

/* max |a|; infinite for NaN. */
double kit_largest(const double *a, size_t count);

/* max |a - b|; infinite for NaN. */
double kit_apart(const double *a, const double *b, size_t count);

/* max |a - b| / max |b|; infinite for NaN, 0 for equal arrays. */
double kit_distance(const double *a, const double *b, size_t count);

/* `derivative` becomes d loss / d *at, by central differences with an error of order `order` (2 or
 * 4) in `step`.  `loss` is an expression that depends on *at; it is evaluated `order` times, and
 * *at is restored. */
#define KIT_DIFFERENCE(derivative, at, step, order, loss)                                          \
    do {                                                                                           \
        double *const difference_at = (at), difference_was = *difference_at, difference_sum = 0;   \
        for (int difference_k = 0; difference_k < (order); difference_k++) {                       \
            *difference_at = difference_was + kit_stencil[difference_k].place * (step);            \
            difference_sum += kit_stencil[difference_k].weight[(order) == 4] * (loss);             \
        }                                                                                          \
        *difference_at = difference_was;                                                           \
        (derivative) = difference_sum / (((order) == 4 ? 12 : 2) * (step));                        \
    } while (0)

/* Places in units of the step; weights of order 2 and 4. */
extern const struct kit_stencil {
    double place, weight[2];
} kit_stencil[4];
