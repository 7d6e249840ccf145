#include "harness/sweep/sweep_options.h"

#include "harness/run/run.h"
#include "harness/sweep/slurm.h"

#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_RESULTS = 256,
    OPTION_SHARD,
    OPTION_YES,
    OPTION_ZIP,
    OPTION_LIMIT,
    OPTION_SLURM,
    OPTION_TASKS,
    OPTION_WAIT,
    OPTION_REQUEUE,
};

static const struct argp_option argp_options[] = {
    {"jobs", 'j', "N", 0,
     "worker processes; default: as many as there are processors, and 1 with --slurm, where it is "
     "the number per task",
     0},
    {"shard", OPTION_SHARD, "I/N", 0,
     "run the I-th of N parts, I from 1; all parts share the folder", 0},
    {"slurm", OPTION_SLURM, NULL, 0,
     "submit the sweep to Slurm as a job array; options after -- are for sbatch", 0},
    {"tasks", OPTION_TASKS, "N", 0,
     "with --slurm: shards of the sweep, one per task; default: one per -j points, at most 64", 0},
    {"wait", OPTION_WAIT, "JOB", OPTION_ARG_OPTIONAL,
     "with --slurm: wait for the points; with JOB, for the points of a job that was submitted "
     "before",
     0},
    {"requeue", OPTION_REQUEUE, NULL, 0,
     "in a task of Slurm: after SIGUSR1, which is sent before the end of its time, let Slurm start "
     "the task again",
     0},
    {"dry-run", 'n', NULL, 0,
     "check all points, print the plan, with --slurm also the job script, and stop", 0},
    {"zip", OPTION_ZIP, "KEY,KEY", 0, "let these swept keys go together; may be repeated", 0},
    {"limit", OPTION_LIMIT, "SECONDS", 0, "a point that takes longer has failed", 0},
    {"threads", 't', "N", 0, "threads of each worker; default: 1", 0},
    {"results", OPTION_RESULTS, "DIR", 0, "folder of all results; default: results", 0},
    {"yes", OPTION_YES, NULL, 0, "run more than 1,000,000 points", 0},
    {"quiet", 'q', NULL, 0, "no plan and no progress; failures are shown", 0},
    {0},
};

static void parse_shard(const char *text, struct sweep_options *options, struct argp_state *state)
{
    char end;
    long shard, shards;
    if (sscanf(text, "%ld/%ld%c", &shard, &shards, &end) != 2 || shard < 1 || shard > shards ||
        shards > GRID_MAX_POINTS)
        argp_error(state, "--shard is '%s'; give I/N with I from 1 to N, such as 1/4", text);
    options->shard = (size_t)shard - 1;
    options->shards = (size_t)shards;
}

static void parse_limit(const char *text, struct sweep_options *options, struct argp_state *state)
{
    char *end;
    options->limit = strtod(text, &end);
    if (*end || end == text || !(options->limit > 0) || !isfinite(options->limit))
        argp_error(state, "--limit is '%s'; give seconds above 0", text);
}

static void add_word(const char *text, const char **words, size_t *count, struct argp_state *state)
{
    if (*count == RUN_MAX_OVERRIDES)
        argp_error(state, "more than %d overrides", RUN_MAX_OVERRIDES);
    words[(*count)++] = text;
}

static void parse_tasks(const char *text, struct sweep_options *options, struct argp_state *state)
{
    char *end;
    const long tasks = strtol(text, &end, 10);
    if (*end || end == text || tasks < 1 || tasks > GRID_MAX_POINTS)
        argp_error(state, "--tasks is '%s'; give a number from 1", text);
    options->tasks = (size_t)tasks;
}

/* Check options that need, or exclude, one another. */
static void check_slurm(const struct sweep_options *options, struct argp_state *state)
{
    if (options->slurm && options->shards > 1)
        argp_error(state, "--shard and --slurm: the tasks of Slurm are the shards; give --tasks N");
    if (options->slurm && options->job && options->dry_run)
        argp_error(state, "--wait=JOB submits nothing; leave --dry-run out");
    if (options->requeue && (options->slurm || !getenv("SLURM_JOB_ID")))
        argp_error(state, "--requeue is for a task of Slurm; the job script of --slurm gives it");
    if (options->slurm)
        return;
    if (options->wait)
        argp_error(state, "--wait is for a job of Slurm; give --slurm");
    if (options->tasks > 0)
        argp_error(state, "--tasks is for a job of Slurm; give --slurm");
    if (options->sbatch)
        argp_error(state, "what follows -- are options for sbatch; give --slurm");
}

