/* Alignment of a linear predictor with the covariance of the online network's outputs, [NCP].
 *
 * F = E[f f^T], not centred, symmetric; W_p the predictor; both n x n, row-major. */
#pragma once

#include "core/error.h"

#include <stddef.h>

/* Arrays are the caller's, [n] each. */
struct alignment {
    double *f_value;       /* eigenvalues s_j of F, largest first */
    double *p_value;       /* u_j^T W_p u_j for the eigenvectors u_j of F, in their order */
    double *predictor;     /* eigenvalues of the symmetric part of W_p, largest first */
    double *cosine;        /* |<u_j, W_p u_j>| / |W_p u_j|: 1 where u_j is an eigenvector of W_p; 0
                              where W_p u_j = 0 */
    double commutator;     /* |F W_p - W_p F|, Frobenius */
    double asymmetry;      /* |W_p - W_p^T| / |W_p|, Frobenius; 0 where W_p = 0 */
    double effective_rank; /* of s_j */
};

/* exp of the entropy of value_j / sum value [n] (Roy and Vetterli 2007); what is below 0 counts as
 * 0, and the rank is 0 where all are. */
double effective_rank(size_t n, const double *value);

/* Doubles of workspace. */
size_t alignment_work(size_t n);

/* F must be positive semi-definite up to rounding; negative eigenvalues count as 0 in the rank. */
enum status alignment_measure(size_t n, const double *f, const double *w_p, double *work,
                              struct alignment *alignment, struct error *err);
