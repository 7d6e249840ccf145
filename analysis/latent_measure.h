/* A measurement: correlations and covariance operators of a network, from samples or from an
 * enumerated support, by the same code.
 *
 * Columns are dealt to LATENT_GROUPS groups whose sums are kept apart and added in their order, so
 * results are the same bits for any number of threads. */
#pragma once

#include "analysis/connection.h"
#include "analysis/correlation.h"
#include "analysis/covariance_operator.h"
#include "hltm/exact.h"
#include "sim/data/source.h"

enum { LATENT_GROUPS = 8 };

struct latent_plan {
    const struct network *network;
    const struct tree *tree;
    size_t columns; /* samples or support points that are expected */
    bool correlation, covop, spectrum;
    int threads; /* 1..LATENT_GROUPS */
    /* For samples from a source; both NULL where columns come from elsewhere. */
    const struct source *source;
    const void *world;
};

struct latent_thread; /* workspace of a thread */

struct latent_measure {
    struct latent_plan plan;
    struct pattern_tables tables;
    struct correlation_plan correlation_plan;
    struct connection_plan connection_plan;
    double *shift[NETWORK_MAX_LEVELS]; /* [level][node][width] */
    struct latent_thread *thread;
    double *sums; /* [group][stride]: correlation sums, then connection sums */
    size_t stride, connection_start;
    double *connection;    /* E[K | label] of all nodes (connection_offset) */
    double *operator_work; /* [thread] */
    size_t operator_work_size;
    /* results */
    double *correlation;         /* correlation_offset */
    double best[TREE_MAX_DEPTH]; /* [level] mean over nodes of the largest |correlation|; NaN
                                    where a node has none */
    double *probability;         /* [label] */
    double *norm[NETWORK_MAX_LEVELS], *trace[NETWORK_MAX_LEVELS]; /* [level][node] */
    double *eigenvalue[NETWORK_MAX_LEVELS];                       /* [level][node][rank] */
};

/* Lay out in `arena`: call once counting, once real. */
void latents_layout(struct latent_measure *measure, const struct latent_plan *plan,
                    struct arena *arena);

struct operator_shape latents_shape(const struct latent_measure *measure, int level);

/* From `samples` fresh samples at (seed, PURPOSE_MEASURE, epoch). */
enum status latents_from_samples(struct latent_measure *measure, double *parameters, uint64_t seed,
                                 uint64_t epoch, size_t samples, struct error *err);

/* From an enumerated support: exact. */
enum status latents_from_support(struct latent_measure *measure, double *parameters,
                                 const struct support *support, struct error *err);

/* From given samples: state[node][stride] of all nodes. */
enum status latents_from_given(struct latent_measure *measure, double *parameters,
                               const uint8_t *state, size_t stride, size_t count,
                               struct error *err);

/* Products of one measurement of `samples` samples, in floating-point operations. */
double latents_flops(const struct latent_measure *measure, size_t samples);
