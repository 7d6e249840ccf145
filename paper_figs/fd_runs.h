/* What the figures of [FD] share: runs of specs/fd-2.yaml with several kinds of masks over several
 * seeds.  A run that two figures need is done once. */
#ifndef DUET_PAPER_FIGS_FD_RUNS_H
#define DUET_PAPER_FIGS_FD_RUNS_H

#include "paper_figs/ncp_runs.h"
#include "paper_figs/series.h"

#define FD_SPEC "specs/fd-2.yaml"

struct fd_settings_of_figure {
    int64_t seeds, epochs, samples, features, dimension, neurons;
};

/* Their parameters; those from the second on are for figures of one seed. */
extern const struct param fd_figure_params[];

/* Overrides of the small version, without a number of seeds. */
#define FD_QUICK "features=10", "dimension=100", "neurons=20", "epochs=8", "samples=32000"

/* Runs [mask][seed] of the words of data.mask; free with ncp_runs_free, also after an error. */
enum status fd_runs_make(struct ncp_runs *runs, const struct figure_job *job,
                         const char *const *masks, size_t mask_count, struct error *err);

/* The axes /epoch (with the time before training), /steps and /seed. */
void fd_put_axes(struct sheet *sheet, const struct fd_settings_of_figure *settings);

/* One number at a time of the runs of a mask, /series/NAME, as GROUP/NAME [epoch][seed]. */
void fd_put_series(struct sheet *sheet, const struct fd_settings_of_figure *settings,
                   const struct figure_run *run_of_seed, const char *name, const char *long_name);

/* Mean over seeds at the last epoch of MASK/NAME. */
double fd_end(struct reader *reader, const char *mask, const char *name);

/* Runs of a figure, of one seed at least. */
size_t fd_seeds(const struct fd_settings_of_figure *settings);

#endif
