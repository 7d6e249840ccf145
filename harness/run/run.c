#include "harness/run/run.h"

#include "core/text.h"
#include "harness/command.h"
#include "harness/run/checkpoint.h"
#include "harness/run/progress.h"
#include "harness/run/result.h"
#include "store/output.h"

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- progress ---- */

/* The last point that was measured, with its time: training is ahead of it. */
static void describe(const struct experiment *e, char *out, size_t size)
{
    const struct record *r = &e->record;
    *out = '\0';
    if (r->measured == 0)
        return;
    const int used = e->kind->describe_time(e->training, r->time[r->measured - 1], out, size);
    snprintf(out + used, size - (size_t)used, "  ");
    record_brief(r, out + used + 2, size - (size_t)used - 2);
}

/* A run that is watched. */
struct watched {
    struct checkpointed run;
    struct progress progress;
};

static void measured(void *context, const struct experiment *e, uint64_t step, uint64_t steps)
{
    struct watched *w = context;
    char line[160];
    describe(e, line, sizeof line);
    w->progress.before = w->run.from;
    progress_line(&w->progress, step, steps, line);
}

static bool training(void *context, const struct experiment *e, uint64_t step, uint64_t steps)
{
    struct watched *w = context;
    char line[160];
    describe(e, line, sizeof line);
    w->progress.before = w->run.from;
    progress_update(&w->progress, step, steps, line);
    return !interrupted();
}

/* A line that stays. */
static void tell(void *context, const char *what)
{
    const struct watched *w = context;
    if (!w->progress.quiet)
        fprintf(stderr, "%s%s\n", w->progress.terminal ? "\r\033[K" : "", what);
}

static void print_plan(const struct experiment *e, const char *path)
{
    const double mib = 1048576;
    char work[160];
    struct remarks remarks = {0};
    e->kind->describe_work(e->training, work, sizeof work);
    fprintf(stderr, "plan: %s, %zu measurements", work, e->record.points);
    if (!e->kind->exact)
        fprintf(stderr, " of %" PRId64 " samples, %d thread%s", e->subject.settings->samples,
                e->threads, e->threads == 1 ? "" : "s");
    putc('\n', stderr);
    experiment_remarks(e, &remarks);
    fputs(remarks.text, stderr);
    fprintf(
        stderr,
        "memory: %.1f MiB (training %.1f, measuring %.1f, series %.1f, ceiling %.1f, result file "
        "%.1f) beside program and libraries\n",
        (double)experiment_bytes(e) / mib, (double)e->train_bytes / mib,
        (double)e->measure_bytes / mib, (double)experiment_series_bytes(e) / mib,
        (double)probe_set_memory(&e->probes) / mib, (double)experiment_file_bytes(e) / mib);
    fprintf(stderr, "result: %s\n", path);
}

/* ---- the run ---- */

/* A result may not replace a file that the run reads, even where that is a result. */
static enum status check_not_input(const struct spec *spec, const char *path, struct error *err)
{
    const struct descriptor *data = spec->chosen[SECTION_DATA];
    const char *settings = spec->settings[SECTION_DATA];
    for (const struct param *p = data->params; settings && p && p->name; p++) {
        if (p->type != PARAM_TEXT)
            continue;
        const char *input = *(const char *const *)(const void *)(settings + p->offset);
        if (input && output_is_same(path, input))
            return error_set(err, STATUS_INVALID,
                             "%s: is the input data.%s and stays as it is; give another name", path,
                             p->name);
    }
    return STATUS_OK;
}

static enum status result_path(const struct run_options *options, const struct spec *spec,
                               char *path, struct error *err)
{
    const int length = options->output ? snprintf(path, RUN_PATH, "%s", options->output)
                                       : snprintf(path, RUN_PATH, "%s/%s/%s.h5", options->results,
                                                  spec->name, spec->hash);
    if (length >= RUN_PATH)
        return error_set(err, STATUS_INVALID,
                         "the name of the result file has %d bytes; the most is %d", length,
                         RUN_PATH - 1);
    return check_not_input(spec, path, err);
}

/* How to go on with a run that was interrupted, by a setting if that is named. */
static const char *how_to_go_on(const struct run_options *options, bool kept, bool by_setting)
{
    return !kept            ? "the same command starts anew"
           : options->again ? "the same command without --again goes on from there"
           : by_setting     ? "the same command with a larger value goes on from there"
                            : "the same command goes on from there";
}

