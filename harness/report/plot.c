/* `duet plot`: a quantity of a sweep over a swept key, as lines or as a map. */
#include "core/text.h"
#include "harness/command.h"
#include "harness/report/gnuplot.h"
#include "harness/report/picture.h"
#include "harness/report/plot_data.h"
#include "harness/spec/words.h"
#include "store/output.h"
#include "store/store.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct options {
    struct plot_choice choice;
    const char *folder, *output;
    bool quiet;
};

/* ---- words for the script ---- */

/* Shortest decimals, of 3 digits or more, that distinguish the values. */
static int digits_of(const struct plot_axis *axis)
{
    int digits = 3;
    for (bool same = true; same && digits < 17; digits += same) {
        same = false;
        for (size_t i = 1; i < axis->count && !same; i++) {
            char a[64], b[64];
            snprintf(a, sizeof a, "%.*g", digits, axis->at[i - 1]);
            snprintf(b, sizeof b, "%.*g", digits, axis->at[i]);
            same = strcmp(a, b) == 0;
        }
    }
    return digits;
}

enum {
    NUMBER = 64,
    LABEL = 24, /* bytes of a label that is shown whole */
};

/* Whether a picture has no room for the labels of an axis, such as lists of 16 numbers. */
static bool has_long_labels(const struct plot_axis *axis)
{
    for (size_t i = 0; i < axis->count; i++)
        if (axis->words && strlen(axis->label[i]) > LABEL)
            return true;
    return false;
}

/* Bytes that all labels begin with, up to the last space or comma. */
static size_t common_start(const struct plot_axis *axis)
{
    size_t same = axis->count > 1 ? strlen(axis->label[0]) : 0;
    for (size_t i = 1; i < axis->count; i++)
        for (size_t k = 0; k < same; k++)
            if (axis->label[i][k] != axis->label[0][k])
                same = k;
    while (same > 0 && !strchr(" ,", axis->label[0][same - 1]))
        same--;
    return same;
}

/* The label of a word, else the number, in `text`.  Where labels are long, each has its number in
 * front, is shown from where it differs from others, and is cut. */
static const char *value_text(const struct plot_axis *axis, size_t i, int digits, char text[NUMBER])
{
    if (!axis->words) {
        snprintf(text, NUMBER, "%.*g", digits, axis->at[i]);
    } else if (!has_long_labels(axis)) {
        return axis->label[i];
    } else {
        char part[LABEL - 4];
        const size_t start = common_start(axis);
        excerpt(part, sizeof part, axis->label[i] + start);
        snprintf(text, NUMBER, "%zu: %s%s", i + 1, start ? "..." : "", part);
    }
    return text;
}

/* The entries of the legend, one per line. */
static void put_lines(FILE *out, const struct plot_axis *axis)
{
    const int digits = axis->words ? 0 : digits_of(axis);
    char number[NUMBER];
    for (size_t i = 0; i < axis->count; i++)
        fprintf(out, "%s\n", value_text(axis, i, digits, number));
}

/* Whether the values are few and about equally spaced, so that each can have a tick. */
static bool is_even(const struct plot_axis *axis)
{
    enum { FEW = 8 };
    double least = INFINITY, most = 0;
    for (size_t i = 1; i < axis->count; i++) {
        const double step = axis->at[i] - axis->at[i - 1];
        least = fmin(least, step);
        most = fmax(most, step);
    }
    return axis->count <= FEW && most <= 1.5 * least;
}

/* Ticks at words, at few numbers with even steps, and at logarithmic numbers over less than two
 * decades; "" leaves them to gnuplot. */
