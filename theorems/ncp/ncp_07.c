/* NCP-7: decoupled modes */
#include "core/extreme.h"
#include "theorems/claims.h"
#include "theorems/ncp/modes.h"

#include <gsl/gsl_sort.h>
#include <stdlib.h>
#include <string.h>

enum { END = 3 };

/* The flow of the modes from their first values, with one rate of tau for all or one for each, into
 * record[NCP_SAMPLES + 1][n][3] */
static enum status run_scalars(const struct ncp_modes *d, bool one_tau, double *record,
                               struct error *err)
{
    const struct matrix_flow *f = &d->m.flow;
    struct mode_flow flow = {.modes = f->outputs,
                             .sigma2 = d->m.sigma2,
                             .alpha_p = f->alpha_p,
                             .beta = f->beta,
                             .eta_p = f->eta_p,
                             .eta_s = f->eta_s,
                             .tau_moves = true,
                             .one_tau = one_tau};
    struct dynamics dynamics;
    double *state = ncp_array(3 * f->outputs, err);
    if (!state)
        return STATUS_SYSTEM;
    mode_flow_open(&flow, &dynamics);
    memcpy(state, d->first, 3 * f->outputs * sizeof *state);
    enum status status = dynamics_record(&dynamics, END, NCP_SAMPLES, state, record, err);
    free(state);
    return status;
}

/* Numbers of W_p and of F along both flows. */
struct both {
    size_t each;                           /* of one of them: [NCP_SAMPLES + 1][...] */
    double *measured, *predicted, *record; /* [2][each], [2][each], of the modes */
};

static enum status open_both(struct both *b, const struct ncp_modes *d, size_t numbers,
                             struct error *err)
{
    b->each = (NCP_SAMPLES + 1) * numbers;
    b->measured = ncp_array(4 * b->each + (NCP_SAMPLES + 1) * 3 * d->m.flow.outputs, err);
    b->predicted = b->measured + 2 * b->each;
    b->record = b->predicted + 2 * b->each;
    return b->measured ? STATUS_OK : STATUS_SYSTEM;
}

/* The larger relative error of both, with the trial's fault. */
static double larger_error(const struct trial *trial, const struct both *b)
{
    plant(trial, b->measured, 2 * b->each);
    return larger(relative_error(b->measured, b->predicted, b->each),
                  relative_error(b->measured + b->each, b->predicted + b->each, b->each));
}

/* ---- eigenvalues ---- */

static void sort_down(double *value, size_t n)
{
    gsl_sort(value, 1, n);
    for (size_t j = 0; j < n / 2; j++) {
        double kept = value[j];
        value[j] = value[n - 1 - j];
        value[n - 1 - j] = kept;
    }
}

/* Sorted eigenvalues of W_p and F against sorted p and s */
static enum status compare_eigenvalues(const struct ncp_modes *d, const struct both *b,
                                       struct error *err)
{
    size_t n = d->m.flow.outputs;
    double *matrix = ncp_array(n * n, err);
    enum status status = matrix ? STATUS_OK : STATUS_SYSTEM;
    for (size_t i = 0; i < 2 * (NCP_SAMPLES + 1) && !status; i++) {
        size_t which = i / (NCP_SAMPLES + 1), k = i % (NCP_SAMPLES + 1);
        double *of_mode = b->predicted + i * n;
        ncp_modes_matrix(d, k, (enum ncp_which)which, matrix);
        status = ncp_eigenvalues(n, matrix, b->measured + i * n, err);
        for (size_t j = 0; j < n; j++)
            of_mode[j] = b->record[(k * n + j) * 3 + which];
        sort_down(of_mode, n);
    }
    free(matrix);
    return status;
}

