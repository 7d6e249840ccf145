#include "core/processors.h"
#include "core/text.h"
#include "harness/command.h"
#include "harness/run/progress.h"
#include "harness/run/run.h"
#include "harness/sweep/slurm.h"
#include "harness/sweep/sweep_find.h"
#include "harness/sweep/sweep_folder.h"
#include "harness/sweep/sweep_trial.h"
#include "store/store.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_ABOVE = 1000000, PATH = RUN_PATH + 64, FAILURE_LINE = 1600 };

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

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

static void print_axes(const struct sweep_plan *plan)
{
    const struct grid *grid = &plan->grid;
    fputs("plan: ", stderr);
    for (size_t a = 0; a < grid->axes; a++) {
        fprintf(stderr, "%s%zu ", a ? " x " : "", grid->axis[a].count);
        for (size_t k = 0; k < grid->axis[a].columns; k++)
            fprintf(stderr, "%s%s", k ? "+" : "", grid->axis[a].column[k].key);
    }
    fprintf(stderr, ": %zu points", plan->count);
    if (plan->count < grid->points)
        fprintf(stderr, " (%zu are equal to others)", grid->points - plan->count);
    fputc('\n', stderr);
}

static void print_plan(const struct sweep_work *work, const struct sweep_trial *trial)
{
    const double mib = 1048576, plan = (double)trial->bytes / mib;
    const struct sweep_options *options = work->options;
    const int workers = work->workers;
    print_axes(work->plan);
    if (options->shards > 1)
        fprintf(stderr, "shard %zu of %zu: %zu points\n", options->shard + 1, options->shards,
                work->all);
    const size_t saved = sweep_checkpoints(work);
    fprintf(stderr, "work: %zu done, %zu to do, ", work->before, work->count);
    if (saved > 0)
        fprintf(stderr, "%zu of them from checkpoint%s, ", saved, plural(saved));
    if (options->slurm)
        fprintf(stderr, "%zu task%s of ", work->tasks, plural(work->tasks));
    fprintf(stderr, "%d worker%s of %d thread%s\n", workers, plural((size_t)workers),
            options->threads, plural((size_t)options->threads));
    if (trial->checked < trial->kinds)
        fprintf(stderr, "checked: %zu of %zu settings, for lack of time\n", trial->checked,
                trial->kinds);
    fputs(trial->remarks.text, stderr);
    if (options->slurm && work->memory > 0)
        fprintf(stderr, "memory: %.0f MiB asked for each task, %.1f of them the largest plan\n",
                ceil(work->memory / mib), plan);
    else if (!options->slurm && trial->checked > 0)
        fprintf(stderr, "memory: %.1f MiB, at most %.1f per worker, beside program and libraries\n",
                workers * plan, plan);
    if (trial->tried > 0) {
        fputs("time: about ", stderr);
        print_duration(stderr,
                       trial->seconds * ceil((double)work->count / workers / (double)work->tasks));
        fprintf(stderr, "%s, from a short trial of %zu point%s\n",
                options->slurm ? " once all tasks run" : "", trial->tried, plural(trial->tried));
    } else if (work->count > 0 && !options->requeue) { /* a task makes no trial */
        fputs("time: unknown, a point takes more than some seconds\n", stderr);
    }
    fprintf(stderr, "folder: %s\n", work->folder);
}

