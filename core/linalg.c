#include "core/linalg.h"

#include "core/memory_limit.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>

int linalg_threads_are_safe(void)
{
    openblas_set_num_threads(1); /* results must not depend on the number of threads */
    return openblas_get_parallel() != OPENBLAS_SEQUENTIAL;
}

/* OpenBLAS's own, which its library exports; absent in others. */
void *blas_memory_alloc(int place) __attribute__((weak));
void blas_memory_free(void *buffer) __attribute__((weak));

enum status linalg_reserve(int threads, struct error *err)
{
    enum { MOST = 128 };
    void *buffer[MOST];
    const int count = threads < MOST ? threads : MOST;
    const size_t stacks = (size_t)threads * MEMORY_STACK;
    int taken = 0;
    enum status status = STATUS_OK;
    if (!blas_memory_alloc || !blas_memory_free)
        return memory_check((size_t)threads * MEMORY_BUFFER + stacks, threads, err);
    memory_await_workers();
    for (; taken < count && !status; taken += !status) {
        status = memory_check(MEMORY_BUFFER, threads, NULL);
        if (status) /* the error is about all that are missing */
            memory_check((size_t)(threads - taken) * MEMORY_BUFFER + stacks, threads, err);
        else
            buffer[taken] = blas_memory_alloc(0);
    }
    while (taken > 0) /* OpenBLAS keeps what was mapped once */
        blas_memory_free(buffer[--taken]);
    return status ? status : memory_check(stacks, threads, err);
}

/* Never stops early, so that the compiler vectorises it. */
bool are_finite(size_t count, const double *a)
{
    int lost = 0;
    for (size_t i = 0; i < count; i++)
        lost |= !isfinite(a[i]);
    return !lost;
}

static enum status check_finite(const char *what, size_t count, const double *a, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(a[i]))
            return error_set(err, STATUS_DIVERGED, "%s: entry %zu of the matrix is %g", what, i,
                             a[i]);
    return STATUS_OK;
}

static enum status check_info(const char *what, lapack_int info, struct error *err)
{
    if (info == 0)
        return STATUS_OK;
    if (info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR)
        return error_memory(err, "LAPACK's workspace: %s", what);
    return error_set(err, STATUS_SYSTEM, "%s: LAPACK did not converge (info %d)", what, (int)info);
}

enum status symmetric_eigen(int n, double *a, double *value, int vectors, struct error *err)
{
    if (check_finite("symmetric eigenproblem", (size_t)n * (size_t)n, a, err))
        return err ? err->status : STATUS_DIVERGED;
    /* Column-major on a symmetric matrix spares the transpose: LAPACK leaves eigenvector j in
     * column j, which is our row j.  It sorts the smallest first; turn both around. */
    lapack_int info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, vectors ? 'V' : 'N', 'U', n, a, n, value);
    enum status status = check_info("symmetric eigenproblem", info, err);
    if (status)
        return status;
    cblas_dswap(n / 2, value, 1, value + n - n / 2, -1);
    for (int j = 0; vectors && j < n / 2; j++)
        cblas_dswap(n, a + (size_t)j * (size_t)n, 1, a + (size_t)(n - 1 - j) * (size_t)n, 1);
    return STATUS_OK;
}

enum status singular_values(int rows, int columns, double *a, double *value, double *u, double *vt,
                            struct error *err)
{
    if (check_finite("singular values", (size_t)rows * (size_t)columns, a, err))
        return err ? err->status : STATUS_DIVERGED;
    int k = rows < columns ? rows : columns;
    lapack_int info = LAPACKE_dgesdd(LAPACK_ROW_MAJOR, u ? 'S' : 'N', rows, columns, a, columns,
                                     value, u, u ? k : 1, vt, columns);
    return check_info("singular values", info, err);
}

void matrix_product(enum transposed a_how, enum transposed b_how, size_t m, size_t n, size_t k,
                    double alpha, const double *a, const double *b, double beta, double *c)
{
    cblas_dgemm(CblasRowMajor, a_how == TRANSPOSED ? CblasTrans : CblasNoTrans,
                b_how == TRANSPOSED ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, alpha, a,
                (int)(a_how == TRANSPOSED ? m : k), b, (int)(b_how == TRANSPOSED ? k : n), beta, c,
                (int)n);
}

void matrix_commutator(size_t n, const double *a, const double *b, double *out)
{
    matrix_product(PLAIN, PLAIN, n, n, n, 1, a, b, 0, out);
    matrix_product(PLAIN, PLAIN, n, n, n, -1, b, a, 1, out);
}

void matrix_symmetrise(size_t n, double *a)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            a[i * n + j] = a[j * n + i] = (a[i * n + j] + a[j * n + i]) / 2;
}

double matrix_trace(size_t n, const double *a)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i * n + i];
    return sum;
}
