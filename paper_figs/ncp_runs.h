/* What the figures of runs without negatives share, [NCP]: runs of many overrides, and their
 * series. */
#ifndef DUET_PAPER_FIGS_NCP_RUNS_H
#define DUET_PAPER_FIGS_NCP_RUNS_H

#include "harness/figure_runs.h"

/* The spec's outputs, batch and rate, and what views share there: 8 latents of level 3. */
enum { NCP_MODES = 32, NCP_SHARED = 8, NCP_BATCH = 128 };
#define NCP_RATE 0.03

/* Runs that are being put together: overrides are kept in `text`. */
struct ncp_runs {
    struct figure_run *run;
    char (*text)[16][64];
    size_t count;
};

enum status ncp_runs_open(struct ncp_runs *runs, size_t count, struct error *err);
void ncp_runs_free(struct ncp_runs *runs);

/* One more override of run i. */
void ncp_runs_set(struct ncp_runs *runs, size_t i, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The linear network W of the theory, or one with a hidden layer of ReLU and biases.  The
 * predictor's steps are alpha_p times as long, so that weight decay `eta_p` takes alpha_p eta_p of
 * it in the flow. */
struct ncp_setting {
    bool relu, symmetric;
    double ema, alpha_p, eta, eta_p;
    size_t seed;
    int64_t epochs, samples;
};
void ncp_runs_put(struct ncp_runs *runs, size_t i, const struct ncp_setting *setting);

/* A series of a run, `points` x `width`: NaN from where a diverged run has no more. */
enum status ncp_series(const struct store_file *file, const char *path, size_t points, size_t width,
                       double *values, struct error *err);

#endif
