#include "harness/run/progress.h"

#include "core/text.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void progress_start(struct progress *progress, bool quiet)
{
    const char *kind = getenv("TERM");
    const bool rewrites = kind && *kind && strcmp(kind, "dumb") != 0;
    *progress = (struct progress){
        .quiet = quiet, .terminal = rewrites && isatty(STDERR_FILENO) == 1, .start = seconds_now()};
}

int progress_columns(void)
{
    enum { LEAST = 2, USUAL = 80 };
    struct winsize size;
    const char *given = getenv("COLUMNS");
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col > LEAST ? size.ws_col : LEAST;
    const int columns = given ? atoi(given) : 0;
    return columns >= LEAST ? columns : USUAL;
}

size_t progress_cut(const char *text, int columns)
{
    const char *end = text;
    for (int used = 0; *end; end++) {
        const bool starts = ((unsigned char)*end & 0xc0) != 0x80; /* a character */
        if (starts && used++ == columns)
            break;
    }
    return (size_t)(end - text);
}

double progress_seconds(const struct progress *progress)
{
    return seconds_now() - progress->start;
}

static void put_left(FILE *out, const struct progress *progress, uint64_t done, uint64_t all)
{
    double seconds = progress_seconds(progress);
    const uint64_t now = done > progress->before ? done - progress->before : 0;
    double left = now > 0 ? seconds * (double)(all - done) / (double)now : 0;
    fprintf(out, "%3.0f%%  ", all > 0 ? 100 * (double)done / (double)all : 100);
    if (now == 0 && done < all)
        fprintf(out, "%6.1f s gone  ", seconds);
    else if (left < 120)
        fprintf(out, "%6.1f s left  ", left);
    else if (left < 7200)
        fprintf(out, "%6.1f min left  ", left / 60);
    else
        fprintf(out, "%6.1f h left  ", left / 3600);
}

enum { LINE = 512 };

void progress_update(struct progress *progress, uint64_t done, uint64_t all, const char *what)
{
    double seconds = progress_seconds(progress);
    if (progress->quiet || !progress->terminal || seconds - progress->shown < 0.1)
        return;
    progress->shown = seconds;
    char line[LINE] = "";
    FILE *out = fmemopen(line, sizeof line - 1, "w");
    if (!out)
        return;
    put_left(out, progress, done, all);
    fputs(what, out);
    fclose(out);
    /* the last column is left free: some terminals begin a new line behind it */
    fprintf(stderr, "\r\033[K%.*s", (int)progress_cut(line, progress_columns() - 1), line);
    fflush(stderr);
}

void progress_line(struct progress *progress, uint64_t done, uint64_t all, const char *what)
{
    if (progress->quiet)
        return;
    if (progress->terminal) {
        progress->shown = -1;
        progress_update(progress, done, all, what);
        return;
    }
    put_left(stderr, progress, done, all);
    fprintf(stderr, "%s\n", what);
}

void progress_event(struct progress *progress, uint64_t done, uint64_t all, const char *what)
{
    if (progress->quiet)
        return;
    if (progress->terminal)
        fputs("\r\033[K", stderr);
    else
        put_left(stderr, progress, done, all);
    print_plain(stderr, what);
    fputc('\n', stderr);
    if (progress->terminal)
        progress_line(progress, done, all, "");
}

void progress_end(struct progress *progress)
{
    if (!progress->quiet && progress->terminal)
        fprintf(stderr, "\r\033[K");
}

/* ---- interrupts ---- */

static volatile sig_atomic_t asked;

static void ask(int signal)
{
    if (!asked)
        asked = signal;
}

void interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = ask};
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    action.sa_flags = (int)SA_RESETHAND;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void interrupt_by_parent(void)
{
    struct sigaction action = {.sa_handler = ask};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
}

int interrupt_signal(void)
{
    return asked;
}

bool interrupted(void)
{
    return asked != 0;
}
