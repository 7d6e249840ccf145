/* The needs of a sweep, found before it starts: memory, and time by trying a few points. */
#ifndef DUET_HARNESS_SWEEP_TRIAL_H
#define DUET_HARNESS_SWEEP_TRIAL_H

#include "harness/sweep/sweep_plan.h"

struct sweep_trial {
    size_t kinds, checked; /* of the points; points that differ in the seed alone are of one kind */
    size_t bytes;          /* largest memory of a checked kind */
    size_t tried;          /* points whose time is known */
    double seconds;        /* mean time of those */
};

/* Plan the run of every kind among the `count` points of `todo`, as long as that takes no more than
 * ten seconds, and start a few points (with `time`), a quarter of a second each.  All this happens
 * in a child process, so that this one can still fork: libgomp does not survive that once it has
 * threads.  An error names the first point whose modules do not fit one another. */
enum status sweep_try(const struct sweep_plan *plan, const size_t *todo, size_t count, int threads,
                      bool time, struct sweep_trial *trial, struct error *err);

#endif
