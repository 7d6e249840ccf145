#include "core/names.h"
#include "core/text.h"
#include "harness/command.h"
#include "harness/spec/spec.h"
#include "harness/spec/words.h"
#include "store/store.h"
#include "store/tsv.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* ---- the table ---- */

/* A dataset and its axes, which name its rows and columns. */
struct exported {
    char *path;
    bool axis; /* the dataset is an axis itself */
    struct store_array array;
    char *axes[STORE_MAX_RANK];
    struct store_array rows; /* values of the first axis; none: 0, 1, 2, ... */
};

static void table_free(struct exported *table)
{
    store_array_free(&table->array);
    store_array_free(&table->rows);
    store_axes_free(table->axes);
}

static enum status read_rows(const struct store_file *file, struct exported *table,
                             struct error *err)
{
    enum status status = store_get_axes(file, table->path, table->axes, err);
    if (status || !table->axes[0])
        return status;
    status = store_get(file, table->axes[0], &table->rows, err);
    if (!status && table->rows.count != table->array.shape[0])
        status = error_set(err, STATUS_INVALID, "%s has %zu rows, its axis %s has %zu values",
                           table->path, table->array.shape[0], table->axes[0], table->rows.count);
    return status;
}

static enum status table_read(const struct store_file *file, struct exported *table,
                              struct error *err)
{
    struct store_info info;
    enum status status = store_describe(file, table->path, &info, err);
    if (status)
        return status;
    table->axis = info.axis;
    status = (info.texts ? store_get_texts : store_get)(file, table->path, &table->array, err);
    store_info_free(&info);
    if (!status && !table->axis && table->array.rank > 0)
        status = read_rows(file, table, err);
    return status;
}

/* Columns of values: the product of all dimensions except the first. */
static size_t table_columns(const struct exported *table)
{
    size_t columns = 1;
    for (int i = 1; i < table->array.rank; i++)
        columns *= table->array.shape[i];
    return columns;
}

/* Name of an axis: the last component of its path.  Axes of one level are called level_2_node and
 * so on; their prefix is dropped, since the dataset's path already has the level. */
static void put_axis_name(FILE *out, const char *path)
{
    const char *name = last_component(path), *rest = name;
    if (strncmp(name, "level_", 6) == 0 && name[6] >= '0' && name[6] <= '9') {
        rest = name + 6 + strspn(name + 6, "0123456789");
        rest = rest[0] == '_' && rest[1] ? rest + 1 : name;
    }
    tsv_word(out, rest);
}

/* node_0.neuron_3: axis and index of each dimension except the first. */
static void put_column_name(FILE *out, const struct exported *table, size_t column)
{
    size_t block = table_columns(table);
    for (int i = 1; i < table->array.rank; i++) {
        block /= table->array.shape[i];
        fputs(i > 1 ? "." : "", out);
        if (table->axes[i])
            put_axis_name(out, table->axes[i]);
        else
            fprintf(out, "dim%d", i);
        fprintf(out, "_%zu", column / block % table->array.shape[i]);
    }
}

/* Whether the first column names the rows. */
static bool names_rows(const struct exported *table)
{
    return table->array.rank > 0 && !table->axis;
}

static void put_header(FILE *out, const struct exported *table)
{
    if (names_rows(table) && table->axes[0])
        put_axis_name(out, table->axes[0]);
    else if (names_rows(table))
        fputs("index", out);
    if (table->array.rank < 2) {
        fputs(names_rows(table) ? "\t" : "", out);
        tsv_word(out, last_component(table->path));
    }
    size_t columns = table->array.rank < 2 ? 0 : table_columns(table);
    for (size_t j = 0; j < columns && !ferror(out); j++) {
        putc('\t', out);
        put_column_name(out, table, j);
    }
    putc('\n', out);
}

