#include "harness/figure.h"

#include "harness/command.h"
#include "harness/gnuplot.h"
#include "harness/run.h"
#include "harness/spec.h"

#include <argp.h>
#include <errno.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static const struct descriptor *const figures[] = {&figure_learning.about, &figure_phase.about};

const struct registry figure_registry = {"figure", figures, sizeof figures / sizeof *figures};

struct figure_options {
    struct run_options run;
    const char *name;
    const char *from; /* a result file to draw instead of running */
    const char *out;  /* folder of the figures */
};

static enum status draw(const struct figure *figure, const char *file, const char *base,
                        struct error *err)
{
    static const char *const formats[] = {"pdf", "png"};
    enum status status = STATUS_OK;
    for (size_t i = 0; !status && i < 2; i++) {
        char out[RUN_PATH + 8];
        snprintf(out, sizeof out, "%s.%s", base, formats[i]);
        status = gnuplot_draw(figure->script, file, out, formats[i], err);
        if (!status)
            printf("%s\n", out);
    }
    return status;
}

/* ---- data ---- */

static enum status write_data(const struct figure *figure, const char *path, const char *base,
                              struct error *err)
{
    struct store_file *file;
    enum status status = store_open(&file, path, err);
    if (status)
        return status;
    char name[RUN_PATH + 8];
    snprintf(name, sizeof name, "%s.tsv", base);
    FILE *out = fopen(name, "w");
    if (!out)
        status = error_set(err, STATUS_SYSTEM, "%s: %s", name, strerror(errno));
    else
        status = figure->write_data(file, out, err);
    if (out && (ferror(out) | fclose(out)) && !status)
        status = error_set(err, STATUS_SYSTEM, "%s: cannot write: %s", name, strerror(errno));
    if (!status)
        printf("%s\n", name);
    store_close(file);
    return status;
}

/* ---- the result file ---- */

static enum status run_figure_spec(const struct figure *figure,
                                   const struct figure_options *options, char *file,
                                   struct error *err)
{
    char spec[RUN_PATH];
    struct run_options run = options->run;
    enum status status = find_shared_file(figure->spec, spec, err);
    run.spec = spec;
    return status ? status : run_spec(&run, file, err);
}

static enum status check_override(const struct descriptor *about, const char *override,
                                  struct error *err)
{
    const char *names[32];
    char key[64];
    size_t count = 0, length = strcspn(override, "=");
    if (!override[length])
        return error_set(err, STATUS_INVALID, "command line: %s: no value; write KEY=VALUE",
                         override);
    for (const struct param *p = about->params; p && p->name && count < 32; p++) {
        if (strlen(p->name) == length && strncmp(p->name, override, length) == 0)
            return STATUS_OK;
        names[count++] = p->name;
    }
    snprintf(key, sizeof key, "%.*s", (int)length, override);
    const char *near = nearest_word(key, names, count);
    return error_set(err, STATUS_INVALID,
                     "command line: %s: the figure %s has no key '%s'; %s%s%s`duet list figures` "
                     "shows all",
                     override, about->name, key, near ? "did you mean '" : "", near ? near : "",
                     near ? "'? " : "");
}

static enum status compute_figure(const struct figure *figure, const struct figure_options *options,
                                  char *file, struct error *err)
{
    const struct run_options *run = &options->run;
    const char *name = figure->about.name;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < run->override_count && !status; i++)
        status = check_override(&figure->about, run->overrides[i], err);
    if (status)
        return status;
    if (snprintf(file, RUN_PATH, "%s/%s/%s.h5", run->results, name, name) >= RUN_PATH)
        return error_set(err, STATUS_INVALID, "%s: the name of the folder is too long",
                         run->results);
    void *settings = calloc(1, figure->about.settings_size + 1);
    if (!settings)
        return error_set(err, STATUS_SYSTEM, "out of memory");
    status = params_fill(figure->about.params, run->overrides, run->override_count, settings, err);
    if (!status)
        status = store_check_writable(file, err);
    const struct figure_job job = {.settings = settings,
                                   .threads = run->threads ? run->threads : omp_get_max_threads(),
                                   .quiet = run->quiet,
                                   .path = file};
    if (!status)
        status = figure->compute(&job, err);
    free(settings);
    return status;
}

