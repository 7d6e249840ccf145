#include "harness/store.h"

#include "harness/checksum.h"
#include "harness/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <hdf5_hl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- shared by both sides ---- */

/* HDF5 prints its error stack on stderr unless told otherwise, once for each thread. */
static void quiet(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

static void release(hid_t id)
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

/* The sentence of `format`, followed by what HDF5 says.  Must come before any further call of HDF5,
 * which would clear the error stack. */
static enum status __attribute__((format(printf, 3, 4)))
hdf5_error(struct error *err, enum status status, const char *format, ...)
{
    char reason[256] = "no reason given", message[768];
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, reason);
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return error_set(err, status, "%s (HDF5: %s)", message, reason);
}

static enum status out_of_memory(struct error *err)
{
    return error_set(err, STATUS_SYSTEM, "out of memory");
}

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
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
    /* 15 digits are always exact, so fewer need no trial, but for subnormal numbers. */
    int precision = fpclassify(value) == FP_SUBNORMAL ? 1 : 15;
    do
        snprintf(text, STORE_NUMBER_SIZE, "%.*g", precision, value);
    while (!reads_back(text, value) && ++precision <= 17);
}

/* ---- writing: the file in memory ---- */

/* A root attribute: says that the file ends with a checksum. */
static const char checksum_attribute[] = "checksum", checksum_text[] = "CRC-32, the last 16 bytes";

struct store {
    hid_t file;
    hid_t groups;   /* creation properties of groups */
    hid_t datasets; /* and of datasets */
};

enum {
    CORE_INCREMENT = 1 << 20, /* bytes by which the file in memory grows */
    LINKS_IN_HEADER = 4096,   /* of a group, before it would need a heap and a tree */
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
    release(properties);
    return -1;
}

/* The library's oldest format: every reader knows it, and H5Fget_file_image spoils the checksum of
 * newer superblocks. */
static hid_t create_file(const struct store *store, hid_t creation, hid_t access)
{
    /* Open files are told apart by name; nothing can exist below a device. */
    char name[64];
    snprintf(name, sizeof name, "/dev/null/%p", (const void *)store);
    if (creation < 0 || access < 0 || H5Pset_fapl_core(access, CORE_INCREMENT, false) < 0 ||
        H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18) < 0)
        return -1;
    return H5Fcreate(name, H5F_ACC_TRUNC, creation, access);
}

void store_free(struct store *store)
{
    if (!store)
        return;
    quiet();
    release(store->groups);
    release(store->datasets);
    release(store->file);
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
    release(attribute);
    release(space);
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
    release(type);
    return status;
}

