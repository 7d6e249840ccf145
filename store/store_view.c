/* Shared by all files of the store: errors; datasets and attributes that are opened, and doubted
 * for what they say of their size. */
#include "store/store_private.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES_LOG2 = 33 }; /* 8 GiB: the most that one array may need in memory */

const char store_checksum_attribute[] = "checksum";
const char store_checksum_text[] = "CRC-32, the last 16 bytes";

/* ---- errors and numbers ---- */

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

/* ---- what is in a file ---- */

bool store_is_linked(const struct store_file *file, const char *path)
{
    char *prefix = strdup(path);
    bool there = prefix && path[0];
    for (char *at = prefix; there && at && *at;) {
        char *slash = strchr(at + 1, '/');
        if (slash)
            *slash = '\0';
        if (strspn(at, "/") < strlen(at))
            there = H5Lexists(file->id, prefix, file->access) > 0;
        if (slash)
            *slash = '/';
        at = slash;
    }
    free(prefix);
    return there;
}

enum store_kind store_kind(const struct store_file *file, const char *path)
{
    hdf5_quiet();
    if (!store_is_linked(file, path))
        return STORE_NOTHING;
    hid_t object = H5Oopen(file->id, path, file->access);
    H5I_type_t type = object < 0 ? H5I_BADID : H5Iget_type(object);
    hdf5_release(object);
    return type == H5I_GROUP ? STORE_GROUP : type == H5I_DATASET ? STORE_DATASET : STORE_OTHER;
}

bool store_has(const struct store_file *file, const char *path)
{
    enum store_kind kind = store_kind(file, path);
    return kind == STORE_GROUP || kind == STORE_DATASET;
}

enum status store_broken_link(const struct store_file *file, const char *path, struct error *err)
{
    enum status status = store_damaged(file, path, err);
    H5L_info_t about;
    if (H5Lget_info(file->id, path, &about, file->access) >= 0 && about.type != H5L_TYPE_HARD)
        status = error_set(err, STATUS_INVALID,
                           "%s: %s is a link that leads nowhere or to another file, which is not "
                           "followed",
                           file->path, path);
    return status;
}

static enum status check_open(const struct store_file *file, struct view *view, struct error *err)
{
    if (view->space >= 0)
        return STATUS_OK;
    enum status status = store_damaged(file, view->name, err);
    view_close(view);
    return status;
}

enum status view_open_dataset(const struct store_file *file, const char *path, struct view *view,
                              struct error *err)
{
    *view = (struct view){-1, -1, -1, path};
    if (!store_is_linked(file, path))
        return error_set(err, STATUS_INVALID, "%s: there is no dataset %s", file->path, path);
    view->id = H5Oopen(file->id, path, file->access);
    if (view->id < 0)
        return store_broken_link(file, path, err);
    if (H5Iget_type(view->id) != H5I_DATASET) {
        view_close(view);
        return error_set(err, STATUS_INVALID, "%s: %s is no dataset", file->path, path);
    }
    view->type = H5Dget_type(view->id);
    if (view->type >= 0)
        view->space = H5Dget_space(view->id);
    return check_open(file, view, err);
}

enum status store_find_attribute(const struct store_file *file, hid_t object, const char *name,
                                 bool *there, struct error *err)
{
    const htri_t found = H5Aexists(object, name);
    *there = found > 0;
    return found < 0 ? store_damaged(file, name, err) : STATUS_OK;
}

enum status view_open_attribute(const struct store_file *file, hid_t object, const char *name,
                                struct view *view, struct error *err)
{
    *view = (struct view){-1, -1, -1, name};
    bool there;
    enum status status = store_find_attribute(file, object, name, &there, err);
    if (status)
        return status;
    if (!there)
        return error_set(err, STATUS_INVALID, "%s: there is no attribute %s", file->path, name);
    view->id = H5Aopen(object, name, H5P_DEFAULT);
    if (view->id >= 0)
        view->type = H5Aget_type(view->id);
    if (view->type >= 0)
        view->space = H5Aget_space(view->id);
    return check_open(file, view, err);
}

