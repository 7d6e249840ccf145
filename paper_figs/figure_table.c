#include "paper_figs/figure_table.h"

#include "core/error.h"
#include "store/tsv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 512, NAME = 96 }; /* datasets, columns */

/* A dataset with its axes. */
struct dataset {
    char *path;
    struct store_array array;
    char *axes[STORE_MAX_RANK];
    char name[NAME]; /* of its column */
    size_t table;
};

/* An axis, or a quantity: a column. */
struct column_name {
    char name[NAME];
};

struct points {
    const struct store_file *file;
    struct dataset *dataset; /* [MOST] */
    size_t datasets, tables;
    struct column_name *axis, *quantity; /* [MOST] */
    size_t axes, quantities;
};

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Bytes of the group in front of the last part, without slashes around it. */
static size_t group_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash > path ? (size_t)(slash - path - 1) : 0;
}

static enum status name_column(const struct store_file *file, const char *path, char name[NAME],
                               struct error *err)
{
    struct store_info info;
    enum status status = store_describe(file, path, &info, err);
    if (status)
        return status;
    const bool unit = info.units && *info.units && strcmp(info.units, "1") != 0;
    snprintf(name, NAME, unit ? "%s (%s)" : "%s", last_part(path), info.units);
    store_info_free(&info);
    return STATUS_OK;
}

/* The column of that name; `count`: there is none. */
static size_t find_column(const struct column_name *column, size_t count, const char *name)
{
    size_t i = 0;
    while (i < count && strcmp(column[i].name, name) != 0)
        i++;
    return i;
}

/* The same, which is added where it is new; MOST: there is no room for it. */
static size_t column_of(struct column_name *column, size_t *count, const char *name)
{
    const size_t i = find_column(column, *count, name);
    if (i == *count && *count < MOST)
        snprintf(column[(*count)++].name, NAME, "%s", name);
    return i;
}

static bool same_rows(const struct dataset *a, const struct dataset *b)
{
    const size_t group = group_length(a->path);
    bool same = group == group_length(b->path) && strncmp(a->path, b->path, group + 1) == 0 &&
                a->array.rank == b->array.rank;
    for (int i = 0; same && i < a->array.rank; i++)
        same = a->array.shape[i] == b->array.shape[i] && !a->axes[i] == !b->axes[i] &&
               (!a->axes[i] || strcmp(a->axes[i], b->axes[i]) == 0);
    return same;
}

static enum status too_many(struct error *err)
{
    return error_set(err, STATUS_SYSTEM, "more than %d datasets in a figure", (int)MOST);
}

static enum status add_dataset(const char *path, void *context, struct error *err)
{
    struct points *p = context;
    struct store_info info;
    enum status status = store_describe(p->file, path, &info, err);
    if (status)
        return status;
    const bool wanted = !info.axis && info.rank <= STORE_MAX_RANK;
    store_info_free(&info);
    if (!wanted)
        return STATUS_OK;
    if (p->datasets == MOST)
        return too_many(err);
    struct dataset *d = &p->dataset[p->datasets++];
    if (!(d->path = strdup(path)))
        return error_memory(err, "a table");
    status = store_get(p->file, path, &d->array, err);
    if (!status)
        status = store_get_axes(p->file, path, d->axes, err);
    if (!status)
        status = name_column(p->file, path, d->name, err);
    for (size_t i = 0; i + 1 < p->datasets && !status; i++)
        if (same_rows(&p->dataset[i], d)) {
            d->table = p->dataset[i].table;
            return STATUS_OK;
        }
    d->table = p->tables++;
    return status;
}

/* The name of dimension i: the name of its axis, or its number. */
static enum status name_axis(const struct points *p, const struct dataset *d, int i,
                             char name[NAME], struct error *err)
{
    if (d->axes[i])
        return name_column(p->file, d->axes[i], name, err);
    snprintf(name, NAME, "index_%d", i);
    return STATUS_OK;
}

static enum status find_columns(struct points *p, struct error *err)
{
    enum status status = STATUS_OK;
    bool room = true;
    for (size_t k = 0; k < p->datasets && !status && room; k++) {
        const struct dataset *d = &p->dataset[k];
        char name[NAME];
        for (int i = 0; i < d->array.rank && !status; i++) {
            status = name_axis(p, d, i, name, err);
            room = room && column_of(p->axis, &p->axes, name) < MOST;
        }
        room = room && column_of(p->quantity, &p->quantities, d->name) < MOST;
    }
    return status || room ? status : too_many(err);
}

/* ---- rows ---- */

