/* The files in the folder of a sweep (harness/sweep/sweep_plan.h), by their names. */
#pragma once

#include "core/names.h"
#include "harness/sweep/sweep_work.h"

struct sweep_folder {
    struct names finished, failed; /* the HASH of HASH.h5, HASH.failed; in order */
    struct names strays;           /* other files *.h5, without tables that duet wrote; in order */
    struct names left; /* temporary files, leases, failures, checkpoints: what sweep_clean takes */
};

/* A missing folder has no files.  Free with sweep_folder_free, also after an error. */
enum status sweep_folder_read(struct sweep_folder *folder, const char *path, struct error *err);
void sweep_folder_free(struct sweep_folder *folder);

/* Remove the remains of killed sweeps: temporary files and leases of points that are finished or
 * that nobody works on, other temporary files whose process has ended, and HASH.failed and
 * HASH.checkpoint of points that are finished.  Does nothing if the folder cannot be read. */
void sweep_clean(const char *path);
