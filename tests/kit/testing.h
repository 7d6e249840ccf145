/* Shared by the test programs: cmocka with its prerequisites, and comparisons of numbers. */
#pragma once

#include "core/error.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* |a - b| <= tolerance; NaN fails. */
#define assert_near(a, b, tolerance)                                                               \
    do {                                                                                           \
        double near_a = (a), near_b = (b), near_tolerance = (tolerance);                           \
        if (!(fabs(near_a - near_b) <= near_tolerance))                                            \
            fail_msg("%s = %.17g, expected %.17g within %g", #a, near_a, near_b, near_tolerance);  \
    } while (0)

#define assert_at_most(a, bound)                                                                   \
    do {                                                                                           \
        double most_a = (a), most_bound = (bound);                                                 \
        if (!(most_a <= most_bound))                                                               \
            fail_msg("%s = %.17g, expected at most %.17g", #a, most_a, most_bound);                \
    } while (0)

#define assert_above(a, bound)                                                                     \
    do {                                                                                           \
        double above_a = (a), above_bound = (bound);                                               \
        if (!(above_a > above_bound))                                                              \
            fail_msg("%s = %.17g, expected more than %.17g", #a, above_a, above_bound);            \
    } while (0)

static inline void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' is not in '%s'", part, text);
}

static inline void check_ok(enum status status, const struct error *err)
{
    if (status)
        fail_msg("status %d: %s", (int)status, err->message);
}

static inline void *allocate(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    assert_non_null(p);
    return p;
}

/* P-value of Pearson's chi-square test for counts of `total` draws; cells with expected counts
 * below 5 are pooled.  0 if a cell of probability 0 was hit. */
static inline double counts_p(size_t cells, const size_t *count, const double *probability,
                              size_t total)
{
    double square = 0, pooled_count = 0, pooled_expected = 0;
    size_t used = 0;
    for (size_t i = 0; i < cells; i++) {
        double expected = probability[i] * (double)total, seen = (double)count[i];
        if (expected == 0 && count[i] > 0)
            return 0;
        if (expected < 5) {
            pooled_count += seen;
            pooled_expected += expected;
            continue;
        }
        square += (seen - expected) * (seen - expected) / expected;
        used++;
    }
    if (pooled_expected >= 5) {
        square +=
            (pooled_count - pooled_expected) * (pooled_count - pooled_expected) / pooled_expected;
        used++;
    }
    assert_true(used > 1);
    return gsl_cdf_chisq_Q(square, (double)used - 1);
}
