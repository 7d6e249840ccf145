#include "theorems/ncp/modes.h"

#include "core/linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static enum status draw_bases(struct ncp_modes *d, const struct trial *trial)
{
    size_t n = d->m.flow.outputs;
    ncp_orthogonal(trial->rng, n, d->u);
    ncp_orthogonal(trial->rng, n, d->v);
    /* Near rows of u a rotation would change eigenvalues only to second order. */
    return n < 2 ? STATUS_OK : ncp_other_basis(trial, n, d->u, d->work, d->other);
}

static void draw_values(struct ncp_modes *d, gsl_rng *rng)
{
    size_t n = d->m.flow.outputs;
    double low[3] = {0.1, 0.3, 0.3}, high[3] = {1.2, 1.5, 1};
    for (size_t k = 0; k < 3; k++) {
        double gap = (high[k] - low[k]) / (double)n / 3;
        ncp_spread(rng, low[k], high[k], gap, n, d->diagonal);
        for (size_t j = 0; j < n; j++)
            d->first[3 * j + k] = d->diagonal[j];
    }
}

enum status ncp_modes_draw(struct ncp_modes *d, const struct trial *trial)
{
    struct ncp_wish wish = {.isotropic = true, .square = true, .edges = true};
    *d = (struct ncp_modes){.u = NULL};
    enum status status = ncp_matrix_draw(&d->m, trial, wish);
    if (status)
        return status;
    size_t n = d->m.flow.outputs;
    d->u = ncp_array(4 * n * n + 4 * n, trial->err);
    if (!d->u) {
        ncp_matrix_free(&d->m);
        return STATUS_SYSTEM;
    }
    d->v = d->u + n * n;
    d->other = d->v + n * n;
    d->work = d->other + n * n;
    d->diagonal = d->work + n * n;
    d->first = d->diagonal + n;
    status = draw_bases(d, trial);
    draw_values(d, trial->rng);
    if (status)
        ncp_modes_free(d);
    return status;
}

void ncp_modes_free(struct ncp_modes *d)
{
    ncp_matrix_free(&d->m);
    free(d->u);
}

static void compose(struct ncp_modes *d, const double *basis)
{
    size_t n = d->m.flow.outputs;
    double *first = d->m.first;
    for (size_t j = 0; j < n; j++)
        d->diagonal[j] = sqrt(d->first[3 * j + 1]);
    ncp_outer(n, d->u, d->diagonal, d->v, d->work, first);
    for (size_t j = 0; j < n; j++)
        d->diagonal[j] *= d->first[3 * j + 2];
    ncp_outer(n, d->u, d->diagonal, d->v, d->work, first + matrix_flow_target(&d->m.flow));
    for (size_t j = 0; j < n; j++)
        d->diagonal[j] = d->first[3 * j];
    ncp_outer(n, basis, d->diagonal, basis, d->work, first + matrix_flow_predictor(&d->m.flow));
}

enum status ncp_modes_run(struct ncp_modes *d, bool aligned, double end, struct error *err)
{
    compose(d, aligned ? d->u : d->other);
    return ncp_matrix_run(&d->m, end, err);
}

void ncp_modes_matrix(const struct ncp_modes *d, size_t k, enum ncp_which which, double *out)
{
    size_t n = d->m.flow.outputs;
    const double *now = d->m.record + k * d->m.dynamics.flow.size;
    if (which == NCP_OF_FEATURES)
        matrix_product(PLAIN, TRANSPOSED, n, n, n, 1, now, now, 0, out);
    else
        memcpy(out, now + matrix_flow_predictor(&d->m.flow), n * n * sizeof *out);
}

void ncp_modes_turned(struct ncp_modes *d, size_t k, enum ncp_which which, double *out)
{
    size_t n = d->m.flow.outputs;
    ncp_modes_matrix(d, k, which, out);
    matrix_product(PLAIN, PLAIN, n, n, n, 1, d->u, out, 0, d->work);
    matrix_product(PLAIN, TRANSPOSED, n, n, n, 1, d->work, d->u, 0, out);
}
