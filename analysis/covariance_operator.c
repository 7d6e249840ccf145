#include "analysis/covariance_operator.h"

#include "core/linalg.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

static size_t entries(struct operator_shape s)
{
    return s.outputs * s.neurons * s.inputs;
}

size_t operator_rank(struct operator_shape s)
{
    const size_t rows = s.outputs * (s.labels - 1), columns = s.neurons * s.inputs;
    return rows < columns ? rows : columns;
}

/* The contrasts, a Gram matrix on the small side, its eigenvalues. */
size_t operator_work(struct operator_shape s)
{
    size_t contrasts = entries(s) * (s.labels - 1);
    size_t side = operator_rank(s);
    if (s.neurons > side)
        side = s.neurons; /* published_operator_norm */
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
    const size_t rows = shape.outputs * (shape.labels - 1), columns = shape.neurons * shape.inputs;
    const size_t side = operator_rank(shape);
    double *c = work, *gram = c + rows * columns, *value = gram + side * side;
    contrasts(shape, connection, probability, c);
    if (rows <= columns)
        matrix_product(PLAIN, TRANSPOSED, side, side, columns, 1, c, c, 0, gram);
    else
        matrix_product(TRANSPOSED, PLAIN, side, side, rows, 1, c, c, 0, gram);
    summary->norm = cblas_dnrm2((int)(side * side), gram, 1);
    summary->trace = matrix_trace(side, gram);
    if (!eigenvalue)
        return STATUS_OK;
    enum status status = symmetric_eigen((int)side, gram, value, 0, err);
    for (size_t i = 0; !status && i < side; i++)
        eigenvalue[i] = value[i] > 0 ? value[i] : 0; /* rounding below 0 */
    return status;
}

double published_operator_norm(struct operator_shape shape, const double *connection,
                               const double *probability, double *work)
{
    const size_t n = shape.neurons, inputs = shape.inputs;
    double *c = work, *gram = c + entries(shape) * (shape.labels - 1);
    contrasts(shape, connection, probability, c);
    memset(gram, 0, n * n * sizeof *gram);
    for (size_t o = 0; o < shape.outputs * (shape.labels - 1); o++) {
        const double *block = c + o * n * inputs;
        matrix_product(PLAIN, TRANSPOSED, n, n, inputs, 1, block, block, 1, gram);
    }
    return cblas_dnrm2((int)(n * n), gram, 1);
}
