/* NCP-3: the stop-gradient is essential */
#include "core/extreme.h"
#include "core/linalg.h"
#include "sim/loss/objectives/objectives.h"
#include "theorems/claims.h"
#include "theorems/ncp/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- H ---- */

/* H = X' (x) (P^T P + I) + X (x) (P - I)^T (P - I) + eta I on vec(W), which stacks columns:
 * [n1 n2][n1 n2]; work: 3 n2^2 */
static void decay_operator(const struct matrix_flow *f, const double *p, double *work, double *h)
{
    size_t n1 = f->inputs, n2 = f->outputs, size = n1 * n2;
    double *noise = work, *signal = work + n2 * n2, *less = signal + n2 * n2;
    memcpy(less, p, n2 * n2 * sizeof *less);
    ncp_identity(n2, 1, noise);
    for (size_t i = 0; i < n2; i++)
        less[i * n2 + i] -= 1;
    matrix_product(TRANSPOSED, PLAIN, n2, n2, n2, 1, p, p, 1, noise);
    matrix_product(TRANSPOSED, PLAIN, n2, n2, n2, 1, less, less, 0, signal);
    for (size_t r = 0; r < size; r++)
        for (size_t c = 0; c < size; c++) {
            size_t data = r / n2 * n1 + c / n2, weight = r % n2 * n2 + c % n2;
            h[r * size + c] = f->x_prime[data] * noise[weight] + f->x[data] * signal[weight] +
                              (r == c ? f->eta_s : 0);
        }
}

/* d state / dt of W and W_p from the first state on, by the gradient of an objective where W_a = W
 * and weight decay */
static enum status descent(struct ncp_model *m, const struct objective *objective, double *rate,
                           struct error *err)
{
    enum status status = ncp_model_lay_out(m, objective, err);
    if (!status)
        ncp_model_descend(m, m->flow.first, rate);
    return status;
}

/* -H vec(W) at the first state; work: [n1 n2]^2 + 3 n2^2 */
static void predict_descent(const struct ncp_matrix *m, double *work, double *out)
{
    size_t n1 = m->flow.inputs, n2 = m->flow.outputs, size = n1 * n2;
    const double *w = m->first, *h = work;
    decay_operator(&m->flow, w + matrix_flow_predictor(&m->flow), work + size * size, work);
    memset(out, 0, size * sizeof *out);
    for (size_t r = 0; r < size; r++)
        for (size_t c = 0; c < size; c++)
            out[r % n2 * n1 + r / n2] -= h[r * size + c] * w[c % n2 * n1 + c / n2];
}

static enum status form_errors(struct ncp_model *m, const struct trial *trial,
                               struct reading *reading)
{
    size_t n2 = m->flow.flow.outputs, size = m->flow.flow.inputs * n2;
    size_t full = matrix_flow_size(&m->flow.flow);
    double *predicted = ncp_array(size + 2 * full + size * size + 3 * n2 * n2, trial->err);
    if (!predicted)
        return STATUS_SYSTEM;
    double *through = predicted + size, *stopped = through + full;
    predict_descent(&m->flow, stopped + full, predicted);
    enum status status = descent(m, &objective_no_stopgrad, through, trial->err);
    if (!status)
        status = descent(m, trial->restored ? &objective_no_stopgrad : &objective_simsiam, stopped,
                         trial->err);
    if (!status) {
        plant(trial, through, size);
        reading->error = relative_error(through, predicted, size);
    }
    if (!status && m->flow.edge == EDGE_NONE)
        reading->control[0] = relative_error(stopped, predicted, size);
    free(predicted);
    return status;
}

static enum status measure_form(const struct trial *trial, struct reading *reading)
{
    struct ncp_model m;
    enum status status = ncp_model_draw(&m, trial, (struct ncp_wish){.edges = true});
    if (!status)
        status = form_errors(&m, trial, reading);
    ncp_model_free(&m);
    return status;
}

/* ---- the norm along the flow ---- */

