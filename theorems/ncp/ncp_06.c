/* NCP-6: eigenspaces align */
#include "core/extreme.h"
#include "theorems/claims.h"
#include "theorems/ncp/ncp.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void assume(struct ncp_matrix *m, bool symmetrised)
{
    struct matrix_flow *f = &m->flow;
    double *w_a = m->state + matrix_flow_target(f);
    for (size_t i = 0; i < f->outputs * f->inputs; i++)
        w_a[i] = f->tau * m->state[i];
    matrix_symmetrise(f->outputs, m->state + matrix_flow_predictor(f));
    f->symmetric = symmetrised;
}

/* ---- the equation of the commutator ---- */

/* d[F, W_p]/dt from the rates of the matrix flow against -[F, W_p] K - K [F, W_p] */
static enum status equation_error(const struct trial *trial, const struct ncp_matrix *m,
                                  double *error)
{
    size_t n = m->flow.outputs, square = n * n, size = 2 * square + 1;
    struct reduced_flow reduced = {
        .n = n, .sigma2 = m->sigma2, .alpha_p = m->flow.alpha_p, .eta = m->flow.eta_s};
    double *state = ncp_array(2 * size + 5 * square + matrix_flow_size(&m->flow), trial->err);
    if (!state)
        return STATUS_SYSTEM;
    double *rate = state + size, *k = rate + size, *commutator = k + square;
    double *measured = commutator + square, *other = measured + square, *predicted = other + square;
    ncp_reduced_state(m, state);
    ncp_induced_rates(m, predicted + square, rate);
    reduced_flow_k(&reduced, state, k);
    matrix_commutator(n, rate + square, state, measured);
    matrix_commutator(n, state + square, rate, other);
    for (size_t i = 0; i < square; i++)
        measured[i] += other[i];
    matrix_commutator(n, state + square, state, commutator);
    matrix_product(PLAIN, PLAIN, n, n, n, -1, commutator, k, 0, predicted);
    matrix_product(PLAIN, PLAIN, n, n, n, -1, k, commutator, 1, predicted);
    plant(trial, measured, square);
    *error = relative_error(measured, predicted, square);
    free(state);
    return STATUS_OK;
}

/* equation_error at a state that is drawn */
static enum status equation_at(const struct trial *trial, bool isotropic, bool symmetrised,
                               enum ncp_edge *edge, double *error)
{
    struct ncp_matrix m;
    const struct ncp_wish wish = {.isotropic = isotropic, .edges = isotropic};
    enum status status = ncp_matrix_draw(&m, trial, wish);
    if (status)
        return status;
    *edge = m.edge;
    assume(&m, symmetrised);
    status = equation_error(trial, &m, error);
    ncp_matrix_free(&m);
    return status;
}

static enum status measure_equation(const struct trial *trial, struct reading *reading)
{
    const bool keep = trial->restored;
    enum ncp_edge edge;
    enum status status = equation_at(trial, true, true, &edge, &reading->error);
    if (!status && edge == EDGE_NONE)
        status = equation_at(trial, true, keep, &edge, &reading->control[0]);
    if (!status && edge == EDGE_NONE)
        status = equation_at(trial, keep, true, &edge, &reading->control[1]);
    return status;
}

/* ---- its decay ---- */

struct aligning {
    struct reduced_flow flow;
    struct dynamics dynamics;
    double *state, *record, *work; /* work: 2 n^2 */
};

static enum status open_aligning(struct aligning *a, size_t n, struct error *err)
{
    size_t size = 2 * n * n + 1;
    a->state = NULL;
    a->flow.n = n;
    enum status status = reduced_flow_open(&a->flow, &a->dynamics, err);
    if (status)
        return status;
    a->state = ncp_array((NCP_SAMPLES + 2) * size + 2 * n * n, err);
    if (!a->state) {
        reduced_flow_close(&a->flow);
        return STATUS_SYSTEM;
    }
    a->record = a->state + size;
    a->work = a->record + (NCP_SAMPLES + 1) * size;
    return STATUS_OK;
}

static void close_aligning(struct aligning *a)
{
    reduced_flow_close(&a->flow);
    free(a->state);
}

/* max over the record of |C(t)| / (e^{-2 lambda_0 t} |C(0)|) - 1, C = [F, W_p], with lambda_0 the
 * infimum of lambda_min(K) up to t, or 0 where that is below; `least`: the infimum */
static enum status excess(const struct trial *trial, struct aligning *a, double *out, double *least)
{
    enum { END = 3 };
    size_t n = a->flow.n, square = n * n, size = 2 * square + 1;
    double *k = a->work, *commutator = a->work + square;
    double norm[NCP_SAMPLES + 1], bound[NCP_SAMPLES + 1];
    enum status status =
        dynamics_record(&a->dynamics, END, NCP_SAMPLES, a->state, a->record, trial->err);
    *least = INFINITY;
    *out = -INFINITY;
    for (size_t i = 0; i <= NCP_SAMPLES && !status; i++) {
        const double *now = a->record + i * size;
        double value, t = END * (double)i / NCP_SAMPLES;
        reduced_flow_k(&a->flow, now, k);
        status = ncp_least_eigenvalue(n, k, &value, trial->err);
        *least = smaller(*least, value);
        matrix_commutator(n, now + square, now, commutator);
        norm[i] = frobenius(commutator, square);
        bound[i] = exp(-2 * larger(0, *least) * t) * norm[0];
    }
    if (!status)
        plant(trial, norm + 1, NCP_SAMPLES);
    for (size_t i = 1; i <= NCP_SAMPLES && !status; i++)
        *out = larger(*out, norm[i] / bound[i] - 1);
    return status;
}

