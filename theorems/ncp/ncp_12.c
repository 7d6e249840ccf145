/* NCP-12: the moving average points where the network does */
#include "core/extreme.h"
#include "theorems/claims.h"
#include "theorems/ncp/ncp.h"

#include <math.h>
#include <stdlib.h>

enum { RATES = 4, DECAYS = 3, SIZES = 3, EARLY = NCP_SAMPLES / 4 };

static const double learning_rate = 0.01; /* turns gamma_a, per step, into beta, per unit of time */
static const double end = 64;

/* <W_a, W> / (|W_a| |W|) */
static double correlation(const struct matrix_flow *f, const double *state)
{
    const double *target = state + matrix_flow_target(f);
    double along = 0, w = 0, w_a = 0;
    for (size_t i = 0; i < f->outputs * f->inputs; i++) {
        along += target[i] * state[i];
        w += state[i] * state[i];
        w_a += target[i] * target[i];
    }
    return along / sqrt(w * w_a);
}

/* Mean over the trajectory after its first quarter. */
static enum status late_correlation(struct ncp_matrix *m, double *mean, struct error *err)
{
    enum status status = ncp_matrix_run(m, end, err);
    size_t size = matrix_flow_size(&m->flow);
    *mean = 0;
    for (int i = EARLY; i <= NCP_SAMPLES && !status; i++)
        *mean += correlation(&m->flow, m->record + (size_t)i * size) / (NCP_SAMPLES + 1 - EARLY);
    return status;
}

static enum status draw(struct ncp_matrix *m, const struct trial *trial)
{
    const struct ncp_settings *settings = trial->settings;
    const size_t size = (size_t)settings->size + (size_t)trial->instance % SIZES;
    enum status status =
        ncp_matrix_draw(m, trial, (struct ncp_wish){.isotropic = true, .size = size});
    if (status)
        return status;
    const struct matrix_flow *f = &m->flow;
    for (size_t i = 0; i < f->inputs * f->inputs; i++)
        m->x_prime[i] = 0.03 * 0.03 * m->x[i];
    for (size_t i = matrix_flow_target(f); i < matrix_flow_size(f); i++)
        m->first[i] = 0;
    m->flow.alpha_p = 1;
    m->flow.target = RULE_EMA;
    matrix_flow_close(&m->flow); /* opened for the X' that was drawn with it */
    status = matrix_flow_open(&m->flow, &m->dynamics, trial->err);
    if (status)
        ncp_matrix_free(m);
    return status;
}

/* The smallest over gamma_a, `rates` of them, and eta. */
static enum status smallest_correlation(const struct trial *trial, struct ncp_matrix *m, int rates,
                                        double *smallest)
{
    static const double gamma[RATES] = {0.9, 0.99, 0.996, 0.999}, eta[DECAYS] = {0, 0.01, 0.1};
    double late[RATES * DECAYS];
    enum status status = STATUS_OK;
    for (int i = 0; i < rates * DECAYS && !status; i++) {
        m->flow.beta = (1 - gamma[i % rates]) / learning_rate;
        m->flow.eta_p = m->flow.eta_s = eta[i / rates];
        status = late_correlation(m, &late[i], trial->err);
    }
    if (!status)
        plant(trial, late, (size_t)(rates * DECAYS));
    *smallest = 1;
    for (int i = 0; i < rates * DECAYS && !status; i++)
        *smallest = smaller(*smallest, late[i]);
    return status;
}

/* W_a stays what it is at first, drawn: then gamma_a does not matter. */
static void freeze(struct ncp_matrix *m, gsl_rng *rng)
{
    const struct matrix_flow *f = &m->flow;
    m->flow.target = RULE_FROZEN;
    draw_normal(rng, 0.5, f->outputs * f->inputs, m->first + matrix_flow_target(f));
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    struct ncp_matrix m;
    enum status status = draw(&m, trial);
    if (status)
        return status;
    status = smallest_correlation(trial, &m, RATES, &reading->error);
    if (!trial->restored)
        freeze(&m, trial->rng);
    if (!status)
        status = smallest_correlation(trial, &m, trial->restored ? RATES : 1, &reading->control[0]);
    ncp_matrix_free(&m);
    return status;
}

static const struct part parts[] = {
    {.statement = "correlation: <W_a, W> / (|W_a| |W|) is above 0.9 after the first quarter",
     .measured =
         "The matrix flow from W_a = 0 with X = I, X' = 0.03^2 I to t = 64, gamma_a = 0.9, 0.99, "
         "0.996, 0.999 per step of 0.01, eta = 0, 0.01, 0.1: the smallest of the twelve means, for "
         "drawn W and W_p of 4, 5 and 6 inputs and outputs in turn.",
     .controls = {"a frozen target, drawn"},
     .kind = PART_EFFECT,
     .least = 0.9,
     .plan = {.instances = 12, .quick = 4, .cost = 0.5},
     .measure = measure},
};

const struct claim claim_ncp_12 = {
    .about = {.name = "NCP-12",
              .doc = "The moving average of the network keeps the direction of the network: the "
                     "assumption W_a = tau W behind the reduced dynamics.",
              .source = "[NCP] Assumption on EMA, its Fig. 7",
              NCP_SETTINGS},
    .title = "EMA assumption",
    .formula = "W_a(t) = tau(t) W(t), nearly",
    .hypotheses = "Linear BYOL, isotropic data with little noise, W_a(0) = 0, four outputs and "
                  "more (two can turn through 0, see the errata).",
    ALL_PARTS(parts),
};
