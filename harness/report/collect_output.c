#include "harness/report/collect_output.h"

#include "core/text.h"
#include "harness/spec/number.h"
#include "store/output.h"
#include "store/store.h"
#include "store/tsv.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *name, const char *end)
{
    const size_t length = strlen(name), of_end = strlen(end);
    return length > of_end && strcmp(name + length - of_end, end) == 0;
}

struct output_column *add_output(struct table_output *output, const char *name,
                                 const char *long_name, enum column_kind kind)
{
    if (!output->status && output->columns == output->capacity) {
        const size_t capacity = 2 * output->capacity + 16;
        struct output_column *more = realloc(output->column, capacity * sizeof *more);
        if (more) {
            output->column = more;
            output->capacity = capacity;
        } else {
            output->status = error_memory(output->err, "the table");
        }
    }
    if (output->status)
        return NULL;
    struct output_column *column = &output->column[output->columns++];
    *column = (struct output_column){
        .kind = kind,
        .name = pool_text(&output->pool, name, strlen(name)),
        .long_name = pool_text(&output->pool, long_name, strlen(long_name)),
        .value = pool_take(&output->pool, output->rows, sizeof *column->value),
        .whole = pool_take(&output->pool, output->rows, sizeof *column->whole),
    };
    if (kind == COLUMN_CODES || kind == COLUMN_TEXTS)
        column->text = pool_take(&output->pool, output->rows, sizeof *column->text);
    if (!column->name || !column->long_name || !column->value || !column->whole ||
        ((kind == COLUMN_CODES || kind == COLUMN_TEXTS) && !column->text)) {
        output->status = error_memory(output->err, "the table");
        return NULL;
    }
    for (size_t i = 0; i < output->rows; i++)
        column->value[i] = NAN;
    return column;
}

/* Whether all words are integers, which then are the values; or all are numbers. */
static bool are_integers(const struct table_output *output, struct output_column *column)
{
    bool all = true;
    for (size_t i = 0; i < output->rows && all; i++)
        all = parse_integer(column->text[i], &column->whole[i]) == NULL;
    return all;
}

static bool are_reals(const struct table_output *output, struct output_column *column)
{
    bool all = true;
    for (size_t i = 0; i < output->rows && all; i++)
        all = parse_real(column->text[i], &column->value[i]) == NULL;
    return all;
}

/* Codes in the order in which the words appear. */
static void make_codes(struct table_output *output, struct output_column *column)
{
    const char **known = pool_take(&output->pool, output->rows + 1, sizeof *known);
    if (!known) {
        output->status = error_memory(output->err, "the table");
        return;
    }
    for (size_t i = 0; i < output->rows; i++) {
        size_t k = 0;
        while (k < column->words && strcmp(known[k], column->text[i]) != 0)
            k++;
        if (k == column->words)
            known[column->words++] = column->text[i];
        column->whole[i] = (int64_t)k;
    }
    column->word = known;
}

/* The long name keeps what the codes mean, for people: "objective.name: 0 infonce, 1 byol". */
static void name_codes(struct table_output *output, struct output_column *column)
{
    char *names = NULL;
    size_t length;
    FILE *out = open_memstream(&names, &length);
    if (out)
        fprintf(out, "%s:", column->long_name);
    for (size_t k = 0; out && k < column->words; k++)
        fprintf(out, "%s %zu %s", k ? "," : "", k, column->word[k]);
    output->status = close_text(out, "the table", output->err);
    if (!output->status && !(column->long_name = pool_text(&output->pool, names, length)))
        output->status = error_memory(output->err, "the table");
    free(names);
}

void number_words(struct table_output *output, struct output_column *column)
{
    if (are_integers(output, column))
        column->kind = COLUMN_INTEGERS;
    else if (are_reals(output, column))
        column->kind = COLUMN_REALS;
    else
        make_codes(output, column);
    if (!output->status && column->kind == COLUMN_CODES)
        name_codes(output, column);
}

static void put_cell(FILE *out, const struct output_column *column, size_t row)
{
    if (column->text)
        tsv_text(out, column->text[row]);
    else if (column->kind == COLUMN_INTEGERS)
        fprintf(out, "%" PRId64, column->whole[row]);
    else
        tsv_number(out, column->value[row]);
}

