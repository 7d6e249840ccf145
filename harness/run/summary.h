/* The summary that commands print of a run: its headlines before and after training. */
#pragma once

#include <stddef.h>
#include <stdio.h>

/* Single numbers, as lines under one head. */
void summary_print_head(FILE *out);
/* A value that was not measured, NaN, is shown as "-". */
void summary_print_line(FILE *out, const char *headline, double before, double after);

/* A sentence below these lines. */
void summary_print_remark(FILE *out, const char *remark);

/* How many numbers limit an entry of a table, and their mean. */
struct summary_limit {
    size_t count; /* 0: none is known, and the mean is NAN */
    double mean;
};

struct summary_limit summary_limit(const double *values, size_t count);

/* One number per entry of an axis; the paths give the columns their names. */
struct summary_table {
    const char *headline;
    const char *axis;                  /* "/level": the entries */
    size_t count;                      /* of entries */
    const double *before, *after;      /* [count] */
    const struct summary_limit *limit; /* [count]; NULL: nothing limits them */
    const char *limit_path;            /* "/ceiling/level": shown as "ceiling" */
    const char *limit_axis;            /* "/level_0_node": shown as "nodes" */
};

/* Preceded by an empty line. */
void summary_print_table(FILE *out, const struct summary_table *table);
