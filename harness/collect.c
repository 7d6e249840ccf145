/* `duet collect`: the runs of a sweep as one table. */
#include "analysis/statistics.h"
#include "core/random.h"
#include "harness/command.h"
#include "harness/progress.h"
#include "harness/run.h"
#include "harness/store.h"
#include "harness/summary.h"
#include "harness/sweep_plan.h"

#include <argp.h>
#include <errno.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_CHOSEN = 64, PATH = RUN_PATH + 64, LISTED = 20 };

enum point_status {
    POINT_COMPLETE,
    POINT_DIVERGED,
    POINT_FAILED,
    POINT_MISSING,
    POINT_UNREADABLE,
    POINT_STATUSES,
};

static const char *const status_words[POINT_STATUSES] = {"complete", "diverged", "failed",
                                                         "missing", "unreadable"};
static const char status_name[] =
    "status: 0 complete, 1 diverged, 2 failed, 3 missing, 4 unreadable";

struct options {
    const char *folder, *over;
    const char *chosen[MAX_CHOSEN];
    size_t chosen_count;
    bool quiet;
};

/* ---- the table ---- */

/* A dataset whose last row becomes columns; what is no summary is known, too, to be passed over. */
struct series {
    char *path, *long_name;
    bool summary;
    size_t width;   /* most values that a point has */
    size_t *column; /* [width] */
};

struct column {
    char *name, *long_name;
};

/* Values of one point, in the order of the columns; those behind the last one are NaN. */
struct row {
    enum point_status status;
    size_t count;
    double *value;
};

struct table {
    struct sweep_plan plan;
    char manifest[PATH];
    struct series *series;
    size_t series_count;
    struct column *column;
    size_t columns;
    struct row *row; /* [plan.count] */
    size_t *kind;    /* [plan.count], see number_kinds */
    bool *visited;   /* [kind] */
    size_t counts[POINT_STATUSES];
};

static enum status out_of_memory(struct error *err)
{
    return error_set(err, STATUS_SYSTEM, "out of memory for the table");
}

static void table_free(struct table *table)
{
    for (size_t i = 0; i < table->series_count; i++) {
        free(table->series[i].path);
        free(table->series[i].long_name);
        free(table->series[i].column);
    }
    for (size_t i = 0; i < table->columns; i++) {
        free(table->column[i].name);
        free(table->column[i].long_name);
    }
    for (size_t i = 0; table->row && i < table->plan.count; i++)
        free(table->row[i].value);
    free(table->series);
    free(table->column);
    free(table->row);
    free(table->kind);
    free(table->visited);
    sweep_plan_free(&table->plan);
}

static double value_of(const struct row *row, size_t column)
{
    return column < row->count ? row->value[column] : NAN;
}

/* Text of a point in a column of the grid. */
static const char *label_of(const struct table *table, size_t point, size_t column)
{
    return grid_label(&table->plan.grid, table->plan.point[point].index, column);
}

/* ---- reading ---- */

struct reader {
    struct table *table;
    const struct options *options;
    const struct store_file *file;
    struct row *row;
    enum status status;
    struct error *err;
};

/* Words such as loss, series/loss and /series/loss. */
static bool is_chosen(const struct options *options, const char *path)
{
    for (size_t i = 0; i < options->chosen_count; i++) {
        const char *chosen = options->chosen[i];
        if (strcmp(path, chosen) == 0 || strcmp(path + 1, chosen) == 0 ||
            strcmp(path + strlen("/series/"), chosen) == 0)
            return true;
    }
    return false;
}

/* Unless datasets were chosen: what is one number at a time, and the best correlation by level. */
static bool is_summary(const struct options *options, const char *path,
                       const struct store_info *info)
{
    if (options->chosen_count > 0)
        return is_chosen(options, path) && info->rank >= 1 && info->rank <= STORE_MAX_RANK;
    return !info->axis && (info->rank == 1 || strcmp(path, "/series/best_correlation") == 0);
}

/* "/series/probe/mean" is probe.mean; where a row has several values each has its place behind a
 * dot. */
