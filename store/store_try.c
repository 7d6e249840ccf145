/* Opens files.  HDF5 can crash or loop for ever over damaged metadata.  Checksums keep accidents
 * out, but not files made to do harm, so every file is read by a child process first. */
#include "core/memory_limit.h"
#include "store/checksum.h"
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- here and now ---- */

enum { READ_AT_ONCE = 1 << 20 }; /* bytes of a file */

static herr_t refuse_link(const char *parent_file, const char *parent_group, const char *file,
                          const char *object, unsigned *flags, hid_t access, void *context)
{
    (void)parent_file, (void)parent_group, (void)file, (void)object;
    (void)flags, (void)access, (void)context;
    return -1;
}

/* Size of the regular file at `path`; an error if it has a checksum and that is wrong. */
static enum status look_at(const char *path, uint64_t *size, struct error *err)
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
    if (!store_has_attribute(file, store_checksum_attribute) ||
        store_get_text(file, store_checksum_attribute, &text, NULL))
        return STATUS_OK;
    const bool missing = strcmp(text, store_checksum_text) == 0;
    free(text);
    return missing ? error_set(err, STATUS_INVALID,
                               "%s: is truncated or damaged: the checksum at its end is missing",
                               file->path)
                   : STATUS_OK;
}

/* The bytes are right, or the digest decides; a file without one must not miss a checksum.  The
 * root attributes must be readable, by which store_has_attribute has no errors afterwards. */
static enum status find_state(struct store_file *file, struct error *err)
{
    bool there;
    file->state = STORE_AS_WRITTEN;
    enum status status =
        store_find_attribute(file, file->id, store_checksum_attribute, &there, err);
    if (status || checksum_is_there(file->path))
        return status;
    status = store_compare_digest(file, &file->state, err);
    return status || file->state != STORE_UNSIGNED ? status : miss_checksum(file, err);
}

enum store_state store_state(const struct store_file *file)
{
    return file->state;
}

const char *const store_state_words[] = {
    "as it was written",
    "changed since it was written, by another program; its numbers are as they were",
    "changed since it was written; its numbers are not those that were written",
    "without a checksum",
};

/* Open a file of that size in this process, and do not ask for its state yet. */
static enum status open_stateless(struct store_file **file, const char *path, uint64_t size,
                                  struct error *err)
{
    *file = NULL;
    struct store_file *opened = malloc(sizeof *opened);
    if (!opened)
        return error_memory(err, "a file");
    *opened = (struct store_file){.id = -1, .access = -1, .size = size, .path = strdup(path)};
    enum status status = opened->path ? open_hdf5(opened, err) : error_memory(err, "a file");
    if (status)
        store_close(opened);
    else
        *file = opened;
    return status;
}

static enum status open_file(struct store_file **file, const char *path, uint64_t size,
                             struct error *err)
{
    enum status status = open_stateless(file, path, size, err);
    if (!status)
        status = find_state(*file, err);
    if (status) {
        store_close(*file);
        *file = NULL;
    }
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

/* ---- in a child first ---- */

struct rehearsal {
    const struct store_file *file;
    bool axes_read;
};

static enum status rehearse_attribute(const char *name, void *context, struct error *err)
{
    const struct rehearsal *rehearsal = context;
    char *text;
    const enum status status = store_show_attribute(rehearsal->file, name, &text, err);
    if (!status)
        free(text);
    return status;
}

static bool is_chunked(const struct store_file *file, const char *path)
{
    struct view view;
    if (view_open_dataset(file, path, &view, NULL))
        return false;
    hid_t properties = H5Dget_create_plist(view.id);
    bool chunked = properties >= 0 && H5Pget_layout(properties) == H5D_CHUNKED;
    hdf5_release(properties);
    view_close(&view);
    return chunked;
}

/* Values may be too many to read here; that is no error yet. */
static enum status rehearse_dataset(const char *path, void *context, struct error *err)
{
    struct rehearsal *rehearsal = context;
    struct store_info info;
    struct store_array array;
    char *axes[STORE_MAX_RANK];
    enum status status = store_describe(rehearsal->file, path, &info, err);
    if (status)
        return status;
    const bool texts = info.texts;
    store_info_free(&info);
    if ((texts || is_chunked(rehearsal->file, path)) &&
        (texts ? store_get_texts : store_get)(rehearsal->file, path, &array, NULL) == STATUS_OK)
        store_array_free(&array);
    if (rehearsal->axes_read)
        return STATUS_OK;
    rehearsal->axes_read = true; /* this walks through the whole file */
    status = store_get_axes(rehearsal->file, path, axes, err);
    if (!status)
        store_axes_free(axes);
    return status;
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
    dup2(nowhere, STDERR_FILENO); /* the messages of a crash */
}

static struct rlimit lowered(struct rlimit limit, rlim_t most)
{
    limit.rlim_cur = limit.rlim_max < most ? limit.rlim_max : most;
    return limit;
}

/* Too much time or memory for one file also ends the child.  The limits can be raised again for the
 * next file. */
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
        uint64_t space, data;
        memory_in_use(&space, &data);
        memory = lowered(memory, space + ((rlim_t)256 << 20) + 2 * size);
        setrlimit(RLIMIT_AS, &memory);
    }
}

