#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(struct error *err, enum status status, const char *key, const char *format,
                 va_list args)
{
    if (err) {
        vsnprintf(err->message, sizeof err->message, format, args);
        snprintf(err->key, sizeof err->key, "%s", key);
        err->status = status;
        err->number = 0;
    }
}

enum status error_set(struct error *err, enum status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(err, status, "", format, args);
    va_end(args);
    return status;
}

enum status error_key(struct error *err, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(err, STATUS_INVALID, key, format, args);
    va_end(args);
    return STATUS_INVALID;
}

enum status error_memory(struct error *err, const char *what, ...)
{
    if (!err)
        return STATUS_SYSTEM;
    char text[sizeof err->message - sizeof "no memory for "];
    va_list args;
    va_start(args, what);
    vsnprintf(text, sizeof text, what, args);
    va_end(args);
    return error_set(err, STATUS_SYSTEM, "no memory for %s", text);
}

enum status error_context(struct error *err, const char *format, ...)
{
    if (!err)
        return STATUS_FAILED;
    char inner[sizeof err->message];
    memcpy(inner, err->message, sizeof inner);
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %.*s",
             (int)(sizeof err->message - used - 3 > 0 ? sizeof err->message - used - 3 : 0), inner);
    return err->status;
}

int error_exit_code(enum status status)
{
    static const int code[] = {
        [STATUS_OK] = 0,     [STATUS_FAILED] = 1,   [STATUS_INVALID] = 2,
        [STATUS_SYSTEM] = 2, [STATUS_DIVERGED] = 3, [STATUS_INTERRUPTED] = 130};
    return (size_t)status < sizeof code / sizeof *code ? code[status] : 1;
}
