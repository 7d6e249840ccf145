#include "analysis/alignment.h"

#include "core/extreme.h"
#include "core/linalg.h"
#include "core/norm.h"

#include <math.h>
#include <string.h>

size_t alignment_work(size_t n)
{
    return 2 * n * n + n;
}

double effective_rank(size_t n, const double *value)
{
    double sum = 0, entropy = 0;
    for (size_t j = 0; j < n; j++)
        sum += fmax(value[j], 0);
    if (!(sum > 0))
        return 0;
    for (size_t j = 0; j < n; j++) {
        double share = fmax(value[j], 0) / sum;
        entropy -= share > 0 ? share * log(share) : 0;
    }
    return exp(entropy);
}

/* p_j = u_j^T W_p u_j and the cosine of u_j with W_p u_j; image: scratch [n] */
static void along_eigenvectors(size_t n, const double *vectors, const double *w_p, double *image,
                               struct alignment *a)
{
    for (size_t j = 0; j < n; j++) {
        const double *u = vectors + j * n;
        double along = 0, norm = 0;
        for (size_t i = 0; i < n; i++) {
            image[i] = 0;
            for (size_t k = 0; k < n; k++)
                image[i] += w_p[i * n + k] * u[k];
            along += u[i] * image[i];
            norm += image[i] * image[i];
        }
        a->p_value[j] = along;
        norm = square_is_safe(norm) ? sqrt(norm) : norm_of(n, image, 1);
        a->cosine[j] = norm == 0 ? 0 : smaller(1, fabs(along) / norm);
    }
}

static void norms(size_t n, const double *f, const double *w_p, struct alignment *a)
{
    double commutator = 0, odd = 0, all = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            double sum = 0, difference = w_p[i * n + k] - w_p[k * n + i];
            for (size_t m = 0; m < n; m++)
                sum += f[i * n + m] * w_p[m * n + k] - w_p[i * n + m] * f[m * n + k];
            commutator += sum * sum;
            odd += difference * difference;
            all += w_p[i * n + k] * w_p[i * n + k];
        }
    a->commutator = sqrt(commutator);
    a->asymmetry = all > 0 ? sqrt(odd / all) : 0;
}

enum status alignment_measure(size_t n, const double *f, const double *w_p, double *work,
                              struct alignment *a, struct error *err)
{
    double *vectors = work, *symmetric = work + n * n, *image = work + 2 * n * n;
    memcpy(vectors, f, n * n * sizeof *vectors);
    enum status status = symmetric_eigen((int)n, vectors, a->f_value, 1, err);
    if (status)
        return error_context(err, "covariance of the outputs");
    along_eigenvectors(n, vectors, w_p, image, a);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            symmetric[i * n + k] = (w_p[i * n + k] + w_p[k * n + i]) / 2;
    status = symmetric_eigen((int)n, symmetric, a->predictor, 0, err);
    if (status)
        return error_context(err, "predictor");
    norms(n, f, w_p, a);
    a->effective_rank = effective_rank(n, a->f_value);
    return STATUS_OK;
}
