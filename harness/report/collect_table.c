#include "harness/report/collect_table.h"

#include "core/text.h"

#include "harness/run/progress.h"
#include "harness/spec/words.h"
#include "store/store_each.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char root[] = "/series/";

const char *const point_status_words[POINT_STATUSES] = {"complete", "diverged",   "failed",
                                                        "missing",  "unreadable", "interrupted"};

void collect_table_free(struct collect_table *table)
{
    for (size_t i = 0; i < table->series_count; i++)
        free(table->series[i].column);
    for (size_t i = 0; i < table->columns; i++)
        free(table->column[i].name);
    for (size_t i = 0; table->row && i < table->plan.count; i++) {
        free(table->row[i].value);
        free(table->row[i].file);
    }
    free(table->series);
    free(table->column);
    free(table->row);
    pool_free(&table->pool);
    sweep_plan_free(&table->plan);
}

double collect_value(const struct collect_table *table, size_t point, size_t column)
{
    const struct row *row = &table->row[point];
    return column < row->count ? row->value[column] : NAN;
}

const char *collect_label(const struct collect_table *table, size_t point, size_t key)
{
    return grid_label(&table->plan.grid, table->plan.point[point].index, key);
}

/* ---- choice of series ---- */

/* Words such as loss, series/loss and /series/loss. */
static bool is_named(const char *chosen, const char *path)
{
    return strcmp(path, chosen) == 0 || strcmp(path + 1, chosen) == 0 ||
           strcmp(path + strlen(root), chosen) == 0;
}

static bool is_chosen(const struct collect_options *options, const char *path)
{
    for (size_t i = 0; i < options->chosen_count; i++)
        if (is_named(options->chosen[i], path))
            return true;
    return false;
}

/* "/series/probe/mean" is probe.mean; if a row has several values, each has its index after a dot.
 */
static char *name_column(const char *path, int rank, size_t index)
{
    char *name;
    const char *start = path + strlen(root);
    const char *place = strcmp(start, "best_correlation") == 0 ? "level_" : "";
    const int length =
        rank > 1 ? asprintf(&name, "%s.%s%zu", start, place, index) : asprintf(&name, "%s", start);
    for (char *c = length < 0 ? NULL : name; c && *c; c++)
        *c = *c == '/' ? '.' : *c <= ' ' ? '_' : *c;
    return length < 0 ? NULL : name;
}

/* Whether the column is one of the dataset's, at any index of its rows. */
static bool has_column(const char *path, const char *column)
{
    char *name = name_column(path, 1, 0);
    const size_t length = name ? strlen(name) : 0;
    const bool has = name && strncmp(name, column, length) == 0 &&
                     (column[length] == '.' || column[length] == '\0');
    free(name);
    return has;
}

/* The default choice: series of one number per measurement, and the best correlation by level. */
static bool is_summary(const struct collect_options *options, const char *path,
                       const struct store_info *info)
{
    const bool readable = info->rank >= 1 && info->rank <= STORE_MAX_RANK;
    if (options->also && has_column(path, options->also))
        return readable;
    if (options->chosen_count > 0)
        return is_chosen(options, path) && readable;
    return !info->axis && (info->rank == 1 || strcmp(path, "/series/best_correlation") == 0);
}

/* ---- in the process that reads the files ---- */

/* Properties of a dataset that are the same in all files. */
struct known {
    char *path, *long_name, *units;
    bool summary;
};

struct reader {
    const struct collect_options *options;
    struct collect_table *table;
    struct sweep_files files;
    bool others; /* the other files are read, not those with a point's name */
    size_t count;
    struct known *known;
    size_t known_count;
    struct progress *progress;
};

/* NULL on failure. */
static const struct known *know(struct reader *reader, const struct store_file *file,
                                const char *path, struct error *err)
{
    for (size_t i = 0; i < reader->known_count; i++)
        if (strcmp(reader->known[i].path, path) == 0)
            return &reader->known[i];
    struct store_info info;
    struct known *more = realloc(reader->known, (reader->known_count + 1) * sizeof *more);
    if (!more) {
        error_memory(err, "the table");
        return NULL;
    }
    reader->known = more;
    if (store_describe(file, path, &info, err))
        return NULL;
    struct known *known = &more[reader->known_count];
    *known = (struct known){.path = strdup(path),
                            .long_name = info.long_name,
                            .units = info.units,
                            .summary = is_summary(reader->options, path, &info)};
    if (known->path) {
        reader->known_count++;
        return known;
    }
    store_info_free(&info);
    error_memory(err, "the table");
    return NULL;
}