/* Keep what an interrupted run measured, except in the place of a whole result of another spec; and
 * say how to go on.  STATUS_INVALID where a setting stopped it. */
static enum status store_interrupted(const struct run_options *options, const struct experiment *e,
                                     const char *path, const struct result *earlier, bool kept,
                                     struct error *err)
{
    char what[RUN_PATH + 128];
    const struct error why = *err;
    const char *how = how_to_go_on(options, kept, why.key[0]);
    struct error problem = {0};
    const bool stores = e->record.measured > 0 && earlier->kind != RESULT_OTHER;
    if (stores && experiment_store(e, path, &problem))
        snprintf(what, sizeof what, "%.*s", RUN_PATH, problem.message);
    else if (stores)
        snprintf(what, sizeof what, "%s keeps %" PRIu64 " of %zu measurements", path,
                 e->record.measured, e->record.points);
    else
        snprintf(what, sizeof what, "%s",
                 e->record.measured > 0 ? "the result of another spec is still there"
                                        : "nothing was measured yet");
    if (why.key[0])
        return error_key(err, why.key, "%s; %s; %s", why.message, what, how);
    return error_set(err, STATUS_INTERRUPTED, "%s; %s; %s", e->detail, what, how);
}

static enum status run_and_store(const struct run_options *options, struct experiment *e,
                                 const char *path, const struct result *earlier, struct error *err)
{
    struct watched w;
    const struct observer observer = {.measured = measured, .training = training, .context = &w};
    enum status status = output_check(path, &output_result, err);
    if (status)
        return status;
    if (options->again)
        checkpoint_remove(path);
    store_clean(path);
    if (!options->quiet)
        print_plan(e, path);
    w.run = (struct checkpointed){.result = path, .observer = &observer, .tell = tell};
    progress_start(&w.progress, options->quiet);
    interrupt_catch();
    status = checkpoint_run(e, &w.run, err);
    progress_end(&w.progress);
    if (status == STATUS_INTERRUPTED)
        return store_interrupted(options, e, path, earlier, w.run.kept, err);
    if (status && status != STATUS_DIVERGED)
        return status;
    struct error problem = {0};
    if (experiment_store(e, path, &problem)) {
        *err = problem;
        return problem.status;
    }
    checkpoint_remove(path);
    if (!options->quiet)
        fprintf(stderr, "%s: %" PRIu64 " measurements, %.2f s\n",
                status == STATUS_DIVERGED ? "diverged" : "complete", e->record.measured,
                progress_seconds(&w.progress));
    if (options->summary)
        record_print(&e->record, stdout);
    return status;
}

/* The result is there: say so, and show it. */
static enum status show_result(const struct run_options *options, const char *path,
                               const struct result *result, struct error *err)
{
    const bool diverged = result->outcome == STATUS_DIVERGED;
    enum status status = STATUS_OK;
    checkpoint_remove(path);
    if (!options->quiet)
        fprintf(stderr, "%s: exists, %s; --again repeats the run\n", path,
                diverged ? "diverged" : "complete");
    if (!options->quiet && *result->difference)
        fprintf(stderr, "it is of another build: %s\n", result->difference);
    if (options->summary)
        status = result_print(stdout, path, err);
    if (!status && diverged)
        status = error_set(err, STATUS_DIVERGED, "the run diverged: %s", result->detail);
    return status;
}

/* A result that was changed is kept under another name. */
static enum status keep_changed(const char *path, struct error *err)
{
    char to[RUN_PATH + 16];
    if (!output_keep(path, "aside", to, sizeof to))
        return error_set(
            err, STATUS_SYSTEM,
            "%s: was changed since it was written, and cannot be renamed; move it away", path);
    fprintf(stderr,
            "%s: was changed since it was written; it is kept as %s, and the run is done "
            "again\n",
            path, to);
    return STATUS_OK;
}

/* Run the spec, or show the result that is there. */
static enum status run_or_show(const struct run_options *options, const struct spec *spec,
                               const char *path, struct error *err)
{
    struct result there;
    struct experiment experiment;
    result_look(path, spec, &there);
    if (options->keep && there.kind == RESULT_WHOLE && !there.outcome)
        return STATUS_OK;
    if (!options->again && there.kind == RESULT_WHOLE)
        return show_result(options, path, &there, err);
    if (!options->quiet && there.kind == RESULT_OTHER)
        fprintf(stderr, "%s: is replaced, a result of another spec: %s\n", path, there.difference);
    enum status status = experiment_open(&experiment, spec, options->threads, err);
    if (!status && there.kind == RESULT_CHANGED)
        status = keep_changed(path, err);
    if (!status)
        status = run_and_store(options, &experiment, path, &there, err);
    if (status && err->key[0])
        spec_locate(spec, err);
    experiment_free(&experiment);
    return status;
}

