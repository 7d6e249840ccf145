/* Numbers as a spec writes them: decimal, 6.4e4 also for an integer; for a swept key also ranges,
 * "1:10:2" or "log:1e-3:1:4", and lists with commas between. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The shortest decimal that reads back the same double: 0.1, 64000, 1e-6. */
void format_real(char *text, size_t size, double value);

/* Returns the reason why `text` is no such number: NULL if it is one, "" if it is no number at all.
 */
const char *parse_integer(const char *text, int64_t *value);
const char *parse_real(const char *text, double *value);

/* ---- values of a swept key ---- */

/* From `a` to `b` by `step`, or `count` values in equal ratios. */
struct range {
    bool logarithmic, whole;
    double a, b, step;
    int64_t first, whole_step;
    double count; /* of values */
};

/* Whether `text` is a range; its count is 0 where it has no values. */
bool range_read(const char *text, struct range *range);

/* Whether a text that is no number looks like a range, or a try of one: 1:5, 1..5, log:1:10. */
bool range_is_tried(const char *text);

/* Value i of it, 0 <= i < count. */
void range_format(const struct range *range, size_t i, char *text, size_t size);

/* Where the first comma of `text` outside brackets and quotes is, or its end. */
const char *find_comma(const char *text);
