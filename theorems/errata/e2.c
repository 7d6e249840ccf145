/* E2: a factor of the cubic */
#include "sim/loss/objectives/objectives.h"
#include "theorems/claims.h"
#include "theorems/ncp/model.h"

#include <gsl/gsl_randist.h>
#include <math.h>

enum { POINTS = 12 };

/* dW_p/dt by backpropagation at W = p / sqrt(alpha_p), W_p = p, W_a = tau W */
static double descend_at(struct ncp_model *m, double p, double tau)
{
    const double w = p / sqrt(m->flow.flow.alpha_p);
    const double state[3] = {w, p, tau * w};
    double rate[3];
    ncp_model_descend(m, state, rate);
    return rate[1];
}

static enum status compare(const struct trial *trial, struct ncp_model *m, struct reading *reading)
{
    gsl_rng *rng = trial->rng;
    const double sigma2 = gsl_ran_flat(rng, 0.1, 1), k = 1 + sigma2;
    const double tau = gsl_ran_flat(rng, 0.5, 1), share = gsl_ran_flat(rng, 0, 1);
    const double eta = share * tau * tau / (4 * k), root = sqrt(tau * tau - 4 * eta * k);
    const double low = (tau - root) / (2 * k), high = (tau + root) / (2 * k);
    double measured[POINTS], right[POINTS], printed[POINTS];
    m->flow.flow.eta_p = m->flow.flow.eta_s = eta;
    enum status status = ncp_model_set_scalar(m, sigma2, trial->err);
    if (!status)
        status = ncp_model_lay_out(m, &objective_byol, trial->err);
    for (int i = 0; i < POINTS && !status; i++) {
        const double p = gsl_ran_flat(rng, -0.5, 1.5) * high;
        const double cubic = -p * (p - low) * (p - high);
        measured[i] = descend_at(m, p, tau);
        right[i] = k * cubic;
        printed[i] = trial->restored ? k * cubic : cubic;
    }
    if (status)
        return status;
    plant(trial, measured, POINTS);
    reading->error = relative_error(measured, right, POINTS);
    reading->control[0] = relative_error(measured, printed, POINTS);
    return STATUS_OK;
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    struct ncp_model m;
    enum status status = ncp_model_draw(&m, trial, (struct ncp_wish){.size = 1});
    if (!status)
        status = compare(trial, &m, reading);
    ncp_model_free(&m);
    return status;
}

static const struct part parts[] = {
    {.statement = "factor: dp/dt = -(1 + sigma2) p (p - p_-)(p - p_+)",
     .measured = "The smallest network, one input and one output, on data of X = 1, X' = sigma2: "
                 "Left: the descent of W_p = p by backpropagation through byol at W = p / "
                 "sqrt(alpha_p), W_a = tau W, at 12 drawn p. Right: the product.",
     .controls = {"as printed, -p (p - p_-)(p - p_+)"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5},
     .measure = measure},
};

const struct claim claim_e2 = {
    .about = {.name = "E2",
              .doc = "The cubic that moves a mode on the parabola has the factor 1 + sigma2 in "
                     "front; the caption leaves it out.",
              .source = "[NCP] Fig. 4; erratum E2",
              NCP_SETTINGS},
    .title = "A factor of the cubic",
    .formula = "dp/dt = -(1 + sigma2) p (p - p_-)(p - p_+)",
    .hypotheses = "Aligned eigenspaces; on the parabola; tau fixed; sigma2 > 0.",
    ALL_PARTS(parts),
};
