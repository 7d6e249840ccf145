/* A measurement: correlations and covariance operators of a network, from samples or from an
 * enumerated support, by the same code.
 *
 * Columns are dealt to MEASURE_GROUPS groups whose sums are kept apart and added in their order, so
 * results are the same bits for any number of threads. */
#ifndef DUET_ANALYSIS_MEASURE_H
#define DUET_ANALYSIS_MEASURE_H

#include "analysis/connection.h"
#include "analysis/correlation.h"
#include "analysis/covariance_operator.h"
#include "hltm/exact.h"
#include "sim/data/source.h"

enum { MEASURE_GROUPS = 8 };

struct measure_plan {
    const struct network *network;
    const struct tree *tree;
    size_t columns; /* samples or support points that are expected */
    bool correlation, covop, spectrum;
    int threads; /* 1..MEASURE_GROUPS */
    /* For samples from a source; both NULL where columns come from elsewhere. */
    const struct source *source;
    const void *world;
};

struct measure_thread; /* workspace of a thread */

struct measure {
    struct measure_plan plan;
    struct tables tables;
    struct correlation_plan correlation_plan;
    struct connection_plan connection_plan;
    double *shift[NETWORK_MAX_LEVELS]; /* [level][node][width] */
    struct measure_thread *thread;
    double *sums; /* [group][stride]: correlation sums, then connection sums */
    size_t stride, connection_start;
    double *connection;    /* E[K | label] of all nodes (connection_offset) */
    double *operator_work; /* [thread] */
    size_t operator_work_size;
    /* results */
    double *correlation;                                          /* correlation_offset */
    double *probability;                                          /* [label] */
    double *norm[NETWORK_MAX_LEVELS], *trace[NETWORK_MAX_LEVELS]; /* [level][node] */
    double *eigenvalue[NETWORK_MAX_LEVELS];                       /* [level][node][rank] */
};

/* Lay out in `arena`: call once counting, once real. */
void measure_layout(struct measure *measure, const struct measure_plan *plan, struct arena *arena);

struct operator_shape measure_shape(const struct measure *measure, int level);

/* From `samples` fresh samples at (seed, PURPOSE_MEASURE, epoch). */
enum status measure_samples(struct measure *measure, double *parameters, uint64_t seed,
                            uint64_t epoch, size_t samples, struct error *err);

/* From an enumerated support: exact. */
enum status measure_support(struct measure *measure, double *parameters,
                            const struct support *support, struct error *err);

/* From given samples: state[node][stride] of all nodes. */
enum status measure_given(struct measure *measure, double *parameters, const uint8_t *state,
                          size_t stride, size_t count, struct error *err);

/* Products of one measurement of `samples` samples, in floating-point operations. */
double measure_flops(const struct measure *measure, size_t samples);

#endif
