/* Reads numbers and texts of files, and trusts nothing that a file says about itself. */
#include "store/checksum.h"
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the file ---- */

enum {
    MAX_BYTES_LOG2 = 33,    /* 8 GiB: the most that one array may need in memory */
    MAX_COMPRESSION = 1100, /* deflate reaches 1032 */
    READ_AT_ONCE = 1 << 20, /* bytes of a file */
    MAX_TEXT = 64 << 20,    /* bytes of one attribute */
    MAX_SHOWN = 16,         /* numbers of an attribute that are shown */
};

static herr_t refuse_link(const char *parent_file, const char *parent_group, const char *file,
                          const char *object, unsigned *flags, hid_t access, void *context)
{
    (void)parent_file, (void)parent_group, (void)file, (void)object;
    (void)flags, (void)access, (void)context;
    return -1;
}

enum status store_look_at(const char *path, uint64_t *size, struct error *err)
{
    struct stat about;
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0 && errno == ENOENT)
        return error_set(err, STATUS_INVALID, "%s: no such file", path);
    if (descriptor < 0 || fstat(descriptor, &about) != 0) {
        store_system_error(err, path, "cannot read");
        if (descriptor >= 0)
            close(descriptor);
        return STATUS_SYSTEM;
    }
    close(descriptor);
    if (S_ISDIR(about.st_mode))
        return error_set(err, STATUS_INVALID, "%s: is a folder; an HDF5 file is needed", path);
    if (!S_ISREG(about.st_mode))
        return error_set(err, STATUS_INVALID, "%s: is no regular file", path);
    *size = (uint64_t)about.st_size;
    if (*size == 0)
        return error_set(err, STATUS_INVALID, "%s: is empty; an HDF5 file is needed", path);
    if (checksum_of_file(path) == CHECKSUM_WRONG)
        return error_set(err, STATUS_INVALID,
                         "%s: is damaged: its bytes do not have the checksum at its end", path);
    return STATUS_OK;
}

/* Finished files never change, so they need no lock, which some shared folders cannot give.  Small
 * files are read at once. */
static enum status open_hdf5(struct store_file *file, struct error *err)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    file->access = H5Pcreate(H5P_LINK_ACCESS);
    if (access >= 0 &&
        (file->size > READ_AT_ONCE || H5Pset_fapl_core(access, STORE_INCREMENT, false) >= 0) &&
        H5Pset_file_locking(access, false, true) >= 0 &&
        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 && file->access >= 0 &&
        H5Pset_elink_cb(file->access, refuse_link, NULL) >= 0)
        file->id = H5Fopen(file->path, H5F_ACC_RDONLY, access);
    enum status status = STATUS_OK;
    if (file->id < 0)
        status = hdf5_error(err, STATUS_INVALID, "%s: is truncated or damaged", file->path);
    hdf5_release(access);
    return status;
}

/* A file with the attribute `checksum` must end with one. */
static enum status miss_checksum(const struct store_file *file, struct error *err)
{
    char *text = NULL;
    if (checksum_is_there(file->path) || !store_has_attribute(file, store_checksum_attribute) ||
        store_get_text(file, store_checksum_attribute, &text, NULL))
        return STATUS_OK;
    const bool missing = strcmp(text, store_checksum_text) == 0;
    free(text);
    return missing ? error_set(err, STATUS_INVALID,
                               "%s: is truncated or damaged: the checksum at its end is missing",
                               file->path)
                   : STATUS_OK;
}

enum status store_open_file(struct store_file **file, const char *path, uint64_t size,
                            struct error *err)
{
    *file = NULL;
    struct store_file *opened = malloc(sizeof *opened);
    if (!opened)
        return store_out_of_memory(err);
    *opened = (struct store_file){-1, -1, size, strdup(path)};
    enum status status = opened->path ? open_hdf5(opened, err) : store_out_of_memory(err);
    if (!status)
        status = miss_checksum(opened, err);
    if (status)
        store_close(opened);
    else
        *file = opened;
    return status;
}

void store_close(struct store_file *file)
{
    if (!file)
        return;
    hdf5_quiet();
    hdf5_release(file->access);
    hdf5_release(file->id);
    free(file->path);
    free(file);
}

enum status store_damaged(const struct store_file *file, const char *what, struct error *err)
{
    return hdf5_error(err, STATUS_INVALID, "%s: is truncated or damaged at %s", file->path, what);
}

