#include "harness/spec/number.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void format_real(char *text, size_t size, double value)
{
    char scientific[32];
    int digits = 1;
    do
        snprintf(scientific, sizeof scientific, "%.*e", digits - 1, value);
    while (strtod(scientific, NULL) != value && digits++ < 17);
    char *e = strchr(scientific, 'e');
    int exponent = atoi(e + 1);
    snprintf(e, (size_t)(scientific + sizeof scientific - e), "e%d", exponent);
    snprintf(text, size, "%s", scientific);
    if (exponent < -5 || exponent > 15)
        return;
    char plain[64];
    int decimals = digits - 1 - exponent;
    snprintf(plain, sizeof plain, "%.*f", decimals > 0 ? decimals : 0, value);
    if (strlen(plain) < strlen(scientific) + 4)
        snprintf(text, size, "%s", plain);
}

/* [+-] digits [. digits] [e [+-] digits], with a digit before or after the point. */
static bool is_decimal(const char *text)
{
    const char *digit = "0123456789";
    text += *text == '+' || *text == '-';
    size_t whole = strspn(text, digit), fraction = 0;
    text += whole;
    if (*text == '.') {
        fraction = strspn(text + 1, digit);
        text += 1 + fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '+' || *text == '-';
        size_t power = strspn(text, digit);
        text += power;
        return power > 0 && *text == '\0';
    }
    return *text == '\0';
}

static bool is_nan_or_infinity(const char *text)
{
    text += *text == '+' || *text == '-';
    text += *text == '.';
    return strcasecmp(text, "nan") == 0 || strcasecmp(text, "inf") == 0 ||
           strcasecmp(text, "infinity") == 0;
}

/* sum * 10^power, false if that is above INT64_MAX */
static bool scale(uint64_t *sum, long power)
{
    if (*sum == 0)
        return true;
    for (; power > 0; power--)
        if (__builtin_mul_overflow(*sum, (uint64_t)10, sum))
            return false;
    return *sum <= INT64_MAX;
}

const char *parse_integer(const char *text, int64_t *value)
{
    if (is_nan_or_infinity(text))
        return "not finite";
    if (!is_decimal(text))
        return "";
    const char *e = strpbrk(text, "eE");
    enum { FAR = 1 << 20 }; /* beyond what any digits make good */
    long power = e ? strtol(e + 1, NULL, 10) : 0;
    power = power > FAR ? FAR : power < -FAR ? -FAR : power;
    uint64_t sum = 0;
    long zeros = 0; /* that follow `sum` */
    bool fraction = false;
    for (const char *c = text; *c && c != e; c++) {
        if (*c == '.')
            fraction = true;
        if (!isdigit((unsigned char)*c))
            continue;
        power -= fraction;
        zeros++;
        if (*c == '0')
            continue;
        if (!scale(&sum, zeros) || __builtin_add_overflow(sum, (uint64_t)(*c - '0'), &sum))
            return "beyond 2^63 - 1";
        zeros = 0;
    }
    power += zeros;
    if (sum != 0 && power < 0)
        return "not a whole number";
    if (!scale(&sum, power))
        return "beyond 2^63 - 1";
    *value = *text == '-' ? -(int64_t)sum : (int64_t)sum;
    return NULL;
}

const char *parse_real(const char *text, double *value)
{
    if (is_nan_or_infinity(text))
        return "not finite";
    if (!is_decimal(text))
        return "";
    *value = strtod(text, NULL) + 0.0; /* never -0 */
    return isfinite(*value) ? NULL : "too large";
}

/* ---- values of a swept key ---- */

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

bool range_is_tried(const char *text)
{
    const bool logarithmic = strncmp(text, "log:", 4) == 0;
    const char *rest = text + (logarithmic ? 4 : 0);
    return strspn(rest, "+-.0123456789eE:") == strlen(rest) && strpbrk(rest, "0123456789") &&
           (logarithmic || strchr(rest, ':') || strstr(rest, ".."));
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
