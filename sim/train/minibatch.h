/* train.trainer minibatch: steps of the optimiser on batches of fresh samples, with measurements
 * beside training.
 *
 * A measurement needs the weights as they were, so the next epoch is trained meanwhile: half of the
 * threads measure and then draw what the rest of the epoch and the beginning of the one after it
 * need, the others train, and all train when that is done.  That is faster than all at one and then
 * all at the other, since the threads of a training step have to wait for one another.  No number
 * depends on it. */
#pragma once

#include "sim/train/trainer.h"
#include "sim/train/trainer_kind.h"

struct minibatch_settings {
    struct trainer_settings common;
    int64_t epochs;  /* passes over `samples` fresh samples */
    int64_t samples; /* per epoch */
    int64_t batch;
};

/* State of the kind; memory belongs to the arena. */
struct minibatch {
    const struct learner *learner;
    const struct minibatch_settings *settings;
    struct trainer trainer;
    uint64_t epoch;        /* epochs trained */
    uint64_t settled;      /* 1: after this epoch was measured what is to be measured, or is */
    double loss;           /* mean over the last epoch; before training, over the first batches */
    struct snapshot taken; /* copies that a measurement works on while training goes on */
};
