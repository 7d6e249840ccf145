#include "core/text.h"
#include "harness/command.h"
#include "harness/run/run.h"
#include "harness/spec/spec.h"
#include "harness/spec/words.h"
#include "paper_figs/figures.h"

#include <argp.h>
#include <string.h>

enum { MOST_FIGURES = 64 };

struct figure_command {
    struct figure_options options;
    const char *overrides[RUN_MAX_OVERRIDES];
    const struct figure *figures[MOST_FIGURES];
    size_t figure_count;
    const char *unknown; /* an unknown name; NULL: none */
};

enum { OPTION_RESULTS = 256, OPTION_FROM, OPTION_OUT, OPTION_QUICK, OPTION_AGAIN };

static const struct argp_option argp_options[] = {
    {"threads", 't', "N", 0, "threads to use; default: all processors", 0},
    {"from", OPTION_FROM, "FILE.h5", 0, "draw this result file instead of computing", 0},
    {"quick", OPTION_QUICK, NULL, 0, "the small version of each figure", 0},
    {"again", OPTION_AGAIN, NULL, 0, "compute and draw again even if up to date", 0},
    {"output", 'o', "FILE", 0,
     "one picture, which ends in .pdf, .png or .svg; without such an ending: the name of the "
     "figure's files",
     0},
    {"out", OPTION_OUT, "DIR", 0, "folder of the figures; default: paper_figs/out", 0},
    {"results", OPTION_RESULTS, "DIR", 0, "folder of all results; default: results", 0},
    {"quiet", 'q', NULL, 0, "no plan and no progress", 0},
    {0},
};

/* A figure that is named several times is made once. */
static void add_figure(struct figure_command *command, const void *figure)
{
    for (size_t i = 0; i < command->figure_count; i++)
        if (command->figures[i] == figure)
            return;
    if (command->figure_count < MOST_FIGURES)
        command->figures[command->figure_count++] = figure;
}

static void add_name(struct figure_command *command, const char *name)
{
    const struct descriptor *figure = registry_find(&figure_registry, name);
    const bool all = strcmp(name, "all") == 0;
    for (size_t i = 0; all && i < figure_registry.count; i++)
        add_figure(command, figure_registry.entries[i]);
    if (figure)
        add_figure(command, figure);
    else if (!all && !command->unknown)
        command->unknown = name;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct figure_command *command = state->input;
    struct figure_options *options = &command->options;
    switch (key) {
    case 't':
        options->threads = parse_threads("--threads", arg, state);
        return 0;
    case OPTION_FROM:
        options->from = arg;
        return 0;
    case 'o':
        options->output = arg;
        return 0;
    case OPTION_OUT:
        options->out = arg;
        return 0;
    case OPTION_RESULTS:
        options->results = arg;
        return 0;
    case 'q':
        options->quiet = true;
        options->summary = false;
        return 0;
    case OPTION_QUICK:
        options->quick = true;
        return 0;
    case OPTION_AGAIN:
        options->again = true;
        return 0;
    case ARGP_KEY_ARG:
        if (!strchr(arg, '='))
            add_name(command, arg);
        else if (options->override_count < RUN_MAX_OVERRIDES)
            command->overrides[options->override_count++] = arg;
        else
            argp_error(state, "more than %d overrides", RUN_MAX_OVERRIDES);
        return 0;
    case ARGP_KEY_END:
        if (command->figure_count == 0 && !command->unknown)
            argp_error(state, "no figure named; `duet list figures` shows them");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static enum status unknown_figure(const char *name, struct error *err)
{
    const char *names[MOST_FIGURES];
    for (size_t i = 0; i < figure_registry.count && i < MOST_FIGURES; i++)
        names[i] = figure_registry.entries[i]->name;
    const char *near = nearest_word(name, names, figure_registry.count);
    return error_set(err, STATUS_INVALID,
                     "there is no figure '%s'; %s%s%s`duet list figures` shows "
                     "all",
                     name, near ? "did you mean '" : "", near ? near : "", near ? "'? " : "");
}

/* All named figures, also after one that does not show its point. */
static enum status make_figures(const struct figure_command *command, struct error *err)
{
    const struct figure_options *options = &command->options;
    enum status status = STATUS_OK;
    if (command->unknown)
        return unknown_figure(command->unknown, err);
    if (command->figure_count > 1 &&
        (options->override_count > 0 || options->from || options->output))
        return error_set(err, STATUS_INVALID,
                         "command line: %s: the figures have keys of their own; name one figure "
                         "where KEY=VALUE, --from or -o is given",
                         options->from     ? options->from
                         : options->output ? options->output
                                           : options->overrides[0]);
    for (size_t i = 0; i < command->figure_count; i++) {
        struct error own = {0};
        enum status one = figure_make(command->figures[i], options, &own);
        if (one && !status) {
            status = one;
            *err = own;
        }
        if (one && one != STATUS_FAILED)
            break;
    }
    return status;
}

int command_figure(int argc, char **argv)
{
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "NAME [KEY=VALUE ...]\nNAME ...\nall",
        .doc =
            "Compute the data of a figure, draw it, and check that it shows its point: "
            "DIR/NAME.pdf, NAME.png, its data NAME.tsv and its caption NAME.txt. Figures that are "
            "up to date are kept.\v"
            "KEY=VALUE overrides a key of the figure, or of its spec if the figure has no keys "
            "(`duet list figures`). gnuplot reads the result file "
            "through `duet export`.",
    };
    struct figure_command command = {
        .options = {.results = "results", .out = "paper_figs/out", .summary = true}};
    struct error err = {0};
    command.options.overrides = command.overrides;
    argp_parse(&argp, argc, argv, 0, NULL, &command);
    const enum status status = make_figures(&command, &err);
    return status ? command_fail(&err) : print_finish(0);
}
