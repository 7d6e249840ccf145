#include "harness/report/gnuplot.h"

#include "harness/run/run.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- files that are part of duet ---- */

/* Path of the running program; "" where it is unknown. */
static void find_program(char path[RUN_PATH])
{
    ssize_t length = readlink("/proc/self/exe", path, RUN_PATH - 1);
    path[length > 0 ? length : 0] = '\0';
}

enum status find_shared_file(const char *name, char *path, struct error *err)
{
    char program[RUN_PATH];
    find_program(program);
    const char *share = getenv("DUET_SHARE"), *folder = dirname(program); /* of "": "." */
    const char *const places[][2] = {
        {share ? share : ".", ""}, {".", ""}, {folder, "/.."}, {folder, "/../share/duet"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int length = snprintf(path, RUN_PATH, "%s%s/%s", places[i][0], places[i][1], name);
        if (length < RUN_PATH && access(path, R_OK) == 0)
            return STATUS_OK;
    }
    return error_set(err, STATUS_SYSTEM,
                     "%s: not found; run in duet's folder or set DUET_SHARE to it", name);
}

/* ---- gnuplot ---- */

/* Run gnuplot on a script and keep its output for the error message. */
static enum status run_gnuplot(const char *script, struct error *err)
{
    fflush(stdout);
    int pipes[2];
    if (pipe(pipes) != 0)
        return error_set(err, STATUS_SYSTEM, "cannot start gnuplot: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0) {
        dup2(pipes[1], STDERR_FILENO);
        dup2(pipes[1], STDOUT_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        execlp("gnuplot", "gnuplot", script, (char *)NULL);
        dprintf(STDERR_FILENO, "%s",
                errno == ENOENT ? "gnuplot is not installed (Debian: gnuplot-nox)"
                                : strerror(errno));
        _exit(127);
    }
    close(pipes[1]);
    char said[512] = "", rest[256];
    size_t used = 0;
    ssize_t n;
    while (child > 0 &&
           (n = used + 1 < sizeof said ? read(pipes[0], said + used, sizeof said - 1 - used)
                                       : read(pipes[0], rest, sizeof rest)) > 0)
        used += used + 1 < sizeof said ? (size_t)n : 0;
    close(pipes[0]);
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) < 0 || status != 0) {
        for (char *c = said; *c; c++)
            *c = *c == '\n' ? ' ' : *c;
        return error_set(err, STATUS_SYSTEM, "%s: gnuplot failed: %s", script,
                         *said ? said : "no message");
    }
    return STATUS_OK;
}

enum status gnuplot_draw(const char *script, const char *file, const char *out, const char *format,
                         struct error *err)
{
    char program[RUN_PATH], style[RUN_PATH], path[RUN_PATH];
    find_program(program);
    enum status status = find_shared_file("plots/style.gp", style, err);
    if (!status)
        status = find_shared_file(script, path, err);
    if (status)
        return status;
    setenv("DUET", *program ? program : "duet", 1);
    setenv("DUET_FILE", file, 1);
    setenv("DUET_OUT", out, 1);
    setenv("DUET_FORMAT", format, 1);
    setenv("DUET_STYLE", style, 1);
    return run_gnuplot(path, err);
}
