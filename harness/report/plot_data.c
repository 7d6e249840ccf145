#include "harness/report/plot_data.h"
#include "harness/spec/same.h"
#include "harness/spec/words.h"

#include "store/tsv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void axis_free(struct plot_axis *axis)
{
    free(axis->label);
    free(axis->at);
    free(axis->edge);
}

void plot_data_free(struct plot_data *data)
{
    axis_free(&data->x);
    axis_free(&data->by);
    collect_groups_free(&data->groups);
    free(data->group);
    free(data->statistic);
    free(data->selected);
    free(data->left_out);
    *data = (struct plot_data){0};
}

/* ---- choice of points ---- */

static bool is_number(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return *end == '\0' && end != text && isfinite(*value);
}

enum { VALUES = 512 }; /* bytes of a list of values */

/* The values of a key as "0.1, 0.2, 0.5", at most 12 of them. */
static void list_values(const struct collect_table *table, size_t key, char text[VALUES])
{
    enum { MOST = 12 };
    const char *shown[MOST];
    size_t count = 0;
    text[0] = '\0';
    for (size_t i = 0; i < table->plan.count; i++) {
        const char *label = collect_label(table, i, key);
        size_t k = 0;
        while (k < count && strcmp(shown[k], label) != 0)
            k++;
        if (k < count)
            continue;
        append_text(text, VALUES, "%s%s", k ? ", " : "", k < MOST ? label : "...");
        if (k == MOST)
            return;
        shown[count++] = label;
    }
}

static enum status find_at(const struct collect_table *table, const char *at, size_t *key,
                           const char **value, struct error *err)
{
    const char *equals = strchr(at, '=');
    if (!equals || equals == at || !equals[1])
        return error_set(err, STATUS_INVALID, "--at %s: give KEY=VALUE, such as seed=1", at);
    char *name = strndup(at, (size_t)(equals - at));
    if (!name)
        return error_memory(err, "the plot");
    const enum status status = collect_find_key(table, "--at", name, key, err);
    free(name);
    *value = equals + 1;
    return status;
}

static enum status select_at(struct plot_data *data, const char *at, struct error *err)
{
    const struct collect_table *table = data->table;
    char values[VALUES];
    size_t key, found = 0;
    const char *value = NULL;
    enum status status = find_at(table, at, &key, &value, err);
    if (status)
        return status;
    if (key == data->x.key || key == data->by.key)
        return error_set(err, STATUS_INVALID, "--at %s: the key is drawn as %s; leave one out", at,
                         key == data->x.key ? "--x" : "--by");
    for (size_t i = 0; i < table->plan.count; i++) {
        const bool same = same_value(collect_label(table, i, key), value);
        found += same;
        data->selected[i] = data->selected[i] && same;
    }
    if (found)
        return STATUS_OK;
    list_values(table, key, values);
    return error_set(err, STATUS_INVALID, "--at %s: the sweep has no such value; it has %s", at,
                     values);
}

static enum status select_points(struct plot_data *data, struct error *err)
{
    const size_t points = data->table->plan.count;
    bool any = false;
    data->selected = malloc((points + 1) * sizeof *data->selected);
    if (!data->selected)
        return error_memory(err, "the plot");
    for (size_t i = 0; i < points; i++)
        data->selected[i] = true;
    enum status status = STATUS_OK;
    for (size_t a = 0; a < data->choice->at_count && !status; a++)
        status = select_at(data, data->choice->at[a], err);
    for (size_t i = 0; i < points && !status; i++)
        any = any || data->selected[i];
    if (!status && !any)
        return error_set(err, STATUS_INVALID,
                         "no point of the sweep has all the values of --at together");
    return status;
}

/* ---- axes ---- */

/* Relative spread of the steps between neighbours. */
static double unevenness(const double *value, size_t count, bool logarithmic)
{
    double sum = 0, squares = 0;
    const double steps = (double)count - 1;
    for (size_t i = 1; i < count; i++) {
        const double step = logarithmic ? log(value[i] / value[i - 1]) : value[i] - value[i - 1];
        sum += step;
        squares += step * step;
    }
    return steps * squares / (sum * sum);
}

bool plot_is_logarithmic(const double *value, size_t count)
{
    const double rounding = 1e-9;
    return count >= 3 && value[0] > 0 &&
           unevenness(value, count, true) < unevenness(value, count, false) - rounding;
}

struct tick {
    double at;
    const char *label;
};