void view_close(struct view *view)
{
    hdf5_release(view->space);
    hdf5_release(view->type);
    hdf5_release(view->id);
    *view = (struct view){-1, -1, -1, view->name};
}

const char *view_class_name(H5T_class_t class)
{
    switch (class) {
    case H5T_STRING:
        return "text";
    case H5T_COMPOUND:
        return "records";
    case H5T_REFERENCE:
        return "references";
    case H5T_VLEN:
        return "lists of varying length";
    case H5T_ARRAY:
        return "arrays";
    case H5T_INTEGER:
    case H5T_FLOAT:
    case H5T_ENUM:
        return "numbers of an unusual format";
    default:
        return "opaque values";
    }
}

/* The plain integers and floats; anything else of these classes is made up or very rare. */
static bool is_plain(hid_t type)
{
    const hid_t plain[] = {H5T_STD_I8LE,   H5T_STD_I16LE,  H5T_STD_I32LE,  H5T_STD_I64LE,
                           H5T_STD_U8LE,   H5T_STD_U16LE,  H5T_STD_U32LE,  H5T_STD_U64LE,
                           H5T_STD_I8BE,   H5T_STD_I16BE,  H5T_STD_I32BE,  H5T_STD_I64BE,
                           H5T_STD_U8BE,   H5T_STD_U16BE,  H5T_STD_U32BE,  H5T_STD_U64BE,
                           H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_IEEE_F32BE, H5T_IEEE_F64BE};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (H5Tequal(type, plain[i]) > 0)
            return true;
    return false;
}

bool view_is_plain_number(const struct view *view)
{
    return is_plain(view->type);
}

bool view_is_number(const struct view *view)
{
    if (H5Tget_class(view->type) != H5T_ENUM)
        return is_plain(view->type);
    hid_t super = H5Tget_super(view->type);
    bool plain = super >= 0 && is_plain(super);
    hdf5_release(super);
    return plain;
}

enum status view_extent(const struct store_file *file, const struct view *view, int *rank,
                        size_t *shape, size_t *count, struct error *err)
{
    hsize_t extent[STORE_FILE_RANK];
    *rank = H5Sget_simple_extent_dims(view->space, extent, NULL);
    if (*rank < 0)
        return store_damaged(file, view->name, err);
    if (H5Sget_simple_extent_type(view->space) == H5S_NULL)
        return error_set(err, STATUS_INVALID, "%s: %s has no values", file->path, view->name);
    const hsize_t most = (hsize_t)1 << (MAX_BYTES_LOG2 - 3);
    hsize_t product = 1;
    bool fits = true;
    for (int i = 0; i < *rank; i++) {
        shape[i] = extent[i];
        fits = fits && extent[i] <= most && product * extent[i] <= most;
        product = fits ? product * extent[i] : 0;
    }
    if (!fits)
        return error_set(err, STATUS_INVALID, "%s: %s is above the limit of 8 GiB", file->path,
                         view->name);
    *count = product;
    return STATUS_OK;
}

enum status view_check_capacity(const struct store_file *file, const struct view *view,
                                size_t count, uint64_t factor, struct error *err)
{
    uint64_t size = H5Tget_size(view->type);
    if (size > 0 && count <= file->size / size * factor + factor)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "%s: is truncated or damaged: %s claims %zu values in a file of %llu bytes",
                     file->path, view->name, count, (unsigned long long)file->size);
}

enum status view_check_numbers(const struct store_file *file, const struct view *view,
                               uint64_t factor, struct store_array *array, struct error *err)
{
    size_t shape[STORE_FILE_RANK];
    enum status status = view_extent(file, view, &array->rank, shape, &array->count, err);
    if (status)
        return status;
    if (array->rank > STORE_MAX_RANK)
        return error_set(err, STATUS_INVALID, "%s: %s has rank %d; at most %d can be read",
                         file->path, view->name, array->rank, STORE_MAX_RANK);
    if (!view_is_number(view))
        return error_set(err, STATUS_INVALID, "%s: %s holds %s; numbers are needed", file->path,
                         view->name, view_class_name(H5Tget_class(view->type)));
    memcpy(array->shape, shape, (size_t)array->rank * sizeof *shape);
    return view_check_capacity(file, view, array->count, factor, err);
}
