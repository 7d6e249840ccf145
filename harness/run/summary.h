/* What the commands print of a run: before and after training. */
#ifndef DUET_HARNESS_SUMMARY_H
#define DUET_HARNESS_SUMMARY_H

#include <stddef.h>
#include <stdio.h>

/* Table of the best |correlation| of each level, a mean over its nodes: before and after training,
 * and the ceiling.  All arrays have `levels` entries.  0 nodes and NAN are shown as "-". */
void summary_print(FILE *out, size_t levels, const size_t *nodes, const double *before,
                   const double *after, const double *ceiling);

/* One number of a run before and after training, a line of a table with a head. */
struct summary_line {
    const char *what;
    double before, after;
};

void summary_print_lines(FILE *out, const struct summary_line *lines, size_t count);

/* Series whose first and last value `duet run` and `duet info` show, and their words. */
enum { SUMMARY_SERIES = 4 };
extern const char *const summary_series[SUMMARY_SERIES][2]; /* path, what */

#endif
