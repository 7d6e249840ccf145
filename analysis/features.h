/* Features of sparse-coding data that neurons learn, [FD]: which columns M_j of the dictionary
 * their weights w_i carry, whether outputs follow the features or the noise of a sample, and how
 * much a linear readout of the outputs knows.
 *
 * The neurons are the ones that see the inputs.  Samples are x = M z + xi, without a mask.
 * Results are the same bits for any number of threads. */
#pragma once

#include "core/arena.h"
#include "sim/data/source.h"
#include "sim/net/network.h"

struct features_plan {
    const struct network *network;
    const struct source *source; /* with a dictionary */
    const void *world;
    uint64_t seed;
    size_t samples; /* of the outputs; half of those that have a label are held out */
    double ridge;   /* of the readouts (analysis/readout.h), of outputs with a mean square of 1 */
    int threads;
};

struct features {
    struct features_plan plan;
    size_t neurons, count; /* count: of features */
    /* results */
    double *cosine;   /* [neuron][feature] |<w_i, M_j>| / |w_i|; 0 where w_i vanishes */
    double *columns;  /* [neuron] columns, the largest first, that carry 90% of the part of |w_i|^2
                         in span(M) */
    double *learners; /* [feature] neurons of which M_j carries more than half, cosine^2 > 1/2 */
    double *outside;  /* [neuron] share of |w_i|^2 outside span(M) */
    double share_of_columns; /* mean of `columns` over neurons, as a share of all columns */
    double best_cosine;      /* mean over features of the best neuron's cosine */
    double inside;           /* mean over neurons of 1 - outside */
    double learned;          /* share of the features that have a learner */
    /* Mean cosine of f(x) with f(M z) and with f(xi) over samples that have a feature; 0 counts
     * where one of the outputs vanishes. */
    double signal_cosine, noise_cosine;
    /* Share of the held-out samples whose label sign <w*, z> a linear readout tells, w* normal and
     * drawn with the seed: of f(x); of E[z_j | <M_j, x>] for all j, the true M and the law of the
     * data being known; and of the label that is more frequent. */
    double accuracy, oracle, chance;
    double
        readout_share; /* (accuracy - chance) / (oracle - chance); NaN where they do not differ */
    /* work */
    struct features_work *work;             /* one a thread */
    double *readout;                        /* [feature] w* */
    double *output, *posterior;             /* [neuron of the output or feature][stride] */
    double *signal_cosines, *noise_cosines; /* [stride]; NaN: not counted */
    double *fit;
    uint8_t *label; /* [stride]; 2: none */
    size_t stride;
};

/* Lay out in `arena`: call once counting, once real. */
void features_layout(struct features *features, const struct features_plan *plan,
                     struct arena *arena);

/* Measure on the samples at (seed, PURPOSE_MEASURE, epoch). */
enum status features_measure(struct features *features, double *parameters, uint64_t epoch,
                             struct error *err);
