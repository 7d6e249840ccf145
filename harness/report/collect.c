/* `duet collect`: the runs of a sweep as one table. */
#include "core/text.h"
#include "harness/command.h"
#include "harness/report/collect_groups.h"
#include "harness/report/collect_output.h"

#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHOSEN = 64, LISTED = 20 };

static const char status_name[] =
    "status: 0 complete, 1 diverged, 2 failed, 3 missing, 4 unreadable, 5 interrupted";

struct options {
    struct collect_options reading;
    const char *output; /* NULL: DIR/table.h5 and DIR/table.tsv */
    const char *over;
    const char *chosen[MAX_CHOSEN];
};

static enum status write_table(struct table_output *output, const struct options *options,
                               const char *name)
{
    const struct output_place place = {options->reading.folder, name, options->output,
                                       options->reading.quiet};
    return table_output_write(output, &place);
}

/* ---- columns of both kinds of tables ---- */

/* The last value of a column of the collected table, or a statistic of it. */
static struct output_column *add_last(struct table_output *output, size_t c, const char *ending,
                                      const char *statistic)
{
    char name[COLLECT_PATH], long_name[COLLECT_PATH];
    const struct column *column = &output->table->column[c];
    snprintf(name, sizeof name, "/last/%s%s", column->name, ending);
    snprintf(long_name, sizeof long_name, "%s, at the end%s%s",
             output->table->series[column->series].long_name, *statistic ? ": " : "", statistic);
    return add_output(output, name, long_name, COLUMN_REALS);
}

/* The numbers 1, 2, 3, ... */
static void add_count(struct table_output *output, const char *name, const char *long_name)
{
    struct output_column *column = add_output(output, name, long_name, COLUMN_INTEGERS);
    for (size_t i = 0; column && i < output->rows; i++)
        column->value[i] = (double)(column->whole[i] = (int64_t)i + 1);
}

/* The swept keys of the points that stand for the rows; NULL: row i is point i. */
static void add_keys(struct table_output *output, const size_t *point, const bool *left_out)
{
    const struct grid *grid = &output->table->plan.grid;
    for (size_t c = 0; c < grid->columns; c++) {
        char name[COLLECT_PATH];
        const char *key = grid_column(grid, c);
        snprintf(name, sizeof name, "/key/%s", key);
        if (left_out && left_out[c])
            continue;
        struct output_column *column = add_output(output, name, key, COLUMN_CODES);
        for (size_t i = 0; column && i < output->rows; i++)
            column->text[i] = collect_label(output->table, point ? point[i] : i, c);
        if (column)
            number_words(output, column);
    }
}

/* ---- one row per point ---- */

static void add_status(struct table_output *output)
{
    struct output_column *column = add_output(output, "/status", status_name, COLUMN_CODES);
    if (!column)
        return;
    column->word = point_status_words;
    column->words = POINT_STATUSES;
    for (size_t i = 0; i < output->rows; i++) {
        column->whole[i] = output->table->row[i].status;
        column->text[i] = point_status_words[output->table->row[i].status];
    }
}

/* So that a reader need not guess which *.h5 of the folder are points. */
static void add_files(struct table_output *output)
{
    struct output_column *column =
        add_output(output, "/file", "result file of the point, in the folder", COLUMN_TEXTS);
    for (size_t i = 0; column && i < output->rows; i++)
        column->text[i] = output->table->row[i].file ? output->table->row[i].file : "";
}

static enum status write_points(const struct collect_table *table, const struct options *options,
                                struct error *err)
{
    struct table_output output = {.table = table, .rows = table->plan.count, .err = err};
    add_count(&output, "/point", "number of the point, from 1");
    add_keys(&output, NULL, NULL);
    add_status(&output);
    for (size_t s = 0; s < table->series_count; s++)
        for (size_t k = 0; k < table->series[s].width; k++) {
            const size_t c = table->series[s].column[k];
            struct output_column *column = add_last(&output, c, "", "");
            for (size_t i = 0; column && i < output.rows; i++)
                column->value[i] = collect_value(table, i, c);
        }
    add_files(&output);
    return write_table(&output, options, "table");
}

