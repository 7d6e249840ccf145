#include "core/text.h"
#include "harness/command.h"
#include "harness/run/progress.h"
#include "harness/run/run.h"
#include "harness/sweep/slurm.h"
#include "harness/sweep/sweep_todo.h"
#include "harness/sweep/sweep_trial.h"
#include "store/store.h"

#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_ABOVE = 1000000, PATH = RUN_PATH + 64 };

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

static void print_plan(const struct sweep_options *options, const struct sweep_plan *plan,
                       const struct sweep_todo *todo, const struct layout *layout,
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

static int count_workers(const struct sweep_options *options, size_t points)
{
    const int wanted = options->workers > 0 ? options->workers : processors();
    return points < (size_t)wanted ? (points > 0 ? (int)points : 1) : wanted;
}

static enum status number_points(const struct sweep_options *options, struct sweep_plan *plan,
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
static int conclude(const struct sweep_options *options, const struct sweep_work *work,
                    const struct sweep_todo *todo, enum status status, const struct error *err)
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
        sweep_clean(path, &folder.left);
    sweep_folder_free(&folder);
}

/* ---- on a cluster ---- */

/* One worker per task unless asked otherwise: a single processor is free soonest. 64 tasks at most:
 * fewer than clusters let a user queue, and enough that a lost node loses little work. */
static struct layout lay_out(const struct sweep_options *options, const struct sweep_plan *plan,
                             const struct sweep_todo *todo)
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

static void print_submitted(const struct sweep_options *options, const struct sweep_work *work,
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

/* Wait for a job, and conclude as if the work had been done here. */
static int wait_for(const struct sweep_options *options, struct sweep_work *work, const char *job,
                    struct sweep_todo *todo)
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
        status = sweep_todo_count_diverged(work, todo, &err);
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

static int submit(const struct sweep_options *options, struct sweep_work *work,
                  const struct slurm_array *array, struct sweep_todo *todo)
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
static bool is_manifest(const struct sweep_options *options, const char *folder)
{
    char manifest[PATH];
    snprintf(manifest, sizeof manifest, "%s/sweep.yaml", folder);
    return options->spec && options->argument_count + options->zip_count == 0 &&
           strcmp(options->spec, manifest) == 0;
}

static enum status settle(const struct sweep_options *options, const struct sweep_plan *plan,
                          const char *folder, struct error *err)
{
    bool resized;
    const bool write = !options->job && !is_manifest(options, folder);
    const enum status status = sweep_plan_settle(plan, folder, write, &resized, err);
    if (!status && resized && write && !options->quiet)
        fputs("the folder's sweep had other values of the same keys; its files stay\n", stderr);
    return status;
}

static int start(const struct sweep_options *options, const struct sweep_plan *plan,
                 const char *folder, struct sweep_todo *todo, const struct layout *layout)
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

static int run_sweep(const struct sweep_options *options, const struct sweep_plan *plan,
                     const char *folder, struct sweep_todo *todo)
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

static int prepare(const struct sweep_options *options, struct sweep_plan *plan)
{
    char folder[RUN_PATH], probe[PATH];
    struct sweep_folder there = {0};
    struct sweep_todo todo = {0};
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
        status = sweep_todo_find(options, plan, folder, &there, &todo, &err);
    if (!status && !options->dry_run)
        sweep_clean(folder, &there.left);
    code = status ? command_fail(&err) : run_sweep(options, plan, folder, &todo);
    sweep_folder_free(&there);
    free(todo.point);
    return code;
}

int command_sweep(int argc, char **argv)
{
    struct sweep_options options;
    struct sweep_plan plan = {0};
    sweep_options_parse(&options, argc, argv);
    interrupt_catch();
    const int code = prepare(&options, &plan);
    sweep_plan_free(&plan);
    return code;
}
