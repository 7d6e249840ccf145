/* NCP-14: beyond isotropy */
#include "core/linalg.h"
#include "theorems/claims.h"
#include "theorems/ncp/scalars.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An invertible matrix s = u^T diag(value) v, u and v orthogonal; its inverse */
struct change {
    double *s, *inverse, *u, *v, *value, *work;
};

static enum status draw_change(struct change *c, gsl_rng *rng, size_t n, bool orthogonal,
                               struct error *err)
{
    size_t square = n * n;
    c->s = ncp_array(5 * square + n, err);
    if (!c->s)
        return STATUS_SYSTEM;
    c->inverse = c->s + square;
    c->u = c->inverse + square;
    c->v = c->u + square;
    c->work = c->v + square;
    c->value = c->work + square;
    ncp_orthogonal(rng, n, c->u);
    ncp_orthogonal(rng, n, c->v);
    ncp_spread(rng, 0.5, 2, 0.5 / (double)n, n, c->value);
    for (size_t j = 0; j < n && orthogonal; j++)
        c->value[j] = 1;
    ncp_outer(n, c->u, c->value, c->v, c->work, c->s);
    for (size_t j = 0; j < n; j++)
        c->value[j] = 1 / c->value[j];
    ncp_outer(n, c->v, c->value, c->u, c->work, c->inverse);
    return STATUS_OK;
}

/* W -> S W, W_p -> S W_p S^{-1}, W_a -> S W_a */
static void apply(const struct matrix_flow *f, const struct change *c, const double *from,
                  double *to)
{
    size_t n1 = f->inputs, n2 = f->outputs, p = matrix_flow_predictor(f);
    size_t w_a = matrix_flow_target(f);
    matrix_product(PLAIN, PLAIN, n2, n1, n2, 1, c->s, from, 0, to);
    matrix_product(PLAIN, PLAIN, n2, n1, n2, 1, c->s, from + w_a, 0, to + w_a);
    matrix_product(PLAIN, PLAIN, n2, n2, n2, 1, c->s, from + p, 0, c->work);
    matrix_product(PLAIN, PLAIN, n2, n2, n2, 1, c->work, c->inverse, 0, to + p);
}

/* ---- fixed points ---- */

/* Rows v with v X = lambda v (X + X'): left eigenvectors of Sigma^d (Sigma^s)^{-1}, [n1][n1], and
 * their eigenvalues */
static enum status left_eigenvectors(const struct ncp_matrix *m, double *v, double *value,
                                     struct error *err)
{
    size_t n = m->flow.inputs, square = n * n;
    double *root = ncp_array(4 * square + n, err);
    if (!root)
        return STATUS_SYSTEM;
    double *u = root + square, *work = u + square, *middle = work + square;
    double *scale = middle + square;
    for (size_t i = 0; i < square; i++)
        u[i] = m->x[i] + m->x_prime[i];
    enum status status = symmetric_eigen((int)n, u, scale, 1, err);
    for (size_t j = 0; j < n; j++)
        scale[j] = 1 / sqrt(scale[j]);
    ncp_compose(n, u, scale, root); /* (X + X')^{-1/2} */
    matrix_product(PLAIN, PLAIN, n, n, n, 1, root, m->x, 0, work);
    matrix_product(PLAIN, PLAIN, n, n, n, 1, work, root, 0, middle);
    matrix_symmetrise(n, middle);
    if (!status)
        status = symmetric_eigen((int)n, middle, value, 1, err);
    matrix_product(PLAIN, PLAIN, n, n, n, 1, middle, root, 0, v);
    free(root);
    return status;
}

