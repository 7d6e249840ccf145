#include "harness/report/gnuplot.h"

#include "core/text.h"
#include "harness/report/picture.h"
#include "harness/run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdbool.h>
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

/* ---- what the machine must have ---- */

/* The first line that a command prints; "" if it cannot run. */
static void first_line(const char *command, char *line, int size)
{
    FILE *in = popen(command, "r");
    if (!in || !fgets(line, size, in))
        line[0] = '\0';
    if (in)
        pclose(in);
    line[strcspn(line, "\n")] = '\0';
}

static enum status check_gnuplot(struct error *err)
{
    char line[128];
    int major = 0, minor = 0;
    first_line("gnuplot --version 2>/dev/null", line, sizeof line);
    if (sscanf(line, "gnuplot %d.%d", &major, &minor) != 2)
        return error_set(err, STATUS_SYSTEM, "gnuplot is not installed (Debian: gnuplot-nox)");
    if (major < 5 || (major == 5 && minor < 4))
        return error_set(err, STATUS_SYSTEM, "%s is too old; 5.4 or later is needed", line);
    return STATUS_OK;
}

/* Without fonts gnuplot draws pictures without text and says nothing. */
static enum status check_fonts(struct error *err)
{
    char line[256];
    first_line("command -v fc-match >/dev/null || echo unknown; "
               "fc-match --format '%{family}\n' 'DejaVu Sans' 2>/dev/null",
               line, sizeof line);
    if (line[0])
        return STATUS_OK;
    return error_set(err, STATUS_SYSTEM,
                     "there are no fonts, so pictures would have no text; install some (Debian: "
                     "fonts-dejavu-core), or mend the settings of fontconfig");
}

enum status gnuplot_check(struct error *err)
{
    const enum status status = check_gnuplot(err);
    return status ? status : check_fonts(err);
}

/* ---- gnuplot ---- */

/* A stream from gnuplot: all of it. */
struct stream {
    int pipe[2];
    FILE *out; /* into text */
    char *text;
    size_t size;
};

static bool stream_open(struct stream *s)
{
    s->pipe[0] = s->pipe[1] = -1;
    s->text = NULL;
    s->out = open_memstream(&s->text, &s->size);
    return s->out && pipe2(s->pipe, O_CLOEXEC) == 0;
}

static void close_end(struct stream *s, int end)
{
    if (s->pipe[end] >= 0)
        close(s->pipe[end]);
    s->pipe[end] = -1;
}

/* Read a piece; at the end the pipe is closed. */
static void stream_read(struct stream *s)
{
    char piece[65536];
    ssize_t n;
    do
        n = read(s->pipe[0], piece, sizeof piece);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        fwrite(piece, 1, (size_t)n, s->out);
    else
        close_end(s, 0);
}

/* Whether all of it is in the text, which is the caller's then. */
static bool stream_end(struct stream *s)
{
    const bool good = !ferror(s->out) & (fclose(s->out) == 0);
    s->out = NULL;
    return good;
}

static void stream_free(struct stream *s)
{
    close_end(s, 0);
    close_end(s, 1);
    if (s->out)
        fclose(s->out);
    free(s->text);
}

/* The child: gnuplot without the user's settings. */
static _Noreturn void become_gnuplot(const char *script, const struct stream *picture,
                                     const struct stream *said)
{
    dup2(said->pipe[1], STDERR_FILENO);
    dup2(said->pipe[1], STDOUT_FILENO);
    fcntl(picture->pipe[1], F_SETFD, 0);
    execlp("gnuplot", "gnuplot", "-d", script, (char *)NULL);
    dprintf(STDERR_FILENO, "%s", strerror(errno));
    _exit(127);
}

/* Run gnuplot on a script; returns its wait status, or -1 if it could not start. */
static int run_gnuplot(const char *script, struct stream *picture, struct stream *said)
{
    int status = -1;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0)
        become_gnuplot(script, picture, said);
    close_end(picture, 1);
    close_end(said, 1);
    while (child > 0 && (picture->pipe[0] >= 0 || said->pipe[0] >= 0)) {
        struct pollfd ready[] = {{.fd = picture->pipe[0], .events = POLLIN},
                                 {.fd = said->pipe[0], .events = POLLIN}};
        if (poll(ready, 2, -1) < 0)
            continue;
        if (ready[0].revents)
            stream_read(picture);
        if (ready[1].revents)
            stream_read(said);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

/* gnuplot's words in one line: those after the place that it points to, if any. */
static void join_lines(const struct stream *said, char *line, size_t size)
{
    size_t used = 0;
    line[0] = '\0';
    for (const char *c = said->text; c && *c; c += strspn(c, "\n")) {
        const size_t length = strcspn(c, "\n");
        if (used + 1 < size && strspn(c, " ^") < length)
            used += (size_t)snprintf(line + used, size - used, "%s%.*s", used ? " " : "",
                                     (int)length, c);
        c += length;
    }
}

static enum status draw(const char *script, struct stream *picture, struct stream *said,
                        const char *out, const char *format, struct error *err)
{
    char name[32], words[512];
    if (!stream_open(picture) || !stream_open(said))
        return error_set(err, STATUS_SYSTEM, "cannot start gnuplot: %s", strerror(errno));
    snprintf(name, sizeof name, "/dev/fd/%d", picture->pipe[1]);
    setenv("DUET_OUT", name, 1);
    const int how = run_gnuplot(script, picture, said);
    if (!stream_end(picture) || !stream_end(said))
        return error_memory(err, "%s", out);
    join_lines(said, words, sizeof words);
    if (how != 0)
        return error_set(err, STATUS_SYSTEM, "%s: %s: gnuplot failed: %s", out, script,
                         *words ? words : "no message");
    enum status status = picture_finish(format, out, &picture->text, &picture->size, err);
    if (!status && *words) {
        struct error warning;
        error_set(&warning, STATUS_OK, "%s: gnuplot warns: %s", out, words);
        print_problem(&warning);
    }
    return status;
}

enum status gnuplot_draw(const char *script, const char *file, const char *out, const char *format,
                         struct error *err)
{
    char program[RUN_PATH], style[RUN_PATH], path[RUN_PATH];
    struct stream picture = {0}, said = {0};
    find_program(program);
    enum status status = find_shared_file("plots/style.gp", style, err);
    if (!status)
        status = find_shared_file(script, path, err);
    if (!status)
        status = gnuplot_check(err);
    if (status)
        return status;
    setenv("DUET", *program ? program : "duet", 1);
    setenv("DUET_FILE", file, 1);
    setenv("DUET_FORMAT", format, 1);
    setenv("DUET_STYLE", style, 1);
    setenv("LC_ALL", "C.UTF-8", 1); /* points in numbers, in awk and sort too */
    picture.pipe[0] = picture.pipe[1] = said.pipe[0] = said.pipe[1] = -1;
    status = draw(path, &picture, &said, out, format, err);
    if (!status)
        status = output_write(out, picture_kind(format), picture.text, picture.size, err);
    stream_free(&picture);
    stream_free(&said);
    return status;
}
