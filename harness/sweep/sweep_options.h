/* The command line of `duet sweep`. */
#pragma once

#include "harness/run/run.h"

#include <stdbool.h>
#include <stddef.h>

struct sweep_options {
    const char *spec;
    const char *arguments[RUN_MAX_OVERRIDES], *zips[RUN_MAX_OVERRIDES];
    size_t argument_count, zip_count;
    const char *results;
    int workers, threads; /* workers 0: as many as processors */
    size_t shard, shards; /* shard counts from 0 here */
    double limit;         /* seconds; 0: none */
    bool dry_run, quiet, yes;
    bool slurm, wait;
    bool requeue;              /* this is a task of Slurm that goes on after its time */
    const char *job;           /* to wait for; NULL: submit one */
    size_t tasks;              /* 0: not given */
    const char *const *sbatch; /* its options, [sbatch_count] */
    size_t sbatch_count;
};

/* Ends the program where an argument is wrong.  Arguments behind "--" are options for sbatch. */
void sweep_options_parse(struct sweep_options *options, int argc, char **argv);
