#include "harness/spec/number.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
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
