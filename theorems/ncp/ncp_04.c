/* NCP-4: the predictor's fixed point is symmetric */
#include "core/extreme.h"
#include "core/linalg.h"
#include "theorems/claims.h"
#include "theorems/ncp/ncp.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* W fixed, X = I, X' = sigma2 I, W_a = tau W: only the predictor moves. */
static enum status draw(struct ncp_matrix *m, const struct trial *trial)
{
    enum status status =
        ncp_matrix_draw(m, trial, (struct ncp_wish){.isotropic = true, .edges = true});
    if (status)
        return status;
    m->flow.target = RULE_SCALED;
    m->flow.hold_trunk = true;
    m->flow.eta_p = m->flow.eta_s = gsl_ran_flat(trial->rng, 0.1, 0.4);
    return STATUS_OK;
}

/* Two rows of W equal, so that F = W W^T is singular; needs two rows. */
static void make_singular(struct ncp_matrix *m)
{
    if (m->flow.outputs > 1)
        memcpy(m->first, m->first + m->flow.inputs, m->flow.inputs * sizeof *m->first);
}

/* Eigenvectors (rows of u) and eigenvalues of F = W W^T */
static enum status spectrum_of_f(const struct ncp_matrix *m, double *u, double *value,
                                 struct error *err)
{
    size_t n1 = m->flow.inputs, n2 = m->flow.outputs;
    matrix_product(PLAIN, TRANSPOSED, n2, n2, n1, 1, m->first, m->first, 0, u);
    enum status status = symmetric_eigen((int)n2, u, value, 1, err);
    for (size_t j = 0; j < n2; j++)
        value[j] = value[j] > 1e-12 ? value[j] : 0;
    return status;
}

/* tau F ((1 + sigma2) F + (eta / alpha_p) I)^{-1}, 0 where F is 0; `factor` is overwritten */
static void fixed_point(const struct ncp_matrix *m, const double *u, const double *value,
                        double *factor, double *out)
{
    const struct matrix_flow *f = &m->flow;
    for (size_t j = 0; j < f->outputs; j++)
        factor[j] = value[j] > 0
                        ? f->tau * value[j] / ((1 + m->sigma2) * value[j] + f->eta_p / f->alpha_p)
                        : 0;
    ncp_compose(f->outputs, u, factor, out);
}

/* ---- where it ends ---- */

/* The larger of |W_p - W_p*| and |W_p - W_p^T| / 2 at the end, over max |W_p*| */
static enum status end_error(const struct trial *trial, struct ncp_matrix *m, double end,
                             double *error)
{
    size_t n = m->flow.outputs, square = n * n;
    double *u = ncp_array(4 * square + 2 * n, trial->err);
    if (!u)
        return STATUS_SYSTEM;
    double *star = u + square, *symmetric = star + square, *reached = symmetric + square;
    double *value = reached + square;
    enum status status = spectrum_of_f(m, u, value, trial->err);
    fixed_point(m, u, value, value + n, star);
    if (!status)
        status = ncp_matrix_run(m, end, trial->err);
    memcpy(reached, m->state + matrix_flow_predictor(&m->flow), square * sizeof *reached);
    plant(trial, reached, square);
    memcpy(symmetric, reached, square * sizeof *symmetric);
    matrix_symmetrise(n, symmetric);
    double scale = ncp_largest(star, square);
    *error =
        larger(relative_error(reached, star, square),
               relative_error(reached, symmetric, square) * ncp_largest(symmetric, square) / scale);
    free(u);
    return status;
}

static enum status measure_end(const struct trial *trial, struct reading *reading)
{
    struct ncp_matrix m;
    enum status status = draw(&m, trial);
    if (status)
        return status;
    double end = 30 / m.flow.eta_p;
    if (trial->instance % 2)
        make_singular(&m);
    status = end_error(trial, &m, end, &reading->error);
    make_singular(&m);
    if (!trial->restored)
        m.flow.eta_p = m.flow.eta_s = 0;
    if (!status && m.edge == EDGE_NONE)
        status = end_error(trial, &m, end, &reading->control[0]);
    ncp_matrix_free(&m);
    return status;
}

/* ---- on the way ---- */

