#include "core/text.h"
#include "harness/command.h"
#include "harness/run/summary.h"
#include "store/store.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* ---- the parts of the page ---- */

struct page {
    FILE *out;
    const struct store_file *file;
    int rank;    /* of the headlines that are shown: 1, numbers, or 2, tables */
    int printed; /* of them */
};

/* Root attributes of a run in the order of the page; the spec comes after them. */
static const struct {
    const char *name, *label;
} known[] = {
    {"duet_version", "duet"},
    {"commit", "commit"},
    {"instruction_set", "instructions"},
    {"compiler", "compiler"},
    {"openblas", "openblas"},
    {"libxsmm", "libxsmm"},
    {"gsl", "gsl"},
    {"hdf5", "hdf5"},
    {"libc", "libc"},
    {"seed", "seed"},
    {"spec_hash", "spec hash"},
    {"status", "status"},
    {"status_detail", "detail"},
};
enum {
    KNOWN = sizeof known / sizeof *known,
    PATH_COLUMN = 36, /* widths in the list of datasets */
    SHAPE_COLUMN = 14,
    SHOWN_PATH = 256, /* bytes of a path */
};

static enum status print_attribute(const struct page *page, const char *name, const char *label,
                                   struct error *err)
{
    char *text;
    enum status status = store_show_attribute(page->file, name, &text, err);
    if (status)
        return status;
    fprintf(page->out, "%-13s ", label);
    print_plain(page->out, text);
    putc('\n', page->out);
    free(text);
    return STATUS_OK;
}

static enum status print_other_attribute(const char *name, void *page, struct error *err)
{
    bool is_known = strcmp(name, "spec") == 0 || strcmp(name, "digest") == 0;
    for (size_t i = 0; i < KNOWN; i++)
        is_known = is_known || strcmp(name, known[i].name) == 0;
    return is_known ? STATUS_OK : print_attribute(page, name, name, err);
}

static enum status print_attributes(struct page *page, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < KNOWN && !status; i++)
        if (store_has_attribute(page->file, known[i].name))
            status = print_attribute(page, known[i].name, known[i].label, err);
    return status ? status : store_visit_attributes(page->file, print_other_attribute, page, err);
}

static enum status print_times(const struct page *page, struct error *err)
{
    struct store_array epoch;
    const bool flow = store_has(page->file, "/series/time");
    if (!flow && !store_has(page->file, "/series/epoch"))
        return STATUS_OK;
    enum status status =
        store_get(page->file, flow ? "/series/time" : "/series/epoch", &epoch, err);
    if (status)
        return status;
    fprintf(page->out, "%-13s %zu %s", "measured", epoch.count, flow ? "times" : "epochs");
    if (epoch.count)
        fprintf(page->out, ", %.15g to %.15g", epoch.values[0], epoch.values[epoch.count - 1]);
    putc('\n', page->out);
    store_array_free(&epoch);
    return STATUS_OK;
}

/* The spec as it is stored, indented. */
static enum status print_spec(const struct page *page, struct error *err)
{
    char *spec;
    if (!store_has_attribute(page->file, "spec"))
        return STATUS_OK;
    enum status status = store_get_text(page->file, "spec", &spec, err);
    if (status)
        return status;
    fputs("\nspec\n", page->out);
    for (char *rest = spec, *line; (line = strsep(&rest, "\n"));) {
        if (!*line && !rest)
            break;
        fputs(*line ? "  " : "", page->out);
        print_plain(page->out, line);
        putc('\n', page->out);
    }
    free(spec);
    return STATUS_OK;
}

/* Spaces up to the next column. */
static void print_gap(FILE *out, int width, int column)
{
    fprintf(out, "%*s  ", width < column ? column - width : 0, "");
}

static enum status print_dataset(const char *path, void *context, struct error *err)
{
    const struct page *page = context;
    struct store_info info;
    enum status status = store_describe(page->file, path, &info, err);
    if (status)
        return status;
    fputs("  ", page->out);
    print_plain(page->out, path);
    print_gap(page->out, (int)strnlen(path, PATH_COLUMN), PATH_COLUMN);
    int width = print_shape(page->out, info.rank, info.shape);
    if (*info.long_name)
        print_gap(page->out, width, SHAPE_COLUMN);
    print_plain(page->out, info.long_name);
    fputs(*info.units ? " [" : "", page->out);
    print_plain(page->out, info.units);
    fputs(*info.units ? "]\n" : "\n", page->out);
    store_info_free(&info);
    return STATUS_OK;
}

/* ---- the summary: datasets with a headline ---- */

