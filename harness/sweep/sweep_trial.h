/* Estimates of a sweep's needs before it starts: memory, and time by trying a few points. */
#pragma once

#include "core/remarks.h"
#include "harness/sweep/sweep_plan.h"

struct sweep_trial {
    size_t kinds, checked;  /* of the points; points that differ only in the seed are of one kind */
    size_t bytes;           /* largest memory of a checked kind */
    size_t tried;           /* points whose time is known */
    double seconds;         /* their mean time */
    struct remarks remarks; /* on the checked kinds */
};

/* Plan the run of every kind among the `count` points of `todo`, for ten seconds at most; with
 * `time`, also run a few points for a quarter of a second each.  A child process does this, since
 * libgomp does not survive a fork once it has threads, and this process must fork later.  An error
 * is the one of the first point whose modules do not fit together. */
enum status sweep_try(const struct sweep_plan *plan, const size_t *todo, size_t count, int threads,
                      bool time, struct sweep_trial *trial, struct error *err);
