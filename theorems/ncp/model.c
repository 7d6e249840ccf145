#include "theorems/ncp/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    static const double place[NCP_VIEWS] = {-1, 0, 1};
    const double aside = sqrt(1.5 * sigma2);
    for (int x = 0; x < NCP_POINTS; x++) {
        d->p[x] = 1.0 / NCP_POINTS;
        for (int v = 0; v < NCP_VIEWS; v++) {
            d->q[x * NCP_VIEWS + v] = 1.0 / NCP_VIEWS;
            d->x[x * NCP_VIEWS + v] = (x % 2 ? 1 : -1) + place[v] * aside;
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
