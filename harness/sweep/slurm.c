#include "harness/sweep/slurm.h"

#include "core/text.h"

#include "harness/run/progress.h"
#include "harness/run/run.h"
#include "harness/sweep/sweep_folder.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATH = RUN_PATH + 64, OUTPUT = 4096 };

/* ---- commands of Slurm ---- */

struct output {
    char *text;        /* stdout, allocated */
    char said[OUTPUT]; /* start of stderr, lines joined by "; " */
    int how;           /* wait status */
};

static enum status no_command(struct error *err, const char *name, int why)
{
    return error_set(
        err, STATUS_SYSTEM,
        "%s: %s; --slurm needs the commands of Slurm on the PATH, without it the sweep "
        "runs on this machine",
        name, why == ENOENT ? "there is no such command" : strerror(why));
}

/* The text written to `file`, ended by a zero; NULL if memory is short. */
static char *read_back(int file)
{
    struct stat about;
    size_t length = 0;
    char *text = fstat(file, &about) == 0 ? malloc((size_t)about.st_size + 1) : NULL;
    while (text && length < (size_t)about.st_size) {
        const ssize_t part =
            pread(file, text + length, (size_t)about.st_size - length, (off_t)length);
        if (part <= 0)
            break;
        length += (size_t)part;
    }
    if (text)
        text[length] = '\0';
    return text;
}

