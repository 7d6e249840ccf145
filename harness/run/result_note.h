/* Notes on result files: what a file says of itself, sent from the child process that read it
 * (store/store_each.h); and the builds that many files are of. */
#pragma once

#include "core/build.h"
#include "harness/spec/spec.h"
#include "store/store.h"

#include <stdio.h>

struct result_note {
    const char *hash;   /* that names what was computed: the attribute spec_hash */
    const char *status; /* "complete", "diverged" */
    const char *build;  /* as build_text gives it */
    enum store_state state;
    bool older; /* the hash is of the whole text of the spec, `name` included: an older duet's rule
                 */
};

/* The facts of the build that a file has, as build_text. */
void build_text_of(const struct store_file *file, char text[BUILD_TEXT]);

/* In the child: write the note of an open result.  An error unless it is one. */
enum status result_note_write(const struct store_file *file, FILE *out, struct error *err);

/* Where the bytes after the note start, or NULL if there is no whole one.  The texts stay in
 * `bytes`. */
const char *result_note_read(const char *bytes, size_t size, struct result_note *note);

/* ---- builds ---- */

/* build_text of this program, from a child process: asking the libraries starts them, and a process
 * that has yet to fork must not.  False where there is no child. */
bool build_text_apart(char text[BUILD_TEXT]);

enum { BUILDS_MOST = 8 }; /* that are told apart; the rest counts as the last */

struct builds {
    struct {
        char text[BUILD_TEXT];
        size_t files;
    } entry[BUILDS_MOST];
    size_t count;
};

void builds_add(struct builds *builds, const char *text);

/* Whether files are of more than one build, or of another build than `here` (NULL: none).  Then
 * `words` says so: "3 of 9 results are of another build than the others: commit is a and b". */
bool builds_are_mixed(const struct builds *builds, const char *here, char *words, size_t size);
