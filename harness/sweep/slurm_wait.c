/* Waiting for a job: what its tasks leave in the folder, and squeue, say how far it is. */
#include "harness/sweep/slurm.h"

#include "core/text.h"
#include "harness/run/progress.h"
#include "harness/run/run.h"
#include "harness/sweep/sweep_find.h"
#include "harness/sweep/sweep_folder.h"
#include "store/store.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH = RUN_PATH + 64 };

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
    const char *cluster = slurm_part_job(job, number);
    struct slurm_output output;
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
    enum status status = slurm_call(argument, &output, err);
    watch->queue = (struct queue){.known = !status && slurm_went_well(&output)};
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

static const char *failure_path(const struct sweep_work *work, size_t point, char path[PATH])
{
    return sweep_plan_path(work->plan, work->folder, point, ".failed", path, PATH);
}

/* Whether the file is there, and not older than that. */
static bool is_since(const char *path, struct timespec since)
{
    struct stat about;
    return stat(path, &about) == 0 &&
           (about.st_mtim.tv_sec > since.tv_sec ||
            (about.st_mtim.tv_sec == since.tv_sec && about.st_mtim.tv_nsec >= since.tv_nsec));
}

static bool is_new(const struct watch *watch, size_t point)
{
    char path[PATH];
    return is_since(failure_path(watch->work, point, path), watch->since);
}

/* When the last job was written, by the clock of the folder. */
static struct timespec time_of_job(const struct sweep_work *work)
{
    char path[PATH];
    struct stat about;
    slurm_script_path(work->folder, path, sizeof path);
    return stat(path, &about) == 0 ? about.st_mtim : (struct timespec){0};
}

bool slurm_wants_more(const struct sweep_work *work)
{
    char path[PATH];
    slurm_again_path(work->folder, path, sizeof path);
    return is_since(path, time_of_job(work));
}

static void tell(struct watch *watch, size_t point)
{
    const struct sweep_work *work = watch->work;
    char described[SWEEP_TEXT], line[2 * SWEEP_TEXT];
    if (work->options->quiet)
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
        const char *hash = work->plan->point[point].hash;
        if (names_have_sorted(&folder.finished, hash) && sweep_has_point(work, point)) {
            work->done++;
            tell(watch, point);
            continue;
        }
        watch->left[kept++] = point;
        watch->failed += names_have_sorted(&folder.failed, hash) && is_new(watch, point);
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

/* The lines of the file of a failure: the reason, and the command that runs the point alone. */
static struct sweep_failure read_failure(size_t point, const char *path)
{
    enum { LONGEST = 2048 };
    char reason[LONGEST] = "", command[LONGEST] = "";
    FILE *in = fopen(path, "r");
    if (in && fgets(reason, sizeof reason, in) && !fgets(command, sizeof command, in))
        command[0] = '\0';
    if (in)
        fclose(in);
    reason[strcspn(reason, "\n")] = '\0';
    return (struct sweep_failure){point, strdup(reason),
                                  strstr(command, "duet run --again ") == command};
}

/* Enter the failures among the points that are not done. */
static enum status gather_failures(const struct watch *watch, struct error *err)
{
    struct sweep_work *work = watch->work;
    struct sweep_failure *more =
        realloc(work->failure, (work->failures + watch->count + 1) * sizeof *more);
    if (!more)
        return error_memory(err, "a job array");
    work->failure = more;
    for (size_t i = 0; i < watch->count; i++) {
        char path[PATH];
        failure_path(work, watch->left[i], path);
        if (is_new(watch, watch->left[i]))
            work->failure[work->failures++] = read_failure(watch->left[i], path);
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
    struct watch watch = {.work = work, .count = work->count, .since = time_of_job(work)};
    watch.left = malloc((work->count + 1) * sizeof *watch.left);
    if (!watch.left)
        return error_memory(err, "a job array");
    if (work->count > 0)
        memcpy(watch.left, work->todo, work->count * sizeof *watch.left);
    progress_start(&watch.progress, work->options->quiet);
    enum status status = watch_job(&watch, job, err);
    progress_end(&watch.progress);
    if (!status)
        status = gather_failures(&watch, err);
    if (!status && interrupted() && watch.count > watch.failed)
        status = error_set(err, STATUS_INTERRUPTED, "interrupted");
    free(watch.left);
    return status;
}

static bool has_failed(const struct sweep_work *work, size_t point)
{
    for (size_t i = 0; i < work->failures; i++)
        if (work->failure[i].point == point)
            return true;
    return false;
}

enum status slurm_keep_rest(struct sweep_work *work, struct error *err)
{
    size_t kept = 0;
    const enum status status = sweep_work_count_diverged(work, err);
    for (size_t i = 0; i < work->count && !status; i++)
        if (!sweep_has_point(work, work->todo[i]) && !has_failed(work, work->todo[i]))
            work->todo[kept++] = work->todo[i];
    if (status)
        return status;
    work->before += work->done;
    work->diverged_before += work->diverged;
    work->done = work->diverged = 0;
    work->count = kept;
    work->tasks = slurm_tasks(work);
    return STATUS_OK;
}