static char *name_column(const char *path, int rank, size_t index)
{
    char *name;
    const char *start = path + strlen("/series/");
    const char *place = strcmp(start, "best_correlation") == 0 ? "level_" : "";
    const int length =
        rank > 1 ? asprintf(&name, "%s.%s%zu", start, place, index) : asprintf(&name, "%s", start);
    for (char *c = length < 0 ? NULL : name; c && *c; c++)
        *c = *c == '/' ? '.' : *c <= ' ' ? '_' : *c;
    return length < 0 ? NULL : name;
}

static enum status add_columns(struct table *table, struct series *series, int rank, size_t width,
                               struct error *err)
{
    struct column *more = realloc(table->column, (table->columns + width) * sizeof *more);
    if (!more)
        return out_of_memory(err);
    table->column = more;
    size_t *place = realloc(series->column, width * sizeof *place);
    if (!place)
        return out_of_memory(err);
    series->column = place;
    for (; series->width < width; series->width++) {
        struct column *column = &more[table->columns];
        column->name = name_column(series->path, rank, series->width);
        column->long_name = strdup(series->long_name);
        place[series->width] = table->columns++;
        if (!column->name || !column->long_name)
            return out_of_memory(err);
    }
    return STATUS_OK;
}

/* What is known of a dataset; NULL on failure. */
static struct series *know(struct reader *reader, const char *path)
{
    struct table *table = reader->table;
    for (size_t i = 0; i < table->series_count; i++)
        if (strcmp(table->series[i].path, path) == 0)
            return &table->series[i];
    struct store_info info;
    struct series *more = realloc(table->series, (table->series_count + 1) * sizeof *table->series);
    if (!more) {
        reader->status = out_of_memory(reader->err);
        return NULL;
    }
    table->series = more;
    reader->status = store_describe(reader->file, path, &info, reader->err);
    if (reader->status)
        return NULL;
    struct series *series = &more[table->series_count++];
    *series = (struct series){.path = strdup(path),
                              .long_name = strdup(info.long_name),
                              .summary = is_summary(reader->options, path, &info)};
    store_info_free(&info);
    if (!series->path || !series->long_name)
        reader->status = out_of_memory(reader->err);
    return reader->status ? NULL : series;
}

static enum status widen(struct row *row, size_t count, struct error *err)
{
    double *more = realloc(row->value, count * sizeof *more);
    if (!more)
        return out_of_memory(err);
    row->value = more;
    for (; row->count < count; row->count++)
        more[row->count] = NAN;
    return STATUS_OK;
}

/* The last row of the dataset becomes a part of the point's. */
static enum status take(struct reader *reader, struct series *series)
{
    struct store_array array;
    struct table *table = reader->table;
    enum status status = store_get(reader->file, series->path, &array, reader->err);
    if (status)
        return status;
    const size_t points = array.rank > 0 ? array.shape[0] : 0;
    const size_t width = points > 0 ? array.count / points : 0;
    if (width > series->width)
        status = add_columns(table, series, array.rank, width, reader->err);
    if (!status && reader->row->count < table->columns)
        status = widen(reader->row, table->columns, reader->err);
    for (size_t i = 0; i < width && !status; i++)
        reader->row->value[series->column[i]] = array.values[(points - 1) * width + i];
    store_array_free(&array);
    return status;
}

static void visit(const char *path, void *context)
{
    struct reader *reader = context;
    if (reader->status)
        return;
    struct series *series = know(reader, path);
    if (series && series->summary)
        reader->status = take(reader, series);
}

/* The series that are known; in files of one kind they are all there are. */
static enum status read_known(struct reader *reader)
{
    struct table *table = reader->table;
    for (size_t i = 0; i < table->series_count && !reader->status; i++)
        if (table->series[i].summary &&
            store_kind(reader->file, table->series[i].path) == STORE_DATASET)
            reader->status = take(reader, &table->series[i]);
    return reader->status;
}

/* Walking through a file takes longer than reading from it: one of a kind is enough. */
static enum status read_series(struct reader *reader, size_t kind)
{
    bool *visited = &reader->table->visited[kind];
    if (*visited)
        return read_known(reader);
    enum status status = store_visit(reader->file, "/series", visit, reader, reader->err);
    if (!status)
        status = reader->status;
    *visited = !status;
    return status;
}

