/* A worker of a sweep: a process that runs points one after another.
 *
 * A point goes on from its checkpoint, FOLDER/HASH.checkpoint, and is saved there every
 * train.checkpoint seconds and after SIGTERM (harness/run/checkpoint.h).  Its result appears under
 * its name only when it is complete, and then the checkpoint goes.  A worker ends when its socket
 * is closed, and is killed when its parent ends. */
#pragma once

#include "harness/sweep/sweep_work.h"

enum { WORKER_TEXT = 1200 };

/* A message of a worker: notes on a point, then the answer. */
struct worker_message {
    bool note; /* only the text: something that happened on the way */
    enum status status;
    bool refused; /* the folder takes no more files, so the sweep cannot go on */
    bool saved;   /* interrupted, with its checkpoint */
    bool again;   /* its checkpoint is of another run; `duet run --again` starts anew */
    double seconds;
    char text[WORKER_TEXT];
};

struct worker {
    pid_t pid; /* 0: none */
    int socket;
    bool busy, late; /* late: was stopped for the limit */
    size_t point;
    int attempts; /* at the point, this one included */
    double start;
    struct file_mark checkpoint; /* before the first attempt */
};

/* Start the process of a worker, which closes the sockets of the `count` others. */
enum status worker_start(struct worker *worker, const struct sweep_work *work,
                         const struct worker *others, int count, struct error *err);

/* The process has ended, or is to end: nothing that it has not saved is worth keeping.  Returns its
 * wait status. */
int worker_end(struct worker *worker);

/* Let it run a point.  A worker that has just died is noticed by its closed socket. */
void worker_give(struct worker *worker, size_t point, int attempts);

/* Remove the temporary files of a worker that has ended. */
void worker_remove_parts(const struct sweep_work *work, size_t point, pid_t pid);
