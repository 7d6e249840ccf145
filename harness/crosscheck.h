/* Compare the engine with an autodiff reference file, quantity by quantity. */
#ifndef DUET_HARNESS_CROSSCHECK_H
#define DUET_HARNESS_CROSSCHECK_H

#include "core/error.h"
#include "harness/store.h"

#include <stdio.h>

#define CROSSCHECK_TOLERANCE 1e-9

/* Results so far; `out` gets a line for every quantity, or NULL. */
struct crosscheck {
    FILE *out;
    const struct store_file *file;
    int passed, failed, not_built;
    double worst;
};

/* Compare `measured` with the dataset `path` (largest |difference| / largest |expected|). */
enum status crosscheck_compare(struct crosscheck *check, const char *path, size_t count,
                               const double *measured, struct error *err);

/* A reference file of either kind.  Quantities that the engine has no code for yet are reported and
 * counted as not built. */
enum status crosscheck_file(struct crosscheck *check, const char *path, struct error *err);

#endif