enum status store_create(struct store **store, struct error *err)
{
    quiet();
    *store = NULL;
    struct store *made = malloc(sizeof *made);
    if (!made)
        return out_of_memory(err);
    hid_t creation = object_properties(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
    made->groups = object_properties(H5P_GROUP_CREATE);
    made->datasets = object_properties(H5P_DATASET_CREATE);
    made->file = create_file(made, creation, access);
    enum status status = STATUS_OK;
    if (made->groups < 0 || made->datasets < 0 || made->file < 0)
        status = hdf5_error(err, STATUS_SYSTEM, "cannot start a result file in memory");
    else
        status = write_text(made->file, checksum_attribute, checksum_text, err);
    release(creation);
    release(access);
    if (status)
        store_free(made);
    else
        *store = made;
    return status;
}

enum status store_put_text(struct store *store, const char *name, const char *value,
                           struct error *err)
{
    quiet();
    return write_text(store->file, name, value, err);
}

enum status store_put_integer(struct store *store, const char *name, uint64_t value,
                              struct error *err)
{
    quiet();
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
    release(group);
    return STATUS_OK;
}

static enum status make_groups(struct store *store, const char *path, struct error *err)
{
    if (path[0] != '/' || strstr(path, "//") || !last_component(path)[0])
        return error_set(err, STATUS_INVALID, "'%s' is no path of a dataset such as /series/loss",
                         path);
    char *prefix = strdup(path);
    if (!prefix)
        return out_of_memory(err);
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
    release(space);
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
    quiet();
    double *counted = values ? NULL : count_up(length);
    if (!values && !counted)
        return out_of_memory(err);
    hid_t dataset;
    enum status status =
        put(store, path, 1, &length, values ? values : counted, long_name, units, &dataset, err);
    if (!status && H5DSset_scale(dataset, last_component(path)) < 0)
        status = hdf5_error(err, STATUS_SYSTEM, "cannot make %s an axis", path);
    release(dataset);
    free(counted);
    return status;
}

/* The axis at `path`, or -1 and an error unless it is one of `length` values. */
static hid_t open_axis(const struct store *store, const char *path, size_t length,
                       struct error *err)
{
    hid_t axis = path ? H5Dopen2(store->file, path, H5P_DEFAULT) : -1;
    if (axis < 0 || H5DSis_scale(axis) <= 0) {
        error_set(err, STATUS_INVALID, "%s is no axis", path ? path : "NULL");
        release(axis);
        return -1;
    }
    hid_t space = H5Dget_space(axis);
    hssize_t points = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    release(space);
    if (points >= 0 && (size_t)points == length)
        return axis;
    error_set(err, STATUS_INVALID, "the axis %s has %lld values, not %zu", path, (long long)points,
              length);
    release(axis);
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
    release(axis);
    return status;
}

enum status store_put(struct store *store, const char *path, int rank, const size_t *shape,
                      const char *const *axes, const double *values, const char *long_name,
                      const char *units, struct error *err)
{
    quiet();
    if (rank < 0 || rank > STORE_MAX_RANK)
        return error_set(err, STATUS_INVALID, "%s: rank %d; 0 to %d can be stored", path, rank,
                         STORE_MAX_RANK);
    hid_t dataset;
    enum status status = put(store, path, rank, shape, values, long_name, units, &dataset, err);
    for (int i = 0; i < rank && !status; i++) {
        if (axes[i] && !is_in_reach(axes[i], path))
            status = error_set(err, STATUS_INVALID,
                               "the axis %s is neither in the group of the dataset nor above it",
                               axes[i]);
        else
            status = attach(store, dataset, i, axes[i], shape[i], err);
        if (status)
            error_context(err, "%s: dimension %d", path, i);
    }
    release(dataset);
    return status;
}

/* ---- writing: the file on disk ---- */

static enum status system_error(struct error *err, const char *path, const char *what)
{
    const int why = errno;
    error_set(err, STATUS_SYSTEM, "%s: %s: %s", path, what, strerror(why));
    if (err)
        err->number = why;
    return STATUS_SYSTEM;
}

/* The folder of `path`, allocated. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static bool is_folder(const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return false;
    errno = ENOTDIR;
    return S_ISDIR(about.st_mode);
}

/* Make `folder` and those above it; errno says why not. */
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

static bool write_all(int descriptor, const char *bytes, size_t size)
{
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
    bool done = write_all(descriptor, bytes, size) && fsync(descriptor) == 0;
    int why = errno;
    if (close(descriptor) != 0 && done) {
        done = false;
        why = errno;
    }
    errno = why;
    return done;
}

/* Put `bytes` at `path` by way of `temporary`, which is gone in the end.  NULL: only try. */
static enum status replace_file(const char *path, const char *folder, const char *temporary,
                                const char *bytes, size_t size, struct error *err)
{
    enum { TRIES = 3 }; /* somebody may take it for a leftover, see sweep_clean */
    bool written = write_file(temporary, bytes, size);
    if (written && !bytes) {
        unlink(temporary);
        return STATUS_OK;
    }
    bool placed = written && rename(temporary, path) == 0;
    for (int i = 1; i < TRIES && !placed && errno == ENOENT; i++)
        placed = write_file(temporary, bytes, size) && rename(temporary, path) == 0;
    if (!placed) {
        system_error(err, path, "cannot write");
        unlink(temporary);
        return STATUS_SYSTEM;
    }
    if (!flush_folder(folder))
        return system_error(err, path, "cannot flush its folder");
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
    char *folder = folder_of(path);
    char *temporary = folder ? temporary_name(folder, path) : NULL;
    enum status status;
    if (!temporary) {
        status = out_of_memory(err);
    } else if (!make_folders(folder)) {
        status = error_set(err, STATUS_SYSTEM, "%s: cannot make the folder %s: %s", path, folder,
                           strerror(errno));
    } else {
        status = replace_file(path, folder, temporary, bytes, size, err);
    }
    free(temporary);
    free(folder);
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

enum status store_commit(struct store *store, const char *path, struct error *err)
{
    quiet();
    ssize_t size = -1;
    if (H5Fflush(store->file, H5F_SCOPE_GLOBAL) >= 0)
        size = H5Fget_file_image(store->file, NULL, 0);
    if (size < 0)
        return hdf5_error(err, STATUS_SYSTEM, "%s: cannot lay out the file", path);
    char *bytes = malloc((size_t)size + CHECKSUM_BYTES + 1);
    if (!bytes)
        return out_of_memory(err);
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

/* ---- reading: the file ---- */

struct store_file {
    hid_t id;
    hid_t access; /* how links are followed */
    uint64_t size;
    char *path;
};

enum {
    MAX_BYTES_LOG2 = 33,    /* 8 GiB: the most that one array may need in memory */
    MAX_COMPRESSION = 1100, /* deflate reaches 1032 */
    READ_AT_ONCE = 1 << 20, /* bytes of a file */
    MAX_DEPTH = 32,         /* of groups in one another */
    MAX_LINKS = 1000000,    /* followed by one visit */
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

/* Size of the regular file at `path`, whose checksum is right if it has one. */
static enum status look_at_file(const char *path, uint64_t *size, struct error *err)
{
    struct stat about;
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0 && errno == ENOENT)
        return error_set(err, STATUS_INVALID, "%s: no such file", path);
    if (descriptor < 0 || fstat(descriptor, &about) != 0) {
        system_error(err, path, "cannot read");
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
 * ones are read at once. */
static enum status open_hdf5(struct store_file *file, struct error *err)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    file->access = H5Pcreate(H5P_LINK_ACCESS);
    if (access >= 0 &&
        (file->size > READ_AT_ONCE || H5Pset_fapl_core(access, CORE_INCREMENT, false) >= 0) &&
        H5Pset_file_locking(access, false, true) >= 0 &&
        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 && file->access >= 0 &&
        H5Pset_elink_cb(file->access, refuse_link, NULL) >= 0)
        file->id = H5Fopen(file->path, H5F_ACC_RDONLY, access);
    enum status status = STATUS_OK;
    if (file->id < 0)
        status = hdf5_error(err, STATUS_INVALID, "%s: is truncated or damaged", file->path);
    release(access);
    return status;
}

/* A file that says that it ends with a checksum must do so. */
static enum status miss_checksum(const struct store_file *file, struct error *err)
{
    char *text = NULL;
    if (checksum_is_there(file->path) || !store_has_attribute(file, checksum_attribute) ||
        store_get_text(file, checksum_attribute, &text, NULL))
        return STATUS_OK;
    const bool missing = strcmp(text, checksum_text) == 0;
    free(text);
    return missing ? error_set(err, STATUS_INVALID,
                               "%s: is truncated or damaged: the checksum at its end is missing",
                               file->path)
                   : STATUS_OK;
}

static enum status open_file(struct store_file **file, const char *path, uint64_t size,
                             struct error *err)
{
    *file = NULL;
    struct store_file *opened = malloc(sizeof *opened);
    if (!opened)
        return out_of_memory(err);
    *opened = (struct store_file){-1, -1, size, strdup(path)};
    enum status status = opened->path ? open_hdf5(opened, err) : out_of_memory(err);
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
    quiet();
    release(file->access);
    release(file->id);
    free(file->path);
    free(file);
}

static enum status damaged(const struct store_file *file, const char *what, struct error *err)
{
    return hdf5_error(err, STATUS_INVALID, "%s: is truncated or damaged at %s", file->path, what);
}

/* ---- reading: numbers ---- */

/* An open dataset or attribute. */
struct view {
    hid_t id, type, space;
    const char *name;
};

static void view_close(struct view *view)
{
    release(view->space);
    release(view->type);
    release(view->id);
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

/* The plain integers and floats; anything else of these classes is made up or very rare. */
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
    release(super);
    return plain;
}

/* Rank, extent and number of values; the product is checked against the limit of memory. */
static enum status view_extent(const struct store_file *file, const struct view *view, int *rank,
                               size_t *shape, size_t *count, struct error *err)
{
    hsize_t extent[STORE_FILE_RANK];
    *rank = H5Sget_simple_extent_dims(view->space, extent, NULL);
    if (*rank < 0)
        return damaged(file, view->name, err);
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

/* Can a file of this size hold `count` values of the type?  Filters may compress. */
static enum status check_capacity(const struct store_file *file, const struct view *view,
                                  size_t count, uint64_t factor, struct error *err)
{
    uint64_t size = H5Tget_size(view->type);
    if (size > 0 && count <= file->size / size * factor + factor)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "%s: is truncated or damaged: %s claims %zu values in a file of %llu bytes",
                     file->path, view->name, count, (unsigned long long)file->size);
}

/* Everything about numbers but the values. */
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
    return check_capacity(file, view, array->count, factor, err);
}

/* ---- reading: datasets ---- */

/* Is there a link of that path, wherever it leads? */
static bool is_linked(const struct store_file *file, const char *path)
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
    quiet();
    if (!is_linked(file, path))
        return STORE_NOTHING;
    hid_t object = H5Oopen(file->id, path, file->access);
    H5I_type_t type = object < 0 ? H5I_BADID : H5Iget_type(object);
    release(object);
    return type == H5I_GROUP ? STORE_GROUP : type == H5I_DATASET ? STORE_DATASET : STORE_OTHER;
}

bool store_has(const struct store_file *file, const char *path)
{
    enum store_kind kind = store_kind(file, path);
    return kind == STORE_GROUP || kind == STORE_DATASET;
}

/* Why a path that is linked cannot be opened. */
static enum status broken_link(const struct store_file *file, const char *path, struct error *err)
{
    enum status status = damaged(file, path, err);
    H5L_info_t about;
    if (H5Lget_info(file->id, path, &about, file->access) >= 0 && about.type != H5L_TYPE_HARD)
        status = error_set(err, STATUS_INVALID,
                           "%s: %s is a link that leads nowhere or to another file, which is not "
                           "followed",
                           file->path, path);
    return status;
}

static enum status open_dataset(const struct store_file *file, const char *path, struct view *view,
                                struct error *err)
{
    *view = (struct view){-1, -1, -1, path};
    if (!is_linked(file, path))
        return error_set(err, STATUS_INVALID, "%s: there is no dataset %s", file->path, path);
    view->id = H5Oopen(file->id, path, file->access);
    if (view->id < 0)
        return broken_link(file, path, err);
    if (H5Iget_type(view->id) != H5I_DATASET) {
        view_close(view);
        return error_set(err, STATUS_INVALID, "%s: %s is no dataset", file->path, path);
    }
    view->type = H5Dget_type(view->id);
    if (view->type >= 0)
        view->space = H5Dget_space(view->id);
    if (view->space >= 0)
        return STATUS_OK;
    enum status status = damaged(file, path, err);
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

/* HDF5 1.10.8 reads compact data without looking whether there is that much of it.  Contiguous data
 * may be none at all, which reads as the fill value. */
static bool storage_fits(const struct view *view, H5D_layout_t layout)
{
    const hsize_t stored = H5Dget_storage_size(view->id);
    const hssize_t count = H5Sget_simple_extent_npoints(view->space);
    const size_t size = H5Tget_size(view->type);
    if (layout == H5D_CHUNKED || (layout == H5D_CONTIGUOUS && stored == 0))
        return true;
    return count >= 0 && size > 0 && (hsize_t)count <= stored / size;
}

/* Refuse what lies in other files and find how much the filters may compress. */
static enum status check_layout(const struct store_file *file, const struct view *view,
                                uint64_t *factor, struct error *err)
{
    hid_t properties = H5Dget_create_plist(view->id);
    if (properties < 0)
        return damaged(file, view->name, err);
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
    release(properties);
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
        return out_of_memory(err);
    if (H5Dread(view->id, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, array->values) < 0)
        return damaged(file, view->name, err);
    return STATUS_OK;
}

enum status store_get(const struct store_file *file, const char *path, struct store_array *array,
                      struct error *err)
{
    quiet();
    *array = (struct store_array){0};
    struct view view;
    enum status status = open_dataset(file, path, &view, err);
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

/* ---- reading: attributes ---- */

static enum status open_attribute(const struct store_file *file, hid_t object, const char *name,
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
    enum status status = damaged(file, name, err);
    view_close(view);
    return status;
}

/* One text of fixed length, without its padding. */
static enum status read_fixed_text(const struct store_file *file, const struct view *view,
                                   char **text, struct error *err)
{
    size_t size = H5Tget_size(view->type);
    if (size == 0 || size > MAX_TEXT || size > file->size)
        return error_set(err, STATUS_INVALID, "%s: is truncated or damaged at %s", file->path,
                         view->name);
    *text = calloc(size + 1, 1);
    if (!*text)
        return out_of_memory(err);
    if (H5Aread(view->id, view->type, *text) < 0) {
        enum status status = damaged(file, view->name, err);
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
        return damaged(file, view->name, err);
    *text = strdup(value ? value : "");
    H5Dvlen_reclaim(view->type, view->space, H5P_DEFAULT, &value);
    return *text ? STATUS_OK : out_of_memory(err);
}

static enum status read_text(const struct store_file *file, hid_t object, const char *name,
                             char **text, struct error *err)
{
    *text = NULL;
    struct view view;
    enum status status = open_attribute(file, object, name, &view, err);
    if (status)
        return status;
    if (H5Tget_class(view.type) != H5T_STRING || H5Sget_simple_extent_npoints(view.space) != 1)
        status = error_set(err, STATUS_INVALID, "%s: the attribute %s is not one text", file->path,
                           name);
    else if (H5Tis_variable_str(view.type) > 0)
        status = read_varying_text(file, &view, text, err);
    else
        status = read_fixed_text(file, &view, text, err);
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
        return out_of_memory(err);
    if (H5Aread(view->id, H5T_NATIVE_DOUBLE, array->values) < 0)
        return damaged(file, view->name, err);
    return STATUS_OK;
}

bool store_has_attribute(const struct store_file *file, const char *name)
{
    quiet();
    return H5Aexists(file->id, name) > 0;
}

enum status store_get_text(const struct store_file *file, const char *name, char **text,
                           struct error *err)
{
    quiet();
    return read_text(file, file->id, name, text, err);
}

enum status store_get_numbers(const struct store_file *file, const char *name,
                              struct store_array *array, struct error *err)
{
    quiet();
    *array = (struct store_array){0};
    struct view view;
    enum status status = open_attribute(file, file->id, name, &view, err);
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
    quiet();
    struct view view;
    enum status status = open_attribute(file, file->id, name, &view, err);
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
        return out_of_memory(err);
    fputs(array->rank ? "[" : "", out);
    for (size_t i = 0; i < array->count && i < MAX_SHOWN; i++) {
        char number[STORE_NUMBER_SIZE];
        store_format_number(array->values[i], number);
        fprintf(out, "%s%s", i ? ", " : "", number);
    }
    fputs(array->count > MAX_SHOWN ? ", ...]" : array->rank ? "]" : "", out);
    return fclose(out) == 0 ? STATUS_OK : out_of_memory(err);
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
    return out_of_memory(err);
}

/* What is not one text. */
static enum status show_view(const struct store_file *file, const struct view *view, char **text,
                             struct error *err)
{
    int64_t integer;
    uint64_t natural;
    if (!is_number(view->type) || H5Sget_simple_extent_type(view->space) == H5S_NULL)
        return show_other(view, text, err);
    if (H5Tget_sign(view->type) == H5T_SGN_2 && read_integer(view, H5T_NATIVE_INT64, &integer))
        return asprintf(text, "%lld", (long long)integer) < 0 ? out_of_memory(err) : STATUS_OK;
    if (read_integer(view, H5T_NATIVE_UINT64, &natural))
        return asprintf(text, "%llu", (unsigned long long)natural) < 0 ? out_of_memory(err)
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
    quiet();
    *text = NULL;
    struct view view;
    enum status status = open_attribute(file, file->id, name, &view, err);
    if (status)
        return status;
    if (H5Tget_class(view.type) == H5T_STRING && H5Sget_simple_extent_npoints(view.space) == 1)
        status = read_text(file, file->id, name, text, err);
    else
        status = show_view(file, &view, text, err);
    view_close(&view);
    return status;
}

/* ---- reading: lists of names ---- */

/* Names of links or attributes.  HDF5 could sort them, but frees what it never set when it meets a
 * damaged one while doing so. */
struct names {
    char **name;
    size_t count, capacity;
};

static bool names_add(struct names *names, const char *name)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? 2 * names->capacity : 32;
        char **more = realloc(names->name, capacity * sizeof *more);
        if (!more)
            return false;
        names->name = more;
        names->capacity = capacity;
    }
    names->name[names->count] = strdup(name);
    return names->name[names->count] && ++names->count;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_sort(struct names *names)
{
    if (names->count > 1)
        qsort(names->name, names->count, sizeof *names->name, compare_names);
}

static void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->name[i]);
    free(names->name);
}

static herr_t add_attribute(hid_t object, const char *name, const H5A_info_t *about, void *names)
{
    (void)object, (void)about;
    return names_add(names, name) ? 0 : -1;
}

enum status store_visit_attributes(const struct store_file *file,
                                   void (*visit)(const char *name, void *context), void *context,
                                   struct error *err)
{
    quiet();
    struct names names = {0};
    enum status status = STATUS_OK;
    /* Looking for a name that is not there finds out whether all can be read. */
    if (H5Aexists(file->id, "\1") < 0 ||
        H5Aiterate2(file->id, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, add_attribute, &names) < 0)
        status = damaged(file, "its attributes", err);
    names_sort(&names);
    for (size_t i = 0; i < names.count && !status; i++)
        visit(names.name[i], context);
    names_free(&names);
    return status;
}

/* ---- reading: what there is ---- */

/* An attribute of a dataset, "" where it is missing or no text. */
static enum status text_or_empty(const struct store_file *file, hid_t object, const char *name,
                                 char **text, struct error *err)
{
    struct view view;
    enum status status = STATUS_OK;
    bool is_text = false;
    if (H5Aexists(object, name) != 0) {
        status = open_attribute(file, object, name, &view, err);
        if (status)
            return status;
        is_text =
            H5Tget_class(view.type) == H5T_STRING && H5Sget_simple_extent_npoints(view.space) == 1;
        view_close(&view);
    }
    if (is_text)
        return read_text(file, object, name, text, err);
    *text = strdup("");
    return *text ? STATUS_OK : out_of_memory(err);
}

/* A dimension scale says so in its attribute CLASS, of fixed length in every writer. */
static bool is_axis(const struct store_file *file, hid_t dataset)
{
    struct view view;
    char *class = NULL;
    if (open_attribute(file, dataset, "CLASS", &view, NULL))
        return false;
    bool axis = H5Tget_class(view.type) == H5T_STRING && H5Tis_variable_str(view.type) == 0 &&
                H5Sget_simple_extent_npoints(view.space) == 1 &&
                read_fixed_text(file, &view, &class, NULL) == STATUS_OK &&
                strcmp(class, "DIMENSION_SCALE") == 0;
    free(class);
    view_close(&view);
    return axis;
}

enum status store_describe(const struct store_file *file, const char *path, struct store_info *info,
                           struct error *err)
{
    quiet();
    *info = (struct store_info){0};
    struct view view;
    enum status status = open_dataset(file, path, &view, err);
    if (status)
        return status;
    hsize_t extent[STORE_FILE_RANK];
    info->rank = H5Sget_simple_extent_dims(view.space, extent, NULL);
    for (int i = 0; i < info->rank; i++)
        info->shape[i] = extent[i];
    if (info->rank < 0)
        status = damaged(file, path, err);
    info->axis = is_axis(file, view.id);
    if (!status)
        status = text_or_empty(file, view.id, "long_name", &info->long_name, err);
    if (!status)
        status = text_or_empty(file, view.id, "units", &info->units, err);
    view_close(&view);
    if (status)
        store_info_free(info);
    return status;
}

void store_info_free(struct store_info *info)
{
    free(info->long_name);
    free(info->units);
    *info = (struct store_info){0};
}

struct walk {
    const struct store_file *file;
    void (*visit)(const char *path, void *context);
    void *context;
    struct error *err;
    size_t links;
    int depth;
    bool skip_deep; /* groups that are too deep are passed over; else they are an error */
};

static enum status walk_group(struct walk *walk, hid_t group, const char *path);

static enum status walk_object(struct walk *walk, hid_t group, const char *name, const char *path)
{
    if (++walk->links > MAX_LINKS)
        return error_set(walk->err, STATUS_INVALID, "%s: has more than %d links", walk->file->path,
                         MAX_LINKS);
    hid_t object = H5Oopen(group, name, walk->file->access);
    if (object < 0)
        return damaged(walk->file, path, walk->err);
    enum status status = STATUS_OK;
    H5I_type_t type = H5Iget_type(object);
    if (type == H5I_DATASET)
        walk->visit(path, walk->context);
    else if (type == H5I_GROUP)
        status = walk_group(walk, object, path);
    release(object);
    return status;
}

/* Only hard links lead to objects that are not seen under another path. */
static herr_t add_link(hid_t group, const char *name, const H5L_info_t *about, void *names)
{
    (void)group;
    return about->type != H5L_TYPE_HARD || names_add(names, name) ? 0 : -1;
}

static enum status walk_names(struct walk *walk, hid_t group, const char *path,
                              const struct names *names)
{
    const char *above = strcmp(path, "/") == 0 ? "" : path;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < names->count && !status; i++) {
        char *below;
        if (asprintf(&below, "%s/%s", above, names->name[i]) < 0)
            return out_of_memory(walk->err);
        status = walk_object(walk, group, names->name[i], below);
        free(below);
    }
    return status;
}

static enum status walk_group(struct walk *walk, hid_t group, const char *path)
{
    if (walk->depth == MAX_DEPTH && walk->skip_deep)
        return STATUS_OK;
    if (walk->depth == MAX_DEPTH)
        return error_set(walk->err, STATUS_INVALID,
                         "%s: has groups more than %d deep or links in a circle at %s",
                         walk->file->path, MAX_DEPTH, path);
    struct names names = {0};
    enum status status;
    walk->depth++;
    if (H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, add_link, &names) < 0) {
        status = damaged(walk->file, path, walk->err);
    } else {
        names_sort(&names);
        status = walk_names(walk, group, path, &names);
    }
    walk->depth--;
    names_free(&names);
    return status;
}

