/* Values of a swept key, "1:10:2" or "log:1e-3:1:4", and lists of them with commas between. */
#ifndef DUET_HARNESS_SPEC_RANGE_H
#define DUET_HARNESS_SPEC_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From `a` to `b` by `step`, or `count` values in equal ratios. */
struct range {
    bool logarithmic, whole;
    double a, b, step;
    int64_t first, whole_step;
    double count; /* of values */
};

/* Whether `text` is a range; its count is 0 where it has no values. */
bool range_read(const char *text, struct range *range);

/* Value i of it, 0 <= i < count. */
void range_format(const struct range *range, size_t i, char *text, size_t size);

/* Where the first comma of `text` outside brackets and quotes is, or its end. */
const char *find_comma(const char *text);

#endif