/* (W_p(0) - W_p*) e^{-(alpha_p (1 + sigma2) F + eta I) t} + W_p*; work: 2 n^2 + n */
static void predict(const struct ncp_matrix *m, const double *u, const double *value,
                    const double *star, double t, double *work, double *out)
{
    const struct matrix_flow *f = &m->flow;
    size_t n = f->outputs;
    double *decay = work, *away = work + n * n, *factor = away + n * n;
    const double *p = m->first + matrix_flow_predictor(f);
    for (size_t j = 0; j < n; j++)
        factor[j] = exp(-(f->alpha_p * (1 + m->sigma2) * value[j] + f->eta_p) * t);
    ncp_compose(n, u, factor, decay);
    for (size_t i = 0; i < n * n; i++)
        away[i] = p[i] - star[i];
    memcpy(out, star, n * n * sizeof *out);
    matrix_product(PLAIN, PLAIN, n, n, n, 1, away, decay, 1, out);
}

static enum status way_error(const struct trial *trial, struct ncp_matrix *m, double *error)
{
    enum { END = 5 };
    size_t n = m->flow.outputs, square = n * n;
    double *u = ncp_array((4 + 2 * NCP_SAMPLES) * square + 3 * n, trial->err);
    if (!u)
        return STATUS_SYSTEM;
    double *star = u + square, *measured = star + square;
    double *predicted = measured + NCP_SAMPLES * square, *value = predicted + NCP_SAMPLES * square;
    double *work = value + 2 * n;
    enum status status = spectrum_of_f(m, u, value, trial->err);
    fixed_point(m, u, value, value + n, star);
    if (!status)
        status = ncp_matrix_run(m, END, trial->err);
    for (size_t k = 0; k < NCP_SAMPLES && !status; k++) {
        const double *now = m->record + (k + 1) * m->dynamics.flow.size;
        predict(m, u, value, star, END * (double)(k + 1) / NCP_SAMPLES, work,
                predicted + k * square);
        memcpy(measured + k * square, now + matrix_flow_predictor(&m->flow),
               square * sizeof *measured);
    }
    plant(trial, measured, NCP_SAMPLES * square);
    *error = relative_error(measured, predicted, NCP_SAMPLES * square);
    free(u);
    return status;
}

static enum status measure_way(const struct trial *trial, struct reading *reading)
{
    struct ncp_matrix m;
    enum status status = draw(&m, trial);
    if (status)
        return status;
    status = way_error(trial, &m, &reading->error);
    m.flow.hold_trunk = trial->restored;
    if (!status && m.edge == EDGE_NONE)
        status = way_error(trial, &m, &reading->control[0]);
    ncp_matrix_free(&m);
    return status;
}

static const struct part parts[] = {
    {.statement = "fixed point: W_p goes to tau F ((1 + sigma2) F + (eta / alpha_p) I)^{-1} and "
                  "its antisymmetric part to 0",
     .measured = "The matrix flow with W fixed and W_a = tau W, from a drawn W_p to t = 30 / eta, "
                 "F singular on every second instance: the larger of the distance from the fixed "
                 "point and of the antisymmetric part, relative to the fixed point. Some instances "
                 "have one "
                 "output or input, or sigma2 = 0.",
     .controls = {"eta = 0 with singular F"},
     .kind = PART_FLOW,
     .plan = {.instances = 20, .quick = 5, .cost = 0.02},
     .measure = measure_end},
    {.statement = "approach: W_p(t) - W_p* = (W_p(0) - W_p*) e^{-(alpha_p (1 + sigma2) F + eta I) "
                  "t}, the antisymmetric part included",
     .measured = "The same flow up to t = 5, along the trajectory.",
     .controls = {"W moves, so that F is not fixed"},
     .kind = PART_FLOW,
     .plan = {.instances = 20, .quick = 5, .cost = 0.003},
     .measure = measure_way},
};

const struct claim claim_ncp_4 = {
    .about = {.name = "NCP-4",
              .doc = "With weight decay the gradient-trained predictor becomes symmetric, whatever "
                     "it started from: its antisymmetric part decays to nothing.",
              .source = "[NCP]",
              NCP_SETTINGS},
    .title = "The predictor's fixed point is symmetric",
    .formula = "W_p -> tau F ((1 + sigma2) F + (eta / alpha_p) I)^{-1}",
    .hypotheses = "X = I, X' = sigma2 I; W_a = tau W; F fixed; eta > 0.",
    ALL_PARTS(parts),
};
