/* Errors with context.
 *
 * Library code neither prints nor exits: a function that can fail returns a `status` and writes
 * one sentence into the caller's `struct error`.  The command line turns it into
 * `duet: FILE:LINE:COLUMN: what is wrong; what would be right` and an exit code. */
#pragma once

enum status {
    STATUS_OK = 0,
    STATUS_FAILED,      /* a check failed                                   exit 1 */
    STATUS_INVALID,     /* bad input                                        exit 2 */
    STATUS_SYSTEM,      /* the machine refused: memory, files, libraries    exit 2 */
    STATUS_DIVERGED,    /* a run produced NaN or overflowed                 exit 3 */
    STATUS_INTERRUPTED, /* the user stopped it                              exit 130 */
};

struct error {
    enum status status;
    int number;         /* errno where the system refused to write, 0 elsewhere */
    char key[96];       /* spec key that is to blame, such as "data.children"; "" if none */
    char message[1024]; /* what is wrong; what would be right */
};

/* Fill `err` and return `status`.  `err` may be NULL where the message is not needed. */
enum status error_set(struct error *err, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for bad input under the spec key `key`: STATUS_INVALID. */
enum status error_key(struct error *err, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* STATUS_SYSTEM, "no memory for WHAT". */
enum status error_memory(struct error *err, const char *what, ...)
    __attribute__((format(printf, 2, 3)));

/* Put "context: " in front of the message and return the status that `err` holds. */
enum status error_context(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Exit code of a status, in the order above: 0, 1, 2, 2, 3, 130. */
int error_exit_code(enum status status);
