/* Measurements of the outputs of a network: their moments over views, their alignment with a linear
 * predictor, [NCP], and the accuracy of linear readouts.
 *
 * With f = online output for x_1, f_+ for x_2, f_a = the target's output for x_2:
 *     C = E[f f^T],   F = E[f f_+^T],   D = E[f_a f^T],   not centred; F and D made symmetric
 * In a linear network C = W (X + X') W^T and F = W X W^T.  All matrices are [width][width].
 * Results are the same bits for any number of threads. */
#pragma once

#include "analysis/alignment.h"
#include "core/arena.h"
#include "sim/data/source.h"
#include "sim/net/predictor.h"

enum { OUTPUT_GROUPS = 8 };

struct output_plan {
    const struct network *network;
    const struct source *source;
    const void *world;
    const struct predictor *predictor; /* NULL: there is none */
    size_t samples;                    /* of the moments */
    size_t probe_samples; /* of the linear probes, half of them held out; 0: no probes */
    double ridge;         /* of the probes (analysis/readout.h) */
    double alpha_p;       /* learning rate of the predictor over the trunk's */
    double eta_p,
        eta_s;   /* weight decay of predictor and trunk, as in the flow: dW/dt = ... - eta W */
    int threads; /* 1..OUTPUT_GROUPS */
};

struct output_measure {
    struct output_plan plan;
    struct output_work *work;       /* one a thread */
    double *sums;                   /* [group][3][width][width] */
    double *feature;                /* [width][feature_stride] outputs for un-augmented samples */
    uint8_t *label;                 /* [latent][feature_stride] */
    size_t feature_stride, latents; /* latents: of levels 0..keep_level, 0 without probes */
    double *scratch;
    /* results */
    double *c, *f, *d;
    /* Of a linear predictor with C in the place of F, see analysis/alignment.h. */
    struct alignment alignment;
    double sigma2;        /* tr C / tr F - 1: X' = sigma2 X where views are isotropic */
    double tau;           /* tr D / tr F: f_a = tau f */
    double k_least;       /* least eigenvalue of the symmetric part of K, NCP-6: alpha_p C / 2 +
                             (1 + sigma2) W_p^2 - tau W_p + (eta_p / 2 + eta_s) I */
    double *balance;      /* W W^T - W_p^T W_p / alpha_p, W the output level's weights; NCP-2 */
    double target_cosine; /* <W_a, W> / |W_a| |W| of all parameters; 0 where one vanishes */
    double *accuracy;     /* [latent] of its linear readout on samples that it was not fitted to */
    double mean_accuracy; /* over all of them */
};

/* The tree of the data; NULL: they have none. */
const struct tree *outputs_tree(const struct output_measure *measure);

/* Whether there is a single matrix W_p to speak of. */
bool outputs_has_matrix(const struct output_measure *measure);

/* Lay out in `arena`: call once counting, once real. */
void outputs_layout(struct output_measure *measure, const struct output_plan *plan,
                    struct arena *arena);

/* Measure on the samples at (seed, PURPOSE_MEASURE, epoch).  `target`: parameters of the target
 * network; NULL: the online network's.  `predictor`: parameters of the predictor, not looked at
 * without one. */
enum status outputs_measure(struct output_measure *measure, double *parameters, double *target,
                            const double *predictor, uint64_t seed, uint64_t epoch,
                            struct error *err);

/* The same from C, F and D that the caller has written: exact ones, say.  Without probes;
 * `parameters` may be NULL: then balance and cosine are NaN, as is the balance for alpha_p = 0. */
enum status outputs_from_moments(struct output_measure *measure, const double *parameters,
                                 const double *target, const double *predictor, struct error *err);