/* Files that cannot be read are counted and told; only a lack of memory ends the collection. */
static enum status read_file(struct table *table, const struct options *options, const char *path,
                             struct row *row, struct error *err)
{
    struct store_file *file;
    struct error problem = {0};
    char *word = NULL;
    enum status status = store_open(&file, path, &problem);
    if (!status) {
        struct reader reader = {table, options, file, row, STATUS_OK, &problem};
        status = store_get_text(file, "status", &word, &problem);
        row->status = word && strcmp(word, "diverged") == 0 ? POINT_DIVERGED : POINT_COMPLETE;
        if (!status)
            status = read_series(&reader, table->kind[row - table->row]);
        store_close(file);
        free(word);
    }
    if (status == STATUS_SYSTEM) {
        *err = problem;
        return status;
    }
    if (status) {
        row->status = POINT_UNREADABLE;
        row->count = 0;
        fputs("duet: ", stderr);
        print_plain(stderr, problem.message);
        fputc('\n', stderr);
    }
    return STATUS_OK;
}

static enum status read_point(struct table *table, const struct options *options, size_t point,
                              struct error *err)
{
    char path[PATH], hash[SWEEP_HASH];
    struct row *row = &table->row[point];
    enum status status = STATUS_OK;
    sweep_hash_text(table->plan.point[point].hash, hash);
    snprintf(path, sizeof path, "%s/%s.h5", options->folder, hash);
    if (access(path, F_OK) == 0) {
        status = read_file(table, options, path, row, err);
    } else {
        snprintf(path, sizeof path, "%s/%s.failed", options->folder, hash);
        row->status = access(path, F_OK) == 0 ? POINT_FAILED : POINT_MISSING;
    }
    table->counts[row->status]++;
    return status;
}

/* Points that differ in the seed alone are of one kind; their files hold the same datasets. */
struct kind {
    uint64_t hash;
    size_t point;
};

