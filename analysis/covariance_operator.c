#include "analysis/covariance_operator.h"

#include "core/linalg.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

static size_t entries(struct operator_shape s)
{
    return s.outputs * s.neurons * s.inputs;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t operator_rank(struct operator_shape s)
{
    return smaller(s.outputs * (s.labels - 1), s.neurons * s.inputs);
}

/* The contrasts, a Gram matrix on the small side, its eigenvalues. */
size_t operator_work(struct operator_shape s)
{
    size_t contrasts = entries(s) * (s.labels - 1);
    size_t side = smaller(s.outputs * (s.labels - 1), s.neurons * s.inputs);
    size_t published = s.neurons;
    if (published > side)
        side = published;
    return contrasts + side * side + side;
}

/* C[i] = sum_s q_is sqrt(p_s) K_s for i = 1..m-1, where the rows q_i with (sqrt(p_s)) in front form
 * an orthogonal matrix: a Householder reflection that takes the first unit vector there. */
static void contrasts(struct operator_shape shape, const double *connection,
                      const double *probability, double *out)
{
    const size_t m = shape.labels, size = entries(shape);
    double total = 0;
    for (size_t s = 0; s < m; s++)
        total += probability[s];
    /* v = e_0 + root (no cancellation), H = I - 2 v v^T / |v|^2, row 0 of H is -root */
    double root0 = sqrt(probability[0] / total), square = 2 + 2 * root0;
    memset(out, 0, size * (m - 1) * sizeof *out);
    for (size_t i = 1; i < m; i++) {
        double root_i = sqrt(probability[i] / total);
        for (size_t s = 0; s < m; s++) {
            double root_s = sqrt(probability[s] / total), v_s = root_s + (s == 0);
            double q = (s == i) - 2 * root_i * v_s / square;
            cblas_daxpy((int)size, q * root_s, connection + s * size, 1, out + (i - 1) * size, 1);
        }
    }
}

enum status covariance_operator(struct operator_shape shape, const double *connection,
                                const double *probability, double *work,
                                struct operator_summary *summary, double *eigenvalue,
                                struct error *err)
{
    const int rows = (int)(shape.outputs * (shape.labels - 1));
    const int columns = (int)(shape.neurons * shape.inputs);
    const int side = (int)operator_rank(shape);
    double *c = work, *gram = c + (size_t)rows * (size_t)columns;
    double *value = gram + (size_t)side * (size_t)side;
    contrasts(shape, connection, probability, c);
    if (rows <= columns)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, side, side, columns, 1, c, columns, c,
                    columns, 0, gram, side);
    else
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, side, side, rows, 1, c, columns, c,
                    columns, 0, gram, side);
    summary->norm = cblas_dnrm2(side * side, gram, 1);
    summary->trace = 0;
    for (int i = 0; i < side; i++)
        summary->trace += gram[i * side + i];
    if (!eigenvalue)
        return STATUS_OK;
    enum status status = symmetric_eigen(side, gram, value, 0, err);
    for (int i = 0; !status && i < side; i++)
        eigenvalue[i] = value[i] > 0 ? value[i] : 0; /* rounding below 0 */
    return status;
}

double published_operator_norm(struct operator_shape shape, const double *connection,
                               const double *probability, double *work)
{
    const int n = (int)shape.neurons, inputs = (int)shape.inputs;
    double *c = work, *gram = c + entries(shape) * (shape.labels - 1);
    contrasts(shape, connection, probability, c);
    memset(gram, 0, (size_t)n * (size_t)n * sizeof *gram);
    for (size_t o = 0; o < shape.outputs * (shape.labels - 1); o++) {
        const double *block = c + o * shape.neurons * shape.inputs;
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, inputs, 1, block, inputs, block,
                    inputs, 1, gram, n);
    }
    return cblas_dnrm2(n * n, gram, 1);
}
