#include "harness/sweep/sweep_work.h"

#include "harness/run/experiment.h"
#include "harness/run/progress.h"
#include "harness/run/run.h"
#include "harness/sweep/lease.h"
#include "store/output.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH = RUN_PATH + 64 };
static const double renew_seconds = LEASE_TERM / 8., look_seconds = 0.5;

/* A worker's answer for a point. */
struct answer {
    enum status status;
    bool refused; /* the folder takes no more files, so the sweep cannot go on */
    double seconds;
    char text[SWEEP_TEXT];
};

struct worker {
    pid_t pid; /* 0: none */
    int socket;
    bool busy, late; /* late: was stopped for the limit */
    size_t point;
    int attempts; /* at the point, this one included */
    double start;
};

/* HASH.failed of a point as it was when the sweep began; ino 0: there was none. */
struct old_failure {
    ino_t ino;
    struct timespec changed;
};

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
    struct old_failure *old; /* [plan->count] */
    struct progress progress;
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

bool sweep_has_point(const struct sweep_work *work, size_t point)
{
    char path[PATH];
    return store_verify(path_of(work, point, ".h5", path), NULL) == STATUS_OK;
}

/* ---- a worker ---- */

static bool keep_going(void *context, const struct experiment *e, uint64_t step, uint64_t steps)
{
    (void)context, (void)e, (void)step, (void)steps;
    return true;
}

/* Rename a complete file, unless a sound file has the name already: finished files stay as they
 * are. */
static enum status publish(const char *from, const char *to, struct error *err)
{
    int bad = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    if (bad && errno != EEXIST) /* a file system that cannot do this */
        bad = link(from, to);
    if (bad && store_verify(to, NULL) == STATUS_OK)
        bad = 0; /* the same bytes, from another process */
    else if (bad)
        bad = rename(from, to);
    const int why = errno;
    unlink(from);
    if (!bad)
        return STATUS_OK;
    error_set(err, STATUS_SYSTEM, "%s: cannot write: %s", to, strerror(why));
    err->number = why;
    return STATUS_SYSTEM;
}

/* Whether the folder would refuse the files of all points. */
static bool is_refusal(const struct error *err)
{
    const int reasons[] = {ENOSPC, EDQUOT, EROFS, EACCES, EPERM, EIO, ESTALE, ENODEV};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (err->number == reasons[i])
            return true;
    return false;
}

static enum status store_point(const struct sweep_work *work, const struct experiment *e,
                               struct error *err)
{
    char part[PATH], path[PATH];
    snprintf(part, sizeof part, "%s/.%s.part", work->folder, e->spec->hash);
    snprintf(path, sizeof path, "%s/%s.h5", work->folder, e->spec->hash);
    enum status status = experiment_store(e, part, err);
    return status ? status : publish(part, path, err);
}

static enum status run_point(const struct sweep_work *work, size_t point, struct answer *answer,
                             struct error *err)
{
    struct spec spec;
    struct experiment e;
    const struct observer observer = {.training = keep_going};
    enum status status = sweep_plan_spec(work->plan, point, &spec, err);
    if (status)
        return status;
    status = experiment_open(&e, &spec, work->options->threads, err);
    if (!status)
        status = experiment_run(&e, &observer, err);
    if (!status || status == STATUS_DIVERGED) {
        struct error problem;
        if (!status)
            record_brief(&e.record, answer->text, sizeof answer->text);
        else
            snprintf(answer->text, sizeof answer->text, "diverged at %.256s", e.detail);
        if (store_point(work, &e, &problem)) {
            *err = problem;
            status = problem.status;
            answer->refused = is_refusal(&problem);
        }
    }
    if (status && err->key[0])
        sweep_plan_locate(work->plan, point, err);
    experiment_free(&e);
    spec_free(&spec);
    return status;
}

/* Runs the points whose numbers come through the socket, until it is closed. */
static void serve(const struct sweep_work *work, int socket)
{
    size_t point;
    while (recv(socket, &point, sizeof point, 0) == (ssize_t)sizeof point) {
        struct answer answer = {0};
        struct error err = {0};
        const double start = seconds_now();
        answer.status = run_point(work, point, &answer, &err);
        answer.seconds = seconds_now() - start;
        if (answer.status && answer.status != STATUS_DIVERGED)
            snprintf(answer.text, sizeof answer.text, "%.500s", err.message);
        if (send(socket, &answer, sizeof answer, MSG_NOSIGNAL) < 0)
            break;
    }
    _exit(0);
}

