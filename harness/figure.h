/* Figures: each runs a spec, or computes what it shows, and is drawn by a gnuplot script from the
 * result file. */
#ifndef DUET_HARNESS_FIGURE_H
#define DUET_HARNESS_FIGURE_H

#include "core/descriptor.h"
#include "core/error.h"
#include "harness/store.h"

#include <stdbool.h>
#include <stdio.h>

/* How a figure that runs no spec is to be computed. */
struct figure_job {
    const void *settings; /* filled by about.params */
    int threads;
    bool quiet;
    const char *path; /* result file to write */
};

struct figure {
    struct descriptor about;
    const char *spec; /* what is run, "paper_figs/NAME.yaml"; NULL: `compute` */
    enum status (*compute)(const struct figure_job *job, struct error *err);
    const char *script; /* what draws it, "plots/NAME.gp" */
    /* The numbers that the figure shows, as one table with a header line. */
    enum status (*write_data)(const struct store_file *file, FILE *out, struct error *err);
};

extern const struct registry figure_registry; /* entries are struct figure */

extern const struct figure figure_learning;
extern const struct figure figure_phase;

#endif