static enum status eigenvalue_error(const struct trial *trial, struct ncp_modes *d, bool aligned,
                                    bool one_tau, double *error)
{
    struct both b;
    enum status status = open_both(&b, d, d->m.flow.outputs, trial->err);
    if (!status)
        status = ncp_modes_run(d, aligned, END, trial->err);
    if (!status)
        status = run_scalars(d, one_tau, b.record, trial->err);
    if (!status)
        status = compare_eigenvalues(d, &b, trial->err);
    if (!status)
        *error = larger_error(trial, &b);
    free(b.measured);
    return status;
}

static enum status measure_eigenvalues(const struct trial *trial, struct reading *reading)
{
    struct ncp_modes d;
    enum status status = ncp_modes_draw(&d, trial);
    if (status)
        return status;
    const bool controls = d.m.edge == EDGE_NONE, keep = trial->restored;
    status = eigenvalue_error(trial, &d, true, false, &reading->error);
    if (!status && controls)
        status = eigenvalue_error(trial, &d, true, !keep, &reading->control[0]);
    if (!status && controls)
        status = eigenvalue_error(trial, &d, keep, false, &reading->control[1]);
    ncp_modes_free(&d);
    return status;
}

/* ---- eigenvectors ---- */

/* U W_p U^T and U F U^T against diag(p) and diag(s) */
static enum status basis_error(const struct trial *trial, struct ncp_modes *d, bool aligned,
                               double *error)
{
    size_t n = d->m.flow.outputs, square = n * n;
    struct both b;
    enum status status = open_both(&b, d, square, trial->err);
    if (!status)
        status = ncp_modes_run(d, aligned, END, trial->err);
    if (!status)
        status = run_scalars(d, false, b.record, trial->err);
    for (size_t i = 0; i < 2 * (NCP_SAMPLES + 1) && !status; i++) {
        size_t which = i / (NCP_SAMPLES + 1), k = i % (NCP_SAMPLES + 1);
        ncp_modes_turned(d, k, (enum ncp_which)which, b.measured + i * square);
        for (size_t j = 0; j < n; j++)
            b.predicted[i * square + j * n + j] = b.record[(k * n + j) * 3 + which];
    }
    if (!status)
        *error = larger_error(trial, &b);
    free(b.measured);
    return status;
}

static enum status measure_basis(const struct trial *trial, struct reading *reading)
{
    struct ncp_modes d;
    enum status status = ncp_modes_draw(&d, trial);
    if (status)
        return status;
    status = basis_error(trial, &d, true, &reading->error);
    if (!status && d.m.edge == EDGE_NONE)
        status = basis_error(trial, &d, trial->restored, &reading->control[0]);
    ncp_modes_free(&d);
    return status;
}

/* ---- one tau ---- */

/* The reduced flow from W_p = U^T diag(p) U, F = U^T diag(s) U and the first mode's tau, into
 * record[NCP_SAMPLES + 1][2 n^2 + 1] */
static enum status run_reduced(const struct ncp_modes *d, double *record, struct error *err)
{
    const struct matrix_flow *f = &d->m.flow;
    size_t n = f->outputs, square = n * n, size = 2 * square + 1;
    struct reduced_flow flow = {.n = n,
                                .sigma2 = d->m.sigma2,
                                .alpha_p = f->alpha_p,
                                .beta = f->beta,
                                .eta = f->eta_s,
                                .tau_moves = true};
    struct dynamics dynamics;
    enum status status = reduced_flow_open(&flow, &dynamics, err);
    double *state = status ? NULL : ncp_array(size, err);
    if (state) {
        for (size_t which = 0; which < 2; which++) {
            for (size_t j = 0; j < n; j++)
                d->diagonal[j] = d->first[3 * j + which];
            ncp_compose(n, d->u, d->diagonal, state + which * square);
        }
        state[2 * square] = d->first[2];
        status = dynamics_record(&dynamics, END, NCP_SAMPLES, state, record, err);
    }
    free(state);
    reduced_flow_close(&flow);
    return state ? status : STATUS_SYSTEM;
}

/* W_p, F and tau of the reduced flow against those composed of the modes, tau beside each of the
 * modes */
