#include "theorems/ncp/ncp.h"

#include "core/extreme.h"
#include "core/linalg.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct param ncp_params[] = {
    INTEGER_PARAM(struct ncp_settings, size, "4", 3, 16,
                  "inputs and outputs of the linear network, at most"),
    {0}};

/* ---- drawing ---- */

size_t ncp_draw_size(const struct trial *trial)
{
    const struct ncp_settings *s = trial->settings;
    return (size_t)draw_between(trial->rng, 2, (int)s->size);
}

void ncp_spread(gsl_rng *rng, double low, double high, double gap, size_t count, double *out)
{
    double room = (high - low - gap * (double)(count - 1)) / (double)count;
    for (size_t i = 0; i < count; i++)
        out[i] = low + (double)i * (room + gap) + gsl_rng_uniform(rng) * room;
    gsl_ran_shuffle(rng, out, count, sizeof *out);
}

void ncp_orthogonal(gsl_rng *rng, size_t n, double *u)
{
    for (size_t i = 0; i < n; i++) {
        double *row = u + i * n;
        gsl_ran_dir_nd(rng, n, row);
        for (size_t pass = 0; pass < 3;
             pass++) { /* where little is left of it, rounding is left, too */
            for (size_t j = 0; j < i; j++) {
                double along = 0;
                for (size_t k = 0; k < n; k++)
                    along += row[k] * u[j * n + k];
                for (size_t k = 0; k < n; k++)
                    row[k] -= along * u[j * n + k];
            }
            double norm = frobenius(row, n);
            for (size_t k = 0; k < n; k++)
                row[k] /= norm;
        }
    }
}

enum status ncp_other_basis(const struct trial *trial, size_t n, const double *u, double *work,
                            double *other)
{
    enum status status = STATUS_OK;
    for (int made = 0; !status;) {
        ncp_orthogonal(trial->rng, n, other);
        matrix_product(PLAIN, TRANSPOSED, n, n, n, 1, other, u, 0, work);
        if (ncp_largest(work, n * n) <= 0.95)
            break;
        status = claim_redraw(trial, &made, "basis far from another");
    }
    return status;
}

void ncp_compose(size_t n, const double *u, const double *value, double *out)
{
    memset(out, 0, n * n * sizeof *out);
    for (size_t j = 0; j < n; j++)
        for (size_t a = 0; a < n; a++)
            for (size_t b = 0; b < n; b++)
                out[a * n + b] += value[j] * u[j * n + a] * u[j * n + b];
}

void ncp_outer(size_t n, const double *a, const double *value, const double *b, double *work,
               double *out)
{
    for (size_t i = 0; i < n * n; i++)
        work[i] = value[i / n] * b[i];
    matrix_product(TRANSPOSED, PLAIN, n, n, n, 1, a, work, 0, out);
}

enum status ncp_symmetric(gsl_rng *rng, size_t n, size_t rank, double low, double high, double *out,
                          struct error *err)
{
    double *u = ncp_array(n * n + n, err);
    if (!u)
        return STATUS_SYSTEM;
    ncp_orthogonal(rng, n, u);
    for (size_t j = 0; j < rank; j++)
        u[n * n + j] = gsl_ran_flat(rng, low, high);
    ncp_compose(n, u, u + n * n, out);
    free(u);
    return STATUS_OK;
}

/* ---- matrices ---- */

double *ncp_array(size_t count, struct error *err)
{
    double *array = calloc(count, sizeof *array);
    if (!array)
        error_memory(err, "%zu numbers", count);
    return array;
}

void ncp_identity(size_t n, double factor, double *out)
{
    memset(out, 0, n * n * sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i * n + i] = factor;
}

double ncp_largest(const double *a, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = larger(largest, fabs(a[i]));
    return largest;
}