static void print_failures(const struct sweep_work *work)
{
    for (size_t i = 0; i < work->failures; i++) {
        const struct sweep_failure *failure = &work->failure[i];
        char described[SWEEP_TEXT], line[SWEEP_TEXT + FAILURE_LINE];
        char *command =
            sweep_plan_command(work->plan, failure->point, work->options->results, failure->again);
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

static int count_workers(const struct sweep_options *options, size_t points)
{
    const int wanted = options->workers > 0 ? options->workers : processors_here();
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
    enum status status = sweep_plan_number(plan, &progress, err);
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
static int conclude(const struct sweep_work *work, enum status status, const struct error *err)
{
    const size_t done = work->before + work->done + work->elsewhere;
    const size_t diverged = work->diverged_before + work->diverged;
    print_failures(work);
    if (status == STATUS_INTERRUPTED) {
        const size_t saved = sweep_checkpoints(work);
        fprintf(stderr, "duet: interrupted; %zu of %zu points are done, ", done, work->all);
        if (saved > 0)
            fprintf(stderr, "%zu %s saved in checkpoints, ", saved, saved == 1 ? "is" : "are");
        fputs("the same command goes on\n", stderr);
        return error_exit_code(status);
    }
    if (status) {
        struct error stopped;
        error_set(&stopped, status, "%.800s; %zu of %zu points are done, the same command goes on",
                  err->message, done, work->all);
        return command_fail(&stopped);
    }
    if (!work->options->quiet)
        print_end(done, work->all, diverged, work->failures);
    if (done < work->all)
        return error_exit_code(STATUS_FAILED);
    return diverged > 0 ? error_exit_code(STATUS_DIVERGED) : print_finish(0);
}

/* ---- on a cluster ---- */

/* One worker per task unless asked otherwise: a single processor is free soonest. 64 tasks at most:
 * fewer than clusters let a user queue, and enough that a lost node loses little work. */
static void lay_out(struct sweep_work *work)
{
    enum { MOST_TASKS = 64 };
    const struct sweep_options *options = work->options;
    work->tasks = work->shards = 1;
    if (!options->slurm) {
        work->workers = count_workers(options, work->count);
        return;
    }
    const size_t points = work->plan->count;
    const size_t wanted = options->workers > 0 ? (size_t)options->workers : 1;
    work->shards = options->tasks > 0 ? options->tasks : (points + wanted - 1) / wanted;
    if (options->tasks == 0 && work->shards > MOST_TASKS)
        work->shards = MOST_TASKS;
    if (work->shards > points)
        work->shards = points;
    const size_t largest = (points + work->shards - 1) / work->shards;
    work->workers = (int)(wanted < largest ? wanted : largest);
    work->tasks = slurm_tasks(work);
}

/* Memory that a task may need: the plans of its workers, and for each process an allowance for
 * program and libraries, which take 15 to 30 MiB. */
static double task_memory(const struct sweep_work *work, const struct sweep_trial *trial)
{
    const double allowance = 64 << 20, processes = 1 + work->workers;
    if (trial->checked == 0 || trial->checked < trial->kinds)
        return 0;
    return processes * allowance + work->workers * (double)trial->bytes +
           (double)(work->plan->grid.points * sizeof *work->plan->point);
}

static void print_submitted(const struct sweep_work *work, const char *job)
{
    char cancel[SLURM_CANCEL];
    slurm_cancel_command(job, cancel);
    printf("%s\n", job);
    if (work->options->quiet)
        return;
    fflush(stdout);
    fprintf(stderr, "submitted: job %s of %zu task%s; they print to %s/slurm\n", job, work->tasks,
            plural(work->tasks), work->folder);
    if (!work->options->wait)
        fprintf(stderr, "`%s` ends it, the same command with --wait=%s waits for it\n", cancel,
                job);
}

/* Wait for a job.  STATUS_INTERRUPTED: the user stopped the waiting, and was told. */
static enum status wait_for(struct sweep_work *work, const char *job, struct error *err)
{
    char cancel[SLURM_CANCEL];
    enum status status = slurm_wait(work, job, err);
    if (status != STATUS_INTERRUPTED)
        return status;
    slurm_cancel_command(job, cancel);
    print_failures(work);
    fprintf(stderr,
            "duet: interrupted; %zu of %zu points are done, job %s goes on; `%s` ends it, "
            "--wait=%s waits for it again\n",
            work->before + work->done, work->all, job, cancel, job);
    return status;
}

static void print_lost(const struct sweep_work *work, const char *job, size_t lost)
{
    const size_t saved = sweep_checkpoints(work);
    fprintf(stderr, "duet: job %s has ended with %zu point%s neither done nor failed", job, lost,
            plural(lost));
    if (saved > 0)
        fprintf(stderr, ", %zu saved in checkpoints", saved);
    fprintf(stderr, "; %s/slurm has what its tasks printed, the same command submits the rest\n",
            work->folder);
}

/* Conclude as if the work had been done here. */
static int conclude_job(struct sweep_work *work, const char *job)
{
    struct error err = {0};
    const enum status status = sweep_work_count_diverged(work, &err);
    if (!status)
        sweep_clean(work->folder);
    const size_t settled = work->done + work->failures;
    const size_t lost = work->all - work->before > settled ? work->all - work->before - settled : 0;
    if (!status && lost > 0)
        print_lost(work, job, lost);
    return conclude(work, status, &err);
}

/* Submit the sweep, and what is left of it as long as tasks run out of time and Slurm does not
 * requeue them. */
static int submit(struct sweep_work *work)
{
    char job[SLURM_JOB];
    struct error err = {0};
    bool more = true;
    enum status status = STATUS_OK;
    if (work->count == 0)
        return conclude(work, STATUS_OK, &err);
    if (work->options->job) {
        status = wait_for(work, work->options->job, &err);
        return status ? error_exit_code(status) : conclude_job(work, work->options->job);
    }
    while (more && !status) {
        if (slurm_submit(work, job, &err))
            return command_fail(&err);
        print_submitted(work, job);
        if (!work->options->wait)
            return print_finish(0);
        status = wait_for(work, job, &err);
        more = !status && slurm_wants_more(work);
        if (more)
            status = slurm_keep_rest(work, &err);
        more &= work->count > 0;
    }
    if (status == STATUS_INTERRUPTED)
        return error_exit_code(status);
    return status ? conclude(work, status, &err) : conclude_job(work, job);
}

/* Time is up for this task of Slurm. */
static void requeue(const struct sweep_work *work)
{
    struct error err = {0};
    if (slurm_requeue(work, &err)) {
        print_plain(stderr, "duet: Slurm does not requeue this task: ");
        print_plain(stderr, err.message);
        fputs("; `duet sweep --slurm --wait` submits it again, and so does the same command\n",
              stderr);
    } else
        fputs("this task is requeued, and goes on from there\n", stderr);
}

static int print_script(const struct sweep_work *work)
{
    char *text;
    struct error err = {0};
    if (work->count == 0)
        return print_finish(0);
    if (slurm_script(work, &text, &err))
        return command_fail(&err);
    fputs("submit: sbatch", stderr);
    for (size_t i = 0; i < work->options->sbatch_count; i++)
        sweep_put_quoted(stderr, work->options->sbatch[i]);
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

static enum status settle(const struct sweep_work *work, struct error *err)
{
    char change[SWEEP_CHANGE];
    const struct sweep_options *options = work->options;
    const bool write = !options->job && !is_manifest(options, work->folder) && !work->sealed;
    const enum status status = sweep_plan_settle(work->plan, work->folder, write, change, err);
    if (status || !change[0] || options->quiet)
        return status;
    fputs(write ? "sweep.yaml of the folder described another grid: "
                : "sweep.yaml of the folder describes another grid: ",
          stderr);
    print_plain(stderr, change);
    fputs("; its files stay\n", stderr);
    return STATUS_OK;
}

static int run_sweep(struct sweep_work *work)
{
    const struct sweep_options *options = work->options;
    struct error err = {0};
    struct sweep_trial trial = {0};
    enum status status = STATUS_OK;
    lay_out(work);
    if (!options->job)
        status = sweep_try(work->plan, work->todo, work->count, options->threads,
                           !options->quiet && !options->requeue, &trial, &err);
    if (status)
        return command_fail(&err);
    work->memory = task_memory(work, &trial);
    if (!options->job && (!options->quiet || options->dry_run))
        print_plan(work, &trial);
    if (options->dry_run)
        return options->slurm ? print_script(work) : print_finish(0);
    if (settle(work, &err))
        return command_fail(&err);
    if (options->slurm)
        return submit(work);
    status = sweep_work(work, &err);
    if (!status)
        sweep_clean(work->folder);
    const int code = conclude(work, status, &err);
    if (options->requeue && interrupt_signal() == SIGUSR1 && work->saved + work->done > 0)
        requeue(work);
    return code;
}

/* Whether the folder takes files; where no point is left it need not. */
static enum status check_folder(struct sweep_work *work, struct error *err)
{
    char probe[PATH];
    snprintf(probe, sizeof probe, "%s/sweep.yaml", work->folder);
    const enum status status = store_check_writable(probe, err);
    work->sealed = status && work->count == 0;
    return work->sealed ? STATUS_OK : status;
}

/* Read the points and find the work, before any point is run. */
static enum status prepare(struct sweep_work *work, struct sweep_plan *plan, struct error *err)
{
    const struct sweep_options *options = work->options;
    char change[SWEEP_CHANGE];
    enum status status =
        sweep_plan_open(plan, options->spec, options->arguments, options->argument_count,
                        options->zips, options->zip_count, err);
    if (!status)
        status = number_points(options, plan, err);
    if (status)
        return status;
    snprintf(work->folder, sizeof work->folder, "%s/%s", options->results, plan->base.name);
    status = sweep_plan_settle(plan, work->folder, false, change, err);
    if (!status && options->slurm)
        status = slurm_check(work->folder, !options->dry_run, err);
    if (!status)
        status = sweep_work_find(work, err);
    if (!status && !options->dry_run)
        status = check_folder(work, err);
    if (!status && !options->dry_run)
        sweep_clean(work->folder);
    return status;
}

int command_sweep(int argc, char **argv)
{
    struct sweep_options options;
    struct sweep_plan plan = {0};
    struct sweep_work work = {.options = &options, .plan = &plan};
    struct error err = {0};
    sweep_options_parse(&options, argc, argv);
    interrupt_catch();
    const int code = prepare(&work, &plan, &err) ? command_fail(&err) : run_sweep(&work);
    sweep_work_free(&work);
    sweep_plan_free(&plan);
    return code;
}