/* max over the record of |W(t)| / (e^{-lambda_0 t} |W(0)|) - 1 */
static enum status excess(const struct trial *trial, struct ncp_matrix *m, double end, double *out)
{
    size_t size = m->flow.outputs * m->flow.inputs, all = m->dynamics.flow.size;
    size_t n2 = m->flow.outputs;
    double *h = ncp_array(size * size + 3 * n2 * n2, trial->err), least = INFINITY;
    double norm[NCP_SAMPLES], bound[NCP_SAMPLES];
    if (!h)
        return STATUS_SYSTEM;
    enum status status = ncp_matrix_run(m, end, trial->err);
    *out = -INFINITY;
    for (size_t k = 0; k <= NCP_SAMPLES && !status; k++) {
        const double *now = m->record + k * all;
        double value, t = end * (double)k / NCP_SAMPLES;
        decay_operator(&m->flow, now + matrix_flow_predictor(&m->flow), h + size * size, h);
        status = ncp_least_eigenvalue(size, h, &value, trial->err);
        least = smaller(least, value);
        if (k == 0)
            continue;
        norm[k - 1] = frobenius(now, size);
        bound[k - 1] = exp(-least * t) * frobenius(m->first, size);
    }
    if (!status)
        plant(trial, norm, NCP_SAMPLES);
    for (size_t k = 0; k < NCP_SAMPLES && !status; k++)
        *out = larger(*out, norm[k] / bound[k] - 1);
    free(h);
    return status;
}

static enum status measure_bound(const struct trial *trial, struct reading *reading)
{
    struct ncp_matrix m;
    enum status status = ncp_matrix_draw(&m, trial, (struct ncp_wish){.most = 3, .edges = true});
    if (status)
        return status;
    m.flow.target = RULE_ONLINE;
    m.flow.through_target = true;
    status = excess(trial, &m, 2, &reading->error);
    m.flow.through_target = trial->restored;
    if (!status && m.edge == EDGE_NONE)
        status = excess(trial, &m, 2, &reading->control[0]);
    ncp_matrix_free(&m);
    return status;
}

/* ---- without a predictor ---- */

/* dW/dt by the gradient of an objective at the present first state, against -W (X' + eta I) */
static enum status side_error(struct ncp_model *m, const struct trial *trial,
                              const struct objective *objective, double *error)
{
    const struct matrix_flow *f = &m->flow.flow;
    size_t n1 = f->inputs, n2 = f->outputs, size = n1 * n2;
    double *predicted = ncp_array(size + matrix_flow_size(f), trial->err);
    if (!predicted)
        return STATUS_SYSTEM;
    double *measured = predicted + size;
    memcpy(predicted, m->flow.first, size * sizeof *predicted);
    matrix_product(PLAIN, PLAIN, n2, n1, n1, -1, m->flow.first, m->flow.x_prime, -f->eta_s,
                   predicted);
    enum status status = descent(m, objective, measured, trial->err);
    plant(trial, measured, size);
    *error = relative_error(measured, predicted, size);
    free(predicted);
    return status;
}

static enum status side_errors(struct ncp_model *m, const struct trial *trial,
                               struct reading *reading)
{
    const struct objective *const through =
        trial->restored ? &objective_simsiam : &objective_no_stopgrad;
    const size_t n2 = m->flow.flow.outputs;
    double *p = m->flow.first + matrix_flow_predictor(&m->flow.flow);
    enum status status = STATUS_OK;
    if (trial->restored)
        ncp_identity(n2, 1, p);
    if (m->flow.edge == EDGE_NONE)
        status = side_error(m, trial, &objective_simsiam, &reading->control[0]);
    ncp_identity(n2, 1, p);
    if (!status)
        status = side_error(m, trial, &objective_simsiam, &reading->error);
    if (!status && m->flow.edge == EDGE_NONE)
        status = side_error(m, trial, through, &reading->control[1]);
    return status;
}

static enum status measure_side(const struct trial *trial, struct reading *reading)
{
    struct ncp_model m;
    enum status status = ncp_model_draw(&m, trial, (struct ncp_wish){.edges = true});
    if (!status)
        status = side_errors(&m, trial, reading);
    ncp_model_free(&m);
    return status;
}

