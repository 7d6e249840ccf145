/* Data sources in tests: opened as a spec names them, their samples and the moments of these.  Use
 * it where a test holds the samples of a source against what the source claims. */
#pragma once

#include "sim/data/sources/sources.h"
#include "store/store.h"
#include "tests/kit/spec.h"

/* ---- a source as a spec names it ---- */

struct opened {
    struct spec spec;
    const struct source *source;
    void *world;
    size_t leaves, width, inputs;
    uint64_t seed;
    int positives; /* of the views that draw_block draws */
};

/* `keys`: overrides of the section data, separated by blanks; or YAML, as the example of a source.
 * Zeroed where it fails. */
enum status try_open(struct opened *o, const char *keys, uint64_t seed, struct error *err);

void shut(struct opened *o);

struct opened open_source(const char *keys, uint64_t seed);

/* Zeroed memory that starts on 64 bytes. */
void *aligned(size_t bytes);

/* Numbers of a block, x[view][input][BLOCK], of any source; scratch is dirty. */
void draw_block(const struct opened *o, struct draw draw, int views, double *x);

struct draw draw_at(uint64_t block);

/* ---- moments ---- */

enum { VIEWS = 4 };

/* The mean product of views a and b over `blocks` blocks, and its standard errors, [n][n]. */
void sample_moment(const struct opened *o, int a, int b, size_t blocks, double *mean,
                   double *standard_error);

/* Largest |mean - claimed| in standard errors, over all entries.  1e-12 is for what is constant. */
double deviation(const struct opened *o, int a, int b, size_t blocks, const double *claimed);

struct pair_of_moments {
    double *x, *x_prime, *both; /* both: their sum, E[view view^T] */
};

struct pair_of_moments moments_of(const struct opened *o);

/* Standard errors that chance may make up, and blocks of a sample. */
enum { BLOCKS = 1500 };
#define BOUND 5.0

void check_deviation(const char *keys, const char *what, double worst);

/* The mean view of all data, [n]. */
void mean_of(const struct opened *o, double *mean);

bool same_bits(const double *a, const double *b, size_t count);

/* ---- the file of the example of the source `file` ---- */

enum { EXAMPLE_ROWS = 7, EXAMPLE_INPUTS = 3 };

static const double example_x[EXAMPLE_ROWS][EXAMPLE_INPUTS] = {
    {1, 0, -1}, {2, 0.5, 0}, {-1, 3, 1}, {0, 0, 2}, {0.25, -2, 1}, {4, 1, 1}, {-3, -1, 0.5}};
static const double example_y[EXAMPLE_ROWS] = {0, 2, 1, 2, 0, 0, 1};

/* A dataset with axes of its own. */
void put_dataset(struct store *store, const char *path, int rank, const size_t *shape,
                 const double *values);

void put_example(const char *path, const double *x, const double *y);

/* The same with rows of another shape: x [rows][inputs], y [rows]. */
void put_rows(const char *path, size_t rows, size_t inputs, const double *x, const double *y);

/* Fixtures of a group of tests, which then works in a folder with the files that examples name. */
int enter_examples(void **state);
int leave_examples(void **state);
