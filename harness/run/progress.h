/* Progress of long work on stderr: one line that is rewritten on a terminal, plain lines elsewhere
 * and on a terminal that cannot rewrite (TERM=dumb), nothing where quiet. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    bool quiet, terminal;
    double start;    /* seconds */
    uint64_t before; /* done before the start, by an earlier process */
    double shown;    /* when the terminal line was last rewritten */
};

void progress_start(struct progress *progress, bool quiet);

/* A moment of the work: on a terminal the line is rewritten at most ten times a second, with the
 * time left, and cut to the width of the terminal; elsewhere nothing is printed. */
void progress_update(struct progress *progress, uint64_t done, uint64_t all, const char *what);

/* A milestone, worth a line of its own where there is no terminal. */
void progress_line(struct progress *progress, uint64_t done, uint64_t all, const char *what);

/* Something that happened: a line that stays, on a terminal too.  Control characters are shown as
 * '?'. */
void progress_event(struct progress *progress, uint64_t done, uint64_t all, const char *what);

/* Clear the terminal line. */
void progress_end(struct progress *progress);

/* Columns of the terminal at this moment: as the system or else the variable COLUMNS says, or 80.
 */
int progress_columns(void);

/* Bytes of the longest beginning of `text` of at most so many characters of UTF-8, each a column
 * wide. */
size_t progress_cut(const char *text, int columns);

/* Of the monotonic clock. */
double seconds_now(void);

double progress_seconds(const struct progress *progress);

/* From now on Ctrl-C, SIGTERM and SIGUSR1, which Slurm can send before the end of a job's time, set
 * a flag instead of ending the program; a second Ctrl-C or SIGTERM ends it. */
void interrupt_catch(void);
bool interrupted(void);
int interrupt_signal(void); /* the first of them; 0: none */

/* In a child process whose parent heeds the user: SIGTERM sets the flag, however often it comes,
 * since a group of processes gets it from others too; Ctrl-C and SIGUSR1 do nothing. */
void interrupt_by_parent(void);
