#include "harness/spec/node.h"

#include "harness/spec/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum status error_at(struct error *err, const struct place *place, const char *key,
                     const char *format, ...)
{
    char message[sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (place->text->located)
        return error_key(err, key, "%s:%d:%d: %s", place->text->name, place->line, place->column,
                         message);
    return error_key(err, key, "%s: %s", place->text->name, message);
}

bool node_is_null(const struct node *node)
{
    if (node->kind != NODE_SCALAR || node->quoted)
        return false;
    const char *value = node->value;
    return *value == '\0' || strcmp(value, "~") == 0 || strcmp(value, "null") == 0 ||
           strcmp(value, "Null") == 0 || strcmp(value, "NULL") == 0;
}

void node_describe(char *text, size_t size, const struct node *node)
{
    char shown[MAX_SHOWN];
    if (node->kind != NODE_SCALAR) {
        const char *kind = node->kind == NODE_LIST ? "list" : "mapping";
        snprintf(text, size, node->count ? "a %s" : "an empty %s", kind);
    } else if (node_is_null(node)) {
        snprintf(text, size, "empty");
    } else {
        excerpt(shown, sizeof shown, node->value);
        snprintf(text, size, "'%s'", shown);
    }
}