static void put_ticks(FILE *out, const struct plot_axis *axis)
{
    enum { FEW = 6, MANY = 40 };
    const size_t n = axis->count, most = axis->logarithmic ? FEW : MANY;
    if (!axis->words && !axis->logarithmic && !is_even(axis))
        return;
    if (axis->logarithmic && n > FEW && axis->at[n - 1] >= 100 * axis->at[0])
        return;
    const size_t step = (n + most - 1) / most;
    const int digits = axis->words ? 0 : digits_of(axis);
    for (size_t i = 0; i < n; i += step) {
        char number[NUMBER];
        fprintf(out, "%s'", i ? ", " : "");
        for (const char *c = value_text(axis, i, digits, number); *c; c++)
            fprintf(out, *c == '\'' ? "''" : "%c", *c);
        fprintf(out, "' %.17g", axis->at[i]);
    }
}

static bool pass_text(const char *name, void (*put)(FILE *out, const struct plot_axis *axis),
                      const struct plot_axis *axis)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return false;
    put(out, axis);
    const bool good = fclose(out) == 0 && setenv(name, text, 1) == 0;
    free(text);
    return good;
}

static bool pass_number(const char *name, size_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%zu", number);
    return setenv(name, text, 1) == 0;
}

static bool pass_label(const char *name, const char *quantity, const char *units)
{
    char *label = NULL;
    const bool unit = units[0] && strcmp(units, "1") != 0;
    const bool good = asprintf(&label, "%s%s%s%s", quantity, unit ? " (" : "", unit ? units : "",
                               unit ? ")" : "") >= 0 &&
                      setenv(name, label, 1) == 0;
    free(label);
    return good;
}

/* "3 seeds" or "2 to 3 seeds": the values in the means. */
static void put_number_of_values(FILE *out, const struct plot_data *data)
{
    double least = INFINITY, most = 0;
    for (size_t k = 0; k < data->x.count * data->by.count; k++) {
        const double count = data->statistic[k][COLLECT_COUNT];
        if (count > 0) {
            least = fmin(least, count);
            most = fmax(most, count);
        }
    }
    if (least < most)
        fprintf(out, "%.0f to ", least);
    fprintf(out, "%.0f seed%s", most, most == 1 ? "" : "s");
}

/* The description: long name, chosen values, statistics. */
static bool pass_title(const struct plot_data *data, const char *long_name)
{
    const struct plot_choice *choice = data->choice;
    char *title = NULL;
    size_t length;
    FILE *out = open_memstream(&title, &length);
    if (!out)
        return false;
    fprintf(out, "%s", long_name);
    for (size_t a = 0; a < choice->at_count; a++) {
        char chosen[MAX_SHOWN];
        excerpt(chosen, sizeof chosen, choice->at[a]);
        fprintf(out, "%s%s", a ? ", " : "\n", chosen);
    }
    if (data->seeds) {
        fputs(choice->at_count ? "; " : "\n", out);
        fprintf(out, "%s over ", choice->heat ? "mean" : "mean and its 95% interval");
        put_number_of_values(out, data);
    }
    const bool good = fclose(out) == 0 && setenv("DUET_TITLE", title, 1) == 0;
    free(title);
    return good;
}

/* The environment of plots/sweep_*.gp, see there. */
static bool pass_all(const struct plot_data *data)
{
    const struct plot_choice *choice = data->choice;
    const struct collect_table *table = data->table;
    const struct collected_series *series = &table->series[table->column[data->column].series];
    return pass_title(data, series->long_name) &&
           pass_label("DUET_QUANTITY", choice->y, series->units) &&
           setenv("DUET_X_LABEL", choice->x, 1) == 0 &&
           setenv("DUET_BY_LABEL", choice->by ? choice->by : "", 1) == 0 &&
           pass_number("DUET_LOG_X", data->x.logarithmic) &&
           pass_number("DUET_LOG_BY", data->by.logarithmic) &&
           pass_number("DUET_WORDS", data->x.words) && pass_number("DUET_COUNT", data->x.count) &&
           pass_number("DUET_LINES", choice->by ? data->by.count : 0) &&
           pass_text("DUET_X_TICKS", put_ticks, &data->x) &&
           pass_text("DUET_BY_TICKS", put_ticks, &data->by) &&
           pass_text("DUET_LINE_LABELS", put_lines, &data->by);
}

