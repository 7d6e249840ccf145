/* Compare the engine with an autodiff reference file, quantity by quantity. */
#pragma once

#include "core/names.h"
#include "store/store.h"

#include <stdio.h>

/* A quantity passes where |difference| is at most CROSSCHECK_TOLERANCE times the largest |expected|
 * of its dataset, or at most CROSSCHECK_ROUNDING.  Where terms of order one cancel, as in the
 * gradient of ntxent when all outputs are nearly parallel (deep trees), rounding alone leaves that
 * much on both sides. */
#define CROSSCHECK_TOLERANCE 1e-9
#define CROSSCHECK_ROUNDING 1e-14

/* The shape that a dataset must have; rank 0 is one number. */
struct extent {
    int rank;
    size_t length[STORE_MAX_RANK];
};

/* Results so far.  The first error stays, and what follows it reads, takes and compares nothing, so
 * that it is asked for once. */
struct crosscheck {
    FILE *out; /* gets a line for every quantity, or NULL */
    const struct store_file *file;
    struct names compared; /* paths of datasets */
    int passed, failed, not_built;
    double worst;
    enum status status;
    struct error *err;
};

/* Compare `measured` with a dataset.  An error, and no comparison, if the dataset is missing, has
 * another extent or is not finite. */
void crosscheck_compare(struct crosscheck *check, const double *measured, struct extent extent,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same for rows [row][stride] against a dataset [sample][row]. */
void compare_rows(struct crosscheck *check, const double *in, size_t stride, struct extent extent,
                  const char *path);

/* Whether the file has a loss or gradients of the objective `name` under `root`: then it needs a
 * loss and all its gradients. */
bool crosscheck_expects(const struct crosscheck *check, const char *root, const char *name);

/* Report what was not compared of all that is under /expect: no code has been built for it. */
void crosscheck_report_rest(struct crosscheck *check);

/* A reference file of any kind.  Everything under /expect is compared, or, where the engine has
 * no code for it yet, reported and counted as not built.  Errors name the file and the dataset or
 * attribute. */
enum status crosscheck_file(struct crosscheck *check, const char *path, struct error *err);