static enum status shared_error(const struct trial *trial, struct ncp_modes *d, bool one_tau,
                                double *error)
{
    size_t n = d->m.flow.outputs, square = n * n, rows = NCP_SAMPLES + 1, each = 2 * square + n;
    double *reduced = ncp_array(rows * (2 * square + 1 + 3 * n + 2 * each), trial->err);
    if (!reduced)
        return STATUS_SYSTEM;
    double *modes = reduced + rows * (2 * square + 1), *measured = modes + rows * 3 * n;
    double *predicted = measured + rows * each;
    enum status status = run_reduced(d, reduced, trial->err);
    if (!status)
        status = run_scalars(d, one_tau, modes, trial->err);
    for (size_t k = 0; k < rows && !status; k++) {
        const double *now = reduced + k * (2 * square + 1), *mode = modes + k * 3 * n;
        for (size_t which = 0; which < 2; which++) {
            for (size_t j = 0; j < n; j++)
                d->diagonal[j] = mode[3 * j + which];
            ncp_compose(n, d->u, d->diagonal, measured + k * each + which * square);
        }
        for (size_t j = 0; j < n; j++) {
            measured[k * each + 2 * square + j] = mode[3 * j + 2];
            predicted[k * each + 2 * square + j] = now[2 * square];
        }
        memcpy(predicted + k * each, now, 2 * square * sizeof *now);
    }
    if (!status) {
        plant(trial, measured, rows * each);
        *error = relative_error(measured, predicted, rows * each);
    }
    free(reduced);
    return status;
}

static enum status measure_shared(const struct trial *trial, struct reading *reading)
{
    struct ncp_modes d;
    enum status status = ncp_modes_draw(&d, trial);
    if (status)
        return status;
    for (size_t j = 1; j < d.m.flow.outputs; j++)
        d.first[3 * j + 2] = d.first[2]; /* one tau at first */
    status = shared_error(trial, &d, true, &reading->error);
    if (!status && d.m.edge == EDGE_NONE)
        status = shared_error(trial, &d, trial->restored, &reading->control[0]);
    ncp_modes_free(&d);
    return status;
}

static const struct part parts[] = {
    {.statement = "eigenvalues: W_p's and F's move as dp/dt = alpha_p s [tau - (1 + sigma2) p] - "
                  "eta p, ds/dt = 2 p s [tau - (1 + sigma2) p] - 2 eta s, s dtau/dt = beta (1 - "
                  "tau) s - tau (ds/dt) / 2",
     .measured = "The matrix flow with moving average from an aligned start, each mode with its "
                 "own tau: sorted eigenvalues of W_p and F along the trajectory against the flow "
                 "of the scalars; the larger error. Some instances have one mode, or no noise.",
     .controls = {"one tau rate for all modes", "W_p not aligned with F"},
     .kind = PART_FLOW,
     .plan = {.instances = 25, .quick = 5, .cost = 0.005},
     .measure = measure_eigenvalues},
    {.statement = "eigenvectors: aligned eigenspaces stay, W_p(t) = U^T diag(p(t)) U and F(t) = "
                  "U^T diag(s(t)) U",
     .measured = "The same flows: W_p and F in the first eigenbasis U against diagonal matrices.",
     .controls = {"W_p not aligned with F"},
     .kind = PART_FLOW,
     .plan = {.instances = 25, .quick = 5, .cost = 0.004},
     .measure = measure_basis},
    {.statement = "one tau: with W_a = tau W kept as a projection, dtau/dt = beta (1 - tau) - tau "
                  "(d tr F/dt) / (2 tr F) for all modes together",
     .measured = "The flow of the scalars with one rate of tau for all modes, composed to W_p and "
                 "F, against the reduced flow of NCP-5 from the same aligned start, tau beside "
                 "them.",
     .controls = {"each mode has its own tau"},
     .kind = PART_FLOW,
     .plan = {.instances = 25, .quick = 5, .cost = 0.004},
     .measure = measure_shared},
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
