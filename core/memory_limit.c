#include "core/memory_limit.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1 << 20, SLACK = 16 * MIB /* for what is allocated beside */ };

/* Without the streams of stdio, since the program may not have started yet. */
void memory_in_use(uint64_t *space, uint64_t *data)
{
    char text[256] = "";
    const int descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0 && read(descriptor, text, sizeof text - 1) < 0)
        text[0] = '\0';
    if (descriptor >= 0)
        close(descriptor);
    uint64_t pages[6] = {0};
    char *at = text;
    for (int i = 0; i < 6; i++)
        pages[i] = strtoull(at, &at, 10);
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    *space = pages[0] * page;
    *data = pages[5] * page;
}

/* ---- OpenBLAS ---- */

/* A positive number in the environment; 0: none. */
static int number_of(char *const *environment, const char *name)
{
    const size_t length = strlen(name);
    for (; *environment; environment++)
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=') {
            const long number = strtol(*environment + length + 1, NULL, 10);
            return number > 0 && number < 4096 ? (int)number : 0;
        }
    return 0;
}

int memory_blas_threads(char *const *environment)
{
    enum { MOST = 128 };
    cpu_set_t set;
    const int wanted = number_of(environment, "OPENBLAS_NUM_THREADS");
    const int openmp = wanted ? wanted : number_of(environment, "OMP_NUM_THREADS");
    const int here = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    const int threads = openmp && openmp < here ? openmp : here;
    return threads < MOST ? threads : MOST;
}

static bool is_limited(__rlimit_resource_t resource)
{
    struct rlimit limit;
    return getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

void memory_await_workers(void)
{
    enum { TRIES = 2000 };
    const struct timespec moment = {.tv_nsec = 1000000};
    const uint64_t wanted = (uint64_t)(memory_blas_threads(environ) - 1) * MEMORY_BUFFER;
    uint64_t space, data;
    if (!is_limited(RLIMIT_AS) && !is_limited(RLIMIT_DATA))
        return;
    memory_in_use(&space, &data);
    for (int i = 0; i < TRIES && data < wanted; i++) {
        nanosleep(&moment, NULL);
        memory_in_use(&space, &data);
    }
}

/* ---- the check ---- */

enum status memory_check(size_t more, int threads, struct error *err)
{
    static const struct {
        __rlimit_resource_t resource;
        const char *name;
    } limits[] = {{RLIMIT_AS, "ulimit -v"}, {RLIMIT_DATA, "ulimit -d"}};
    const size_t bytes = more + SLACK;
    void *trial = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (trial != MAP_FAILED) {
        munmap(trial, bytes);
        return STATUS_OK;
    }
    uint64_t used[2];
    memory_in_use(&used[0], &used[1]);
    for (int i = 0; i < 2; i++) {
        struct rlimit limit;
        if (getrlimit(limits[i].resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
            used[i] + bytes <= limit.rlim_cur)
            continue;
        const uint64_t needed = used[i] + bytes;
        return error_set(err, STATUS_SYSTEM,
                         "%s allows %llu MiB of memory, and %llu are needed for %d thread%s; %s "
                         "%llu is enough, or use fewer threads (-t 1, OMP_NUM_THREADS=1)",
                         limits[i].name, (unsigned long long)(limit.rlim_cur / MIB),
                         (unsigned long long)(needed / MIB + 1), threads, threads == 1 ? "" : "s",
                         limits[i].name, (unsigned long long)(needed / 1024 + 1));
    }
    return error_set(err, STATUS_SYSTEM,
                     "the machine has no %llu MiB of memory for %d thread%s; use fewer threads "
                     "(-t 1, OMP_NUM_THREADS=1)",
                     (unsigned long long)(bytes / MIB), threads, threads == 1 ? "" : "s");
}