enum status run_spec(const struct run_options *options, char *path, struct error *err)
{
    struct spec spec;
    enum status status =
        spec_load(&spec, options->spec, options->overrides, options->override_count, err);
    if (status)
        return status;
    status = result_path(options, &spec, path, err);
    if (!status)
        status = run_or_show(options, &spec, path, err);
    spec_free(&spec);
    return status;
}

/* ---- the command ---- */

enum { OPTION_RESULTS = 256, OPTION_AGAIN };

static const struct argp_option argp_options[] = {
    {"threads", 't', "N", 0, "threads to use; default: all processors. Results do not depend on it",
     0},
    {"output", 'o', "FILE", 0, "result file; default: RESULTS/NAME/HASH.h5", 0},
    {"results", OPTION_RESULTS, "DIR", 0, "folder of all results; default: results", 0},
    {"again", OPTION_AGAIN, NULL, 0,
     "make a result that exists anew, from the beginning; default: show it, and go on from the "
     "checkpoint of a run that was interrupted",
     0},
    {"quiet", 'q', NULL, 0, "no plan, no progress, no table", 0},
    {0},
};

/* Whether `text` ends as the name of a YAML file does. */
static bool ends_as_yaml(const char *text)
{
    const char *dot = strrchr(text, '.');
    return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

bool is_spec_argument(const char *argument)
{
    const char *equals = strchr(argument, '='), *slash = strchr(argument, '/');
    struct stat about;
    if (!equals || (slash && slash < equals))
        return true; /* no key has a slash */
    if (spec_is_key(argument, (size_t)(equals - argument)))
        return false;
    return ends_as_yaml(argument) || (stat(argument, &about) == 0 && S_ISREG(about.st_mode));
}

int parse_threads(const char *option, const char *text, struct argp_state *state)
{
    char *end;
    long threads = strtol(text, &end, 10);
    if (*end || end == text || threads < 1 || threads > 4096)
        argp_error(state, "%s is '%s'; give a number from 1 to 4096", option, text);
    return (int)threads;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct run_options *options = state->input;
    switch (key) {
    case 't':
        options->threads = parse_threads("--threads", arg, state);
        return 0;
    case 'o':
        options->output = arg;
        return 0;
    case OPTION_RESULTS:
        options->results = arg;
        return 0;
    case OPTION_AGAIN:
        options->again = true;
        return 0;
    case 'q':
        options->quiet = true;
        options->summary = false;
        return 0;
    case ARGP_KEY_ARG:
        if (!options->spec && options->override_count == 0 && is_spec_argument(arg))
            options->spec = arg;
        else if (options->override_count < RUN_MAX_OVERRIDES)
            options->overrides[options->override_count++] = arg;
        else
            argp_error(state, "more than %d overrides", RUN_MAX_OVERRIDES);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "no SPEC given");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_run(int argc, char **argv)
{
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "SPEC [KEY=VALUE ...]",
        .doc = "Train and measure as the YAML file SPEC says, and write one result file.\v"
               "KEY=VALUE overrides a key of the spec, with dots for nesting: "
               "data.depth=7 objective.tau=0.1. Every key has a default, so SPEC may be left out "
               "where an override is given. `duet list` shows what can be named.\n\n"
               "A result that exists is not computed again but shown. Ctrl-C, SIGTERM and SIGUSR1 "
               "end the run with its state in a checkpoint beside the result, which is also "
               "written every train.checkpoint seconds; the same command goes on from it, and the "
               "result is the same to the last byte.\n\n"
               "Exit code: 0 complete; 2 bad input; 3 the run diverged (the file keeps what was "
               "measured); 130 interrupted (so does the file, and the same command goes on).",
    };
    struct run_options options = {.results = "results", .summary = true};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    char path[RUN_PATH];
    struct error err = {0};
    if (run_spec(&options, path, &err))
        return command_fail(&err);
    return print_finish(0);
}