static int cut_sbatch(int argc, char **argv, struct sweep_options *options)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--") == 0) {
            options->sbatch = (const char *const *)argv + i + 1;
            options->sbatch_count = (size_t)(argc - i - 1);
            return i;
        }
    return argc;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct sweep_options *options = state->input;
    switch (key) {
    case 'j':
        options->workers = parse_threads("--jobs", arg, state);
        return 0;
    case 't':
        options->threads = parse_threads("--threads", arg, state);
        return 0;
    case OPTION_SHARD:
        parse_shard(arg, options, state);
        return 0;
    case OPTION_SLURM:
        options->slurm = true;
        return 0;
    case OPTION_TASKS:
        parse_tasks(arg, options, state);
        return 0;
    case OPTION_WAIT:
        options->wait = true;
        options->job = arg;
        if (arg && !slurm_is_job(arg))
            argp_error(state, "--wait is '%s'; give the number of a job, such as 1234", arg);
        return 0;
    case OPTION_REQUEUE:
        options->requeue = true;
        return 0;
    case OPTION_ZIP:
        add_word(arg, options->zips, &options->zip_count, state);
        return 0;
    case OPTION_LIMIT:
        parse_limit(arg, options, state);
        return 0;
    case OPTION_RESULTS:
        options->results = arg;
        return 0;
    case OPTION_YES:
        options->yes = true;
        return 0;
    case 'n':
        options->dry_run = true;
        return 0;
    case 'q':
        options->quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        if (!options->spec && options->argument_count == 0 && is_spec_argument(arg))
            options->spec = arg;
        else
            add_word(arg, options->arguments, &options->argument_count, state);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "no SPEC given");
        return 0;
    case ARGP_KEY_END:
        check_slurm(options, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void sweep_options_parse(struct sweep_options *options, int argc, char **argv)
{
    static const struct argp argp = {
        .options = argp_options,
        .parser = parse,
        .args_doc = "SPEC [KEY=V1,V2 ...]\nSPEC [KEY=V1,V2 ...] --slurm [-- SBATCH OPTIONS]",
        .doc =
            "Run a grid of points, each a run of its own whose file is named by the hash of its "
            "complete spec. Finished points are never run again: the same command goes on after a "
            "stop, and several of them on one folder share the work.\vKEY=V1,V2 sweeps a key "
            "through values, KEY=a:b:step from a to b, KEY=log:a:b:n through n values of equal "
            "ratios; a comma inside brackets does not part values. KEY=VALUE sets a key for all "
            "points. The section `sweep` of SPEC does the same (see docs/sweeps.md); an argument "
            "replaces its entry for the key.\n"
            "\n"
            "A worker that crashes costs its point a second try, then the point has failed: "
            "FOLDER/HASH.failed says why. The same command tries failed points again.\n"
            "\n"
            "A point is saved every train.checkpoint seconds in FOLDER/HASH.checkpoint, from which "
            "it goes on after a stop or a crash, to the same bytes. Ctrl-C, SIGTERM and SIGUSR1 "
            "let the workers save their points, for which they have 30 seconds; a second Ctrl-C "
            "or SIGTERM ends the sweep at once.\n"
            "\n"
            "--slurm needs nothing on the cluster but a folder and this program under the same "
            "paths on all nodes. The number of the job is printed, the job script and what the "
            "tasks print are in FOLDER/slurm, and after failures of nodes the same command submits "
            "what is left. A task whose time ends saves its points and is requeued, so that a "
            "point may take longer than that; where the cluster does not requeue, --wait submits "
            "what is left.\n"
            "\n"
            "Exit code: 0 all points of the sweep or shard are complete, or the job was submitted; "
            "1 points failed, or were lost with tasks of Slurm; 2 bad input, nothing was run, or "
            "the folder takes no more files; 3 none failed, but some diverged; 130 interrupted.",
    };
    *options = (struct sweep_options){.results = "results", .threads = 1, .shards = 1};
    argp_parse(&argp, cut_sbatch(argc, argv, options), argv, 0, NULL, options);
}