enum status ncp_eigenvalues(size_t n, const double *a, double *value, struct error *err)
{
    double *copy = ncp_array(n * n, err);
    if (!copy)
        return STATUS_SYSTEM;
    memcpy(copy, a, n * n * sizeof *copy);
    matrix_symmetrise(n, copy);
    enum status status = symmetric_eigen((int)n, copy, value, 0, err);
    free(copy);
    return status;
}

enum status ncp_least_eigenvalue(size_t n, const double *a, double *least, struct error *err)
{
    double *value = ncp_array(n, err);
    if (!value)
        return STATUS_SYSTEM;
    enum status status = ncp_eigenvalues(n, a, value, err);
    *least = value[n - 1];
    free(value);
    return status;
}

enum status ncp_inverse(size_t n, const double *a, double *b, struct error *err)
{
    double *u = ncp_array(n * n + n, err);
    if (!u)
        return STATUS_SYSTEM;
    double *value = u + n * n;
    memcpy(u, a, n * n * sizeof *u);
    matrix_symmetrise(n, u);
    enum status status = symmetric_eigen((int)n, u, value, 1, err);
    for (size_t j = 0; j < n; j++)
        value[j] = 1 / value[j];
    ncp_compose(n, u, value, b);
    free(u);
    return status;
}

/* ---- the matrix flow ---- */

static enum status draw_moments(struct ncp_matrix *m, const struct trial *trial, bool isotropic)
{
    size_t n = m->flow.inputs;
    const size_t rank = m->edge == EDGE_FLAT ? n - 1 : n;
    const size_t noise_rank = m->edge == EDGE_NO_NOISE ? 0 : n;
    m->sigma2 = m->edge == EDGE_NO_NOISE ? 0 : gsl_ran_flat(trial->rng, 0.1, 0.8);
    if (isotropic) {
        ncp_identity(n, 1, m->x);
        ncp_identity(n, m->sigma2, m->x_prime);
        return STATUS_OK;
    }
    enum status status = ncp_symmetric(trial->rng, n, rank, 0.2, 1.5, m->x, trial->err);
    return status ? status
                  : ncp_symmetric(trial->rng, n, noise_rank, 0.05, 0.8, m->x_prime, trial->err);
}

static void draw_sizes(struct matrix_flow *f, const struct trial *trial, struct ncp_wish wish,
                       enum ncp_edge edge)
{
    const struct ncp_settings *settings = trial->settings;
    const int most = (int)(wish.most > 0 ? (int64_t)wish.most : settings->size);
    const bool both = wish.square || (edge == EDGE_FLAT && wish.isotropic);
    size_t inputs = (size_t)draw_between(trial->rng, 2, most);
    size_t outputs = (size_t)draw_between(trial->rng, 2, most);
    if (wish.size > 0)
        inputs = outputs = wish.size;
    if (edge == EDGE_ONE_INPUT || (edge == EDGE_ONE_OUTPUT && both) ||
        (edge == EDGE_FLAT && wish.isotropic))
        inputs = 1;
    if (edge == EDGE_ONE_OUTPUT)
        outputs = 1;
    f->inputs = inputs;
    f->outputs = both || (wish.narrow && outputs > inputs) ? inputs : outputs;
}

enum status ncp_matrix_draw(struct ncp_matrix *m, const struct trial *trial, struct ncp_wish wish)
{
    enum { EVERY = 5 };
    gsl_rng *rng = trial->rng;
    *m = (struct ncp_matrix){.edge = EDGE_NONE};
    if (wish.edges && trial->instance % EVERY == EVERY - 1)
        m->edge = (enum ncp_edge)(1 + trial->instance / EVERY % (EDGES - 1));
    struct matrix_flow *f = &m->flow;
    draw_sizes(f, trial, wish, m->edge);
    f->alpha_p = gsl_ran_flat(rng, 0.5, 2);
    f->beta = gsl_ran_flat(rng, 0.2, 1);
    f->eta_p = f->eta_s = gsl_ran_flat(rng, 0.02, 0.2);
    f->tau = gsl_ran_flat(rng, 0.4, 1);
    size_t n1 = f->inputs, size = matrix_flow_size(f);
    m->x = ncp_array(2 * n1 * n1 + (NCP_SAMPLES + 3) * size, trial->err);
    if (!m->x)
        return STATUS_SYSTEM;
    f->x = m->x;
    f->x_prime = m->x_prime = m->x + n1 * n1;
    m->state = m->x_prime + n1 * n1;
    m->first = m->state + size;
    m->record = m->first + size;
    draw_normal(rng, 1 / sqrt((double)n1), size, m->first);
    memcpy(m->state, m->first, size * sizeof *m->state);
    enum status status = draw_moments(m, trial, wish.isotropic);
    if (!status)
        status = matrix_flow_open(f, &m->dynamics, trial->err);
    if (status)
        ncp_matrix_free(m);
    return status;
}