/* ---- numbers ---- */

void view_close(struct view *view)
{
    hdf5_release(view->space);
    hdf5_release(view->type);
    hdf5_release(view->id);
}

static const char *class_name(H5T_class_t class)
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

/* The plain integers and floats; other types of these classes are very rare, or made to do harm. */
static bool is_plain_number(hid_t type)
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

/* Numbers and enumerations of them, such as the booleans of h5py. */
static bool is_number(hid_t type)
{
    if (H5Tget_class(type) != H5T_ENUM)
        return is_plain_number(type);
    hid_t super = H5Tget_super(type);
    bool plain = super >= 0 && is_plain_number(super);
    hdf5_release(super);
    return plain;
}

/* Rank, extent and number of values, which is checked against the limit of memory. */
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

/* All checks of numbers except of the values. */
static enum status view_check(const struct store_file *file, const struct view *view,
                              uint64_t factor, struct store_array *array, struct error *err)
{
    size_t shape[STORE_FILE_RANK];
    enum status status = view_extent(file, view, &array->rank, shape, &array->count, err);
    if (status)
        return status;
    if (array->rank > STORE_MAX_RANK)
        return error_set(err, STATUS_INVALID, "%s: %s has rank %d; at most %d can be read",
                         file->path, view->name, array->rank, STORE_MAX_RANK);
    if (!is_number(view->type))
        return error_set(err, STATUS_INVALID, "%s: %s holds %s; numbers are needed", file->path,
                         view->name, class_name(H5Tget_class(view->type)));
    memcpy(array->shape, shape, (size_t)array->rank * sizeof *shape);
    return view_check_capacity(file, view, array->count, factor, err);
}

/* ---- datasets ---- */

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
    if (view->space >= 0)
        return STATUS_OK;
    enum status status = store_damaged(file, path, err);
    view_close(view);
    return status;
}

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

