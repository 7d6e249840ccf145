/* E1: the sign of the integral of motion */
#include "sim/loss/objectives/objectives.h"
#include "theorems/claims.h"
#include "theorems/ncp/model.h"

#include <gsl/gsl_randist.h>
#include <math.h>

enum { END = 4 };

/* State: W, W_p, W_a of one input and one output. */
static void descend(void *context, double t, const double *state, double *rate)
{
    struct ncp_model *m = context;
    (void)t;
    ncp_model_descend(m, state, rate);
    rate[2] = m->flow.flow.beta * (state[0] - state[2]);
}

/* W of the smaller or of the larger square, so that c is a fair fraction of either sign */
static void draw_state(const struct trial *trial, double *state)
{
    const bool above = trial->instance % 2 == 0;
    state[0] = above ? gsl_ran_flat(trial->rng, 0.9, 1.3) : gsl_ran_flat(trial->rng, 0.2, 0.4);
    state[1] = above ? gsl_ran_flat(trial->rng, 0.1, 0.5) : gsl_ran_flat(trial->rng, 1, 1.3);
    state[2] = gsl_ran_flat(trial->rng, 0.3, 1);
}

/* W^2 along the descent against W_p^2 / alpha_p + e^{-2 eta t} c, c of the right or of the printed
 * sign */
static void compare(const struct trial *trial, const struct matrix_flow *f, const double *record,
                    struct reading *reading)
{
    const double c = record[0] * record[0] - record[1] * record[1] / f->alpha_p;
    const double other = trial->restored ? c : -c;
    double s[NCP_SAMPLES], right[NCP_SAMPLES], printed[NCP_SAMPLES];
    for (int k = 0; k < NCP_SAMPLES; k++) {
        const double *now = record + 3 * (k + 1), parabola = now[1] * now[1] / f->alpha_p;
        const double left = exp(-2 * f->eta_s * END * (k + 1) / NCP_SAMPLES);
        s[k] = now[0] * now[0];
        right[k] = parabola + left * c;
        printed[k] = parabola + left * other;
    }
    plant(trial, s, NCP_SAMPLES);
    reading->error = relative_error(s, right, NCP_SAMPLES);
    reading->control[0] = relative_error(s, printed, NCP_SAMPLES);
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    struct ncp_model m;
    double state[3], record[3 * (NCP_SAMPLES + 1)];
    enum status status = ncp_model_draw(&m, trial, (struct ncp_wish){.size = 1});
    const struct dynamics dynamics = {.flow = {.size = 3, .context = &m, .rate = descend}};
    if (!status)
        status = ncp_model_lay_out(&m, &objective_byol, trial->err);
    draw_state(trial, state);
    if (!status)
        status = dynamics_record(&dynamics, END, NCP_SAMPLES, state, record, trial->err);
    if (!status)
        compare(trial, &m.flow.flow, record, reading);
    ncp_model_free(&m);
    return status;
}

static const struct part parts[] = {
    {.statement = "sign: s(t) = p^2(t) / alpha_p + e^{-2 eta t} c, c = s(0) - p^2(0) / alpha_p",
     .measured = "The smallest network, one input and one output: s = W^2 and p = W_p along the "
                 "descent of byol's gradient, by backpropagation over every pair of views of a "
                 "drawn distribution, c of either sign.",
     .controls = {"as printed, c = p^2(0) / alpha_p - s(0)"},
     .kind = PART_FLOW,
     .plan = {.instances = 20, .quick = 4, .cost = 0.01},
     .measure = measure},
};

const struct claim claim_e1 = {
    .about = {.name = "E1",
              .doc = "The constant of the integral of motion is s(0) - p^2(0) / alpha_p; it is "
                     "printed with the opposite sign.",
              .source = "[NCP] after Eqn. 14; erratum E1",
              NCP_SETTINGS},
    .title = "The sign of the integral of motion",
    .formula = "c = s(0) - p^2(0) / alpha_p",
    .hypotheses = "Aligned eigenspaces; one weight decay eta for predictor and trunk.",
    ALL_PARTS(parts),
};
