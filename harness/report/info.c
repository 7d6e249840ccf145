#include "core/text.h"
#include "harness/command.h"
#include "harness/report/shorten.h"
#include "harness/run/summary_file.h"
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
};

static enum status print_attribute(const struct page *page, const char *name, const char *label,
                                   struct error *err)
{
    char *text;
    enum status status = store_show_attribute(page->file, name, &text, err);
    if (status)
        return status;
    fprintf(page->out, "%-13s ", label);
    print_shortened(page->out, text);
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

/* The spec, indented, with long lists shortened. */
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
        print_shortened(page->out, line);
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
    if (!status)
        status = summary_print_file(out, "\n", file, err);
    store_close(file);
    return status;
}

/* The whole spec and nothing else, so that it can be run again. */
static enum status print_stored_spec(FILE *out, const char *path, struct error *err)
{
    struct store_file *file;
    char *spec = NULL;
    enum status status = store_open(&file, path, err);
    if (status)
        return status;
    status = store_get_text(file, "spec", &spec, err);
    for (const char *c = status ? "" : spec; *c; c++)
        putc((unsigned char)*c < ' ' && *c != '\n' ? '?' : *c, out);
    free(spec);
    store_close(file);
    return status;
}

enum { MOST_FILES = 4096 };

struct request {
    const char *path[MOST_FILES];
    size_t count;
    bool spec; /* alone */
};

static error_t parse(int key, char *word, struct argp_state *state)
{
    struct request *request = state->input;
    if (key == 's')
        request->spec = true;
    else if (key == ARGP_KEY_ARG && request->count < MOST_FILES)
        request->path[request->count++] = word;
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "more than %d files", (int)MOST_FILES);
    else if (key == ARGP_KEY_END && request->count == 0)
        argp_error(state, "a FILE.h5 is needed");
    else if (key == ARGP_KEY_END && request->spec && request->count > 1)
        argp_error(state, "--spec takes one FILE.h5");
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static const struct argp_option options[] = {
    {"spec", 's', NULL, 0, "print the spec alone and whole: `duet run` repeats the run from it", 0},
    {0},
};

static const struct argp parser = {
    .options = options,
    .parser = parse,
    .args_doc = "FILE.h5 ...",
    .doc =
        "Show the contents of result files: versions, seed, status, spec, datasets, and the best "
        "correlation of each level before and after training. Of long lists in the spec the first "
        "values and their number are shown.",
};

/* The pages of all files, as far as there is no error. */
static enum status print_pages(FILE *out, const struct request *request, struct error *err)
{
    enum status status = STATUS_OK;
    if (request->spec)
        return print_stored_spec(out, request->path[0], err);
    for (size_t i = 0; i < request->count && !status; i++) {
        if (i > 0)
            putc('\n', out);
        status = print_page(out, request->path[i], err);
    }
    return status;
}

int command_info(int argc, char **argv)
{
    struct request request = {.count = 0};
    argp_err_exit_status = error_exit_code(STATUS_INVALID);
    argp_parse(&parser, argc, argv, 0, NULL, &request);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write */

    struct error err;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        error_memory(&err, "the summary");
        return command_fail(&err);
    }
    enum status status = print_pages(out, &request, &err);
    fclose(out);
    int code = print_finish(text && fputs(text, stdout) == EOF ? errno : 0);
    free(text);
    return status ? command_fail(&err) : code;
}