static void join_lines(const char *text, char joined[OUTPUT])
{
    size_t used = 0;
    joined[0] = '\0';
    while (*text && used < OUTPUT - 8) {
        const size_t length = strcspn(text, "\n");
        if (length > 0)
            used += (size_t)snprintf(joined + used, OUTPUT - used, "%s%.*s", used ? "; " : "",
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

/* Returns the wait status of `pid`; an interrupt ends the process first. */
static int await(pid_t pid)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    int how = 0;
    bool asked = false;
    for (pid_t ended;
         (ended = waitpid(pid, &how, WNOHANG)) != pid && (ended == 0 || errno == EINTR);
         nanosleep(&moment, NULL))
        if (interrupted() && !asked)
            asked = kill(pid, SIGTERM) == 0;
    return how;
}

/* Run a command to its end.  Free output->text, also after an error. */
static enum status run(const char *const *argument, struct output *output, struct error *err)
{
    pid_t pid;
    char *said = NULL;
    const int out = memfd_create("output", MFD_CLOEXEC), errors = memfd_create("said", MFD_CLOEXEC);
    int why = out < 0 || errors < 0 ? errno : 0;
    *output = (struct output){0};
    if (!why)
        why = spawn(argument, out, errors, &pid);
    if (!why) {
        output->how = await(pid);
        output->text = read_back(out);
        said = read_back(errors);
        why = output->text && said ? 0 : ENOMEM;
    }
    if (!why)
        join_lines(said, output->said);
    free(said);
    if (out >= 0)
        close(out);
    if (errors >= 0)
        close(errors);
    return why ? no_command(err, argument[0], why) : STATUS_OK;
}

static bool went_well(const struct output *output)
{
    return WIFEXITED(output->how) && WEXITSTATUS(output->how) == 0;
}

bool slurm_is_job(const char *text)
{
    const size_t digits = strspn(text, "0123456789");
    return digits > 0 && strlen(text) < SLURM_JOB &&
           (text[digits] == '\0' || (text[digits] == ';' && text[digits + 1]));
}

/* Split "NUMBER;CLUSTER" in two; the cluster is NULL where there is none. */
static const char *part_job(const char *job, char number[SLURM_JOB])
{
    const char *cluster = strchr(job, ';');
    snprintf(number, SLURM_JOB, "%.*s", (int)strcspn(job, ";"), job);
    return cluster ? cluster + 1 : NULL;
}

void slurm_cancel_command(const char *job, char text[SLURM_CANCEL])
{
    char number[SLURM_JOB];
    const char *cluster = part_job(job, number);
    snprintf(text, SLURM_CANCEL, "scancel %s%s%s%s", cluster ? "-M " : "", cluster ? cluster : "",
             cluster ? " " : "", number);
}

/* ---- the script ---- */

/* Which shards have points to do, [shards]; NULL if memory is short. */
static bool *find_shards(size_t shards, const size_t *todo, size_t count)
{
    bool *wanted = calloc(shards, sizeof *wanted);
    for (size_t i = 0; i < count && wanted; i++)
        wanted[todo[i] % shards] = true;
    return wanted;
}

size_t slurm_tasks(size_t shards, const size_t *todo, size_t count)
{
    size_t tasks = 0;
    bool *wanted = find_shards(shards, todo, count);
    for (size_t i = 0; i < shards && wanted; i++)
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
        struct output output;
        status = run((const char *[]){names[i], "--version", NULL}, &output, err);
        if (!status && !went_well(&output))
            status = error_set(err, STATUS_SYSTEM, "%s --version does not work: %s", names[i],
                               output.said);
        free(output.text);
    }
    return status;
}

static enum status put_options(FILE *out, const struct slurm_array *array, const char *folder,
                               struct error *err)
{
    const double mib = 1048576;
    const struct sweep_work *work = array->work;
    bool *wanted = find_shards(array->shards, work->todo, work->count);
    if (!wanted)
        return error_memory(err, "a job array");
    fprintf(out, "#SBATCH --job-name=%s\n#SBATCH --array=", work->plan->base.name);
    put_ranges(out, wanted, array->shards);
    fprintf(out, "\n#SBATCH --nodes=1 --ntasks=1 --cpus-per-task=%d\n",
            work->workers * work->threads);
    if (array->memory > 0)
        fprintf(out, "#SBATCH --mem=%.0fM\n", ceil(array->memory / mib));
    fputs("#SBATCH --requeue --open-mode=append\n", out);
    free(wanted);
    put_log_path(out, folder);
    return STATUS_OK;
}

static void put_command(FILE *out, const struct slurm_array *array, const char *program,
                        const char *results, const char *folder)
{
    const struct sweep_work *work = array->work;
    char manifest[PATH + 16], limit[STORE_NUMBER_SIZE];
    snprintf(manifest, sizeof manifest, "%s/sweep.yaml", folder);
    fprintf(out, "export OMP_NUM_THREADS=%d\nexec", work->threads);
    sweep_put_quoted(out, program);
    fprintf(out, " sweep --shard \"$SLURM_ARRAY_TASK_ID/%zu\" -j %d -t %d", array->shards,
            work->workers, work->threads);
    store_format_number(work->limit, limit);
    if (work->limit > 0)
        fprintf(out, " --limit %s", limit);
    fputs(work->quiet ? " --quiet" : "", out);
    fputs(array->large ? " --yes" : "", out);
    fputs(" --results", out);
    sweep_put_quoted(out, results);
    sweep_put_quoted(out, manifest);
    fputc('\n', out);
}

enum status slurm_script(const struct slurm_array *array, char **text, struct error *err)
{
    char program[RUN_PATH], results[PATH], folder[PATH];
    size_t size;
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    *text = NULL;
    if (length <= 0)
        return error_set(err, STATUS_SYSTEM, "the path of this program is not known: %s",
                         strerror(errno));
    enum status status = make_absolute(array->work->results, results, err);
    if (!status)
        status = make_absolute(array->work->folder, folder, err);
    FILE *out = status ? NULL : open_memstream(text, &size);
    if (!status && !out)
        return error_memory(err, "a job array");
    if (!status) {
        fputs("#!/bin/sh\n# Written by duet sweep --slurm.\n", out);
        status = put_options(out, array, folder, err);
        put_command(out, array, program, results, folder);
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

static void script_path(const struct sweep_work *work, char path[PATH])
{
    snprintf(path, PATH, "%s/slurm/job.sh", work->folder);
}

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

static enum status call_sbatch(const struct slurm_array *array, const char *script,
                               char job[SLURM_JOB], struct error *err)
{
    struct output output;
    const char **argument = calloc(array->option_count + 4, sizeof *argument);
    size_t count = 0;
    if (!argument)
        return error_memory(err, "a job array");
    argument[count++] = "sbatch";
    argument[count++] = "--parsable";
    for (size_t i = 0; i < array->option_count; i++)
        argument[count++] = array->options[i];
    argument[count] = script;
    enum status status = run(argument, &output, err);
    free(argument);
    if (!status && interrupted())
        status = error_set(err, STATUS_INTERRUPTED,
                           "interrupted while sbatch ran; squeue shows whether there is a job");
    else if (!status && !went_well(&output))
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

enum status slurm_submit(const struct slurm_array *array, char job[SLURM_JOB], struct error *err)
{
    char path[PATH], *text;
    script_path(array->work, path);
    enum status status = slurm_script(array, &text, err);
    if (!status) /* also makes the folder of the logs, which Slurm would not make */
        status = store_write_text(path, text, strlen(text), err);
    free(text);
    return status ? status : call_sbatch(array, path, job, err);
}

/* ---- waiting ---- */

/* Tasks of a job, by the last answer of squeue. */
struct queue {
    bool known;
    size_t running, waiting;
};

struct watch {
    struct sweep_work *work;
    struct progress progress;
    size_t *left; /* points that are not done, [count] */
    size_t count;
    size_t failed;         /* points of these with a failure not older than the job */
    struct timespec since; /* when the job was written, by the clock of the folder */
    struct queue queue;
    bool warned;
};

static void count_tasks(char *text, const char *number, struct queue *queue)
{
    char *rest = NULL;
    const size_t length = strlen(number);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, number, length) != 0 || line[length] != ' ')
            continue;
        if (strcmp(line + length + 1, "RUNNING") == 0)
            queue->running++;
        else
            queue->waiting++;
    }
}

/* Asks for all jobs of the user: to ask for one that squeue has forgotten is an error. */
static enum status ask_queue(struct watch *watch, const char *job, struct error *err)
{
    char number[SLURM_JOB], user[32];
    const char *cluster = part_job(job, number);
    struct output output;
    snprintf(user, sizeof user, "%ju", (uintmax_t)getuid());
    const char *argument[] = {"squeue",
                              "--noheader",
                              "--array",
                              "--user",
                              user,
                              "--format=%F %T",
                              cluster ? "--clusters" : NULL,
                              cluster,
                              NULL};
    enum status status = run(argument, &output, err);
    watch->queue = (struct queue){.known = !status && went_well(&output)};
    if (watch->queue.known)
        count_tasks(output.text, number, &watch->queue);
    if (!status && !watch->queue.known && !watch->warned && !interrupted()) {
        watch->warned = true; /* the controller may be down for a while */
        progress_end(&watch->progress);
        fputs("duet: squeue does not answer, the waiting goes on: ", stderr);
        print_plain(stderr, output.said);
        fputc('\n', stderr);
    }
    free(output.text);
    return status;
}

static const char *path_of(const struct sweep_work *work, size_t point, const char *end,
                           char path[PATH])
{
    char hash[SWEEP_HASH];
    sweep_hash_text(work->plan->point[point].hash, hash);
    snprintf(path, PATH, "%s/%s%s", work->folder, hash, end);
    return path;
}

/* Whether the point has an undamaged file. */
static bool is_sound(const struct sweep_work *work, size_t point)
{
    char path[PATH];
    return store_verify(path_of(work, point, ".h5", path), NULL) == STATUS_OK;
}

static bool is_new(const struct watch *watch, size_t point)
{
    char path[PATH];
    struct stat about;
    return stat(path_of(watch->work, point, ".failed", path), &about) == 0 &&
           (about.st_mtim.tv_sec > watch->since.tv_sec ||
            (about.st_mtim.tv_sec == watch->since.tv_sec &&
             about.st_mtim.tv_nsec >= watch->since.tv_nsec));
}

static void tell(struct watch *watch, size_t point)
{
    const struct sweep_work *work = watch->work;
    char described[SWEEP_TEXT], line[2 * SWEEP_TEXT];
    if (work->quiet)
        return;
    sweep_plan_describe(work->plan, point, described);
    snprintf(line, sizeof line, "point %zu: %s  finished", point + 1, described);
    progress_event(&watch->progress, work->done, work->count, line);
}

/* Find out which points are done and which have failed. */
static enum status look(struct watch *watch, struct error *err)
{
    struct sweep_work *work = watch->work;
    struct sweep_folder folder;
    size_t kept = 0;
    enum status status = sweep_folder_read(&folder, work->folder, err);
    watch->failed = 0;
    for (size_t i = 0; i < watch->count && !status; i++) {
        const size_t point = watch->left[i];
        const uint64_t hash = work->plan->point[point].hash;
        if (sweep_hashes_have(&folder.finished, hash) && is_sound(work, point)) {
            work->done++;
            tell(watch, point);
            continue;
        }
        watch->left[kept++] = point;
        watch->failed += sweep_hashes_have(&folder.failed, hash) && is_new(watch, point);
    }
    if (!status)
        watch->count = kept;
    sweep_folder_free(&folder);
    return status;
}

static void show_progress(struct watch *watch)
{
    const struct sweep_work *work = watch->work;
    const struct queue *queue = &watch->queue;
    char what[192];
    const int used = snprintf(what, sizeof what, "%zu of %zu points", work->done, work->count);
    if (queue->known)
        snprintf(what + used, sizeof what - (size_t)used, ", %zu tasks running, %zu waiting",
                 queue->running, queue->waiting);
    progress_update(&watch->progress, work->done, work->count, what);
}

/* The first line of the file of a failure: the reason. */
static char *read_reason(const char *path)
{
    char line[SWEEP_TEXT] = "";
    FILE *in = fopen(path, "r");
    if (in && !fgets(line, sizeof line, in))
        line[0] = '\0';
    if (in)
        fclose(in);
    line[strcspn(line, "\n")] = '\0';
    return strdup(line);
}

/* Enter the failures among the points that are not done. */
static enum status gather_failures(const struct watch *watch, struct error *err)
{
    struct sweep_work *work = watch->work;
    work->failure = calloc(watch->count + 1, sizeof *work->failure);
    if (!work->failure)
        return error_memory(err, "a job array");
    for (size_t i = 0; i < watch->count; i++) {
        char path[PATH];
        path_of(work, watch->left[i], ".failed", path);
        if (is_new(watch, watch->left[i]))
            work->failure[work->failures++] =
                (struct sweep_failure){watch->left[i], read_reason(path)};
    }
    return STATUS_OK;
}

/* Sleep until it is time to look again; false after an interrupt. */
static bool rest(struct watch *watch, double seconds)
{
    const struct timespec moment = {.tv_nsec = 100000000};
    const double end = progress_seconds(&watch->progress) + seconds;
    while (!interrupted() && progress_seconds(&watch->progress) < end) {
        nanosleep(&moment, NULL);
        show_progress(watch);
    }
    return !interrupted();
}

/* Make a file in the folder: a network file system then lists it afresh. */
static void refresh(const struct sweep_work *work)
{
    char path[PATH];
    struct error unwanted;
    snprintf(path, sizeof path, "%s/sweep.yaml", work->folder);
    store_check_writable(path, &unwanted);
}

static enum status watch_job(struct watch *watch, const char *job, struct error *err)
{
    const double seldom = 30; /* seconds; squeue is work for the cluster's controller */
    enum status status = look(watch, err);
    while (!status && watch->count > watch->failed && !interrupted()) {
        status = ask_queue(watch, job, err);
        const bool ended = watch->queue.known && watch->queue.running + watch->queue.waiting == 0;
        if (!status && ended)
            refresh(watch->work);
        else if (!status &&
                 !rest(watch, fmin(0.5 + progress_seconds(&watch->progress) / 10, seldom)))
            break;
        if (!status)
            status = look(watch, err);
        if (ended)
            break;
    }
    return status;
}

enum status slurm_wait(struct sweep_work *work, const char *job, struct error *err)
{
    char path[PATH];
    struct stat about;
    struct watch watch = {.work = work, .count = work->count};
    watch.left = malloc((work->count + 1) * sizeof *watch.left);
    if (!watch.left)
        return error_memory(err, "a job array");
    if (work->count > 0)
        memcpy(watch.left, work->todo, work->count * sizeof *watch.left);
    script_path(work, path);
    if (stat(path, &about) == 0)
        watch.since = about.st_mtim;
    progress_start(&watch.progress, work->quiet);
    enum status status = watch_job(&watch, job, err);
    progress_end(&watch.progress);
    if (!status)
        status = gather_failures(&watch, err);
    if (!status && interrupted() && watch.count > work->failures)
        status = error_set(err, STATUS_INTERRUPTED, "interrupted");
    free(watch.left);
    return status;
}
