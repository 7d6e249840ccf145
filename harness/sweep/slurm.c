#include "harness/sweep/slurm.h"

#include "core/text.h"
#include "harness/run/progress.h"
#include "harness/run/run.h"
#include "store/output.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATH = RUN_PATH + 64 };

/* ---- calls of its commands ---- */

static enum status no_command(struct error *err, const char *name, int why)
{
    return error_set(
        err, STATUS_SYSTEM,
        "%s: %s; --slurm needs the commands of Slurm on the PATH, without it the sweep "
        "runs on this machine",
        name, why == ENOENT ? "there is no such command" : strerror(why));
}

/* All text of the file, ended by a zero; NULL for lack of memory. */
static char *read_back(FILE *file)
{
    char *text = NULL;
    size_t size = 0;
    rewind(file);
    if (getdelim(&text, &size, '\0', file) >= 0)
        return text;
    free(text);
    return strdup("");
}

static void join_lines(const char *text, char joined[SLURM_SAID])
{
    size_t used = 0;
    joined[0] = '\0';
    while (*text && used < SLURM_SAID - 8) {
        const size_t length = strcspn(text, "\n");
        if (length > 0)
            used += (size_t)snprintf(joined + used, SLURM_SAID - used, "%s%.*s", used ? "; " : "",
                                     (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static int spawn(const char *const *argument, int out, int said, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, said, STDERR_FILENO);
    const int why =
        posix_spawnp(pid, argument[0], &actions, NULL, (char *const *)argument, environ);
    posix_spawn_file_actions_destroy(&actions);
    return why;
}

/* Returns the wait status of `pid`; an interrupt that comes meanwhile ends the process first. */
static int await(pid_t pid)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    int how = 0;
    bool asked = interrupted();
    for (pid_t ended;
         (ended = waitpid(pid, &how, WNOHANG)) != pid && (ended == 0 || errno == EINTR);
         nanosleep(&moment, NULL))
        if (interrupted() && !asked)
            asked = kill(pid, SIGTERM) == 0;
    return how;
}

enum status slurm_call(const char *const *argument, struct slurm_output *output, struct error *err)
{
    pid_t pid;
    char *said = NULL;
    FILE *const out = fdopen(memfd_create("output", MFD_CLOEXEC), "r+");
    FILE *const errors = fdopen(memfd_create("said", MFD_CLOEXEC), "r+");
    int why = out && errors ? 0 : errno;
    *output = (struct slurm_output){0};
    if (!why)
        why = spawn(argument, fileno(out), fileno(errors), &pid);
    if (!why) {
        output->how = await(pid);
        output->text = read_back(out);
        said = read_back(errors);
        why = output->text && said ? 0 : ENOMEM;
    }
    if (!why)
        join_lines(said, output->said);
    free(said);
    if (out)
        fclose(out);
    if (errors)
        fclose(errors);
    return why ? no_command(err, argument[0], why) : STATUS_OK;
}

bool slurm_went_well(const struct slurm_output *output)
{
    return WIFEXITED(output->how) && WEXITSTATUS(output->how) == 0;
}

bool slurm_is_job(const char *text)
{
    const size_t digits = strspn(text, "0123456789");
    return digits > 0 && strlen(text) < SLURM_JOB &&
           (text[digits] == '\0' || (text[digits] == ';' && text[digits + 1]));
}

const char *slurm_part_job(const char *job, char number[SLURM_JOB])
{
    const char *cluster = strchr(job, ';');
    snprintf(number, SLURM_JOB, "%.*s", (int)strcspn(job, ";"), job);
    return cluster ? cluster + 1 : NULL;
}

void slurm_cancel_command(const char *job, char text[SLURM_CANCEL])
{
    char number[SLURM_JOB];
    const char *cluster = slurm_part_job(job, number);
    snprintf(text, SLURM_CANCEL, "scancel %s%s%s%s", cluster ? "-M " : "", cluster ? cluster : "",
             cluster ? " " : "", number);
}

void slurm_script_path(const char *folder, char *path, size_t size)
{
    snprintf(path, size, "%s/slurm/job.sh", folder);
}

void slurm_again_path(const char *folder, char *path, size_t size)
{
    snprintf(path, size, "%s/slurm/again", folder);
}

/* ---- the script ---- */

static const char script_start[] = "#!/bin/sh\n# Written by duet sweep --slurm.\n";
static const struct output_kind script_kind = {
    .name = "Slurm script", .start = script_start, .mark = ""};

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
    fprintf(out, "#SBATCH --requeue --open-mode=append --signal=B:USR1@%d\n",
            (int)(2 * SWEEP_SAVING));
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
    fputs(" --requeue --results", out);
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
        fputs(script_start, out);
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
        status = output_write(path, &script_kind, text, strlen(text), err);
    free(text);
    return status ? status : call_sbatch(work, path, job, err);
}

/* ---- in a task ---- */

enum status slurm_requeue(const struct sweep_work *work, struct error *err)
{
    char path[PATH];
    struct error unwanted;
    struct slurm_output output;
    const char *job = getenv("SLURM_JOB_ID");
    enum status status =
        slurm_call((const char *[]){"scontrol", "requeue", job, NULL}, &output, err);
    if (!status && !slurm_went_well(&output))
        status = error_set(err, STATUS_SYSTEM, "%s",
                           output.said[0] ? output.said : "scontrol said nothing");
    free(output.text);
    if (!status)
        return STATUS_OK;
    slurm_again_path(work->folder, path, sizeof path);
    output_write(path, NULL, err->message, strlen(err->message), &unwanted);
    return status;
}
