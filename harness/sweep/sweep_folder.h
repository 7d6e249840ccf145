/* The files of points in the folder of a sweep (harness/sweep/sweep_plan.h). */
#ifndef DUET_HARNESS_SWEEP_FOLDER_H
#define DUET_HARNESS_SWEEP_FOLDER_H

#include "core/error.h"
#include "core/names.h"

#include <stdint.h>

struct sweep_hashes {
    uint64_t *hash; /* in order */
    size_t count, capacity;
};

struct sweep_folder {
    struct sweep_hashes finished, failed; /* HASH.h5, HASH.failed */
    struct names left; /* temporary files, leases, failures: what sweep_clean takes */
};

/* A missing folder has no files.  Free with sweep_folder_free, also after an error. */
enum status sweep_folder_read(struct sweep_folder *folder, const char *path, struct error *err);
void sweep_folder_free(struct sweep_folder *folder);

bool sweep_hashes_have(const struct sweep_hashes *hashes, uint64_t hash);

/* Remove the remains of killed sweeps: temporary files and leases of points that are finished or
 * that nobody works on, other temporary files whose process has ended, and HASH.failed of points
 * that are finished. */
void sweep_clean(const char *folder, const struct names *left);

#endif
