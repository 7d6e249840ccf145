#include "core/remarks.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 512 };

static const char more[] = "...\n";

/* Whether `line`, which ends with a newline, is a line of `text`. */
static bool has_line(const char *text, const char *line)
{
    const size_t length = strlen(line);
    while (*text && strncmp(text, line, length) != 0)
        text = strchr(text, '\n') + 1;
    return *text != '\0';
}

static void add_line(struct remarks *r, const char *line)
{
    const size_t used = strlen(r->text), length = strlen(line);
    if (has_line(r->text, line) || has_line(r->text, more))
        return;
    const bool fits = used + length + sizeof more <= sizeof r->text;
    strcpy(r->text + used, fits ? line : more);
}

void remark(struct remarks *r, const char *format, ...)
{
    char line[LINE];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    add_line(r, strcat(line, "\n"));
}

void remarks_join(struct remarks *r, const struct remarks *other)
{
    char line[LINE];
    for (const char *text = other->text; *text;) {
        const size_t length = (size_t)(strchr(text, '\n') + 1 - text);
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        add_line(r, line);
        text += length;
    }
}
