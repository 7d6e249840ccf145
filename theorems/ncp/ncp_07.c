/* NCP-7: decoupled modes */
#include "core/linalg.h"
#include "theorems/claims.h"
#include "theorems/ncp/ncp.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { END = 3 };

/* The matrix flow from W = U^T diag(sqrt s) V, W_p = U^T diag(p) U, W_a = U^T diag(tau sqrt s) V,
 * and the flow of its modes. */
struct modes {
    struct ncp_matrix m;
    struct mode_flow flow;
    struct dynamics dynamics;
    double *u, *v, *other;  /* rows: eigenvectors of F, of W^T W, and others for a control */
    double *first, *record; /* p, s, tau of each mode; [NCP_SAMPLES + 1] of them */
    double *diagonal, *work;
};

static void close_modes(struct modes *d)
{
    ncp_matrix_free(&d->m);
    free(d->u);
}

static void compose_state(struct modes *d, const double *basis)
{
    size_t n = d->m.flow.outputs;
    double *first = d->m.first;
    for (size_t j = 0; j < n; j++)
        d->diagonal[j] = sqrt(d->first[3 * j + 1]);
    ncp_outer(n, d->u, d->diagonal, d->v, d->work, first);
    for (size_t j = 0; j < n; j++)
        d->diagonal[j] *= d->first[3 * j + 2];
    ncp_outer(n, d->u, d->diagonal, d->v, d->work, first + matrix_flow_target(&d->m.flow));
    for (size_t j = 0; j < n; j++)
        d->diagonal[j] = d->first[3 * j];
    ncp_outer(n, basis, d->diagonal, basis, d->work, first + matrix_flow_predictor(&d->m.flow));
}

static void draw_modes(struct modes *d, gsl_rng *rng)
{
    size_t n = d->m.flow.outputs;
    double low[3] = {0.1, 0.3, 0.3}, high[3] = {1.2, 1.5, 1};
    ncp_orthogonal(rng, n, d->u);
    ncp_orthogonal(rng, n, d->v);
    do { /* no row near a row of u: a rotation changes eigenvalues only to second order */
        ncp_orthogonal(rng, n, d->other);
        matrix_product(PLAIN, TRANSPOSED, n, n, n, 1, d->other, d->u, 0, d->work);
    } while (ncp_largest(d->work, n * n) > 0.95);
    for (size_t k = 0; k < 3; k++) {
        double gap = (high[k] - low[k]) / (double)n / 3;
        ncp_spread(rng, low[k], high[k], gap, n, d->diagonal);
        for (size_t j = 0; j < n; j++)
            d->first[3 * j + k] = d->diagonal[j];
    }
}

static enum status open_modes(struct modes *d, const struct trial *trial)
{
    struct ncp_wish wish = {.isotropic = true, .square = true};
    enum status status = ncp_matrix_draw(&d->m, trial, wish);
    if (status)
        return status;
    size_t n = d->m.flow.outputs;
    d->u = ncp_array(4 * n * n + 3 * n * (NCP_SAMPLES + 2) + n, trial->err);
    if (!d->u) {
        ncp_matrix_free(&d->m);
        return STATUS_SYSTEM;
    }
    d->v = d->u + n * n;
    d->other = d->v + n * n;
    d->work = d->other + n * n;
    d->diagonal = d->work + n * n;
    d->first = d->diagonal + n;
    d->record = d->first + 3 * n;
    d->flow = (struct mode_flow){.modes = n,
                                 .sigma2 = d->m.sigma2,
                                 .alpha_p = d->m.flow.alpha_p,
                                 .beta = d->m.flow.beta,
                                 .eta_p = d->m.flow.eta_p,
                                 .eta_s = d->m.flow.eta_s,
                                 .tau_moves = true};
    mode_flow_open(&d->flow, &d->dynamics);
    draw_modes(d, trial->rng);
    compose_state(d, d->u);
    return STATUS_OK;
}

/* The flow of the modes, with one tau for all or one for each */
static enum status run_modes(struct modes *d, bool one_tau, struct error *err)
{
    size_t size = d->dynamics.flow.size;
    double *state = ncp_array(size, err);
    if (!state)
        return STATUS_SYSTEM;
    memcpy(state, d->first, size * sizeof *state);
    d->flow.one_tau = one_tau;
    enum status status = dynamics_record(&d->dynamics, END, NCP_SAMPLES, state, d->record, err);
    free(state);
    return status;
}

/* W_p (which = 0) or F (which = 1) at record k */
static void matrix_at(const struct modes *d, size_t k, size_t which, double *out)
{
    size_t n = d->m.flow.outputs;
    const double *now = d->m.record + k * d->m.dynamics.flow.size;
    if (which == 1)
        matrix_product(PLAIN, TRANSPOSED, n, n, n, 1, now, now, 0, out);
    else
        memcpy(out, now + matrix_flow_predictor(&d->m.flow), n * n * sizeof *out);
}

/* ---- eigenvalues ---- */

/* The larger relative error of the numbers of W_p and F, `each` of them, with the trial's fault. */
static double planted_error(const struct trial *trial, double *measured, const double *predicted,
                            size_t each)
{
    plant(trial, measured, 2 * each);
    return fmax(relative_error(measured, predicted, each),
                relative_error(measured + each, predicted + each, each));
}

