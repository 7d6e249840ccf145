#include "harness/spec/range.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *find_comma(const char *text)
{
    int depth = 0;
    char quote = 0;
    for (; *text && (depth > 0 || quote || *text != ','); text++) {
        if (quote)
            quote = *text == quote ? 0 : quote;
        else if (*text == '"' || *text == '\'')
            quote = *text;
        else
            depth += (*text == '[' || *text == '{') - (*text == ']' || *text == '}');
    }
    return text;
}

static bool read_number(const char **text, double *value, char end)
{
    char *rest;
    if (!strchr("+-.0123456789", **text) || !**text)
        return false;
    *value = strtod(*text, &rest);
    bool good = rest != *text && *rest == end && isfinite(*value);
    *text = rest + (*rest != '\0');
    return good;
}

/* Whole numbers are stepped exactly, whatever their size. */
static void read_whole(struct range *range, const char *text)
{
    int64_t b;
    char end;
    range->whole = sscanf(text, "%" SCNd64 ":%" SCNd64 ":%" SCNd64 "%c", &range->first, &b,
                          &range->whole_step, &end) == 3 &&
                   strspn(text, "+-:0123456789") == strlen(text) && range->whole_step != 0;
    const __int128 steps = range->whole ? ((__int128)b - range->first) / range->whole_step : 0;
    if (range->whole)
        range->count = (double)steps + 1;
    if (range->whole && (b < range->first) != (range->whole_step < 0) && b != range->first)
        range->count = 0;
}

bool range_read(const char *text, struct range *range)
{
    *range = (struct range){.logarithmic = strncmp(text, "log:", 4) == 0};
    const char *rest = text + (range->logarithmic ? 4 : 0);
    if (!read_number(&rest, &range->a, ':') || !read_number(&rest, &range->b, ':') ||
        !read_number(&rest, &range->step, '\0'))
        return false;
    if (range->logarithmic) {
        bool good = range->a > 0 && range->b > 0 && range->step >= 1 &&
                    range->step == floor(range->step) && (range->step > 1 || range->a == range->b);
        range->count = good ? range->step : 0;
        return true;
    }
    range->count = range->step != 0 ? floor((range->b - range->a) / range->step + 1 + 1e-9) : 0;
    read_whole(range, text);
    return true;
}

void range_format(const struct range *range, size_t i, char *text, size_t size)
{
    const double at = range->count > 1 ? (double)i / (range->count - 1) : 0;
    if (range->logarithmic)
        snprintf(text, size, "%.12g", range->a * pow(range->b / range->a, at));
    else if (range->whole)
        snprintf(text, size, "%" PRId64, range->first + (int64_t)i * range->whole_step);
    else { /* 0 and not 1e-17 */
        double value = range->a + (double)i * range->step;
        bool nothing = fabs(value) < 1e-12 * fabs(range->step);
        snprintf(text, size, "%.12g", nothing ? 0 : value);
    }
}
