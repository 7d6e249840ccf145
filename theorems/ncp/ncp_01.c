/* NCP-1: the population flow of linear BYOL */
#include "core/extreme.h"
#include "sim/loss/objectives/objectives.h"
#include "theorems/claims.h"
#include "theorems/ncp/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the flow is the population gradient ---- */

static enum status rate_error(struct ncp_model *m, const struct trial *trial,
                              const struct objective *objective, double *error)
{
    size_t size = matrix_flow_size(&m->flow.flow), compared = matrix_flow_target(&m->flow.flow);
    size_t trunk = matrix_flow_predictor(&m->flow.flow);
    double *measured = ncp_array(2 * size, trial->err);
    enum status status = measured ? ncp_model_lay_out(m, objective, trial->err) : STATUS_SYSTEM;
    if (!status) {
        ncp_model_descend(m, m->flow.first, measured);
        m->flow.dynamics.flow.rate(m->flow.dynamics.flow.context, 0, m->flow.first,
                                   measured + size);
        plant(trial, measured, compared);
        *error =
            larger(relative_error(measured, measured + size, trunk),
                   relative_error(measured + trunk, measured + size + trunk, compared - trunk));
    }
    free(measured);
    return status;
}

/* byol against W_a in the state, simsiam against W_a = W. */
static enum status measure_rate(const struct trial *trial, struct reading *reading)
{
    struct ncp_model m;
    double second = 0;
    enum status status = ncp_model_draw(&m, trial, (struct ncp_wish){.most = 5, .edges = true});
    const struct objective *const unstopped =
        trial->restored ? &objective_simsiam : &objective_no_stopgrad;
    m.flow.flow.target = RULE_EMA;
    if (!status)
        status = rate_error(&m, trial, &objective_byol, &reading->error);
    m.flow.flow.target = RULE_ONLINE;
    if (!status)
        status = rate_error(&m, trial, &objective_simsiam, &second);
    if (!status && m.flow.edge == EDGE_NONE)
        status = rate_error(&m, trial, unstopped, &reading->control[0]);
    reading->error = larger(reading->error, second);
    ncp_model_free(&m);
    return status;
}

/* ---- small steps follow the flow ---- */

/* W <- W + alpha rate, `steps` times, and W_a <- W_a + `share` (W - W_a). */
static void take_steps(struct ncp_model *m, double alpha, double share, int steps, double *state,
                       double *rate)
{
    const struct matrix_flow *f = &m->flow.flow;
    size_t at_target = matrix_flow_target(f), trunk = m->network.parameters;
    for (int n = 0; n < steps; n++) {
        ncp_model_descend(m, state, rate);
        for (size_t i = 0; i < trunk; i++)
            rate[at_target + i] = share / alpha * (state[i] - state[at_target + i]);
        for (size_t i = 0; i < matrix_flow_size(f); i++)
            state[i] += alpha * rate[i];
    }
}

/* Slope of the distance from the flow at t = 1. W_a moves by the share beta alpha of a step, or,
 * not `scaled`, by the share of the longest step whatever alpha is. */
static enum status step_slope(struct ncp_model *m, const struct trial *trial, bool scaled,
                              struct slope *slope)
{
    enum { SCALES = 7, LONGEST = 64 };
    const double end = 1;
    size_t size = matrix_flow_size(&m->flow.flow);
    double alpha[SCALES], error[SCALES];
    double *state = ncp_array(2 * size, trial->err);
    enum status status = state ? ncp_matrix_run(&m->flow, end, trial->err) : STATUS_SYSTEM;
    const double *exact = m->flow.record + NCP_SAMPLES * size;
    for (int i = 0; i < SCALES && !status; i++) {
        int steps = LONGEST << i;
        alpha[i] = end / steps;
        memcpy(state, m->flow.first, size * sizeof *state);
        take_steps(m, alpha[i], m->flow.flow.beta * (scaled ? alpha[i] : alpha[0]), steps, state,
                   state + size);
        plant(trial, state, size);
        error[i] = relative_error(state, exact, size);
    }
    if (!status)
        *slope = log_log_slope(alpha, error, SCALES);
    free(state);
    return status;
}

static enum status measure_steps(const struct trial *trial, struct reading *reading)
{
    struct ncp_model m;
    enum status status = ncp_model_draw(&m, trial, (struct ncp_wish){.most = 5, .edges = true});
    m.flow.flow.target = RULE_EMA;
    if (!status)
        status = ncp_model_lay_out(&m, &objective_byol, trial->err);
    struct slope slope = {.slope = NAN}, control = {.slope = NOT_MEASURED};
    if (!status)
        status = step_slope(&m, trial, true, &slope);
    if (!status && m.flow.edge == EDGE_NONE)
        status = step_slope(&m, trial, trial->restored, &control);
    reading_slopes(reading, slope, control);
    ncp_model_free(&m);
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
     .plan = {.instances = 40, .quick = 5, .cost = 0.001},
     .measure = measure_rate},
    {.statement = "steps: gradient descent with rate alpha follows the flow with error O(alpha)",
     .measured =
         "Slope of the log of the largest difference at t = 1 against log alpha, 7 scales "
         "(1/64 to 1/4096), population gradients; W_a moves by beta alpha (W - W_a) in a step.",
     .controls = {"the share of a step that W_a moves does not shrink with alpha"},
     .kind = PART_RATE,
     .tolerance = 0.05,
     .least = 1,
     .plan = {.instances = 20, .quick = 2, .cost = 0.3},
     .measure = measure_steps},
};

const struct claim claim_ncp_1 = {
    .about = {.name = "NCP-1",
              .doc = "The population gradient of linear BYOL and SimSiam is a flow of three "
                     "matrices, which depends on the data by two moments: of the mean views, and "
                     "of the views about them.",
              .source = "[NCP] Lemma 1",
              NCP_SETTINGS},
    .title = "Population flow",
    .formula = "dW_p/dt = alpha_p (-W_p W (X + X') + W_a X) W^T - eta W_p; dW/dt = W_p^T (-W_p W "
               "(X + X') + W_a X) - eta W; dW_a/dt = beta (W - W_a)",
    .hypotheses = "Linear trunk and predictor without biases; two independent views of one x; "
                  "gradient stopped at the target.",
    ALL_PARTS(parts),
};
