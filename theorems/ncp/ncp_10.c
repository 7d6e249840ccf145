/* NCP-10: fixed points and basins of a mode */
#include "core/extreme.h"
#include "theorems/claims.h"
#include "theorems/ncp/ncp.h"

#include <gsl/gsl_randist.h>
#include <math.h>

/* One mode on the parabola s = p^2 / alpha_p at fixed tau: dp/dt = p^2 [tau - k p] - eta p with
 * k = 1 + sigma2, between its fixed points 0, low and high. */
struct mode {
    struct mode_flow flow;
    struct dynamics dynamics;
    double tau, k, eta, low, high;
};

/* tau^2 / (4 k): where both fixed points meet */
static double threshold(double tau, double k)
{
    return tau * tau / (4 * k);
}

static void set_mode(struct mode *m, double alpha_p, double tau, double k, double eta)
{
    double root = sqrt(fmax(0, tau * tau - 4 * eta * k));
    m->tau = tau;
    m->k = k;
    m->eta = eta;
    m->low = 2 * eta / (tau + root); /* (tau - root) / (2 k), without cancellation */
    m->high = (tau + root) / (2 * k);
    m->flow = (struct mode_flow){
        .modes = 1, .sigma2 = k - 1, .alpha_p = alpha_p, .eta_p = eta, .eta_s = eta};
    mode_flow_open(&m->flow, &m->dynamics);
}

/* 1 + sigma2, in some instances without noise */
static double draw_k(const struct trial *trial)
{
    return trial->instance % 5 == 4 ? 1 : gsl_ran_flat(trial->rng, 1.05, 2);
}

/* eta between the fractions `least` and `most` of its threshold */
static void draw_mode(struct mode *m, const struct trial *trial, double least, double most)
{
    gsl_rng *rng = trial->rng;
    double alpha_p = gsl_ran_flat(rng, 0.5, 2), tau = gsl_ran_flat(rng, 0.5, 1);
    double k = draw_k(trial);
    set_mode(m, alpha_p, tau, k, gsl_ran_flat(rng, least, most) * threshold(tau, k));
}

/* On the parabola s = p^2 / alpha_p; `factor` times as far from the axis, it is beside it. */
static void at_factor(const struct mode *m, double factor, double p, double *state)
{
    state[0] = p;
    state[1] = factor * p * p / m->flow.alpha_p;
    state[2] = m->tau;
}

static double rate_at(const struct mode *m, double factor, double p)
{
    double state[3], rate[3];
    at_factor(m, factor, p, state);
    m->dynamics.flow.rate(m->dynamics.flow.context, 0, state, rate);
    return rate[0];
}

/* ---- the cubic ---- */

static double cubic_error(const struct trial *trial, const struct mode *m, double factor)
{
    enum { POINTS = 12 };
    double measured[POINTS], predicted[POINTS];
    for (int i = 0; i < POINTS; i++) {
        double p = gsl_ran_flat(trial->rng, -0.5, 1.5) * m->high;
        measured[i] = rate_at(m, factor, p);
        predicted[i] = -m->k * p * (p - m->low) * (p - m->high);
    }
    plant(trial, measured, POINTS);
    return relative_error(measured, predicted, POINTS);
}

/* Some instances are without weight decay, or at its threshold, where two fixed points meet. */
static enum status measure_factors(const struct trial *trial, struct reading *reading)
{
    const double share =
        trial->instance % 5 < 4 ? gsl_ran_flat(trial->rng, 0.1, 0.9) : trial->instance / 5 % 2;
    struct mode m;
    draw_mode(&m, trial, share, share);
    const double beside = gsl_ran_flat(trial->rng, 1.3, 3);
    reading->error = cubic_error(trial, &m, 1);
    reading->control[0] = cubic_error(trial, &m, trial->restored ? 1 : beside);
    return STATUS_OK;
}

/* ---- basins ---- */

/* Start at p, run for 25 e-foldings of every rate, and compare with where it should end, over the
 * upper fixed point. */
static enum status end_error(const struct trial *trial, const struct mode *m, double p, double end,
                             double expected, double *error)
{
    double state[3];
    at_factor(m, 1, p, state);
    enum status status =
        dynamics_record(&m->dynamics, end, 1 + (int)(end / 50), state, NULL, trial->err);
    plant(trial, state, 1);
    *error = fabs(state[0] - expected) / m->high;
    return status;
}