static void put_text(FILE *out, const char *text)
{
    fwrite(text, 1, strlen(text) + 1, out);
}

/* The last row of a dataset. */
static enum status put_series(const struct store_file *file, const struct known *known, FILE *out,
                              struct error *err)
{
    struct store_array array;
    enum status status = store_get(file, known->path, &array, err);
    if (status)
        return status;
    const size_t rows = array.rank > 0 ? array.shape[0] : 0;
    const size_t width = rows > 0 ? array.count / rows : 0;
    if (width > 0) {
        put_text(out, known->path);
        put_text(out, known->long_name);
        put_text(out, known->units);
        fwrite(&array.rank, sizeof array.rank, 1, out);
        fwrite(&width, sizeof width, 1, out);
        fwrite(array.values + (rows - 1) * width, sizeof *array.values, width, out);
    }
    store_array_free(&array);
    return STATUS_OK;
}

static void name_file(void *context, size_t i, char *path, size_t size)
{
    const struct reader *reader = context;
    if (reader->others)
        snprintf(path, size, "%s/%s", reader->options->folder, reader->files.others.name[i]);
    else
        sweep_plan_path(&reader->table->plan, reader->options->folder, reader->files.own[i], ".h5",
                        path, size);
}

/* A visit to the series of a file. */
struct visit {
    struct reader *reader;
    const struct store_file *file;
    FILE *out;
};

static enum status visit_series(const char *path, void *context, struct error *err)
{
    const struct visit *visit = context;
    const struct known *known = know(visit->reader, visit->file, path, err);
    if (!known)
        return STATUS_INVALID;
    return known->summary ? put_series(visit->file, known, visit->out, err) : STATUS_OK;
}

static enum status read_file(void *context, size_t i, const struct store_file *file, FILE *out,
                             struct error *err)
{
    struct visit visit = {context, file, out};
    (void)i;
    const enum status status = result_note_write(file, out, err);
    return status ? status : store_visit_objects(file, "/series", visit_series, &visit, err);
}

/* ---- in this process ---- */

/* A message of a reader, see put_series. */
struct message {
    const char *at, *end;
};

static const char *get_text(struct message *message)
{
    const char *text = message->at;
    const char *zero = memchr(text, '\0', (size_t)(message->end - text));
    message->at = zero ? zero + 1 : message->end;
    return zero ? text : NULL;
}

static bool get_bytes(struct message *message, void *value, size_t size)
{
    if ((size_t)(message->end - message->at) < size)
        return false;
    memcpy(value, message->at, size);
    message->at += size;
    return true;
}

/* Find a series or add it; NULL for lack of memory. */
static struct collected_series *find_series(struct collect_table *table, const char *path,
                                            const char *long_name, const char *units)
{
    for (size_t i = 0; i < table->series_count; i++)
        if (strcmp(table->series[i].path, path) == 0)
            return &table->series[i];
    struct collected_series *more =
        realloc(table->series, (table->series_count + 1) * sizeof *table->series);
    if (!more)
        return NULL;
    table->series = more;
    struct collected_series *series = &more[table->series_count++];
    *series = (struct collected_series){.path = pool_text(&table->pool, path, strlen(path)),
                                        .long_name =
                                            pool_text(&table->pool, long_name, strlen(long_name)),
                                        .units = pool_text(&table->pool, units, strlen(units))};
    return series->path && series->long_name && series->units ? series : NULL;
}

static enum status add_columns(struct collect_table *table, struct collected_series *series,
                               int rank, size_t width, struct error *err)
{
    struct column *more = realloc(table->column, (table->columns + width) * sizeof *more);
    if (!more)
        return error_memory(err, "the table");
    table->column = more;
    size_t *place = realloc(series->column, width * sizeof *place);
    if (!place)
        return error_memory(err, "the table");
    series->column = place;
    for (; series->width < width; series->width++) {
        more[table->columns] = (struct column){name_column(series->path, rank, series->width),
                                               (size_t)(series - table->series)};
        place[series->width] = table->columns++;
        if (!more[table->columns - 1].name)
            return error_memory(err, "the table");
    }
    return STATUS_OK;
}

static enum status widen(struct row *row, size_t count, struct error *err)
{
    double *more = realloc(row->value, count * sizeof *more);
    if (!more)
        return error_memory(err, "the table");
    row->value = more;
    for (; row->count < count; row->count++)
        more[row->count] = NAN;
    return STATUS_OK;
}

