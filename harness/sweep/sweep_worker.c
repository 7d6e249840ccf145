#include "harness/sweep/sweep_worker.h"

#include "harness/run/checkpoint.h"
#include "harness/run/result.h"
#include "store/output.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH = RUN_PATH + 64 };

/* ---- in the process of the worker ---- */

static bool keep_going(void *context, const struct experiment *e, uint64_t step, uint64_t steps)
{
    (void)context, (void)e, (void)step, (void)steps;
    return !interrupted();
}

static void send_note(void *context, const char *what)
{
    const int *socket = context;
    struct worker_message message = {.note = true};
    snprintf(message.text, sizeof message.text, "%s", what);
    (void)!send(*socket, &message, sizeof message, MSG_NOSIGNAL);
}

/* Rename a complete file, unless the point's sound result has the name already: finished files stay
 * as they are. */
static enum status publish(const char *from, const char *to, const char *hash, struct error *err)
{
    const bool done = output_move(from, to) ||
                      result_is_finished(to, hash) || /* the same numbers, from another process */
                      rename(from, to) == 0;
    const int why = errno;
    unlink(from);
    if (done)
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

/* Store a complete or diverged run, and say so. */
static enum status store_point(const struct sweep_work *work, const struct experiment *e,
                               const char *path, enum status outcome, struct worker_message *answer,
                               struct error *err)
{
    char part[PATH];
    struct error problem;
    if (outcome == STATUS_DIVERGED)
        snprintf(answer->text, sizeof answer->text, "diverged at %.256s", e->detail);
    else
        record_brief(&e->record, answer->text, SWEEP_TEXT);
    snprintf(part, sizeof part, "%s/.%s.part", work->folder, e->spec->hash);
    if (experiment_store(e, part, &problem) || publish(part, path, e->spec->hash, &problem)) {
        *err = problem;
        answer->refused = is_refusal(&problem);
        return problem.status;
    }
    checkpoint_remove(path);
    return outcome;
}

static enum status run_point(const struct sweep_work *work, size_t point, int socket,
                             struct worker_message *answer, struct error *err)
{
    char path[PATH];
    struct spec spec;
    struct experiment e;
    const struct observer observer = {.training = keep_going, .context = &socket};
    struct checkpointed run = {.result = path, .observer = &observer, .tell = send_note};
    enum status status = sweep_plan_spec(work->plan, point, &spec, err);
    if (status)
        return status;
    sweep_plan_path(work->plan, work->folder, point, ".h5", path, sizeof path);
    status = experiment_open(&e, &spec, work->options->threads, err);
    if (!status)
        status = checkpoint_run(&e, &run, err);
    answer->again = run.refused;
    answer->saved = run.kept;
    if (status == STATUS_INTERRUPTED && err->key[0]) /* by a setting: the point has failed */
        status = err->status = STATUS_INVALID;
    if (!status || status == STATUS_DIVERGED)
        status = store_point(work, &e, path, status, answer, err);
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
        struct worker_message answer = {0};
        struct error err = {0};
        const double start = seconds_now();
        answer.status = run_point(work, point, socket, &answer, &err);
        answer.seconds = seconds_now() - start;
        if (answer.status && answer.status != STATUS_DIVERGED)
            snprintf(answer.text, sizeof answer.text, "%s", err.message);
        if (send(socket, &answer, sizeof answer, MSG_NOSIGNAL) < 0)
            break;
    }
    _exit(0);
}

/* ---- in the process of the sweep ---- */

enum status worker_start(struct worker *worker, const struct sweep_work *work,
                         const struct worker *others, int count, struct error *err)
{
    int ends[2];
    const pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return error_set(err, STATUS_SYSTEM, "cannot start a worker: %s", strerror(errno));
    fflush(NULL);
    worker->pid = fork();
    if (worker->pid == 0) {
        interrupt_by_parent();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        for (int i = 0; i < count; i++)
            if (others[i].pid > 0 && &others[i] != worker)
                close(others[i].socket);
        close(ends[0]);
        serve(work, ends[1]);
    }
    close(ends[1]);
    worker->socket = ends[0];
    worker->busy = worker->late = false;
    if (worker->pid > 0)
        return STATUS_OK;
    close(ends[0]);
    worker->pid = 0;
    return error_set(err, STATUS_SYSTEM, "cannot start a worker: %s", strerror(errno));
}

int worker_end(struct worker *worker)
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

void worker_give(struct worker *worker, size_t point, int attempts)
{
    worker->busy = true;
    worker->late = false;
    worker->point = point;
    worker->attempts = attempts;
    worker->start = seconds_now();
    (void)!send(worker->socket, &point, sizeof point, MSG_NOSIGNAL);
}

void worker_remove_parts(const struct sweep_work *work, size_t point, pid_t pid)
{
    char path[PATH];
    const char *hash = work->plan->point[point].hash;
    snprintf(path, sizeof path, "%s/.%s.part", work->folder, hash);
    unlink(path);
    snprintf(path, sizeof path, "%s/..%s.part.%ld.tmp", work->folder, hash, (long)pid);
    unlink(path); /* see store_commit */
    snprintf(path, sizeof path, "%s/.%s.checkpoint.%ld.tmp", work->folder, hash, (long)pid);
    unlink(path);
}