static enum status walk_from(struct walk *walk, const char *group)
{
    quiet();
    if (!is_linked(walk->file, group))
        return error_set(walk->err, STATUS_INVALID, "%s: there is no group %s", walk->file->path,
                         group);
    hid_t top = H5Oopen(walk->file->id, group, walk->file->access);
    if (top < 0)
        return broken_link(walk->file, group, walk->err);
    enum status status;
    if (H5Iget_type(top) == H5I_GROUP)
        status = walk_group(walk, top, group);
    else
        status =
            error_set(walk->err, STATUS_INVALID, "%s: %s is no group", walk->file->path, group);
    release(top);
    return status;
}

enum status store_visit(const struct store_file *file, const char *group,
                        void (*visit)(const char *path, void *context), void *context,
                        struct error *err)
{
    struct walk walk = {.file = file, .visit = visit, .context = context, .err = err};
    return walk_from(&walk, group);
}

/* ---- reading: axes ---- */

/* An entry of an axis's REFERENCE_LIST, as H5DSattach_scale writes it. */
struct reference {
    hobj_ref_t dataset;
    int dimension;
};

/* The entries of an axis's REFERENCE_LIST that point to one dataset.  The opposite way, by the
 * dataset's DIMENSION_LIST, leads through a heap without checksum. */
