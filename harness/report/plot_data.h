/* The data of `duet plot`: a quantity of a sweep on a lattice of two swept keys, with its
 * statistics over the seeds. */
#pragma once

#include "harness/report/collect_groups.h"

#include <stdio.h>

enum { PLOT_MAX_AT = 64, PLOT_MAX_LINES = 40, PLOT_MAX_CELLS = 4000000 };

struct plot_choice {
    const char *x, *y, *by;      /* swept key, column of the table, swept key or NULL */
    const char *at[PLOT_MAX_AT]; /* KEY=VALUE: only points with this value */
    size_t at_count;
    bool heat; /* `by` is the vertical axis */
};

/* The values of a key in the picture: numbers in order of size, words in order of the grid. */
struct plot_axis {
    size_t key, count;
    const char **label; /* [count], of the table */
    double *at;         /* the number, or the place of a word, from 1 */
    double *edge;       /* [count + 1], of cells around the values */
    bool words, logarithmic;
};

/* Cell i + j * x.count belongs to value i of x and value j of `by`. */
struct plot_data {
    const struct collect_table *table; /* borrowed */
    const struct plot_choice *choice;  /* borrowed */
    struct plot_axis x, by;            /* by.count is 1 without a key */
    size_t column;                     /* of the table */
    bool seeds;                        /* the mean is over seeds */
    struct collect_groups groups;
    size_t *group; /* of a cell; PLOT_NO_GROUP where the sweep has no such point */
    double (*statistic)[COLLECT_STATISTICS];
    bool *selected; /* [points]: agrees with `at` */
    bool *left_out; /* [keys]: averaged over, as the seed */
    size_t values;  /* cells with a mean */
};

#define PLOT_NO_GROUP ((size_t)-1)

/* True for at least three positive numbers, in order of size, whose ratios are more even than their
 * differences. */
bool plot_is_logarithmic(const double *value, size_t count);

/* Choose and average.  Varying keys other than x, by and seed are an error that says how to choose.
 * Free with plot_data_free, also after an error. */
enum status plot_data_make(struct plot_data *data, const struct collect_table *table,
                           const struct plot_choice *choice, struct error *err);
void plot_data_free(struct plot_data *data);

/* Print the cells of a struct plot_data as tab-separated values: labels, statistics, counts, and
 * places in the picture. */
void plot_data_print(FILE *out, const void *data);

/* Print a line on points that are not in the means, nothing if there are none. */
void plot_data_print_left_out(FILE *out, const struct plot_data *data);
