/* Slurm: a sweep as a job array.  A task runs one shard of the sweep with this same program.
 *
 * All that the nodes need is the folder of the sweep and the program, under the paths that they
 * have here.  The tasks read FOLDER/sweep.yaml, so they run the sweep as the folder keeps it,
 * whatever becomes of the spec that it was read from.  FOLDER/slurm holds
 *     job.sh         the job script of the last submission
 *     JOB_TASK.log   what a task printed
 *
 * Slurm is spoken to through its commands sbatch and squeue. */
#ifndef DUET_HARNESS_SLURM_H
#define DUET_HARNESS_SLURM_H

#include "harness/sweep/sweep_work.h"

enum { SLURM_JOB = 128, SLURM_CANCEL = 256 }; /* characters */

struct slurm_array {
    const struct sweep_work *work; /* borrowed; its workers, threads and limit hold for one task */
    size_t shards;                 /* of the sweep; those without points to do get no task */
    double memory;                 /* bytes a task needs; 0: not known, the cluster's default */
    bool large;                    /* more points than a sweep runs unasked */
    const char *const *options;    /* for sbatch, [option_count] */
    size_t option_count;
};

/* A job, as `sbatch --parsable` names it: "NUMBER" or "NUMBER;CLUSTER". */
bool slurm_is_job(const char *text);

/* Can a sweep in this folder be submitted: can Slurm name it, and (with `commands`) are the
 * commands here?  Asked before anything is written. */
enum status slurm_check(const char *folder, bool commands, struct error *err);

/* Number of tasks: shards with points to do. */
size_t slurm_tasks(size_t shards, const size_t *todo, size_t count);

/* The text of the job script; allocated. */
enum status slurm_script(const struct slurm_array *array, char **text, struct error *err);

/* Write the script and submit it.  What sbatch says when it refuses is in the error; its warnings
 * go to stderr.  The folder holds the manifest already. */
enum status slurm_submit(const struct slurm_array *array, char job[SLURM_JOB], struct error *err);

/* Wait until every point of `work` is finished or has failed, or the job has ended, and put what
 * came of them into `work` like sweep_work (diverged points are not told from others here).  What
 * is neither done nor failed then was lost with its task.  STATUS_INTERRUPTED: the user stopped the
 * waiting; the job goes on. */
enum status slurm_wait(struct sweep_work *work, const char *job, struct error *err);

/* The command that ends the job: "scancel 12", "scancel -M north 12". */
void slurm_cancel_command(const char *job, char text[SLURM_CANCEL]);

#endif