static int compare_kinds(const void *a, const void *b)
{
    const struct kind *x = a, *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static enum status number_kinds(struct table *table, struct error *err)
{
    const size_t points = table->plan.count;
    struct kind *kind = malloc((points + 1) * sizeof *kind);
    table->row = calloc(points + 1, sizeof *table->row);
    table->kind = calloc(points + 1, sizeof *table->kind);
    table->visited = calloc(points + 1, sizeof *table->visited);
    if (!kind || !table->row || !table->kind || !table->visited) {
        free(kind);
        return out_of_memory(err);
    }
    for (size_t i = 0; i < points; i++)
        kind[i] = (struct kind){table->plan.point[i].kind, i};
    qsort(kind, points, sizeof *kind, compare_kinds);
    for (size_t i = 0, kinds = 0; i < points; i++) {
        kinds += i > 0 && kind[i].hash != kind[i - 1].hash;
        table->kind[kind[i].point] = kinds;
    }
    free(kind);
    return STATUS_OK;
}

static bool tell_numbering(void *context, size_t done, size_t all)
{
    progress_update(context, done, all, "reading the points");
    return true;
}

static enum status check_chosen(const struct table *table, const struct options *options,
                                struct error *err)
{
    for (size_t i = 0; i < options->chosen_count; i++) {
        const struct options one = {.chosen = {options->chosen[i]}, .chosen_count = 1};
        bool found = false;
        for (size_t k = 0; k < table->series_count && !found; k++)
            found = table->series[k].width > 0 && is_chosen(&one, table->series[k].path);
        if (!found)
            return error_set(err, STATUS_INVALID,
                             "--series %s is in no file; `duet export --list FILE.h5 /series` "
                             "shows the names",
                             options->chosen[i]);
    }
    return STATUS_OK;
}

static enum status read_table(struct table *table, const struct options *options, struct error *err)
{
    struct progress progress;
    snprintf(table->manifest, sizeof table->manifest, "%s/sweep.yaml", options->folder);
    if (access(table->manifest, R_OK) != 0)
        return error_set(err, STATUS_INVALID,
                         "%s: %s; give the folder of a sweep, such as results/NAME",
                         table->manifest, strerror(errno));
    enum status status = sweep_plan_open(&table->plan, table->manifest, NULL, 0, NULL, 0, err);
    progress_start(&progress, options->quiet);
    if (!status)
        status = sweep_plan_number(&table->plan, tell_numbering, &progress, err);
    if (!status)
        status = number_kinds(table, err);
    for (size_t i = 0; i < table->plan.count && !status; i++) {
        status = read_point(table, options, i, err);
        progress_update(&progress, i + 1, table->plan.count, "reading the files");
    }
    progress_end(&progress);
    return status ? status : check_chosen(table, options, err);
}

/* ---- a table of any kind on its way out ---- */

/* A column: numbers, or words of which each number names one. */
struct output_column {
    char *name, *long_name; /* in HDF5: path and long name */
    double *value;
    const char **text; /* NULL: write the numbers */
};

struct output {
    size_t rows, columns, capacity;
    struct output_column *column;
    const char *rows_name; /* long name of the axis */
};

static void output_free(struct output *output)
{
    for (size_t i = 0; i < output->columns; i++) {
        free(output->column[i].name);
        free(output->column[i].long_name);
        free(output->column[i].value);
        free(output->column[i].text);
    }
    free(output->column);
}

/* A new column of NaN; with `text` room for words too.  NULL for lack of memory. */
static struct output_column *add_output(struct output *output, const char *name,
                                        const char *long_name, bool text)
{
    if (output->columns == output->capacity) {
        const size_t capacity = 2 * output->capacity + 16;
        struct output_column *more = realloc(output->column, capacity * sizeof *more);
        if (!more)
            return NULL;
        output->column = more;
        output->capacity = capacity;
    }
    struct output_column *column = &output->column[output->columns++];
    *column = (struct output_column){
        .name = strdup(name),
        .long_name = strdup(long_name),
        .value = malloc((output->rows + 1) * sizeof *column->value),
        .text = text ? calloc(output->rows + 1, sizeof *column->text) : NULL,
    };
    if (!column->name || !column->long_name || !column->value || (text && !column->text))
        return NULL;
    for (size_t i = 0; i < output->rows; i++)
        column->value[i] = NAN;
    return column;
}

/* Numbers for words: the words themselves where all are numbers, else their order of appearance,
 * which the long name keeps. */
static enum status number_words(struct output_column *column, size_t rows, struct error *err)
{
    char *end, *names = NULL;
    size_t length, distinct = 0;
    bool numbers = true;
    for (size_t i = 0; i < rows && numbers; i++) {
        column->value[i] = strtod(column->text[i], &end);
        numbers = *end == '\0' && end != column->text[i] && isfinite(column->value[i]);
    }
    if (numbers)
        return STATUS_OK;
    FILE *out = open_memstream(&names, &length);
    const char **known = calloc(rows + 1, sizeof *known);
    if (!out || !known) {
        if (out)
            fclose(out);
        free(names);
        free(known);
        return out_of_memory(err);
    }
    fprintf(out, "%s:", column->long_name);
    for (size_t i = 0; i < rows; i++) {
        size_t k = 0;
        while (k < distinct && strcmp(known[k], column->text[i]) != 0)
            k++;
        if (k == distinct) {
            known[distinct++] = column->text[i];
            fprintf(out, "%s %zu %s", k ? "," : "", k, column->text[i]);
        }
        column->value[i] = (double)k;
    }
    free(known);
    if (fclose(out) != 0)
        return out_of_memory(err);
    free(column->long_name);
    column->long_name = names;
    return STATUS_OK;
}

static void put_cell(FILE *out, const struct output_column *column, size_t row)
{
    char number[STORE_NUMBER_SIZE];
    store_format_number(column->value[row], number);
    const char *text = column->text ? column->text[row] : number;
    for (; *text; text++)
        putc((unsigned char)*text < ' ' ? ' ' : *text, out);
}

static enum status write_tsv(const struct output *output, const char *path, struct error *err)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return out_of_memory(err);
    for (size_t c = 0; c < output->columns; c++)
        fprintf(out, "%s%s", c ? "\t" : "", strrchr(output->column[c].name, '/') + 1);
    putc('\n', out);
    for (size_t r = 0; r < output->rows; r++)
        for (size_t c = 0; c < output->columns; c++) {
            put_cell(out, &output->column[c], r);
            putc(c + 1 < output->columns ? '\t' : '\n', out);
        }
    const bool failed = ferror(out) != 0;
    enum status status =
        fclose(out) != 0 || failed ? out_of_memory(err) : store_write_text(path, text, length, err);
    free(text);
    return status;
}