struct axis_search {
    const struct store_file *file;
    hobj_ref_t dataset;
    char **axes;
    struct error *err;
    enum status status;
};

static hid_t reference_type(void)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(struct reference));
    if (type < 0)
        return type;
    if (H5Tinsert(type, "dataset", offsetof(struct reference, dataset), H5T_STD_REF_OBJ) >= 0 &&
        H5Tinsert(type, "dimension", offsetof(struct reference, dimension), H5T_NATIVE_INT) >= 0)
        return type;
    release(type);
    return -1;
}

static enum status read_references(const struct store_file *file, const struct view *list,
                                   struct reference **entries, size_t *count, struct error *err)
{
    int rank;
    size_t shape[STORE_FILE_RANK];
    enum status status = view_extent(file, list, &rank, shape, count, err);
    if (!status)
        status = check_capacity(file, list, *count, 1, err);
    if (status)
        return status;
    *entries = calloc(*count ? *count : 1, sizeof **entries);
    if (!*entries)
        return out_of_memory(err);
    hid_t type = reference_type();
    if (type < 0 || H5Aread(list->id, type, *entries) < 0)
        status = damaged(file, list->name, err);
    release(type);
    return status;
}

static enum status match_axis(struct axis_search *search, hid_t axis, const char *path)
{
    struct view list;
    struct reference *entries = NULL;
    size_t count = 0;
    if (H5Aexists(axis, "REFERENCE_LIST") == 0)
        return STATUS_OK;
    enum status status = open_attribute(search->file, axis, "REFERENCE_LIST", &list, search->err);
    if (status)
        return status;
    status = read_references(search->file, &list, &entries, &count, search->err);
    for (size_t i = 0; !status && i < count; i++) {
        int dimension = entries[i].dimension;
        if (entries[i].dataset == search->dataset && dimension >= 0 && dimension < STORE_MAX_RANK &&
            !search->axes[dimension])
            if (!(search->axes[dimension] = strdup(path)))
                status = out_of_memory(search->err);
    }
    free(entries);
    view_close(&list);
    return status;
}

