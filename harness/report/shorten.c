#include "harness/report/shorten.h"

#include "core/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    SHOWN = 3, /* first values of a list that is shortened */
    DEPTH = 8, /* of lists in one another that are looked into */
};

/* The end of the quoted text that begins at `c`. */
static const char *skip_quoted(const char *c)
{
    const char quote = *c++;
    while (*c && *c != quote)
        c += *c == '\\' && quote == '"' && c[1] ? 2 : 1;
    return *c ? c + 1 : c;
}

/* The end of a value: the comma or bracket behind it, or the end of the text. */
static const char *skip_value(const char *c)
{
    int depth = 0;
    while (*c && (depth > 0 || !strchr(",]}", *c))) {
        if (*c == '"' || *c == '\'') {
            c = skip_quoted(c);
            continue;
        }
        depth += (*c == '[' || *c == '{') - (*c == ']' || *c == '}');
        c++;
    }
    return c;
}

/* Values of the list whose first one begins at `c`; *last: where the last one does. */
static size_t count_values(const char *c, const char **last)
{
    size_t count = 1;
    *last = c;
    for (c = skip_value(c); *c == ','; c = skip_value(c)) {
        *last = ++c;
        count++;
    }
    return count;
}

static void put(FILE *out, const char *from, const char *end)
{
    fwrite(from, 1, (size_t)(end - from), out);
}

static void put_value(FILE *out, const char *c, const char *end, int depth);

/* The list whose first value begins at `c`; returns where its last one ends. */
static const char *put_list(FILE *out, const char *c, int depth)
{
    const char *last;
    const size_t count = count_values(c, &last);
    for (size_t i = 0; i < count; i++) {
        const char *end = skip_value(c);
        if (count <= SHORTEN_LIST || i < SHOWN || c == last) {
            put_value(out, c, end, depth);
            putc(c == last ? *end : ',', out);
        } else if (i == SHOWN) {
            fprintf(out, " ... %zu values ...", count);
        }
        c = end + (*end == ',');
    }
    return c;
}

/* What is between `c` and `end`, lists in it shortened. */
static void put_value(FILE *out, const char *c, const char *end, int depth)
{
    while (c < end) {
        const char *next = *c == '"' || *c == '\'' ? skip_quoted(c) : c + 1;
        put(out, c, next < end ? next : end);
        if (*c == '[' && depth < DEPTH && next < end) {
            next = put_list(out, next, depth + 1);
            next += *next == ']';
        }
        c = next;
    }
}

void print_shortened(FILE *out, const char *line)
{
    char *text = NULL;
    size_t length = 0;
    FILE *shorter = strlen(line) > SHORTEN_LINE ? open_memstream(&text, &length) : NULL;
    if (shorter) {
        put_value(shorter, line, line + strlen(line), 0);
        fclose(shorter);
    }
    if (text && length > 4 * SHORTEN_LINE)
        strcpy(text + 4 * SHORTEN_LINE - 4, "...");
    print_plain(out, text ? text : line);
    free(text);
}
