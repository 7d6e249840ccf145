/* Training runs of [FD] with and without masks, which FD-2 and FD-3 share. */
#ifndef DUET_THEOREMS_FD_H
#define DUET_THEOREMS_FD_H

#include "theorems/claim.h"

/* Settings of both claims. */
struct fd_settings {
    int64_t features, dimension, neurons, steps;
};

extern const struct param fd_params[];

/* Variants of the training; the rest is as in specs/fd-2.yaml.  The schedules were chosen on the
 * seeds 1001 to 1003 of `duet run`, which no claim uses. */
enum fd_world {
    FD_THEORY, /* sizes as set; a weak ridge, and thresholds that start where the theory puts them;
                  steps are shorter where d_1 sigma_xi^2 is larger than at d = 20, d_1 = 200 */
    FD_STRONG_RIDGE, /* ... ridge 30 times as strong, half as many steps, 1.2 times as long */
    FD_SMALL,        /* d = 10, d_1 = 100, m = 20, a third of the steps */
};

enum fd_quantity {
    FD_COLUMNS,      /* share of the columns of M that carry 90% of w_i in span(M), mean over i */
    FD_COSINE,       /* best |cos(w_i, M_j)| over neurons, mean over features */
    FD_INSIDE,       /* share of |w_i|^2 in span(M), mean over i */
    FD_NOISE_COSINE, /* cosine of f(x) with f(xi) */
    FD_READOUT,      /* (accuracy - chance) / (oracle - chance) */
    FD_COMPARED,     /* FD-2 and FD-3 compare the quantities above */
    FD_SIGNAL_COSINE = FD_COMPARED, /* cosine of f(x) with f(M z) */
    FD_LEARNED,                     /* share of the features with cos^2 > 1/2 to some neuron */
    FD_LOSS,                        /* contrastive loss, mean over the last third of the steps */
    FD_QUANTITIES
};

/* Times of measurement: after two thirds of the steps and after all, on the same samples. */
enum fd_when { FD_LATE, FD_END, FD_TIMES };

struct fd_training {
    double value[FD_TIMES][FD_QUANTITIES];
};

enum fd_mask { FD_WITH, FD_WITHOUT, FD_MASKS };

/* Both trainings of an instance, with complementary masks and without: the same dictionary, initial
 * weights and samples.  They depend on the trial's seed, instance and settings, not on claim or
 * part, so its memo keeps them for all parts. */
enum status fd_pair(const struct trial *trial, enum fd_world world,
                    struct fd_training pair[FD_MASKS], struct error *err);

/* Difference of both trainings at the end in one of the compared quantities, positive where it is
 * as the theory says: with masks fewer columns, less noise, and more of the rest. */
double fd_gap(const struct fd_training pair[FD_MASKS], enum fd_quantity quantity);

/* This difference as the reading of an instance. */
enum status fd_compare(const struct trial *trial, enum fd_world world, enum fd_quantity quantity,
                       struct reading *reading, struct error *err);

/* The largest change of a compared quantity over the last third of one training, in units of its
 * difference. */
double fd_unrest(const struct fd_training pair[FD_MASKS], enum fd_mask mask);

#endif