static void visit_axis(const char *path, void *context)
{
    struct axis_search *search = context;
    if (search->status)
        return;
    hid_t dataset = H5Oopen(search->file->id, path, search->file->access);
    if (dataset >= 0 && is_axis(search->file, dataset))
        search->status = match_axis(search, dataset, path);
    release(dataset);
}

enum status store_get_axes(const struct store_file *file, const char *path,
                           char *axes[STORE_MAX_RANK], struct error *err)
{
    quiet();
    for (int i = 0; i < STORE_MAX_RANK; i++)
        axes[i] = NULL;
    struct axis_search search = {.file = file, .axes = axes, .err = err};
    if (store_kind(file, path) != STORE_DATASET)
        return error_set(err, STATUS_INVALID, "%s: there is no dataset %s", file->path, path);
    if (H5Rcreate(&search.dataset, file->id, path, H5R_OBJECT, -1) < 0)
        return damaged(file, path, err);
    enum status status = store_visit(file, "/", visit_axis, &search, err);
    if (!status)
        status = search.status;
    if (status)
        store_axes_free(axes);
    return status;
}

void store_axes_free(char *axes[STORE_MAX_RANK])
{
    for (int i = 0; i < STORE_MAX_RANK; i++) {
        free(axes[i]);
        axes[i] = NULL;
    }
}

