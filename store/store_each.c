#include "store/store_each.h"
#include "core/processors.h"

#include "store/checksum.h"
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCK = 64, MAX_CHILDREN = 16, PATH_SIZE = 8192 };

/* Child c goes through the blocks c, c + children, c + 2 children, ... of BLOCK files each. */
struct child {
    pid_t pid; /* 0: none */
    int pipe;
};

struct reading {
    const struct store_each *each;
    struct child child[MAX_CHILDREN];
    size_t children;
    char *bytes; /* of the last file */
    struct error *err;
};

/* Sent by a child before the bytes of a file, which are the message if it cannot be read. */
struct sent {
    size_t file, size;
    bool good;
};

/* ---- in a child ---- */

static enum status read_file(const struct store_each *each, size_t i, FILE *out, struct error *err)
{
    char path[PATH_SIZE];
    struct store_file *file;
    each->name(each->context, i, path, sizeof path);
    enum status status = store_open_here(&file, path, err);
    if (status)
        return status;
    if (!checksum_is_there(path))
        status = store_rehearse(file, err);
    if (!status)
        status = each->read(each->context, i, file, out, err);
    store_close(file);
    return status;
}

static bool serve_file(const struct store_each *each, size_t i, int pipe)
{
    char *bytes = NULL;
    size_t size = 0;
    struct error problem = {0};
    FILE *out = open_memstream(&bytes, &size);
    if (!out)
        return false;
    const enum status status = read_file(each, i, out, &problem);
    const bool written = fclose(out) == 0;
    const struct sent head = {i, status ? strlen(problem.message) : size, !status};
    const bool sent = written && store_write_all(pipe, &head, sizeof head) &&
                      store_write_all(pipe, status ? problem.message : bytes, head.size);
    free(bytes);
    return sent;
}

/* The file after i for the child that reads i. */
static size_t next_file(const struct reading *reading, size_t i)
{
    return (i + 1) % BLOCK ? i + 1 : i + 1 + (reading->children - 1) * BLOCK;
}

static void serve(const struct reading *reading, size_t first, int pipe)
{
    store_limit_child();
    for (size_t i = first; i < reading->each->count; i = next_file(reading, i))
        if (!serve_file(reading->each, i, pipe))
            _exit(1);
    _exit(0);
}

/* ---- here ---- */

static enum status start_child(struct reading *reading, struct child *child, size_t first)
{
    int ends[2];
    const pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set(reading->err, STATUS_SYSTEM, "cannot start a process: %s",
                         strerror(errno));
    child->pid = fork();
    if (child->pid == 0) {
        signal(SIGINT, SIG_IGN); /* the parent handles Ctrl-C */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        close(ends[0]);
        serve(reading, first, ends[1]);
    }
    close(ends[1]);
    child->pipe = ends[0];
    if (child->pid > 0)
        return STATUS_OK;
    close(ends[0]);
    child->pid = 0;
    return error_set(reading->err, STATUS_SYSTEM, "cannot start a process: %s", strerror(errno));
}

static void end_child(struct child *child)
{
    if (child->pid <= 0)
        return;
    kill(child->pid, SIGKILL);
    close(child->pipe);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    child->pid = 0;
}

static bool receive_all(int pipe, void *bytes, size_t size)
{
    char *at = bytes;
    while (size > 0) {
        const ssize_t got = read(pipe, at, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

/* The child's result for file i; false if the child died over it. */
static bool receive(struct reading *reading, const struct child *child, size_t i, struct sent *head,
                    enum status *status)
{
    if (!receive_all(child->pipe, head, sizeof *head) || head->file != i)
        return false;
    char *more = realloc(reading->bytes, head->size + 1);
    if (!more) {
        *status = error_memory(reading->err, "more files");
        return true;
    }
    reading->bytes = more;
    if (!receive_all(child->pipe, reading->bytes, head->size))
        return false;
    reading->bytes[head->size] = '\0';
    return true;
}

static enum status take(struct reading *reading, size_t i, const struct sent *head)
{
    const struct store_each *each = reading->each;
    struct error problem = {.status = STATUS_INVALID};
    if (head->good)
        return each->take(each->context, i, reading->bytes, head->size, NULL, reading->err);
    snprintf(problem.message, sizeof problem.message, "%s", reading->bytes);
    return each->take(each->context, i, NULL, 0, &problem, reading->err);
}

static enum status take_damaged(struct reading *reading, size_t i)
{
    char path[PATH_SIZE];
    struct error problem;
    const struct store_each *each = reading->each;
    each->name(each->context, i, path, sizeof path);
    error_set(&problem, STATUS_INVALID, "%s: is damaged such that HDF5 cannot read it", path);
    return each->take(each->context, i, NULL, 0, &problem, reading->err);
}

/* A child may have been killed for another reason, so the file gets a second child. */
static enum status read_one(struct reading *reading, size_t i)
{
    enum { ATTEMPTS = 2 };
    struct child *child = &reading->child[i / BLOCK % reading->children];
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct sent head = {0};
        enum status status = STATUS_OK;
        if (child->pid == 0)
            status = start_child(reading, child, i);
        if (status)
            return status;
        if (receive(reading, child, i, &head, &status))
            return status ? status : take(reading, i, &head);
        end_child(child);
    }
    return take_damaged(reading, i);
}

static size_t count_children(size_t files)
{
    const size_t processors = (size_t)processors_here();
    const size_t blocks = (files + BLOCK - 1) / BLOCK;
    const size_t most = processors < MAX_CHILDREN ? processors : MAX_CHILDREN;
    return blocks < 1 ? 1 : blocks < most ? blocks : most;
}

/* All children start at once, each at its first block. */
enum status store_each(const struct store_each *each, struct error *err)
{
    struct reading reading = {.each = each, .children = count_children(each->count), .err = err};
    enum status status = STATUS_OK;
    fflush(NULL);
    for (size_t c = 0; c < reading.children && c * BLOCK < each->count && !status; c++)
        status = start_child(&reading, &reading.child[c], c * BLOCK);
    for (size_t i = 0; i < each->count && !status; i++)
        status = read_one(&reading, i);
    for (size_t c = 0; c < reading.children; c++)
        end_child(&reading.child[c]);
    free(reading.bytes);
    return status;
}
