/* NCP-1: the population flow of linear BYOL */
#include "sim/noncontrastive_batch.h"
#include "sim/objectives/objectives.h"
#include "theorems/claims.h"
#include "theorems/ncp.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COMBINATIONS = NCP_POINTS * NCP_VIEWS * NCP_VIEWS };

/* A finite distribution, the moments that the flow needs, and the model as a batch of every way to
 * draw (x_1, x_2). */
struct model {
    struct ncp_matrix flow; /* its X and X' are those of the data */
    struct population *data;
    struct network network; /* one linear layer */
    struct predictor predictor;
    struct noncontrastive_batch batch;
    double *weight, *trunk, *trunk_gradient, *head, *head_gradient, *target;
    struct arena arena;
};

static void model_free(struct model *m)
{
    ncp_matrix_free(&m->flow);
    population_free(m->data);
    arena_free(&m->arena);
}

/* ---- data ---- */

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

/* ---- the batch ---- */

static void fill(struct model *m)
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
    m->batch.head.compared.weight = m->weight;
}

static void layout(struct model *m, const struct objective *objective, struct arena *arena)
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

/* Lay out the batch for an objective; the data stay. */
static enum status use_objective(struct model *m, const struct objective *objective,
                                 struct error *err)
{
    arena_free(&m->arena);
    m->arena = (struct arena){.base = NULL};
    struct arena count = {.base = NULL};
    layout(m, objective, &count);
    enum status status = arena_create(&m->arena, &count, err);
    if (status)
        return status;
    layout(m, objective, &m->arena);
    fill(m);
    return STATUS_OK;
}

static enum status model_draw(struct model *m, const struct trial *trial, struct error *err)
{
    *m = (struct model){.data = NULL};
    enum status status = ncp_matrix_draw(&m->flow, trial, (struct ncp_wish){.most = 5}, err);
    int inputs = (int)m->flow.flow.inputs, outputs = (int)m->flow.flow.outputs;
    if (status)
        return status;
    m->network = (struct network){.levels = 1,
                                  .level = {{.nodes = 1, .width = outputs, .children = inputs}},
                                  .leaves = (size_t)inputs,
                                  .leaf_width = 1};
    network_finish(&m->network);
    status = ncp_population(trial->rng, (size_t)inputs, &m->data, err);
    if (!status)
        status = moments(m->data, m->flow.x, m->flow.x_prime, err);
    matrix_flow_close(&m->flow.flow); /* opened for the moments that were drawn with it */
    if (!status)
        status = matrix_flow_open(&m->flow.flow, &m->flow.dynamics, err);
    if (!status)
        status = predictor_build(&m->predictor, PREDICTOR_LINEAR, outputs, 0, false, false, err);
    return status;
}

/* d state / dt by backpropagation and weight decay. */
static void descend(struct model *m, const double *state, double *rate)
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

/* ---- the flow is the population gradient ---- */

static enum status rate_error(struct model *m, const struct trial *trial,
                              const struct objective *objective, double *error, struct error *err)
{
    size_t size = matrix_flow_size(&m->flow.flow), compared = matrix_flow_target(&m->flow.flow);
    double *measured = ncp_array(2 * size, err);
    enum status status = measured ? use_objective(m, objective, err) : STATUS_SYSTEM;
    if (!status) {
        descend(m, m->flow.first, measured);
        m->flow.dynamics.flow.rate(m->flow.dynamics.flow.context, 0, m->flow.first,
                                   measured + size);
        plant(trial, measured, compared);
        *error = relative_error(measured, measured + size, compared);
    }
    free(measured);
    return status;
}

/* byol against W_a in the state, simsiam against W_a = W. */
static enum status measure_rate(const struct trial *trial, struct reading *reading,
                                struct error *err)
{
    struct model m;
    double second = 0;
    enum status status = model_draw(&m, trial, err);
    m.flow.flow.target = RULE_EMA;
    if (!status)
        status = rate_error(&m, trial, &objective_byol, &reading->error, err);
    m.flow.flow.target = RULE_ONLINE;
    if (!status)
        status = rate_error(&m, trial, &objective_simsiam, &second, err);
    if (!status)
        status = rate_error(&m, trial, &objective_no_stopgrad, &reading->control[0], err);
    reading->error = fmax(reading->error, second);
    model_free(&m);
    return status;
}

/* ---- small steps follow the flow ---- */

