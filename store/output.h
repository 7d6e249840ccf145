/* Files that duet writes: each comes whole under its name or not at all, and replaces only a file
 * that duet has written.
 *
 * The bytes go to FOLDER/.NAME.PID.tmp, are flushed, and renamed.  Missing folders are made.  A
 * symbolic link is followed, and the file that it names is replaced; the new file has the
 * permissions of the old one.  A device or pipe, such as /dev/null or /dev/stdout, gets the bytes.
 *
 * A file that is there is replaced if it is empty, holds nothing but zeros, or is of the same kind,
 * which its first or last bytes tell.  All else stays as it is: a spec, a file of another program,
 * a folder, a file without permission to write.  Errors are STATUS_INVALID then, STATUS_SYSTEM
 * where the machine refuses, and name the file. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Files of one kind begin with the bytes `start`, and hold the text `mark` in their first 4096
 * bytes or, if `at_end`, in their last 4096.  The kind of result files is told by their attributes.
 */
struct output_kind {
    const char *name; /* "PNG": for messages */
    const char *start, *mark;
    bool at_end;
};

extern const struct output_kind output_result, output_pdf, output_png, output_svg;

/* The words in every picture (harness/report/picture.h). */
#define OUTPUT_DRAWN "Drawn by duet."

/* `kind` NULL: whatever file is there may be replaced, as its name is duet's own. */
enum status output_write(const char *path, const struct output_kind *kind, const void *bytes,
                         size_t size, struct error *err);

/* Whether output_write could write now, so that long work need not fail at its end. */
enum status output_check(const char *path, const struct output_kind *kind, struct error *err);

/* Write the text that `print` writes to `out`. */
enum status output_print(const char *path, const struct output_kind *kind,
                         void (*print)(FILE *out, const void *context), const void *context,
                         struct error *err);

/* Write a table, whose kind is the name of its first column. */
enum status output_table(const char *path, const char *text, size_t size, struct error *err);

/* Whether both are names of one file that is there. */
bool output_is_same(const char *path, const char *other);

/* Rename a file, unless the new name is taken. */
bool output_move(const char *path, const char *to);

/* Keep a file under another name, the first free one of PATH.WORD, PATH.WORD.2, ..., which comes
 * back in `to`.  False where it cannot be renamed. */
bool output_keep(const char *path, const char *word, char *to, size_t size);
