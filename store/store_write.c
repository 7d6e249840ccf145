/* Makes result files. */
#include "store/checksum.h"
#include "store/output.h"
#include "store/store_private.h"

#include <hdf5_hl.h>
#include <stdlib.h>
#include <string.h>

/* ---- the file in memory ---- */

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

struct store {
    hid_t file;
    hid_t groups;   /* creation properties of groups */
    hid_t datasets; /* and of datasets */
};

enum {
    LINKS_IN_HEADER = 4096, /* of a group, before it would need a heap and a tree */
    ATTRIBUTES_IN_HEADER = 64,
};

/* No times, so that the same calls give the same bytes.  Tracking the order of creation makes HDF5
 * use object headers of version 2, which have checksums, and lets netCDF list things in order. */
static hid_t object_properties(hid_t class)
{
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    hid_t properties = H5Pcreate(class);
    if (properties < 0)
        return properties;
    herr_t bad = H5Pset_obj_track_times(properties, false);
    bad |= H5Pset_attr_creation_order(properties, order);
    bad |= H5Pset_attr_phase_change(properties, ATTRIBUTES_IN_HEADER, 0);
    if (class == H5P_DATASET_CREATE) {
        bad |= H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER);
    } else {
        bad |= H5Pset_link_creation_order(properties, order);
        bad |= H5Pset_link_phase_change(properties, LINKS_IN_HEADER, 0);
    }
    if (bad >= 0)
        return properties;
    hdf5_release(properties);
    return -1;
}

/* The library's oldest format: every reader knows it, and H5Fget_file_image spoils the checksum of
 * newer superblocks. */
static hid_t create_file(const struct store *store, hid_t creation, hid_t access)
{
    /* Open files are told apart by name; nothing can exist below a device. */
    char name[64];
    snprintf(name, sizeof name, "/dev/null/%p", (const void *)store);
    if (creation < 0 || access < 0 || H5Pset_fapl_core(access, STORE_INCREMENT, false) < 0 ||
        H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18) < 0)
        return -1;
    return H5Fcreate(name, H5F_ACC_TRUNC, creation, access);
}

void store_free(struct store *store)
{
    if (!store)
        return;
    hdf5_quiet();
    hdf5_release(store->groups);
    hdf5_release(store->datasets);
    hdf5_release(store->file);
    free(store);
}

static enum status write_attribute(hid_t object, const char *name, hid_t file_type,
                                   hid_t memory_type, const void *value, struct error *err)
{
    hid_t space = H5Screate(H5S_SCALAR), attribute = -1;
    if (space >= 0)
        attribute = H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
    enum status status = STATUS_OK;
    if (attribute < 0 || H5Awrite(attribute, memory_type, value) < 0)
        status = hdf5_error(err, STATUS_SYSTEM, "cannot store the attribute %s", name);
    hdf5_release(attribute);
    hdf5_release(space);
    return status;
}

/* UTF-8 of varying length, which h5py gives as str and not as bytes; -1 on failure. */
static hid_t text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && H5Tset_size(type, H5T_VARIABLE) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0)
        return type;
    hdf5_release(type);
    return -1;
}

static enum status write_text(hid_t object, const char *name, const char *value, struct error *err)
{
    hid_t type = text_type();
    enum status status = type < 0
                             ? hdf5_error(err, STATUS_SYSTEM, "cannot store the attribute %s", name)
                             : write_attribute(object, name, type, type, &value, err);
    hdf5_release(type);
    return status;
}

