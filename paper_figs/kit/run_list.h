/* Shared by figures of many runs: the list of the runs, and reading their series. */
#pragma once

#include "paper_figs/figure_runs.h"
#include "paper_figs/kit/series.h"

/* Runs and their overrides, whose words are in `text`. */
struct run_list {
    struct figure_run *run;
    char (*text)[16][64];
    size_t count;
};

/* Free also after an error. */
enum status run_list_open(struct run_list *runs, size_t count, struct error *err);
void run_list_free(struct run_list *runs);

/* One more override of run i. */
void run_list_set(struct run_list *runs, size_t i, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A series of the run whose file is at `path`, `points` x `width`, into values[point * stride]: NaN
 * after the end of a diverged run. */
void run_series(struct sheet *sheet, const char *path, const char *series, size_t points,
                size_t width, size_t stride, double *values);

/* The first and the last value of a series of a run's file; the last is NaN if the run diverged. */
void run_ends(struct sheet *sheet, const char *path, const char *series, double *first,
              double *last);
