/* Shared by the figures of [FD]: runs of specs/fd-2.yaml with several kinds of masks over several
 * seeds.  A run that two figures need is done once. */
#pragma once

#include "paper_figs/kit/run_list.h"

#define FD_SPEC "specs/fd-2.yaml"

struct fd_settings_of_figure {
    int64_t seeds, epochs, samples, features, dimension, neurons;
};

/* Their parameters; figures of one seed take the table from its second entry on. */
extern const struct param fd_figure_params[];

/* Overrides of the small version, without a number of seeds. */
#define FD_QUICK "features=10", "dimension=100", "neurons=20", "epochs=8", "samples=32000"

/* Do the runs [mask][seed], `masks` being values of data.mask.  Free with run_list_free, also after
 * an error. */
void fd_runs_make(struct sheet *sheet, struct run_list *runs, const struct figure_job *job,
                  const char *const *masks, size_t mask_count);

/* A series of one number, /series/NAME; stored as LAST, the part of NAME after the last slash. */
struct fd_number {
    const char *name, *long_name;
};

/* Run all kinds of masks and store /epoch (with the time before training), /steps, /seed and for
 * each mask MASK/LAST [epoch][seed] of all `numbers`, ended by {0}. */
enum status fd_compute(const struct figure_job *job, struct store *store, const char *const *masks,
                       size_t mask_count, const struct fd_number *numbers, struct error *err);

/* Mean over seeds at the last epoch of MASK/NAME. */
double fd_end(struct reader *reader, const char *mask, const char *name);

/* Number of seeds, at least one. */
size_t fd_seeds(const struct fd_settings_of_figure *settings);
