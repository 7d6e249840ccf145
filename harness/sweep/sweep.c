#include "core/text.h"
#include "harness/command.h"
#include "harness/run/progress.h"
#include "harness/run/run.h"
#include "harness/sweep/slurm.h"
#include "harness/sweep/sweep_folder.h"
#include "harness/sweep/sweep_trial.h"
#include "harness/sweep/sweep_work.h"
#include "store/store.h"
#include "store/store_each.h"

#include <argp.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ASK_ABOVE = 1000000, PATH = RUN_PATH + 64 };

struct options {
    const char *spec;
    const char *arguments[RUN_MAX_OVERRIDES], *zips[RUN_MAX_OVERRIDES];
    size_t argument_count, zip_count;
    const char *results;
    int workers, threads; /* workers 0: as many as processors */
    size_t shard, shards; /* shard counts from 0 here */
    double limit;         /* seconds; 0: none */
    bool dry_run, quiet, yes;
    bool slurm, wait;
    const char *job;           /* to wait for; NULL: submit one */
    size_t tasks;              /* 0: not given */
    const char *const *sbatch; /* its options, [sbatch_count] */
    size_t sbatch_count;
};

/* ---- points to do ---- */

enum { NAMED = 20 }; /* damaged files */

struct todo {
    size_t *point;
    size_t count;
    size_t all;            /* points of this shard */
    size_t done, diverged; /* before */
    size_t damaged;        /* files of points, to be made again */
};

/* Files of points on their way through store_each. */
struct finished {
    const struct sweep_plan *plan;
    const char *folder;
    size_t *point; /* of each file */
    size_t count;
    bool *sound; /* [plan->count] */
    struct todo *todo;
    struct progress progress;
};

static void name_finished(void *context, size_t i, char *path, size_t size)
{
    const struct finished *finished = context;
    char hash[SWEEP_HASH];
    sweep_hash_text(finished->plan->point[finished->point[i]].hash, hash);
    snprintf(path, size, "%s/%s.h5", finished->folder, hash);
}

static enum status read_finished(void *context, size_t i, const struct store_file *file, FILE *out,
                                 struct error *err)
{
    char *word;
    (void)context, (void)i;
    enum status status = store_get_text(file, "status", &word, err);
    if (status)
        return status;
    fputs(word, out);
    free(word);
    return STATUS_OK;
}

/* Note whether the file of the point is undamaged; name it if not. */
static enum status take_finished(void *context, size_t i, const char *bytes, size_t size,
                                 const struct error *problem, struct error *err)
{
    struct finished *finished = context;
    struct todo *todo = finished->todo;
    (void)size;
    progress_update(&finished->progress, i + 1, finished->count, "checking the files");
    if (interrupted())
        return error_set(err, STATUS_INTERRUPTED, "interrupted; nothing was started");
    if (!problem) {
        finished->sound[finished->point[i]] = true;
        todo->diverged += strcmp(bytes, "diverged") == 0;
    } else if (++todo->damaged <= NAMED) {
        fputs("duet: ", stderr);
        print_plain(stderr, problem->message);
        fputs("; its point is run again\n", stderr);
    }
    return STATUS_OK;
}

static enum status check_files(const struct options *options, struct finished *finished,
                               struct error *err)
{
    const struct store_each each = {finished->count, finished, name_finished, read_finished,
                                    take_finished};
    progress_start(&finished->progress, options->quiet);
    const enum status status = finished->count > 0 ? store_each(&each, err) : STATUS_OK;
    progress_end(&finished->progress);
    if (!status && finished->todo->damaged > NAMED)
        fprintf(stderr, "duet: and %zu more damaged files\n", finished->todo->damaged - NAMED);
    return status;
}