/* ---- one row per group ---- */

/* [group][column][statistic], on all threads. */
static double *judge_all(const struct collect_table *table, const struct collect_groups *groups)
{
    const size_t count = groups->count * table->columns;
    double *result = malloc((count * COLLECT_STATISTICS + 1) * sizeof *result);
    bool failed = result == NULL;
#pragma omp parallel for schedule(dynamic) reduction(|| : failed)
    for (size_t i = 0; i < count; i++)
        failed = failed || !collect_statistics(table, groups, i / table->columns,
                                               i % table->columns, result + i * COLLECT_STATISTICS);
    if (!failed)
        return result;
    free(result);
    return NULL;
}

static void add_counts(struct table_output *output, const struct collect_groups *groups)
{
    for (int s = 0; s < POINT_STATUSES; s++) {
        char name[64], long_name[64];
        snprintf(name, sizeof name, "/%s", point_status_words[s]);
        snprintf(long_name, sizeof long_name, "%s points", point_status_words[s]);
        struct output_column *column = add_output(output, name, long_name, COLUMN_INTEGERS);
        for (size_t g = 0; column && g < groups->count; g++)
            column->whole[g] =
                (int64_t)collect_count(output->table, groups, g, (enum point_status)s);
    }
}

static void add_statistics(struct table_output *output, const double *result)
{
    static const char *const ending[COLLECT_STATISTICS] = {"", ".sd", ".low", ".high", ".n"};
    static const char *const words[COLLECT_STATISTICS] = {
        "mean", "standard deviation", "lower end of the 95% interval of the mean",
        "upper end of the 95% interval of the mean", "number of values in the mean"};
    const struct collect_table *table = output->table;
    for (size_t s = 0; s < table->series_count; s++)
        for (size_t k = 0; k < table->series[s].width * COLLECT_STATISTICS; k++) {
            const size_t c = table->series[s].column[k / COLLECT_STATISTICS],
                         which = k % COLLECT_STATISTICS;
            struct output_column *column = add_last(output, c, ending[which], words[which]);
            for (size_t g = 0; column && g < output->rows; g++)
                column->value[g] = result[(g * table->columns + c) * COLLECT_STATISTICS + which];
        }
}

static enum status write_groups(const struct collect_table *table, const struct options *options,
                                struct error *err)
{
    struct collect_groups groups = {0};
    char name[COLLECT_PATH];
    size_t over;
    enum status status = collect_find_key(table, "--over", options->over, &over, err);
    if (status)
        return status;
    bool *left_out = calloc(table->plan.grid.columns + 1, sizeof *left_out);
    if (!left_out)
        return error_memory(err, "the table");
    left_out[over] = true;
    status = collect_groups_find(table, left_out, &groups, err);
    double *result = status ? NULL : judge_all(table, &groups);
    if (!status && !result)
        status = error_memory(err, "the table");
    if (!status) {
        struct table_output output = {.table = table, .rows = groups.count, .err = err};
        add_count(&output, "/group", "number of the group, from 1");
        add_keys(&output, groups.first, left_out);
        add_counts(&output, &groups);
        add_statistics(&output, result);
        snprintf(name, sizeof name, "table_over_%s", options->over);
        status = write_table(&output, options, name);
    }
    collect_groups_free(&groups);
    free(left_out);
    free(result);
    return status;
}

/* ---- points that are not complete ---- */

static void print_points(const struct collect_table *table, enum point_status which)
{
    size_t shown = 0;
    for (size_t i = 0; i < table->plan.count && shown < LISTED; i++) {
        char described[SWEEP_TEXT];
        if (table->row[i].status != which)
            continue;
        sweep_plan_describe(&table->plan, i, described);
        printf("%s: point %zu: ", point_status_words[which], i + 1);
        print_plain(stdout, described);
        putchar('\n');
        shown++;
    }
    if (shown < table->counts[which])
        printf("%s: and %zu more, see the column status\n", point_status_words[which],
               table->counts[which] - shown);
}

