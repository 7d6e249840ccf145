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

/* ---- the model, by backpropagation ---- */

enum { COMBINATIONS = NCP_POINTS * NCP_VIEWS * NCP_VIEWS };

static enum status draw_data(gsl_rng *rng, size_t inputs, enum ncp_edge edge,
                             struct population **out, struct error *err)
{
    enum status status = population_create(out, NCP_POINTS, NCP_VIEWS, (int)inputs, err);
    if (status)
        return status;
    struct population *d = *out;
    draw_shares(rng, NCP_POINTS, d->p);
    for (int x = 0; x < NCP_POINTS; x++)
        draw_shares(rng, NCP_VIEWS, d->q + x * NCP_VIEWS);
    draw_normal(rng, 1, NCP_POINTS * NCP_VIEWS * inputs, d->x);
    for (size_t c = 0; c < NCP_POINTS * NCP_VIEWS; c++) {
        if (edge == EDGE_NO_NOISE) /* all views as the first */
            memcpy(d->x + c * inputs, d->x + c / NCP_VIEWS * NCP_VIEWS * inputs,
                   inputs * sizeof *d->x);
        if (edge == EDGE_FLAT)
            d->x[c * inputs] = 0;
    }
    return STATUS_OK;
}

/* X = E[mean view mean view^T], X' = E_x V[view] */
static enum status moments(const struct population *d, double *x, double *x_prime,
                           struct error *err)
{
    size_t n = (size_t)d->inputs;
    double *mean = ncp_array(NCP_POINTS * n, err);
    if (!mean)
        return STATUS_SYSTEM;
    population_mean_view(d, mean);
    memset(x, 0, n * n * sizeof *x);
    memset(x_prime, 0, n * n * sizeof *x_prime);
    for (int c = 0; c < NCP_POINTS * NCP_VIEWS; c++) {
        const double *centre = mean + (size_t)(c / NCP_VIEWS) * n, *view = d->x + (size_t)c * n;
        double weight = d->p[c / NCP_VIEWS] * d->q[c];
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) {
                x[i * n + j] += weight * centre[i] * centre[j];
                x_prime[i * n + j] += weight * (view[i] - centre[i]) * (view[j] - centre[j]);
            }
    }
    free(mean);
    return STATUS_OK;
}

/* The flow's moments from the data */
static enum status take_moments(struct ncp_model *m, struct error *err)
{
    struct ncp_matrix *flow = &m->flow;
    enum status status = moments(m->data, flow->x, flow->x_prime, err);
    matrix_flow_close(&flow->flow); /* opened for others */
    return status ? status : matrix_flow_open(&flow->flow, &flow->dynamics, err);
}

enum status ncp_model_set_scalar(struct ncp_model *m, double sigma2, struct error *err)
{
    struct population *d = m->data;
    const double aside = sqrt(sigma2 * NCP_VIEWS / 2);
    for (int x = 0; x < NCP_POINTS; x++) {
        d->p[x] = 1.0 / NCP_POINTS;
        for (int v = 0; v < NCP_VIEWS; v++) {
            d->q[x * NCP_VIEWS + v] = 1.0 / NCP_VIEWS;
            d->x[x * NCP_VIEWS + v] = (x % 2 ? 1 : -1) + (v - NCP_VIEWS / 2) * aside;
        }
    }
    m->flow.sigma2 = sigma2;
    return take_moments(m, err);
}

enum status ncp_model_draw(struct ncp_model *m, const struct trial *trial, struct ncp_wish wish)
{
    *m = (struct ncp_model){.data = NULL};
    enum status status = ncp_matrix_draw(&m->flow, trial, wish);
    int inputs = (int)m->flow.flow.inputs, outputs = (int)m->flow.flow.outputs;
    if (status)
        return status;
    m->network = (struct network){.levels = 1,
                                  .level = {{.nodes = 1, .width = outputs, .children = inputs}},
                                  .leaves = (size_t)inputs,
                                  .leaf_width = 1};
    network_finish(&m->network);
    status = draw_data(trial->rng, (size_t)inputs, m->flow.edge, &m->data, trial->err);
    if (!status)
        status = take_moments(m, trial->err);
    if (!status)
        status =
            predictor_build(&m->predictor, PREDICTOR_LINEAR, outputs, 0, false, false, trial->err);
    return status;
}

void ncp_model_free(struct ncp_model *m)
{
    ncp_matrix_free(&m->flow);
    population_free(m->data);
    arena_free(&m->arena);
}

static void fill(struct ncp_model *m)
{
    int at[2];
    struct batch *view[2] = {noncontrastive_batch_view(&m->batch, 0, &at[0]),
                             noncontrastive_batch_view(&m->batch, 1, &at[1])};
    for (int s = 0; s < COMBINATIONS; s++) {
        int x = s / (NCP_VIEWS * NCP_VIEWS);
        int column[2] = {x * NCP_VIEWS + s / NCP_VIEWS % NCP_VIEWS, x * NCP_VIEWS + s % NCP_VIEWS};
        m->weight[s] = m->data->p[x] * m->data->q[column[0]] * m->data->q[column[1]];
        for (int v = 0; v < 2; v++)
            for (size_t i = 0; i < m->network.leaves; i++)
                batch_value(view[v], at[v], i)[s] =
                    m->data->x[(size_t)column[v] * m->network.leaves + i];
    }
    m->batch.prediction.compared.weight = m->weight;
}

static void lay_out(struct ncp_model *m, const struct objective *objective, struct arena *arena)
{
    noncontrastive_batch_layout(&m->batch, &m->network, &m->predictor, objective, NULL,
                                COMBINATIONS, m->network.levels, arena);
    size_t trunk = padded(m->network.parameters), head = padded(m->predictor.parameters);
    m->weight = ARENA_TAKE(arena, double, padded(COMBINATIONS));
    m->trunk = ARENA_TAKE(arena, double, trunk);
    m->target = ARENA_TAKE(arena, double, trunk);
    m->trunk_gradient = ARENA_TAKE(arena, double, trunk);
    m->head = ARENA_TAKE(arena, double, head);
    m->head_gradient = ARENA_TAKE(arena, double, head);
}

enum status ncp_model_lay_out(struct ncp_model *m, const struct objective *objective,
                              struct error *err)
{
    arena_free(&m->arena);
    m->arena = (struct arena){.base = NULL};
    struct arena count = {.base = NULL};
    lay_out(m, objective, &count);
    enum status status = arena_create(&m->arena, &count, err);
    if (status)
        return status;
    lay_out(m, objective, &m->arena);
    fill(m);
    return STATUS_OK;
}

void ncp_model_descend(struct ncp_model *m, const double *state, double *rate)
{
    const struct matrix_flow *f = &m->flow.flow;
    size_t trunk = m->network.parameters, head = m->predictor.parameters;
    size_t at_head = matrix_flow_predictor(f), at_target = matrix_flow_target(f);
    memcpy(m->trunk, state, trunk * sizeof *state);
    memcpy(m->head, state + at_head, head * sizeof *state);
    memcpy(m->target, state + at_target, trunk * sizeof *state);
    noncontrastive_batch_loss(&m->batch,
                              &(struct noncontrastive_parameters){
                                  .trunk = m->trunk, .predictor = m->head, .target = m->target},
                              m->trunk_gradient, m->head_gradient);
    for (size_t i = 0; i < trunk; i++)
        rate[i] = -m->trunk_gradient[i] - f->eta_s * state[i];
    for (size_t i = 0; i < head; i++)
        rate[at_head + i] = -f->alpha_p * m->head_gradient[i] - f->eta_p * state[at_head + i];
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
