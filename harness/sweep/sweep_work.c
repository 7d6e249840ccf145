#include "harness/sweep/sweep_work.h"

#include "harness/run/result.h"
#include "harness/sweep/lease.h"
#include "harness/sweep/sweep_worker.h"
#include "store/output.h"
#include "store/store.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH = RUN_PATH + 64 };
static const double renew_seconds = LEASE_TERM / 8., look_seconds = 0.5;

/* A point that another sweep has leased. */
struct wait {
    size_t point;
    struct lease_sight sight;
};

struct sweep {
    struct sweep_work *work;
    struct lessee lessee;
    struct worker *worker; /* [work->workers] */
    size_t next;           /* in work->todo */
    struct wait *wait;
    size_t waits, wait_capacity;
    double renewed, looked;
    struct file_mark *old; /* [plan->count]: HASH.failed of a point as it was when this began */
    struct progress progress;
    bool stops; /* no point is begun any more */
    struct error *err;
};

static const char *hash_of(const struct sweep_work *work, size_t point)
{
    return work->plan->point[point].hash;
}

static const char *path_of(const struct sweep_work *work, size_t point, const char *end,
                           char path[PATH])
{
    return sweep_plan_path(work->plan, work->folder, point, end, path, PATH);
}

size_t sweep_checkpoints(const struct sweep_work *work)
{
    char path[PATH];
    size_t count = 0;
    for (size_t i = 0; i < work->count; i++)
        count += access(path_of(work, work->todo[i], ".checkpoint", path), F_OK) == 0;
    return count;
}

struct file_mark sweep_mark(const struct sweep_work *work, size_t point, const char *end)
{
    char path[PATH];
    struct stat about;
    if (stat(path_of(work, point, end, path), &about) != 0)
        return (struct file_mark){0};
    return (struct file_mark){about.st_ino, about.st_mtim};
}

/* Whether the file is there, and another one than it was. */
static bool is_another(struct file_mark is, struct file_mark was)
{
    return is.ino != 0 && (is.ino != was.ino || is.changed.tv_sec != was.changed.tv_sec ||
                           is.changed.tv_nsec != was.changed.tv_nsec);
}

bool sweep_has_point(const struct sweep_work *work, size_t point)
{
    char path[PATH], checkpoint[PATH];
    if (!is_another(sweep_mark(work, point, ".h5"), work->partial[point]) ||
        store_verify(path_of(work, point, ".h5", path), NULL) != STATUS_OK)
        return false;
    return access(path_of(work, point, ".checkpoint", checkpoint), F_OK) != 0 ||
           result_is_finished(path, hash_of(work, point));
}

/* ---- results of points ---- */

static size_t settled(const struct sweep_work *work)
{
    return work->done + work->elsewhere + work->failures;
}

static void tell(struct sweep *sweep, size_t point, const char *what)
{
    const struct sweep_work *work = sweep->work;
    char described[SWEEP_TEXT], line[SWEEP_TEXT + WORKER_TEXT + 64];
    if (work->options->quiet)
        return;
    sweep_plan_describe(work->plan, point, described);
    snprintf(line, sizeof line, "point %zu: %s  %s", point + 1, described, what);
    progress_event(&sweep->progress, settled(work), work->count, line);
}

static void record_failure(const struct sweep_work *work, size_t point, const char *reason,
                           bool again)
{
    char path[PATH], *text = NULL;
    struct error unwanted;
    char *command = sweep_plan_command(work->plan, point, work->options->results, again);
    const int length = asprintf(&text, "%s\n%s\n", reason, command ? command : "");
    if (length > 0)
        output_write(path_of(work, point, ".failed", path), NULL, text, (size_t)length, &unwanted);
    free(command);
    free(text);
}

static void fail(struct sweep *sweep, size_t point, const char *reason, bool again)
{
    struct sweep_work *work = sweep->work;
    char what[WORKER_TEXT + 16];
    struct sweep_failure *more =
        realloc(work->failure, (work->failures + 1) * sizeof *work->failure);
    if (more) {
        work->failure = more;
        more[work->failures++] = (struct sweep_failure){point, strdup(reason), again};
    }
    snprintf(what, sizeof what, "failed: %s", reason);
    tell(sweep, point, what);
}

static void release(struct sweep *sweep, size_t point)
{
    lease_release(&sweep->lessee, hash_of(sweep->work, point));
}

static void settle_finished(struct sweep *sweep, size_t point, const struct worker_message *answer)
{
    struct sweep_work *work = sweep->work;
    char path[PATH], what[WORKER_TEXT + 32];
    unlink(path_of(work, point, ".failed", path));
    work->done++;
    work->diverged += answer->status == STATUS_DIVERGED;
    snprintf(what, sizeof what, "%s  %.2f s", answer->text, answer->seconds);
    tell(sweep, point, what);
}

