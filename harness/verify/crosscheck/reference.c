#include "harness/verify/crosscheck/reference.h"

#include "core/descriptor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "64 x 32", or "one number" */
static void extent_text(int rank, const size_t *length, char out[REFERENCE_PATH])
{
    int used = snprintf(out, REFERENCE_PATH, "%s", rank ? "" : "one number");
    for (int i = 0; i < rank && used < REFERENCE_PATH; i++)
        used += snprintf(out + used, (size_t)(REFERENCE_PATH - used), "%s%zu", i ? " x " : "",
                         length[i]);
}

static enum status wrong_extent(const char *path, const char *found, struct extent extent,
                                struct error *err)
{
    char right[REFERENCE_PATH];
    extent_text(extent.rank, extent.length, right);
    return error_set(err, STATUS_INVALID, "%s %s; the attributes of the file call for %s", path,
                     found, right);
}

enum status reference_check_extent(const struct store_file *file, const char *path,
                                   struct extent extent, struct error *err)
{
    char shape[REFERENCE_PATH], found[REFERENCE_PATH + 16];
    struct store_info info;
    enum store_kind kind = store_kind(file, path);
    if (kind == STORE_NOTHING || kind == STORE_GROUP)
        return wrong_extent(path, kind == STORE_GROUP ? "is a group" : "is missing", extent, err);
    enum status status = store_describe(file, path, &info, err);
    if (status)
        return status;
    bool same = info.rank == extent.rank;
    for (int i = 0; same && i < extent.rank; i++)
        same = info.shape[i] == extent.length[i];
    if (!same) {
        extent_text(info.rank, info.shape, shape);
        snprintf(found, sizeof found, "has shape %s", shape);
        status = wrong_extent(path, found, extent, err);
    }
    store_info_free(&info);
    return status;
}

enum status reference_get(const struct store_file *file, const char *path, struct extent extent,
                          struct store_array *array, struct error *err)
{
    enum status status = reference_check_extent(file, path, extent, err);
    if (!status)
        status = store_get(file, path, array, err);
    if (status)
        return status;
    for (size_t i = 0; i < array->count; i++)
        if (!isfinite(array->values[i])) {
            status = error_set(err, STATUS_INVALID,
                               "%s is %g at entry %zu; all its entries must be finite", path,
                               array->values[i], i);
            store_array_free(array);
            return status;
        }
    return STATUS_OK;
}

enum status reference_states(const struct store_file *file, const char *path, struct extent extent,
                             uint8_t **out, struct error *err)
{
    struct store_array x;
    enum status status = reference_get(file, path, extent, &x, err);
    if (status)
        return status;
    size_t samples = extent.length[0], leaves = x.count / samples;
    *out = malloc(x.count);
    if (!*out)
        status = error_memory(err, "%s", path);
    for (size_t i = 0; !status && i < x.count; i++) {
        if (x.values[i] != 0 && x.values[i] != 1)
            status = error_set(err, STATUS_INVALID, "%s is %g at entry %zu; states are 0 or 1",
                               path, x.values[i], i);
        (*out)[i % leaves * samples + i / leaves] = x.values[i] == 1;
    }
    store_array_free(&x);
    return status;
}

/* A root attribute; `needed` says what it must be. */
static enum status get_number(const struct store_file *file, const char *name, const char *needed,
                              double *value, struct error *err)
{
    bool there = store_has_attribute(file, name);
    if (there && store_get_number(file, name, value, NULL) == STATUS_OK)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, "the attribute %s is %s; it must be %s", name,
                     there ? "not one number" : "missing", needed);
}

static enum status wrong_number(const char *name, double x, const char *needed, struct error *err)
{
    return error_set(err, STATUS_INVALID, "the attribute %s is %g; it must be %s", name, x, needed);
}

bool is_whole(double x, int low, int high)
{
    return x >= low && x <= high && x == floor(x);
}

enum status reference_size(const struct store_file *file, const char *name, int low, int high,
                           size_t *value, struct error *err)
{
    double x;
    char needed[64];
    if (low == high)
        snprintf(needed, sizeof needed, "%d", low);
    else
        snprintf(needed, sizeof needed, "a whole number from %d to %d", low, high);
    enum status status = get_number(file, name, needed, &x, err);
    if (!status && !is_whole(x, low, high))
        status = wrong_number(name, x, needed, err);
    if (!status)
        *value = (size_t)x;
    return status;
}

enum status reference_real(const struct store_file *file, const char *name, double low, double high,
                           double *value, struct error *err)
{
    char needed[64] = "a finite number";
    if (high < UNBOUNDED)
        snprintf(needed, sizeof needed, "a number from %g to %g", low, high);
    else if (low == POSITIVE)
        snprintf(needed, sizeof needed, "a finite number above 0");
    else if (low > -UNBOUNDED)
        snprintf(needed, sizeof needed, "a finite number from %g on", low);
    enum status status = get_number(file, name, needed, value, err);
    if (!status && !(*value >= low && *value <= high))
        status = wrong_number(name, *value, needed, err);
    return status;
}

/* "tree, mlp or outputs" */
static void list_words(const char *const *words, char out[REFERENCE_PATH])
{
    int used = snprintf(out, REFERENCE_PATH, "%s", words[0]);
    for (int i = 1; words[i] && used < REFERENCE_PATH; i++)
        used += snprintf(out + used, (size_t)(REFERENCE_PATH - used), "%s%s",
                         words[i + 1] ? ", " : " or ", words[i]);
}

enum status reference_word(const struct store_file *file, const char *name,
                           const char *const *words, int *which, struct error *err)
{
    char *text, right[REFERENCE_PATH];
    bool there = store_has_attribute(file, name);
    list_words(words, right);
    if (!there || store_get_text(file, name, &text, NULL))
        return error_set(err, STATUS_INVALID, "the attribute %s is %s; it must be %s", name,
                         there ? "not one text" : "missing", right);
    enum status status = STATUS_OK;
    for (*which = 0; words[*which] && strcmp(text, words[*which]) != 0;)
        (*which)++;
    if (!words[*which])
        status = error_set(err, STATUS_INVALID, "the attribute %s is '%.60s'; it must be %s", name,
                           text, right);
    free(text);
    return status;
}
