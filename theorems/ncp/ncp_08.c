/* NCP-8: the integral of motion of a mode */
#include "theorems/claims.h"
#include "theorems/ncp/modes.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

/* ---- as an invariant ---- */

enum { END = 4 };

/* One mode whose c = s - p^2 / alpha_p is a fair fraction of s at first: otherwise its sign hardly
 * matters. */
static enum status draw_mode(const struct trial *trial, struct mode_flow *f, double *state)
{
    gsl_rng *rng = trial->rng;
    double eta = trial->instance % 5 == 4 ? 0 : gsl_ran_flat(rng, 0.02, 0.2);
    *f = (struct mode_flow){.modes = 1,
                            .sigma2 = gsl_ran_flat(rng, 0.05, 1),
                            .alpha_p = gsl_ran_flat(rng, 0.5, 2),
                            .beta = gsl_ran_flat(rng, 0.1, 1),
                            .eta_p = eta,
                            .eta_s = eta,
                            .tau_moves = trial->instance % 2 == 0};
    enum status status = STATUS_OK;
    for (int made = 0; !status;) {
        state[0] = gsl_ran_flat(rng, 0.1, 1.2);
        state[1] = gsl_ran_flat(rng, 0.1, 1.5);
        state[2] = gsl_ran_flat(rng, 0.3, 1);
        if (fabs(state[1] - state[0] * state[0] / f->alpha_p) >= 0.1)
            break;
        status = claim_redraw(trial, &made, "mode beside the parabola");
    }
    return status;
}

static enum status integral_error(const struct trial *trial, struct mode_flow *f,
                                  const double *first, double *error)
{
    double state[3] = {first[0], first[1], first[2]}, record[(NCP_SAMPLES + 1) * 3];
    const double c = first[1] - first[0] * first[0] / f->alpha_p;
    struct dynamics dynamics;
    mode_flow_open(f, &dynamics);
    enum status status = dynamics_record(&dynamics, END, NCP_SAMPLES, state, record, trial->err);
    return status ? status : ncp_drift(trial, &dynamics, END, record, &c, error);
}

static enum status measure_integral(const struct trial *trial, struct reading *reading)
{
    struct mode_flow f;
    double first[3];
    enum status status = draw_mode(trial, &f, first);
    if (!status)
        status = integral_error(trial, &f, first, &reading->error);
    double apart = gsl_ran_flat(trial->rng, 0.05, 0.3);
    f.eta_p = f.eta_s + (trial->restored ? 0 : apart);
    return status ? status : integral_error(trial, &f, first, &reading->control[0]);
}

/* ---- in the flow of the matrices ---- */

/* s_j, the diagonal of U F U^T along the flow, against p_j^2 / alpha_p + e^{-2 eta t} c_j with p_j
 * of U W_p U^T and c_j of the first values */
static enum status parabola_error(const struct trial *trial, struct ncp_modes *d, bool aligned,
                                  double *error)
{
    const struct matrix_flow *f = &d->m.flow;
    size_t n = f->outputs, square = n * n, all = NCP_SAMPLES * n;
    double *p = ncp_array(2 * square + 2 * all, trial->err), *s = p + square;
    if (!p)
        return STATUS_SYSTEM;
    double *measured = s + square, *predicted = measured + all;
    enum status status = ncp_modes_run(d, aligned, END, trial->err);
    for (size_t k = 1; k <= NCP_SAMPLES && !status; k++) {
        const double left = exp(-2 * f->eta_s * END * (double)k / NCP_SAMPLES);
        ncp_modes_turned(d, k, NCP_OF_PREDICTOR, p);
        ncp_modes_turned(d, k, NCP_OF_FEATURES, s);
        for (size_t j = 0; j < n; j++) {
            const double *first = d->first + 3 * j, now = p[j * (n + 1)];
            measured[(k - 1) * n + j] = s[j * (n + 1)];
            predicted[(k - 1) * n + j] =
                now * now / f->alpha_p + left * (first[1] - first[0] * first[0] / f->alpha_p);
        }
    }
    plant(trial, measured, all);
    *error = relative_error(measured, predicted, all);
    free(p);
    return status;
}

static enum status measure_parabola(const struct trial *trial, struct reading *reading)
{
    struct ncp_modes d;
    enum status status = ncp_modes_draw(&d, trial);
    if (status)
        return status;
    const bool controls = d.m.edge == EDGE_NONE;
    double apart = gsl_ran_flat(trial->rng, 0.05, 0.3);
    status = parabola_error(trial, &d, true, &reading->error);
    if (!status && controls)
        status = parabola_error(trial, &d, trial->restored, &reading->control[0]);
    d.m.flow.eta_p = d.m.flow.eta_s + (trial->restored ? 0 : apart);
    if (!status && controls)
        status = parabola_error(trial, &d, true, &reading->control[1]);
    ncp_modes_free(&d);
    return status;
}

static const struct part parts[] = {
    {.statement = "integral: e^{2 eta t} (s - p^2 / alpha_p) = s(0) - p^2(0) / alpha_p",
     .measured = "The flow of one mode, tau moving by EMA or fixed in turn, some without weight "
                 "decay: the flow's own invariant along the trajectory against the value by the "
                 "formula at first, relative to it.",
     .controls = {"eta_p above eta_s by 0.05 to 0.3"},
     .kind = PART_FLOW,
     .plan = {.instances = 40, .quick = 5, .cost = 0.001},
     .measure = measure_integral},
    {.statement = "parabola: the modes of aligned weights move on s(t) = p^2(t) / alpha_p + "
                  "e^{-2 eta t} c, c = s(0) - p^2(0) / alpha_p",
     .measured = "The matrix flow from an aligned start: the diagonals of W_p and F in the first "
                 "eigenbasis. Some instances have one mode, or no noise.",
     .controls = {"W_p not aligned with F", "eta_p above eta_s by 0.05 to 0.3"},
     .kind = PART_FLOW,
     .plan = {.instances = 40, .quick = 5, .cost = 0.004},
     .measure = measure_parabola},
};

const struct claim claim_ncp_8 = {
    .about = {.name = "NCP-8",
              .doc = "A mode of the predictor and the mode of the features that it acts on move "
                     "along a parabola, up to a constant that decays with the weights.",
              .source = "[NCP] Eqn. 14",
              NCP_SETTINGS},
    .title = "The integral of motion",
    .formula = "s(t) = p^2(t) / alpha_p + e^{-2 eta t} (s(0) - p^2(0) / alpha_p)",
    .hypotheses = "Aligned eigenspaces; one weight decay eta for predictor and trunk.",
    ALL_PARTS(parts),
};
