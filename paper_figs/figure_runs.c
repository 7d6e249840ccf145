#include "paper_figs/figure_runs.h"

#include "harness/report/gnuplot.h"
#include "harness/run/progress.h"
#include "harness/spec/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_WORKERS = 64, ARGUMENTS = 32 };

struct pool {
    const struct figure_job *job;
    char spec[RUN_PATH], program[RUN_PATH];
    struct {
        pid_t pid;
        const struct figure_run *run;
    } worker[MAX_WORKERS];
    int workers, busy;
    size_t done, total;
    struct progress progress;
    struct error *err;
};

static size_t override_count(const struct figure_run *run)
{
    size_t count = 0;
    while (count < sizeof run->overrides / sizeof *run->overrides && run->overrides[count])
        count++;
    return count;
}

/* The path of the run's result; *missing: whether it is still to be done. */
static enum status find_result(const struct pool *p, struct figure_run *run, bool *missing)
{
    struct spec spec;
    enum status status = spec_load(&spec, p->spec, run->overrides, override_count(run), p->err);
    if (status)
        return status;
    snprintf(run->path, sizeof run->path, "%s/%s/%s.h5", p->job->results, spec.name, spec.hash);
    *missing = !run_is_complete(run->path, spec.hash);
    spec_free(&spec);
    return STATUS_OK;
}

static enum status start(struct pool *p, const struct figure_run *run)
{
    char *arguments[ARGUMENTS] = {p->program, "run",      "--quiet",         "--threads",
                                  "1",        "--output", (char *)run->path, p->spec};
    size_t count = 8;
    for (size_t i = 0; i < override_count(run); i++)
        arguments[count++] = (char *)run->overrides[i];
    arguments[count] = NULL;
    int i = 0;
    while (p->worker[i].pid) /* one worker is free */
        i++;
    posix_spawn_file_actions_t silent; /* a failure is reported once, by this process */
    posix_spawn_file_actions_init(&silent);
    posix_spawn_file_actions_addopen(&silent, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int code = posix_spawn(&p->worker[i].pid, p->program, &silent, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&silent);
    if (code) {
        p->worker[i].pid = 0;
        return error_set(p->err, STATUS_SYSTEM, "cannot start %s: %s", p->program, strerror(code));
    }
    p->worker[i].run = run;
    p->busy++;
    return STATUS_OK;
}

static enum status ended(struct pool *p, const struct figure_run *run, int code)
{
    char what[160];
    const char *name = strrchr(run->path, '/');
    if (WIFEXITED(code) && (WEXITSTATUS(code) == error_exit_code(STATUS_OK) ||
                            WEXITSTATUS(code) == error_exit_code(STATUS_DIVERGED))) {
        snprintf(what, sizeof what, "run %.120s", name ? name + 1 : run->path);
        progress_line(&p->progress, ++p->done, p->total, what);
        return STATUS_OK;
    }
    if (WIFEXITED(code) && WEXITSTATUS(code) == error_exit_code(STATUS_INTERRUPTED))
        return error_set(p->err, STATUS_INTERRUPTED,
                         "interrupted; the same command goes on where it was");
    char overrides[512] = "";
    for (size_t i = 0, used = 0; i < override_count(run) && used < sizeof overrides; i++)
        used +=
            (size_t)snprintf(overrides + used, sizeof overrides - used, " '%s'", run->overrides[i]);
    return error_set(p->err, STATUS_SYSTEM,
                     "a run of the figure ended with %s %d; `duet run %s%s` shows why",
                     WIFEXITED(code) ? "code" : "signal",
                     WIFEXITED(code) ? WEXITSTATUS(code) : WTERMSIG(code), p->spec, overrides);
}

/* Wait for one worker to end. */
static enum status wait_for_one(struct pool *p)
{
    int code;
    pid_t pid;
    do
        pid = waitpid(-1, &code, 0);
    while (pid < 0 && errno == EINTR);
    for (int i = 0; i < p->workers; i++)
        if (pid > 0 && p->worker[i].pid == pid) {
            p->worker[i].pid = 0;
            p->busy--;
            return ended(p, p->worker[i].run, code);
        }
    return pid > 0 ? STATUS_OK
                   : error_set(p->err, STATUS_SYSTEM, "lost a run: %s", strerror(errno));
}

static enum status run_missing(struct pool *p, const struct figure_run **missing, size_t count)
{
    enum status status = STATUS_OK;
    p->total = count;
    for (size_t i = 0; i < count && !status; i++) {
        while (p->busy == p->workers && !status)
            status = wait_for_one(p);
        if (!status)
            status = start(p, missing[i]);
    }
    while (p->busy > 0) { /* also after a failure */
        enum status last = wait_for_one(p);
        status = status ? status : last;
        if (last == STATUS_SYSTEM && p->busy > 0 && errno == ECHILD)
            break;
    }
    return status;
}

enum status figure_runs(const struct figure_job *job, struct figure_run *runs, size_t count,
                        struct error *err)
{
    struct pool pool = {.job = job, .err = err};
    const struct figure_run **missing = calloc(count + 1, sizeof *missing);
    size_t todo = 0;
    ssize_t length = readlink("/proc/self/exe", pool.program, sizeof pool.program - 1);
    enum status status = find_shared_file(job->spec, pool.spec, err);
    if (!missing && !status)
        status = error_memory(err, "runs");
    if (length < 0 && !status)
        status = error_set(err, STATUS_SYSTEM, "cannot find the program: %s", strerror(errno));
    pool.workers = job->threads < MAX_WORKERS ? job->threads : MAX_WORKERS;
    for (size_t i = 0; i < count && !status; i++) {
        bool is_missing = false;
        status = find_result(&pool, &runs[i], &is_missing);
        for (size_t k = 0; k < todo && is_missing; k++) /* equal runs are one */
            is_missing = strcmp(missing[k]->path, runs[i].path) != 0;
        if (is_missing && !status)
            missing[todo++] = &runs[i];
    }
    progress_start(&pool.progress, job->quiet || todo == 0);
    interrupt_catch();
    if (!status)
        status = run_missing(&pool, missing, todo);
    progress_end(&pool.progress);
    free(missing);
    return status;
}
