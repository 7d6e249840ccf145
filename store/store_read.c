/* Reads numbers and texts of files, and trusts nothing that a file says about itself. */
#include "core/text.h"
#include "store/store_private.h"
#include "store/tsv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_COMPRESSION = 1100, /* deflate reaches 1032 */
    MAX_TEXT = 64 << 20,    /* bytes of one attribute */
    MAX_SHOWN = 16,         /* numbers of an attribute that are shown */
};

/* ---- datasets ---- */

/* Chunks are read whole, so their size counts too. */
static bool chunks_fit(hid_t properties, const struct view *view, uint64_t most)
{
    hsize_t extent[STORE_FILE_RANK], bytes = H5Tget_size(view->type);
    int rank = H5Pget_chunk(properties, STORE_FILE_RANK, extent);
    for (int i = 0; i < rank && bytes > 0; i++)
        bytes = extent[i] <= most / bytes ? bytes * extent[i] : 0;
    return rank > 0 && bytes > 0;
}

/* HDF5 1.10.8 reads compact data without checking their size.  Contiguous data may be absent, which
 * reads as the fill value. */
static bool storage_fits(const struct view *view, H5D_layout_t layout)
{
    const hsize_t stored = H5Dget_storage_size(view->id);
    const hssize_t count = H5Sget_simple_extent_npoints(view->space);
    const size_t size = H5Tget_size(view->type);
    if (layout == H5D_CHUNKED || (layout == H5D_CONTIGUOUS && stored == 0))
        return true;
    return count >= 0 && size > 0 && (hsize_t)count <= stored / size;
}

enum status view_check_layout(const struct store_file *file, const struct view *view,
                              uint64_t *factor, struct error *err)
{
    hid_t properties = H5Dget_create_plist(view->id);
    if (properties < 0)
        return store_damaged(file, view->name, err);
    H5D_layout_t layout = H5Pget_layout(properties);
    int others = H5Pget_external_count(properties), filters = H5Pget_nfilters(properties);
    *factor = filters > 0 ? MAX_COMPRESSION : 1;
    enum status status = STATUS_OK;
    if (others != 0 || layout == H5D_VIRTUAL)
        status = error_set(err, STATUS_INVALID, "%s: %s lies in other files, which are not read",
                           file->path, view->name);
    else if (filters < 0 || layout < 0 || !storage_fits(view, layout) ||
             (layout == H5D_CHUNKED && !chunks_fit(properties, view, file->size * *factor)))
        status = error_set(err, STATUS_INVALID, "%s: is truncated or damaged at the layout of %s",
                           file->path, view->name);
    hdf5_release(properties);
    return status;
}

/* The numbers of a dataset or an attribute, which filters may compress to the `factor`th part. */
static enum status read_numbers(const struct store_file *file, const struct view *view,
                                uint64_t factor, struct store_array *array, struct error *err)
{
    enum status status = view_check_numbers(file, view, factor, array, err);
    if (status)
        return status;
    array->values = malloc((array->count ? array->count : 1) * sizeof *array->values);
    if (!array->values)
        return error_memory(err, "%s", view->name);
    const herr_t result =
        H5Iget_type(view->id) == H5I_ATTR
            ? H5Aread(view->id, H5T_NATIVE_DOUBLE, array->values)
            : H5Dread(view->id, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, array->values);
    return result < 0 ? store_damaged(file, view->name, err) : STATUS_OK;
}

/* HDF5 allocates each text as large as it is, which is at most what the file has room for. */
enum status view_read_texts(const struct store_file *file, const struct view *view,
                            struct store_array *array, struct error *err)
{
    size_t shape[STORE_FILE_RANK], count = 0;
    uint64_t factor = 1;
    enum status status = view_check_layout(file, view, &factor, err);
    if (!status)
        status = view_extent(file, view, &array->rank, shape, &count, err);
    if (!status && (H5Tis_variable_str(view->type) <= 0 || array->rank > STORE_MAX_RANK))
        status = error_set(err, STATUS_INVALID,
                           "%s: %s holds no texts of varying length in up to %d dimensions",
                           file->path, view->name, STORE_MAX_RANK);
    if (!status)
        status = view_check_capacity(file, view, count, factor, err);
    if (status)
        return status;
    array->texts = calloc(count + 1, sizeof *array->texts);
    if (!array->texts)
        return error_memory(err, "%s", view->name);
    if (H5Dread(view->id, view->type, H5S_ALL, H5S_ALL, H5P_DEFAULT, array->texts) < 0)
        return store_damaged(file, view->name, err);
    array->count = count;
    memcpy(array->shape, shape, (size_t)array->rank * sizeof *shape);
    for (size_t i = 0; i < count && !status; i++)
        if (!array->texts[i] && !(array->texts[i] = calloc(1, 1)))
            status = error_memory(err, "%s", view->name);
    return status;
}