enum status store_create(struct store **store, struct error *err)
{
    hdf5_quiet();
    *store = NULL;
    struct store *made = malloc(sizeof *made);
    if (!made)
        return error_memory(err, "a file");
    hid_t creation = object_properties(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
    made->groups = object_properties(H5P_GROUP_CREATE);
    made->datasets = object_properties(H5P_DATASET_CREATE);
    made->file = create_file(made, creation, access);
    enum status status = STATUS_OK;
    if (made->groups < 0 || made->datasets < 0 || made->file < 0)
        status = hdf5_error(err, STATUS_SYSTEM, "cannot start a result file in memory");
    else
        status = write_text(made->file, store_checksum_attribute, store_checksum_text, err);
    hdf5_release(creation);
    hdf5_release(access);
    if (status)
        store_free(made);
    else
        *store = made;
    return status;
}

enum status store_put_text(struct store *store, const char *name, const char *value,
                           struct error *err)
{
    hdf5_quiet();
    return write_text(store->file, name, value, err);
}

enum status store_put_integer(struct store *store, const char *name, uint64_t value,
                              struct error *err)
{
    hdf5_quiet();
    return write_attribute(store->file, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, &value, err);
}

/* Make the group `path` unless it is there. */
static enum status make_group(struct store *store, const char *path, struct error *err)
{
    htri_t there = H5Lexists(store->file, path, H5P_DEFAULT);
    hid_t group = -1;
    if (there > 0)
        group = H5Gopen2(store->file, path, H5P_DEFAULT);
    else if (there == 0)
        group = H5Gcreate2(store->file, path, H5P_DEFAULT, store->groups, H5P_DEFAULT);
    if (group < 0)
        return hdf5_error(err, STATUS_INVALID, "%s cannot be a group", path);
    hdf5_release(group);
    return STATUS_OK;
}

static enum status make_groups(struct store *store, const char *path, struct error *err)
{
    if (path[0] != '/' || strstr(path, "//") || !last_component(path)[0])
        return error_set(err, STATUS_INVALID, "'%s' is no path of a dataset such as /series/loss",
                         path);
    char *prefix = strdup(path);
    if (!prefix)
        return error_memory(err, "a file");
    enum status status = STATUS_OK;
    for (char *slash = strchr(prefix + 1, '/'); slash && !status; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        status = make_group(store, prefix, err);
        *slash = '/';
    }
    free(prefix);
    return status;
}

/* Values of a dataset and their types. */
struct content {
    hid_t in_file, in_memory;
    const void *values;
};

static struct content reals(const double *values)
{
    return (struct content){H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, values};
}

static struct content integers(const int64_t *values)
{
    return (struct content){H5T_STD_I64LE, H5T_NATIVE_INT64, values};
}

static enum status write_dataset(struct store *store, const char *path, int rank,
                                 const size_t *shape, struct content content, hid_t *dataset,
                                 struct error *err)
{
    hsize_t extent[STORE_MAX_RANK];
    for (int i = 0; i < rank; i++)
        extent[i] = shape[i];
    hid_t space = rank ? H5Screate_simple(rank, extent, NULL) : H5Screate(H5S_SCALAR);
    hid_t properties = H5Pcopy(store->datasets);
    if (H5Tget_class(content.in_file) == H5T_STRING) /* texts of varying length need a fill value */
        H5Pset_fill_time(properties, H5D_FILL_TIME_IFSET);
    *dataset = -1;
    if (space >= 0)
        *dataset = H5Dcreate2(store->file, path, content.in_file, space, H5P_DEFAULT, properties,
                              H5P_DEFAULT);
    enum status status = STATUS_OK;
    if (*dataset < 0 ||
        H5Dwrite(*dataset, content.in_memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, content.values) < 0)
        status = hdf5_error(err, STATUS_SYSTEM, "cannot store %s", path);
    hdf5_release(properties);
    hdf5_release(space);
    return status;
}

/* Write the dataset with its attributes; `*dataset` is open even on failure, or negative. */
static enum status put(struct store *store, const char *path, int rank, const size_t *shape,
                       struct content content, const char *long_name, const char *units,
                       hid_t *dataset, struct error *err)
{
    *dataset = -1;
    enum status status = make_groups(store, path, err);
    if (!status && H5Lexists(store->file, path, H5P_DEFAULT) > 0)
        status = error_set(err, STATUS_INVALID, "%s is stored already", path);
    if (!status)
        status = write_dataset(store, path, rank, shape, content, dataset, err);
    if (!status)
        status = write_text(*dataset, "long_name", long_name, err);
    if (!status && units)
        status = write_text(*dataset, "units", units, err);
    return status;
}

static enum status put_axis(struct store *store, const char *path, size_t length,
                            struct content content, const char *long_name, const char *units,
                            struct error *err)
{
    hid_t dataset;
    enum status status = put(store, path, 1, &length, content, long_name, units, &dataset, err);
    if (!status && H5DSset_scale(dataset, last_component(path)) < 0)
        status = hdf5_error(err, STATUS_SYSTEM, "cannot make %s an axis", path);
    hdf5_release(dataset);
    return status;
}

enum status store_put_axis(struct store *store, const char *path, size_t length,
                           const double *values, const char *long_name, const char *units,
                           struct error *err)
{
    hdf5_quiet();
    if (!values)
        return store_put_whole_axis(store, path, length, NULL, long_name, units, err);
    return put_axis(store, path, length, reals(values), long_name, units, err);
}

enum status store_put_whole_axis(struct store *store, const char *path, size_t length,
                                 const double *values, const char *long_name, const char *units,
                                 struct error *err)
{
    hdf5_quiet();
    int64_t *whole = malloc((length ? length : 1) * sizeof *whole);
    if (!whole)
        return error_memory(err, "a file");
    for (size_t i = 0; i < length; i++)
        whole[i] = values ? (int64_t)values[i] : (int64_t)i;
    const enum status status =
        put_axis(store, path, length, integers(whole), long_name, units, err);
    free(whole);
    return status;
}

/* The axis at `path`; -1 and an error unless it is an axis of `length` values. */
static hid_t open_axis(const struct store *store, const char *path, size_t length,
                       struct error *err)
{
    hid_t axis = path ? H5Dopen2(store->file, path, H5P_DEFAULT) : -1;
    if (axis < 0 || H5DSis_scale(axis) <= 0) {
        error_set(err, STATUS_INVALID, "%s is no axis", path ? path : "NULL");
        hdf5_release(axis);
        return -1;
    }
    hid_t space = H5Dget_space(axis);
    hssize_t points = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    hdf5_release(space);
    if (points >= 0 && (size_t)points == length)
        return axis;
    error_set(err, STATUS_INVALID, "the axis %s has %lld values, not %zu", path, (long long)points,
              length);
    hdf5_release(axis);
    return -1;
}

/* netCDF finds the axes of a dataset only in its own group and those above it. */
static bool is_in_reach(const char *axis, const char *dataset)
{
    return strncmp(axis, dataset, (size_t)(last_component(axis) - axis)) == 0;
}

static enum status attach(const struct store *store, hid_t dataset, int dimension, const char *path,
                          size_t length, struct error *err)
{
    hid_t axis = open_axis(store, path, length, err);
    if (axis < 0)
        return STATUS_INVALID;
    enum status status = STATUS_OK;
    if (H5DSattach_scale(dataset, axis, (unsigned)dimension) < 0)
        status = hdf5_error(err, STATUS_SYSTEM, "cannot attach the axis %s", path);
    hdf5_release(axis);
    return status;
}

/* A dataset with its axes. */
static enum status put_on_axes(struct store *store, const char *path, int rank, const size_t *shape,
                               const char *const *axes, struct content content,
                               const char *long_name, const char *units, struct error *err)
{
    if (rank < 0 || rank > STORE_MAX_RANK)
        return error_set(err, STATUS_INVALID, "%s: rank %d; 0 to %d can be stored", path, rank,
                         STORE_MAX_RANK);
    hid_t dataset;
    enum status status = put(store, path, rank, shape, content, long_name, units, &dataset, err);
    for (int i = 0; i < rank && axes && !status; i++) {
        if (axes[i] && !is_in_reach(axes[i], path))
            status = error_set(err, STATUS_INVALID,
                               "the axis %s is neither in the group of the dataset nor above it",
                               axes[i]);
        else
            status = attach(store, dataset, i, axes[i], shape[i], err);
        if (status)
            error_context(err, "%s: dimension %d", path, i);
    }
    hdf5_release(dataset);
    return status;
}

enum status store_put(struct store *store, const char *path, int rank, const size_t *shape,
                      const char *const *axes, const double *values, const char *long_name,
                      const char *units, struct error *err)
{
    hdf5_quiet();
    return put_on_axes(store, path, rank, shape, axes, reals(values), long_name, units, err);
}

enum status store_put_integers(struct store *store, const char *path, size_t length,
                               const char *axis, const int64_t *values, const char *long_name,
                               struct error *err)
{
    hdf5_quiet();
    return put_on_axes(store, path, 1, &length, &axis, integers(values), long_name, "1", err);
}

enum status store_put_texts(struct store *store, const char *path, size_t length, const char *axis,
                            const char *const *values, const char *long_name, struct error *err)
{
    hdf5_quiet();
    const hid_t type = text_type();
    if (type < 0)
        return hdf5_error(err, STATUS_SYSTEM, "cannot store %s", path);
    const struct content content = {type, type, values};
    const enum status status =
        put_on_axes(store, path, 1, &length, &axis, content, long_name, NULL, err);
    hdf5_release(type);
    return status;
}

/* "complete diverged", words with one blank between them; allocated, NULL if memory is short. */
static char *join_words(const char *const *words, size_t count)
{
    size_t length;
    char *text = NULL;
    FILE *out = open_memstream(&text, &length);
    for (size_t i = 0; out && i < count; i++) {
        fputs(i ? " " : "", out);
        for (const char *c = words[i]; *c; c++)
            fputc(*c <= ' ' && *c >= 0 ? '_' : *c, out);
    }
    if (out && fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

enum status store_put_meanings(struct store *store, const char *path, const char *const *words,
                               size_t count, struct error *err)
{
    hdf5_quiet();
    const hsize_t length = count;
    char *text = join_words(words, count);
    int64_t *code = malloc((count + 1) * sizeof *code);
    for (size_t i = 0; code && i < count; i++)
        code[i] = (int64_t)i;
    enum status status = text && code ? store_put_note(store, path, "flag_meanings", text, err)
                                      : error_memory(err, "a file");
    hid_t dataset = -1, space = -1, attribute = -1;
    if (!status) {
        dataset = H5Dopen2(store->file, path, H5P_DEFAULT);
        space = H5Screate_simple(1, &length, NULL);
        attribute =
            H5Acreate2(dataset, "flag_values", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT);
        if (attribute < 0 || H5Awrite(attribute, H5T_NATIVE_INT64, code) < 0)
            status = hdf5_error(err, STATUS_SYSTEM, "cannot store the words of %s", path);
    }
    hdf5_release(attribute);
    hdf5_release(space);
    hdf5_release(dataset);
    free(code);
    free(text);
    return status;
}

enum status store_put_note(struct store *store, const char *path, const char *name,
                           const char *text, struct error *err)
{
    hdf5_quiet();
    hid_t dataset = H5Dopen2(store->file, path, H5P_DEFAULT);
    enum status status = dataset < 0 ? hdf5_error(err, STATUS_INVALID, "%s is no dataset", path)
                                     : write_text(dataset, name, text, err);
    hdf5_release(dataset);
    return status;
}

/* ---- the file on disk ---- */

enum status store_commit(struct store *store, const char *path, struct error *err)
{
    hdf5_quiet();
    ssize_t size = -1;
    const enum status signed_well = store_put_digest(store->file, err);
    if (signed_well)
        return signed_well;
    if (H5Fflush(store->file, H5F_SCOPE_GLOBAL) >= 0)
        size = H5Fget_file_image(store->file, NULL, 0);
    if (size < 0)
        return hdf5_error(err, STATUS_SYSTEM, "%s: cannot lay out the file", path);
    char *bytes = malloc((size_t)size + CHECKSUM_BYTES + 1);
    if (!bytes)
        return error_memory(err, "a file");
    enum status status;
    if (H5Fget_file_image(store->file, bytes, (size_t)size) == size) {
        checksum_end(bytes, (size_t)size, bytes + size);
        status = output_write(path, &output_result, bytes, (size_t)size + CHECKSUM_BYTES, err);
    } else {
        status = hdf5_error(err, STATUS_SYSTEM, "%s: cannot lay out the file", path);
    }
    free(bytes);
    return status;
}
