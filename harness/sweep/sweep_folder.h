/* The files of points in the folder of a sweep (harness/sweep/sweep_plan.h), and the work that they
 * leave: the points of a shard that have no sound file. */
#pragma once

#include "core/names.h"
#include "harness/sweep/sweep_work.h"

struct sweep_folder {
    struct names finished, failed; /* the HASH of HASH.h5, HASH.failed; in order */
    struct names left;             /* temporary files, leases, failures: what sweep_clean takes */
};

/* A missing folder has no files.  Free with sweep_folder_free, also after an error. */
enum status sweep_folder_read(struct sweep_folder *folder, const char *path, struct error *err);
void sweep_folder_free(struct sweep_folder *folder);

/* Remove the remains of killed sweeps: temporary files and leases of points that are finished or
 * that nobody works on, other temporary files whose process has ended, and HASH.failed of points
 * that are finished.  Does nothing if the folder cannot be read. */
void sweep_clean(const char *path);

/* Find the points of the shard and, by reading their files, those to do; damaged files are named on
 * stderr. */
enum status sweep_work_find(struct sweep_work *work, struct error *err);

/* Of the points that were to do, those whose files say so are added to work->diverged. */
enum status sweep_work_count_diverged(struct sweep_work *work, struct error *err);
