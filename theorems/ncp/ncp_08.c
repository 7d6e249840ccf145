/* NCP-8: the integral of motion of a mode */
#include "theorems/claims.h"
#include "theorems/errata/errata.h"
#include "theorems/ncp/ncp.h"

#include <gsl/gsl_randist.h>
#include <math.h>

enum { END = 4 };

/* One mode whose c = s - p^2 / alpha_p is a fair fraction of s at first: otherwise its sign hardly
 * matters. */
static void draw_mode(const struct trial *trial, struct mode_flow *f, double *state)
{
    gsl_rng *rng = trial->rng;
    double eta = gsl_ran_flat(rng, 0.02, 0.2);
    *f = (struct mode_flow){.modes = 1,
                            .sigma2 = gsl_ran_flat(rng, 0.05, 1),
                            .alpha_p = gsl_ran_flat(rng, 0.5, 2),
                            .beta = gsl_ran_flat(rng, 0.1, 1),
                            .eta_p = eta,
                            .eta_s = eta,
                            .tau_moves = trial->instance % 2 == 0};
    do {
        state[0] = gsl_ran_flat(rng, 0.1, 1.2);
        state[1] = gsl_ran_flat(rng, 0.1, 1.5);
        state[2] = gsl_ran_flat(rng, 0.3, 1);
    } while (fabs(state[1] - state[0] * state[0] / f->alpha_p) < 0.1);
}

/* ---- as an invariant ---- */

static enum status integral_error(const struct trial *trial, struct mode_flow *f,
                                  const double *first, double *error)
{
    double state[3] = {first[0], first[1], first[2]}, record[(NCP_SAMPLES + 1) * 3];
    struct dynamics dynamics;
    mode_flow_open(f, &dynamics);
    enum status status = dynamics_record(&dynamics, END, NCP_SAMPLES, state, record, trial->err);
    return status ? status : ncp_drift(trial, &dynamics, END, record, error);
}

static enum status measure_integral(const struct trial *trial, struct reading *reading)
{
    struct mode_flow f;
    double first[3];
    draw_mode(trial, &f, first);
    enum status status = integral_error(trial, &f, first, &reading->error);
    f.eta_p = f.eta_s + gsl_ran_flat(trial->rng, 0.05, 0.3);
    return status ? status : integral_error(trial, &f, first, &reading->control[0]);
}

/* ---- with c from the first values, and its sign ---- */

enum status ncp_8_measure_sign(const struct trial *trial, struct reading *reading)
{
    struct mode_flow f;
    struct dynamics dynamics;
    double state[3], record[(NCP_SAMPLES + 1) * 3];
    double s[NCP_SAMPLES], predicted[NCP_SAMPLES], printed[NCP_SAMPLES];
    draw_mode(trial, &f, state);
    double c = state[1] - state[0] * state[0] / f.alpha_p;
    mode_flow_open(&f, &dynamics);
    enum status status = dynamics_record(&dynamics, END, NCP_SAMPLES, state, record, trial->err);
    if (status)
        return status;
    for (int k = 0; k < NCP_SAMPLES; k++) {
        const double *now = record + 3 * (k + 1);
        double left = exp(-2 * f.eta_s * END * (k + 1) / NCP_SAMPLES);
        s[k] = now[1];
        predicted[k] = now[0] * now[0] / f.alpha_p + left * c;
        printed[k] = now[0] * now[0] / f.alpha_p - left * c;
    }
    plant(trial, s, NCP_SAMPLES);
    reading->error = relative_error(s, predicted, NCP_SAMPLES);
    reading->control[0] = relative_error(s, printed, NCP_SAMPLES);
    return STATUS_OK;
}

static const struct part parts[] = {
    {.statement = "integral: e^{2 eta t} (s - p^2 / alpha_p) is constant",
     .measured = "The flow of one mode, tau moving by EMA or fixed in turn; largest difference "
                 "from the first value along the trajectory, relative to it.",
     .controls = {"eta_p above eta_s by 0.05 to 0.3"},
     .kind = PART_FLOW,
     .plan = {.instances = 40, .quick = 4, .cost = 0.001},
     .measure = measure_integral},
    {.statement = "sign: s(t) = p^2(t) / alpha_p + e^{-2 eta t} c, c = s(0) - p^2(0) / alpha_p",
     .measured = "The same flow: s(t) against the right-hand side from p(t) and the first values.",
     .controls = {"c with the sign as printed, p^2(0) / alpha_p - s(0)"},
     .kind = PART_FLOW,
     .plan = {.instances = 40, .quick = 4, .cost = 0.001},
     .measure = ncp_8_measure_sign},
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
