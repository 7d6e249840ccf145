/* Slurm: a sweep as a job array.  A task runs one shard of the sweep with this same program.
 *
 * The nodes need only the folder of the sweep and the program, under the same paths as here.  The
 * tasks read FOLDER/sweep.yaml, so later changes of the spec file do not affect them.  FOLDER/slurm
 * holds
 *     job.sh         the job script of the last submission
 *     JOB_TASK.log   what a task printed
 *
 * Slurm sends a task SIGUSR1 before its time ends, if it has one.  The task saves its points and
 * has itself requeued; where Slurm refuses that it leaves FOLDER/slurm/again, and whoever waits
 * submits what is left.
 *
 * Uses the commands sbatch, squeue and, in tasks, scontrol. */
#pragma once

#include "harness/sweep/sweep_work.h"

enum { SLURM_JOB = 128, SLURM_CANCEL = 256, SLURM_SAID = 4096 }; /* characters */

/* A job, as `sbatch --parsable` names it: "NUMBER" or "NUMBER;CLUSTER". */
bool slurm_is_job(const char *text);

/* Whether a sweep in this folder can be submitted: whether Slurm can use its name and, with
 * `commands`, whether the commands exist.  To be called before anything is written. */
enum status slurm_check(const char *folder, bool commands, struct error *err);

/* Number of tasks: shards with points to do. */
size_t slurm_tasks(const struct sweep_work *work);

/* The text of the job script; allocated. */
enum status slurm_script(const struct sweep_work *work, char **text, struct error *err);

/* Write the script and submit it.  If sbatch refuses, the error holds its message; its warnings go
 * to stderr.  The folder must hold the manifest already. */
enum status slurm_submit(const struct sweep_work *work, char job[SLURM_JOB], struct error *err);

/* Wait until every point of `work` is finished or has failed, or the job has ended, and enter the
 * results in `work` like sweep_work (except that diverged points are not counted).  A point that is
 * neither done nor failed then was lost with its task.  STATUS_INTERRUPTED: the user stopped the
 * waiting; the job goes on. */
enum status slurm_wait(struct sweep_work *work, const char *job, struct error *err);

/* In a task: have it started again.  An error where Slurm refuses, after which slurm_wants_more is
 * true. */
enum status slurm_requeue(const struct sweep_work *work, struct error *err);

/* Whether a task of the last submission ran out of time and could not be requeued. */
bool slurm_wants_more(const struct sweep_work *work);

/* After slurm_wait: the points that are done are counted as done before, and those that are neither
 * done nor failed are the points to do. */
enum status slurm_keep_rest(struct sweep_work *work, struct error *err);

/* The command that ends the job: "scancel 12", "scancel -M north 12". */
void slurm_cancel_command(const char *job, char text[SLURM_CANCEL]);

/* ---- shared by slurm.c and slurm_wait.c ---- */

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

/* Where the script of a sweep's folder lies, and the note that a task wants to be submitted again.
 */
void slurm_script_path(const char *folder, char *path, size_t size);
void slurm_again_path(const char *folder, char *path, size_t size);
