#include "harness/sweep/sweep_trial.h"

#include "harness/run/experiment.h"
#include "harness/run/progress.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRIALS = 3 };
static const double check_seconds = 10, trial_seconds = 0.25, patience = 5;

/* The child sends it again whenever it knows more. */
struct report {
    struct sweep_trial trial;
    struct error err; /* status 0: none */
    bool checked;     /* the rest is about time */
};

/* ---- in the child: fit and memory ---- */

static enum status check_point(const struct sweep_plan *plan, size_t point, int threads,
                               struct sweep_trial *trial, struct error *err)
{
    struct spec spec;
    struct experiment e;
    enum status status = sweep_plan_spec(plan, point, &spec, err);
    if (status)
        return status;
    status = experiment_open(&e, &spec, threads, err);
    const size_t size = experiment_bytes(&e);
    trial->bytes = size > trial->bytes ? size : trial->bytes;
    if (!status)
        experiment_remarks(&e, &trial->remarks);
    experiment_free(&e);
    spec_free(&spec);
    if (status)
        sweep_plan_locate(plan, point, err);
    return status;
}

/* The first point of every kind, in order; `index` is its place in `todo`. */
static struct sweep_point *find_kinds(const struct sweep_plan *plan, const size_t *todo,
                                      size_t count, size_t *kinds)
{
    struct sweep_point *kind = malloc((count + 1) * sizeof *kind);
    for (size_t i = 0; kind && i < count; i++) {
        kind[i].index = i;
        memcpy(kind[i].hash, plan->point[todo[i]].kind, sizeof kind[i].hash);
    }
    *kinds = kind ? sweep_distinct(kind, count) : 0;
    return kind;
}

/* A point that needs too much memory fails by itself when it is run.  It is an error here only if
 * all of them do. */
static void check(const struct sweep_plan *plan, const size_t *todo, size_t count, int threads,
                  struct report *report)
{
    const double start = seconds_now();
    struct sweep_trial *trial = &report->trial;
    struct sweep_point *kind = find_kinds(plan, todo, count, &trial->kinds);
    size_t too_large = 0;
    for (; kind && trial->checked < trial->kinds && seconds_now() - start < check_seconds;
         trial->checked++) {
        struct error err = {0};
        enum status status =
            check_point(plan, todo[kind[trial->checked].index], threads, trial, &err);
        too_large += status == STATUS_SYSTEM;
        if (status)
            report->err = err;
        if (status && status != STATUS_SYSTEM)
            break;
    }
    if (report->err.status == STATUS_SYSTEM && too_large < trial->checked)
        report->err = (struct error){0};
    free(kind);
}

/* ---- in the child: time ---- */

struct stopwatch {
    double start, first; /* when training started */
    double whole;        /* expected time of training */
};

static void begun(void *context, const struct experiment *e, uint64_t step, uint64_t steps)
{
    struct stopwatch *watch = context;
    (void)e, (void)steps;
    if (step == 0)
        watch->first = seconds_now();
}

static bool go_on(void *context, const struct experiment *e, uint64_t step, uint64_t steps)
{
    struct stopwatch *watch = context;
    (void)e;
    if (step > 0)
        watch->whole = (seconds_now() - watch->first) * (double)steps / (double)step;
    return step == 0 || seconds_now() - watch->start < trial_seconds;
}

/* Seconds of a point: measured, or extrapolated from the part that was run. */
static double try_point(const struct sweep_plan *plan, size_t point, int threads)
{
    struct spec spec;
    struct experiment e;
    struct error err;
    struct stopwatch watch = {.start = seconds_now(), .first = seconds_now()};
    struct observer observer = {.measured = begun, .training = go_on, .context = &watch};
    if (sweep_plan_spec(plan, point, &spec, &err))
        return -1;
    enum status status = experiment_open(&e, &spec, threads, &err);
    if (!status)
        status = experiment_run(&e, &observer, &err);
    double seconds = seconds_now() - watch.start;
    if (status == STATUS_INTERRUPTED) { /* measuring before training took until `first` */
        const double measuring = watch.first - watch.start;
        seconds = watch.whole + measuring * (double)e.record.points;
    }
    experiment_free(&e);
    spec_free(&spec);
    return status && status != STATUS_INTERRUPTED && status != STATUS_DIVERGED ? -1 : seconds;
}

static void send_report(int socket, const struct report *report)
{
    if (send(socket, report, sizeof *report, MSG_NOSIGNAL) < 0)
        _exit(1);
}

static void child(const struct sweep_plan *plan, const size_t *todo, size_t count, int threads,
                  bool time, int socket)
{
    struct report report = {0};
    signal(SIGINT, SIG_IGN); /* the parent ends this process */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    check(plan, todo, count, threads, &report);
    report.checked = true;
    send_report(socket, &report);
    for (size_t i = 0; time && !report.err.status && i < TRIALS && i < count; i++) {
        const size_t last = (count < TRIALS ? count : TRIALS) - 1;
        const double seconds = try_point(plan, todo[last ? i * (count - 1) / last : 0], threads);
        if (seconds < 0)
            continue;
        struct sweep_trial *trial = &report.trial;
        trial->seconds += (seconds - trial->seconds) / (double)++trial->tried;
        send_report(socket, &report);
    }
    _exit(0);
}

/* ---- in the parent ---- */

/* The last report of the child; once all is checked, wait no longer than patience allows. */
static void listen_to(int socket, struct report *report)
{
    double deadline = 0;
    for (;;) {
        struct pollfd poller = {.fd = socket, .events = POLLIN};
        struct report more;
        const int wait = deadline > 0 ? (int)(1000 * (deadline - seconds_now())) : -1;
        if (deadline > 0 && wait <= 0)
            return;
        if (poll(&poller, 1, wait) <= 0)
            return; /* too long, or interrupted */
        if (recv(socket, &more, sizeof more, 0) != (ssize_t)sizeof more)
            return;
        *report = more;
        if (deadline == 0)
            deadline = seconds_now() + patience;
    }
}

enum status sweep_try(const struct sweep_plan *plan, const size_t *todo, size_t count, int threads,
                      bool time, struct sweep_trial *trial, struct error *err)
{
    int ends[2];
    struct report report = {0};
    *trial = (struct sweep_trial){0};
    if (count == 0)
        return STATUS_OK;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return error_set(err, STATUS_SYSTEM, "cannot start a process: no socket");
    const pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        child(plan, todo, count, threads, time, ends[1]);
    }
    close(ends[1]);
    if (pid > 0) {
        listen_to(ends[0], &report);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    close(ends[0]);
    *trial = report.trial;
    if (pid < 0)
        return error_set(err, STATUS_SYSTEM, "cannot start a process");
    if (report.err.status)
        *err = report.err;
    return report.err.status;
}
