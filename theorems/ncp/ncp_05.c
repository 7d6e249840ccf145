/* NCP-5: the reduced dynamics */
#include "core/extreme.h"
#include "theorems/claims.h"
#include "theorems/ncp/ncp.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The largest of the relative errors of the rates of W_p, F and tau at the present state */
static enum status substitution_error(const struct trial *trial, const struct ncp_matrix *m,
                                      double *error)
{
    const struct matrix_flow *f = &m->flow;
    size_t square = f->outputs * f->outputs, size = 2 * square + 1;
    struct reduced_flow reduced = {.n = f->outputs,
                                   .sigma2 = m->sigma2,
                                   .alpha_p = f->alpha_p,
                                   .beta = f->beta,
                                   .eta = f->eta_s,
                                   .tau_moves = true};
    struct dynamics dynamics;
    enum status status = reduced_flow_open(&reduced, &dynamics, trial->err);
    if (status)
        return status;
    double *state = ncp_array(3 * size + matrix_flow_size(f), trial->err);
    if (state) {
        double *predicted = state + size, *measured = predicted + size;
        ncp_reduced_state(m, state);
        dynamics.flow.rate(dynamics.flow.context, 0, state, predicted);
        ncp_induced_rates(m, measured + size, measured);
        plant(trial, measured, size);
        *error = larger(relative_error(measured, predicted, square),
                        larger(relative_error(measured + square, predicted + square, square),
                               relative_error(measured + 2 * square, predicted + 2 * square, 1)));
    }
    free(state);
    reduced_flow_close(&reduced);
    return state ? STATUS_OK : STATUS_SYSTEM;
}

/* The three assumptions: X = I and X' = sigma2 I, by the wish; W_a = tau W; W_p symmetric, and
 * moving by the symmetric part of its descent. */
static void assume(struct ncp_matrix *m)
{
    struct matrix_flow *f = &m->flow;
    double *w_a = m->state + matrix_flow_target(f);
    memcpy(m->state, m->first, matrix_flow_size(f) * sizeof *m->state);
    for (size_t i = 0; i < f->outputs * f->inputs; i++)
        w_a[i] = f->tau * m->state[i];
    matrix_symmetrise(f->outputs, m->state + matrix_flow_predictor(f));
    f->symmetric = true;
}

enum { ASYMMETRIC, FREE_TARGET, UNSYMMETRISED };

static void violate(struct ncp_matrix *m, int which)
{
    struct matrix_flow *f = &m->flow;
    size_t p = matrix_flow_predictor(f), w_a = matrix_flow_target(f);
    if (which == ASYMMETRIC)
        memcpy(m->state + p, m->first + p, f->outputs * f->outputs * sizeof *m->state);
    if (which == FREE_TARGET)
        memcpy(m->state + w_a, m->first + w_a, f->outputs * f->inputs * sizeof *m->state);
    f->symmetric = which != UNSYMMETRISED;
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    struct ncp_matrix m;
    enum status status =
        ncp_matrix_draw(&m, trial, (struct ncp_wish){.isotropic = true, .edges = true});
    if (status)
        return status;
    const bool controls = m.edge == EDGE_NONE;
    assume(&m);
    status = substitution_error(trial, &m, &reading->error);
    for (int c = ASYMMETRIC; c <= UNSYMMETRISED && controls && !status; c++) {
        assume(&m);
        if (!trial->restored)
            violate(&m, c);
        status = substitution_error(trial, &m, &reading->control[c]);
    }
    ncp_matrix_free(&m);
    if (!status && controls)
        status = ncp_matrix_draw(&m, trial, (struct ncp_wish){.isotropic = trial->restored});
    if (status || !controls)
        return status;
    assume(&m);
    status = substitution_error(trial, &m, &reading->control[3]);
    ncp_matrix_free(&m);
    return status;
}

static const struct part parts[] = {
    {.statement = "substitution: dW_p/dt = -(alpha_p / 2)(1 + sigma2) {W_p, F} + alpha_p tau F - "
                  "eta W_p; dF/dt = -(1 + sigma2) {W_p^2, F} + tau {W_p, F} - 2 eta F; "
                  "dtau/dt = beta (1 - tau) - tau (d tr F/dt) / (2 tr F)",
     .measured = "Left: rates of the matrix flow, the rate of W_p symmetrised, at a drawn state "
                 "that fulfils the assumptions; tau = <W_a, W> / |W|^2. Right: the reduced flow. "
                 "The largest of the three errors. Some instances have one output or input, or "
                 "sigma2 = 0.",
     .controls = {"W_p not symmetric", "W_a not tau W", "the rate of W_p not symmetrised",
                  "X and X' not isotropic"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.0002},
     .measure = measure},
};

const struct claim claim_ncp_5 = {
    .about = {.name = "NCP-5",
              .doc = "Under the three assumptions the flow of the weights closes on the predictor, "
                     "the correlation F of the features and the ratio tau. The rate of W_p is the "
                     "symmetric part of its descent, as for a predictor kept symmetric. The ratio "
                     "stays one number only as a projection, except where W keeps its direction.",
              .source = "[NCP]",
              NCP_SETTINGS},
    .title = "The reduced dynamics",
    .formula = "dW_p/dt = -(alpha_p/2)(1+sigma2){W_p,F} + alpha_p tau F - eta W_p; "
               "dF/dt = -(1+sigma2){W_p^2,F} + tau{W_p,F} - 2 eta F",
    .hypotheses = "X = I, X' = sigma2 I; W_a = tau W; W_p symmetric, and kept so.",
    ALL_PARTS(parts),
};
