/* NCP-3: the stop-gradient is essential */
#include "core/linalg.h"
#include "theorems/claims_ncp.h"
#include "theorems/ncp.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a finite distribution of views ---- */

static const double *view_of(const struct population *d, int x, int v)
{
    return d->x + (size_t)(x * d->views + v) * (size_t)d->inputs;
}

/* weight[0] E[x_1 x_1^T] + weight[1] E[x_1 x_2^T]: X is (0, 1), X' is (1, -1) */
static void view_moment(const struct population *d, const double weight[2], double *out)
{
    size_t n = (size_t)d->inputs;
    memset(out, 0, n * n * sizeof *out);
    for (int x = 0; x < d->points; x++)
        for (int v = 0; v < d->views; v++)
            for (int u = 0; u < d->views; u++) {
                const double *q = d->q + x * d->views, *a = view_of(d, x, v), *b = view_of(d, x, u);
                double both = weight[1] * q[v] * q[u] + (u == v ? weight[0] * q[v] : 0);
                for (size_t i = 0; i < n; i++)
                    for (size_t j = 0; j < n; j++)
                        out[i * n + j] += d->p[x] * both * a[i] * b[j];
            }
}

/* -dJ/dW for J = E|P W x_1 - W x_2|^2 / 2, the second branch with or without its gradient, summed
 * over every point and pair of views; work: 4 outputs */
static void view_descent(const struct population *d, size_t n2, const double *w, const double *p,
                         bool through, double *work, double *out)
{
    size_t n1 = (size_t)d->inputs;
    double *f1 = work, *residual = work + n2, *back = work + 2 * n2;
    memset(out, 0, n2 * n1 * sizeof *out);
    for (int x = 0; x < d->points; x++)
        for (int c = 0; c < d->views * d->views; c++) {
            int v = c / d->views, u = c % d->views;
            const double *x1 = view_of(d, x, v), *x2 = view_of(d, x, u);
            double share = d->p[x] * d->q[x * d->views + v] * d->q[x * d->views + u];
            matrix_product(PLAIN, PLAIN, n2, 1, n1, 1, w, x1, 0, f1);
            matrix_product(PLAIN, PLAIN, n2, 1, n1, 1, w, x2, 0, residual);
            matrix_product(PLAIN, PLAIN, n2, 1, n2, 1, p, f1, -1, residual);
            matrix_product(TRANSPOSED, PLAIN, n2, 1, n2, 1, p, residual, 0, back);
            for (size_t i = 0; i < n2; i++)
                for (size_t j = 0; j < n1; j++)
                    out[i * n1 + j] +=
                        share * ((through ? residual[i] * x2[j] : 0) - back[i] * x1[j]);
        }
}

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

/* A drawn matrix flow whose X and X' are those of drawn views. */
static enum status draw_both(struct ncp_matrix *m, struct population **views,
                             const struct trial *trial, bool square, struct error *err)
{
    enum status status = ncp_matrix_draw(m, trial, (struct ncp_wish){.square = square}, err);
    if (status)
        return status;
    status = ncp_population(trial->rng, m->flow.inputs, views, err);
    if (status) {
        ncp_matrix_free(m);
        return status;
    }
    view_moment(*views, (const double[]){0, 1}, m->x);
    view_moment(*views, (const double[]){1, -1}, m->x_prime);
    return STATUS_OK;
}

/* measured - eta W */
static void add_decay(const struct ncp_matrix *m, double *measured)
{
    for (size_t i = 0; i < m->flow.outputs * m->flow.inputs; i++)
        measured[i] -= m->flow.eta_s * m->first[i];
}