static enum status find_todo(const struct options *options, const struct sweep_plan *plan,
                             const char *folder, const struct sweep_folder *there,
                             struct todo *todo, struct error *err)
{
    struct finished finished = {.plan = plan,
                                .folder = folder,
                                .point = calloc(plan->count + 1, sizeof *finished.point),
                                .sound = calloc(plan->count + 1, sizeof *finished.sound),
                                .todo = todo};
    *todo = (struct todo){.point = malloc((plan->count + 1) * sizeof *todo->point)};
    enum status status = STATUS_OK;
    if (!todo->point || !finished.point || !finished.sound)
        status = error_memory(err, "points");
    for (size_t i = options->shard; i < plan->count && !status; i += options->shards)
        if (sweep_hashes_have(&there->finished, plan->point[i].hash))
            finished.point[finished.count++] = i;
    if (!status)
        status = check_files(options, &finished, err);
    for (size_t i = options->shard; i < plan->count && !status; i += options->shards) {
        todo->all++;
        todo->done += finished.sound[i];
        if (!finished.sound[i])
            todo->point[todo->count++] = i;
    }
    free(finished.point);
    free(finished.sound);
    return status;
}

/* ---- words ---- */

static void print_duration(FILE *out, double seconds)
{
    if (seconds < 120)
        fprintf(out, "%.3g s", seconds);
    else if (seconds < 7200)
        fprintf(out, "%.3g min", seconds / 60);
    else
        fprintf(out, "%.4g h", seconds / 3600);
}

static void print_axes(const struct sweep_plan *plan)
{
    const struct grid *grid = &plan->grid;
    fputs("plan: ", stderr);
    for (size_t a = 0; a < grid->axes; a++) {
        fprintf(stderr, "%s%zu ", a ? " x " : "", grid->axis[a].count);
        for (size_t k = 0; k < grid->axis[a].columns; k++)
            fprintf(stderr, "%s%s", k ? "+" : "", grid->axis[a].column[k]);
    }
    fprintf(stderr, ": %zu points", plan->count);
    if (plan->count < grid->points)
        fprintf(stderr, " (%zu are equal to others)", grid->points - plan->count);
    fputc('\n', stderr);
}

/* Where the work is done: by workers of this process, or of each task of Slurm. */
struct layout {
    int workers;
    size_t shards, tasks; /* of Slurm; tasks is 1 without it */
    double memory;        /* bytes per task; 0: not known */
};

static void print_plan(const struct options *options, const struct sweep_plan *plan,
                       const struct todo *todo, const struct layout *layout,
                       const struct sweep_trial *trial)
{
    const double mib = 1048576;
    const int workers = layout->workers;
    print_axes(plan);
    if (options->shards > 1)
        fprintf(stderr, "shard %zu of %zu: %zu points\n", options->shard + 1, options->shards,
                todo->all);
    fprintf(stderr, "work: %zu done, %zu to do, ", todo->done, todo->count);
    if (options->slurm)
        fprintf(stderr, "%zu task%s of ", layout->tasks, layout->tasks == 1 ? "" : "s");
    fprintf(stderr, "%d worker%s of %d thread%s\n", workers, workers == 1 ? "" : "s",
            options->threads, options->threads == 1 ? "" : "s");
    if (trial->checked < trial->kinds)
        fprintf(stderr, "checked: %zu of %zu settings, for lack of time\n", trial->checked,
                trial->kinds);
    if (options->slurm && layout->memory > 0)
        fprintf(stderr, "memory: %.0f MiB asked for each task, %.1f of them the largest plan\n",
                ceil(layout->memory / mib), (double)trial->bytes / mib);
    else if (!options->slurm && trial->checked > 0)
        fprintf(stderr, "memory: %.1f MiB, at most %.1f per worker, beside program and libraries\n",
                workers * (double)trial->bytes / mib, (double)trial->bytes / mib);
    if (trial->tried > 0) {
        fputs("time: about ", stderr);
        print_duration(stderr, trial->seconds *
                                   ceil((double)todo->count / workers / (double)layout->tasks));
        fprintf(stderr, "%s, from a short trial of %zu point%s\n",
                options->slurm ? " once all tasks run" : "", trial->tried,
                trial->tried == 1 ? "" : "s");
    } else if (todo->count > 0) {
        fputs("time: unknown, a point takes more than some seconds\n", stderr);
    }
}

