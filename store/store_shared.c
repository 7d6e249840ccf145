/* Shared by all files of the store. */
#include "store/store_private.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hdf5_quiet(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void hdf5_release(hid_t id)
{
    if (id >= 0)
        H5Idec_ref(id);
}

static herr_t keep_first(unsigned n, const H5E_error2_t *entry, void *context)
{
    if (n == 0 && entry->desc)
        snprintf(context, 256, "%s", entry->desc);
    return 0;
}

enum status hdf5_error(struct error *err, enum status status, const char *format, ...)
{
    char reason[256] = "no reason given", message[768];
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, reason);
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return error_set(err, status, "%s (HDF5: %s)", message, reason);
}

enum status store_system_error(struct error *err, const char *path, const char *what)
{
    const int why = errno;
    error_set(err, STATUS_SYSTEM, "%s: %s: %s", path, what, strerror(why));
    if (err)
        err->number = why;
    return STATUS_SYSTEM;
}

enum status store_damaged(const struct store_file *file, const char *what, struct error *err)
{
    return hdf5_error(err, STATUS_INVALID, "%s: is truncated or damaged at %s", file->path, what);
}

static bool reads_back(const char *text, double value)
{
    return strtod(text, NULL) == value;
}

void store_format_number(double value, char text[STORE_NUMBER_SIZE])
{
    if (isnan(value)) {
        snprintf(text, STORE_NUMBER_SIZE, "nan");
        return;
    }
    /* 15 digits are always exact, so fewer need no trial, except for subnormal numbers. */
    int precision = fpclassify(value) == FP_SUBNORMAL ? 1 : 15;
    do
        snprintf(text, STORE_NUMBER_SIZE, "%.*g", precision, value);
    while (!reads_back(text, value) && ++precision <= 17);
}