/* ---- reading: in a child process first ---- */

/* HDF5 can crash or loop for ever over damaged metadata.  Checksums keep accidents out, but not a
 * file that was made to do harm, so every file is read by a child process first. */

struct rehearsal {
    const struct store_file *file;
    struct error *err;
    enum status status;
    bool axes_read;
};

static void rehearse_attribute(const char *name, void *context)
{
    struct rehearsal *rehearsal = context;
    char *text;
    if (!rehearsal->status)
        rehearsal->status = store_show_attribute(rehearsal->file, name, &text, rehearsal->err);
    if (!rehearsal->status)
        free(text);
}

static bool is_chunked(const struct store_file *file, const char *path)
{
    struct view view;
    if (open_dataset(file, path, &view, NULL))
        return false;
    hid_t properties = H5Dget_create_plist(view.id);
    bool chunked = properties >= 0 && H5Pget_layout(properties) == H5D_CHUNKED;
    release(properties);
    view_close(&view);
    return chunked;
}

/* Values may be too many to read here; that is no error yet. */
static void rehearse_dataset(const char *path, void *context)
{
    struct rehearsal *rehearsal = context;
    struct store_info info;
    struct store_array array;
    char *axes[STORE_MAX_RANK];
    if (rehearsal->status)
        return;
    rehearsal->status = store_describe(rehearsal->file, path, &info, rehearsal->err);
    if (rehearsal->status)
        return;
    store_info_free(&info);
    if (is_chunked(rehearsal->file, path) &&
        store_get(rehearsal->file, path, &array, NULL) == STATUS_OK)
        store_array_free(&array);
    if (rehearsal->axes_read)
        return;
    rehearsal->axes_read = true; /* this walks through the whole file */
    rehearsal->status = store_get_axes(rehearsal->file, path, axes, rehearsal->err);
    if (!rehearsal->status)
        store_axes_free(axes);
}

