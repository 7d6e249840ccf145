/* The covariance operator of a node, OP = V_{z_0}[E[K | z_0]] ([DDN]; theory DDN-4 with the
 * factor 2 left out): a symmetric matrix of (neurons x inputs)^2 entries.
 *
 * It is never formed.  With D_s = E[K | s] - E[K] as a matrix outputs x (neurons inputs),
 * OP = sum_s p_s D_s^T D_s has rank at most outputs (m - 1): the deviations weighted by sqrt(p_s)
 * are orthogonal to (sqrt(p_s)), so m - 1 combinations of them, one below the other in a matrix C
 * of outputs (m - 1) rows, have C^T C = OP, and C C^T has its non-zero eigenvalues. */
#pragma once

#include "core/error.h"

#include <stddef.h>

struct operator_shape {
    size_t labels, outputs, neurons, inputs;
};

/* Eigenvalues that can differ from 0: min(outputs (m - 1), neurons inputs). */
size_t operator_rank(struct operator_shape shape);

/* Doubles of workspace for the functions below. */
size_t operator_work(struct operator_shape shape);

struct operator_summary {
    double norm; /* Frobenius */
    double trace;
};

/* connection: [label][o][k][a] = E[K | label]; probability: [label].
 * eigenvalue: [rank], largest first, or NULL. */
enum status covariance_operator(struct operator_shape shape, const double *connection,
                                const double *probability, double *work,
                                struct operator_summary *summary, double *eigenvalue,
                                struct error *err);

/* The operator's norm as the published code computes it: the same sum with (output, input) as one
 * index and the neuron as the other (erratum E6).  The code has m = 2, where either index may be
 * summed over. */
double published_operator_norm(struct operator_shape shape, const double *connection,
                               const double *probability, double *work);