static void print_tsv(FILE *out, const void *context)
{
    const struct table_output *output = context;
    for (size_t c = 0; c < output->columns; c++)
        fprintf(out, "%s%s", c ? "\t" : "", strrchr(output->column[c].name, '/') + 1);
    putc('\n', out);
    for (size_t r = 0; r < output->rows; r++)
        for (size_t c = 0; c < output->columns; c++) {
            put_cell(out, &output->column[c], r);
            putc(c + 1 < output->columns ? '\t' : '\n', out);
        }
}

/* The first column, which counts from 1, is the axis of the others. */
static enum status put_column(struct store *store, const struct table_output *output,
                              const struct output_column *column, struct error *err)
{
    const char *const axis = output->column[0].name, *const name = column->name,
                      *const long_name = column->long_name;
    const size_t rows = output->rows;
    if (column->kind == COLUMN_REALS)
        return store_put(store, name, 1, &rows, &axis, column->value, long_name, "1", err);
    if (column->kind == COLUMN_TEXTS)
        return store_put_texts(store, name, rows, axis, column->text, long_name, err);
    enum status status = store_put_integers(store, name, rows, axis, column->whole, long_name, err);
    if (!status && column->kind == COLUMN_CODES)
        status = store_put_meanings(store, name, column->word, column->words, err);
    return status;
}

static enum status write_h5(const struct table_output *output, const char *path, struct error *err)
{
    struct store *store;
    char *spec = NULL;
    enum status status = store_create(&store, err);
    if (status)
        return status;
    if (asprintf(&spec, "%s%s", output->table->plan.base.written, output->table->plan.grid.yaml) <
        0)
        status = error_memory(err, "the table");
    else
        status = store_put_text(store, "spec", spec, err);
    free(spec);
    const char *const axis = output->column[0].name;
    if (!status)
        status = store_put_whole_axis(store, axis, output->rows, output->column[0].value,
                                      output->column[0].long_name, "1", err);
    for (size_t c = 1; c < output->columns && !status; c++)
        status = put_column(store, output, &output->column[c], err);
    if (!status)
        status = store_commit(store, path, err);
    store_free(store);
    return status;
}

/* Whether a name asks for files that end so: for both, where it has neither end. */
static bool is_asked_for(const char *file, const char *end, const char *other)
{
    return !file || ends_with(file, end) || !ends_with(file, other);
}

/* The path of a file: FOLDER/NAME and `end`, or another in place of FOLDER/table. */
static void name_output(const struct output_place *place, const char *end, char path[COLLECT_PATH])
{
    const char *const file = place->file, *const rest = place->name + strlen("table");
    if (!file) {
        snprintf(path, COLLECT_PATH, "%s/%s%s", place->folder, place->name, end);
        return;
    }
    const size_t cut = ends_with(file, ".h5") ? 3 : ends_with(file, ".tsv") ? 4 : 0;
    snprintf(path, COLLECT_PATH, "%.*s%s%s", (int)(strlen(file) - cut), file, rest, end);
}

/* A table is known by the name of its first column. */
static enum status write_tsv(const struct table_output *output, const char *path)
{
    char start[64];
    const struct output_kind kind = {.name = "table of a sweep", .start = start, .mark = ""};
    snprintf(start, sizeof start, "%s\t", strrchr(output->column[0].name, '/') + 1);
    return output_print(path, &kind, print_tsv, output, output->err);
}

enum status table_output_write(struct table_output *output, const struct output_place *place)
{
    char h5[COLLECT_PATH] = "", tsv[COLLECT_PATH] = "";
    enum status status = output->status;
    if (is_asked_for(place->file, ".h5", ".tsv"))
        name_output(place, ".h5", h5);
    if (is_asked_for(place->file, ".tsv", ".h5"))
        name_output(place, ".tsv", tsv);
    if (!status && *h5)
        status = write_h5(output, h5, output->err);
    if (!status && *tsv)
        status = write_tsv(output, tsv);
    if (!status && !place->quiet)
        printf("%s%s%s: %zu rows, %zu columns\n", h5, *h5 && *tsv ? ", " : "", tsv, output->rows,
               output->columns);
    free(output->column);
    pool_free(&output->pool);
    return status;
}
