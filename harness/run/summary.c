#include "harness/run/summary.h"

#include "core/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A word, which may come from a file, right-aligned in `width` columns; below 0: left-aligned. */
static void print_word(FILE *out, int width, const char *word)
{
    const int gap = abs(width) - (int)strlen(word);
    fprintf(out, "%*s", width > 0 && gap > 0 ? gap : 0, "");
    print_plain(out, word);
    fprintf(out, "%*s", width < 0 && gap > 0 ? gap : 0, "");
}

void summary_print_head(FILE *out)
{
    fprintf(out, "%-30s  %8s  %8s\n", "", "before", "after");
}

/* In `decimals`, or in four digits where these are below 0; "-" where it was not measured. */
static void print_value(FILE *out, double value, int decimals)
{
    if (isnan(value))
        fprintf(out, "  %8s", "-");
    else if (decimals < 0)
        fprintf(out, "  %8.4g", value);
    else
        fprintf(out, "  %8.*f", decimals, value);
}

void summary_print_line(FILE *out, const char *headline, double before, double after)
{
    print_word(out, -30, headline);
    print_value(out, before, -1);
    print_value(out, after, -1);
    putc('\n', out);
}

void summary_print_remark(FILE *out, const char *remark)
{
    print_plain(out, remark);
    putc('\n', out);
}

struct summary_limit summary_limit(const double *values, size_t count)
{
    struct summary_limit limit = {.count = count, .mean = count ? 0 : NAN};
    for (size_t i = 0; i < count; i++)
        limit.mean += values[i] / (double)count;
    return limit;
}

/* The rest of a path after its last `separator`. */
static const char *last_word(const char *path, char separator)
{
    const char *last = strrchr(path, separator);
    return last ? last + 1 : path;
}

static void print_headings(FILE *out, const struct summary_table *t)
{
    char many[64], limit[64];
    const char *path = t->limit ? t->limit_path + (*t->limit_path == '/') : "";
    snprintf(many, sizeof many, "%ss", last_word(t->limit ? t->limit_axis : "", '_'));
    snprintf(limit, sizeof limit, "%.*s", (int)strcspn(path, "/"), path);
    print_word(out, 5, last_word(t->axis, '/'));
    if (t->limit)
        print_word(out, 8, many);
    fprintf(out, "  %8s  %8s", "before", "after");
    if (t->limit)
        print_word(out, 10, limit);
    putc('\n', out);
}

void summary_print_table(FILE *out, const struct summary_table *t)
{
    putc('\n', out);
    print_plain(out, t->headline);
    putc('\n', out);
    print_headings(out, t);
    for (size_t k = 0; k < t->count; k++) {
        fprintf(out, "%5zu", k);
        if (t->limit && t->limit[k].count)
            fprintf(out, "  %6zu", t->limit[k].count);
        else if (t->limit)
            fprintf(out, "  %6s", "-");
        print_value(out, t->before[k], 4);
        print_value(out, t->after[k], 4);
        if (t->limit)
            print_value(out, t->limit[k].mean, 4);
        putc('\n', out);
    }
}