static int compare_places(const void *a, const void *b)
{
    const struct tick *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* Edges halfway between neighbours; the outer edges as far out as the next edges are in. */
static void find_edges(struct plot_axis *axis)
{
    const size_t n = axis->count;
    const bool logarithmic = axis->logarithmic;
    double *edge = axis->edge;
    for (size_t i = 1; i < n; i++)
        edge[i] =
            logarithmic ? sqrt(axis->at[i - 1] * axis->at[i]) : (axis->at[i - 1] + axis->at[i]) / 2;
    if (n == 1) {
        const double half = axis->words || axis->at[0] == 0 ? 0.5 : fabs(axis->at[0]) / 2;
        edge[0] = axis->at[0] - half;
        edge[1] = axis->at[0] + half;
        return;
    }
    edge[0] = logarithmic ? axis->at[0] * axis->at[0] / edge[1] : 2 * axis->at[0] - edge[1];
    edge[n] = logarithmic ? axis->at[n - 1] * axis->at[n - 1] / edge[n - 1]
                          : 2 * axis->at[n - 1] - edge[n - 1];
}

static size_t find_label(const struct plot_axis *axis, const char *label)
{
    size_t i = 0;
    while (i < axis->count && strcmp(axis->label[i], label) != 0)
        i++;
    return i;
}

static enum status sort_axis(struct plot_axis *axis, struct error *err)
{
    struct tick *place = malloc((axis->count + 1) * sizeof *place);
    if (!place)
        return error_memory(err, "the plot");
    axis->words = false;
    for (size_t i = 0; i < axis->count; i++) {
        place[i].label = axis->label[i];
        axis->words = axis->words || !is_number(axis->label[i], &place[i].at);
    }
    for (size_t i = 0; i < axis->count && axis->words; i++)
        place[i].at = (double)i + 1;
    qsort(place, axis->count, sizeof *place, compare_places);
    for (size_t i = 0; i < axis->count; i++) {
        axis->label[i] = place[i].label;
        axis->at[i] = place[i].at;
    }
    free(place);
    axis->logarithmic = !axis->words && plot_is_logarithmic(axis->at, axis->count);
    find_edges(axis);
    return STATUS_OK;
}

/* The values of axis->key among the selected points; without a key a single value, "". */
static enum status make_axis(struct plot_axis *axis, const struct plot_data *data,
                             struct error *err)
{
    const struct collect_table *table = data->table;
    const size_t points = table->plan.count;
    axis->label = calloc(points + 1, sizeof *axis->label);
    axis->at = calloc(points + 1, sizeof *axis->at);
    axis->edge = calloc(points + 2, sizeof *axis->edge);
    if (!axis->label || !axis->at || !axis->edge)
        return error_memory(err, "the plot");
    for (size_t i = 0; i < points; i++) {
        const char *label = axis->key == PLOT_NO_GROUP ? "" : collect_label(table, i, axis->key);
        if (data->selected[i] && find_label(axis, label) == axis->count)
            axis->label[axis->count++] = label;
    }
    return sort_axis(axis, err);
}

static enum status make_axes(struct plot_data *data, struct error *err)
{
    const enum status status = make_axis(&data->x, data, err);
    return status ? status : make_axis(&data->by, data, err);
}

/* ---- the lattice ---- */

/* Groups are over the seed, unless it is drawn or chosen. */
static enum status make_groups(struct plot_data *data, struct error *err)
{
    const struct plot_choice *choice = data->choice;
    const struct grid *grid = &data->table->plan.grid;
    data->left_out = calloc(grid->columns + 1, sizeof *data->left_out);
    if (!data->left_out)
        return error_memory(err, "the plot");
    for (size_t c = 0; c < grid->columns; c++) {
        bool averaged =
            strcmp(grid_column(grid, c), "seed") == 0 && c != data->x.key && c != data->by.key;
        for (size_t a = 0; a < choice->at_count && averaged; a++)
            averaged = strncmp(choice->at[a], "seed=", 5) != 0;
        data->left_out[c] = averaged;
        data->seeds = data->seeds || averaged;
    }
    return collect_groups_find(data->table, data->left_out, &data->groups, err);
}

static size_t cell_of(const struct plot_data *data, size_t point)
{
    const size_t i = find_label(&data->x, collect_label(data->table, point, data->x.key));
    const size_t j = data->by.key == PLOT_NO_GROUP
                         ? 0
                         : find_label(&data->by, collect_label(data->table, point, data->by.key));
    return i + j * data->x.count;
}

/* The error for varying keys that are not drawn, [grid.columns]. */
static enum status refuse(const struct plot_data *data, const bool *varies, struct error *err)
{
    const struct grid *grid = &data->table->plan.grid;
    char names[2 * VALUES] = "", how[VALUES] = "", values[VALUES];
    size_t keys = 0, some = 0;
    while (!data->selected[some])
        some++;
    for (size_t c = 0; c < grid->columns; c++) {
        if (!varies[c])
            continue;
        list_values(data->table, c, values);
        append_text(names, sizeof names, "%s%s (%s)", keys++ ? " and " : "", grid_column(grid, c),
                    values);
        append_text(how, sizeof how, " --at %s=%s", grid_column(grid, c),
                    collect_label(data->table, some, c));
    }
    return error_set(err, STATUS_INVALID, "%s var%s too; choose a value, such as%s%s", names,
                     keys > 1 ? "y" : "ies", how,
                     data->by.key == PLOT_NO_GROUP ? ", or draw a line for each with --by" : "");
}

/* Put the groups into their cells and mark the keys that differ between groups of one cell. */
static bool place_groups(struct plot_data *data, bool *varies)
{
    const struct collect_table *table = data->table;
    bool clash = false;
    for (size_t g = 0; g < data->groups.count; g++) {
        const size_t point = data->groups.first[g];
        if (!data->selected[point])
            continue;
        size_t *group = &data->group[cell_of(data, point)];
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): one for each cell */
        if (*group == PLOT_NO_GROUP) {
            *group = g;
            continue;
        }
        clash = true;
        for (size_t c = 0; c < table->plan.grid.columns; c++)
            if (!data->left_out[c] && strcmp(collect_label(table, data->groups.first[*group], c),
                                             collect_label(table, point, c)) != 0)
                varies[c] = true;
    }
    return !clash;
}