/* What is in the folder beside the sound results of its points. */
static void print_findings(const struct collect_table *table)
{
    char words[1024];
    if (table->others > 0)
        printf("%zu other result%s in the folder, of another grid\n", table->others,
               table->others == 1 ? "" : "s");
    if (table->older > 0)
        printf("%zu of them named by the rule of an older duet, by which `name` was a part of what "
               "names a result\n",
               table->older);
    if (table->rewritten > 0)
        printf("%zu file%s changed since written, by another program; the numbers are as they "
               "were\n",
               table->rewritten, table->rewritten == 1 ? " was" : "s were");
    if (builds_are_mixed(&table->builds, NULL, words, sizeof words)) {
        print_plain(stdout, words);
        puts("; last digits may differ");
    }
}

static void print_counts(const struct collect_table *table)
{
    for (int s = POINT_DIVERGED; s < POINT_STATUSES; s++)
        print_points(table, (enum point_status)s);
    printf("%zu points:", table->plan.count);
    const char *separator = " ";
    for (int s = 0; s < POINT_STATUSES; s++)
        if (s == POINT_COMPLETE || table->counts[s] > 0) {
            printf("%s%zu %s", separator, table->counts[s], point_status_words[s]);
            separator = ", ";
        }
    putchar('\n');
}

/* ---- the command ---- */

enum { OPTION_OVER = 256, OPTION_SERIES };

static const struct argp_option argp_options[] = {
    {"over", OPTION_OVER, "KEY", 0,
     "also write table_over_KEY: mean, standard deviation and 95% interval of the mean over "
     "the values of a swept key, such as seed",
     0},
    {"series", OPTION_SERIES, "NAME", 0,
     "take this series, such as covop/level_0/norm; may be repeated. Default: all series of one "
     "number per measurement, and best_correlation",
     0},
    {"output", 'o', "FILE", 0,
     "write FILE.h5 and FILE.tsv, or one of them where FILE ends so; default: DIR/table", 0},
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
        if (options->reading.chosen_count == MAX_CHOSEN)
            argp_error(state, "more than %d series", MAX_CHOSEN);
        options->chosen[options->reading.chosen_count++] = arg;
        return 0;
    case 'o':
        if (strlen(arg) >= RUN_PATH || !*arg)
            argp_error(state, "--output is %s; give the name of a file",
                       *arg ? "too long" : "empty");
        options->output = arg;
        return 0;
    case 'q':
        options->reading.quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        if (options->reading.folder)
            argp_error(state, "one folder at a time");
        if (strlen(arg) >= RUN_PATH)
            argp_error(state, "the name of the folder is too long");
        options->reading.folder = arg;
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
            "one table, one row per point: DIR/table.h5 and DIR/table.tsv.\v"
            "Columns: the number of the point, the swept keys, the status (complete, diverged, "
            "failed, missing, unreadable), the last value of each series, and the point's file. "
            "Missing values are nan. Points that are not complete are listed. With --over only "
            "complete points "
            "count.\n\n"
            "Exit code: 0 the table was written; 1 it was, but files could not be read, were "
            "changed since they were written, or are not what their names say; 2 bad input.",
    };
    struct options options = {0};
    struct collect_table table = {0};
    struct error err = {0};
    options.reading.chosen = options.chosen;
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    enum status status = collect_table_read(&table, &options.reading, &err);
    if (!status && !options.reading.quiet) {
        print_counts(&table);
        print_findings(&table);
    }
    if (!status)
        status = write_points(&table, &options, &err);
    if (!status && options.over)
        status = write_groups(&table, &options, &err);
    const bool unreadable = table.counts[POINT_UNREADABLE] + table.misnamed + table.changed > 0;
    collect_table_free(&table);
    if (status)
        return command_fail(&err);
    const int code = print_finish(0);
    return code ? code : unreadable ? error_exit_code(STATUS_FAILED) : 0;
}
