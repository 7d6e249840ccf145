/* Calls of Slurm's commands, and the names of its jobs. */
#ifndef DUET_HARNESS_SLURM_CALL_H
#define DUET_HARNESS_SLURM_CALL_H

#include "core/error.h"
#include "harness/sweep/slurm.h"

#include <stdbool.h>

enum { SLURM_SAID = 4096 };

struct slurm_output {
    char *text;            /* stdout, allocated */
    char said[SLURM_SAID]; /* start of stderr, lines joined by "; " */
    int how;               /* wait status */
};

/* Run a command to its end.  Free output->text, also after an error. */
enum status slurm_call(const char *const *argument, struct slurm_output *output, struct error *err);
bool slurm_went_well(const struct slurm_output *output);

/* Split "NUMBER;CLUSTER" in two; the cluster is NULL where there is none. */
const char *slurm_part_job(const char *job, char number[SLURM_JOB]);

/* Where the script of a sweep's folder lies. */
void slurm_script_path(const char *folder, char *path, size_t size);

#endif
