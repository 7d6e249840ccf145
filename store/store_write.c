/* Makes result files. */
#include "core/text.h"
#include "store/checksum.h"
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5_hl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the file in memory ---- */

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char store_checksum_attribute[] = "checksum";
const char store_checksum_text[] = "CRC-32, the last 16 bytes";

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

/* Fixed length: texts of varying length would go to a heap without checksum. */
static enum status write_text(hid_t object, const char *name, const char *value, struct error *err)
{
    size_t length = strlen(value);
    hid_t type = H5Tcopy(H5T_C_S1);
    enum status status;
    if (type < 0 || H5Tset_size(type, length ? length : 1) < 0 ||
        H5Tset_strpad(type, H5T_STR_NULLPAD) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0)
        status = hdf5_error(err, STATUS_SYSTEM, "cannot store the attribute %s", name);
    else
        status = write_attribute(object, name, type, type, value, err);
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

static enum status write_dataset(struct store *store, const char *path, int rank,
                                 const size_t *shape, const double *values, hid_t *dataset,
                                 struct error *err)
{
    hsize_t extent[STORE_MAX_RANK];
    for (int i = 0; i < rank; i++)
        extent[i] = shape[i];
    hid_t space = rank ? H5Screate_simple(rank, extent, NULL) : H5Screate(H5S_SCALAR);
    *dataset = -1;
    if (space >= 0)
        *dataset = H5Dcreate2(store->file, path, H5T_IEEE_F64LE, space, H5P_DEFAULT,
                              store->datasets, H5P_DEFAULT);
    enum status status = STATUS_OK;
    if (*dataset < 0 ||
        H5Dwrite(*dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
        status = hdf5_error(err, STATUS_SYSTEM, "cannot store %s", path);
    hdf5_release(space);
    return status;
}

/* Write the dataset with its attributes; `*dataset` is open even on failure, or negative. */
static enum status put(struct store *store, const char *path, int rank, const size_t *shape,
                       const double *values, const char *long_name, const char *units,
                       hid_t *dataset, struct error *err)
{
    *dataset = -1;
    enum status status = make_groups(store, path, err);
    if (!status && H5Lexists(store->file, path, H5P_DEFAULT) > 0)
        status = error_set(err, STATUS_INVALID, "%s is stored already", path);
    if (!status)
        status = write_dataset(store, path, rank, shape, values, dataset, err);
    if (!status)
        status = write_text(*dataset, "long_name", long_name, err);
    if (!status)
        status = write_text(*dataset, "units", units, err);
    return status;
}

static double *count_up(size_t length)
{
    double *values = malloc((length ? length : 1) * sizeof *values);
    for (size_t i = 0; values && i < length; i++)
        values[i] = (double)i;
    return values;
}

enum status store_put_axis(struct store *store, const char *path, size_t length,
                           const double *values, const char *long_name, const char *units,
                           struct error *err)
{
    hdf5_quiet();
    double *counted = values ? NULL : count_up(length);
    if (!values && !counted)
        return error_memory(err, "a file");
    hid_t dataset;
    enum status status =
        put(store, path, 1, &length, values ? values : counted, long_name, units, &dataset, err);
    if (!status && H5DSset_scale(dataset, last_component(path)) < 0)
        status = hdf5_error(err, STATUS_SYSTEM, "cannot make %s an axis", path);
    hdf5_release(dataset);
    free(counted);
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

enum status store_put(struct store *store, const char *path, int rank, const size_t *shape,
                      const char *const *axes, const double *values, const char *long_name,
                      const char *units, struct error *err)
{
    hdf5_quiet();
    if (rank < 0 || rank > STORE_MAX_RANK)
        return error_set(err, STATUS_INVALID, "%s: rank %d; 0 to %d can be stored", path, rank,
                         STORE_MAX_RANK);
    hid_t dataset;
    enum status status = put(store, path, rank, shape, values, long_name, units, &dataset, err);
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

static bool is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* Make `folder` and the folders above it; errno says why not. */
static bool make_folders(char *folder)
{
    for (char *slash = strchr(folder + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        int made = mkdir(folder, 0777), why = errno;
        bool there = made == 0 || is_folder(folder);
        if (slash)
            *slash = '/';
        if (!there) {
            errno = why == EEXIST ? ENOTDIR : why;
            return false;
        }
        if (!slash)
            return true;
    }
}

bool store_write_all(int descriptor, const void *all, size_t size)
{
    const char *bytes = all;
    const size_t most = (size_t)1 << 30;
    while (size > 0) {
        ssize_t written = write(descriptor, bytes, size < most ? size : most);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

/* Some file systems cannot flush a folder and say so. */
static bool flush_folder(const char *folder)
{
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return errno == EACCES; /* a folder that can be written but not listed */
    bool done = fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP;
    int why = errno;
    close(descriptor);
    errno = why;
    return done;
}

/* Write and flush a new file; errno says why not. */
static bool write_file(const char *path, const char *bytes, size_t size)
{
    unlink(path); /* left behind by a process that was killed */
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return false;
    bool done = store_write_all(descriptor, bytes, size) && fsync(descriptor) == 0;
    int why = errno;
    if (close(descriptor) != 0 && done) {
        done = false;
        why = errno;
    }
    errno = why;
    return done;
}

/* Write `bytes` to `temporary` and rename it to `path`.  `bytes` NULL: only try. */
static enum status replace_file(const char *path, const char *folder, const char *temporary,
                                const char *bytes, size_t size, struct error *err)
{
    enum { TRIES = 3 }; /* another process may remove it as a leftover, see sweep_clean */
    bool written = write_file(temporary, bytes, size);
    if (written && !bytes) {
        unlink(temporary);
        return STATUS_OK;
    }
    bool placed = written && rename(temporary, path) == 0;
    for (int i = 1; i < TRIES && !placed && errno == ENOENT; i++)
        placed = write_file(temporary, bytes, size) && rename(temporary, path) == 0;
    if (!placed) {
        store_system_error(err, path, "cannot write");
        unlink(temporary);
        return STATUS_SYSTEM;
    }
    if (!flush_folder(folder))
        return store_system_error(err, path, "cannot flush its folder");
    return STATUS_OK;
}

/* FOLDER/.NAME.PID.tmp, allocated; a very long name is cut. */
static char *temporary_name(const char *folder, const char *path)
{
    char *name;
    if (asprintf(&name, "%s/.%.200s.%ld.tmp", folder, last_component(path), (long)getpid()) < 0)
        return NULL;
    return name;
}

static enum status write_image(const char *path, const char *bytes, size_t size, struct error *err)
{
    struct stat about;
    if (!last_component(path)[0])
        return error_set(err, STATUS_INVALID, "'%s' is no name of a file", path);
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode))
        return error_set(err, STATUS_INVALID, "%s: is no regular file and stays as it is", path);
    char *copy = strdup(path), *folder = copy ? dirname(copy) : NULL;
    char *temporary = folder ? temporary_name(folder, path) : NULL;
    enum status status;
    if (!temporary) {
        status = error_memory(err, "a file");
    } else if (!make_folders(folder)) {
        status = error_set(err, STATUS_SYSTEM, "%s: cannot make the folder %s: %s", path, folder,
                           strerror(errno));
    } else {
        status = replace_file(path, folder, temporary, bytes, size, err);
    }
    free(temporary);
    free(copy);
    return status;
}

enum status store_check_writable(const char *path, struct error *err)
{
    return write_image(path, NULL, 0, err);
}

enum status store_write_text(const char *path, const char *text, size_t size, struct error *err)
{
    return write_image(path, text, size, err);
}

enum status store_print(const char *path, void (*print)(FILE *out, const void *context),
                        const void *context, struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out)
        print(out, context);
    enum status status = close_text(out, path, err);
    if (!status)
        status = store_write_text(path, text, size, err);
    free(text);
    return status;
}

enum status store_commit(struct store *store, const char *path, struct error *err)
{
    hdf5_quiet();
    ssize_t size = -1;
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
        status = write_image(path, bytes, (size_t)size + CHECKSUM_BYTES, err);
    } else {
        status = hdf5_error(err, STATUS_SYSTEM, "%s: cannot lay out the file", path);
    }
    free(bytes);
    return status;
}
