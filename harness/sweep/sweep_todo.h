/* The work of a sweep: the points of its shard that have no sound file. */
#ifndef DUET_HARNESS_SWEEP_TODO_H
#define DUET_HARNESS_SWEEP_TODO_H

#include "harness/sweep/sweep_folder.h"
#include "harness/sweep/sweep_options.h"
#include "harness/sweep/sweep_work.h"

struct sweep_todo {
    size_t *point;
    size_t count;
    size_t all;            /* points of this shard */
    size_t done, diverged; /* before */
    size_t damaged;        /* files of points, to be made again */
};

/* Reads the files of the points that `there` has; damaged ones are named on stderr.  todo->point is
 * to be freed, also after an error. */
enum status sweep_todo_find(const struct sweep_options *options, const struct sweep_plan *plan,
                            const char *folder, const struct sweep_folder *there,
                            struct sweep_todo *todo, struct error *err);

/* Of the points that were to do, those whose files say so are added to work->diverged. */
enum status sweep_todo_count_diverged(struct sweep_work *work, const struct sweep_todo *todo,
                                      struct error *err);

#endif
