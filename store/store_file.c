/* Opens a file here and now, and finds what its paths lead to. */
#include "store/checksum.h"
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_AT_ONCE = 1 << 20 }; /* bytes of a file */

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
 * ones are read at once. */
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

/* A file that says that it ends with a checksum must do so. */
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
        return error_memory(err, "a file");
    *opened = (struct store_file){-1, -1, size, strdup(path)};
    enum status status = opened->path ? open_hdf5(opened, err) : error_memory(err, "a file");
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