void ncp_matrix_free(struct ncp_matrix *m)
{
    matrix_flow_close(&m->flow);
    free(m->x);
    *m = (struct ncp_matrix){.x = NULL};
}

enum status ncp_matrix_run(struct ncp_matrix *m, double end, struct error *err)
{
    memcpy(m->state, m->first, m->dynamics.flow.size * sizeof *m->state);
    return dynamics_record(&m->dynamics, end, NCP_SAMPLES, m->state, m->record, err);
}

static double inner(const double *a, const double *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

void ncp_reduced_state(const struct ncp_matrix *m, double *state)
{
    size_t n1 = m->flow.inputs, n2 = m->flow.outputs, mixed = n1 * n2;
    const double *w = m->state, *w_a = m->state + matrix_flow_target(&m->flow);
    memcpy(state, w + matrix_flow_predictor(&m->flow), n2 * n2 * sizeof *state);
    matrix_product(PLAIN, TRANSPOSED, n2, n2, n1, 1, w, w, 0, state + n2 * n2);
    state[2 * n2 * n2] = inner(w_a, w, mixed) / inner(w, w, mixed);
}

void ncp_induced_rates(const struct ncp_matrix *m, double *work, double *rate)
{
    size_t n1 = m->flow.inputs, n2 = m->flow.outputs, mixed = n1 * n2;
    const double *w = m->state, *w_a = w + matrix_flow_target(&m->flow);
    const double *w_rate = work, *w_a_rate = work + matrix_flow_target(&m->flow);
    m->dynamics.flow.rate(m->dynamics.flow.context, 0, m->state, work);
    memcpy(rate, work + matrix_flow_predictor(&m->flow), n2 * n2 * sizeof *rate);
    matrix_product(PLAIN, TRANSPOSED, n2, n2, n1, 1, w_rate, w, 0, rate + n2 * n2);
    matrix_product(PLAIN, TRANSPOSED, n2, n2, n1, 1, w, w_rate, 1, rate + n2 * n2);
    double norm = inner(w, w, mixed), tau = inner(w_a, w, mixed) / norm;
    rate[2 * n2 * n2] = (inner(w_a_rate, w, mixed) + inner(w_a, w_rate, mixed) -
                         2 * tau * inner(w, w_rate, mixed)) /
                        norm;
}

/* ---- measuring ---- */

enum status ncp_drift(const struct trial *trial, const struct dynamics *dynamics, double end,
                      const double *record, const double *value, double *error)
{
    size_t count = dynamics->invariants, all = (NCP_SAMPLES + 1) * count;
    double *measured = ncp_array(2 * all, trial->err), *predicted = measured + all;
    if (!measured)
        return STATUS_SYSTEM;
    for (size_t k = 0; k <= NCP_SAMPLES; k++) {
        dynamics->invariant(dynamics->flow.context, end * (double)k / NCP_SAMPLES,
                            record + k * dynamics->flow.size, measured + k * count);
        memcpy(predicted + k * count, value, count * sizeof *value);
    }
    plant(trial, measured, all);
    *error = relative_error(measured, predicted, all);
    free(measured);
    return STATUS_OK;
}