static enum status measure_basins(const struct trial *trial, struct reading *reading)
{
    static const double aside = 1e-6;
    struct mode m;
    draw_mode(&m, trial, 0.1, 0.9);
    double gap = m.high - m.low, end = 25 / m.eta + 25 / (m.k * m.low * gap);
    end += 25 / (m.k * m.high * gap);
    const double start[] = {m.low * (1 - aside), m.low * (1 + aside)}, expected[] = {0, m.high};
    double right[2] = {NAN, NAN}, wrong[2] = {NAN, NAN};
    enum status status = STATUS_OK;
    for (int above = 0; above < 2 && !status; above++) {
        const int from = trial->restored ? above : 1 - above;
        status = end_error(trial, &m, start[above], end, expected[above], &right[above]);
        if (!status)
            status = end_error(trial, &m, start[from], end, expected[above], &wrong[above]);
    }
    reading->error = larger(right[0], right[1]);
    reading->control[0] = smaller(wrong[0], wrong[1]);
    return status;
}

/* ---- the threshold ---- */

/* From above both fixed points, eta off its threshold by the fraction `share`: p at the end against
 * 0 or the upper fixed point.  Near the threshold the flow passes tau / (2 k) slowly. */
static enum status threshold_error(const struct trial *trial, double share, bool collapses,
                                   double alpha_p, double tau, double k, double *error)
{
    struct mode m;
    double eta = threshold(tau, k) * (1 + share);
    set_mode(&m, alpha_p, tau, k, eta);
    double end = (25 / sqrt(fabs(share)) + 25) / eta;
    return end_error(trial, &m, tau / k, end, collapses ? 0 : m.high, error);
}

static enum status measure_threshold(const struct trial *trial, struct reading *reading)
{
    gsl_rng *rng = trial->rng;
    double alpha_p = gsl_ran_flat(rng, 0.5, 2), tau = gsl_ran_flat(rng, 0.5, 1);
    double k = draw_k(trial), share = pow(10, gsl_ran_flat(rng, -6, -1));
    double right[2] = {NAN, NAN}, wrong[2] = {NAN, NAN};
    enum status status = STATUS_OK;
    for (int collapses = 0; collapses < 2 && !status; collapses++) {
        const double off = collapses ? share : -share;
        status = threshold_error(trial, off, collapses, alpha_p, tau, k, &right[collapses]);
        if (!status)
            status = threshold_error(trial, trial->restored ? off : -off, collapses, alpha_p, tau,
                                     k, &wrong[collapses]);
    }
    reading->error = larger(right[0], right[1]);
    reading->control[0] = smaller(wrong[0], wrong[1]);
    return status;
}

/* ---- how the edge of the basin moves ---- */

/* The fixed point below (or above) the middle of both, by bisection of the rate */
static double bisected(const struct mode *m, bool upper)
{
    double middle = m->tau / (2 * m->k), a = upper ? middle : 0, b = upper ? 2 * middle : middle;
    for (int i = 0; i < 200; i++) {
        double p = (a + b) / 2;
        bool inside = p > 0 && rate_at(m, 1, p) > 0; /* between the fixed points p grows */
        if (inside == upper)
            a = p;
        else
            b = p;
    }
    return (a + b) / 2;
}

/* By how much, relatively, the fixed point falls with eta or rises with tau */
static double disorder(const struct trial *trial, const struct mode *m, const double share[2],
                       bool upper)
{
    struct mode more;
    double point[3] = {bisected(m, upper)}; /* here, at a larger eta, at a larger tau */
    double eta = m->eta + share[0] * (threshold(m->tau, m->k) - m->eta);
    set_mode(&more, m->flow.alpha_p, m->tau, m->k, eta);
    point[1] = bisected(&more, upper);
    set_mode(&more, m->flow.alpha_p, m->tau * (1 + share[1]), m->k, m->eta);
    point[2] = bisected(&more, upper);
    plant(trial, point, 3);
    return larger(point[0] - point[1], point[2] - point[0]) / point[0];
}

static enum status measure_order(const struct trial *trial, struct reading *reading)
{
    struct mode m;
    draw_mode(&m, trial, 0.02, 0.95);
    double share[2] = {gsl_ran_flat(trial->rng, 0.01, 0.95), gsl_ran_flat(trial->rng, 0.01, 1)};
    reading->error = disorder(trial, &m, share, false);
    reading->control[0] = disorder(trial, &m, share, !trial->restored);
    return STATUS_OK;
}

/* ---- without weight decay ---- */