/* Sorted eigenvalues of W_p and F against sorted p and s, along both records */
static enum status eigenvalue_error(const struct trial *trial, const struct modes *d, double *error)
{
    size_t n = d->m.flow.outputs, each = (NCP_SAMPLES + 1) * n;
    double *measured = ncp_array(4 * each + n * n, trial->err);
    if (!measured)
        return STATUS_SYSTEM;
    double *predicted = measured + 2 * each, *matrix = predicted + 2 * each;
    enum status status = STATUS_OK;
    for (size_t which = 0; which < 2; which++)
        for (size_t k = 0; k <= NCP_SAMPLES && !status; k++) {
            double *of_mode = predicted + which * each + k * n;
            matrix_at(d, k, which, matrix);
            status = ncp_eigenvalues(n, matrix, measured + which * each + k * n, trial->err);
            for (size_t j = 0; j < n; j++)
                of_mode[j] = -d->record[(k * n + j) * 3 + which];
            gsl_sort(of_mode, 1, n);
            for (size_t j = 0; j < n; j++)
                of_mode[j] = -of_mode[j]; /* largest first */
        }
    *error = planted_error(trial, measured, predicted, each);
    free(measured);
    return status;
}

static enum status measure_eigenvalues(const struct trial *trial, struct reading *reading)
{
    struct modes d;
    enum status status = open_modes(&d, trial);
    if (status)
        return status;
    status = ncp_matrix_run(&d.m, END, trial->err);
    if (!status)
        status = run_modes(&d, true, trial->err);
    if (!status)
        status = eigenvalue_error(trial, &d, &reading->control[0]);
    if (!status)
        status = run_modes(&d, false, trial->err);
    if (!status)
        status = eigenvalue_error(trial, &d, &reading->error);
    compose_state(&d, d.other);
    if (!status)
        status = ncp_matrix_run(&d.m, END, trial->err);
    if (!status)
        status = eigenvalue_error(trial, &d, &reading->control[1]);
    close_modes(&d);
    return status;
}

/* ---- eigenvectors ---- */

/* U W_p U^T and U F U^T against diag(p) and diag(s), along both records */
static enum status basis_error(const struct trial *trial, struct modes *d, double *error)
{
    size_t n = d->m.flow.outputs, square = n * n, each = (NCP_SAMPLES + 1) * square;
    double *measured = ncp_array(4 * each + square, trial->err);
    if (!measured)
        return STATUS_SYSTEM;
    double *predicted = measured + 2 * each, *matrix = predicted + 2 * each;
    for (size_t which = 0; which < 2; which++)
        for (size_t k = 0; k <= NCP_SAMPLES; k++) {
            double *now = measured + which * each + k * square;
            matrix_at(d, k, which, matrix);
            matrix_product(PLAIN, PLAIN, n, n, n, 1, d->u, matrix, 0, d->work);
            matrix_product(PLAIN, TRANSPOSED, n, n, n, 1, d->work, d->u, 0, now);
            for (size_t j = 0; j < n; j++)
                predicted[which * each + k * square + j * n + j] =
                    d->record[(k * n + j) * 3 + which];
        }
    *error = planted_error(trial, measured, predicted, each);
    free(measured);
    return STATUS_OK;
}

static enum status measure_basis(const struct trial *trial, struct reading *reading)
{
    struct modes d;
    enum status status = open_modes(&d, trial);
    if (status)
        return status;
    status = ncp_matrix_run(&d.m, END, trial->err);
    if (!status)
        status = run_modes(&d, false, trial->err);
    if (!status)
        status = basis_error(trial, &d, &reading->error);
    compose_state(&d, d.other);
    if (!status)
        status = ncp_matrix_run(&d.m, END, trial->err);
    if (!status)
        status = basis_error(trial, &d, &reading->control[0]);
    close_modes(&d);
    return status;
}

static const struct part parts[] = {
    {.statement = "eigenvalues: W_p's and F's move as dp/dt = alpha_p s [tau - (1 + sigma2) p] - "
                  "eta p, ds/dt = 2 p s [tau - (1 + sigma2) p] - 2 eta s, s dtau/dt = beta (1 - "
                  "tau) s - tau (ds/dt) / 2",
     .measured = "The matrix flow with moving average from an aligned start, each mode with its "
                 "own tau: sorted eigenvalues of W_p and F along the trajectory against the flow "
                 "of the scalars; the larger error.",
     .controls = {"one tau rate for all modes", "W_p not aligned with F"},
     .kind = PART_FLOW,
     .plan = {.instances = 20, .quick = 3, .cost = 0.005},
     .measure = measure_eigenvalues},
    {.statement = "eigenvectors: aligned eigenspaces stay, W_p(t) = U^T diag(p(t)) U and F(t) = "
                  "U^T diag(s(t)) U",
     .measured = "The same flows: W_p and F in the first eigenbasis U against diagonal matrices.",
     .controls = {"W_p not aligned with F"},
     .kind = PART_FLOW,
     .plan = {.instances = 20, .quick = 3, .cost = 0.004},
     .measure = measure_basis},
};

const struct claim claim_ncp_7 = {
    .about = {.name = "NCP-7",
              .doc = "Once predictor and features share their eigenspaces they keep them, and "
                     "every mode moves by itself. With several modes and a moving average each "
                     "has its own tau.",
              .source = "[NCP]",
              NCP_SETTINGS},
    .title = "Decoupled modes",
    .formula = "dp/dt = alpha_p s [tau - (1 + sigma2) p] - eta p; ds/dt = 2 p s [tau - (1 + "
               "sigma2) p] - 2 eta s; s dtau/dt = beta (1 - tau) s - tau (ds/dt) / 2",
    .hypotheses = "X = I, X' = sigma2 I; W, W_p, W_a share their singular vectors.",
    ALL_PARTS(parts),
};