static bool tell_numbering(void *context, size_t done, size_t all)
{
    progress_update(context, done, all, "reading the points");
    return !interrupted();
}

static void print_failures(const struct sweep_work *work)
{
    for (size_t i = 0; i < work->failures; i++) {
        const struct sweep_failure *failure = &work->failure[i];
        char described[SWEEP_TEXT], line[3 * SWEEP_TEXT];
        char *command = sweep_plan_command(work->plan, failure->point, work->results);
        sweep_plan_describe(work->plan, failure->point, described);
        snprintf(line, sizeof line, "duet: point %zu: %s: failed: %s", failure->point + 1,
                 described, failure->reason ? failure->reason : "");
        print_plain(stderr, line);
        fputs("\n    ", stderr);
        print_plain(stderr, command ? command : "");
        fputc('\n', stderr);
        free(command);
    }
}

/* ---- the sweep ---- */

static int processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

static int count_workers(const struct options *options, size_t points)
{
    const int wanted = options->workers > 0 ? options->workers : processors();
    return points < (size_t)wanted ? (points > 0 ? (int)points : 1) : wanted;
}

static enum status number_points(const struct options *options, struct sweep_plan *plan,
                                 struct error *err)
{
    if (plan->grid.points > ASK_ABOVE && !options->yes)
        return error_set(err, STATUS_INVALID,
                         "the grid has %zu points; give --yes if more than %d are meant",
                         plan->grid.points, (int)ASK_ABOVE);
    struct progress progress;
    progress_start(&progress, options->quiet);
    enum status status = sweep_plan_number(plan, tell_numbering, &progress, err);
    progress_end(&progress);
    return status;
}

static void print_end(size_t done, size_t all, size_t diverged, size_t failed)
{
    fprintf(stderr, "%s: %zu of %zu points are done", done < all ? "incomplete" : "complete", done,
            all);
    if (diverged > 0)
        fprintf(stderr, ", %zu of them diverged", diverged);
    if (failed > 0)
        fprintf(stderr, "; %zu failed", failed);
    fputc('\n', stderr);
}

/* End the sweep: print its results in words and return the exit code. */
static int conclude(const struct options *options, const struct sweep_work *work,
                    const struct todo *todo, enum status status, const struct error *err)
{
    const size_t done = todo->done + work->done + work->elsewhere;
    const size_t diverged = todo->diverged + work->diverged;
    print_failures(work);
    if (status == STATUS_INTERRUPTED) {
        fprintf(stderr, "duet: interrupted; %zu of %zu points are done, the same command goes on\n",
                done, todo->all);
        return error_exit_code(status);
    }
    if (status) {
        struct error stopped;
        error_set(&stopped, status, "%.800s; %zu of %zu points are done, the same command goes on",
                  err->message, done, todo->all);
        return command_fail(&stopped);
    }
    if (!options->quiet)
        print_end(done, todo->all, diverged, work->failures);
    if (done < todo->all)
        return error_exit_code(STATUS_FAILED);
    return diverged > 0 ? error_exit_code(STATUS_DIVERGED) : print_finish(0);
}

/* Remove what others left meanwhile; a folder that cannot be read is no failure any more. */
static void clean_again(const char *path)
{
    struct sweep_folder folder;
    struct error unwanted;
    if (sweep_folder_read(&folder, path, &unwanted) == STATUS_OK)
        sweep_clean(path, folder.left.name, folder.left.count);
    sweep_folder_free(&folder);
}

/* ---- on a cluster ---- */

/* One worker per task unless asked otherwise: a single processor is free soonest. 64 tasks at most:
 * fewer than clusters let a user queue, and enough that a lost node loses little work. */
