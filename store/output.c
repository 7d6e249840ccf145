#include "store/output.h"

#include "core/text.h"
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const struct output_kind output_result = {.name = "result file", .start = "\x89HDF\r\n\x1a\n"};
const struct output_kind output_pdf = {"PDF", "%PDF-", OUTPUT_DRAWN, true};
const struct output_kind output_png = {"PNG", "\x89PNG\r\n\x1a\n", OUTPUT_DRAWN, true};
const struct output_kind output_svg = {"SVG", "<?xml", OUTPUT_DRAWN, true};

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- a file that is there ---- */

struct content {
    const char *bytes;
    size_t size;
};

static bool is_blank(const struct content *c)
{
    for (size_t i = 0; i < c->size; i++)
        if (c->bytes[i])
            return false;
    return true;
}

static bool holds(const char *bytes, size_t size, const char *text)
{
    return memmem(bytes, size, text, strlen(text)) != NULL;
}

/* By its attributes; a damaged file that HDF5 cannot open, by the bytes of these attributes. */
static bool is_result(const char *path, const struct content *c)
{
    static const char version[] = "duet_version";
    struct store_file *file;
    char *text = NULL;
    if (store_open(&file, path, NULL))
        return holds(c->bytes, c->size, version) || holds(c->bytes, c->size, store_checksum_text);
    const bool found = store_has_attribute(file, version) ||
                       (!store_get_text(file, store_checksum_attribute, &text, NULL) &&
                        strcmp(text, store_checksum_text) == 0);
    free(text);
    store_close(file);
    return found;
}

static bool is_of_kind(const char *path, const struct content *c, const struct output_kind *kind)
{
    enum { NEAR = 4096 };
    const size_t near = c->size < NEAR ? c->size : NEAR;
    const size_t length = kind->start ? strlen(kind->start) : 0;
    if (c->size < length || memcmp(c->bytes, kind->start ? kind->start : "", length) != 0)
        return false;
    if (!kind->mark)
        return is_result(path, c);
    return holds(kind->at_end ? c->bytes + c->size - near : c->bytes, near, kind->mark);
}

/* Whether a file of duet's may replace the regular file at `path`. */
static enum status check_content(const char *path, size_t size, const struct output_kind *kind,
                                 struct error *err)
{
    if (size == 0)
        return STATUS_OK;
    const int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0)
        return store_system_error(err, path, "is there and cannot be read");
    struct content c = {mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0), size};
    close(descriptor);
    if (c.bytes == MAP_FAILED)
        return store_system_error(err, path, "is there and cannot be read");
    const bool good = is_of_kind(path, &c, kind) || is_blank(&c);
    munmap((void *)c.bytes, size);
    if (good)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "%s: is no %s of duet's and stays as it is; give another name, or remove it",
                     path, kind->name);
}

/* `about` is what the system knows of the file at `path`. */
static enum status check_file(const char *path, const struct stat *about,
                              const struct output_kind *kind, struct error *err)
{
    if (S_ISDIR(about->st_mode))
        return error_set(err, STATUS_INVALID, "%s: is a folder; give the name of a file", path);
    const bool closed = (about->st_mode & 0222) == 0; /* which would not stop root */
    if (closed || (access(path, W_OK) != 0 && errno == EACCES))
        return error_set(err, STATUS_INVALID,
                         "%s: cannot write: Permission denied; it stays as it is", path);
    if (!kind || !S_ISREG(about->st_mode))
        return STATUS_OK;
    return check_content(path, (size_t)about->st_size, kind, err);
}

