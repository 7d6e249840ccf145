/* Quantities: the numbers that a part of a run gives at each point in time, with their axes.  They
 * are kept, stored, summarised and listed by this description.
 *
 * A part that has quantities adds them to a list, always the same ones in the same order.  It does
 * so twice: first the list only counts, then it is filled.  The values belong to the part, stay in
 * their place, and hold its last measurement. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { QUANTITY_RANK = 3, QUANTITY_PATH = 96 };

/* A dimension of a quantity; the same path stands for the same axis wherever it is named. */
struct axis {
    char path[QUANTITY_PATH]; /* "/level_3_node" */
    size_t length;
    const char *long_name; /* what it counts */
};

struct quantity {
    char path[QUANTITY_PATH]; /* in the result file, "/series/covop/level_3/norm" */
    const char *long_name;
    const char *units;               /* NULL: "1" */
    int rank;                        /* of one measurement; 0: one number */
    struct axis axis[QUANTITY_RANK]; /* [rank] */
    const double *value;             /* [axis 0][axis 1]... */
    const char *headline;            /* label under which `duet run` and `duet info` show the first
                                        and the last value; NULL: not shown.  Rank 0 or 1 */
    const char *brief;               /* label of the value on a progress line; NULL: not shown.  Of
                                        rank 1 the first entry is shown */
    const char *limit;               /* of a headline of rank 1: entry k is bounded by the constants
                                        at this path with _k behind it, "/ceiling/level", whose
                                        mean is shown beside it; NULL: not bounded */
    const char *at_zero;             /* of a headline of rank 0: a sentence that is shown below the
                                        summary where the last value is 0; NULL: none */
    bool constant; /* the same at all times: stored once, without the axis of time */
};

struct quantity_list {
    struct quantity *entry;  /* NULL while counting */
    size_t count;            /* added so far */
    struct quantity ignored; /* takes the writes while counting */
};

/* The next entry, whose path is printed from `format`; all other members are 0. */
struct quantity *quantity_add(struct quantity_list *list, const char *long_name, const char *format,
                              ...) __attribute__((format(printf, 3, 4)));

/* Give it one more dimension. */
void quantity_axis(struct quantity *quantity, size_t length, const char *long_name,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Numbers of one measurement. */
size_t quantity_size(const struct quantity *quantity);

/* A part of a run that has quantities. */
struct quantity_source {
    const void *state;
    void (*add)(const void *state, struct quantity_list *list);
};