static enum status finish(struct sweep *sweep, struct worker *worker,
                          const struct worker_message *answer)
{
    struct sweep_work *work = sweep->work;
    const size_t point = worker->point;
    const bool failed = answer->status && answer->status != STATUS_DIVERGED;
    enum status status = STATUS_OK;
    worker->busy = false;
    if (!failed) {
        settle_finished(sweep, point, answer);
    } else if (sweep_has_point(work, point)) { /* by another sweep, to which the lease went */
        work->elsewhere++;
        tell(sweep, point, "finished elsewhere");
    } else if (answer->refused) {
        status = error_set(sweep->err, STATUS_SYSTEM, "%s", answer->text);
    } else {
        record_failure(work, point, answer->text, answer->again);
        fail(sweep, point, answer->text, answer->again);
    }
    release(sweep, point);
    return status;
}

/* ---- giving out points ---- */

/* Whether another sweep failed at the point since this one began. */
static bool failed_elsewhere(const struct sweep *sweep, size_t point)
{
    return is_another(sweep_mark(sweep->work, point, ".failed"), sweep->old[point]);
}

enum fate { FATE_MINE, FATE_WAIT, FATE_SETTLED };

/* Lease a point, or settle it if it was finished or failed elsewhere. */
static enum status lease_point(struct sweep *sweep, size_t point, enum fate *fate)
{
    struct sweep_work *work = sweep->work;
    bool taken = false;
    enum status status = STATUS_OK;
    if (!sweep_has_point(work, point))
        status = lease_take(&sweep->lessee, hash_of(work, point), &taken, sweep->err);
    *fate = taken ? FATE_MINE : FATE_WAIT;
    if (status)
        return status;
    if (sweep_has_point(work, point)) {
        work->elsewhere++;
        *fate = FATE_SETTLED;
        tell(sweep, point, "finished elsewhere");
    } else if (failed_elsewhere(sweep, point)) {
        *fate = FATE_SETTLED;
        fail(sweep, point, "failed in another sweep on the folder; HASH.failed says why", false);
    }
    if (taken && *fate == FATE_SETTLED)
        release(sweep, point);
    return STATUS_OK;
}

static enum status add_wait(struct sweep *sweep, size_t point)
{
    if (sweep->waits == sweep->wait_capacity) {
        const size_t capacity = 2 * sweep->wait_capacity + 64;
        struct wait *more = realloc(sweep->wait, capacity * sizeof *more);
        if (!more)
            return error_memory(sweep->err, "the workers");
        sweep->wait = more;
        sweep->wait_capacity = capacity;
    }
    sweep->wait[sweep->waits++] = (struct wait){.point = point};
    return STATUS_OK;
}

/* The next point for a worker: of its own list first. */
static enum status next_point(struct sweep *sweep, size_t *point, bool *found)
{
    struct sweep_work *work = sweep->work;
    enum status status = STATUS_OK;
    *found = false;
    while (!*found && !status && sweep->next < work->count && !interrupted()) {
        enum fate fate;
        *point = work->todo[sweep->next++];
        status = lease_point(sweep, *point, &fate);
        if (!status && fate == FATE_WAIT)
            status = add_wait(sweep, *point);
        *found = !status && fate == FATE_MINE;
    }
    if (*found || status || seconds_now() - sweep->looked < look_seconds)
        return status;
    for (size_t i = 0; i < sweep->waits && !*found && !status; i++) {
        struct wait *wait = &sweep->wait[i];
        enum fate fate = FATE_WAIT;
        *point = wait->point;
        if (sweep_has_point(work, wait->point) ||
            lease_look(&sweep->lessee, hash_of(work, wait->point), &wait->sight))
            status = lease_point(sweep, wait->point, &fate);
        *found = !status && fate == FATE_MINE;
        if (fate != FATE_WAIT)
            sweep->wait[i--] = sweep->wait[--sweep->waits];
    }
    if (!*found) /* all were tried */
        sweep->looked = seconds_now();
    return status;
}

static enum status start(struct sweep *sweep, struct worker *worker)
{
    return worker_start(worker, sweep->work, sweep->worker, sweep->work->workers, sweep->err);
}