/* The first column is the axis of the others. */
static enum status write_h5(const struct output *output, const struct table *table,
                            const char *path, struct error *err)
{
    struct store *store;
    char *spec = NULL;
    enum status status = store_create(&store, err);
    if (status)
        return status;
    if (asprintf(&spec, "%s%s", table->plan.base.written, table->plan.grid.yaml) < 0)
        status = out_of_memory(err);
    else
        status = store_put_text(store, "spec", spec, err);
    free(spec);
    const struct output_column *axis = &output->column[0];
    if (!status)
        status =
            store_put_axis(store, axis->name, output->rows, axis->value, axis->long_name, "1", err);
    for (size_t c = 1; c < output->columns && !status; c++) {
        const struct output_column *column = &output->column[c];
        const char *const axes[] = {axis->name};
        status = store_put(store, column->name, 1, &output->rows, axes, column->value,
                           column->long_name, "1", err);
    }
    if (!status)
        status = store_commit(store, path, err);
    store_free(store);
    return status;
}

static enum status write_both(const struct output *output, const struct table *table,
                              const struct options *options, const char *name, struct error *err)
{
    char h5[PATH], tsv[PATH];
    snprintf(h5, sizeof h5, "%s/%s.h5", options->folder, name);
    snprintf(tsv, sizeof tsv, "%s/%s.tsv", options->folder, name);
    enum status status = write_h5(output, table, h5, err);
    if (!status)
        status = write_tsv(output, tsv, err);
    if (!status && !options->quiet)
        printf("%s, %s: %zu rows, %zu columns\n", h5, tsv, output->rows, output->columns);
    return status;
}

/* ---- one row a point ---- */

static enum status add_keys(struct output *output, const struct table *table, const size_t *point,
                            const bool *left_out, struct error *err)
{
    for (size_t c = 0; c < table->plan.grid.columns; c++) {
        char name[PATH];
        const char *key = grid_column(&table->plan.grid, c);
        snprintf(name, sizeof name, "/key/%s", key);
        if (left_out && left_out[c])
            continue;
        struct output_column *column = add_output(output, name, key, true);
        if (!column)
            return out_of_memory(err);
        for (size_t i = 0; i < output->rows; i++)
            column->text[i] = label_of(table, point ? point[i] : i, c);
        enum status status = number_words(column, output->rows, err);
        if (status)
            return status;
    }
    return STATUS_OK;
}

/* Point, status and hash before the summaries. */
static enum status add_head(struct output *output, const struct table *table, struct error *err)
{
    struct output_column *point =
        add_output(output, "/point", "number of the point, from 1", false);
    if (!point)
        return out_of_memory(err);
    for (size_t i = 0; i < output->rows; i++)
        point->value[i] = (double)i + 1;
    enum status status = add_keys(output, table, NULL, NULL, err);
    struct output_column *state = status ? NULL : add_output(output, "/status", status_name, true);
    if (!status && !state)
        status = out_of_memory(err);
    for (size_t i = 0; i < output->rows && !status; i++) {
        state->value[i] = (double)table->row[i].status;
        state->text[i] = status_words[table->row[i].status];
    }
    return status;
}

