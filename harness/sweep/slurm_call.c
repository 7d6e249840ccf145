#include "harness/sweep/slurm_call.h"

#include "harness/run/progress.h"
#include "harness/sweep/slurm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static enum status no_command(struct error *err, const char *name, int why)
{
    return error_set(
        err, STATUS_SYSTEM,
        "%s: %s; --slurm needs the commands of Slurm on the PATH, without it the sweep "
        "runs on this machine",
        name, why == ENOENT ? "there is no such command" : strerror(why));
}

/* The text in `file`, ended by a zero; NULL for lack of memory. */
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

enum status slurm_call(const char *const *argument, struct slurm_output *output, struct error *err)
{
    pid_t pid;
    char *said = NULL;
    const int out = memfd_create("output", MFD_CLOEXEC), errors = memfd_create("said", MFD_CLOEXEC);
    int why = out < 0 || errors < 0 ? errno : 0;
    *output = (struct slurm_output){0};
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
