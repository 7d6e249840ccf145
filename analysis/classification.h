/* How often a class head (sim/net/class_head.h) tells the label of samples that it was not trained
 * on: un-augmented ones, with the source's labels.  The result is the same for any number of
 * threads.
 */
#pragma once

#include "core/arena.h"
#include "sim/data/source.h"
#include "sim/net/class_head.h"

struct classification_plan {
    const struct network *network;
    const struct source *source; /* with labels */
    const void *world;
    size_t samples;
    int threads;
};

struct classification {
    struct classification_plan plan;
    struct class_head head;
    struct classification_work *work; /* one a thread */
};

/* Lay out in `arena`: call once counting, once real. */
void classification_layout(struct classification *classification,
                           const struct classification_plan *plan, struct arena *arena);

/* Share of the samples at (seed, PURPOSE_MEASURE, epoch) whose label is the head's choice. */
double classification_accuracy(struct classification *classification, double *parameters,
                               const double *head, uint64_t seed, uint64_t epoch);
