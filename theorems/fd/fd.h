/* Training runs of [FD] with and without masks, which FD-2 and FD-3 share, and the source's masks.
 */
#pragma once

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

/* An instance has two trainings, with complementary masks and without: the same dictionary, initial
 * weights and samples.  They depend on the trial's seed, instance and settings, not on claim or
 * part, so its memo keeps them for all parts. */
enum fd_mask { FD_WITH, FD_WITHOUT, FD_MASKS };

/* A world of sparse_coding, `mask` one of its words; sparsity 0: of the theory.  Close it. */
enum status fd_open_source(int64_t features, int64_t dimension, double sparsity, const char *mask,
                           uint64_t seed, void **world, struct error *err);

/* ---- the masks of FD-1, as the source draws them (theorems/fd/masks.c) ---- */

/* Entry by entry, and in the mean of the product of a neuron's responses. */
enum status fd_measure_views(const struct trial *trial, struct reading *reading);
enum status fd_measure_drawn(const struct trial *trial, struct reading *reading);

/* ---- measurements of FD-2 and FD-3, by the arguments of parts ---- */

#define FD_EFFECT .kind = PART_EFFECT, .plan = {.instances = 10, .cost = 0.01}

/* Difference of both trainings at the end in one of the compared quantities or the loss, positive
 * where it is as the theory says: with masks fewer columns, less noise, and more of the rest. */
struct fd_choice {
    enum fd_world world;
    enum fd_quantity quantity;
};

enum status fd_measure_gap(const struct trial *trial, struct reading *reading);

#define FD_GAP(of, in_world)                                                                       \
    .measure = fd_measure_gap, .argument = &(const struct fd_choice)                               \
    {                                                                                              \
        in_world, of                                                                               \
    }

/* constant + sum of weight times quantity of one training at the end; the control is the same
 * number of the other training, or of the same one where the trial restores hypotheses. */
struct fd_number {
    enum fd_world world;
    enum fd_mask mask;
    double constant, weight[FD_QUANTITIES];
};

#define FD_NUMBER(...)                                                                             \
    .measure = fd_measure_number, .argument = &(const struct fd_number)                            \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

enum status fd_measure_number(const struct trial *trial, struct reading *reading);

/* -(the largest change of a compared quantity over the last third of one training, in units of its
 * difference).  The argument is the training, an enum fd_mask. */
enum status fd_measure_rest(const struct trial *trial, struct reading *reading);
