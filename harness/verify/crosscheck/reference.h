/* Reading of a reference file: datasets and root attributes that must be there and fit.  Errors
 * name the dataset or attribute and say what it must be. */
#pragma once

#include "harness/verify/crosscheck/crosscheck.h"

enum { REFERENCE_PATH = 256, REFERENCE_MAX_BATCH = 1 << 20, REFERENCE_MAX_WIDTH = 4096 };

/* An error of bad input, unless there is one. */
void crosscheck_fail(struct crosscheck *check, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Zeros, to be freed; NULL after an error. */
void *crosscheck_take(struct crosscheck *check, size_t count, size_t size, const char *what);

size_t extent_entries(struct extent extent);

/* The finite numbers of a dataset, to be freed; NULL after an error. */
double *reference_get(struct crosscheck *check, struct extent extent, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* [sample][leaf] states of a dataset, 0 or 1, as [leaf][sample], to be freed. */
uint8_t *reference_states(struct crosscheck *check, struct extent extent, const char *path);

bool is_whole(double x, int low, int high);

/* An attribute: a whole number in [low, high]; `low` after an error. */
size_t reference_size(struct crosscheck *check, const char *name, int low, int high);

/* A real number in [low, high], with POSITIVE and UNBOUNDED as for parameters. */
double reference_real(struct crosscheck *check, const char *name, double low, double high);

/* One of some words, which end with NULL: which. */
int reference_word(struct crosscheck *check, const char *name, const char *const *words);