/* max |rate| at the state with the measured W_p, over the largest term of dW_p/dt */
static enum status rest_error(const struct trial *trial, const struct ncp_matrix *m,
                              const double *at, double *error)
{
    const struct matrix_flow *f = &m->flow;
    size_t size = matrix_flow_size(f), n1 = f->inputs, n2 = f->outputs;
    double *state = ncp_array(2 * size + n2 * n1 + n2 * n2, trial->err);
    if (!state)
        return STATUS_SYSTEM;
    double *rate = state + size, *mixed = rate + size, *term = mixed + n2 * n1;
    memcpy(state, at, size * sizeof *state);
    plant(trial, state + matrix_flow_predictor(f), n2 * n2);
    m->dynamics.flow.rate(m->dynamics.flow.context, 0, state, rate);
    matrix_product(PLAIN, PLAIN, n2, n1, n1, 1, at, m->x, 0, mixed);
    matrix_product(PLAIN, TRANSPOSED, n2, n2, n1, f->alpha_p, mixed, at, 0, term);
    *error = ncp_largest(rate, size) / ncp_largest(term, n2 * n2); /* term: of the flow, not 0 */
    free(state);
    return STATUS_OK;
}

/* W = the first left eigenvectors, W_p = diag(their eigenvalues), W_a = W; before any change */
static enum status rest_state(struct ncp_matrix *m, struct error *err)
{
    struct matrix_flow *f = &m->flow;
    size_t n1 = f->inputs, n2 = f->outputs;
    double *v = ncp_array(n1 * n1 + n1, err);
    if (!v)
        return STATUS_SYSTEM;
    enum status status = left_eigenvectors(m, v, v + n1 * n1, err);
    memset(m->state, 0, matrix_flow_size(f) * sizeof *m->state);
    memcpy(m->state, v, n2 * n1 * sizeof *v);
    memcpy(m->state + matrix_flow_target(f), v, n2 * n1 * sizeof *v);
    for (size_t j = 0; j < n2; j++)
        m->state[matrix_flow_predictor(f) + j * n2 + j] = v[n1 * n1 + j];
    free(v);
    f->eta_p = f->eta_s = 0;
    return status;
}

static enum status measure_rest(const struct trial *trial, struct reading *reading)
{
    struct ncp_matrix m;
    struct change c = {.s = NULL};
    /* no more outputs than there are eigenvectors */
    const struct ncp_wish wish = {.narrow = true, .edges = true};
    enum status status = ncp_matrix_draw(&m, trial, wish);
    if (status)
        return status;
    const bool controls = m.edge == EDGE_NONE;
    size_t n1 = m.flow.inputs, n2 = m.flow.outputs;
    status = rest_state(&m, trial->err);
    if (!status)
        status = draw_change(&c, trial->rng, n2, false, trial->err);
    if (!status) {
        apply(&m.flow, &c, m.state, m.first);
        status = rest_error(trial, &m, m.first, &reading->error);
    }
    if (!status && controls) { /* W and W_a changed, W_p not */
        if (!trial->restored)
            memcpy(m.first + n1 * n2, m.state + n1 * n2, n2 * n2 * sizeof *m.first);
        status = rest_error(trial, &m, m.first, &reading->control[0]);
        apply(&m.flow, &c, m.state, m.first);
        m.flow.eta_p = m.flow.eta_s = trial->restored ? 0 : gsl_ran_flat(trial->rng, 0.02, 0.2);
    }
    if (!status && controls)
        status = rest_error(trial, &m, m.first, &reading->control[1]);
    free(c.s);
    ncp_matrix_free(&m);
    return status;
}

/* ---- symmetry ---- */

/* The flow from the changed start against the changed `plain`, the flow from the first start */
static enum status symmetry_error(const struct trial *trial, struct ncp_matrix *m,
                                  const double *plain, bool orthogonal, double *error)
{
    enum { END = 3 };
    struct change c = {.s = NULL};
    size_t size = m->dynamics.flow.size, all = (NCP_SAMPLES + 1) * size;
    enum status status = draw_change(&c, trial->rng, m->flow.outputs, orthogonal, trial->err);
    double *changed = ncp_array(all, trial->err);
    if (!changed || status) {
        free(changed);
        free(c.s);
        return STATUS_SYSTEM;
    }
    for (size_t k = 0; k <= NCP_SAMPLES; k++)
        apply(&m->flow, &c, plain + k * size, changed + k * size);
    memcpy(m->first, changed, size * sizeof *changed);
    status = ncp_matrix_run(m, END, trial->err);
    plant(trial, m->record, all);
    *error = relative_error(m->record, changed, all);
    free(changed);
    free(c.s);
    return status;
}