/* max |W(t) - W(0) e^{-(X' + eta I) t}| along the flow, over max |W(0)| */
static enum status vanishing_error(const struct trial *trial, struct ncp_matrix *m, double end,
                                   double *error)
{
    size_t n1 = m->flow.inputs, n2 = m->flow.outputs, size = n1 * n2;
    double *u = ncp_array(2 * n1 * n1 + 2 * n1 + 2 * (NCP_SAMPLES + 1) * size, trial->err);
    if (!u)
        return STATUS_SYSTEM;
    double *left = u + n1 * n1, *value = left + n1 * n1, *factor = value + n1;
    double *measured = factor + n1, *predicted = measured + (NCP_SAMPLES + 1) * size;
    memcpy(u, m->x_prime, n1 * n1 * sizeof *u);
    enum status status = symmetric_eigen((int)n1, u, value, 1, trial->err);
    if (!status)
        status = ncp_matrix_run(m, end, trial->err);
    for (size_t k = 0; k <= NCP_SAMPLES && !status; k++) {
        for (size_t j = 0; j < n1; j++)
            factor[j] = exp(-(value[j] + m->flow.eta_s) * end * (double)k / NCP_SAMPLES);
        ncp_compose(n1, u, factor, left);
        matrix_product(PLAIN, PLAIN, n2, n1, n1, 1, m->first, left, 0, predicted + k * size);
        memcpy(measured + k * size, m->record + k * m->dynamics.flow.size, size * sizeof *measured);
    }
    plant(trial, measured, (NCP_SAMPLES + 1) * size);
    *error = relative_error(measured, predicted, (NCP_SAMPLES + 1) * size);
    free(u);
    return status;
}

static enum status measure_vanishing(const struct trial *trial, struct reading *reading)
{
    struct ncp_matrix m;
    enum status status = ncp_matrix_draw(&m, trial, (struct ncp_wish){.edges = true});
    if (status)
        return status;
    double least;
    status = ncp_least_eigenvalue(m.flow.inputs, m.x_prime, &least, trial->err);
    double end = 25 / (least + m.flow.eta_s);
    m.flow.target = RULE_ONLINE;
    m.flow.no_predictor = true;
    if (!status)
        status = vanishing_error(trial, &m, end, &reading->error);
    m.flow.no_predictor = trial->restored;
    if (!status && m.edge == EDGE_NONE)
        status = vanishing_error(trial, &m, end, &reading->control[0]);
    ncp_matrix_free(&m);
    return status;
}

static const struct part parts[] = {
    {.statement = "form: without stop-gradient, d vec(W)/dt = -H vec(W), "
                  "H = X' (x) (W_p^T W_p + I) + X (x) (W_p - I)^T (W_p - I) + eta I",
     .measured =
         "Left: gradient of E|W_p W x_1 - W x_2|^2 / 2 through both branches, summed over "
         "every point and pair of views of a drawn distribution. Right: H written out. Some "
         "instances have one output or input, X' = 0, or a singular X.",
     .controls = {"with stop-gradient"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.0005},
     .measure = measure_form},
    {.statement = "bound: |W(t)| <= e^{-lambda_0 t} |W(0)|, lambda_0 = inf lambda_min(H)",
     .measured = "Flow of W and W_p without stop-gradient to t = 2, at most 3 x 3 weights, at 16 "
                 "times; the infimum is over the times up to t. Excess of |W(t)| over the bound, "
                 "relative to it.",
     .controls = {"with stop-gradient"},
     .kind = PART_BOUND,
     .plan = {.instances = 1000, .quick = 40, .cost = 0.001},
     .measure = measure_bound},
    {.statement = "no predictor: with stop-gradient and without predictor, dW/dt = -W (X' + eta I)",
     .measured = "Left: gradient of E|W x_1 - StopGrad(W x_2)|^2 / 2 over every point and pair of "
                 "views. Right: the product.",
     .controls = {"a predictor, as drawn", "no stop-gradient"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.0005},
     .measure = measure_side},
    {.statement = "vanishing: without predictor W(t) = W(0) e^{-(X' + eta I) t}, down to nothing",
     .measured = "The flow with stop-gradient and without predictor, for 25 over its slowest rate: "
                 "largest difference along the trajectory over max |W(0)|.",
     .controls = {"with stop-gradient and predictor: W does not vanish so"},
     .kind = PART_FLOW,
     .plan = {.instances = 20, .quick = 5, .cost = 0.02},
     .measure = measure_vanishing},
};

const struct claim claim_ncp_3 = {
    .about = {.name = "NCP-3",
              .doc = "Without stop-gradient, and without predictor, the trunk decays to nothing; "
                     "with both it does not.",
              .source = "[NCP] Thm. 2",
              NCP_SETTINGS},
    .title = "Stop-gradient is essential",
    .formula = "d vec(W)/dt = -H vec(W), H = X' (x) (W_p^T W_p + I) + X (x) (W_p - I)^T (W_p - I) "
               "+ eta I >= 0",
    .hypotheses = "Linear; W_a = W, its gradient not stopped; or no predictor.",
    ALL_PARTS(parts),
};
