#include "sim/train/direct_predictor.h"

#include "core/linalg.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Eight partial sums, so that the loop is whole vectors. */
enum { EIGHT = 8 };

static double mean_product(size_t samples, const double *a, const double *b)
{
    double part[EIGHT] = {0}, sum = 0;
    size_t s = 0;
    for (; s + EIGHT <= samples; s += EIGHT)
        for (size_t i = 0; i < EIGHT; i++)
            part[i] += a[s + i] * b[s + i];
    for (size_t i = 0; s + i < samples; i++)
        part[i] += a[s + i] * b[s + i];
    for (size_t i = 0; i < EIGHT; i++)
        sum += part[i];
    return sum / (double)samples;
}

void second_moment(int n, size_t samples, size_t stride, const double *a, const double *b,
                   double *out)
{
    size_t size = (size_t)n;
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j < size; j++)
            out[i * size + j] = a == b && j < i
                                    ? out[j * size + i]
                                    : mean_product(samples, a + i * stride, b + j * stride);
}

void correlation_update(int n, double rho, const double *batch, double *correlation)
{
    for (size_t i = 0; i < (size_t)n * (size_t)n; i++)
        correlation[i] = rho * correlation[i] + (1 - rho) * batch[i];
}

void direct_eigenvalues(const struct direct_rule *rule, int n, const double *s, double *p)
{
    double floor_value = rule->epsilon * fmax(s[0], 0);
    for (int j = 0; j < n; j++)
        p[j] = pow(fmax(fmax(s[j], 0) - rule->offset, 0), rule->power) + floor_value;
}

/* ---- in the eigenbasis; u[j] is the unit eigenvector j, a row ---- */

struct basis {
    size_t n;
    double *u, *s, *p, *work;
};

/* scratch: U [n][n], work [n][n], s [n], p [n] */
static struct basis basis_in(int n, double *scratch)
{
    size_t size = (size_t)n, square = size * size;
    return (struct basis){.n = size,
                          .u = scratch,
                          .work = scratch + square,
                          .s = scratch + 2 * square,
                          .p = scratch + 2 * square + size};
}

size_t direct_scratch_size(int n)
{
    return 2 * (size_t)n * (size_t)n + 2 * (size_t)n;
}

static enum status decompose(struct basis *basis, const double *correlation, struct error *err)
{
    memcpy(basis->u, correlation, basis->n * basis->n * sizeof *correlation);
    return symmetric_eigen((int)basis->n, basis->u, basis->s, 1, err);
}

enum status direct_predictor(const struct direct_rule *rule, int n, const double *correlation,
                             double *predictor, double *scratch, struct error *err)
{
    struct basis basis = basis_in(n, scratch);
    enum status status = decompose(&basis, correlation, err);
    if (status)
        return status;
    const size_t size = basis.n;
    direct_eigenvalues(rule, n, basis.s, basis.p);
    for (size_t i = 0; i < size; i++)
        for (size_t k = 0; k <= i; k++) {
            double sum = 0;
            for (size_t j = 0; j < size; j++)
                sum += basis.p[j] * basis.u[j * size + i] * basis.u[j * size + k];
            predictor[i * size + k] = predictor[k * size + i] = sum;
        }
    return STATUS_OK;
}

/* out = a b, or with a or b transposed; each sum goes from the first term to the last */
static void multiply(size_t n, enum transposed a_how, const double *a, enum transposed b_how,
                     const double *b, double *out)
{
    const size_t a_row = a_how == PLAIN ? n : 1, b_row = b_how == PLAIN ? n : 1;
    for (size_t j = 0; j < n; j++)
        for (size_t k = 0; k < n; k++) {
            double sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += a[j * a_row + i * (n / a_row)] * b[i * b_row + k * (n / b_row)];
            out[j * n + k] = sum;
        }
}

enum status optimal_predictor(enum optimal_kind kind, int n, const double *correlation,
                              const double *cross, double *predictor, double *scratch,
                              struct error *err)
{
    struct basis basis = basis_in(n, scratch);
    enum status status = decompose(&basis, correlation, err);
    if (status)
        return status;
    const size_t size = basis.n;
    const double rounding = (double)n * DBL_EPSILON * fmax(basis.s[0], 0);
    /* to the eigenbasis, U cross U^T, and back */
    multiply(size, PLAIN, basis.u, PLAIN, cross, basis.work);
    multiply(size, PLAIN, basis.work, TRANSPOSED, basis.u, predictor);
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j < size; j++)
            basis.work[i * size + j] = (predictor[i * size + j] + predictor[j * size + i]) / 2;
    for (size_t i = 0; i < size; i++)
        for (size_t j = 0; j < size; j++) {
            double divisor = kind == OPTIMAL_PLUG_IN ? basis.s[j] : (basis.s[i] + basis.s[j]) / 2;
            predictor[i * size + j] = divisor > rounding ? basis.work[i * size + j] / divisor : 0;
        }
    multiply(size, PLAIN, predictor, PLAIN, basis.u, basis.work);
    multiply(size, TRANSPOSED, basis.u, PLAIN, basis.work, predictor);
    return STATUS_OK;
}
