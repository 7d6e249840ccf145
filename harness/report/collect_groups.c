#include "harness/report/collect_groups.h"

#include "analysis/statistics.h"
#include "core/random.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct member {
    char *labels;
    size_t point, group;
};

void collect_groups_free(struct collect_groups *groups)
{
    free(groups->member);
    free(groups->first);
    free(groups->start);
    *groups = (struct collect_groups){0};
}

static int compare_labels(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    const int order = strcmp(x->labels, y->labels);
    return order ? order : (x->point > y->point) - (x->point < y->point);
}

static int compare_members(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (x->point > y->point) - (x->point < y->point);
}

static char *join_labels(const struct collect_table *table, size_t point, const bool *left_out)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    for (size_t c = 0; out && c < table->plan.grid.columns; c++)
        if (!left_out[c])
            fprintf(out, "%s\x1f", collect_label(table, point, c));
    if (out && fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* A group is identified by its first point. */
static void sort_members(struct member *member, size_t points)
{
    qsort(member, points, sizeof *member, compare_labels);
    for (size_t i = 0; i < points; i++) {
        const bool same = i > 0 && strcmp(member[i].labels, member[i - 1].labels) == 0;
        member[i].group = same ? member[i - 1].group : member[i].point;
    }
    qsort(member, points, sizeof *member, compare_members);
}

enum status collect_groups_find(const struct collect_table *table, const bool *left_out,
                                struct collect_groups *groups, struct error *err)
{
    const size_t points = table->plan.count;
    struct member *member = calloc(points + 1, sizeof *member);
    *groups = (struct collect_groups){.points = points,
                                      .member = calloc(points + 1, sizeof *groups->member),
                                      .first = calloc(points + 1, sizeof *groups->first),
                                      .start = calloc(points + 1, sizeof *groups->start)};
    bool good = member && groups->member && groups->first && groups->start;
    for (size_t i = 0; i < points && good; i++) {
        member[i].point = i;
        good = (member[i].labels = join_labels(table, i, left_out)) != NULL;
    }
    if (good)
        sort_members(member, points);
    for (size_t i = 0; i < points && good; i++) {
        groups->member[i] = member[i].point;
        if (i == 0 || member[i].group != member[i - 1].group) {
            groups->first[groups->count] = member[i].group;
            groups->start[groups->count++] = i;
        }
    }
    if (good)
        groups->start[groups->count] = points;
    for (size_t i = 0; i < points && member; i++)
        free(member[i].labels);
    free(member);
    return good ? STATUS_OK : error_memory(err, "the table");
}

size_t collect_count(const struct collect_table *table, const struct collect_groups *groups,
                     size_t group, enum point_status status)
{
    size_t count = 0;
    for (size_t i = groups->start[group]; i < groups->start[group + 1]; i++)
        count += table->row[groups->member[i]].status == status;
    return count;
}

size_t collect_values(const struct collect_table *table, const struct collect_groups *groups,
                      size_t group, size_t column, double *value)
{
    size_t count = 0;
    for (size_t i = groups->start[group]; i < groups->start[group + 1]; i++) {
        const size_t point = groups->member[i];
        const double v = collect_value(table, point, column);
        if (table->row[point].status == POINT_COMPLETE && !isnan(v))
            value[count++] = v;
    }
    return count;
}

bool collect_statistics(const struct collect_table *table, const struct collect_groups *groups,
                        size_t group, size_t column, double statistic[COLLECT_STATISTICS])
{
    const double level = 0.95;
    const size_t members = groups->start[group + 1] - groups->start[group];
    double *value = malloc((members + 1) * sizeof *value);
    gsl_rng *rng = stream_rng_alloc(1, PURPOSE_USER, group, column);
    const bool good = value && rng;
    const size_t count = good ? collect_values(table, groups, group, column, value) : 0;
    for (int s = 0; s < COLLECT_STATISTICS; s++)
        statistic[s] = NAN;
    statistic[COLLECT_COUNT] = (double)count;
    if (count > 0) {
        const struct interval interval = mean_interval(value, count, level, rng);
        statistic[COLLECT_MEAN] = interval.mean;
        if (count > 1) { /* a single value has no spread */
            statistic[COLLECT_SD] = gsl_stats_sd(value, 1, count);
            statistic[COLLECT_LOW] = interval.low;
            statistic[COLLECT_HIGH] = interval.high;
        }
    }
    if (rng)
        gsl_rng_free(rng);
    free(value);
    return good;
}