static void put_row(FILE *out, const struct exported *table, size_t row, size_t columns)
{
    if (names_rows(table)) {
        tsv_number(out, table->axes[0] ? table->rows.values[row] : (double)row);
        fputs(columns ? "\t" : "\n", out);
    }
    for (size_t j = 0; j < columns && !ferror(out); j++) {
        if (table->array.texts)
            tsv_text(out, table->array.texts[row * columns + j]);
        else
            tsv_number(out, table->array.values[row * columns + j]);
        putc(j + 1 < columns ? '\t' : '\n', out);
    }
}

/* On failure errno is set by the write. */
static bool put_table(FILE *out, const struct exported *table)
{
    size_t rows = table->array.rank ? table->array.shape[0] : 1, columns = table_columns(table);
    put_header(out, table);
    for (size_t i = 0; i < rows && !ferror(out); i++)
        put_row(out, table, i, columns);
    return !ferror(out);
}

/* ---- message for an unknown dataset ---- */

static enum status add_path(const char *path, void *names, struct error *err)
{
    return names_add(names, path) ? STATUS_OK : error_memory(err, "the names of the datasets");
}

/* Index of the path nearest to the wanted one, or of a path with nearly the same last word; `count`
 * if there is none. */
static size_t nearest_path(const struct names *names, const char *wanted)
{
    const char *const *whole = (const char *const *)names->name;
    const char **last = malloc(names->count * sizeof *last), *word = NULL;
    size_t found = 0;
    for (size_t i = 0; last && i < names->count; i++) {
        last[i] = last_component(whole[i]);
        if (!word && strcmp(last[i], last_component(wanted)) == 0)
            word = last[i];
    }
    if (!word)
        word = nearest_word(wanted, whole, names->count);
    if (!word && last)
        word = nearest_word(last_component(wanted), last, names->count);
    while (found < names->count && word && word != whole[found] && (!last || word != last[found]))
        found++;
    free(last);
    return word ? found : names->count;
}

static enum status no_dataset(const struct store_file *file, const char *name, const char *path,
                              struct error *err)
{
    struct names names = {0};
    char sentence[768] = "";
    enum status status = store_visit(file, "/", add_path, &names, err);
    for (int i = 0; !status && i < 3 && names.count > 0; i++) {
        size_t nearest = nearest_path(&names, path);
        if (nearest == names.count)
            break;
        append_text(sentence, sizeof sentence, "%s%s", i ? ", " : "nearest: ", names.name[nearest]);
        free(names.name[nearest]);
        names.name[nearest] = names.name[--names.count];
    }
    if (!sentence[0])
        append_text(sentence, sizeof sentence, "'duet export --list %s' lists what there is", name);
    names_free(&names);
    if (status)
        return status;
    return error_set(err, STATUS_INVALID, "%s: there is no dataset %s; %s", name, path, sentence);
}

/* The error for a group, with its direct members: they are adjacent in the list of all datasets
 * below it. */
static enum status is_group(const struct store_file *file, const char *name, const char *path,
                            struct error *err)
{
    struct names names = {0};
    char sentence[768] = "";
    enum status status = store_visit(file, path, add_path, &names, err);
    size_t skip = strcmp(path, "/") == 0 ? 1 : strlen(path) + 1;
    const char *before = "";
    for (size_t i = 0; !status && i < names.count; i++) {
        const char *member = names.name[i] + skip;
        size_t length = strcspn(member, "/") + (strchr(member, '/') != NULL);
        if (strncmp(member, before, length) != 0)
            append_text(sentence, sizeof sentence, "%s%.*s", *before ? ", " : "", (int)length,
                        member);
        before = member;
    }
    names_free(&names);
    if (status)
        return status;
    return error_set(err, STATUS_INVALID, "%s: %s is a group, not a dataset; it holds %s", name,
                     path, sentence[0] ? sentence : "nothing");
}

/* ---- the command ---- */

struct request {
    const char *file, *dataset;
    bool list;
};