/* The limits of entry k, and the axis that they have. */
static enum status read_limit(const struct page *page, const char *limit_path, size_t k,
                              struct summary_limit *limit, char axis[SHOWN_PATH], struct error *err)
{
    char path[SHOWN_PATH], *axes[STORE_MAX_RANK];
    struct store_array array;
    *limit = summary_limit(NULL, 0);
    snprintf(path, sizeof path, "%s_%zu", limit_path, k);
    if (store_kind(page->file, path) != STORE_DATASET)
        return STATUS_OK;
    enum status status = store_get_axes(page->file, path, axes, err);
    if (status)
        return status;
    if (axes[0])
        snprintf(axis, SHOWN_PATH, "%s", axes[0]);
    store_axes_free(axes);
    status = store_get(page->file, path, &array, err);
    if (status)
        return status;
    *limit = summary_limit(array.values, array.count);
    store_array_free(&array);
    return STATUS_OK;
}

static enum status print_table(const struct page *page, const char *axis,
                               const struct store_info *info, const struct store_array *series,
                               struct error *err)
{
    const size_t count = series->shape[1];
    const bool limited = *info->limit != '\0';
    struct summary_limit *limit = calloc(count + 1, sizeof *limit);
    char limit_axis[SHOWN_PATH] = "";
    enum status status = limit ? STATUS_OK : error_memory(err, "the summary");
    for (size_t k = 0; limited && k < count && !status; k++)
        status = read_limit(page, info->limit, k, &limit[k], limit_axis, err);
    const struct summary_table table = {.headline = info->headline,
                                        .axis = axis ? axis : "",
                                        .count = count,
                                        .before = series->values,
                                        .after = series->values + (series->shape[0] - 1) * count,
                                        .limit = limited ? limit : NULL,
                                        .limit_path = info->limit,
                                        .limit_axis = limit_axis};
    if (!status)
        summary_print_table(page->out, &table);
    free(limit);
    return status;
}

static enum status print_headline(struct page *page, const char *path,
                                  const struct store_info *info, struct error *err)
{
    struct store_array series;
    char *axes[STORE_MAX_RANK];
    enum status status = store_get(page->file, path, &series, err);
    if (status)
        return status;
    if (series.count > 0 && page->rank == 1) {
        if (page->printed++ == 0) {
            putc('\n', page->out);
            summary_print_head(page->out);
        }
        summary_print_line(page->out, info->headline, series.values[0],
                           series.values[series.count - 1]);
    } else if (series.count > 0) {
        status = store_get_axes(page->file, path, axes, err);
        if (!status)
            status = print_table(page, axes[1], info, &series, err);
        store_axes_free(axes);
    }
    store_array_free(&series);
    return status;
}

static enum status visit_headline(const char *path, void *context, struct error *err)
{
    struct page *page = context;
    struct store_info info;
    enum status status = store_describe(page->file, path, &info, err);
    if (!status && *info.headline && info.rank == page->rank)
        status = print_headline(page, path, &info, err);
    store_info_free(&info);
    return status;
}

/* ---- the command ---- */

static enum status print_page(FILE *out, const char *path, struct error *err)
{
    struct store_file *file;
    enum status status = store_open(&file, path, err);
    if (status)
        return status;
    struct page page = {.out = out, .file = file};
    fprintf(out, "%-13s ", "file");
    print_plain(out, path);
    putc('\n', out);
    if (store_state(file) == STORE_REWRITTEN || store_state(file) == STORE_CHANGED)
        fprintf(out, "%-13s %s\n", "file is", store_state_words[store_state(file)]);
    status = print_attributes(&page, err);
    if (!status)
        status = print_times(&page, err);
    if (!status)
        status = print_spec(&page, err);
    if (!status) {
        fputs("\ndatasets\n", out);
        status = store_visit(file, "/", print_dataset, &page, err);
    }
    for (page.rank = 1; page.rank <= 2 && !status; page.rank++)
        status = store_visit(file, "/", visit_headline, &page, err);
    store_close(file);
    return status;
}

static error_t parse(int key, char *word, struct argp_state *state)
{
    const char **path = state->input;
    if (key == ARGP_KEY_ARG && !*path)
        *path = word;
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "'%s' is one argument too many; one FILE.h5 is needed", word);
    else if (key == ARGP_KEY_END && !*path)
        argp_error(state, "a FILE.h5 is needed");
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static const struct argp parser = {
    .parser = parse,
    .args_doc = "FILE.h5",
    .doc =
        "Show the contents of a result file: versions, seed, status, spec, datasets, and the best "
        "correlation of each level before and after training.",
};

int command_info(int argc, char **argv)
{
    const char *path = NULL;
    argp_err_exit_status = error_exit_code(STATUS_INVALID);
    argp_parse(&parser, argc, argv, 0, NULL, &path);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write */

    struct error err;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out || !path) {
        error_memory(&err, "the summary");
        return command_fail(&err);
    }
    enum status status = print_page(out, path, &err);
    fclose(out);
    int code = print_finish(text && fputs(text, stdout) == EOF ? errno : 0);
    free(text);
    return status ? command_fail(&err) : code;
}