static enum status start_worker(struct sweep *sweep, struct worker *worker)
{
    int ends[2];
    const pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return error_set(sweep->err, STATUS_SYSTEM, "cannot start a worker: %s", strerror(errno));
    fflush(NULL);
    worker->pid = fork();
    if (worker->pid == 0) {
        signal(SIGINT, SIG_IGN); /* the parent handles Ctrl-C */
        signal(SIGTERM, SIG_DFL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        for (int i = 0; i < sweep->work->workers; i++)
            if (sweep->worker[i].pid > 0 && &sweep->worker[i] != worker)
                close(sweep->worker[i].socket);
        close(ends[0]);
        serve(sweep->work, ends[1]);
    }
    close(ends[1]);
    worker->socket = ends[0];
    worker->busy = worker->late = false;
    if (worker->pid > 0)
        return STATUS_OK;
    close(ends[0]);
    worker->pid = 0;
    return error_set(sweep->err, STATUS_SYSTEM, "cannot start a worker: %s", strerror(errno));
}

/* The process has ended, or is to end: nothing of it is worth keeping.  Returns its wait status. */
static int end_worker(struct worker *worker)
{
    int how = 0;
    if (worker->pid <= 0)
        return 0;
    kill(worker->pid, SIGKILL);
    close(worker->socket);
    while (waitpid(worker->pid, &how, 0) < 0 && errno == EINTR)
        ;
    worker->pid = 0;
    worker->busy = false;
    return how;
}

/* ---- results of points ---- */

static size_t settled(const struct sweep_work *work)
{
    return work->done + work->elsewhere + work->failures;
}

static void tell(struct sweep *sweep, size_t point, const char *what)
{
    const struct sweep_work *work = sweep->work;
    char described[SWEEP_TEXT], line[2 * SWEEP_TEXT + 64];
    if (work->options->quiet)
        return;
    sweep_plan_describe(work->plan, point, described);
    snprintf(line, sizeof line, "point %zu: %s  %s", point + 1, described, what);
    progress_event(&sweep->progress, settled(work), work->count, line);
}

static void record_failure(const struct sweep_work *work, size_t point, const char *reason)
{
    char path[PATH], *text = NULL;
    struct error unwanted;
    char *command = sweep_plan_command(work->plan, point, work->options->results);
    const int length = asprintf(&text, "%s\n%s\n", reason, command ? command : "");
    if (length > 0)
        output_write(path_of(work, point, ".failed", path), NULL, text, (size_t)length, &unwanted);
    free(command);
    free(text);
}

static void fail(struct sweep *sweep, size_t point, const char *reason)
{
    struct sweep_work *work = sweep->work;
    char what[SWEEP_TEXT + 16];
    struct sweep_failure *more =
        realloc(work->failure, (work->failures + 1) * sizeof *work->failure);
    if (more) {
        work->failure = more;
        more[work->failures++] = (struct sweep_failure){point, strdup(reason)};
    }
    snprintf(what, sizeof what, "failed: %s", reason);
    tell(sweep, point, what);
}

static void release(struct sweep *sweep, size_t point)
{
    lease_release(&sweep->lessee, hash_of(sweep->work, point));
}

static void settle_finished(struct sweep *sweep, size_t point, const struct answer *answer)
{
    struct sweep_work *work = sweep->work;
    char path[PATH], what[SWEEP_TEXT + 32];
    unlink(path_of(work, point, ".failed", path));
    work->done++;
    work->diverged += answer->status == STATUS_DIVERGED;
    snprintf(what, sizeof what, "%s  %.2f s", answer->text, answer->seconds);
    tell(sweep, point, what);
}

static enum status finish(struct sweep *sweep, struct worker *worker, const struct answer *answer)
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
        record_failure(work, point, answer->text);
        fail(sweep, point, answer->text);
    }
    release(sweep, point);
    return status;
}

/* ---- giving out points ---- */

