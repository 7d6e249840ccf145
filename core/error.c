#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void write_message(struct error *err, const char *format, va_list args)
{
    vsnprintf(err->message, sizeof err->message, format, args);
}

enum status error_set(struct error *err, enum status status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        write_message(err, format, args);
        va_end(args);
        err->status = status;
        err->number = 0;
        err->key[0] = '\0';
    }
    return status;
}

enum status error_key(struct error *err, const char *key, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        write_message(err, format, args);
        va_end(args);
        err->status = STATUS_INVALID;
        err->number = 0;
        snprintf(err->key, sizeof err->key, "%s", key);
    }
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
    write_message(err, format, args);
    va_end(args);
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %.*s",
             (int)(sizeof err->message - used - 3 > 0 ? sizeof err->message - used - 3 : 0), inner);
    return err->status;
}

int error_exit_code(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return 0;
    case STATUS_FAILED:
        return 1;
    case STATUS_INVALID:
    case STATUS_SYSTEM:
        return 2;
    case STATUS_DIVERGED:
        return 3;
    case STATUS_INTERRUPTED:
        return 130;
    }
    return 1;
}
