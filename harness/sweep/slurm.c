#include "harness/sweep/slurm.h"

#include "core/text.h"
#include "harness/run/progress.h"
#include "harness/run/run.h"
#include "harness/sweep/slurm_call.h"
#include "store/store.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH = RUN_PATH + 64 };

/* ---- the script ---- */

/* Which shards have points to do, [work->shards]; NULL if memory is short. */
static bool *find_shards(const struct sweep_work *work)
{
    bool *wanted = calloc(work->shards, sizeof *wanted);
    for (size_t i = 0; i < work->count && wanted; i++)
        wanted[work->todo[i] % work->shards] = true;
    return wanted;
}

size_t slurm_tasks(const struct sweep_work *work)
{
    size_t tasks = 0;
    bool *wanted = find_shards(work);
    for (size_t i = 0; i < work->shards && wanted; i++)
        tasks += wanted[i];
    free(wanted);
    return tasks;
}

/* "1-3,7": the wanted shards, counted from 1. */
static void put_ranges(FILE *out, const bool *wanted, size_t shards)
{
    const char *comma = "";
    for (size_t i = 0; i < shards; i++) {
        const size_t first = i;
        if (!wanted[i])
            continue;
        while (i + 1 < shards && wanted[i + 1])
            i++;
        fprintf(out, "%s%zu", comma, first + 1);
        if (i > first)
            fprintf(out, "-%zu", i + 1);
        comma = ",";
    }
}

/* The path of the logs in a line of options, where a percent sign starts a pattern. */
static void put_log_path(FILE *out, const char *folder)
{
    fputs("#SBATCH --output=\"", out);
    for (const char *c = folder; *c; c++)
        fprintf(out, "%s%c", *c == '"' ? "\\" : *c == '%' ? "%" : "", *c);
    fputs("/slurm/%A_%a.log\"\n", out);
}

/* `path` as an absolute path. */
static enum status make_absolute(const char *path, char absolute[PATH], struct error *err)
{
    char here[RUN_PATH];
    if (path[0] == '/')
        snprintf(absolute, PATH, "%s", path);
    else if (!getcwd(here, sizeof here))
        return error_set(err, STATUS_SYSTEM, "the current folder has no name: %s", strerror(errno));
    else if (snprintf(absolute, PATH, "%s/%s", strcmp(here, "/") ? here : "", path) >= PATH)
        return error_set(err, STATUS_INVALID, "%s/%s is too long for a path", here, path);
    return STATUS_OK;
}

enum status slurm_check(const char *folder, bool commands, struct error *err)
{
    char absolute[PATH];
    const char *const names[] = {"sbatch", "squeue"};
    enum status status = make_absolute(folder, absolute, err);
    if (!status && strpbrk(absolute, "\\\n")) /* no pattern of --output can hold them */
        status =
            error_set(err, STATUS_INVALID,
                      "%s: Slurm takes no backslash and no line break in the name of a folder; "
                      "give another --results DIR",
                      absolute);
    for (int i = 0; commands && i < 2 && !status; i++) {
        struct slurm_output output;
        status = slurm_call((const char *[]){names[i], "--version", NULL}, &output, err);
        if (!status && !slurm_went_well(&output))
            status = error_set(err, STATUS_SYSTEM, "%s --version does not work: %s", names[i],
                               output.said);
        free(output.text);
    }
    return status;
}

static enum status put_options(FILE *out, const struct sweep_work *work, const char *folder,
                               struct error *err)
{
    const double mib = 1048576;
    bool *wanted = find_shards(work);
    if (!wanted)
        return error_memory(err, "a job array");
    fprintf(out, "#SBATCH --job-name=%s\n#SBATCH --array=", work->plan->base.name);
    put_ranges(out, wanted, work->shards);
    fprintf(out, "\n#SBATCH --nodes=1 --ntasks=1 --cpus-per-task=%d\n",
            work->workers * work->options->threads);
    if (work->memory > 0)
        fprintf(out, "#SBATCH --mem=%.0fM\n", ceil(work->memory / mib));
    fputs("#SBATCH --requeue --open-mode=append\n", out);
    free(wanted);
    put_log_path(out, folder);
    return STATUS_OK;
}