/* With much decay K stays positive; with little, large tau and small F it is negative around
 * W_p = tau / (2 (1 + sigma2)). */
static enum status draw(struct aligning *a, gsl_rng *rng, bool much, struct error *err)
{
    size_t n = a->flow.n, square = n * n;
    struct reduced_flow *f = &a->flow;
    double tau = much ? gsl_ran_flat(rng, 0.2, 1) : gsl_ran_flat(rng, 1.5, 2.5);
    f->sigma2 = gsl_ran_flat(rng, 0.1, 0.8);
    f->alpha_p = gsl_ran_flat(rng, 0.5, 2);
    f->beta = gsl_ran_flat(rng, 0.2, 1);
    f->eta = much ? gsl_ran_flat(rng, 0.7, 3) * tau * tau / (6 * (1 + f->sigma2))
                  : gsl_ran_flat(rng, 0.001, 0.01);
    f->tau_moves = much && gsl_rng_uniform_int(rng, 2);
    a->state[2 * square] = tau;
    double middle = tau / (2 * (1 + f->sigma2));
    enum status status = ncp_symmetric(rng, n, n, much ? -0.3 : middle - 0.2,
                                       much ? 1.2 : middle + 0.2, a->state, err);
    return status ? status
                  : ncp_symmetric(rng, n, n, much ? 0.05 : 0.01, much ? 1.5 : 0.1,
                                  a->state + square, err);
}

/* The excess of a flow that is drawn so that lambda_0 > 0, or so that it is not. */
static enum status decay_excess(const struct trial *trial, struct aligning *a, bool positive,
                                double *out)
{
    double least = NAN;
    enum status status = STATUS_OK;
    for (int made = 0; !status;) {
        status = draw(a, trial->rng, positive, trial->err);
        if (!status)
            status = excess(trial, a, out, &least);
        if (isnan(least) || positive == (least > 0))
            break;
        if (!status)
            status = claim_redraw(trial, &made, positive ? "flow with K > 0" : "flow with K < 0");
    }
    return status;
}

static enum status measure_decay(const struct trial *trial, struct reading *reading)
{
    struct aligning a;
    enum status status = open_aligning(&a, ncp_draw_size(trial), trial->err);
    if (status)
        return status;
    status = decay_excess(trial, &a, true, &reading->error);
    if (!status)
        status = decay_excess(trial, &a, trial->restored, &reading->control[0]);
    close_aligning(&a);
    return status;
}

static const struct part parts[] = {
    {.statement = "equation: d[F, W_p]/dt = -[F, W_p] K - K [F, W_p], "
                  "K = (1 + sigma2)(alpha_p F / 2 + W_p^2 - tau W_p / (1 + sigma2)) + (3/2) eta I",
     .measured = "Left: [dF/dt, W_p] + [F, dW_p/dt] with the rates of the matrix flow, the rate of "
                 "W_p symmetrised, at a drawn state that fulfils the assumptions. Right: the "
                 "products.",
     .controls = {"the rate of W_p not symmetrised", "X and X' not isotropic"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.0002},
     .measure = measure_equation},
    {.statement = "bound: |[F, W_p](t)| <= e^{-2 lambda_0 t} |[F, W_p](0)|, "
                  "lambda_0 = inf lambda_min(K) > 0",
     .measured = "Reduced flow to t = 3, tau fixed or moving, recorded 16 times; the infimum is "
                 "over the times up to t. Excess of the commutator's Frobenius norm over the "
                 "bound, relative to it; for the control lambda_0 is 0.",
     .controls = {"small eta, large tau: lambda_min(K) < 0"},
     .kind = PART_BOUND,
     .plan = {.instances = 1000, .quick = 40, .cost = 0.002},
     .measure = measure_decay},
};

const struct claim claim_ncp_6 = {
    .about = {.name = "NCP-6",
              .doc = "As long as K is positive definite the eigenspaces of the predictor and of "
                     "the correlation of the features align, at an exponential rate.",
              .source = "[NCP]",
              NCP_SETTINGS},
    .title = "Eigenspaces align",
    .formula = "d[F, W_p]/dt = -[F, W_p] K - K [F, W_p]; |[F, W_p](t)| <= e^{-2 lambda_0 t} "
               "|[F, W_p](0)|",
    .hypotheses = "X = I, X' = sigma2 I; W_a = tau W; W_p symmetric, and kept so; for the bound "
                  "inf lambda_min(K) > 0.",
    ALL_PARTS(parts),
};
