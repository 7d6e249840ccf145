#include "store/isolate.h"

#include "core/text.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void serve(pid_t parent, int (*run)(int, char **), int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
    exit(run(argc, argv));
}

static bool is_crash(int ended_by)
{
    const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        if (crashes[i] == ended_by)
            return true;
    return false;
}

static int after_death(const char *command, int ended_by)
{
    struct error err;
    if (is_crash(ended_by)) {
        error_set(&err, STATUS_INVALID,
                  "%s: HDF5 crashed (%s): the file that it was reading is damaged", command,
                  strsignal(ended_by));
        return command_fail(&err);
    }
    signal(ended_by, SIG_DFL);
    raise(ended_by);
    error_set(&err, STATUS_SYSTEM, "%s: was ended (%s)", command, strsignal(ended_by));
    return command_fail(&err);
}

int isolate(int (*run)(int argc, char **argv), int argc, char **argv)
{
    const pid_t parent = getpid();
    int how = 0;
    fflush(NULL); /* buffered output must not be written by both */
    const pid_t child = fork();
    if (child == 0)
        serve(parent, run, argc, argv);
    if (child < 0)
        return run(argc, argv);
    while (waitpid(child, &how, 0) < 0 && errno == EINTR)
        continue;
    return WIFSIGNALED(how) ? after_death(argv[0], WTERMSIG(how)) : WEXITSTATUS(how);
}