static enum status read_numbers_of_dataset(const struct store_file *file, const struct view *view,
                                           struct store_array *array, struct error *err)
{
    uint64_t factor = 1;
    const enum status status = view_check_layout(file, view, &factor, err);
    return status ? status : read_numbers(file, view, factor, array, err);
}

static enum status get(const struct store_file *file, const char *path, struct store_array *array,
                       enum status (*read)(const struct store_file *, const struct view *,
                                           struct store_array *, struct error *),
                       struct error *err)
{
    hdf5_quiet();
    *array = (struct store_array){0};
    struct view view;
    enum status status = view_open_dataset(file, path, &view, err);
    if (status)
        return status;
    status = read(file, &view, array, err);
    if (status)
        store_array_free(array);
    view_close(&view);
    return status;
}

enum status store_get(const struct store_file *file, const char *path, struct store_array *array,
                      struct error *err)
{
    return get(file, path, array, read_numbers_of_dataset, err);
}

enum status store_get_texts(const struct store_file *file, const char *path,
                            struct store_array *array, struct error *err)
{
    return get(file, path, array, view_read_texts, err);
}

void store_array_free(struct store_array *array)
{
    free(array->values);
    for (size_t i = 0; array->texts && i < array->count; i++)
        free(array->texts[i]);
    free(array->texts);
    *array = (struct store_array){0};
}

/* ---- attributes ---- */

enum status view_read_fixed_text(const struct store_file *file, const struct view *view,
                                 char **text, struct error *err)
{
    size_t size = H5Tget_size(view->type);
    if (size == 0 || size > MAX_TEXT || size > file->size)
        return error_set(err, STATUS_INVALID, "%s: is truncated or damaged at %s", file->path,
                         view->name);
    *text = calloc(size + 1, 1);
    if (!*text)
        return error_memory(err, "a file");
    if (H5Aread(view->id, view->type, *text) < 0) {
        enum status status = store_damaged(file, view->name, err);
        free(*text);
        *text = NULL;
        return status;
    }
    if (H5Tget_strpad(view->type) == H5T_STR_SPACEPAD)
        while (size > 0 && (*text)[size - 1] == ' ')
            (*text)[--size] = '\0';
    return STATUS_OK;
}

static enum status read_varying_text(const struct store_file *file, const struct view *view,
                                     char **text, struct error *err)
{
    char *value = NULL;
    if (H5Aread(view->id, view->type, &value) < 0)
        return store_damaged(file, view->name, err);
    *text = strdup(value ? value : "");
    H5Dvlen_reclaim(view->type, view->space, H5P_DEFAULT, &value);
    return *text ? STATUS_OK : error_memory(err, "a file");
}

bool view_is_text(const struct view *view)
{
    return H5Tget_class(view->type) == H5T_STRING && H5Sget_simple_extent_npoints(view->space) == 1;
}

enum status view_read_text(const struct store_file *file, const struct view *view, char **text,
                           struct error *err)
{
    return H5Tis_variable_str(view->type) > 0 ? read_varying_text(file, view, text, err)
                                              : view_read_fixed_text(file, view, text, err);
}

bool store_has_attribute(const struct store_file *file, const char *name)
{
    hdf5_quiet();
    return H5Aexists(file->id, name) > 0;
}

enum status store_get_text(const struct store_file *file, const char *name, char **text,
                           struct error *err)
{
    return store_get_text_of(file, "/", name, text, err);
}

enum status store_get_text_of(const struct store_file *file, const char *path, const char *name,
                              char **text, struct error *err)
{
    hdf5_quiet();
    *text = NULL;
    struct view view;
    const hid_t object = H5Oopen(file->id, path, H5P_DEFAULT);
    if (object < 0)
        return store_damaged(file, path, err);
    enum status status = view_open_attribute(file, object, name, &view, err);
    if (!status && view_is_text(&view))
        status = view_read_text(file, &view, text, err);
    else if (!status)
        status = error_set(err, STATUS_INVALID, "%s: the attribute %s is not one text", file->path,
                           name);
    view_close(&view);
    H5Oclose(object);
    return status;
}

