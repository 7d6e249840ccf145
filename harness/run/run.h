/* One run, driven from the command line. */
#pragma once

#include "core/error.h"
#include "harness/run/result.h"

#include <stdbool.h>
#include <stddef.h>

enum { RUN_MAX_OVERRIDES = 256, RUN_PATH = 4096 };

struct run_options {
    const char *spec;                         /* file, or NULL */
    const char *overrides[RUN_MAX_OVERRIDES]; /* KEY=VALUE */
    size_t override_count;
    const char *output;  /* result file; NULL: RESULTS/NAME/HASH.h5 */
    const char *results; /* folder of all results */
    int threads;         /* 0: all processors */
    bool quiet;
    bool summary; /* print the table at the end */
    bool keep;    /* a complete result of the same spec is left as it is, without a word */
    bool again;   /* a result of the same spec is made anew, and a checkpoint not gone on from */
};

/* Run a spec and write its result file, whose path comes back in `path` (RUN_PATH bytes); go on
 * from its checkpoint (harness/run/checkpoint.h) if there is one.  Where the result is there, only
 * say so and show it.  STATUS_DIVERGED: the file was written, with that status. STATUS_INTERRUPTED:
 * it was written if anything had been measured, and the message says how to go on. */
enum status run_spec(const struct run_options *options, char *path, struct error *err);

/* Whether a first argument is a SPEC and not KEY=VALUE.  A path may hold a '=': it is one where a
 * slash comes first, or where no spec has a key that begins so and it names a YAML file or one that
 * is there. */
bool is_spec_argument(const char *argument);

/* Value of `option`, a number of threads; ends the program with a usage error where it is none. */
struct argp_state;
int parse_threads(const char *option, const char *text, struct argp_state *state);