static struct layout lay_out(const struct options *options, const struct sweep_plan *plan,
                             const struct todo *todo)
{
    enum { MOST_TASKS = 64 };
    struct layout layout = {.tasks = 1, .shards = 1};
    if (!options->slurm) {
        layout.workers = count_workers(options, todo->count);
        return layout;
    }
    const size_t points = plan->count, wanted = options->workers > 0 ? (size_t)options->workers : 1;
    layout.shards = options->tasks > 0 ? options->tasks : (points + wanted - 1) / wanted;
    if (options->tasks == 0 && layout.shards > MOST_TASKS)
        layout.shards = MOST_TASKS;
    if (layout.shards > points)
        layout.shards = points;
    const size_t largest = (points + layout.shards - 1) / layout.shards;
    layout.workers = (int)(wanted < largest ? wanted : largest);
    layout.tasks = slurm_tasks(layout.shards, todo->point, todo->count);
    return layout;
}

/* Memory that a task may need: the plans of its workers, and for each process an allowance for
 * program and libraries, which take 15 to 30 MiB. */
static double task_memory(const struct sweep_plan *plan, const struct layout *layout,
                          const struct sweep_trial *trial)
{
    const double allowance = 64 << 20, processes = 1 + layout->workers;
    if (trial->checked == 0 || trial->checked < trial->kinds)
        return 0;
    return processes * allowance + layout->workers * (double)trial->bytes +
           (double)(plan->grid.points * sizeof *plan->point);
}

static void print_submitted(const struct options *options, const struct sweep_work *work,
                            const char *job, size_t tasks)
{
    char cancel[SLURM_CANCEL];
    slurm_cancel_command(job, cancel);
    printf("%s\n", job);
    if (options->quiet)
        return;
    fflush(stdout);
    fprintf(stderr, "submitted: job %s of %zu task%s; they print to %s/slurm\n", job, tasks,
            tasks == 1 ? "" : "s", work->folder);
    if (!options->wait)
        fprintf(stderr, "`%s` ends it, the same command with --wait=%s waits for it\n", cancel,
                job);
}

static enum status take_diverged(void *context, size_t i, const char *bytes, size_t size,
                                 const struct error *problem, struct error *err)
{
    struct finished *finished = context;
    (void)i, (void)size, (void)err;
    finished->todo->diverged += !problem && strcmp(bytes, "diverged") == 0;
    return STATUS_OK;
}

/* Count the diverged points among the finished ones of `work`, by their files. */
static enum status count_diverged(struct sweep_work *work, const struct todo *todo,
                                  struct error *err)
{
    struct todo seen = {0};
    struct finished finished = {.plan = work->plan,
                                .folder = work->folder,
                                .point = todo->point,
                                .count = todo->count,
                                .todo = &seen};
    const struct store_each each = {finished.count, &finished, name_finished, read_finished,
                                    take_diverged};
    const enum status status = finished.count > 0 ? store_each(&each, err) : STATUS_OK;
    work->diverged += seen.diverged;
    return status;
}

/* Wait for a job, and conclude as if the work had been done here. */
static int wait_for(const struct options *options, struct sweep_work *work, const char *job,
                    struct todo *todo)
{
    struct error err = {0};
    char cancel[SLURM_CANCEL];
    enum status status = slurm_wait(work, job, &err);
    if (status == STATUS_INTERRUPTED) {
        slurm_cancel_command(job, cancel);
        print_failures(work);
        fprintf(stderr,
                "duet: interrupted; %zu of %zu points are done, job %s goes on; `%s` ends it, "
                "--wait=%s waits for it again\n",
                todo->done + work->done, todo->all, job, cancel, job);
        return error_exit_code(status);
    }
    if (!status)
        status = count_diverged(work, todo, &err);
    if (!status)
        clean_again(work->folder);
    const size_t lost = todo->count - work->done - work->failures;
    if (!status && lost > 0)
        fprintf(
            stderr,
            "duet: job %s has ended with %zu point%s neither done nor failed; %s/slurm has what "
            "its tasks printed, the same command submits the rest\n",
            job, lost, lost == 1 ? "" : "s", work->folder);
    return conclude(options, work, todo, status, &err);
}

