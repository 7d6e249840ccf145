/* The runs of a sweep as one table, which `duet collect` writes and `duet plot` draws.
 *
 * A row is a point of the sweep that the folder's sweep.yaml describes, in the order of its grid; a
 * column is the last value of a series, named by its path below /series with dots: "loss",
 * "probe.mean", "best_correlation.level_0". */
#pragma once

#include "core/pool.h"
#include "harness/run/result_note.h"
#include "harness/run/run.h"
#include "harness/sweep/sweep_find.h"
#include "harness/sweep/sweep_plan.h"

enum { COLLECT_PATH = RUN_PATH + 64 };

enum point_status {
    POINT_COMPLETE,
    POINT_DIVERGED,
    POINT_FAILED,
    POINT_MISSING,
    POINT_UNREADABLE,
    POINT_INTERRUPTED,
    POINT_STATUSES,
};

extern const char *const point_status_words[POINT_STATUSES];

/* A dataset whose last row becomes columns. */
struct collected_series {
    const char *path, *long_name, *units;
    size_t width;   /* most values that a point has */
    size_t *column; /* [width] */
};

struct column {
    char *name;
    size_t series;
};

/* Values of one point, in the order of the columns; columns from `count` on are NaN. */
struct row {
    enum point_status status;
    char *file; /* its name in the folder; NULL: none */
    size_t count;
    double *value;
};

struct collect_table {
    struct sweep_plan plan;
    char manifest[COLLECT_PATH];
    struct pool pool; /* of the texts of the series */
    struct collected_series *series;
    size_t series_count;
    struct column *column;
    size_t columns;
    struct row *row; /* [plan.count] */
    size_t counts[POINT_STATUSES];
    size_t others, older; /* results in the folder that are no points; of these, by an older rule */
    size_t misnamed;      /* files that have the name of a point and are not its result */
    size_t changed;   /* files that were changed since they were written, and are in the table */
    size_t rewritten; /* files that another program changed, but not their numbers */
    struct builds builds; /* of the files in the table */
};

struct collect_options {
    const char *folder;
    /* Series to take, such as "covop/level_0/norm"; none: series of one number per measurement, and
     * best_correlation. */
    const char *const *chosen;
    size_t chosen_count;
    const char *also; /* a column whose series is taken too; NULL: none */
    bool quiet;       /* no progress */
};

/* Read a folder.  A file is the result of the point that it says it is, whatever its name.  Files
 * that are unreadable, changed or named after another point are reported on stderr and counted.
 * Free with collect_table_free, also after an error. */
enum status collect_table_read(struct collect_table *table, const struct collect_options *options,
                               struct error *err);
void collect_table_free(struct collect_table *table);

/* NaN if the point has no such value. */
double collect_value(const struct collect_table *table, size_t point, size_t column);

/* Text of a point in a column of the grid. */
const char *collect_label(const struct collect_table *table, size_t point, size_t key);

/* Index of a swept key, *found; `option` ("--over") is named in the error. */
enum status collect_find_key(const struct collect_table *table, const char *option, const char *key,
                             size_t *found, struct error *err);