/* max over the record of 1 - s(t) / |c|, c = s(0) - p(0)^2 / alpha_p */
static enum status shortfall(const struct trial *trial, const struct mode *m, double p, double s,
                             double *out)
{
    enum { END = 30 };
    double state[3] = {p, s, m->tau}, record[(NCP_SAMPLES + 1) * 3], now[NCP_SAMPLES];
    double c = fabs(s - p * p / m->flow.alpha_p);
    enum status status = dynamics_record(&m->dynamics, END, NCP_SAMPLES, state, record, trial->err);
    *out = -INFINITY;
    for (int i = 0; i < NCP_SAMPLES && !status; i++)
        now[i] = record[3 * (i + 1) + 1];
    if (!status)
        plant(trial, now, NCP_SAMPLES);
    for (int i = 0; i < NCP_SAMPLES && !status; i++)
        *out = larger(*out, 1 - now[i] / c);
    return status;
}

static enum status measure_survival(const struct trial *trial, struct reading *reading)
{
    gsl_rng *rng = trial->rng;
    struct mode m;
    double alpha_p = gsl_ran_flat(rng, 0.5, 2), tau = gsl_ran_flat(rng, 0.3, 1);
    set_mode(&m, alpha_p, tau, draw_k(trial), 0);
    double p = gsl_ran_flat(rng, -1.2, 1.2), c = gsl_ran_flat(rng, 0.05, 1);
    enum status status = shortfall(trial, &m, p, p * p / alpha_p + c, &reading->error);
    p = gsl_ran_flat(rng, -1.2, -0.3);
    c = gsl_ran_flat(rng, 0.1, 0.9) * p * p / alpha_p;
    double s = p * p / alpha_p + (trial->restored ? c : -c);
    return status ? status : shortfall(trial, &m, p, s, &reading->control[0]);
}

static const struct part parts[] = {
    {.statement = "fixed points: dp/dt = -(1 + sigma2) p (p - p_-)(p - p_+), "
                  "p_+- = [tau +- sqrt(tau^2 - 4 eta (1 + sigma2))] / (2 (1 + sigma2))",
     .measured =
         "Left: the rate of the mode on the parabola at 12 drawn p. Right: the product. Some "
         "instances have sigma2 = 0, and eta = 0 or both fixed points in one.",
     .controls = {"beside the parabola, s larger by 1.3 to 3"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5},
     .measure = measure_factors},
    {.statement = "basins: from p_- (1 - 1e-6) the mode collapses to 0, from p_- (1 + 1e-6) it "
                  "goes to p_+",
     .measured = "The flow of p and s from the parabola, tau fixed, for 25 e-foldings at each "
                 "fixed point: distance from where it should end, over p_+; the larger of both.",
     .controls = {"started on the other side"},
     .kind = PART_FLOW,
     .plan = {.instances = 40, .quick = 5, .cost = 0.002},
     .measure = measure_basins},
    {.statement = "threshold: at eta = tau^2 (1 + e) / (4 (1 + sigma2)) everything collapses, at "
                  "(1 - e) it does not",
     .measured = "The flow from p = tau / (1 + sigma2), above every fixed point, with e between "
                 "1e-6 and 0.1: distance from 0 and from p_+ at the end, over p_+.",
     .controls = {"eta on the other side of the threshold"},
     .kind = PART_FLOW,
     .plan = {.instances = 40, .quick = 5, .cost = 0.005},
     .measure = measure_threshold},
    {.statement = "order: p_- increases in eta and decreases in tau",
     .measured = "p_- by bisection of the rate, at (eta, tau), at a larger eta and at a larger "
                 "tau: by how much it goes the wrong way, relatively.",
     .controls = {"p_+ in place of p_-"},
     .kind = PART_BOUND,
     .plan = {.instances = 1000, .quick = 60},
     .measure = measure_order},
    {.statement = "no decay: with eta = 0 and s(0) > p(0)^2 / alpha_p, s(t) >= s(0) - "
                  "p(0)^2 / alpha_p > 0: no collapse",
     .measured = "The flow of p and s to t = 30, p(0) of either sign, tau fixed: by how much s "
                 "falls short of the bound, relative to it.",
     .controls = {"s(0) < p(0)^2 / alpha_p with p(0) < 0, against the same distance"},
     .kind = PART_BOUND,
     .plan = {.instances = 1000, .quick = 60, .cost = 0.0003},
     .measure = measure_survival},
};

const struct claim claim_ncp_10 = {
    .about = {.name = "NCP-10",
              .doc = "With weight decay a mode has two stable fixed points, 0 and p_+, and "
                     "collapses from below p_-; with too much weight decay it always collapses.",
              .source = "[NCP]",
              NCP_SETTINGS},
    .title = "Fixed points and basins",
    .formula = "dp/dt = p^2 [tau - (1 + sigma2) p] - eta p; "
               "p_+- = [tau +- sqrt(tau^2 - 4 eta (1 + sigma2))] / (2 (1 + sigma2))",
    .hypotheses = "Aligned eigenspaces; on the parabola; tau fixed.",
    ALL_PARTS(parts),
};
