/* The few labelled samples of a semi-supervised objective, and their way through the network.
 *
 * They are the first samples of the first epoch, un-augmented (view 0), with the source's labels:
 * drawn once and seen again and again.  A batch takes the next ones in turn, beginning anew after
 * the last. */
#pragma once

#include "sim/data/source.h"
#include "sim/loss/objective.h"
#include "sim/net/pass.h"
#include "sim/net/views.h"

/* Everything is borrowed. */
struct labelled_plan {
    const struct source *source;
    const void *world;
    const struct network *network;
    const struct pattern_tables *tables; /* without patterns that occur; evaluated by the caller */
    uint64_t seed;
    size_t count, batch; /* labelled samples; of a batch, at most count */
};

/* Memory belongs to the arena. */
struct labelled {
    struct labelled_plan plan;
    size_t stride;          /* padded count */
    uint16_t *pattern;      /* [boundary node][stride] of states, or */
    double *value;          /* [input][stride] of real numbers */
    uint8_t *label;         /* [stride] */
    uint8_t *batch_label;   /* [batch] of the step at work: outputs.label */
    struct pass pass;       /* a column a sample */
    struct outputs outputs; /* one view */
};

/* Lay out (once counting, once real), and draw the samples. */
void labelled_layout(struct labelled *labelled, const struct labelled_plan *plan,
                     struct arena *arena);

/* How many samples have each label: count [256]. */
void labelled_count(const struct labelled *labelled, size_t *count);

/* Outputs and labels of the batch of step `step` = 0, 1, ..., normalised where the network is. */
void labelled_forward(struct labelled *labelled, uint64_t step, double *parameters);

/* Then, from outputs.df: add to `gradient`, parameters above the entry, and to `delta_lookup`.
 */
void labelled_backward(struct labelled *labelled, uint64_t step, double *parameters,
                       double *gradient, double *delta_lookup);