static enum status employ(struct sweep *sweep)
{
    for (int i = 0; i < sweep->work->workers; i++) {
        struct worker *worker = &sweep->worker[i];
        size_t point;
        bool found;
        if (worker->busy)
            continue;
        enum status status = next_point(sweep, &point, &found);
        if (status || !found)
            return status;
        if (worker->pid == 0)
            status = start(sweep, worker);
        if (status) {
            release(sweep, point);
            return status;
        }
        worker->checkpoint = sweep_mark(sweep->work, point, ".checkpoint");
        worker_give(worker, point, 1);
    }
    return STATUS_OK;
}

/* ---- workers that die ---- */

/* How often a point is tried again after a crash: once from its checkpoint.  If the checkpoint is
 * still the one that the first attempt began with, it may be the cause: it is put aside, and the
 * point is tried twice from its beginning. */
static int next_attempt(struct sweep *sweep, struct worker *worker)
{
    enum { ATTEMPTS = 2 };
    char path[PATH], to[PATH + 16], what[SWEEP_TEXT];
    const struct file_mark is = sweep_mark(sweep->work, worker->point, ".checkpoint");
    if (worker->attempts < ATTEMPTS)
        return worker->attempts + 1;
    path_of(sweep->work, worker->point, ".checkpoint", path);
    if (is.ino == 0 || is_another(is, worker->checkpoint) ||
        !output_keep(path, "aside", to, sizeof to))
        return 0;
    worker->checkpoint = (struct file_mark){0};
    snprintf(what, sizeof what,
             "its process crashed twice on its checkpoint, which is kept as %.100s; it starts anew",
             strrchr(to, '/') + 1);
    tell(sweep, worker->point, what);
    return 1;
}

static void describe_end(const struct sweep *sweep, bool late, int how, char *text, size_t size)
{
    if (late)
        snprintf(text, size, "took longer than the limit of %g s", sweep->work->options->limit);
    else if (WIFSIGNALED(how))
        snprintf(text, size, "its process was ended by signal %d (%s), twice", WTERMSIG(how),
                 strsignal(WTERMSIG(how)));
    else
        snprintf(text, size, "its process ended with code %d, twice", WEXITSTATUS(how));
}

/* A worker that is gone, or is of no more use since somebody else told it to end; and with it the
 * way since the last checkpoint of its point. */
static enum status bury(struct sweep *sweep, struct worker *worker, bool told)
{
    const bool late = worker->late, busy = worker->busy;
    const pid_t pid = worker->pid;
    const int end = worker_end(worker), how = told ? SIGTERM : end;
    struct worker_message failed = {.status = STATUS_FAILED};
    if (!busy)
        return STATUS_OK;
    worker_remove_parts(sweep->work, worker->point, pid);
    if (sweep_has_point(sweep->work, worker->point)) /* died behind it */
        return finish(sweep, worker, &(struct worker_message){.text = "finished"});
    if (sweep->stops) {
        release(sweep, worker->point);
        return STATUS_OK;
    }
    const int attempt = late ? 0 : next_attempt(sweep, worker);
    if (attempt > 0) {
        enum status status = start(sweep, worker);
        if (status)
            release(sweep, worker->point);
        else
            worker_give(worker, worker->point, attempt);
        return status;
    }
    describe_end(sweep, late, how, failed.text, sizeof failed.text);
    return finish(sweep, worker, &failed);
}

/* A worker that was told to stop, by this process or by somebody else, has saved its point. */
static enum status stop(struct sweep *sweep, struct worker *worker, bool saved)
{
    if (!sweep->stops)
        return bury(sweep, worker, true);
    tell(sweep, worker->point, "interrupted");
    sweep->work->saved += saved;
    release(sweep, worker->point);
    worker_end(worker);
    return STATUS_OK;
}