static enum status garbled(struct error *err)
{
    return error_set(err, STATUS_SYSTEM, "the process that reads the files sent half a message");
}

static enum status take_series(struct collect_table *table, struct row *row,
                               struct message *message, struct error *err)
{
    int rank;
    size_t width;
    const char *path = get_text(message), *long_name = get_text(message),
               *units = get_text(message);
    if (!path || !long_name || !units || !get_bytes(message, &rank, sizeof rank) ||
        !get_bytes(message, &width, sizeof width) ||
        width > (size_t)(message->end - message->at) / sizeof(double))
        return garbled(err);
    struct collected_series *series = find_series(table, path, long_name, units);
    enum status status = series ? STATUS_OK : error_memory(err, "the table");
    if (!status && width > series->width)
        status = add_columns(table, series, rank, width, err);
    if (!status && row->count < table->columns)
        status = widen(row, table->columns, err);
    for (size_t i = 0; i < width && !status; i++)
        get_bytes(message, &row->value[series->column[i]], sizeof(double));
    return status;
}

/* The name of the file in the folder. */
static void name_result(struct reader *reader, size_t i, struct row *row)
{
    char path[COLLECT_PATH];
    name_file(reader, i, path, sizeof path);
    row->file = strdup(strrchr(path, '/') + 1);
}

/* What the user is to know of a file, in one line. */
static void tell_file(struct reader *reader, size_t i, const char *what)
{
    char path[COLLECT_PATH];
    struct error problem;
    name_file(reader, i, path, sizeof path);
    error_set(&problem, STATUS_INVALID, "%s: %s", path, what);
    if (!reader->options->quiet)
        print_problem(&problem);
}

/* A file that is not its namesake's result: it may be another point's. */
static enum status take_misnamed(struct reader *reader, size_t i, struct error *err)
{
    char name[HASH_SIZE + 4];
    reader->table->misnamed++;
    tell_file(reader, i, "is the result of another point, not of the one that it is named after");
    snprintf(name, sizeof name, "%s.h5", reader->table->plan.point[reader->files.own[i]].hash);
    return names_add(&reader->files.others, name) ? STATUS_OK : error_memory(err, "the table");
}

/* Whether the file, whatever its name, is the result of a point that has none yet. */
static bool is_wanted(const struct collect_table *table, size_t point)
{
    return point < table->plan.count && !table->row[point].file &&
           (table->row[point].status == POINT_MISSING || table->row[point].status == POINT_FAILED ||
            table->row[point].status == POINT_INTERRUPTED);
}

static enum status take_result(struct reader *reader, size_t i, size_t point,
                               const struct result_note *note, struct message *message,
                               struct error *err)
{
    struct collect_table *table = reader->table;
    struct row *row = &table->row[point];
    row->status = strcmp(note->status, "diverged") == 0      ? POINT_DIVERGED
                  : strcmp(note->status, "interrupted") == 0 ? POINT_INTERRUPTED
                                                             : POINT_COMPLETE;
    builds_add(&table->builds, note->build);
    if (reader->others)
        tell_file(reader, i, "is the result of a point under another name");
    name_result(reader, i, row);
    table->rewritten += note->state == STORE_REWRITTEN;
    if (note->state == STORE_CHANGED) {
        table->changed++;
        tell_file(reader, i, store_state_words[STORE_CHANGED]);
    }
    enum status status = row->file ? STATUS_OK : error_memory(err, "the table");
    while (message->at < message->end && !status)
        status = take_series(table, row, message, err);
    return status;
}

static enum status take_file(void *context, size_t i, const char *bytes, size_t size,
                             const struct error *problem, struct error *err)
{
    struct reader *reader = context;
    struct collect_table *table = reader->table;
    struct result_note note;
    progress_update(reader->progress, i + 1, reader->count, "reading the files");
    if (problem && reader->others) /* it may be anything */
        return STATUS_OK;
    if (problem) {
        table->row[reader->files.own[i]].status = POINT_UNREADABLE;
        print_problem(problem);
        return STATUS_OK;
    }
    struct message message = {result_note_read(bytes, size, &note), bytes + size};
    if (!message.at)
        return garbled(err);
    const size_t point = sweep_plan_find(&table->plan, note.hash);
    if (!reader->others && point != reader->files.own[i])
        return take_misnamed(reader, i, err);
    table->older += reader->others && note.older;
    return is_wanted(table, point) ? take_result(reader, i, point, &note, &message, err)
                                   : STATUS_OK;
}