static enum status fill_cells(struct plot_data *data, struct error *err)
{
    const size_t cells = data->x.count * data->by.count;
    if (cells > PLOT_MAX_CELLS)
        return error_set(err, STATUS_INVALID,
                         "%zu x %zu values are too many to draw; choose fewer with --at",
                         data->x.count, data->by.count);
    bool *varies = calloc(data->table->plan.grid.columns + 1, sizeof *varies);
    data->group = malloc((cells + 1) * sizeof *data->group);
    data->statistic = malloc((cells + 1) * sizeof *data->statistic);
    enum status status =
        varies && data->group && data->statistic ? STATUS_OK : error_memory(err, "the plot");
    for (size_t k = 0; k < cells && !status; k++)
        data->group[k] = PLOT_NO_GROUP;
    if (!status && !place_groups(data, varies))
        status = refuse(data, varies, err);
    free(varies);
    return status;
}

static enum status average(struct plot_data *data, struct error *err)
{
    const size_t cells = data->x.count * data->by.count;
    bool failed = false;
#pragma omp parallel for schedule(dynamic, 8) reduction(|| : failed)
    for (size_t k = 0; k < cells; k++) {
        for (int s = 0; s < COLLECT_STATISTICS; s++)
            data->statistic[k][s] = NAN;
        if (data->group[k] != PLOT_NO_GROUP)
            failed = !collect_statistics(data->table, &data->groups, data->group[k], data->column,
                                         data->statistic[k]) ||
                     failed;
    }
    for (size_t k = 0; k < cells; k++)
        data->values += isnan(data->statistic[k][COLLECT_MEAN]) ? 0 : 1;
    return failed ? error_memory(err, "the plot") : STATUS_OK;
}

/* ---- the chosen columns ---- */

static enum status unknown_column(const struct collect_table *table, const char *y,
                                  struct error *err)
{
    char right[640];
    const char **names = calloc(table->columns + 1, sizeof *names);
    if (!names)
        return error_memory(err, "the plot");
    for (size_t c = 0; c < table->columns; c++)
        names[c] = table->column[c].name;
    suggest_word(right, sizeof right, y, names, table->columns, "there are");
    free(names);
    if (table->columns == 0)
        return error_set(err, STATUS_INVALID,
                         "no point of the sweep is finished; `duet sweep` runs them");
    return error_set(err, STATUS_INVALID, "--y %s is no quantity; %s", y, right);
}

static enum status find_column(struct plot_data *data, struct error *err)
{
    const struct collect_table *table = data->table;
    const char *y = data->choice->y;
    for (data->column = 0; data->column < table->columns; data->column++)
        if (strcmp(table->column[data->column].name, y) == 0)
            return STATUS_OK;
    return unknown_column(table, y, err);
}

static enum status find_keys(struct plot_data *data, struct error *err)
{
    const struct plot_choice *choice = data->choice;
    data->x.key = data->by.key = PLOT_NO_GROUP;
    enum status status = collect_find_key(data->table, "--x", choice->x, &data->x.key, err);
    if (!status && choice->by)
        status = collect_find_key(data->table, "--by", choice->by, &data->by.key, err);
    if (!status && data->x.key == data->by.key)
        status =
            error_set(err, STATUS_INVALID, "--x and --by are both %s; give two keys", choice->x);
    return status;
}

