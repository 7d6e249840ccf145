/* NCP-9: tau on the parabola */
#include "theorems/claims.h"
#include "theorems/ncp/ncp.h"

#include <gsl/gsl_randist.h>
#include <math.h>

enum { END = 4, VARIABLES = 4 };

/* A mode with the integral of p(t) e^{beta t} as a fourth variable */
struct accumulating {
    struct mode_flow mode;
    struct dynamics of_mode;
};

static void accumulate(void *context, double t, const double *state, double *rate)
{
    struct accumulating *a = context;
    a->of_mode.flow.rate(a->of_mode.flow.context, t, state, rate);
    rate[3] = state[0] * exp(a->mode.beta * t);
}

/* tau(t) against beta e^{-beta t} times the integral, over p(t) */
static enum status tau_error(const struct trial *trial, struct accumulating *a, double p, double s,
                             double tau, double *error)
{
    struct dynamics dynamics = {.flow = {.size = VARIABLES, .context = a, .rate = accumulate}};
    double state[VARIABLES] = {p, s, tau, 0}, record[(NCP_SAMPLES + 1) * VARIABLES];
    double measured[NCP_SAMPLES], predicted[NCP_SAMPLES];
    enum status status = dynamics_record(&dynamics, END, NCP_SAMPLES, state, record, trial->err);
    if (status)
        return status;
    for (int k = 0; k < NCP_SAMPLES; k++) {
        const double *now = record + VARIABLES * (k + 1);
        double t = END * (double)(k + 1) / NCP_SAMPLES;
        measured[k] = now[2];
        predicted[k] = a->mode.beta * exp(-a->mode.beta * t) * now[3] / now[0];
    }
    plant(trial, measured, NCP_SAMPLES);
    *error = relative_error(measured, predicted, NCP_SAMPLES);
    return STATUS_OK;
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    gsl_rng *rng = trial->rng;
    const int edge = trial->instance % 5 == 4 ? 1 + trial->instance / 5 % 2 : 0;
    double eta = edge == 1 ? 0 : gsl_ran_flat(rng, 0.01, 0.2);
    struct accumulating a = {.mode = {.modes = 1,
                                      .sigma2 = edge == 2 ? 0 : gsl_ran_flat(rng, 0.05, 1),
                                      .alpha_p = gsl_ran_flat(rng, 0.5, 2),
                                      .beta = gsl_ran_flat(rng, 0.1, 1),
                                      .eta_p = eta,
                                      .eta_s = eta,
                                      .tau_moves = true}};
    mode_flow_open(&a.mode, &a.of_mode);
    double p = gsl_ran_flat(rng, 0.3, 1.2), s = p * p / a.mode.alpha_p;
    double factor = gsl_ran_flat(rng, 1.3, 3), tau = gsl_ran_flat(rng, 0.2, 1);
    enum status status = tau_error(trial, &a, p, s, 0, &reading->error);
    if (!status)
        status =
            tau_error(trial, &a, p, s * (trial->restored ? 1 : factor), 0, &reading->control[0]);
    if (!status)
        status = tau_error(trial, &a, p, s, trial->restored ? 0 : tau, &reading->control[1]);
    return status;
}

static const struct part parts[] = {
    {.statement = "tau: tau(t) = (beta / p(t)) int_0^t p(t') e^{-beta (t - t')} dt'",
     .measured = "The flow of p, s and tau by EMA, and of the integral beside them: tau(t) along "
                 "the trajectory against the right-hand side, over the largest tau. Some instances "
                 "have no weight decay, or no noise.",
     .controls = {"off the parabola, c > 0", "tau(0) > 0"},
     .kind = PART_FLOW,
     .plan = {.instances = 40, .quick = 5, .cost = 0.001},
     .measure = measure},
};

const struct claim claim_ncp_9 = {
    .about = {.name = "NCP-9",
              .doc = "On the invariant parabola the ratio of target to online weights is a moving "
                     "average of the predictor's past over its present.",
              .source = "[NCP]",
              NCP_SETTINGS},
    .title = "tau on the parabola",
    .formula = "tau(t) = p^{-1}(t) beta e^{-beta t} int_0^t p(t') e^{beta t'} dt'",
    .hypotheses = "Aligned eigenspaces; c = 0; tau(0) = 0; p > 0.",
    ALL_PARTS(parts),
};