enum status store_get_numbers(const struct store_file *file, const char *name,
                              struct store_array *array, struct error *err)
{
    hdf5_quiet();
    *array = (struct store_array){0};
    struct view view;
    enum status status = view_open_attribute(file, file->id, name, &view, err);
    if (status)
        return status;
    status = read_numbers(file, &view, 1, array, err);
    if (status)
        store_array_free(array);
    view_close(&view);
    return status;
}

enum status store_get_number(const struct store_file *file, const char *name, double *value,
                             struct error *err)
{
    struct store_array array;
    enum status status = store_get_numbers(file, name, &array, err);
    if (status)
        return status;
    if (array.count == 1)
        *value = array.values[0];
    else
        status = error_set(err, STATUS_INVALID, "%s: the attribute %s has %zu values, not one",
                           file->path, name, array.count);
    store_array_free(&array);
    return status;
}

/* An integer exactly, as `type` in memory. */
static bool read_integer(const struct view *view, hid_t type, void *value)
{
    return H5Tget_class(view->type) == H5T_INTEGER && view_is_plain_number(view) &&
           H5Sget_simple_extent_npoints(view->space) == 1 && H5Aread(view->id, type, value) >= 0;
}

enum status store_get_integer(const struct store_file *file, const char *name, uint64_t *value,
                              struct error *err)
{
    hdf5_quiet();
    struct view view;
    enum status status = view_open_attribute(file, file->id, name, &view, err);
    if (status)
        return status;
    const bool is_signed =
        H5Tget_class(view.type) == H5T_INTEGER && H5Tget_sign(view.type) == H5T_SGN_2;
    if (!read_integer(&view, is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64, value) ||
        (is_signed && *value > INT64_MAX))
        status = error_set(err, STATUS_INVALID, "%s: the attribute %s is no integer from 0 on",
                           file->path, name);
    view_close(&view);
    return status;
}

/* "3", "[3, 4]", or the first few. */
static enum status show_numbers(const struct store_array *array, char **text, struct error *err)
{
    size_t size = 0;
    FILE *out = open_memstream(text, &size);
    if (!out)
        return close_text(out, "an attribute", err);
    fputs(array->rank ? "[" : "", out);
    for (size_t i = 0; i < array->count && i < MAX_SHOWN; i++) {
        fputs(i ? ", " : "", out);
        tsv_number(out, array->values[i]);
    }
    fputs(array->count > MAX_SHOWN ? ", ...]" : array->rank ? "]" : "", out);
    return close_text(out, "an attribute", err);
}

static enum status show_other(const struct view *view, char **text, struct error *err)
{
    H5T_class_t class = H5Tget_class(view->type);
    const char *what = class == H5T_STRING ? "texts" : view_class_name(class);
    if (H5Sget_simple_extent_type(view->space) == H5S_NULL)
        what = "no value";
    if (asprintf(text, "(%s)", what) >= 0)
        return STATUS_OK;
    *text = NULL;
    return error_memory(err, "a file");
}

/* An attribute that is not one text. */
static enum status show_view(const struct store_file *file, const struct view *view, char **text,
                             struct error *err)
{
    uint64_t natural;
    const bool is_signed = H5Tget_sign(view->type) == H5T_SGN_2;
    if (!view_is_number(view) || H5Sget_simple_extent_type(view->space) == H5S_NULL)
        return show_other(view, text, err);
    if (read_integer(view, is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64, &natural))
        return asprintf(text, is_signed ? "%" PRId64 : "%" PRIu64, natural) < 0
                   ? error_memory(err, "a file")
                   : STATUS_OK;
    struct store_array array = {0};
    enum status status = read_numbers(file, view, 1, &array, err);
    if (!status)
        status = show_numbers(&array, text, err);
    store_array_free(&array);
    return status;
}

enum status store_show_attribute(const struct store_file *file, const char *name, char **text,
                                 struct error *err)
{
    hdf5_quiet();
    *text = NULL;
    struct view view;
    enum status status = view_open_attribute(file, file->id, name, &view, err);
    if (status)
        return status;
    status = view_is_text(&view) ? view_read_text(file, &view, text, err)
                                 : show_view(file, &view, text, err);
    view_close(&view);
    return status;
}