/* ---- files ---- */

static const struct output_kind plot_kind = {.name = "table of a plot",
                                             .mark = "\tline\tx\tx_low\tx_high\t"};

static void put_name(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc(isalnum((unsigned char)*text) || strchr("._=-+", *text) ? *text : '_', out);
}

/* DIR/plot/QUANTITY_over_X_by_KEY_at_KEY=VALUE, or --output. */
static char *base_name(const struct options *options)
{
    const struct plot_choice *choice = &options->choice;
    char *text = NULL;
    size_t length;
    if (options->output)
        return strdup(options->output);
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    fprintf(out, "%s/plot/", options->folder);
    put_name(out, choice->y);
    fputs("_over_", out);
    put_name(out, choice->x);
    fputs(choice->by ? "_by_" : "", out);
    put_name(out, choice->by ? choice->by : "");
    for (size_t a = 0; a < choice->at_count; a++) {
        fputs("_at_", out);
        put_name(out, choice->at[a]);
    }
    fputs(choice->heat ? "_heat" : "", out);
    return fclose(out) == 0 ? text : NULL;
}

static const char *script_of(const struct options *options)
{
    return options->choice.heat ? "plots/sweep_heat.gp" : "plots/sweep_lines.gp";
}

static enum status draw(const struct options *options, const char *table, const char *path,
                        const char *format, struct error *err)
{
    enum status status = gnuplot_draw(script_of(options), table, path, format, err);
    if (!status && !options->quiet)
        printf("%s\n", path);
    return status;
}

/* BASE.pdf, BASE.png and their data BASE.tsv. */
static enum status write_all(const struct options *options, const struct plot_data *data,
                             const char *base, struct error *err)
{
    char tsv[COLLECT_PATH], path[COLLECT_PATH];
    enum status status = STATUS_OK;
    if (snprintf(tsv, sizeof tsv, "%s.tsv", base) >= RUN_PATH)
        return error_set(err, STATUS_INVALID, "%s: the name is too long", base);
    for (size_t i = 0; i < PICTURE_USUAL && !status;
         i++) { /* all of them, before the first is written */
        snprintf(path, sizeof path, "%s.%s", base, picture_formats[i]);
        status = output_check(path, picture_kind(picture_formats[i]), err);
    }
    if (!status)
        status = output_print(tsv, &plot_kind, plot_data_print, data, err);
    for (size_t i = 0; i < PICTURE_USUAL && !status; i++) {
        snprintf(path, sizeof path, "%s.%s", base, picture_formats[i]);
        status = draw(options, tsv, path, picture_formats[i], err);
    }
    if (!status && !options->quiet)
        printf("%s\n", tsv);
    return status;
}

/* One picture; its data go to gnuplot through a file without a name. */
static enum status write_one(const struct options *options, const struct plot_data *data,
                             const char *format, struct error *err)
{
    char table[32];
    const int file = memfd_create("table", 0); /* open in gnuplot too */
    if (file < 0)
        return error_set(err, STATUS_SYSTEM, "%s: cannot draw: %s", options->output,
                         strerror(errno));
    snprintf(table, sizeof table, "/dev/fd/%d", file);
    enum status status = output_print(table, NULL, plot_data_print, data, err);
    if (!status)
        status = draw(options, table, options->output, format, err);
    close(file);
    return status;
}

static enum status write_files(const struct options *options, const struct plot_data *data,
                               struct error *err)
{
    char script[RUN_PATH], *base = base_name(options);
    const char *format = NULL;
    enum status status = STATUS_OK;
    if (!base || !pass_all(data))
        status = error_memory(err, "the plot");
    if (!status && options->output)
        status = picture_format_of(base, &format, err);
    if (!status)
        status = find_shared_file(script_of(options), script, err);
    if (!status && format)
        status = write_one(options, data, format, err);
    else if (!status)
        status = write_all(options, data, base, err);
    free(base);
    return status;
}

/* ---- the command ---- */