static enum status write_points(const struct table *table, const struct options *options,
                                struct error *err)
{
    struct output output = {.rows = table->plan.count};
    enum status status = add_head(&output, table, err);
    for (size_t s = 0; s < table->series_count; s++)
        for (size_t k = 0; k < table->series[s].width && !status; k++) {
            const size_t c = table->series[s].column[k];
            char name[PATH], long_name[PATH];
            snprintf(name, sizeof name, "/last/%s", table->column[c].name);
            snprintf(long_name, sizeof long_name, "%s, at the end", table->column[c].long_name);
            struct output_column *column = add_output(&output, name, long_name, false);
            if (!column)
                status = out_of_memory(err);
            for (size_t i = 0; i < output.rows && !status; i++)
                column->value[i] = value_of(&table->row[i], c);
        }
    if (!status)
        status = write_both(&output, table, options, "table", err);
    output_free(&output);
    return status;
}

/* ---- one row a group ---- */

/* Points that are equal in all columns but those over which is averaged. */
struct member {
    char *labels;
    size_t point, group;
};

struct groups {
    size_t count;
    size_t *first;         /* its first point, [count + 1] */
    struct member *member; /* [points], by group, then by point */
    size_t *start;         /* of a group in `member`, [count + 1] */
};

static void groups_free(struct groups *groups, size_t points)
{
    for (size_t i = 0; groups->member && i < points; i++)
        free(groups->member[i].labels);
    free(groups->member);
    free(groups->first);
    free(groups->start);
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

static char *join_labels(const struct table *table, size_t point, const bool *left_out)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    for (size_t c = 0; out && c < table->plan.grid.columns; c++)
        if (!left_out[c])
            fprintf(out, "%s\x1f", label_of(table, point, c));
    if (out && fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* Groups are told by their first point, so that they come in the order of the grid. */
static enum status find_groups(const struct table *table, const bool *left_out,
                               struct groups *groups, struct error *err)
{
    const size_t points = table->plan.count;
    *groups = (struct groups){.member = calloc(points + 1, sizeof *groups->member),
                              .first = calloc(points + 1, sizeof *groups->first),
                              .start = calloc(points + 1, sizeof *groups->start)};
    if (!groups->member || !groups->first || !groups->start)
        return out_of_memory(err);
    struct member *member = groups->member;
    for (size_t i = 0; i < points; i++) {
        member[i].point = i;
        if (!(member[i].labels = join_labels(table, i, left_out)))
            return out_of_memory(err);
    }
    qsort(member, points, sizeof *member, compare_labels);
    for (size_t i = 0; i < points; i++) {
        const bool same = i > 0 && strcmp(member[i].labels, member[i - 1].labels) == 0;
        member[i].group = same ? member[i - 1].group : member[i].point;
    }
    qsort(member, points, sizeof *member, compare_members);
    for (size_t i = 0; i < points; i++)
        if (i == 0 || member[i].group != member[i - 1].group) {
            groups->first[groups->count] = member[i].group;
            groups->start[groups->count++] = i;
        }
    groups->start[groups->count] = points;
    return STATUS_OK;
}

enum { MEAN, SD, LOW, HIGH, STATISTICS };

/* Statistics of a column over the complete points of a group; NaN where there are none. */
static void judge(const struct table *table, const struct groups *groups, size_t group,
                  size_t column, double *value, double statistic[STATISTICS])
{
    size_t count = 0;
    for (size_t i = groups->start[group]; i < groups->start[group + 1]; i++) {
        const struct row *row = &table->row[groups->member[i].point];
        const double v = value_of(row, column);
        if (row->status == POINT_COMPLETE && !isnan(v))
            value[count++] = v;
    }
    for (int s = 0; s < STATISTICS; s++)
        statistic[s] = NAN;
    gsl_rng *rng = stream_rng_alloc(1, PURPOSE_USER, group, column);
    if (count > 0 && rng) {
        const struct interval interval = bootstrap_mean(value, count, rng);
        statistic[MEAN] = interval.mean;
        if (count > 1) { /* one value says nothing of its spread */
            statistic[SD] = gsl_stats_sd(value, 1, count);
            statistic[LOW] = interval.low;
            statistic[HIGH] = interval.high;
        }
    }
    gsl_rng_free(rng);
}

/* [group][column][statistic]; groups on as many threads as there are. */
static double *judge_all(const struct table *table, const struct groups *groups)
{
    const size_t size = table->columns * STATISTICS;
    double *result = malloc((groups->count * size + 1) * sizeof *result);
    bool failed = result == NULL;
#pragma omp parallel for schedule(dynamic, 8) reduction(|| : failed)
    for (size_t g = 0; g < groups->count; g++) {
        double *value = malloc(table->plan.count * sizeof *value);
        failed = failed || !value;
        for (size_t c = 0; c < table->columns && result && value; c++)
            judge(table, groups, g, c, value, result + g * size + c * STATISTICS);
        free(value);
    }
    if (!failed)
        return result;
    free(result);
    return NULL;
}

static enum status add_counts(struct output *output, const struct table *table,
                              const struct groups *groups, struct error *err)
{
    for (int s = 0; s < POINT_STATUSES; s++) {
        char name[64], long_name[64];
        snprintf(name, sizeof name, "/%s", status_words[s]);
        snprintf(long_name, sizeof long_name, "%s points", status_words[s]);
        struct output_column *column = add_output(output, name, long_name, false);
        if (!column)
            return out_of_memory(err);
        for (size_t g = 0; g < groups->count; g++) {
            column->value[g] = 0;
            for (size_t i = groups->start[g]; i < groups->start[g + 1]; i++)
                column->value[g] += (int)table->row[groups->member[i].point].status == s;
        }
    }
    return STATUS_OK;
}

static enum status add_statistics(struct output *output, const struct table *table,
                                  const double *result, struct error *err)
{
    static const char *const end[STATISTICS] = {"", ".sd", ".low", ".high"};
    static const char *const words[STATISTICS] = {
        "mean", "standard deviation", "lower end of the 95% bootstrap interval of the mean",
        "upper end of the 95% bootstrap interval of the mean"};
    for (size_t s = 0; s < table->series_count; s++)
        for (size_t k = 0; k < table->series[s].width * STATISTICS; k++) {
            const size_t c = table->series[s].column[k / STATISTICS], which = k % STATISTICS;
            char name[PATH], long_name[PATH];
            snprintf(name, sizeof name, "/last/%s%s", table->column[c].name, end[which]);
            snprintf(long_name, sizeof long_name, "%s, at the end: %s", table->column[c].long_name,
                     words[which]);
            struct output_column *column = add_output(output, name, long_name, false);
            if (!column)
                return out_of_memory(err);
            for (size_t g = 0; g < output->rows; g++)
                column->value[g] = result[(g * table->columns + c) * STATISTICS + which];
        }
    return STATUS_OK;
}

/* Which columns of the grid are averaged over. */
static enum status find_over(const struct table *table, const char *over, bool **left_out,
                             struct error *err)
{
    const struct grid *grid = &table->plan.grid;
    const char **names = calloc(grid->columns + 1, sizeof *names);
    size_t found = 0;
    *left_out = calloc(grid->columns + 1, sizeof **left_out);
    if (!*left_out || !names) {
        free(names);
        return out_of_memory(err);
    }
    for (size_t c = 0; c < grid->columns; c++) {
        names[c] = grid_column(grid, c);
        (*left_out)[c] = strcmp(names[c], over) == 0;
        found += (*left_out)[c];
    }
    const char *nearest = nearest_word(over, names, grid->columns);
    free(names);
    if (found)
        return STATUS_OK;
    return nearest
               ? error_set(err, STATUS_INVALID, "--over %s is no swept key; the nearest is %s",
                           over, nearest)
               : error_set(err, STATUS_INVALID,
                           "--over %s is no swept key; the first line of table.tsv has them", over);
}

static enum status write_groups(const struct table *table, const struct options *options,
                                struct error *err)
{
    struct groups groups = {0};
    struct output output = {0};
    bool *left_out = NULL;
    double *result = NULL;
    char name[PATH];
    enum status status = find_over(table, options->over, &left_out, err);
    if (!status)
        status = find_groups(table, left_out, &groups, err);
    output.rows = groups.count;
    if (!status && !(result = judge_all(table, &groups)))
        status = out_of_memory(err);
    struct output_column *axis =
        status ? NULL : add_output(&output, "/group", "number of the group, from 1", false);
    if (!status && !axis)
        status = out_of_memory(err);
    for (size_t g = 0; g < groups.count && !status; g++)
        axis->value[g] = (double)g + 1;
    if (!status)
        status = add_keys(&output, table, groups.first, left_out, err);
    if (!status)
        status = add_counts(&output, table, &groups, err);
    if (!status)
        status = add_statistics(&output, table, result, err);
    snprintf(name, sizeof name, "table_over_%s", options->over);
    if (!status)
        status = write_both(&output, table, options, name, err);
    output_free(&output);
    groups_free(&groups, table->plan.count);
    free(left_out);
    free(result);
    return status;
}

/* ---- what is not complete ---- */

static void print_points(const struct table *table, enum point_status which)
{
    size_t shown = 0;
    for (size_t i = 0; i < table->plan.count && shown < LISTED; i++) {
        char described[SWEEP_TEXT];
        if (table->row[i].status != which)
            continue;
        sweep_plan_describe(&table->plan, i, described);
        printf("%s: point %zu: ", status_words[which], i + 1);
        print_plain(stdout, described);
        putchar('\n');
        shown++;
    }
    if (shown < table->counts[which])
        printf("%s: and %zu more, see the column status\n", status_words[which],
               table->counts[which] - shown);
}

static void print_counts(const struct table *table)
{
    for (int s = POINT_DIVERGED; s < POINT_STATUSES; s++)
        print_points(table, (enum point_status)s);
    printf("%zu points:", table->plan.count);
    const char *separator = " ";
    for (int s = 0; s < POINT_STATUSES; s++)
        if (s == POINT_COMPLETE || table->counts[s] > 0) {
            printf("%s%zu %s", separator, table->counts[s], status_words[s]);
            separator = ", ";
        }
    putchar('\n');
}

/* ---- the command ---- */

enum { OPTION_OVER = 256, OPTION_SERIES };

static const struct argp_option argp_options[] = {
    {"over", OPTION_OVER, "KEY", 0,
     "write table_over_KEY too: mean, standard deviation and 95% bootstrap interval of the mean "
     "over the values of a swept key, such as seed",
     0},
    {"series", OPTION_SERIES, "NAME", 0,
     "take this series, such as covop/level_0/norm; may be repeated. Default: those with one "
     "number at a time, and best_correlation",
     0},
    {"quiet", 'q', NULL, 0, "print nothing", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case OPTION_OVER:
        options->over = arg;
        return 0;
    case OPTION_SERIES:
        if (options->chosen_count == MAX_CHOSEN)
            argp_error(state, "more than %d series", MAX_CHOSEN);
        options->chosen[options->chosen_count++] = arg;
        return 0;
    case 'q':
        options->quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        if (options->folder)
            argp_error(state, "one folder at a time");
        if (strlen(arg) >= RUN_PATH)
            argp_error(state, "the name of the folder is too long");
        options->folder = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "no DIR given");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_collect(int argc, char **argv)
{
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "DIR",
        .doc =
            "Read the finished runs of the sweep in DIR, such as results/NAME, and write them as "
            "one table, a row a point: DIR/table.h5 and DIR/table.tsv.\v"
            "Columns: the number of the point, the swept keys, the status (complete, diverged, "
            "failed, missing, unreadable), and the last value of each series. What a point does "
            "not have is nan. Points that are not complete are listed. With --over only "
            "complete points count.\n\n"
            "Exit code: 0 the table was written; 1 it was, but files could not be read; 2 bad "
            "input.",
    };
    struct options options = {0};
    struct table table = {0};
    struct error err = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    enum status status = read_table(&table, &options, &err);
    if (!status && !options.quiet)
        print_counts(&table);
    if (!status)
        status = write_points(&table, &options, &err);
    if (!status && options.over)
        status = write_groups(&table, &options, &err);
    const bool unreadable = table.counts[POINT_UNREADABLE] > 0;
    table_free(&table);
    if (status)
        return command_fail(&err);
    const int code = print_finish(0);
    return code ? code : unreadable ? error_exit_code(STATUS_FAILED) : 0;
}