static int submit(const struct options *options, struct sweep_work *work,
                  const struct slurm_array *array, struct todo *todo)
{
    char job[SLURM_JOB];
    struct error err = {0};
    enum status status = STATUS_OK;
    if (todo->count == 0)
        return conclude(options, work, todo, STATUS_OK, &err);
    if (options->job)
        return wait_for(options, work, options->job, todo);
    status = slurm_submit(array, job, &err);
    if (status)
        return command_fail(&err);
    print_submitted(options, work, job, slurm_tasks(array->shards, todo->point, todo->count));
    return options->wait ? wait_for(options, work, job, todo) : print_finish(0);
}

static int print_script(const struct slurm_array *array)
{
    char *text;
    struct error err = {0};
    if (array->work->count == 0)
        return print_finish(0);
    if (slurm_script(array, &text, &err))
        return command_fail(&err);
    fputs("submit: sbatch", stderr);
    for (size_t i = 0; i < array->option_count; i++)
        sweep_put_quoted(stderr, array->options[i]);
    fputs(" job.sh\n", stderr);
    fputs(text, stdout);
    free(text);
    return print_finish(0);
}

/* ---- from the plan on ---- */

/* A sweep that was read from the folder's own manifest does not write it: if the manifest has
 * changed since, the newer one stays. */
static bool is_manifest(const struct options *options, const char *folder)
{
    char manifest[PATH];
    snprintf(manifest, sizeof manifest, "%s/sweep.yaml", folder);
    return options->spec && options->argument_count + options->zip_count == 0 &&
           strcmp(options->spec, manifest) == 0;
}

static enum status settle(const struct options *options, const struct sweep_plan *plan,
                          const char *folder, struct error *err)
{
    bool resized;
    const bool write = !options->job && !is_manifest(options, folder);
    const enum status status = sweep_plan_settle(plan, folder, write, &resized, err);
    if (!status && resized && write && !options->quiet)
        fputs("the folder's sweep had other values of the same keys; its files stay\n", stderr);
    return status;
}

static int start(const struct options *options, const struct sweep_plan *plan, const char *folder,
                 struct todo *todo, const struct layout *layout)
{
    struct error err = {0};
    struct sweep_work work = {.plan = plan,
                              .folder = folder,
                              .results = options->results,
                              .todo = todo->point,
                              .count = todo->count,
                              .workers = layout->workers,
                              .threads = options->threads,
                              .limit = options->limit,
                              .quiet = options->quiet};
    const struct slurm_array array = {.work = &work,
                                      .shards = layout->shards,
                                      .memory = layout->memory,
                                      .large = options->yes,
                                      .options = options->sbatch,
                                      .option_count = options->sbatch_count};
    if (options->dry_run)
        return options->slurm ? print_script(&array) : print_finish(0);
    enum status status = settle(options, plan, folder, &err);
    if (status)
        return command_fail(&err);
    int code;
    if (options->slurm) {
        code = submit(options, &work, &array, todo);
    } else {
        status = sweep_work(&work, &err);
        if (!status)
            clean_again(folder);
        code = conclude(options, &work, todo, status, &err);
    }
    sweep_work_free(&work);
    return code;
}

static int run_sweep(const struct options *options, const struct sweep_plan *plan,
                     const char *folder, struct todo *todo)
{
    struct error err = {0};
    struct sweep_trial trial = {0};
    struct layout layout = lay_out(options, plan, todo);
    enum status status = STATUS_OK;
    if (!options->job)
        status = sweep_try(plan, todo->point, todo->count, options->threads, !options->quiet,
                           &trial, &err);
    if (status)
        return command_fail(&err);
    layout.memory = task_memory(plan, &layout, &trial);
    if (!options->job && (!options->quiet || options->dry_run)) {
        print_plan(options, plan, todo, &layout, &trial);
        fprintf(stderr, "folder: %s\n", folder);
    }
    return start(options, plan, folder, todo, &layout);
}

