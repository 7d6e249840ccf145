/* A sweep: a base spec, a grid, and the points with the names of their files.
 *
 * A point is the base spec with the overrides of the grid, checked like any spec.  Its file is
 * named by the hash of what it computes; points that compute the same are one point.
 *
 * The folder of a sweep, RESULTS/NAME, holds
 *     sweep.yaml     the sweep as a spec that `duet sweep` reads
 *     HASH.h5        finished points
 *     HASH.failed    why a point failed, and the command that runs it alone
 *     HASH.checkpoint  from which a point goes on (harness/run/checkpoint.h)
 *     .HASH.lease    points that are being worked on (harness/sweep/lease.h)
 *     slurm/         job script and logs (harness/sweep/slurm.h) */
#pragma once

#include "harness/run/progress.h"
#include "harness/spec/grid.h"

#include <stdio.h>

enum { SWEEP_TEXT = 512, SWEEP_CHANGE = 1024, SWEEP_HASH = HASH_SIZE };

struct sweep_point {
    char hash[SWEEP_HASH]; /* of its spec (harness/spec/spec.h) */
    char kind[SWEEP_HASH]; /* the same without its seed */
    size_t index;          /* in the grid */
};

struct sweep_plan {
    const char *path; /* spec, or NULL; borrowed */
    size_t fixed_count;
    const char **fixed; /* arguments that fix a key */
    struct spec base;
    struct grid grid;
    size_t count;              /* points, after sweep_plan_number */
    struct sweep_point *point; /* in the order of the grid */
    size_t *by_hash;           /* [count]: the points in the order of their hashes */
};

/* Base and grid of the spec at `path` with `arguments`; arguments and path are borrowed.  Free with
 * sweep_plan_free, also after an error. */
enum status sweep_plan_open(struct sweep_plan *plan, const char *path, const char *const *arguments,
                            size_t count, const char *const *zips, size_t zip_count,
                            struct error *err);
void sweep_plan_free(struct sweep_plan *plan);

/* Read the spec of every point of the grid, until the user stops it; `progress` may be NULL. */
enum status sweep_plan_number(struct sweep_plan *plan, struct progress *progress,
                              struct error *err);

/* The point of that hash; plan->count: there is none. */
size_t sweep_plan_find(const struct sweep_plan *plan, const char *hash);

/* The spec of a point, which is named by what its files hold now; an error where that is no longer
 * what they held when the points were numbered.  Free with spec_free. */
enum status sweep_plan_spec(const struct sweep_plan *plan, size_t point, struct spec *spec,
                            struct error *err);

/* Put the place of err->key in front of an error that was found after the point's spec was read. */
void sweep_plan_locate(const struct sweep_plan *plan, size_t point, struct error *err);

/* Of points with equal hashes keep the one with the least index, in the order of the indices;
 * returns how many there are. */
size_t sweep_distinct(struct sweep_point *point, size_t count);

/* FOLDER/HASH and `end`: a file of the point.  Returns `path`. */
const char *sweep_plan_path(const struct sweep_plan *plan, const char *folder, size_t point,
                            const char *end, char *path, size_t size);

/* "objective.tau=0.1 seed=3" */
void sweep_plan_describe(const struct sweep_plan *plan, size_t point, char text[SWEEP_TEXT]);

/* The command that runs the point alone, with --again if wanted, quoted for a shell; allocated,
 * NULL if memory is short. */
char *sweep_plan_command(const struct sweep_plan *plan, size_t point, const char *results,
                         bool again);

/* Write a space and the word, quoted for a shell. */
void sweep_put_quoted(FILE *out, const char *word);

/* Let sweep.yaml of the folder describe this sweep, where `write` is set: the files of points of
 * another grid stay, and points are found by what they are.  `change`: how the sweep differs from
 * the one that it described, "train.epochs is 3 here and 2 there"; "" where it does not.  An error
 * if there is a sweep.yaml that describes no sweep. */
enum status sweep_plan_settle(const struct sweep_plan *plan, const char *folder, bool write,
                              char change[SWEEP_CHANGE], struct error *err);
