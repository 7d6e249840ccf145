/* Figures: recipes that compute what they show, draw it, and say what must be seen in it.  Each is
 * one file paper_figs/NAME.c with one `struct figure`.
 *
 * A figure has a result file, results/NAME/HASH.h5, which is made once for one set of settings: by
 * running a spec, or by a function of the figure's own.  gnuplot draws from that file through `duet
 * export`.  What must be seen is checked on the numbers, so that a figure that stops showing its
 * point fails. */
#ifndef DUET_HARNESS_FIGURE_H
#define DUET_HARNESS_FIGURE_H

#include "core/descriptor.h"
#include "core/error.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdio.h>

/* How a figure that runs no spec is to be computed. */
struct figure_job {
    const void *settings; /* filled by about.params */
    const char *spec;     /* of the figure; NULL: none */
    const char *results;  /* folder of all results */
    int threads;
    bool quiet;
};

/* What was looked for in a figure, and what was found. */
struct sights {
    FILE *out; /* a line each */
    size_t seen, missed;
};

/* One thing that must be seen: `holds`, and a sentence with its number. */
void sight(struct sights *sights, bool holds, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct figure {
    struct descriptor about;  /* about.doc says what the figure shows */
    const char *const *quick; /* overrides of the small version, ended by NULL; NULL: none */
    /* What is run, "paper_figs/NAME.yaml".  With `compute` it is the base of the figure's runs
     * (paper_figs/figure_runs.h), which fill in what they change; may be NULL there. */
    const char *spec;
    /* Fill the result file; the settings are in it already.  NULL: the spec's own result it is. */
    enum status (*compute)(const struct figure_job *job, struct store *store, struct error *err);
    const char *script; /* what draws it, "plots/NAME.gp" */
    /* The numbers that the figure shows, as one table with a header line; NULL: all datasets, one
     * value a line. */
    enum status (*write_data)(const struct store_file *file, FILE *out, struct error *err);
    /* What must be seen. */
    enum status (*check)(const struct store_file *file, struct sights *sights, struct error *err);
};

struct figure_options {
    const char *const *overrides; /* KEY=VALUE */
    size_t override_count;
    const char *results, *out; /* folders of the result file, of the figure */
    const char *from;          /* a result file to draw instead of computing; NULL: none */
    int threads;               /* 0: all processors */
    bool quick, again, quiet;  /* again: compute and draw whatever is there */
    bool summary;              /* print the summary table of a run that was done */
};

/* Compute what is missing, draw what is older than its result, write its data, and check it.
 * Writes the paths of what was made and what was seen to stdout.  STATUS_FAILED: something that
 * must be seen is not. */
enum status figure_make(const struct figure *figure, const struct figure_options *options,
                        struct error *err);

#endif
