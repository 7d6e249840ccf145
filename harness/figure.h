/* Figures: each runs what it needs and is drawn by a gnuplot script from the result files. */
#ifndef DUET_HARNESS_FIGURE_H
#define DUET_HARNESS_FIGURE_H

#include "core/descriptor.h"
#include "core/error.h"
#include "harness/store.h"

#include <stdio.h>

struct figure {
    struct descriptor about;
    const char *spec;   /* what is run, "paper_figs/NAME.yaml" */
    const char *script; /* what draws it, "plots/NAME.gp" */
    /* The numbers that the figure shows, as one table with a header line. */
    enum status (*write_data)(const struct store_file *file, FILE *out, struct error *err);
};

extern const struct registry figure_registry; /* entries are struct figure */

extern const struct figure figure_learning;

#endif