enum status store_rehearse(const struct store_file *file, struct error *err)
{
    struct rehearsal rehearsal = {.file = file};
    enum status status = store_visit_attributes(file, rehearse_attribute, &rehearsal, err);
    struct store_walk walk = {.file = file,
                              .visit = rehearse_dataset,
                              .context = &rehearsal,
                              .err = err,
                              .skip_deep = true};
    return status ? status : store_walk_from(&walk, "/");
}

/* The state comes last: the digest takes what it cannot read for something that is none of duet's,
 * where here it must be an error. */
static enum status rehearse(const char *path, uint64_t size, struct error *err)
{
    struct store_file *file;
    store_limit_child();
    store_limit_file(size);
    enum status status = open_stateless(&file, path, size, err);
    if (status)
        return status;
    status = store_rehearse(file, err);
    if (!status)
        status = find_state(file, err);
    store_close(file);
    return status;
}

/* The child's verdict, or the error that it died. */
static enum status try_in_child(const char *path, uint64_t size, struct error *err)
{
    struct error *said =
        mmap(NULL, sizeof *said, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (said == MAP_FAILED)
        return error_memory(err, "a file");
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
    hdf5_quiet();
    *file = NULL;
    uint64_t size = 0;
    enum status status = look_at(path, &size, err);
    if (status)
        return status;
    if (H5Fis_hdf5(path) <= 0)
        return error_set(err, STATUS_INVALID, "%s: is no HDF5 file", path);
    status = try_in_child(path, size, err);
    return status ? status : open_file(file, path, size, err);
}

void store_tell_changed(const struct store_file *file)
{
    if (file->state == STORE_CHANGED)
        fprintf(stderr, "duet: %s: %s\n", file->path, store_state_words[STORE_CHANGED]);
}

enum status store_verify(const char *path, struct error *err)
{
    struct store_file *file;
    if (checksum_of_file(path) == CHECKSUM_RIGHT)
        return STATUS_OK;
    enum status status = store_open(&file, path, err);
    if (!status && store_state(file) == STORE_CHANGED)
        status = error_set(err, STATUS_INVALID, "%s: was changed since it was written", path);
    if (file)
        store_close(file);
    return status;
}

/* ---- for processes that are children already ---- */

enum status store_open_here(struct store_file **file, const char *path, struct error *err)
{
    hdf5_quiet();
    *file = NULL;
    uint64_t size = 0;
    enum status status = look_at(path, &size, err);
    if (status)
        return status;
    store_limit_file(size);
    status = open_file(file, path, size, err);
    if (status == STATUS_INVALID && H5Fis_hdf5(path) <= 0)
        return error_set(err, STATUS_INVALID, "%s: is no HDF5 file", path);
    return status;
}