/* Address space of this process in bytes, 0 if unknown. */
static uint64_t memory_in_use(void)
{
    unsigned long long pages = 0;
    FILE *in = fopen("/proc/self/statm", "r");
    if (in && fscanf(in, "%llu", &pages) != 1)
        pages = 0;
    if (in)
        fclose(in);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* A crash ends the child, whatever the program does about signals. */
void store_limit_child(void)
{
    const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU};
    const struct rlimit none = {0, 0};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        signal(fatal[i], SIG_DFL);
    setrlimit(RLIMIT_CORE, &none);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDERR_FILENO); /* the last words of a crash */
}

static struct rlimit lowered(struct rlimit limit, rlim_t most)
{
    limit.rlim_cur = limit.rlim_max < most ? limit.rlim_max : most;
    return limit;
}

/* Too much time or memory over one file end the child, too.  The limits can be raised again for
 * the next file. */
void store_limit_file(uint64_t size)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    const time_t seconds = used.ru_utime.tv_sec + used.ru_stime.tv_sec + 2;
    struct rlimit time, memory;
    if (getrlimit(RLIMIT_CPU, &time) == 0) {
        time = lowered(time, (rlim_t)seconds + 5 + (rlim_t)(size >> 22));
        setrlimit(RLIMIT_CPU, &time);
    }
    if (getrlimit(RLIMIT_AS, &memory) == 0) {
        memory = lowered(memory, memory_in_use() + ((rlim_t)256 << 20) + 2 * size);
        setrlimit(RLIMIT_AS, &memory);
    }
}

