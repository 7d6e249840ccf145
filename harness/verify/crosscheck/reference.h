/* Reading of a reference file: datasets and root attributes that must be there and fit.  Errors
 * name the dataset or attribute and say what it must be. */
#ifndef DUET_HARNESS_CROSSCHECK_REFERENCE_H
#define DUET_HARNESS_CROSSCHECK_REFERENCE_H

#include "store/store.h"

enum { REFERENCE_PATH = 256, REFERENCE_MAX_BATCH = 1 << 20, REFERENCE_MAX_WIDTH = 4096 };

/* The shape that a dataset must have; rank 0 is one number. */
struct extent {
    int rank;
    size_t length[STORE_MAX_RANK];
};

enum status reference_check_extent(const struct store_file *file, const char *path,
                                   struct extent extent, struct error *err);

/* A dataset of finite numbers. */
enum status reference_get(const struct store_file *file, const char *path, struct extent extent,
                          struct store_array *array, struct error *err);

/* [sample][leaf] states of a dataset, 0 or 1, as [leaf][sample], to be freed. */
enum status reference_states(const struct store_file *file, const char *path, struct extent extent,
                             uint8_t **out, struct error *err);

bool is_whole(double x, int low, int high);

/* An attribute: a whole number in [low, high]. */
enum status reference_size(const struct store_file *file, const char *name, int low, int high,
                           size_t *value, struct error *err);

/* A real number in [low, high], with POSITIVE and UNBOUNDED as for parameters. */
enum status reference_real(const struct store_file *file, const char *name, double low, double high,
                           double *value, struct error *err);

/* One of some words, which end with NULL: which. */
enum status reference_word(const struct store_file *file, const char *name,
                           const char *const *words, int *which, struct error *err);

#endif
