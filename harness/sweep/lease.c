#include "harness/sweep/lease.h"

#include "harness/run/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 4352 };

/* ---- this process ---- */

/* When a process was started, in ticks since boot; 0 if there is none, or only a zombie. */
static unsigned long long start_of(long pid)
{
    char path[64], line[1024] = "", state = 'X';
    unsigned long long start = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *in = fopen(path, "r");
    if (in && fgets(line, sizeof line, in)) {
        const char *after = strrchr(line, ')'); /* the name may hold anything */
        if (after)
            sscanf(after + 1,
                   " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
                   "%*d %*d %llu",
                   &state, &start);
    }
    if (in)
        fclose(in);
    return state == 'Z' || state == 'X' ? 0 : start;
}

bool lease_process_runs(long pid)
{
    return pid > 0 && start_of(pid) != 0;
}

/* Host, boot and process namespace: together they make a process number unique. */
static void describe_machine(char *text, size_t size)
{
    char host[128] = "unknown", boot[64] = "unknown", space[64] = "unknown";
    gethostname(host, sizeof host - 1);
    FILE *in = fopen("/proc/sys/kernel/random/boot_id", "r");
    if (in && fscanf(in, "%63s", boot) != 1)
        snprintf(boot, sizeof boot, "unknown");
    if (in)
        fclose(in);
    const ssize_t length = readlink("/proc/self/ns/pid", space, sizeof space - 1);
    space[length > 0 ? length : 0] = '\0';
    snprintf(text, size, "%s %s %s", host, boot, length > 0 ? space : "unknown");
}

void lessee_open(struct lessee *lessee, const char *folder)
{
    char machine[300];
    describe_machine(machine, sizeof machine);
    lessee->folder = folder;
    snprintf(lessee->text, sizeof lessee->text, "%s %ld %llu %d\n", machine, (long)getpid(),
             start_of(getpid()), (int)LEASE_TERM);
}

/* ---- leases of this process ---- */

static const char *lease_path(const struct lessee *lessee, const char *name, char path[PATH])
{
    snprintf(path, PATH, "%s/.%s.lease", lessee->folder, name);
    return path;
}

/* The text of the file at `path`, "" if there is none; true if there is one. */
static bool read_lease(const char *path, char text[LEASE_TEXT], struct timespec *changed)
{
    struct stat about;
    text[0] = '\0';
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    const bool there = fstat(file, &about) == 0;
    const ssize_t length = read(file, text, LEASE_TEXT - 1);
    text[length > 0 ? length : 0] = '\0';
    close(file);
    if (there)
        *changed = about.st_mtim;
    return there;
}

enum status lease_take(const struct lessee *lessee, const char *name, bool *taken,
                       struct error *err)
{
    char path[PATH];
    lease_path(lessee, name, path);
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    *taken = file >= 0;
    if (file < 0 && errno == EEXIST)
        return STATUS_OK;
    const size_t length = strlen(lessee->text);
    if (file >= 0 && write(file, lessee->text, length) == (ssize_t)length && close(file) == 0)
        return STATUS_OK;
    error_set(err, STATUS_SYSTEM, "%s: cannot write: %s", path, strerror(errno));
    if (file >= 0)
        unlink(path);
    return STATUS_SYSTEM;
}

static bool is_mine(const struct lessee *lessee, const char *path)
{
    char text[LEASE_TEXT];
    struct timespec changed;
    return read_lease(path, text, &changed) && strcmp(text, lessee->text) == 0;
}

void lease_renew(const struct lessee *lessee, const char *name)
{
    char path[PATH];
    if (is_mine(lessee, lease_path(lessee, name, path)))
        utimensat(AT_FDCWD, path, NULL, 0);
}

void lease_release(const struct lessee *lessee, const char *name)
{
    char path[PATH];
    if (is_mine(lessee, lease_path(lessee, name, path)))
        unlink(path);
}

/* ---- leases of others ---- */

/* Whether the process of the lease is known to have ended; false on another machine. */
static bool has_ended(const char *text)
{
    char here[300];
    long pid = 0;
    unsigned long long start = 0;
    describe_machine(here, sizeof here);
    const size_t length = strlen(here);
    if (strncmp(text, here, length) != 0 || text[length] != ' ' || strstr(here, "unknown") ||
        sscanf(text + length, "%ld %llu", &pid, &start) != 2)
        return false;
    return start_of(pid) != start;
}

/* A text without its end comes from a process that was killed just then, or is about to write.  A
 * term that no duet writes, such as 1e99 from a damaged file, would be waited for in vain. */
static double term_of(const char *text)
{
    const char *last = strrchr(text, ' ');
    if (!strchr(text, '\n'))
        return LEASE_UNWRITTEN;
    const double term = last ? atof(last) : 0;
    return term > 0 && term <= LEASE_LONGEST ? term : LEASE_TERM;
}

/* Remove the lease that was seen, and no other: rename it first, which only one process can do, and
 * put it back if it turns out to be new. */
static bool remove_dead(const char *path, const char *seen)
{
    char aside[PATH + 32], text[LEASE_TEXT];
    struct timespec changed;
    snprintf(aside, sizeof aside, "%s.%ld", path, (long)getpid());
    if (rename(path, aside) != 0)
        return false;
    const bool same = read_lease(aside, text, &changed) && strcmp(text, seen) == 0;
    if (!same && link(aside, path) != 0 && errno != EEXIST)
        rename(aside, path);
    unlink(aside);
    return same;
}

bool lease_look(const struct lessee *lessee, const char *name, struct lease_sight *sight)
{
    char path[PATH], text[LEASE_TEXT];
    struct timespec changed = {0};
    if (!read_lease(lease_path(lessee, name, path), text, &changed))
        return access(path, F_OK) != 0;
    const bool same = sight->since > 0 && strcmp(text, sight->text) == 0 &&
                      changed.tv_sec == sight->changed.tv_sec &&
                      changed.tv_nsec == sight->changed.tv_nsec;
    if (!same) {
        memcpy(sight->text, text, sizeof text);
        sight->changed = changed;
        sight->since = seconds_now();
    }
    if (!has_ended(text) && seconds_now() - sight->since < term_of(text))
        return false;
    return remove_dead(path, text);
}
