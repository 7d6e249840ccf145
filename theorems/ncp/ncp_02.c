/* NCP-2: balance of predictor and trunk */
#include "theorems/claims.h"
#include "theorems/ncp/ncp.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

/* W_a(t) = cos(omega t) A + sin(omega t) B: independent of W */
struct swing {
    double omega;
    const double *a, *b;
    size_t count;
};

static void swing(const void *context, double t, double *w_a)
{
    const struct swing *s = context;
    for (size_t i = 0; i < s->count; i++)
        w_a[i] = cos(s->omega * t) * s->a[i] + sin(s->omega * t) * s->b[i];
}

/* C = W W^T - W_p^T W_p / alpha_p at the first state */
static void first_balance(const struct ncp_matrix *m, double *c)
{
    const size_t n1 = m->flow.inputs, n2 = m->flow.outputs;
    const double *w = m->first, *p = m->first + matrix_flow_predictor(&m->flow);
    for (size_t i = 0; i < n2; i++)
        for (size_t j = 0; j < n2; j++) {
            double sum = 0;
            for (size_t k = 0; k < n1; k++)
                sum += w[i * n1 + k] * w[j * n1 + k];
            for (size_t k = 0; k < n2; k++)
                sum -= p[k * n2 + i] * p[k * n2 + j] / m->flow.alpha_p;
            c[i * n2 + j] = sum;
        }
}

static enum status balance_error(const struct trial *trial, struct ncp_matrix *m, double *error)
{
    enum { END = 4 };
    double *c = ncp_array(m->flow.outputs * m->flow.outputs, trial->err);
    enum status status = c ? ncp_matrix_run(m, END, trial->err) : STATUS_SYSTEM;
    if (!status) {
        first_balance(m, c);
        status = ncp_drift(trial, &m->dynamics, END, m->record, c, error);
    }
    free(c);
    return status;
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    static const enum target_rule rules[] = {RULE_EMA, RULE_FROZEN, RULE_ONLINE, RULE_SCALED,
                                             RULE_GIVEN};
    struct ncp_matrix m;
    enum status status = ncp_matrix_draw(&m, trial, (struct ncp_wish){.edges = true});
    if (status)
        return status;
    size_t count = m.flow.outputs * m.flow.inputs;
    double *swings = ncp_array(2 * count, trial->err);
    status = swings ? STATUS_OK : STATUS_SYSTEM;
    struct swing given = {gsl_ran_flat(trial->rng, 0.5, 3), swings, swings + count, count};
    if (!status) {
        draw_normal(trial->rng, 0.7, 2 * count, swings);
        m.flow.target = rules[(trial->instance + trial->instance / 5) % 5];
        m.flow.given = swing;
        m.flow.given_context = &given;
        status = balance_error(trial, &m, &reading->error);
    }
    double apart = gsl_ran_flat(trial->rng, 0.05, 0.3);
    m.flow.eta_p = m.flow.eta_s + (trial->restored ? 0 : apart);
    if (!status && m.edge == EDGE_NONE)
        status = balance_error(trial, &m, &reading->control[0]);
    free(swings);
    ncp_matrix_free(&m);
    return status;
}

static const struct part parts[] = {
    {.statement = "balance: W W^T - W_p^T W_p / alpha_p = e^{-2 eta t} C, C its first value",
     .measured =
         "The matrix flow with W_a by moving average, frozen, equal to W, tau W, or a "
         "drawn function of time, in turn; largest difference of the flow's own e^{2 eta t} "
         "(W W^T - W_p^T W_p / alpha_p) along the trajectory from C by the formula, over "
         "the largest entry of C. Some instances have one output or input, X' = 0, or a "
         "singular X.",
     .controls = {"eta_p above eta_s by 0.05 to 0.3"},
     .kind = PART_FLOW,
     .plan = {.instances = 25, .quick = 5, .cost = 0.005},
     .measure = measure},
};

const struct claim claim_ncp_2 = {
    .about = {.name = "NCP-2",
              .doc = "Predictor and trunk stay balanced: the difference of their Gram matrices "
                     "only decays with the weights, for any data and any target network.",
              .source = "[NCP]",
              NCP_SETTINGS},
    .title = "Balance of predictor and trunk",
    .formula = "W W^T - W_p^T W_p / alpha_p = e^{-2 eta t} C",
    .hypotheses = "Linear; stop-gradient; one weight decay eta for predictor and trunk.",
    ALL_PARTS(parts),
};