static int prepare(const struct options *options, struct sweep_plan *plan)
{
    char folder[RUN_PATH], probe[PATH];
    struct sweep_folder there = {0};
    struct todo todo = {0};
    struct error err = {0};
    bool resized;
    int code;
    enum status status =
        sweep_plan_open(plan, options->spec, options->arguments, options->argument_count,
                        options->zips, options->zip_count, &err);
    if (!status)
        status = number_points(options, plan, &err);
    if (status)
        return command_fail(&err);
    snprintf(folder, sizeof folder, "%s/%s", options->results, plan->base.name);
    snprintf(probe, sizeof probe, "%s/sweep.yaml", folder);
    status = sweep_plan_settle(plan, folder, false, &resized, &err);
    if (!status && options->slurm)
        status = slurm_check(folder, !options->dry_run, &err);
    if (!status && !options->dry_run)
        status = store_check_writable(probe, &err);
    if (!status)
        status = sweep_folder_read(&there, folder, &err);
    if (!status)
        status = find_todo(options, plan, folder, &there, &todo, &err);
    if (!status && !options->dry_run)
        sweep_clean(folder, there.left.name, there.left.count);
    code = status ? command_fail(&err) : run_sweep(options, plan, folder, &todo);
    sweep_folder_free(&there);
    free(todo.point);
    return code;
}

/* ---- the command ---- */

enum {
    OPTION_RESULTS = 256,
    OPTION_SHARD,
    OPTION_YES,
    OPTION_ZIP,
    OPTION_LIMIT,
    OPTION_SLURM,
    OPTION_TASKS,
    OPTION_WAIT,
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

static void parse_shard(const char *text, struct options *options, struct argp_state *state)
{
    char end;
    long shard, shards;
    if (sscanf(text, "%ld/%ld%c", &shard, &shards, &end) != 2 || shard < 1 || shard > shards ||
        shards > GRID_MAX_POINTS)
        argp_error(state, "--shard is '%s'; give I/N with I from 1 to N, such as 1/4", text);
    options->shard = (size_t)shard - 1;
    options->shards = (size_t)shards;
}

static void parse_limit(const char *text, struct options *options, struct argp_state *state)
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

static void parse_tasks(const char *text, struct options *options, struct argp_state *state)
{
    char *end;
    const long tasks = strtol(text, &end, 10);
    if (*end || end == text || tasks < 1 || tasks > GRID_MAX_POINTS)
        argp_error(state, "--tasks is '%s'; give a number from 1", text);
    options->tasks = (size_t)tasks;
}

/* Check options that need, or exclude, one another. */
static void check_slurm(const struct options *options, struct argp_state *state)
{
    if (options->slurm && options->shards > 1)
        argp_error(state, "--shard and --slurm: the tasks of Slurm are the shards; give --tasks N");
    if (options->slurm && options->job && options->dry_run)
        argp_error(state, "--wait=JOB submits nothing; leave --dry-run out");
    if (options->slurm)
        return;
    if (options->wait)
        argp_error(state, "--wait is for a job of Slurm; give --slurm");
    if (options->tasks > 0)
        argp_error(state, "--tasks is for a job of Slurm; give --slurm");
    if (options->sbatch)
        argp_error(state, "what follows -- are options for sbatch; give --slurm");
}

/* Cut off the options for sbatch.  Returns the number of arguments left. */
static int cut_sbatch(int argc, char **argv, struct options *options)
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
    struct options *options = state->input;
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

int command_sweep(int argc, char **argv)
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
            "--slurm needs nothing on the cluster but a folder and this program under the same "
            "paths on all nodes. The number of the job is printed, the job script and what the "
            "tasks print are in FOLDER/slurm, and after failures of nodes the same command submits "
            "what is left.\n"
            "\n"
            "Exit code: 0 all points of the sweep or shard are complete, or the job was submitted; "
            "1 points failed, or were lost with tasks of Slurm; 2 bad input, nothing was run, or "
            "the folder takes no more files; 3 none failed, but some diverged; 130 interrupted.",
    };
    struct options options = {.results = "results", .threads = 1, .shards = 1};
    struct sweep_plan plan = {0};
    argp_parse(&argp, cut_sbatch(argc, argv, &options), argv, 0, NULL, &options);
    interrupt_catch();
    const int code = prepare(&options, &plan);
    sweep_plan_free(&plan);
    return code;
}