static void give(struct worker *worker, size_t point, int attempts)
{
    worker->busy = true;
    worker->late = false;
    worker->point = point;
    worker->attempts = attempts;
    worker->start = seconds_now();
    /* A worker that has just died is noticed by its closed socket. */
    (void)!send(worker->socket, &point, sizeof point, MSG_NOSIGNAL);
}

static struct old_failure failure_of(const struct sweep_work *work, size_t point)
{
    char path[PATH];
    struct stat about;
    if (stat(path_of(work, point, ".failed", path), &about) != 0)
        return (struct old_failure){0};
    return (struct old_failure){about.st_ino, about.st_mtim};
}

/* Whether another sweep failed at the point since this one began.  Then the file is another one;
 * times would not show it, since clocks can be set. */
static bool failed_elsewhere(const struct sweep *sweep, size_t point)
{
    const struct old_failure is = failure_of(sweep->work, point), was = sweep->old[point];
    return is.ino != 0 && (is.ino != was.ino || is.changed.tv_sec != was.changed.tv_sec ||
                           is.changed.tv_nsec != was.changed.tv_nsec);
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
        fail(sweep, point, "failed in another sweep on the folder; HASH.failed says why");
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
            status = start_worker(sweep, worker);
        if (status) {
            release(sweep, point);
            return status;
        }
        give(worker, point, 1);
    }
    return STATUS_OK;
}

/* ---- workers that die ---- */

/* Names of the temporary files of a point, see store_commit. */
static void remove_parts(const struct sweep_work *work, size_t point, pid_t pid)
{
    char path[PATH];
    const char *hash = hash_of(work, point);
    snprintf(path, sizeof path, "%s/.%s.part", work->folder, hash);
    unlink(path);
    snprintf(path, sizeof path, "%s/..%s.part.%ld.tmp", work->folder, hash, (long)pid);
    unlink(path);
}

static enum status bury(struct sweep *sweep, struct worker *worker)
{
    enum { ATTEMPTS = 2 };
    const struct sweep_work *work = sweep->work;
    const bool late = worker->late, busy = worker->busy;
    const pid_t pid = worker->pid;
    const int how = end_worker(worker), attempts = worker->attempts;
    struct answer failed = {.status = STATUS_FAILED};
    if (!busy)
        return STATUS_OK;
    remove_parts(work, worker->point, pid);
    if (sweep_has_point(work, worker->point)) /* died behind it */
        return finish(sweep, worker, &(struct answer){.text = "finished"});
    if (!late && attempts < ATTEMPTS) {
        enum status status = start_worker(sweep, worker);
        if (status)
            release(sweep, worker->point);
        else
            give(worker, worker->point, attempts + 1);
        return status;
    }
    const size_t size = sizeof failed.text;
    if (late)
        snprintf(failed.text, size, "took longer than the limit of %g s", work->options->limit);
    else if (WIFSIGNALED(how))
        snprintf(failed.text, size, "its process was ended by signal %d (%s), twice", WTERMSIG(how),
                 strsignal(WTERMSIG(how)));
    else
        snprintf(failed.text, size, "its process ended with code %d, twice", WEXITSTATUS(how));
    return finish(sweep, worker, &failed);
}

static enum status hear(struct sweep *sweep, struct worker *worker)
{
    struct answer answer;
    const ssize_t length = recv(worker->socket, &answer, sizeof answer, MSG_DONTWAIT);
    if (length == (ssize_t)sizeof answer)
        return finish(sweep, worker, &answer);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return STATUS_OK;
    return bury(sweep, worker);
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
    if (!status && interrupted())
        status = error_set(sweep->err, STATUS_INTERRUPTED, "interrupted");
    return status;
}

static void end_all(struct sweep *sweep)
{
    for (int i = 0; i < sweep->work->workers; i++) {
        struct worker *worker = &sweep->worker[i];
        const bool busy = worker->busy;
        const pid_t pid = worker->pid;
        end_worker(worker);
        if (busy) {
            sweep->work->done += sweep_has_point(sweep->work, worker->point); /* stored, unheard */
            remove_parts(sweep->work, worker->point, pid);
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
    for (size_t i = 0; i < work->count && !status; i++)
        sweep.old[work->todo[i]] = failure_of(work, work->todo[i]);
    lessee_open(&sweep.lessee, work->folder);
    progress_start(&sweep.progress, work->options->quiet);
    if (!status)
        status = loop(&sweep, poller);
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
}