/* The rows of one table: a dataset of it, the values of its axes, and the places of both. */
struct rows {
    const struct dataset *first;
    struct store_array axis[STORE_MAX_RANK];
    size_t axis_column[STORE_MAX_RANK];
    const struct dataset **of_column; /* [quantities]; NULL: not in this table */
};

static enum status open_rows(struct points *p, size_t table, struct rows *r, struct error *err)
{
    *r = (struct rows){.of_column = calloc(p->quantities + 1, sizeof(struct dataset *))};
    if (!r->of_column)
        return error_memory(err, "a table");
    for (size_t k = p->datasets; k-- > 0;)
        if (p->dataset[k].table == table) {
            r->first = &p->dataset[k];
            r->of_column[column_of(p->quantity, &p->quantities, r->first->name)] = r->first;
        }
    enum status status = STATUS_OK;
    for (int i = 0; r->first && i < r->first->array.rank && !status; i++) {
        char name[NAME];
        status = name_axis(p, r->first, i, name, err);
        if (!status)
            r->axis_column[i] = column_of(p->axis, &p->axes, name);
        if (!status && r->first->axes[i])
            status = store_get(p->file, r->first->axes[i], &r->axis[i], err);
    }
    return status;
}

static void close_rows(struct rows *r)
{
    for (int i = 0; i < STORE_MAX_RANK; i++)
        store_array_free(&r->axis[i]);
    free(r->of_column);
}

static void put_number(FILE *out, double value)
{
    putc('\t', out);
    tsv_number(out, value);
}

/* Where the table stands in column `column` of the axes at point `index`; NAN where it has none. */
static double place_of(const struct rows *r, size_t column, const size_t *index)
{
    for (int i = 0; i < r->first->array.rank; i++)
        if (r->axis_column[i] == column)
            return index[i] < r->axis[i].count ? r->axis[i].values[index[i]] : (double)index[i];
    return NAN;
}

static void put_row(FILE *out, const struct points *p, const struct rows *r, size_t point)
{
    const struct store_array *shape = &r->first->array;
    const size_t group = group_length(r->first->path);
    size_t index[STORE_MAX_RANK] = {0}, rest = point;
    for (int i = shape->rank; i-- > 0; rest /= shape->shape[i])
        index[i] = rest % shape->shape[i];
    fprintf(out, "%.*s", group ? (int)group : 1, group ? r->first->path + 1 : "-");
    for (size_t c = 0; c < p->axes; c++)
        put_number(out, place_of(r, c, index));
    for (size_t c = 0; c < p->quantities; c++)
        put_number(out, r->of_column[c] ? r->of_column[c]->array.values[point] : NAN);
    putc('\n', out);
}

static void put_header(FILE *out, const struct points *p)
{
    fputs("panel", out);
    for (size_t c = 0; c < p->axes + p->quantities; c++) {
        putc('\t', out);
        if (c >= p->axes && find_column(p->axis, p->axes, p->quantity[c - p->axes].name) < p->axes)
            fputs("value of ", out); /* an axis has the name, too */
        tsv_text(out, c < p->axes ? p->axis[c].name : p->quantity[c - p->axes].name);
    }
    putc('\n', out);
}

static enum status put_tables(FILE *out, struct points *p, struct error *err)
{
    enum status status = STATUS_OK;
    put_header(out, p);
    for (size_t t = 0; t < p->tables && !status; t++) {
        struct rows r;
        status = open_rows(p, t, &r, err);
        for (size_t i = 0; !status && r.first && i < r.first->array.count; i++)
            put_row(out, p, &r, i);
        close_rows(&r);
    }
    return status;
}

enum status figure_write_points(const struct store_file *file, FILE *out, struct error *err)
{
    struct points p = {.file = file,
                       .dataset = calloc(MOST, sizeof *p.dataset),
                       .axis = calloc(MOST, sizeof *p.axis),
                       .quantity = calloc(MOST, sizeof *p.quantity)};
    enum status status =
        p.dataset && p.axis && p.quantity ? STATUS_OK : error_memory(err, "a table");
    if (!status)
        status = store_visit(file, "/", add_dataset, &p, err);
    if (!status)
        status = find_columns(&p, err);
    if (!status)
        status = put_tables(out, &p, err);
    for (size_t k = 0; p.dataset && k < p.datasets; k++) {
        free(p.dataset[k].path);
        store_array_free(&p.dataset[k].array);
        store_axes_free(p.dataset[k].axes);
    }
    free(p.dataset);
    free(p.axis);
    free(p.quantity);
    return status;
}