/* W <- W + alpha rate, `steps` times, W_a by its moving average. */
static void take_steps(struct model *m, double alpha, int steps, double *state, double *rate)
{
    const struct matrix_flow *f = &m->flow.flow;
    size_t at_target = matrix_flow_target(f), trunk = m->network.parameters;
    for (int n = 0; n < steps; n++) {
        descend(m, state, rate);
        for (size_t i = 0; i < trunk; i++)
            rate[at_target + i] = f->beta * (state[i] - state[at_target + i]);
        for (size_t i = 0; i < matrix_flow_size(f); i++)
            state[i] += alpha * rate[i];
    }
}

static enum status step_errors(struct model *m, struct reading *reading, struct error *err)
{
    enum { SCALES = 7, LONGEST = 64 };
    const double end = 1;
    size_t size = matrix_flow_size(&m->flow.flow);
    double alpha[SCALES], error[SCALES], elsewhere[SCALES];
    double *state = ncp_array(2 * size, err);
    enum status status = state ? ncp_matrix_run(&m->flow, end, err) : STATUS_SYSTEM;
    const double *exact = m->flow.record + NCP_SAMPLES * size;
    for (int i = 0; i < SCALES && !status; i++) {
        int steps = LONGEST << i;
        alpha[i] = end / steps;
        error[i] = elsewhere[i] = 0;
        memcpy(state, m->flow.first, size * sizeof *state);
        take_steps(m, alpha[i], steps, state, state + size);
        for (size_t k = 0; k < size; k++) {
            error[i] = fmax(error[i], fabs(state[k] - exact[k]));
            elsewhere[i] = fmax(elsewhere[i], fabs(state[k] - exact[k - size])); /* too early */
        }
    }
    if (!status) {
        struct slope s = log_log_slope(alpha, error, SCALES);
        reading->error = s.slope;
        reading->uncertainty = s.error;
        reading->control[0] = log_log_slope(alpha, elsewhere, SCALES).slope;
    }
    free(state);
    return status;
}

static enum status measure_steps(const struct trial *trial, struct reading *reading,
                                 struct error *err)
{
    struct model m;
    enum status status = model_draw(&m, trial, err);
    m.flow.flow.target = RULE_EMA;
    if (!status)
        status = use_objective(&m, &objective_byol, err);
    if (!status)
        status = step_errors(&m, reading, err);
    model_free(&m);
    return status;
}

static const struct part parts[] = {
    {.statement = "flow: dW_p/dt = alpha_p (-W_p W (X + X') + W_a X) W^T - eta W_p, dW/dt = W_p^T "
                  "(-W_p W (X + X') + W_a X) - eta W",
     .measured =
         "Left: backpropagation through byol (W_a its own) and simsiam (W_a = W) over every "
         "pair of views of a drawn finite distribution, and weight decay. Right: moments.",
     .controls = {"no stop-gradient"},
     .kind = PART_IDENTITY,
     .tolerance = 1e-10,
     .instances = 40,
     .quick = 5,
     .cost = 0.001,
     .measure = measure_rate},
    {.statement = "steps: gradient descent with rate alpha follows the flow with error O(alpha)",
     .measured = "Slope of the log of the largest difference at t = 1 against log alpha, 7 scales "
                 "(1/64 to 1/4096), population gradients.",
     .controls = {"the flow at an earlier time"},
     .kind = PART_RATE,
     .tolerance = 0.05,
     .least = 1,
     .instances = 20,
     .quick = 2,
     .cost = 0.3,
     .measure = measure_steps},
};

const struct claim claim_ncp_1 = {
    .about = {.name = "NCP-1",
              .doc = "The population gradient of linear BYOL and SimSiam is a flow of three "
                     "matrices that knows the data by two moments: of the mean views, and of the "
                     "views about them.",
              .source = "[NCP] Lemma 1",
              NCP_SETTINGS},
    .title = "Population flow",
    .formula = "dW_p/dt = alpha_p (-W_p W (X + X') + W_a X) W^T - eta W_p; dW/dt = W_p^T (-W_p W "
               "(X + X') + W_a X) - eta W; dW_a/dt = beta (W - W_a)",
    .hypotheses = "Linear trunk and predictor without biases; two independent views of one x; "
                  "gradient stopped at the target.",
    .parts = parts,
    .part_count = sizeof parts / sizeof *parts,
};
