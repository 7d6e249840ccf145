/* The result file that lies where a run would write its own. */
#pragma once

#include "core/error.h"
#include "harness/spec/spec.h"

#include <stdio.h>

/* What there is at its path. */
enum result_kind {
    RESULT_NONE,        /* nothing, or nothing that is a result */
    RESULT_OTHER,       /* a result of another spec */
    RESULT_CHANGED,     /* of this spec, changed since it was written (store_state) */
    RESULT_INTERRUPTED, /* of this spec, whose run was interrupted */
    RESULT_WHOLE,       /* of this spec, complete or diverged */
};

struct result {
    enum result_kind kind;
    enum status outcome;  /* RESULT_WHOLE: STATUS_OK or STATUS_DIVERGED */
    char detail[256];     /* where it diverged */
    char difference[512]; /* RESULT_OTHER: of the specs, as spec_difference; else of the builds, ""
                             where there is none */
};

/* Whether a file says that it is of this spec, or of this build; where not, `difference` says what
 * differs. */
struct store_file;
bool spec_is_of_file(const struct store_file *file, const struct spec *spec, char *difference,
                     size_t size);
bool build_is_of_file(const struct store_file *file, char *difference, size_t size);

void result_look(const char *path, const struct spec *spec, struct result *result);

/* Print the summary of a result file. */
enum status result_print(FILE *out, const char *path, struct error *err);

/* Whether `path` is a sound result of the spec with that hash: complete, or complete or diverged.
 */
bool run_is_complete(const char *path, const char *hash);
bool result_is_finished(const char *path, const char *hash);