static bool has_file(const struct collect_table *table, const char *folder, size_t point,
                     const char *end)
{
    char path[COLLECT_PATH];
    return access(sweep_plan_path(&table->plan, folder, point, end, path, sizeof path), F_OK) == 0;
}

/* Points are missing, have failed, or were interrupted and saved, until a file is read. */
static void look_for_words(struct collect_table *table, const char *folder)
{
    for (size_t i = 0; i < table->plan.count; i++)
        table->row[i].status = has_file(table, folder, i, ".failed")       ? POINT_FAILED
                               : has_file(table, folder, i, ".checkpoint") ? POINT_INTERRUPTED
                                                                           : POINT_MISSING;
}

static size_t count_wanted(const struct collect_table *table)
{
    size_t wanted = 0;
    for (size_t i = 0; i < table->plan.count; i++)
        wanted += is_wanted(table, i);
    return wanted;
}

static enum status read_some(struct reader *reader, size_t count, struct error *err)
{
    const struct store_each each = {count, reader, name_file, read_file, take_file};
    reader->count = count;
    return count > 0 ? store_each(&each, err) : STATUS_OK;
}

static enum status read_files(struct reader *reader, struct error *err)
{
    struct collect_table *table = reader->table;
    const char *folder = reader->options->folder;
    table->row = calloc(table->plan.count + 1, sizeof *table->row);
    if (!table->row)
        return error_memory(err, "the table");
    enum status status = sweep_files_list(&reader->files, &table->plan, folder, err);
    if (status)
        return status;
    look_for_words(table, folder);
    status = read_some(reader, reader->files.own_count, err);
    table->others = reader->files.elsewhere;
    reader->others = true;
    if (!status && count_wanted(table) > 0)
        status = read_some(reader, reader->files.others.count, err);
    for (size_t i = 0; i < table->plan.count; i++)
        table->counts[table->row[i].status]++;
    return status;
}

static enum status check_chosen(const struct collect_table *table,
                                const struct collect_options *options, struct error *err)
{
    for (size_t i = 0; i < options->chosen_count; i++) {
        bool found = false;
        for (size_t k = 0; k < table->series_count && !found; k++)
            found = is_named(options->chosen[i], table->series[k].path);
        if (!found)
            return error_set(err, STATUS_INVALID,
                             "--series %s is in no file; `duet export --list FILE.h5 /series` "
                             "shows the names",
                             options->chosen[i]);
    }
    return STATUS_OK;
}

enum status collect_table_read(struct collect_table *table, const struct collect_options *options,
                               struct error *err)
{
    struct progress progress;
    struct reader reader = {.options = options, .table = table, .progress = &progress};
    *table = (struct collect_table){0};
    snprintf(table->manifest, sizeof table->manifest, "%s/sweep.yaml", options->folder);
    if (access(table->manifest, R_OK) != 0)
        return error_set(err, STATUS_INVALID,
                         "%s: %s; give the folder of a sweep, such as results/NAME",
                         table->manifest, strerror(errno));
    enum status status = sweep_plan_open(&table->plan, table->manifest, NULL, 0, NULL, 0, err);
    progress_start(&progress, options->quiet);
    if (!status)
        status = sweep_plan_number(&table->plan, &progress, err);
    if (!status)
        status = read_files(&reader, err);
    progress_end(&progress);
    sweep_files_free(&reader.files);
    return status ? status : check_chosen(table, options, err);
}

/* ---- keys ---- */

enum status collect_find_key(const struct collect_table *table, const char *option, const char *key,
                             size_t *found, struct error *err)
{
    const struct grid *grid = &table->plan.grid;
    const char **names = calloc(grid->columns + 1, sizeof *names);
    if (!names)
        return error_memory(err, "the table");
    for (*found = 0; *found < grid->columns; ++*found) {
        names[*found] = grid_column(grid, *found);
        if (strcmp(names[*found], key) == 0)
            break;
    }
    const bool there = *found < grid->columns;
    char right[512];
    if (!there)
        suggest_word(right, sizeof right, key, names, grid->columns, "the swept keys are");
    free(names);
    return there ? STATUS_OK
                 : error_set(err, STATUS_INVALID, "%s %s is no swept key; %s", option, key, right);
}