static enum status measure_form(const struct trial *trial, struct reading *reading,
                                struct error *err)
{
    struct ncp_matrix m;
    struct population *views;
    enum status status = draw_both(&m, &views, trial, false, err);
    if (status)
        return status;
    size_t n1 = m.flow.inputs, n2 = m.flow.outputs, size = n1 * n2;
    double *h = ncp_array(size * size + 3 * size + 4 * n2 * n2, err);
    if (h) {
        double *measured = h + size * size, *predicted = measured + size;
        double *stopped = predicted + size, *work = stopped + size;
        const double *w = m.first, *p = m.first + matrix_flow_predictor(&m.flow);
        decay_operator(&m.flow, p, work, h);
        for (size_t r = 0; r < size; r++)
            for (size_t c = 0; c < size; c++)
                predicted[r % n2 * n1 + r / n2] -= h[r * size + c] * w[c % n2 * n1 + c / n2];
        view_descent(views, n2, w, p, true, work, measured);
        view_descent(views, n2, w, p, false, work, stopped);
        add_decay(&m, measured);
        add_decay(&m, stopped);
        plant(trial, measured, size);
        reading->error = relative_error(measured, predicted, size);
        reading->control[0] = relative_error(stopped, predicted, size);
    }
    free(h);
    population_free(views);
    ncp_matrix_free(&m);
    return h ? STATUS_OK : STATUS_SYSTEM;
}

/* ---- the norm along the flow ---- */

/* max over the record of |W(t)| / (e^{-lambda_0 t} |W(0)|) - 1 */
static enum status excess(struct ncp_matrix *m, double end, double *out, struct error *err)
{
    size_t size = m->flow.outputs * m->flow.inputs, all = m->dynamics.flow.size;
    size_t n2 = m->flow.outputs;
    double *h = ncp_array(size * size + 3 * n2 * n2, err), least = INFINITY;
    if (!h)
        return STATUS_SYSTEM;
    enum status status = ncp_matrix_run(m, end, err);
    *out = -INFINITY;
    for (size_t k = 0; k <= NCP_SAMPLES && !status; k++) {
        const double *now = m->record + k * all;
        double value, t = end * (double)k / NCP_SAMPLES;
        decay_operator(&m->flow, now + matrix_flow_predictor(&m->flow), h + size * size, h);
        status = ncp_least_eigenvalue(size, h, &value, err);
        least = fmin(least, value);
        if (k > 0)
            *out = fmax(
                *out,
                ncp_frobenius(now, size) / (exp(-least * t) * ncp_frobenius(m->first, size)) - 1);
    }
    free(h);
    return status;
}

static enum status measure_bound(const struct trial *trial, struct reading *reading,
                                 struct error *err)
{
    struct ncp_matrix m;
    enum status status = ncp_matrix_draw(&m, trial, (struct ncp_wish){.most = 3}, err);
    if (status)
        return status;
    m.flow.target = RULE_ONLINE;
    m.flow.through_target = true;
    status = excess(&m, 2, &reading->error, err);
    m.flow.through_target = false;
    if (!status)
        status = excess(&m, 2, &reading->control[0], err);
    ncp_matrix_free(&m);
    return status;
}

/* ---- without a predictor ---- */

/* -W (X' + eta I), or with `left` -(X' + eta I) W */
static void printed_rate(const struct ncp_matrix *m, bool left, double *out)
{
    size_t n = m->flow.inputs;
    memcpy(out, m->first, n * n * sizeof *out);
    matrix_product(PLAIN, PLAIN, n, n, n, -1, left ? m->x_prime : m->first,
                   left ? m->first : m->x_prime, -m->flow.eta_s, out);
}

enum status ncp_3_measure_side(const struct trial *trial, struct reading *reading,
                               struct error *err)
{
    struct ncp_matrix m;
    struct population *views;
    enum status status = draw_both(&m, &views, trial, true, err);
    if (status)
        return status;
    size_t n = m.flow.inputs, size = n * n;
    double *measured = ncp_array(6 * size + 4 * n, err);
    if (measured) {
        double *right = measured + size, *left = right + size, *through = left + size;
        double *identity = through + size, *work = identity + size;
        ncp_identity(n, 1, identity);
        view_descent(views, n, m.first, identity, false, work, measured);
        view_descent(views, n, m.first, identity, true, work, through);
        add_decay(&m, measured);
        add_decay(&m, through);
        printed_rate(&m, false, right);
        printed_rate(&m, true, left);
        plant(trial, measured, size);
        reading->error = relative_error(measured, right, size);
        reading->control[0] = relative_error(measured, left, size);
        reading->control[1] = relative_error(through, right, size);
    }
    free(measured);
    population_free(views);
    ncp_matrix_free(&m);
    return measured ? STATUS_OK : STATUS_SYSTEM;
}

