/* Compare the engine with an autodiff reference file, quantity by quantity. */
#ifndef DUET_HARNESS_CROSSCHECK_H
#define DUET_HARNESS_CROSSCHECK_H

#include "core/error.h"
#include "store/store.h"

#include <stdio.h>

/* A quantity passes where |difference| is at most CROSSCHECK_TOLERANCE times the largest |expected|
 * of its dataset, or at most CROSSCHECK_ROUNDING.  Where terms of order one cancel, as in the
 * gradient of ntxent when all outputs are nearly parallel (deep trees), rounding alone leaves that
 * much on both sides. */
#define CROSSCHECK_TOLERANCE 1e-9
#define CROSSCHECK_ROUNDING 1e-14

/* Results so far; `out` gets a line for every quantity, or NULL. */
struct crosscheck {
    FILE *out;
    const struct store_file *file;
    char *compared; /* paths of the datasets that were compared, a line each */
    int passed, failed, not_built;
    double worst;
};

/* What a dataset must have; rank 0 is one number. */
struct extent {
    int rank;
    size_t length[STORE_MAX_RANK];
};

/* Compare `measured` with the dataset `path`.  An error, and no comparison, if the dataset is
 * missing, has another extent or is not finite. */
enum status crosscheck_compare(struct crosscheck *check, const char *path, struct extent extent,
                               const double *measured, struct error *err);

/* A reference file of either kind.  Everything under /expect is compared, or reported and counted
 * as not built: what the engine has no code for yet.  Errors name the file and the dataset or
 * attribute. */
enum status crosscheck_file(struct crosscheck *check, const char *path, struct error *err);

#endif
