/* Norms of vectors of any size.  A sum of squares is quick, but overflows from |x| = 1e154 on and
 * loses digits below 1e-154, where it looks like a vector that vanishes.  So:
 *
 *     square = ...;
 *     norm = square_is_safe(square) ? sqrt(square) : norm_of(count, x, stride);
 */
#pragma once

#include <cblas.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* Whether a sum of squares has all its digits; false for 0 and NaN. */
static inline bool square_is_safe(double square)
{
    return square > 1e-270 && square < 1e300;
}

/* |x| of `count` numbers, `stride` apart, without squares.  NaN where one of them is not finite, or
 * where the norm is no double: this is a divergence, and 1 / norm = 0 would hide it. */
static inline double norm_of(size_t count, const double *x, size_t stride)
{
    const double norm = cblas_dnrm2((int)count, x, (int)stride);
    return isinf(norm) ? NAN : norm;
}

/* 1 / norm; 0 where that is no double, as for a vector that vanishes. */
static inline double inverse_of_norm(double norm)
{
    const double inverse = 1 / norm;
    return isinf(inverse) ? 0 : inverse;
}
