/* The larger and the smaller of two numbers, where one that is lost is never the better: NaN where
 * either is NaN (fmax and fmin return the other one). */
#pragma once

#include <math.h>

static inline double larger(double a, double b)
{
    return isnan(a) || a > b ? a : b;
}

static inline double smaller(double a, double b)
{
    return isnan(a) || a < b ? a : b;
}
