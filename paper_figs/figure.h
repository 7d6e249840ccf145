/* Figures: recipes that compute their data, draw them, and check that the figure shows its point.
 * Each is one file paper_figs/FOLDER/NAME.c with one `struct figure`.
 *
 * A figure has a result file, results/NAME/HASH.h5, which is made once per set of settings: by
 * running a spec, or by a function of the figure.  gnuplot draws from that file through `duet
 * export`.  The checks look at the numbers, so that a figure that no longer shows its point fails.
 */
#pragma once

#include "core/descriptor.h"
#include "core/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdio.h>

/* The input of figure.compute. */
struct figure_job {
    const void *settings; /* filled by about.params */
    const char *spec;     /* of the figure; NULL: none */
    const char *results;  /* folder of all results */
    int threads;
    bool quiet;
};

/* The checks of a figure so far: how many held and how many failed. */
struct sights {
    FILE *out; /* one line per check */
    size_t seen, missed;
};

/* Record one check: whether it holds, and a sentence with its number. */
void sight(struct sights *sights, bool holds, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct figure {
    struct descriptor about;  /* about.doc says what the figure shows */
    const char *const *quick; /* overrides of the small version, ended by NULL; NULL: none */
    /* The spec to run, "paper_figs/FOLDER/NAME.yaml".  With `compute` it is the base of the
     * figure's runs (paper_figs/figure_runs.h), which override some of its keys; NULL: there are
     * none. */
    const char *spec;
    /* Fill the result file, which already has the settings.  NULL: the result file is the spec's.
     */
    enum status (*compute)(const struct figure_job *job, struct store *store, struct error *err);
    const char *script; /* gnuplot script, "paper_figs/FOLDER/NAME.gp" */
    /* Write the numbers of the figure as one table: a header line with names, one row per point,
     * tabs between cells, "nan" where there is no number.  NULL: all datasets, by
     * paper_figs/figure_table.h. */
    enum status (*write_data)(const struct store_file *file, FILE *out, struct error *err);
    /* Check that the figure shows its point. */
    enum status (*check)(const struct store_file *file, struct sights *sights, struct error *err);
};

/* Lines of a figure's parameter table, if its settings are a `struct settings`: member, default as
 * text, range, meaning. */
#define INTEGER_SETTING(member, default_, low_, high_, meaning)                                    \
    INTEGER_PARAM(struct settings, member, default_, low_, high_, meaning)
#define REAL_SETTING(member, default_, low_, high_, meaning)                                       \
    REAL_PARAM(struct settings, member, default_, low_, high_, meaning)

struct figure_options {
    const char *const *overrides; /* KEY=VALUE */
    size_t override_count;
    const char *results, *out; /* folders of the result file, of the figure */
    const char *output;        /* the one picture to draw, or without an ending the name of all
                                * files; NULL: OUT/NAME */
    const char *from;          /* a result file to draw instead of computing; NULL: none */
    int threads;               /* 0: all processors */
    bool quick, again, quiet;  /* again: compute and draw even if up to date */
    bool summary;              /* print the summary table of a run that was done */
};

/* Compute the result file if it is missing, draw the pictures if they are older, write the data,
 * and check them.  Prints the paths of new files and the checks to stdout.  STATUS_FAILED: the
 * figure does not show its point. */
enum status figure_make(const struct figure *figure, const struct figure_options *options,
                        struct error *err);
