/* The files of points in the folder of a sweep (harness/sweep/sweep_plan.h). */
#ifndef DUET_HARNESS_SWEEP_FOLDER_H
#define DUET_HARNESS_SWEEP_FOLDER_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sweep_hashes {
    uint64_t *hash; /* in order */
    size_t count, capacity;
};

struct sweep_folder {
    struct sweep_hashes finished, failed; /* HASH.h5, HASH.failed */
    struct {
        char **name;
        size_t count, capacity;
    } left; /* temporary files, leases, failures: the names for sweep_clean */
};

/* A missing folder has no files.  Free with sweep_folder_free, also after an error. */
enum status sweep_folder_read(struct sweep_folder *folder, const char *path, struct error *err);
void sweep_folder_free(struct sweep_folder *folder);

bool sweep_hashes_have(const struct sweep_hashes *hashes, uint64_t hash);

#endif
