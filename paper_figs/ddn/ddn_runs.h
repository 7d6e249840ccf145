/* Shared by the figures of [DDN]: runs of the published setting at several depths, widths and
 * polarities, and statistics over their seeds.
 *
 * All have the spec paper_figs/ddn/ddn.yaml, so that a run that two figures need is done once.  A
 * quantity is a group /SETTING/QUANTITY/level_k of the figure's file with the datasets runs
 * [epoch][seed], mean and sd [epoch], and quartiles [epoch][3]; a quantity that training does not
 * change has no epochs. */
#ifndef DUET_PAPER_FIGS_DDN_RUNS_H
#define DUET_PAPER_FIGS_DDN_RUNS_H

#include "paper_figs/figure.h"
#include "paper_figs/figure_runs.h"

#define DDN_SPEC "paper_figs/ddn/ddn.yaml"

/* Settings of these figures. */
struct ddn_settings {
    int64_t seeds, epochs, samples;
};

/* Their parameters, with 5 or 10 seeds by default. */
extern const struct param ddn_params_5[], ddn_params_10[];

/* A setting, run over the seeds. */
struct ddn_case {
    int depth, width; /* L, |N_mu| */
    double low;       /* |rho| ~ U[low, 1] */
};

/* ---- computing ---- */

struct ddn_runs {
    const struct ddn_case *cases; /* borrowed */
    size_t count, seeds, points;  /* cases; runs per case; measured epochs */
    struct figure_run *run;       /* [case][seed] */
    char (*text)[64];             /* their overrides */
};

/* Do the missing runs, and put the axes of their quantities.  Free with ddn_runs_free, also after
 * an error. */
enum status ddn_runs_make(struct ddn_runs *runs, const struct figure_job *job,
                          const struct ddn_case *cases, size_t count, struct store *store,
                          struct error *err);
void ddn_runs_free(struct ddn_runs *runs);

/* One column of a dataset [epoch][node][size] of the run files, as the mean over the nodes. */
struct ddn_quantity {
    const char *dataset;
    size_t size, column;
    bool constant; /* the dataset has no epochs */
    const char *name, *long_name;
};

/* Put a quantity at a level. */
enum status ddn_put(struct store *store, const struct ddn_runs *runs, size_t of_case,
                    const struct ddn_quantity *quantity, int level, struct error *err);

/* ---- reading ---- */

enum ddn_statistic { DDN_MEAN, DDN_SD, DDN_QUARTILE_1, DDN_MEDIAN, DDN_QUARTILE_3 };

/* A figure's file; after the first error nothing more is read and all values are NAN. */
struct ddn_reader {
    const struct store_file *file;
    enum status status;
    struct error *err;
};

/* A statistic of a quantity over the seeds; a negative epoch is the last one. */
double ddn_value(struct ddn_reader *reader, const struct ddn_case *of, const char *quantity,
                 int level, enum ddn_statistic statistic, int epoch);

/* The value of one run, 0 <= run < ddn_seeds. */
double ddn_value_of_run(struct ddn_reader *reader, const struct ddn_case *of, const char *quantity,
                        int level, size_t run, int epoch);

int ddn_last_epoch(struct ddn_reader *reader);
size_t ddn_seeds(struct ddn_reader *reader);

/* The table of a figure: all statistics of all quantities, one line per epoch. */
enum status ddn_write_statistics(const struct store_file *file, FILE *out, struct error *err);

#endif