static enum status hear(struct sweep *sweep, struct worker *worker)
{
    struct worker_message message;
    const ssize_t length = recv(worker->socket, &message, sizeof message, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return STATUS_OK;
    if (length != (ssize_t)sizeof message)
        return bury(sweep, worker, false);
    if (message.note) {
        tell(sweep, worker->point, message.text);
        return STATUS_OK;
    }
    return message.status == STATUS_INTERRUPTED ? stop(sweep, worker, message.saved)
                                                : finish(sweep, worker, &message);
}

/* ---- the loop ---- */

static void stop_late(struct sweep *sweep)
{
    const double limit = sweep->work->options->limit;
    for (int i = 0; i < sweep->work->workers && limit > 0; i++) {
        struct worker *worker = &sweep->worker[i];
        if (worker->busy && !worker->late && seconds_now() - worker->start > limit) {
            worker->late = true;
            kill(worker->pid, SIGKILL);
        }
    }
}

static void renew(struct sweep *sweep)
{
    if (seconds_now() - sweep->renewed < renew_seconds)
        return;
    sweep->renewed = seconds_now();
    for (int i = 0; i < sweep->work->workers; i++)
        if (sweep->worker[i].busy)
            lease_renew(&sweep->lessee, hash_of(sweep->work, sweep->worker[i].point));
}

static bool is_busy(const struct sweep *sweep)
{
    for (int i = 0; i < sweep->work->workers; i++)
        if (sweep->worker[i].busy)
            return true;
    return false;
}

/* Wait until a worker answers, or for a moment. */
static enum status listen_to_workers(struct sweep *sweep, struct pollfd *poller)
{
    const int workers = sweep->work->workers, moment = 100;
    for (int i = 0; i < workers; i++)
        poller[i] = (struct pollfd){.fd = sweep->worker[i].pid > 0 ? sweep->worker[i].socket : -1,
                                    .events = POLLIN};
    enum status status = STATUS_OK;
    if (poll(poller, (nfds_t)workers, moment) > 0)
        for (int i = 0; i < workers && !status; i++)
            if (poller[i].revents)
                status = hear(sweep, &sweep->worker[i]);
    return status;
}

static void show_progress(struct sweep *sweep)
{
    const struct sweep_work *work = sweep->work;
    char what[96] = "";
    if (sweep->waits > 0 && !is_busy(sweep))
        snprintf(what, sizeof what, "waiting for %zu points of another sweep", sweep->waits);
    else
        snprintf(what, sizeof what, "%zu of %zu points", settled(work), work->count);
    progress_update(&sweep->progress, settled(work), work->count, what);
}

static enum status loop(struct sweep *sweep, struct pollfd *poller)
{
    enum status status = STATUS_OK;
    while (!status && settled(sweep->work) < sweep->work->count && !interrupted()) {
        status = employ(sweep);
        if (!status && settled(sweep->work) < sweep->work->count)
            status = listen_to_workers(sweep, poller);
        stop_late(sweep);
        renew(sweep);
        show_progress(sweep);
    }
    return status;
}

/* Tell the workers to save their points, and wait for them. */
static enum status wind_down(struct sweep *sweep, struct pollfd *poller)
{
    const double end = seconds_now() + SWEEP_SAVING;
    enum status status = STATUS_OK;
    sweep->stops = true;
    for (int i = 0; i < sweep->work->workers; i++)
        if (sweep->worker[i].busy)
            kill(sweep->worker[i].pid, SIGTERM);
    while (!status && is_busy(sweep) && seconds_now() < end) {
        status = listen_to_workers(sweep, poller);
        renew(sweep);
        progress_update(&sweep->progress, settled(sweep->work), sweep->work->count,
                        "saving the points that are being worked on");
    }
    return status ? status : error_set(sweep->err, STATUS_INTERRUPTED, "interrupted");
}

static void end_all(struct sweep *sweep)
{
    for (int i = 0; i < sweep->work->workers; i++) {
        struct worker *worker = &sweep->worker[i];
        const bool busy = worker->busy;
        const pid_t pid = worker->pid;
        worker_end(worker);
        if (busy) {
            sweep->work->done += sweep_has_point(sweep->work, worker->point); /* stored, unheard */
            worker_remove_parts(sweep->work, worker->point, pid);
            release(sweep, worker->point);
        }
    }
}

enum status sweep_work(struct sweep_work *work, struct error *err)
{
    struct sweep sweep = {.work = work, .err = err, .renewed = seconds_now()};
    sweep.worker = calloc((size_t)work->workers, sizeof *sweep.worker);
    struct pollfd *poller = calloc((size_t)work->workers, sizeof *poller);
    sweep.old = calloc(work->plan->count + 1, sizeof *sweep.old);
    enum status status = STATUS_OK;
    if (!sweep.worker || !poller || !sweep.old)
        status = error_memory(err, "the workers");
    for (size_t i = 0; i < work->count && sweep.old && !status; i++)
        sweep.old[work->todo[i]] = sweep_mark(work, work->todo[i], ".failed");
    lessee_open(&sweep.lessee, work->folder);
    progress_start(&sweep.progress, work->options->quiet);
    if (!status)
        status = loop(&sweep, poller);
    if (!status && interrupted())
        status = wind_down(&sweep, poller);
    if (sweep.worker)
        end_all(&sweep);
    progress_end(&sweep.progress);
    free(sweep.wait);
    free(sweep.old);
    free(sweep.worker);
    free(poller);
    return status;
}

void sweep_work_free(struct sweep_work *work)
{
    for (size_t i = 0; i < work->failures; i++)
        free(work->failure[i].reason);
    free(work->failure);
    free(work->todo);
    free(work->partial);
}
