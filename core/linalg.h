/* Checked LAPACK: decompositions that refuse NaN and say when they do not converge. */
#ifndef DUET_CORE_LINALG_H
#define DUET_CORE_LINALG_H

#include "core/error.h"

/* Whether several threads may call BLAS and LAPACK at once, each on one thread of its own, which is
 * set here.  OpenBLAS built without threads is not safe for that (it shares its buffers). */
int linalg_threads_are_safe(void);

/* Eigenvalues (largest first) of the symmetric n x n matrix `a`, row-major.  With `vectors`, row j
 * of `a` is overwritten by the unit eigenvector of value[j]; without, `a` is destroyed. */
enum status symmetric_eigen(int n, double *a, double *value, int vectors, struct error *err);

/* Singular values (largest first) of the rows x columns matrix `a`, row-major, destroyed.
 * u: [rows][k] and vt: [k][columns], k = min(rows, columns); both or neither may be NULL. */
enum status singular_values(int rows, int columns, double *a, double *value, double *u, double *vt,
                            struct error *err);

#endif
