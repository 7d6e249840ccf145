/* A grid of runs: which keys are swept, through which values, and the points numbered.
 *
 * It is written in the section `sweep` of a spec and as KEY=VALUE,VALUE on the command line, which
 * replaces what the file says of that key:
 *
 *     sweep:
 *       seed: 1:10:1                  from 1 to 10 in steps of 1, both ends included
 *       objective.tau: [0.1, 0.5]     a list; an entry that is a list is one value
 *       optimiser.lr: log:1e-3:1:4    4 values from 1e-3 to 1, equal ratios
 *       data.depth: [2, 3]
 *       network.width: [4, 8]
 *       zip: [data.depth, network.width]         go together (or a list of such lists)
 *       cases:                                   sets of overrides, named
 *         - {case: plain, objective.name: infonce}
 *         - {case: paired, objective.name: ntxent, objective.tau: 0.2}
 *
 * An axis is one key, the keys of a zip, or the cases.  The grid is the product of the axes in the
 * order of writing, the file's first; the last one varies fastest. */
#pragma once

#include "core/pool.h"
#include "harness/spec/spec.h"

/* Texts are YAML.  An override has its place in front if it comes from a file, see spec_load. */
struct grid_position {
    size_t count;
    const char **override; /* [count] */
    const char **label;    /* [columns of the axis] */
};

struct grid_column {
    const char *key; /* or "case" */
    size_t items;
    const char **item; /* the values as they were written, [items]; NULL for the cases */
};

struct grid_axis {
    size_t columns;
    struct grid_column *column; /* [columns] */
    size_t count;
    struct grid_position *position; /* [count] */
};

struct grid {
    size_t axes;
    struct grid_axis *axis;
    size_t points;    /* product of the axes' lengths; 1 where nothing is swept */
    size_t columns;   /* of all axes */
    size_t most;      /* overrides of a point */
    char *yaml;       /* the section `sweep` that makes this grid, "" where nothing is swept */
    struct pool pool; /* of all texts and lists */
};

enum { GRID_MAX_VALUES = 4000000, GRID_MAX_POINTS = 100000000 };

/* Does the argument KEY=VALUE sweep: has it a comma outside brackets and quotes, or a range? */
bool grid_sweeps(const char *argument);

/* The grid of the section `sweep` of `spec` (may be NULL) and of `arguments`; arguments that do not
 * sweep fix their key.  `zips` are lists of keys, "a,b".  Values are not checked against parameter
 * tables.  On failure nothing is left allocated; free with grid_free. */
enum status grid_make(struct grid *grid, const struct spec *spec, const char *const *arguments,
                      size_t count, const char *const *zips, size_t zip_count, struct error *err);
void grid_free(struct grid *grid);

/* The last step of grid_make: grid->yaml. */
enum status grid_write_yaml(struct grid *grid, struct error *err);

/* Overrides of a point, 0 <= point < points, in order, to `override`, which has room for
 * grid->most; returns their number. */
size_t grid_overrides(const struct grid *grid, size_t point, const char **override);

/* Name of a column, and the text that a point has in it. */
const char *grid_column(const struct grid *grid, size_t column);
const char *grid_label(const struct grid *grid, size_t point, size_t column);