bool output_is_same(const char *path, const char *other)
{
    struct stat a, b;
    return stat(path, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* ---- names ---- */

/* The path behind all symbolic links, allocated; it need not exist.  NULL: no memory, or links in a
 * circle; errno says which. */
static char *follow_links(const char *path)
{
    enum { MOST = 40 };
    char *now = strdup(path);
    for (int links = 0; now && links < MOST; links++) {
        char target[PATH_MAX], *next = NULL;
        const ssize_t length = readlink(now, target, sizeof target - 1);
        if (length < 0)
            return now;
        target[length] = '\0';
        const int folder = target[0] == '/' ? 0 : (int)(last_component(now) - now);
        if (asprintf(&next, "%.*s%s", folder, now, target) < 0)
            next = NULL;
        free(now);
        now = next;
    }
    errno = now ? ELOOP : ENOMEM;
    free(now);
    return NULL;
}

/* The open descriptor that a name such as /dev/stdout stands for; -1: none. */
static int named_descriptor(const char *path)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    if (strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0)
        return STDERR_FILENO;
    for (int i = 0; i < 2; i++) {
        const size_t length = strlen(folders[i]);
        if (strncmp(path, folders[i], length) == 0 && path[length] &&
            strlen(path) - length == strspn(path + length, "0123456789"))
            return atoi(path + length);
    }
    return -1;
}

/* FOLDER/.NAME.PID.tmp, allocated; a very long name is cut. */
static char *temporary_name(const char *folder, const char *path)
{
    char *name;
    if (asprintf(&name, "%s/.%.200s.%ld.tmp", folder, last_component(path), (long)getpid()) < 0)
        return NULL;
    return name;
}

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

/* ---- bytes ---- */

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

/* A file to be: the bytes, and the permissions of the file that it replaces; mode 0: the
 * permissions of a new file.  `bytes` NULL: only try. */
struct image {
    const char *bytes;
    size_t size;
    mode_t mode;
};

/* Write and flush a new file; errno says why not. */
static bool write_file(const char *path, const struct image *image)
{
    unlink(path); /* left behind by a process that was killed */
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return false;
    bool done = store_write_all(descriptor, image->bytes, image->bytes ? image->size : 0) &&
                (image->mode == 0 || fchmod(descriptor, image->mode) == 0) &&
                fsync(descriptor) == 0;
    int why = errno;
    if (close(descriptor) != 0 && done) {
        done = false;
        why = errno;
    }
    errno = why;
    return done;
}

/* Write the image to `temporary` and rename it to `path`. */
static enum status replace_file(const char *path, const char *folder, const char *temporary,
                                const struct image *image, struct error *err)
{
    enum { TRIES = 3 }; /* another process may remove it as a leftover, see sweep_clean */
    bool written = write_file(temporary, image);
    if (written && !image->bytes) {
        unlink(temporary);
        return STATUS_OK;
    }
    bool placed = written && rename(temporary, path) == 0;
    for (int i = 1; i < TRIES && !placed && errno == ENOENT; i++)
        placed = write_file(temporary, image) && rename(temporary, path) == 0;
    if (!placed) {
        store_system_error(err, path, "cannot write");
        unlink(temporary);
        return STATUS_SYSTEM;
    }
    if (!flush_folder(folder))
        return store_system_error(err, path, "cannot flush its folder");
    return STATUS_OK;
}

static enum status place(const char *path, const struct image *image, struct error *err)
{
    char *copy = strdup(path), *folder = copy ? dirname(copy) : NULL;
    char *temporary = folder ? temporary_name(folder, path) : NULL;
    enum status status;
    if (!temporary)
        status = error_memory(err, "a file");
    else if (!make_folders(folder))
        status = error_set(err, STATUS_SYSTEM, "%s: cannot make the folder %s: %s", path, folder,
                           strerror(errno));
    else
        status = replace_file(path, folder, temporary, image, err);
    free(temporary);
    free(copy);
    return status;
}

/* Write to a device, a pipe or an open descriptor. */
static enum status stream(const char *path, int open_already, const struct image *image,
                          struct error *err)
{
    if (!image->bytes)
        return STATUS_OK;
    fflush(stdout); /* earlier text comes first */
    const int descriptor =
        open_already >= 0 ? open_already : open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    enum status status = STATUS_OK;
    if (descriptor < 0 || !store_write_all(descriptor, image->bytes, image->size))
        status = store_system_error(err, path, "cannot write");
    if (descriptor >= 0 && descriptor != open_already && close(descriptor) != 0 && !status)
        status = store_system_error(err, path, "cannot write");
    return status;
}

/* ---- all of it ---- */

static enum status write_image(const char *path, const struct output_kind *kind,
                               struct image *image, struct error *err)
{
    struct stat about;
    const int descriptor = named_descriptor(path);
    if (!last_component(path)[0])
        return error_set(err, STATUS_INVALID, "'%s' is no name of a file", path);
    if (descriptor >= 0)
        return stream(path, descriptor, image, err);
    char *target = follow_links(path);
    if (!target)
        return store_system_error(err, path, "cannot write");
    const bool there = lstat(target, &about) == 0;
    enum status status = there ? check_file(target, &about, kind, err) : STATUS_OK;
    if (there && S_ISREG(about.st_mode))
        image->mode = about.st_mode & 0777;
    if (!status)
        status = there && !S_ISREG(about.st_mode) ? stream(target, -1, image, err)
                                                  : place(target, image, err);
    free(target);
    return status;
}

enum status output_check(const char *path, const struct output_kind *kind, struct error *err)
{
    return write_image(path, kind, &(struct image){0}, err);
}

enum status store_check_writable(const char *path, struct error *err)
{
    return output_check(path, NULL, err);
}

enum status output_write(const char *path, const struct output_kind *kind, const void *bytes,
                         size_t size, struct error *err)
{
    return write_image(path, kind, &(struct image){.bytes = bytes, .size = size}, err);
}

enum status output_print(const char *path, const struct output_kind *kind,
                         void (*print)(FILE *out, const void *context), const void *context,
                         struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out)
        print(out, context);
    enum status status = close_text(out, path, err);
    if (!status)
        status = output_write(path, kind, text, size, err);
    free(text);
    return status;
}

enum status output_table(const char *path, const char *text, size_t size, struct error *err)
{
    char *start = strndup(text, strcspn(text, "\t\n") + 1);
    const struct output_kind kind = {.name = "table", .start = start, .mark = ""};
    const enum status status =
        start ? output_write(path, &kind, text, size, err) : error_memory(err, "%s", path);
    free(start);
    return status;
}

/* ---- moving ---- */

bool output_move(const char *path, const char *to)
{
    if (renameat2(AT_FDCWD, path, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
    if (errno == EEXIST || errno == ENOENT) /* else a file system that cannot do this */
        return false;
    return link(path, to) == 0 && unlink(path) == 0;
}

bool output_keep(const char *path, const char *word, char *to, size_t size)
{
    enum { MOST = 1000 };
    bool moved = false;
    for (int i = 1; i < MOST && !moved && access(path, F_OK) == 0; i++) {
        if (i == 1)
            snprintf(to, size, "%s.%s", path, word);
        else
            snprintf(to, size, "%s.%s.%d", path, word, i);
        moved = output_move(path, to);
    }
    return moved;
}
