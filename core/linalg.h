/* Vectors and small matrices, row-major: a few products, and checked LAPACK, whose decompositions
 * refuse NaN and say when they do not converge. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether all of `count` numbers are finite. */
bool are_finite(size_t count, const double *a);

/* Whether several threads may call BLAS and LAPACK at once.  Also sets OpenBLAS to one thread per
 * call.  OpenBLAS built without threads shares its buffers, so there the answer is no. */
int linalg_threads_are_safe(void);

/* Map the buffers of OpenBLAS for so many threads: later it would try for ever where memory is
 * limited.  STATUS_SYSTEM and the limit where there is no room. */
enum status linalg_reserve(int threads, struct error *err);

/* Eigenvalues (largest first) of the symmetric n x n matrix `a`, row-major.  With `vectors`, row j
 * of `a` is overwritten by the unit eigenvector of value[j]; without, `a` is destroyed. */
enum status symmetric_eigen(int n, double *a, double *value, int vectors, struct error *err);

/* Singular values (largest first) of the rows x columns matrix `a`, row-major, destroyed.
 * u: [rows][k] and vt: [k][columns], k = min(rows, columns); both or neither may be NULL. */
enum status singular_values(int rows, int columns, double *a, double *value, double *u, double *vt,
                            struct error *err);

enum transposed { PLAIN, TRANSPOSED };

/* c = alpha op(a) op(b) + beta c, with op(a) m x k and op(b) k x n */
void matrix_product(enum transposed a_how, enum transposed b_how, size_t m, size_t n, size_t k,
                    double alpha, const double *a, const double *b, double beta, double *c);

/* out = [a, b] = a b - b a, n x n */
void matrix_commutator(size_t n, const double *a, const double *b, double *out);

/* a = (a + a^T) / 2, n x n */
void matrix_symmetrise(size_t n, double *a);

double matrix_trace(size_t n, const double *a);
