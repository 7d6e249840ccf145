/* Shared by the figures of [DDN]: runs of the published setting at several depths, widths and
 * polarities, and statistics over their seeds.
 *
 * All have the spec paper_figs/ddn/ddn.yaml, so that a run that two figures need is done once.  A
 * quantity is a group /SETTING/QUANTITY/level_k of the figure's file with the datasets runs
 * [epoch][seed], mean and sd [epoch], and quartiles [epoch][3]; a quantity that training does not
 * change has no epochs. */
#pragma once

#include "paper_figs/kit/run_list.h"

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
    size_t seeds, points;         /* runs per case; measured epochs */
    struct run_list list;         /* [case][seed] */
    struct sheet sheet;           /* of the figure's file */
};

/* Do the missing runs, and put the axes of their quantities.  Close it also after an error, which
 * stays. */
void ddn_runs_make(struct ddn_runs *runs, const struct figure_job *job,
                   const struct ddn_case *cases, size_t count, struct store *store,
                   struct error *err);
enum status ddn_runs_close(struct ddn_runs *runs);

/* One column of a dataset [epoch][node][size] of the run files, as the mean over the nodes. */
struct ddn_quantity {
    const char *dataset;
    size_t size, column;
    bool constant; /* the dataset has no epochs */
    const char *name, *long_name;
};

/* Put a quantity at a level. */
void ddn_put(struct ddn_runs *runs, size_t of_case, const struct ddn_quantity *quantity, int level);

/* ---- reading ---- */

enum ddn_statistic { DDN_MEAN, DDN_SD, DDN_MEDIAN };

/* A statistic of a quantity over the seeds; a negative epoch is the last one; NAN after an error.
 */
double ddn_value(struct reader *reader, const struct ddn_case *of, const char *quantity, int level,
                 enum ddn_statistic statistic, int epoch);

/* The value of one run, 0 <= run < ddn_seeds. */
double ddn_value_of_run(struct reader *reader, const struct ddn_case *of, const char *quantity,
                        int level, size_t run, int epoch);

int ddn_last_epoch(struct reader *reader);
size_t ddn_seeds(struct reader *reader);

/* The table of a figure: all statistics of all quantities, one line per epoch. */
enum status ddn_write_statistics(const struct store_file *file, FILE *out, struct error *err);
