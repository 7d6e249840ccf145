/* The runs of a figure: many, from one spec. */
#pragma once

#include "harness/run/run.h"
#include "paper_figs/figure.h"

struct figure_run {
    const char *overrides[16]; /* KEY=VALUE on top of the spec, ended by NULL */
    char path[RUN_PATH];       /* its result file, filled by figure_runs */
};

/* Do the missing ones of `count` runs of the figure's spec, as processes of one thread each,
 * job->threads at a time.  Existing results are kept, so that an interrupted figure is resumed.  A
 * run that diverges is no failure: its file says so. */
enum status figure_runs(const struct figure_job *job, struct figure_run *runs, size_t count,
                        struct error *err);