/* max |W(t) - W(0) e^{-(X' + eta I) t}| along the flow, over max |W(0)| */
static enum status vanishing_error(const struct trial *trial, struct ncp_matrix *m, double end,
                                   double *error, struct error *err)
{
    size_t n1 = m->flow.inputs, n2 = m->flow.outputs, size = n1 * n2;
    double *u = ncp_array(2 * n1 * n1 + 2 * n1 + 2 * (NCP_SAMPLES + 1) * size, err);
    if (!u)
        return STATUS_SYSTEM;
    double *left = u + n1 * n1, *value = left + n1 * n1, *factor = value + n1;
    double *measured = factor + n1, *predicted = measured + (NCP_SAMPLES + 1) * size;
    memcpy(u, m->x_prime, n1 * n1 * sizeof *u);
    enum status status = symmetric_eigen((int)n1, u, value, 1, err);
    if (!status)
        status = ncp_matrix_run(m, end, err);
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

static enum status measure_vanishing(const struct trial *trial, struct reading *reading,
                                     struct error *err)
{
    struct ncp_matrix m;
    enum status status = ncp_matrix_draw(&m, trial, (struct ncp_wish){.square = false}, err);
    if (status)
        return status;
    double least;
    status = ncp_least_eigenvalue(m.flow.inputs, m.x_prime, &least, err);
    double end = 25 / (least + m.flow.eta_s);
    m.flow.target = RULE_ONLINE;
    m.flow.no_predictor = true;
    if (!status)
        status = vanishing_error(trial, &m, end, &reading->error, err);
    m.flow.no_predictor = false;
    if (!status)
        status = vanishing_error(trial, &m, end, &reading->control[0], err);
    ncp_matrix_free(&m);
    return status;
}

static const struct part parts[] = {
    {.statement = "form: without stop-gradient, d vec(W)/dt = -H vec(W), "
                  "H = X' (x) (W_p^T W_p + I) + X (x) (W_p - I)^T (W_p - I) + eta I",
     .measured = "Left: gradient of E|W_p W x_1 - W x_2|^2 / 2 through both branches, summed over "
                 "every point and pair of views of a drawn distribution. Right: H written out.",
     .controls = {"with stop-gradient"},
     .kind = PART_IDENTITY,
     .tolerance = 1e-10,
     .instances = 40,
     .quick = 5,
     .cost = 0.0005,
     .measure = measure_form},
    {.statement = "bound: |W(t)| <= e^{-lambda_0 t} |W(0)|, lambda_0 = inf lambda_min(H)",
     .measured = "Flow of W and W_p without stop-gradient to t = 2, at most 3 x 3 weights, at 16 "
                 "times; the infimum is over the times up to t. Excess of |W(t)| over the bound, "
                 "relative to it.",
     .controls = {"with stop-gradient"},
     .kind = PART_BOUND,
     .tolerance = 1e-10,
     .instances = 1000,
     .quick = 40,
     .cost = 0.001,
     .measure = measure_bound},
    {.statement = "no predictor: with stop-gradient and without predictor, dW/dt = -W (X' + eta I)",
     .measured = "Left: gradient of E|W x_1 - StopGrad(W x_2)|^2 / 2 over every point and pair of "
                 "views, square W. Right: the product.",
     .controls = {"from the left as printed, -(X' + eta I) W", "no stop-gradient"},
     .kind = PART_IDENTITY,
     .tolerance = 1e-10,
     .instances = 40,
     .quick = 5,
     .cost = 0.0005,
     .measure = ncp_3_measure_side},
    {.statement = "vanishing: without predictor W(t) = W(0) e^{-(X' + eta I) t}, down to nothing",
     .measured = "The flow with stop-gradient and without predictor, for 25 over its slowest rate: "
                 "largest difference along the trajectory over max |W(0)|.",
     .controls = {"with stop-gradient and predictor: W does not vanish so"},
     .kind = PART_FLOW,
     .tolerance = 1e-8,
     .instances = 20,
     .quick = 3,
     .cost = 0.02,
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
    .parts = parts,
    .part_count = sizeof parts / sizeof *parts,
};
