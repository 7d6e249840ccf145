/* Predictors that are set instead of trained, [NCP] DirectPred, on small matrices.
 *
 * With the running correlation F of the online network's outputs,
 *     F <- rho F + (1 - rho) E_B[f f^T],   F = U diag(s) U^T,   W_p = U diag(p) U^T,
 *     p_j = max(s_j - c, 0)^power + epsilon max_j s_j.
 * All matrices are n x n, row-major, and belong to the caller. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

/* out[i][j] = mean over the samples of a_i b_j, not centred.  a, b: [n][stride], the columns past
 * `samples` are ignored.  With a = b the result is symmetric to the last bit. */
void second_moment(int n, size_t samples, size_t stride, const double *a, const double *b,
                   double *out);

/* F <- rho F + (1 - rho) batch; rho = 0 forgets everything but the batch. */
void correlation_update(int n, double rho, const double *batch, double *correlation);

struct direct_rule {
    double power;   /* 1/2: DirectPred; 1: DirectCopy */
    double epsilon; /* of the largest eigenvalue, added to all p_j */
    double offset;  /* c_j, the same for all j, in units of s */
};

/* p_j of eigenvalues s[n], largest first.  Eigenvalues below 0, which only rounding makes, count
 * as 0. */
void direct_eigenvalues(const struct direct_rule *rule, int n, const double *s, double *p);

/* Doubles of `scratch` that the functions below need. */
size_t direct_scratch_size(int n);

/* W_p by the rule, symmetric to the last bit.  STATUS_DIVERGED where F is not finite. */
enum status direct_predictor(const struct direct_rule *rule, int n, const double *correlation,
                             double *predictor, double *scratch, struct error *err);

/* The least-squares predictor for correlation C = E[f f^T] and cross = E[f_a f^T], with
 * B = (cross + cross^T) / 2:
 *     OPTIMAL_PLUG_IN    W_p C = B, as printed; W_p is symmetric only where B commutes with C
 *     OPTIMAL_SYMMETRIC  W_p C + C W_p = 2 B, the minimum of E|W_p f - f_a|^2 over symmetric W_p
 * Directions of C that vanish (to rounding) get 0: the solution of least norm. */
enum optimal_kind { OPTIMAL_PLUG_IN, OPTIMAL_SYMMETRIC };

enum status optimal_predictor(enum optimal_kind kind, int n, const double *correlation,
                              const double *cross, double *predictor, double *scratch,
                              struct error *err);
