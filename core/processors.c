#include "core/processors.h"

#include <limits.h>
#include <math.h>
#include <omp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first words of a file as numbers; how many there were.  The word "max" is none. */
static int read_numbers(const char *folder, const char *name, double *number, int most)
{
    char path[PATH_MAX];
    int count = 0;
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return 0;
    FILE *in = fopen(path, "r");
    while (in && count < most && fscanf(in, "%lf", &number[count]) == 1)
        count++;
    if (in)
        fclose(in);
    return count;
}

/* The quota of one group in processors, INFINITY where it has none: "QUOTA PERIOD" in cpu.max, or
 * two files in the first version, where the quota -1 is none. */
static double quota_of(const char *folder)
{
    double number[2];
    const bool found = read_numbers(folder, "cpu.max", number, 2) == 2 ||
                       (read_numbers(folder, "cpu.cfs_quota_us", &number[0], 1) == 1 &&
                        read_numbers(folder, "cpu.cfs_period_us", &number[1], 1) == 1);
    return found && number[0] > 0 && number[1] > 0 ? number[0] / number[1] : INFINITY;
}

/* The least quota of the group root/mount/path and the groups that hold it.  In a container the
 * path may begin with groups that are not to be seen. */
static double least_quota(const char *root, const char *mount, const char *path)
{
    char folder[PATH_MAX];
    double least = INFINITY;
    const int base = snprintf(folder, sizeof folder, "%s%s", root, mount);
    if (base < 0 || (size_t)base + strlen(path) >= sizeof folder)
        return least;
    strcpy(folder + base, path);
    for (char *end = folder + strlen(folder);; end = strrchr(folder + base, '/')) {
        if (end)
            *end = '\0';
        least = fmin(least, quota_of(folder));
        if (!end || end <= folder + base)
            return least;
    }
}

/* Whether a comma-separated list holds "cpu". */
static bool names_cpu(const char *list)
{
    for (; *list; list += strcspn(list, ",") + (list[strcspn(list, ",")] == ','))
        if (strcspn(list, ",") == 3 && strncmp(list, "cpu", 3) == 0)
            return true;
    return false;
}

/* Lines "0::PATH" of the second version, "N:cpu,cpuacct:PATH" of the first. */
int processors_of_quota(const char *groups, const char *root)
{
    FILE *in = fopen(groups, "r");
    char *line = NULL, mount[300];
    size_t size = 0;
    double least = INFINITY;
    while (in && getline(&line, &size, in) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *list = strchr(line, ':'), *path = list ? strchr(list + 1, ':') : NULL;
        if (!path || path - list > 256)
            continue;
        *path++ = '\0';
        list++;
        if (*list == '\0') {
            least = fmin(least, least_quota(root, "", path));
            least = fmin(least, least_quota(root, "/unified", path)); /* beside the first version */
        } else if (names_cpu(list)) {
            snprintf(mount, sizeof mount, "/%s", list);
            least = fmin(least, least_quota(root, mount, path));
            least = fmin(least, least_quota(root, "/cpu", path));
        }
    }
    free(line);
    if (in)
        fclose(in);
    return least < INT_MAX ? (int)fmax(1, ceil(least)) : 0;
}

int processors_here(void)
{
    cpu_set_t set;
    const int here = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    const int quota = processors_of_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    return quota && quota < here ? quota : here;
}

int processors_threads(void)
{
    const int threads = omp_get_max_threads();
    const int here = getenv("OMP_NUM_THREADS") ? threads : processors_here();
    return here < threads ? here : threads;
}