/* The path with one slash in front and none at the end, allocated. */
static char *tidy_path(const char *path)
{
    char *tidy = malloc(strlen(path) + 2);
    size_t used = 0;
    for (const char *part = path; tidy && *part;) {
        part += strspn(part, "/");
        size_t length = strcspn(part, "/");
        if (length > 0) {
            tidy[used] = '/';
            memcpy(tidy + used + 1, part, length);
            used += length + 1;
        }
        part += length;
    }
    if (tidy && used == 0)
        tidy[used++] = '/';
    if (tidy)
        tidy[used] = '\0';
    return tidy;
}

/* `failure` is the errno of a write to stdout. */
static enum status export_dataset(const struct store_file *file, char *path, int *failure,
                                  struct error *err)
{
    struct exported table = {.path = path};
    enum status status = table_read(file, &table, err);
    if (!status && !put_table(stdout, &table))
        *failure = errno;
    table_free(&table);
    return status;
}

struct list {
    const struct store_file *file;
    int failure;
};

static enum status list_dataset(const char *path, void *context, struct error *err)
{
    struct list *list = context;
    struct store_info info;
    if (list->failure)
        return STATUS_OK;
    enum status status = store_describe(list->file, path, &info, err);
    if (status)
        return status;
    print_plain(stdout, path);
    putchar('\t');
    print_shape(stdout, info.rank, info.shape);
    putchar('\t');
    print_plain(stdout, info.long_name);
    putchar('\t');
    print_plain(stdout, info.units);
    if (putchar('\n') == EOF || ferror(stdout))
        list->failure = errno;
    store_info_free(&info);
    return STATUS_OK;
}

static enum status list_datasets(const struct store_file *file, const char *group, int *failure,
                                 struct error *err)
{
    struct list list = {.file = file};
    fputs("dataset\tshape\tlong_name\tunits\n", stdout);
    enum status status = store_visit(file, group, list_dataset, &list, err);
    *failure = list.failure;
    return status;
}

static enum status answer(const struct request *request, int *failure, struct error *err)
{
    struct store_file *file;
    enum status status = store_open(&file, request->file, err);
    if (status)
        return status;
    store_tell_changed(file);
    char *path = tidy_path(request->dataset ? request->dataset : "/");
    enum store_kind kind = path ? store_kind(file, path) : STORE_NOTHING;
    if (!path)
        status = error_memory(err, "the table");
    else if (kind == STORE_NOTHING)
        status = no_dataset(file, request->file, path, err);
    else if (request->list)
        status = list_datasets(file, path, failure, err);
    else if (kind == STORE_GROUP)
        status = is_group(file, request->file, path, err);
    else
        status = export_dataset(file, path, failure, err);
    free(path);
    store_close(file);
    return status;
}

static error_t parse(int key, char *word, struct argp_state *state)
{
    struct request *request = state->input;
    switch (key) {
    case 'l':
        request->list = true;
        return 0;
    case ARGP_KEY_ARG:
        if (!request->file)
            request->file = word;
        else if (!request->dataset)
            request->dataset = word;
        else
            argp_error(state, "'%s' is one argument too many; one FILE.h5 at a time", word);
        return 0;
    case ARGP_KEY_END:
        if (!request->file || (!request->dataset && !request->list))
            argp_error(state, "FILE.h5 and DATASET are needed; --list FILE.h5 lists the datasets");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"list", 'l', NULL, 0, "list all datasets with shape, long name and units", 0},
    {0},
};

static const struct argp parser = {
    .options = options,
    .parser = parse,
    .args_doc = "FILE.h5 DATASET\n--list FILE.h5 [GROUP]",
    .doc = "Print a dataset as tab-separated values with a header line.  The first dimension goes "
           "down, the others go across, named like node_0.neuron_3.",
};

int command_export(int argc, char **argv)
{
    struct request request = {0};
    struct error err;
    int failure = 0;
    argp_err_exit_status = error_exit_code(STATUS_INVALID);
    argp_parse(&parser, argc, argv, 0, NULL, &request);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write */
    enum status status = answer(&request, &failure, &err);
    int code = print_finish(failure);
    return status ? command_fail(&err) : code;
}