/* Refuse data in other files, and find how much the filters may compress. */
static enum status check_layout(const struct store_file *file, const struct view *view,
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

static enum status read_dataset(const struct store_file *file, const struct view *view,
                                struct store_array *array, struct error *err)
{
    uint64_t factor = 1;
    enum status status = check_layout(file, view, &factor, err);
    if (!status)
        status = view_check(file, view, factor, array, err);
    if (status)
        return status;
    array->values = malloc((array->count ? array->count : 1) * sizeof *array->values);
    if (!array->values)
        return store_out_of_memory(err);
    if (H5Dread(view->id, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, array->values) < 0)
        return store_damaged(file, view->name, err);
    return STATUS_OK;
}

enum status store_get(const struct store_file *file, const char *path, struct store_array *array,
                      struct error *err)
{
    hdf5_quiet();
    *array = (struct store_array){0};
    struct view view;
    enum status status = view_open_dataset(file, path, &view, err);
    if (status)
        return status;
    status = read_dataset(file, &view, array, err);
    if (status)
        store_array_free(array);
    view_close(&view);
    return status;
}

void store_array_free(struct store_array *array)
{
    free(array->values);
    *array = (struct store_array){0};
}

/* ---- attributes ---- */

enum status view_open_attribute(const struct store_file *file, hid_t object, const char *name,
                                struct view *view, struct error *err)
{
    *view = (struct view){-1, -1, -1, name};
    htri_t there = H5Aexists(object, name);
    if (there == 0)
        return error_set(err, STATUS_INVALID, "%s: there is no attribute %s", file->path, name);
    if (there > 0)
        view->id = H5Aopen(object, name, H5P_DEFAULT);
    if (view->id >= 0)
        view->type = H5Aget_type(view->id);
    if (view->type >= 0)
        view->space = H5Aget_space(view->id);
    if (view->space >= 0)
        return STATUS_OK;
    enum status status = store_damaged(file, name, err);
    view_close(view);
    return status;
}

/* One text of fixed length, without its padding. */
enum status view_read_fixed_text(const struct store_file *file, const struct view *view,
                                 char **text, struct error *err)
{
    size_t size = H5Tget_size(view->type);
    if (size == 0 || size > MAX_TEXT || size > file->size)
        return error_set(err, STATUS_INVALID, "%s: is truncated or damaged at %s", file->path,
                         view->name);
    *text = calloc(size + 1, 1);
    if (!*text)
        return store_out_of_memory(err);
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
    return *text ? STATUS_OK : store_out_of_memory(err);
}

enum status store_read_text(const struct store_file *file, hid_t object, const char *name,
                            char **text, struct error *err)
{
    *text = NULL;
    struct view view;
    enum status status = view_open_attribute(file, object, name, &view, err);
    if (status)
        return status;
    if (H5Tget_class(view.type) != H5T_STRING || H5Sget_simple_extent_npoints(view.space) != 1)
        status = error_set(err, STATUS_INVALID, "%s: the attribute %s is not one text", file->path,
                           name);
    else if (H5Tis_variable_str(view.type) > 0)
        status = read_varying_text(file, &view, text, err);
    else
        status = view_read_fixed_text(file, &view, text, err);
    view_close(&view);
    return status;
}

static enum status read_numbers(const struct store_file *file, const struct view *view,
                                struct store_array *array, struct error *err)
{
    enum status status = view_check(file, view, 1, array, err);
    if (status)
        return status;
    array->values = malloc((array->count ? array->count : 1) * sizeof *array->values);
    if (!array->values)
        return store_out_of_memory(err);
    if (H5Aread(view->id, H5T_NATIVE_DOUBLE, array->values) < 0)
        return store_damaged(file, view->name, err);
    return STATUS_OK;
}

bool store_has_attribute(const struct store_file *file, const char *name)
{
    hdf5_quiet();
    return H5Aexists(file->id, name) > 0;
}

enum status store_get_text(const struct store_file *file, const char *name, char **text,
                           struct error *err)
{
    hdf5_quiet();
    return store_read_text(file, file->id, name, text, err);
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
    status = read_numbers(file, &view, array, err);
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
    return H5Tget_class(view->type) == H5T_INTEGER && is_plain_number(view->type) &&
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
    int64_t signed_value = 0;
    bool is_signed = H5Tget_class(view.type) == H5T_INTEGER && H5Tget_sign(view.type) == H5T_SGN_2;
    if (is_signed) {
        status = read_integer(&view, H5T_NATIVE_INT64, &signed_value) ? STATUS_OK : STATUS_INVALID;
        *value = (uint64_t)signed_value;
    } else {
        status = read_integer(&view, H5T_NATIVE_UINT64, value) ? STATUS_OK : STATUS_INVALID;
    }
    if (status || signed_value < 0)
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
        return store_out_of_memory(err);
    fputs(array->rank ? "[" : "", out);
    for (size_t i = 0; i < array->count && i < MAX_SHOWN; i++) {
        char number[STORE_NUMBER_SIZE];
        store_format_number(array->values[i], number);
        fprintf(out, "%s%s", i ? ", " : "", number);
    }
    fputs(array->count > MAX_SHOWN ? ", ...]" : array->rank ? "]" : "", out);
    return fclose(out) == 0 ? STATUS_OK : store_out_of_memory(err);
}

static enum status show_other(const struct view *view, char **text, struct error *err)
{
    H5T_class_t class = H5Tget_class(view->type);
    const char *what = class == H5T_STRING ? "texts" : class_name(class);
    if (H5Sget_simple_extent_type(view->space) == H5S_NULL)
        what = "no value";
    if (asprintf(text, "(%s)", what) >= 0)
        return STATUS_OK;
    *text = NULL;
    return store_out_of_memory(err);
}

/* An attribute that is not one text. */
static enum status show_view(const struct store_file *file, const struct view *view, char **text,
                             struct error *err)
{
    int64_t integer;
    uint64_t natural;
    if (!is_number(view->type) || H5Sget_simple_extent_type(view->space) == H5S_NULL)
        return show_other(view, text, err);
    if (H5Tget_sign(view->type) == H5T_SGN_2 && read_integer(view, H5T_NATIVE_INT64, &integer))
        return asprintf(text, "%lld", (long long)integer) < 0 ? store_out_of_memory(err)
                                                              : STATUS_OK;
    if (read_integer(view, H5T_NATIVE_UINT64, &natural))
        return asprintf(text, "%llu", (unsigned long long)natural) < 0 ? store_out_of_memory(err)
                                                                       : STATUS_OK;
    struct store_array array = {0};
    enum status status = read_numbers(file, view, &array, err);
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
    if (H5Tget_class(view.type) == H5T_STRING && H5Sget_simple_extent_npoints(view.space) == 1)
        status = store_read_text(file, file->id, name, text, err);
    else
        status = show_view(file, &view, text, err);
    view_close(&view);
    return status;
}
