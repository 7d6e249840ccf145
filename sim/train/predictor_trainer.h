/* A predictor in training: its weights, how they move, and the running moments of the outputs that
 * some ways of moving them are made of (sim/train/predictor_optimiser.h). */
#pragma once

#include "core/state.h"
#include "sim/train/learner.h"

struct predictor_trainer {
    const struct learner *learner; /* borrowed */
    void *settings; /* the trunk optimiser's, with the predictor's learning rate and weight decay */
    double *parameters, *gradient, *state; /* [padded parameters], state: slots of them */
    size_t stride;                         /* padded parameters */
    double *c, *d;                         /* [width][width] moments */
    double *scratch;
};

/* STATUS_INVALID, with the keys, where a rule cannot set such a predictor. */
enum status predictor_check_optimiser(const struct predictor *predictor,
                                      const struct predictor_optimiser *optimiser,
                                      struct error *err);

/* Lay out (once counting, once real), with initial weights. */
void predictor_trainer_layout(struct predictor_trainer *trainer, const struct learner *learner,
                              struct arena *arena);

/* Add its weights, the state of its optimiser and the moments to `list`. */
void predictor_trainer_state(struct predictor_trainer *trainer, struct state_list *list);

/* Doubles of one set of sums over a batch: the gradient, [stride], then sum of f f^T and of f_a f^T
 * where a rule wants them. */
size_t predictor_sums_size(const struct predictor_trainer *trainer);

/* Add `samples` columns of f and f_a, [width][stride], to the sums of f f^T and f_a f^T. */
void predictor_sums_add(const struct predictor_trainer *trainer, size_t samples, size_t stride,
                        const double *f, const double *f_a, double *sums);

/* Step number `step` = 1, 2, ... from the sums over a batch of `samples`, which are overwritten.
 * False where a weight is no longer finite. */
bool predictor_trainer_step(struct predictor_trainer *trainer, uint64_t step, size_t samples,
                            double *sums);
