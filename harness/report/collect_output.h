/* Tables that `duet collect` writes, as HDF5 and as TSV: columns on one axis. */
#pragma once

#include "core/pool.h"
#include "harness/report/collect_table.h"

/* How a column lies in HDF5. */
enum column_kind {
    COLUMN_REALS,    /* value */
    COLUMN_INTEGERS, /* whole */
    COLUMN_CODES,    /* whole, each of which stands for a word */
    COLUMN_TEXTS,    /* text */
};

struct output_column {
    enum column_kind kind;
    const char *name, *long_name; /* in HDF5: path and long name */
    double *value;
    int64_t *whole;
    const char **text;       /* as it is shown; NULL: as the numbers are */
    const char *const *word; /* of code 0, 1, ..., [words] */
    size_t words;
};

/* The first error stays, and nothing is added or written after it. */
struct table_output {
    const struct collect_table *table;
    size_t rows, columns, capacity;
    struct output_column *column;
    struct pool pool; /* of what the columns point to */
    enum status status;
    struct error *err;
};

/* A new column, of NaN, zeros or NULL.  NULL after an error. */
struct output_column *add_output(struct table_output *output, const char *name,
                                 const char *long_name, enum column_kind kind);

/* Make of texts the values of a column: integers or numbers where all are, else codes. */
void number_words(struct table_output *output, struct output_column *column);

struct output_place {
    const char *folder,
        *name;        /* FOLDER/NAME.h5 and FOLDER/NAME.tsv; the name begins with "table" */
    const char *file; /* in place of FOLDER/table: both, or one if it ends so; or NULL */
    bool quiet;       /* do not say what was written */
};

/* Write the table and free it.  The first column, which counts from 1, is the axis. */
enum status table_output_write(struct table_output *output, const struct output_place *place);
