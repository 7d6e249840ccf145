#include "harness/run/run.h"

#include "core/text.h"
#include "harness/command.h"
#include "harness/run/experiment.h"
#include "harness/run/progress.h"
#include "store/output.h"

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- progress ---- */

static void describe(const struct experiment *e, uint64_t step, char *out, size_t size)
{
    const int used = e->kind->describe_step(e->training, step, out, size);
    snprintf(out + used, size - (size_t)used, "  ");
    record_brief(&e->record, out + used + 2, size - (size_t)used - 2);
}

static void measured(void *context, const struct experiment *e, uint64_t step, uint64_t steps)
{
    char line[160];
    describe(e, step, line, sizeof line);
    progress_line(context, step, steps, line);
}

static bool training(void *context, const struct experiment *e, uint64_t step, uint64_t steps)
{
    char line[160];
    describe(e, step, line, sizeof line);
    progress_update(context, step, steps, line);
    return !interrupted();
}

static void print_plan(const struct experiment *e, const char *path)
{
    const double mib = 1048576;
    char work[160], left_out[512];
    e->kind->describe_work(e->training, work, sizeof work);
    fprintf(stderr, "plan: %s, %zu measurements", work, e->record.points);
    if (!e->kind->exact)
        fprintf(stderr, " of %" PRId64 " samples, %d thread%s", e->subject.settings->samples,
                e->threads, e->threads == 1 ? "" : "s");
    putc('\n', stderr);
    probes_left_out(&e->subject, left_out, sizeof left_out);
    if (*left_out)
        fprintf(stderr, "not measured: %s\n", left_out);
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

static enum status run_and_store(const struct run_options *options, struct experiment *e,
                                 const char *path, struct error *err)
{
    struct progress progress;
    struct observer observer = {.measured = measured, .training = training, .context = &progress};
    enum status status = output_check(path, &output_result, err);
    if (status)
        return status;
    if (!options->quiet)
        print_plan(e, path);
    progress_start(&progress, options->quiet);
    interrupt_catch();
    status = experiment_run(e, &observer, err);
    progress_end(&progress);
    if (status && status != STATUS_DIVERGED)
        return status;
    struct error problem = {0};
    if (experiment_store(e, path, &problem)) {
        *err = problem;
        return problem.status;
    }
    if (!options->quiet)
        fprintf(stderr, "%s: %zu measurements, %.2f s\n", e->diverged ? "diverged" : "complete",
                e->record.measured, progress_seconds(&progress));
    if (options->summary)
        record_print(&e->record, stdout);
    return status;
}

bool run_is_complete(const char *path, const char *hash)
{
    struct store_file *file;
    char *status = NULL, *found = NULL;
    if (store_open(&file, path, NULL))
        return false;
    bool complete = !store_get_text(file, "status", &status, NULL) &&
                    !store_get_text(file, "spec_hash", &found, NULL) &&
                    strcmp(status, "complete") == 0 && strcmp(found, hash) == 0;
    free(status);
    free(found);
    store_close(file);
    return complete;
}

enum status run_spec(const struct run_options *options, char *path, struct error *err)
{
    struct spec spec;
    struct experiment experiment;
    enum status status =
        spec_load(&spec, options->spec, options->overrides, options->override_count, err);
    if (status)
        return status;
    status = result_path(options, &spec, path, err);
    if (status || (options->keep && run_is_complete(path, spec.hash))) {
        spec_free(&spec);
        return status;
    }
    status = experiment_open(&experiment, &spec, options->threads, err);
    if (!status)
        status = run_and_store(options, &experiment, path, err);
    if (status && err->key[0])
        spec_locate(&spec, err);
    experiment_free(&experiment);
    spec_free(&spec);
    return status;
}

/* ---- the command ---- */

enum { OPTION_RESULTS = 256 };

static const struct argp_option argp_options[] = {
    {"threads", 't', "N", 0, "threads to use; default: all processors. Results do not depend on it",
     0},
    {"output", 'o', "FILE", 0, "result file; default: RESULTS/NAME/HASH.h5", 0},
    {"results", OPTION_RESULTS, "DIR", 0, "folder of all results; default: results", 0},
    {"quiet", 'q', NULL, 0, "no plan, no progress, no table", 0},
    {0},
};

bool is_spec_argument(const char *argument)
{
    return argument[0] == '/' || !strchr(argument, '=');
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
               "Exit code: 0 complete; 2 bad input; 3 the run diverged (the file keeps what was "
               "measured); 130 interrupted (nothing is written).",
    };
    struct run_options options = {.results = "results", .summary = true};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    char path[RUN_PATH];
    struct error err = {0};
    if (run_spec(&options, path, &err))
        return command_fail(&err);
    return print_finish(0);
}