enum status plot_data_make(struct plot_data *data, const struct collect_table *table,
                           const struct plot_choice *choice, struct error *err)
{
    static enum status (*const steps[])(struct plot_data *, struct error *) = {
        find_keys, find_column, select_points, make_axes, make_groups, fill_cells};
    *data = (struct plot_data){.table = table, .choice = choice};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !status; i++)
        status = steps[i](data, err);
    if (!status && !choice->heat && data->by.count > PLOT_MAX_LINES)
        status = error_set(err, STATUS_INVALID,
                           "%s has %zu values, and a picture at most %d lines; draw a map with "
                           "--heat",
                           choice->by, data->by.count, PLOT_MAX_LINES);
    if (!status)
        status = average(data, err);
    if (!status && data->values == 0)
        status = error_set(err, STATUS_INVALID,
                           "no complete point that was chosen has a value of "
                           "%s",
                           choice->y);
    return status;
}

/* ---- as text ---- */

static void put_number(FILE *out, double value)
{
    putc('\t', out);
    tsv_number(out, value);
}

static void put_place(FILE *out, const struct plot_axis *axis, size_t i)
{
    put_number(out, axis->at[i]);
    put_number(out, axis->edge[i]);
    put_number(out, axis->edge[i + 1]);
}

/* The values of a group, separated by spaces, where they are few enough to be drawn. */
static void put_values(FILE *out, const struct plot_data *data, size_t group)
{
    enum { MOST = 10 };
    const struct collect_groups *groups = &data->groups;
    double value[MOST];
    if (groups->start[group + 1] - groups->start[group] > MOST)
        return;
    const size_t count = collect_values(data->table, groups, group, data->column, value);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? " " : "", out);
        tsv_number(out, value[i]);
    }
}

static void put_cell(FILE *out, const struct plot_data *data, size_t i, size_t j)
{
    const size_t k = i + j * data->x.count, group = data->group[k];
    tsv_text(out, data->x.label[i]);
    putc('\t', out);
    tsv_text(out, data->by.key == PLOT_NO_GROUP ? "-" : data->by.label[j]);
    for (int s = COLLECT_MEAN; s <= COLLECT_HIGH; s++)
        put_number(out, data->statistic[k][s]);
    fprintf(out, "\t%zu\t%zu\t%zu",
            collect_count(data->table, &data->groups, group, POINT_COMPLETE),
            data->groups.start[group + 1] - data->groups.start[group], j + 1);
    put_place(out, &data->x, i);
    put_place(out, &data->by, j);
    fprintf(out, "\t%.0f\t", data->statistic[k][COLLECT_COUNT]);
    put_values(out, data, group);
    putc('\n', out);
}

void plot_data_print(FILE *out, const void *context)
{
    const struct plot_data *data = context;
    const struct plot_choice *choice = data->choice;
    fprintf(out,
            "%s\t%s\t%s\t%s.sd\t%s.low\t%s.high\tcomplete\tpoints\tline\tx\tx_low\tx_high\tby"
            "\tby_low\tby_high\tn\tvalues\n",
            choice->x, choice->by ? choice->by : "-", choice->y, choice->y, choice->y, choice->y);
    for (size_t j = 0; j < data->by.count; j++)
        for (size_t i = 0; i < data->x.count; i++)
            if (data->group[i + j * data->x.count] != PLOT_NO_GROUP)
                put_cell(out, data, i, j);
}

/* "3 diverged (points 4, 5, 6)" */
static bool put_left_out(FILE *out, const struct plot_data *data, enum point_status which,
                         bool first)
{
    enum { MOST = 8 };
    const struct collect_table *table = data->table;
    size_t count = 0;
    for (size_t i = 0; i < table->plan.count; i++)
        count += data->selected[i] && table->row[i].status == which;
    if (count == 0)
        return first;
    fprintf(out, "%s%zu %s (point%s", first ? "left out: " : ", ", count, point_status_words[which],
            count > 1 ? "s" : "");
    for (size_t i = 0, shown = 0; i < table->plan.count && shown <= MOST; i++)
        if (data->selected[i] && table->row[i].status == which) {
            fprintf(out, shown < MOST ? "%s %zu" : "%s ...", shown ? "," : "", i + 1);
            shown++;
        }
    fputc(')', out);
    return false;
}

void plot_data_print_left_out(FILE *out, const struct plot_data *data)
{
    size_t blank = 0;
    bool first = true;
    for (int s = POINT_DIVERGED; s < POINT_STATUSES; s++)
        first = put_left_out(out, data, (enum point_status)s, first);
    for (size_t k = 0; k < data->x.count * data->by.count; k++)
        blank += data->group[k] != PLOT_NO_GROUP && isnan(data->statistic[k][COLLECT_MEAN]);
    if (blank > 0)
        fprintf(out, "%s%zu of the places in the picture %s blank", first ? "" : "; ", blank,
                blank > 1 ? "are" : "is");
    fputs(first && blank == 0 ? "" : "\n", out);
}
