#include "harness/run/record.h"

#include "harness/run/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- room ---- */

static void layout(struct record *r, struct arena *arena)
{
    r->time = ARENA_TAKE(arena, double, r->points);
    for (size_t i = 0; i < r->count; i++)
        r->series[i] = r->quantity[i].constant
                           ? NULL
                           : ARENA_TAKE(arena, double, r->points *quantity_size(&r->quantity[i]));
}

enum status record_open(struct record *r, size_t points,
                        const struct quantity_source part[RECORD_PARTS], struct error *err)
{
    struct quantity_list counted = {0};
    struct arena count = {0};
    for (size_t i = 0; i < RECORD_PARTS; i++)
        part[i].add(part[i].state, &counted);
    r->points = points;
    r->quantity = calloc(counted.count + 1, sizeof *r->quantity);
    r->series = calloc(counted.count + 1, sizeof *r->series);
    if (!r->quantity || !r->series)
        return error_memory(err, "%zu series", counted.count);
    struct quantity_list list = {.entry = r->quantity};
    for (size_t i = 0; i < RECORD_PARTS; i++) {
        part[i].add(part[i].state, &list);
        r->first[i + 1] = list.count;
    }
    r->count = list.count;
    layout(r, &count);
    enum status status = arena_create(&r->arena, &count, err);
    if (!status)
        layout(r, &r->arena);
    return status;
}

void record_free(struct record *r)
{
    arena_free(&r->arena);
    free(r->quantity);
    free(r->series);
    *r = (struct record){0};
}

/* ---- points ---- */

void record_keep(struct record *r, size_t part)
{
    for (size_t i = r->first[part]; i < r->first[part + 1]; i++) {
        const size_t size = quantity_size(&r->quantity[i]);
        if (r->series[i])
            memcpy(r->series[i] + r->measured * size, r->quantity[i].value, size * sizeof(double));
    }
}

void record_state(struct record *r, struct state_list *list)
{
    state_natural(list, &r->measured, r->points, "record/measured");
    state_reals(list, r->measured, r->time, "record%s", r->time_path);
    for (size_t i = 0; i < r->count; i++)
        if (r->series[i])
            state_reals(list, r->measured * quantity_size(&r->quantity[i]), r->series[i],
                        "record%s", r->quantity[i].path);
}

static const double *values_of(const struct record *r, size_t i)
{
    return r->series[i] ? r->series[i] : r->quantity[i].value;
}

const double *record_find(const struct record *r, const char *path,
                          const struct quantity **quantity)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->quantity[i].path, path) == 0) {
            if (quantity)
                *quantity = &r->quantity[i];
            return values_of(r, i);
        }
    return NULL;
}

void record_brief(const struct record *r, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; r->measured > 0 && i < r->count && used < size; i++)
        if (r->quantity[i].brief) {
            const double value = r->series[i][(r->measured - 1) * quantity_size(&r->quantity[i])];
            char number[32] = "-"; /* not measured */
            if (!isnan(value))
                snprintf(number, sizeof number, "%.5g", value);
            used += (size_t)snprintf(text + used, size - used, "%s%s %s", used ? "  " : "",
                                     r->quantity[i].brief, number);
        }
}

/* ---- summary ---- */

/* The limits of an entry, by the constants of that path. */
static struct summary_limit limit_of(const struct record *r, const struct quantity *q, size_t k,
                                     char axis[QUANTITY_PATH])
{
    char path[2 * QUANTITY_PATH];
    const struct quantity *limit;
    snprintf(path, sizeof path, "%s_%zu", q->limit, k);
    const double *values = record_find(r, path, &limit);
    if (!values || limit->rank != 1)
        return summary_limit(NULL, 0);
    memcpy(axis, limit->axis[0].path, QUANTITY_PATH);
    return summary_limit(values, limit->axis[0].length);
}

static void print_table(const struct record *r, size_t i, FILE *out)
{
    const struct quantity *q = &r->quantity[i];
    const size_t count = quantity_size(q);
    struct summary_limit *limit = calloc(count + 1, sizeof *limit);
    char axis[QUANTITY_PATH] = "";
    for (size_t k = 0; limit && q->limit && k < count; k++)
        limit[k] = limit_of(r, q, k, axis);
    const struct summary_table table = {.headline = q->headline,
                                        .axis = q->axis[0].path,
                                        .count = count,
                                        .before = r->series[i],
                                        .after = r->series[i] + (r->measured - 1) * count,
                                        .limit = q->limit ? limit : NULL,
                                        .limit_path = q->limit,
                                        .limit_axis = axis};
    summary_print_table(out, &table);
    free(limit);
}