/* ---- the command ---- */

static enum status make_figure(const struct figure *figure, const struct figure_options *options,
                               struct error *err)
{
    char file[RUN_PATH], base[RUN_PATH];
    int length = snprintf(base, sizeof base - 8, "%s/%s", options->out, figure->about.name);
    if (length >= (int)sizeof base - 8)
        return error_set(err, STATUS_INVALID, "%s: the name of the folder is too long",
                         options->out);
    enum status status = store_check_writable(base, err); /* makes the folder */
    if (!status && options->from)
        snprintf(file, sizeof file, "%s", options->from);
    else if (!status)
        status = (figure->spec ? run_figure_spec : compute_figure)(figure, options, file, err);
    if (!status)
        status = write_data(figure, file, base, err);
    if (!status)
        status = draw(figure, file, base, err);
    return status;
}

enum { OPTION_RESULTS = 256, OPTION_FROM, OPTION_OUT };

static const struct argp_option argp_options[] = {
    {"threads", 't', "N", 0, "threads to use; default: all processors", 0},
    {"from", OPTION_FROM, "FILE.h5", 0, "draw this result file instead of running", 0},
    {"out", OPTION_OUT, "DIR", 0, "folder of the figures; default: paper_figs/out", 0},
    {"results", OPTION_RESULTS, "DIR", 0, "folder of all results; default: results", 0},
    {"quiet", 'q', NULL, 0, "no plan and no progress", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct figure_options *options = state->input;
    switch (key) {
    case 't':
        options->run.threads = parse_threads("--threads", arg, state);
        return 0;
    case OPTION_FROM:
        options->from = arg;
        return 0;
    case OPTION_OUT:
        options->out = arg;
        return 0;
    case OPTION_RESULTS:
        options->run.results = arg;
        return 0;
    case 'q':
        options->run.quiet = true;
        options->run.summary = false;
        return 0;
    case ARGP_KEY_ARG:
        if (!options->name)
            options->name = arg;
        else if (options->run.override_count < RUN_MAX_OVERRIDES)
            options->run.overrides[options->run.override_count++] = arg;
        else
            argp_error(state, "more than %d overrides", RUN_MAX_OVERRIDES);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "no figure named; `duet list figures` shows them");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum status unknown_figure(const char *name, struct error *err)
{
    const char *names[32];
    for (size_t i = 0; i < figure_registry.count; i++)
        names[i] = figure_registry.entries[i]->name;
    const char *near = nearest_word(name, names, figure_registry.count);
    return error_set(err, STATUS_INVALID,
                     "there is no figure '%s'; %s%s%s`duet list figures` shows "
                     "all",
                     name, near ? "did you mean '" : "", near ? near : "", near ? "'? " : "");
}

int command_figure(int argc, char **argv)
{
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "NAME [KEY=VALUE ...]\nall",
        .doc =
            "Run what a figure needs and draw it: DIR/NAME.pdf, NAME.png and its data NAME.tsv.\v"
            "KEY=VALUE overrides a key of the figure's spec (paper_figs/NAME.yaml), or of the "
            "figure itself where it runs none (`duet list figures`). gnuplot reads the result file "
            "through `duet export`.",
    };
    struct figure_options options = {.run = {.results = "results", .summary = true},
                                     .out = "paper_figs/out"};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    struct error err = {0};
    enum status status = STATUS_OK;
    if (strcmp(options.name, "all") == 0) {
        for (size_t i = 0; !status && i < figure_registry.count; i++)
            status = make_figure((const void *)figure_registry.entries[i], &options, &err);
    } else {
        const struct descriptor *figure = registry_find(&figure_registry, options.name);
        status = figure ? make_figure((const void *)figure, &options, &err)
                        : unknown_figure(options.name, &err);
    }
    return status ? command_fail(&err) : 0;
}
