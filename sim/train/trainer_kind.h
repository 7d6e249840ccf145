/* Kinds of trainers: how the weights move from the first point in time to the last.
 *
 * A kind is one file that exports one `const struct trainer_kind`; `train.trainer` of a spec names
 * it.  Its caller knows only this interface: it lays the kind out, lets it run, and is told of
 * every point in time at which there is something to measure. */
#pragma once

#include "core/quantity.h"
#include "core/remarks.h"
#include "core/state.h"
#include "sim/train/learner.h"
#include "sim/train/snapshot.h"

enum { TRAINER_DETAIL = 256 };

/* Settings that all kinds share: the first member of each settings struct, and the first line of
 * each parameter table. */
struct trainer_settings {
    double checkpoint; /* seconds between checkpoints (harness/run/checkpoint.h); 0: none */
};

#define TRAINER_PARAMS                                                                             \
    PARAM("checkpoint", PARAM_REAL, struct trainer_settings, checkpoint, "600",                    \
          "seconds between checkpoints, from which the same command goes on after an interrupt; "  \
          "0: none, also not at an interrupt. Results do not depend on it",                        \
          .low = 0, .high = UNBOUNDED, .aside = true)

/* Answers to the question how a run goes on. */
enum going {
    GO_ON,
    SAVE,          /* the state, as soon as it can be saved, and go on; asked again until then */
    STOP,          /* the run is of no more use */
    SAVE_AND_STOP, /* save the state when the measurement at work is kept, then stop */
};

/* Callbacks of a run; they come in the order of the members for each point in time. */
struct watch {
    void *context;
    /* A point in time is reached: the kind's quantities are those of this point.  From the thread
     * that called `run`. */
    void (*reached)(void *context, double time);
    /* Measure the weights of that point.  May run on a thread of its own, beside training. */
    enum status (*measure)(void *context, const struct snapshot *snapshot, struct error *err);
    /* The point is whole; `step` of all `steps` are done.  From the thread that called `run`.
     * `milestone`: worth a line of its own where progress is shown as lines. */
    void (*kept)(void *context, uint64_t step, uint64_t steps, bool milestone);
    /* Now and then; `step` of all `steps` are done. */
    enum going (*going)(void *context, uint64_t step, uint64_t steps);
    /* Save the state, as `state` below lists it.  From the thread that called `run`, while nothing
     * is measured.  An error ends the run. */
    enum status (*save)(void *context, struct error *err);
};

struct trainer_kind {
    struct descriptor about;
    /* Axis of time: its path and what it counts; and the long name of the loss. */
    const char *time, *time_name, *loss_name;
    bool whole_times; /* the points in time are whole numbers */
    bool exact;       /* snapshots have the exact moments of the outputs, and nothing is sampled */
    size_t size;      /* bytes of the state; the caller zeroes them, and they stay in their place */
    /* Whether it can train this: STATUS_INVALID with the key to blame. */
    enum status (*check)(const struct learner *learner, const void *settings, struct error *err);
    /* Points in time at most, the beginning included. */
    size_t (*points)(const struct learner *learner, const void *settings);
    /* Lay out in `arena`, once counting, once real, and set the first weights. */
    void (*layout)(void *state, const struct learner *learner, const void *settings,
                   struct arena *arena);
    /* After the real layout, and before the arena is freed; `close` also after an error.  NULL:
     * there is nothing to do. */
    enum status (*open)(void *state, struct error *err);
    void (*close)(void *state);
    /* From the first point in time, or where a saved state was, to the last.  STATUS_DIVERGED and
     * STATUS_INTERRUPTED: with where, in `detail`.  It is interrupted because `going` said so, or
     * because a setting that names no run limits it: err->key is that setting then. */
    enum status (*run)(void *state, const struct watch *watch, char detail[TRAINER_DETAIL],
                       struct error *err);
    /* Add the numbers that training itself gives, after `open`: "/series/loss" first. */
    void (*quantities)(const void *state, struct quantity_list *list);
    /* Add the whole state, after `open`: with these blocks filled, `run` goes on where another
     * run of the same spec was when it saved them, on any number of threads. */
    void (*state)(void *state, struct state_list *list);
    /* Points in time that are measured in this state, and steps that are done. */
    size_t (*measured)(const void *state);
    uint64_t (*steps_done)(const void *state, uint64_t *steps);
    /* The weights as they are; `epoch` and `threads` mean nothing. */
    struct snapshot (*weights)(const void *state);
    /* The work ahead in words, "4 inputs, 30 parameters, ..."; and a point in time, "epoch 3 of
     * 20".  Return what snprintf does. */
    int (*describe_work)(const void *state, char *text, size_t size);
    int (*describe_time)(const void *state, double time, char *text, size_t size);
    /* Append what training leaves out of its data, in lines that each end with a newline, such as
     * an incomplete batch.  NULL: it leaves out nothing. */
    void (*remarks)(const void *state, struct remarks *remarks);
};

/* All kinds, in the order of `duet list trainers`: one line per file. */
/* clang-format off */
#define TRAINER_KINDS(X) \
    X(minibatch) \
    X(flow)
/* clang-format on */

#define DECLARE(name) extern const struct trainer_kind trainer_##name;
TRAINER_KINDS(DECLARE)
#undef DECLARE

/* Add the loss to a kind's list. */
static inline void add_loss(struct quantity_list *list, const struct trainer_kind *kind,
                            const double *value)
{
    struct quantity *q = quantity_add(list, kind->loss_name, "/series/loss");
    q->value = value;
    q->headline = q->brief = "loss";
}