static enum status measure_symmetry(const struct trial *trial, struct reading *reading)
{
    struct ncp_matrix m;
    enum status status = ncp_matrix_draw(&m, trial, (struct ncp_wish){.edges = true});
    if (status)
        return status;
    size_t all = (NCP_SAMPLES + 1) * m.dynamics.flow.size;
    double *plain = ncp_array(all, trial->err);
    status = plain ? ncp_matrix_run(&m, 3, trial->err) : STATUS_SYSTEM;
    if (!status) {
        memcpy(plain, m.record, all * sizeof *plain);
        status = symmetry_error(trial, &m, plain, true, &reading->error);
    }
    if (!status && m.edge == EDGE_NONE)
        status = symmetry_error(trial, &m, plain, trial->restored, &reading->control[0]);
    free(plain);
    ncp_matrix_free(&m);
    return status;
}

/* ---- without a predictor ---- */

/* Run from W(0) without predictor and weight decay, W_a = W: the end against W(0) v^T v, v the
 * first `kept` rows of `basis`, where X' is 0 */
static enum status survival_error(const struct trial *trial, struct ncp_matrix *m,
                                  const double *basis, size_t kept, double *error)
{
    size_t n1 = m->flow.inputs, n2 = m->flow.outputs;
    double *along = ncp_array(2 * n2 * n1, trial->err);
    if (!along)
        return STATUS_SYSTEM;
    double *predicted = along + n2 * n1;
    memcpy(m->state, m->first, m->dynamics.flow.size * sizeof *m->state);
    enum status status = dynamics_record(&m->dynamics, 150, 10, m->state, NULL, trial->err);
    matrix_product(PLAIN, TRANSPOSED, n2, kept, n1, 1, m->first, basis, 0, along);
    matrix_product(PLAIN, PLAIN, n2, n1, kept, 1, along, basis, 0, predicted);
    plant(trial, m->state, n2 * n1);
    *error = relative_error(m->state, predicted, n2 * n1);
    free(along);
    return status;
}

static enum status measure_survival(const struct trial *trial, struct reading *reading)
{
    struct ncp_matrix m;
    enum status status = ncp_matrix_draw(&m, trial, (struct ncp_wish){.square = false});
    if (status)
        return status;
    size_t n = m.flow.inputs;
    size_t kept = 1 + (size_t)gsl_rng_uniform_int(trial->rng, (unsigned long)n - 1);
    if (trial->instance % 5 == 4) /* at the edges: X' = 0 */
        kept = n;
    double *basis = ncp_array(n * n + n, trial->err);
    status = basis ? STATUS_OK : STATUS_SYSTEM;
    m.flow.eta_p = m.flow.eta_s = 0;
    m.flow.target = RULE_ONLINE;
    m.flow.no_predictor = true;
    if (!status)
        ncp_orthogonal(trial->rng, n, basis);
    for (int full = 0; full < 2 && !status; full++) {
        matrix_flow_close(&m.flow);
        for (size_t j = 0; j < n; j++)
            basis[n * n + j] =
                j < kept && (!full || trial->restored) ? 0 : gsl_ran_flat(trial->rng, 0.2, 0.8);
        ncp_compose(n, basis, basis + n * n, m.x_prime);
        status = matrix_flow_open(&m.flow, &m.dynamics, trial->err);
        if (!status)
            status = survival_error(trial, &m, basis, kept,
                                    full ? &reading->control[0] : &reading->error);
    }
    free(basis);
    ncp_matrix_free(&m);
    return status;
}

