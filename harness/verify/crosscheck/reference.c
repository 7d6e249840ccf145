#include "harness/verify/crosscheck/reference.h"

#include "core/arena.h"
#include "core/descriptor.h"
#include "harness/spec/words.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void crosscheck_fail(struct crosscheck *check, const char *format, ...)
{
    char message[sizeof check->err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (!check->status)
        check->status = error_set(check->err, STATUS_INVALID, "%s", message);
}

void *crosscheck_take(struct crosscheck *check, size_t count, size_t size, const char *what)
{
    void *zeros = check->status ? NULL : calloc(padded(count), size);
    if (!check->status && !zeros)
        check->status = error_memory(check->err, "%s", what);
    return zeros;
}

/* ---- datasets ---- */

size_t extent_entries(struct extent extent)
{
    size_t count = 1;
    for (int i = 0; i < extent.rank; i++)
        count *= extent.length[i];
    return count;
}

/* "64 x 32", or "one number" */
static void extent_text(int rank, const size_t *length, char out[REFERENCE_PATH])
{
    int used = snprintf(out, REFERENCE_PATH, "%s", rank ? "" : "one number");
    for (int i = 0; i < rank && used < REFERENCE_PATH; i++)
        used += snprintf(out + used, (size_t)(REFERENCE_PATH - used), "%s%zu", i ? " x " : "",
                         length[i]);
}

static void check_extent(struct crosscheck *check, const char *path, struct extent extent)
{
    char right[REFERENCE_PATH], shape[REFERENCE_PATH] = "";
    const char *found = NULL;
    struct store_info info = {0};
    enum store_kind kind = store_kind(check->file, path);
    if (kind == STORE_NOTHING || kind == STORE_GROUP)
        found = kind == STORE_GROUP ? "is a group" : "is missing";
    else
        check->status = store_describe(check->file, path, &info, check->err);
    if (!found &&
        (info.rank != extent.rank ||
         memcmp(info.shape, extent.length, (size_t)info.rank * sizeof *info.shape) != 0)) {
        found = "has shape ";
        extent_text(info.rank, info.shape, shape);
    }
    extent_text(extent.rank, extent.length, right);
    if (found)
        crosscheck_fail(check, "%s %s%s; the attributes of the file call for %s", path, found,
                        shape, right);
    store_info_free(&info);
}

double *reference_get(struct crosscheck *check, struct extent extent, const char *format, ...)
{
    char path[REFERENCE_PATH];
    struct store_array array = {0};
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    if (!check->status)
        check_extent(check, path, extent);
    if (!check->status)
        check->status = store_get(check->file, path, &array, check->err);
    for (size_t i = 0; i < array.count; i++)
        if (!isfinite(array.values[i]))
            crosscheck_fail(check, "%s is %g at entry %zu; all its entries must be finite", path,
                            array.values[i], i);
    if (check->status)
        store_array_free(&array);
    return array.values;
}

uint8_t *reference_states(struct crosscheck *check, struct extent extent, const char *path)
{
    double *x = reference_get(check, extent, "%s", path);
    const size_t count = extent_entries(extent), samples = extent.length[0],
                 leaves = count / samples;
    uint8_t *states = crosscheck_take(check, count, 1, path);
    for (size_t i = 0; x && states && i < count; i++) {
        if (x[i] != 0 && x[i] != 1)
            crosscheck_fail(check, "%s is %g at entry %zu; states are 0 or 1", path, x[i], i);
        states[i % leaves * samples + i / leaves] = x[i] == 1;
    }
    free(x);
    return states;
}

/* ---- root attributes ---- */

bool is_whole(double x, int low, int high)
{
    return x >= low && x <= high && x == floor(x);
}

/* `needed` says in words what it must be. */
static double get_number(struct crosscheck *check, const char *name, double low, double high,
                         bool whole, const char *needed)
{
    double x = low;
    if (check->status)
        return low;
    const bool there = store_has_attribute(check->file, name);
    if (!there || store_get_number(check->file, name, &x, NULL))
        crosscheck_fail(check, "the attribute %s is %s; it must be %s", name,
                        there ? "not one number" : "missing", needed);
    else if (!(x >= low && x <= high && (!whole || x == floor(x))))
        crosscheck_fail(check, "the attribute %s is %g; it must be %s", name, x, needed);
    return check->status ? low : x;
}

size_t reference_size(struct crosscheck *check, const char *name, int low, int high)
{
    char needed[64];
    if (low == high)
        snprintf(needed, sizeof needed, "%d", low);
    else
        snprintf(needed, sizeof needed, "a whole number from %d to %d", low, high);
    return (size_t)get_number(check, name, low, high, true, needed);
}

double reference_real(struct crosscheck *check, const char *name, double low, double high)
{
    char needed[64] = "a finite number";
    if (high < UNBOUNDED)
        snprintf(needed, sizeof needed, "a number from %g to %g", low, high);
    else if (low == POSITIVE)
        snprintf(needed, sizeof needed, "a finite number above 0");
    else if (low > -UNBOUNDED)
        snprintf(needed, sizeof needed, "a finite number from %g on", low);
    return get_number(check, name, low, high, false, needed);
}

int reference_word(struct crosscheck *check, const char *name, const char *const *words)
{
    char *text = NULL, right[REFERENCE_PATH] = ""; /* "tree, mlp or outputs" */
    int which = 0;
    if (check->status)
        return 0;
    const bool there = store_has_attribute(check->file, name);
    for (int i = 0; words[i]; i++)
        append_text(right, sizeof right, "%s%s", !i ? "" : words[i + 1] ? ", " : " or ", words[i]);
    if (!there || store_get_text(check->file, name, &text, NULL)) {
        crosscheck_fail(check, "the attribute %s is %s; it must be %s", name,
                        there ? "not one text" : "missing", right);
        return 0;
    }
    while (words[which] && strcmp(text, words[which]) != 0)
        which++;
    if (!words[which])
        crosscheck_fail(check, "the attribute %s is '%.60s'; it must be %s", name, text, right);
    free(text);
    return which;
}