/* Read all that can be read. */
static enum status rehearse(const char *path, uint64_t size, struct error *err)
{
    struct rehearsal rehearsal = {.err = err};
    struct store_file *file;
    store_limit_child();
    store_limit_file(size);
    enum status status = open_file(&file, path, size, err);
    if (status)
        return status;
    rehearsal.file = file;
    status = store_visit_attributes(file, rehearse_attribute, &rehearsal, err);
    struct walk walk = {.file = file,
                        .visit = rehearse_dataset,
                        .context = &rehearsal,
                        .err = err,
                        .skip_deep = true};
    if (!status) /* what ends the walk hides the rest, so the file is not read then */
        status = walk_from(&walk, "/");
    store_close(file);
    return status ? status : rehearsal.status;
}

/* What the child says, or that it died. */
static enum status try_in_child(const char *path, uint64_t size, struct error *err)
{
    struct error *said =
        mmap(NULL, sizeof *said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (said == MAP_FAILED)
        return out_of_memory(err);
    int how = 0;
    enum status status = STATUS_OK;
    pid_t child = fork(), ended = -1;
    if (child == 0)
        _exit(rehearse(path, size, said) ? 1 : 0);
    while (child > 0 && (ended = waitpid(child, &how, 0)) < 0 && errno == EINTR)
        continue;
    if (ended == child && WIFEXITED(how) && WEXITSTATUS(how) == 1)
        status = error_set(err, STATUS_INVALID, "%s", said->message);
    else if (ended == child && how != 0)
        status =
            error_set(err, STATUS_INVALID, "%s: is damaged such that HDF5 cannot read it", path);
    munmap(said, sizeof *said);
    return status; /* if there was no child, nothing is known */
}

enum status store_open(struct store_file **file, const char *path, struct error *err)
{
    quiet();
    *file = NULL;
    uint64_t size = 0;
    enum status status = look_at_file(path, &size, err);
    if (status)
        return status;
    if (H5Fis_hdf5(path) <= 0)
        return error_set(err, STATUS_INVALID, "%s: is no HDF5 file", path);
    status = try_in_child(path, size, err);
    return status ? status : open_file(file, path, size, err);
}

enum status store_verify(const char *path, struct error *err)
{
    struct store_file *file;
    if (checksum_of_file(path) == CHECKSUM_RIGHT)
        return STATUS_OK;
    enum status status = store_open(&file, path, err);
    if (!status)
        store_close(file);
    return status;
}

/* ---- reading: by those who are children already ---- */

enum status store_open_here(struct store_file **file, const char *path, struct error *err)
{
    quiet();
    *file = NULL;
    uint64_t size = 0;
    enum status status = look_at_file(path, &size, err);
    if (status)
        return status;
    store_limit_file(size);
    status = open_file(file, path, size, err);
    if (status == STATUS_INVALID && H5Fis_hdf5(path) <= 0)
        return error_set(err, STATUS_INVALID, "%s: is no HDF5 file", path);
    return status;
}

struct object_visit {
    const char *group;
    void (*visit)(const char *path, void *context);
    void *context;
    size_t objects;
};

static herr_t visit_object(hid_t top, const char *name, const H5O_info_t *about, void *context)
{
    struct object_visit *visit = context;
    char path[4096];
    (void)top;
    if (++visit->objects > MAX_LINKS)
        return -1;
    if (about->type != H5O_TYPE_DATASET)
        return 0;
    const char *above = strcmp(visit->group, "/") == 0 ? "" : visit->group;
    if (snprintf(path, sizeof path, "%s/%s", above, name) >= (int)sizeof path)
        return -1;
    visit->visit(path, visit->context);
    return 0;
}

enum status store_visit_objects(const struct store_file *file, const char *group,
                                void (*visit)(const char *path, void *context), void *context,
                                struct error *err)
{
    quiet();
    struct object_visit all = {group, visit, context, 0};
    if (!is_linked(file, group))
        return error_set(err, STATUS_INVALID, "%s: there is no group %s", file->path, group);
    if (H5Ovisit_by_name2(file->id, group, H5_INDEX_NAME, H5_ITER_INC, visit_object, &all,
                          H5O_INFO_BASIC, file->access) < 0)
        return damaged(file, group, err);
    return STATUS_OK;
}