static const struct part parts[] = {
    {.statement = "fixed points: the flow rests where W_p W = W Sigma^d (Sigma^s)^{-1} and W_a = "
                  "W, and so it does after W_p -> S W_p S^{-1}, W -> S W for any invertible S",
     .measured =
         "W from left eigenvectors of Sigma^d (Sigma^s)^{-1}, W_p of its eigenvalues, both "
         "changed by a drawn S: largest rate of the matrix flow without weight decay, over "
         "the largest term alpha_p W X W^T. Faults go into W_p. Some instances have one output "
         "or input, X' = 0, or a singular X.",
     .controls = {"W changed by S, W_p not", "with weight decay"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5},
     .measure = measure_rest},
    {.statement = "symmetry: for orthogonal S the flow from S W, S W_p S^{-1}, S W_a is the "
                  "change of the flow from W, W_p, W_a",
     .measured = "Both matrix flows with moving average and drawn X and X' up to t = 3.",
     .controls = {"S invertible, not orthogonal: a symmetry of the fixed points only"},
     .kind = PART_FLOW,
     .plan = {.instances = 20, .quick = 5, .cost = 0.01},
     .measure = measure_symmetry},
    {.statement = "scalars: dw_p/dt = alpha_p (w_a lambda_d - w_p w lambda_s) w, dw/dt = w_p (w_a "
                  "lambda_d - w_p w lambda_s), dw_a/dt = beta (w - w_a), where X and X' share "
                  "eigenvectors",
     .measured = "The matrix flow from an aligned start against matrices composed of the scalars "
                 "along their flow, weight decay added to both.",
     .controls = {"X and X' with other eigenvectors than W"},
     .kind = PART_FLOW,
     .plan = {.instances = 20, .quick = 5, .cost = 0.01},
     .measure = ncp_measure_scalars},
    {.statement = "equivalence: s = w^2, tau = w_a / w, lambda_s = 1 + sigma2, lambda_d = 1 give "
                  "the modes of the isotropic case",
     .measured = "The flow of w_p, w, w_a, mapped, against the flow of p, s, tau.",
     .controls = {"lambda_d between 1.3 and 2, lambda_s / lambda_d the same"},
     .kind = PART_FLOW,
     .plan = {.instances = 40, .quick = 4, .cost = 0.001},
     .measure = ncp_measure_equivalence},
    {.statement = "integral: e^{2 eta t} (w^2 - w_p^2 / alpha_p) = w^2(0) - w_p^2(0) / alpha_p in "
                  "every mode",
     .measured = "The flow of w_p, w, w_a of several modes with moving average: its own invariants "
                 "along the trajectory against their values by the formula at first, over the "
                 "largest. Some instances are without weight decay.",
     .controls = {"eta_p above eta_s by 0.05 to 0.3"},
     .kind = PART_FLOW,
     .plan = {.instances = 25, .quick = 5, .cost = 0.002},
     .measure = ncp_measure_integral},
    {.statement = "no predictor: only directions survive where Sigma^d (Sigma^s)^{-1} has "
                  "eigenvalue 1",
     .measured =
         "The matrix flow with W_p = I, W_a = W and no weight decay to t = 150, X' of "
         "lower rank, 0 in some: W at the end against W(0) projected on the null space of X'.",
     .controls = {"X' of full rank: every eigenvalue below 1"},
     .kind = PART_FLOW,
     .plan = {.instances = 20, .quick = 5, .cost = 0.005},
     .measure = measure_survival},
};

const struct claim claim_ncp_14 = {
    .about = {.name = "NCP-14",
              .doc = "For any data and augmentation the predictor acts on the trunk's features as "
                     "the covariance between views over the covariance of a view; modes still "
                     "decouple where both covariances share eigenvectors. The fixed points are "
                     "symmetric under every invertible change of the features, the flow under "
                     "orthogonal ones.",
              .source = "[NCP]",
              NCP_SETTINGS},
    .title = "Beyond isotropy",
    .formula = "W_p W = W Sigma^d (Sigma^s)^{-1}; Sigma^s = X + X', Sigma^d = X",
    .hypotheses = "Linear; stop-gradient; W_a by moving average; fixed points without weight "
                  "decay.",
    ALL_PARTS(parts),
};
