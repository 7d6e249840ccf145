/* Text that the program prints, for people and into memory, and the exit codes that follow. */
#pragma once

#include "core/error.h"

#include <stddef.h>
#include <stdio.h>

/* Text from a file, with control characters shown as '?': they could change a terminal or break a
 * line of a table. */
void print_plain(FILE *out, const char *text);

/* "21 x 5", or "scalar"; returns the width. */
int print_shape(FILE *out, int rank, const size_t *shape);

/* Close what open_memstream opened (NULL: it failed); an error, "no memory for WHAT", unless all
 * that was printed is in memory. */
enum status close_text(FILE *out, const char *what, struct error *err);

/* Flush stdout and return the exit code: 0, or 2 if this or an earlier write failed (`failure` is
 * its errno, 0 if none did).  A full disk gets a message, a reader that closed its pipe does not.
 */
int print_finish(int failure);

/* Print `duet: MESSAGE` on stderr, and go on. */
void print_problem(const struct error *err);

/* Print `duet: MESSAGE` on stderr and return the exit code of the error. */
int command_fail(const struct error *err);