static void put_command(FILE *out, const struct sweep_work *work, const char *program,
                        const char *results, const char *folder)
{
    char manifest[PATH + 16], limit[STORE_NUMBER_SIZE];
    snprintf(manifest, sizeof manifest, "%s/sweep.yaml", folder);
    fprintf(out, "export OMP_NUM_THREADS=%d\nexec", work->options->threads);
    sweep_put_quoted(out, program);
    fprintf(out, " sweep --shard \"$SLURM_ARRAY_TASK_ID/%zu\" -j %d -t %d", work->shards,
            work->workers, work->options->threads);
    store_format_number(work->options->limit, limit);
    if (work->options->limit > 0)
        fprintf(out, " --limit %s", limit);
    fputs(work->options->quiet ? " --quiet" : "", out);
    fputs(work->options->yes ? " --yes" : "", out);
    fputs(" --results", out);
    sweep_put_quoted(out, results);
    sweep_put_quoted(out, manifest);
    fputc('\n', out);
}

enum status slurm_script(const struct sweep_work *work, char **text, struct error *err)
{
    char program[RUN_PATH], results[PATH], folder[PATH];
    size_t size;
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    *text = NULL;
    if (length <= 0)
        return error_set(err, STATUS_SYSTEM, "the path of this program is not known: %s",
                         strerror(errno));
    enum status status = make_absolute(work->options->results, results, err);
    if (!status)
        status = make_absolute(work->folder, folder, err);
    FILE *out = status ? NULL : open_memstream(text, &size);
    if (!status && !out)
        return error_memory(err, "a job array");
    if (!status) {
        fputs("#!/bin/sh\n# Written by duet sweep --slurm.\n", out);
        status = put_options(out, work, folder, err);
        put_command(out, work, program, results, folder);
        if (fclose(out) != 0 && !status)
            status = error_memory(err, "a job array");
    }
    if (status) {
        free(*text);
        *text = NULL;
    }
    return status;
}

/* ---- submitting ---- */

/* Read the job that a line of `text` names, as sbatch --parsable prints it. */
static bool read_job(char *text, char job[SLURM_JOB])
{
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (slurm_is_job(line)) {
            snprintf(job, SLURM_JOB, "%s", line);
            return true;
        }
    return false;
}

static enum status call_sbatch(const struct sweep_work *work, const char *script,
                               char job[SLURM_JOB], struct error *err)
{
    struct slurm_output output;
    const char **argument = calloc(work->options->sbatch_count + 4, sizeof *argument);
    size_t count = 0;
    if (!argument)
        return error_memory(err, "a job array");
    argument[count++] = "sbatch";
    argument[count++] = "--parsable";
    for (size_t i = 0; i < work->options->sbatch_count; i++)
        argument[count++] = work->options->sbatch[i];
    argument[count] = script;
    enum status status = slurm_call(argument, &output, err);
    free(argument);
    if (!status && interrupted())
        status = error_set(err, STATUS_INTERRUPTED,
                           "interrupted while sbatch ran; squeue shows whether there is a job");
    else if (!status && !slurm_went_well(&output))
        status = error_set(err, STATUS_INVALID, "sbatch refused the job: %s",
                           output.said[0] ? output.said : "it said nothing");
    else if (!status && !read_job(output.text, job))
        status = error_set(err, STATUS_SYSTEM, "sbatch named no job; it said: %s",
                           output.said[0] ? output.said : "nothing");
    else if (!status && output.said[0]) {
        print_plain(stderr, output.said);
        fputc('\n', stderr);
    }
    free(output.text);
    return status;
}

enum status slurm_submit(const struct sweep_work *work, char job[SLURM_JOB], struct error *err)
{
    char path[PATH], *text;
    slurm_script_path(work->folder, path, sizeof path);
    enum status status = slurm_script(work, &text, err);
    if (!status) /* also makes the folder of the logs, which Slurm would not make */
        status = store_write_text(path, text, strlen(text), err);
    free(text);
    return status ? status : call_sbatch(work, path, job, err);
}
