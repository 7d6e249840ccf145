#include "harness/run/run.h"

#include "core/text.h"
#include "harness/command.h"
#include "harness/run/summary.h"

#include "harness/run/experiment.h"
#include "harness/run/progress.h"

#include <argp.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- progress ---- */

void run_describe(const struct experiment *e, char *out, size_t size)
{
    const double *rank = experiment_effective_rank(e);
    const size_t last = e->measured - 1;
    out[0] = '\0';
    if (e->measured == 0)
        return;
    size_t used = (size_t)snprintf(out, size, "loss %.5g", e->series.loss[last]);
    if (e->series.best)
        used += (size_t)snprintf(out + used, size - used, "  best |correlation| at the root %.4f",
                                 e->series.best[last * (size_t)e->tree->depth]);
    if (rank)
        snprintf(out + used, size - used, "  effective rank %.3g", rank[last]);
}

static void describe(const struct experiment *e, uint64_t step, char *out, size_t size)
{
    const struct train_settings *train = e->spec->settings[SECTION_TRAIN];
    const struct flow_settings *flow = e->spec->settings[SECTION_TRAIN];
    size_t used;
    if (e->flows)
        used = (size_t)snprintf(out, size, "t = %.5g of %.5g  ", e->series.time[e->measured - 1],
                                flow->end);
    else
        used = (size_t)snprintf(out, size, "epoch %" PRIu64 " of %" PRId64 "  ",
                                e->trainer.steps ? step / e->trainer.steps : 0, train->epochs);
    run_describe(e, out + used, size - used);
}

static void measured(void *context, const struct experiment *e, uint64_t step, uint64_t steps)
{
    char what[160];
    describe(e, step, what, sizeof what);
    progress_line(context, step, steps, what);
}

static bool training(void *context, const struct experiment *e, uint64_t step, uint64_t steps)
{
    char what[160];
    describe(e, step, what, sizeof what);
    progress_update(context, step, steps, what);
    return !interrupted();
}

static void print_work(const struct experiment *e)
{
    const struct train_settings *train = e->spec->settings[SECTION_TRAIN];
    const struct measure_settings *measure = e->spec->settings[SECTION_MEASURE];
    const struct flow_settings *flow = e->spec->settings[SECTION_TRAIN];
    if (e->flows)
        fprintf(stderr, "plan: flow of %zu variables to t = %g, %zu measurements\n",
                e->flow.flow.dynamics.flow.size, flow->end, e->points);
    else
        fprintf(stderr,
                "plan: %zu inputs, %zu parameters, %" PRId64 " epochs of %zu steps of %" PRId64
                " samples, %zu measurements of %" PRId64 " samples, %d thread%s\n",
                e->network.leaves,
                e->network.parameters + e->predictor.parameters +
                    class_head_parameters(&e->classification.head),
                train->epochs, e->trainer.steps, train->batch, e->points, measure->samples,
                e->threads, e->threads == 1 ? "" : "s");
}

static void print_plan(const struct experiment *e, const char *path)
{
    const double mib = 1048576;
    print_work(e);
    fprintf(
        stderr,
        "memory: %.1f MiB (training %.1f, measuring %.1f, series %.1f, ceiling %.1f, result file "
        "%.1f) beside program and libraries\n",
        (double)(e->arena.size + e->ceiling_bytes + e->file_bytes) / mib,
        (double)e->train_bytes / mib, (double)e->measure_bytes / mib, (double)e->series_bytes / mib,
        (double)e->ceiling_bytes / mib, (double)e->file_bytes / mib);
    fprintf(stderr, "result: %s\n", path);
}

static void print_series(const struct experiment *e)
{
    const double *series[SUMMARY_SERIES] = {e->series.loss, experiment_effective_rank(e),
                                            e->series.class_accuracy, NULL};
    struct summary_line lines[SUMMARY_SERIES];
    size_t count = 0, last = e->measured - 1, latents = e->representation.latents;
    for (size_t i = 0; i < SUMMARY_SERIES; i++)
        if (series[i])
            lines[count++] =
                (struct summary_line){summary_series[i][1], series[i][0], series[i][last]};
    if (e->series.accuracy) {
        struct summary_line line = {summary_series[SUMMARY_SERIES - 1][1], 0, 0};
        for (size_t z = 0; z < latents; z++) {
            line.before += e->series.accuracy[z] / (double)latents;
            line.after += e->series.accuracy[last * latents + z] / (double)latents;
        }
        lines[count++] = line;
    }
    summary_print_lines(stdout, lines, count);
}

static void print_summary(const struct experiment *e)
{
    print_series(e);
    size_t levels = (size_t)experiment_latent_levels(e), last = e->measured - 1;
    double ceiling[TREE_MAX_DEPTH];
    for (size_t d = 0; d < levels; d++) {
        ceiling[d] = 0;
        for (size_t i = 0; i < e->tree->count[d]; i++)
            ceiling[d] += e->ceiling[e->tree->first[d] + i] / (double)e->tree->count[d];
    }
    if (e->series.best) {
        putchar('\n');
        summary_print(stdout, levels, e->tree->count, e->series.best,
                      e->series.best + last * levels, ceiling);
    }
}

/* ---- the run ---- */

static void result_path(const struct run_options *options, const struct spec *spec, char *path)
{
    if (options->output)
        snprintf(path, RUN_PATH, "%s", options->output);
    else
        snprintf(path, RUN_PATH, "%s/%s/%s.h5", options->results, spec->name, spec->hash);
}

static enum status run_and_store(const struct run_options *options, struct experiment *e,
                                 const char *path, struct error *err)
{
    struct progress progress;
    struct observer observer = {.measured = measured, .training = training, .context = &progress};
    enum status status = store_check_writable(path, err);
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
                e->measured, progress_seconds(&progress));
    if (options->summary && e->measured > 0)
        print_summary(e);
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
    result_path(options, &spec, path);
    if (options->keep && run_is_complete(path, spec.hash)) {
        spec_free(&spec);
        return STATUS_OK;
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
