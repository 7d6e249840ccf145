/* Groups of the points of a sweep, such as points that differ only in the seed, and their
 * statistics. */
#pragma once

#include "harness/report/collect_table.h"

struct collect_groups {
    size_t count, points;
    size_t *first;  /* first point of a group, [count]: the groups are in the order of the grid */
    size_t *member; /* [points], by group, then by point */
    size_t *start;  /* of a group in `member`, [count + 1] */
};

/* Points that are equal in all columns of the grid except left_out [grid.columns] are one group.
 * Free with collect_groups_free, also after an error. */
enum status collect_groups_find(const struct collect_table *table, const bool *left_out,
                                struct collect_groups *groups, struct error *err);
void collect_groups_free(struct collect_groups *groups);

/* Points of a group that have a status. */
size_t collect_count(const struct collect_table *table, const struct collect_groups *groups,
                     size_t group, enum point_status status);

enum collect_statistic {
    COLLECT_MEAN,
    COLLECT_SD,
    COLLECT_LOW,
    COLLECT_HIGH,
    COLLECT_COUNT,
    COLLECT_STATISTICS
};

/* The values of a column at the complete points of a group, without NaN, in `value`, which has room
 * for all points of the group; returns their number. */
size_t collect_values(const struct collect_table *table, const struct collect_groups *groups,
                      size_t group, size_t column, double *value);

/* Statistics of these values: mean, standard deviation, the 95% interval of the mean
 * (analysis/statistics.h), and their number.  NaN without a value; a single value has only a mean.
 * The resamples are addressed by group and column.  False for lack of memory. */
bool collect_statistics(const struct collect_table *table, const struct collect_groups *groups,
                        size_t group, size_t column, double statistic[COLLECT_STATISTICS]);
