/* How many processors this process may use: the processors of its affinity, as taskset and Slurm
 * set it, and of the CPU quota of its control group, as containers and systemd set it. */
#pragma once

/* At least 1. */
int processors_here(void);

/* Threads to use if none are asked for: OMP_NUM_THREADS, or the processors that are here. */
int processors_threads(void);

/* The quota in processors of the least of all groups that hold this process, rounded up; 0: there
 * is none.  `groups` is the list of them, /proc/self/cgroup; `root` is where their files are,
 * /sys/fs/cgroup, for both versions of control groups. */
int processors_of_quota(const char *groups, const char *root);
