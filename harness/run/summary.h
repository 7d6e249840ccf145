/* What the commands print of result files. */
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

/* Text from a file, with control characters shown as '?': they could change a terminal or break a
 * line of a table. */
void print_plain(FILE *out, const char *text);

/* "21 x 5", or "scalar"; returns the width. */
int print_shape(FILE *out, int rank, const size_t *shape);

/* Flush stdout and return the exit code: 0, or 2 if this or an earlier write failed (`failure` is
 * its errno, 0 if none did).  A reader that closed its pipe is not worth a message, a full disk is.
 */
int print_finish(int failure);

#endif
