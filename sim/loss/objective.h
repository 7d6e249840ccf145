/* Objectives: losses of a network's outputs.
 *
 * A sample has 1 + K + H views: x_1 and x_+1 ... x_+K (views of one data point) and x_1- ... x_H-
 * (views of other, independent draws).  An objective is of a form, which says how its loss is
 * evaluated, and of that form's own small struct, which says which loss it is:
 *
 *     sim/loss/distances.h   a function of each sample's own distances, averaged over the batch; or
 *                            of two mean distances of the batch
 *     sim/loss/pairs.h       all pairs of the outputs for x_1 and x_+
 *     sim/loss/moments.h     means and covariances of the outputs for x_1 and x_+
 *     sim/loss/comatch.h     pseudo-labels, from labelled samples beside the batch
 *
 * A batch is evaluated in chunks of samples, which may run in parallel with the same result, in
 * these phases; a form has those that it needs, and all chunks finish one before the next:
 *
 *     chunk     of every chunk, from its own outputs
 *     rows      of every chunk, from its own outputs and what all chunks left
 *     whole     once
 *     gradient  of every chunk: d loss / d outputs, and its part of the sums
 *     finish    the mean loss from these sums
 *     learn     after a step of the network: what the form learns or remembers itself
 *
 * An objective with a target compares a prediction from f(x_1), in its place, with a target for
 * x_+, in the place of f(x_+): see sim/loss/prediction.h, which makes both and stops the gradient.
 */
#pragma once

#include "core/arena.h"
#include "core/descriptor.h"
#include "core/error.h"
#include "core/quantity.h"
#include "core/state.h"
#include "sim/net/outputs.h"
#include "sim/optimisers/optimiser.h"

/* The target that the prediction for x_1 is compared with. */
enum objective_target {
    TARGET_NONE,    /* there is no predictor and no target */
    TARGET_NETWORK, /* output of a second network, EMA or frozen, without gradient; the settings
                       are target_settings */
    TARGET_STOPPED, /* output of the online network, without gradient */
    TARGET_ONLINE,  /* output of the online network, with gradient */
};

enum target_start { START_ONLINE, START_RANDOM, START_ZERO };

struct target_settings {
    double ema; /* gamma_a of ema_step */
    int start;  /* enum target_start */
};

/* Local training (sim/train/blocks.h): blocks of `size` levels, of which a block shares `overlap`
 * with the one above; size 0: one block of all levels. */
struct block_cut {
    int64_t size, overlap;
};

/* Requirements of an objective, to be met by every trainer. */
struct needs {
    int positives, views; /* K and 1 + K + H, of a sample */
    int gradient_views;   /* the first so many views have gradients */
    bool labels;          /* of the batch's samples: outputs.label */
    bool whole_batch;     /* the outputs of all samples before the gradient of any */
    enum objective_target target;
    bool cosine;          /* prediction and target are divided by their norms first */
    struct block_cut cut; /* each block has this objective on its outputs */
    struct {
        size_t count, batch; /* samples, the first of the first epoch's; of them in a batch */
    } labelled;              /* samples beside the batch whose label is known; 0: none */
};

struct form;

struct objective {
    struct descriptor about;
    const struct form *form;
    const void *of; /* the form's struct */
};

/* `settings` may be NULL where counts do not matter. */
struct needs objective_needs(const struct objective *objective, const void *settings);

/* Whether the source must have labels. */
static inline bool needs_labels(const struct needs *needs)
{
    return needs->labels || needs->labelled.batch > 0;
}

/* STATUS_INVALID, with the key, where the objective cannot be trained by epochs of `samples` in
 * such batches. */
enum status objective_check(const struct objective *objective, const void *settings,
                            int64_t samples, int64_t batch, struct error *err);

/* The sizes and settings that a loss is laid out for; everything is borrowed. */
struct loss_plan {
    const struct objective *objective;
    const void *settings;
    int width;              /* of the outputs */
    size_t samples, stride; /* of a batch, and of a row of its outputs */
    size_t chunk;           /* samples of every chunk except the last, a multiple of 8; 0: all */
    int workers;            /* chunks that are evaluated at the same time, at most; 0: 1 */
    /* For objectives with labelled samples: */
    const struct outputs *labelled; /* of one view, with labels */
    int classes;
    const struct optimiser *optimiser; /* of what the form learns */
    const void *optimiser_settings;
};

struct loss {
    struct loss_plan plan;
    struct needs needs;
    void *state; /* the form's memory, the arena's */
};

/* Samples [begin, end) of the outputs, one chunk; begin is a multiple of 8.  Where the objective
 * does not need the whole batch, the outputs may hold some samples only; `samples` still counts the
 * whole batch. */
struct chunk {
    const struct outputs *outputs;
    size_t begin, end;
    int worker; /* 0..workers-1, another one for every chunk at work */
};

enum { LOSS_PARTIALS = 2 };

struct form {
    struct needs (*needs)(const void *of, const void *settings);
    /* Refuses settings that do not fit an epoch of `samples`; NULL: all fit. */
    enum status (*check)(const void *settings, int64_t samples, struct error *err);
    /* The state, taken from the arena: called once counting, when it is NULL, and once real. */
    void *(*layout)(const struct loss *loss, struct arena *arena);
    /* The phases.  Each may be NULL. */
    void (*chunk)(const struct loss *loss, const struct chunk *chunk);
    void (*rows)(const struct loss *loss, const struct chunk *chunk);
    /* `step` of an epoch or evaluation, from 0: means over its steps begin anew. */
    void (*whole)(const struct loss *loss, const struct outputs *outputs, size_t step);
    /* Writes df of the chunk's samples (df of the padding may be overwritten), and adds its part of
     * the sums to partial[]. */
    void (*gradient)(const struct loss *loss, const struct chunk *chunk,
                     double partial[LOSS_PARTIALS]);
    /* With totals[] = sum over chunks, in their order, of partial[]: the mean loss; and *scale,
     * which is 1 before: the factor by which all df, or anything linear in them, is yet to be
     * multiplied.  NULL: the loss is totals[0]. */
    double (*finish)(const struct loss *loss, const struct outputs *outputs,
                     const double totals[LOSS_PARTIALS], double *scale);
    /* Step number `step` = 1, 2, ...; false where a weight is no longer finite. */
    bool (*learn)(const struct loss *loss, uint64_t step);
    /* Add what it learns or remembers from step to step to the state; NULL: nothing. */
    void (*state)(const struct loss *loss, struct state_list *list);
    /* Numbers of its own for each epoch, and the class head that it learns, [*count]; NULL: none.
     */
    void (*quantities)(const struct loss *loss, struct quantity_list *list);
    const double *(*class_head)(const struct loss *loss, size_t *count);
};

/* Lay out (call once counting, once real). */
void loss_layout(struct loss *loss, const struct loss_plan *plan, struct arena *arena);

/* The phase `finish`. */
double loss_finish(const struct loss *loss, const struct outputs *outputs,
                   const double totals[LOSS_PARTIALS], double *scale);

/* The loss of a batch from beginning to end, and its gradient in outputs->df. */
double loss_evaluate(const struct loss *loss, const struct outputs *outputs);

/* The same, with memory of its own. */
enum status loss_once(const struct loss_plan *plan, const struct outputs *outputs, double *value,
                      struct error *err);