enum { OPTION_X = 256, OPTION_Y, OPTION_BY, OPTION_AT, OPTION_HEAT };

static const struct argp_option argp_options[] = {
    {"x", OPTION_X, "KEY", 0, "swept key along the horizontal axis; `case` for the cases", 0},
    {"y", OPTION_Y, "QUANTITY", 0,
     "column of the table of `duet collect`, such as loss, best_correlation.level_0 or "
     "covop.level_0.norm.0",
     0},
    {"by", OPTION_BY, "KEY", 0, "swept key with one line per value", 0},
    {"heat", OPTION_HEAT, NULL, 0,
     "a map: the key of --by along the vertical axis, the quantity as colour", 0},
    {"at", OPTION_AT, "KEY=VALUE", 0,
     "only the points with this value of a swept key; may be repeated", 0},
    {"output", 'o', "FILE", 0,
     "the picture, which ends in .pdf, .png or .svg; without such an ending: FILE.pdf, FILE.png "
     "and the data FILE.tsv. Default: below DIR/plot",
     0},
    {"quiet", 'q', NULL, 0, "print nothing", 0},
    {0},
};

static void finish_options(const struct options *options, struct argp_state *state)
{
    if (!options->folder)
        argp_error(state, "no DIR given");
    if (!options->choice.x)
        argp_error(state, "no --x KEY given");
    if (!options->choice.y)
        argp_error(state, "no --y QUANTITY given");
    if (options->choice.heat && !options->choice.by)
        argp_error(state, "--heat needs --by KEY, the vertical axis");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    struct plot_choice *choice = &options->choice;
    switch (key) {
    case OPTION_X:
        choice->x = arg;
        return 0;
    case OPTION_Y:
        choice->y = arg;
        return 0;
    case OPTION_BY:
        choice->by = arg;
        return 0;
    case OPTION_HEAT:
        choice->heat = true;
        return 0;
    case OPTION_AT:
        if (choice->at_count == PLOT_MAX_AT)
            argp_error(state, "more than %d times --at", PLOT_MAX_AT);
        choice->at[choice->at_count++] = arg;
        return 0;
    case 'o':
        options->output = arg;
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
    case ARGP_KEY_END:
        finish_options(options, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum status plot(const struct options *options, struct collect_table *table,
                        struct error *err)
{
    struct plot_data data = {0};
    const struct collect_options reading = {
        .folder = options->folder, .also = options->choice.y, .quiet = options->quiet};
    enum status status = collect_table_read(table, &reading, err);
    if (!status)
        status = plot_data_make(&data, table, &options->choice, err);
    if (!status)
        status = write_files(options, &data, err);
    if (!status && !options->quiet)
        plot_data_print_left_out(stdout, &data);
    plot_data_free(&data);
    return status;
}

int command_plot(int argc, char **argv)
{
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "DIR --x KEY --y QUANTITY",
        .doc =
            "Draw a quantity of the sweep in DIR, such as results/NAME, over a swept key: "
            "DIR/plot/NAME.pdf, NAME.png and the data NAME.tsv.\v"
            "The quantity is the last value of a series. Unless the seed is drawn or chosen, the "
            "mean of the complete points over the seeds is drawn with its 95% interval, as in "
            "`duet collect --over seed`, and up to ten values themselves as small points. Other "
            "swept keys must be chosen with "
            "--at. An axis is logarithmic if the ratios of the values are more even than their "
            "differences. Diverged, failed and missing points are listed and left out.\n\n"
            "Exit code: 0 drawn; 1 drawn, but files could not be read; 2 bad input.",
    };
    struct options options = {0};
    struct collect_table table = {0};
    struct error err = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    const enum status status = plot(&options, &table, &err);
    const bool unreadable = table.counts[POINT_UNREADABLE] > 0;
    collect_table_free(&table);
    if (status)
        return command_fail(&err);
    const int code = print_finish(0);
    return code ? code : unreadable ? error_exit_code(STATUS_FAILED) : 0;
}