static int by_path(const void *a, const void *b, void *quantity)
{
    const struct quantity *q = quantity;
    return strcmp(q[*(const size_t *)a].path, q[*(const size_t *)b].path);
}

/* As summary_print_file does, in the order of their paths. */
void record_print(const struct record *r, FILE *out)
{
    size_t *order = calloc(r->count + 1, sizeof *order);
    if (r->measured == 0 || !order) {
        free(order);
        return;
    }
    for (size_t i = 0; i < r->count; i++)
        order[i] = i;
    qsort_r(order, r->count, sizeof *order, by_path, r->quantity);
    summary_print_head(out);
    for (size_t k = 0; k < r->count; k++) {
        const size_t i = order[k];
        if (r->quantity[i].headline && r->quantity[i].rank == 0)
            summary_print_line(out, r->quantity[i].headline, r->series[i][0],
                               r->series[i][r->measured - 1]);
    }
    for (size_t k = 0; k < r->count; k++)
        if (r->quantity[order[k]].at_zero && r->series[order[k]][r->measured - 1] == 0)
            summary_print_remark(out, r->quantity[order[k]].at_zero);
    for (size_t k = 0; k < r->count; k++)
        if (r->quantity[order[k]].headline && r->quantity[order[k]].rank == 1)
            print_table(r, order[k], out);
    free(order);
}

/* ---- storage ---- */

/* Where the file is built; after a first failure nothing more is put. */
struct writer {
    struct store *store;
    const struct record *record;
    const struct quantity *entry; /* of the record, then the constants beside it */
    enum status status;
    struct error *err;
};

/* Whether an axis was named before: by an earlier entry, or an earlier dimension. */
static bool is_named(const struct quantity *entry, size_t which, int dimension)
{
    const char *path = entry[which].axis[dimension].path;
    for (size_t i = 0; i <= which; i++)
        for (int d = 0; d < (i < which ? entry[i].rank : dimension); d++)
            if (strcmp(entry[i].axis[d].path, path) == 0)
                return true;
    return false;
}

static void put_note(struct writer *w, const char *path, const char *name, const char *text)
{
    if (!w->status && text)
        w->status = store_put_note(w->store, path, name, text, w->err);
}

static void put_entry(struct writer *w, size_t which)
{
    const struct quantity *q = &w->entry[which];
    const struct record *r = w->record;
    const bool series = which < r->count && r->series[which];
    const int time = series;
    size_t shape[STORE_MAX_RANK] = {r->measured};
    const char *axes[STORE_MAX_RANK] = {r->time_path};
    for (int i = 0; i < q->rank; i++) {
        shape[time + i] = q->axis[i].length;
        axes[time + i] = q->axis[i].path;
        if (!w->status && !is_named(w->entry, which, i))
            w->status = store_put_axis(w->store, q->axis[i].path, q->axis[i].length, NULL,
                                       q->axis[i].long_name, "1", w->err);
    }
    if (!w->status)
        w->status = store_put(w->store, q->path, time + q->rank, shape, axes,
                              series ? r->series[which] : q->value, q->long_name,
                              q->units ? q->units : "1", w->err);
    put_note(w, q->path, "headline", q->headline);
    put_note(w, q->path, "limit", q->limit);
    put_note(w, q->path, "at_zero", q->at_zero);
}

enum status record_store(const struct record *r, const struct quantity_source *constants,
                         struct store *store, struct error *err)
{
    struct quantity_list counted = {.count = r->count};
    constants->add(constants->state, &counted);
    struct quantity_list list = {.entry = calloc(counted.count + 1, sizeof *list.entry),
                                 .count = r->count};
    if (!list.entry)
        return error_memory(err, "%zu datasets", counted.count);
    memcpy(list.entry, r->quantity, r->count * sizeof *list.entry);
    constants->add(constants->state, &list);
    struct writer w = {.store = store, .record = r, .entry = list.entry, .err = err};
    w.status = (r->whole_times ? store_put_whole_axis : store_put_axis)(
        store, r->time_path, r->measured, r->time, r->time_name, "1", err);
    for (size_t i = 0; i < list.count; i++)
        put_entry(&w, i);
    free(list.entry);
    return w.status;
}
