/* DDN-3: contrastive losses push and pull equally */
#include "core/extreme.h"
#include "theorems/claims.h"
#include "theorems/ddn/dual.h"

#include <gsl/gsl_randist.h>
#include <math.h>

enum { MAX_NEGATIVES = 64 };

/* ---- derivatives ---- */

/* Distances of a sample, and the loss's derivatives there. */
struct distances {
    int negatives;
    double r_plus, r_minus[MAX_NEGATIVES];
    double d_plus, d_minus[MAX_NEGATIVES];
};

/* Distances within a few temperatures of each other, where no derivative underflows; in every fifth
 * instance all views coincide. */
static struct distances draw_distances(const struct trial *trial, int negatives, double tau)
{
    struct distances d = {.negatives = negatives, .r_plus = gsl_ran_flat(trial->rng, 0, 10) * tau};
    for (int k = 0; k < negatives; k++)
        d.r_minus[k] = gsl_ran_flat(trial->rng, 0, 10) * tau;
    if (trial->instance % 5 == 4)
        d = (struct distances){.negatives = negatives};
    return d;
}

/* The derivatives of what training uses; faults go into those by the negatives. */
static void differentiate(const struct trial *trial, const struct objective *objective,
                          const void *settings, struct distances *d)
{
    sample_loss(objective, settings, d->negatives, &d->r_plus, d->r_minus, &d->d_plus, d->d_minus);
    plant(trial, d->d_minus, (size_t)d->negatives);
}

enum { CASES = 6 };

static struct chosen_loss draw_loss(gsl_rng *rng, int which)
{
    static const enum loss_kind kind[CASES] = {LOSS_SIMPLE,  LOSS_TRIPLET, LOSS_EXACT_COV,
                                               LOSS_INFONCE, LOSS_INFONCE, LOSS_INFONCE};
    static const int negatives[CASES] = {1, 1, 1, 1, 4, MAX_NEGATIVES};
    double tau = pow(10, gsl_ran_flat(rng, -2, 0.5)), margin = gsl_ran_flat(rng, -1, 1) * tau;
    return loss_of(kind[which], tau, margin, negatives[which]);
}

/* |d_+ + sum_k d_k-| over the largest derivative; at least 1 where a sign is wrong. */
static double imbalance(const struct distances *d)
{
    double sum = d->d_plus, largest = fabs(d->d_plus);
    bool signs = d->d_plus > 0;
    for (int k = 0; k < d->negatives; k++) {
        sum += d->d_minus[k];
        largest = larger(largest, fabs(d->d_minus[k]));
        signs = signs && !(d->d_minus[k] >= 0);
    }
    double error = fabs(sum) / largest;
    return signs ? error : larger(1, error);
}

/* Derivatives against d_+ = sum_k xi_k, d_k- = -xi_k. */
static double misweight(const struct distances *d, const struct chosen_loss *loss)
{
    double measured[1 + MAX_NEGATIVES] = {d->d_plus}, predicted[1 + MAX_NEGATIVES] = {0};
    double xi[MAX_NEGATIVES];
    loss_weights(loss, d->r_plus, d->r_minus, xi);
    for (int k = 0; k < d->negatives; k++) {
        measured[1 + k] = d->d_minus[k];
        predicted[1 + k] = -xi[k];
        predicted[0] += xi[k];
    }
    return relative_error(measured, predicted, 1 + (size_t)d->negatives);
}

static enum status measure_derivatives(const struct trial *trial, struct reading *reading)
{
    const bool *by_formula = trial->argument;
    for (int which = 0; which < CASES; which++) {
        struct chosen_loss loss = draw_loss(trial->rng, which);
        struct distances d = draw_distances(trial, loss.negatives, loss.tau);
        differentiate(trial, loss.objective, &loss.settings, &d);
        double error = *by_formula ? misweight(&d, &loss) : imbalance(&d);
        reading->error = larger(reading->error, error);
    }
    const double beta = gsl_ran_flat(trial->rng, 0.1, 1);
    const struct simple_beta_settings settings = {trial->restored ? 0 : beta};
    const struct chosen_loss simple = loss_of(LOSS_SIMPLE, 1, 0, 1);
    struct distances d = draw_distances(trial, 1, 1);
    differentiate(trial, &objective_simple_beta, &settings, &d);
    reading->control[0] = *by_formula ? misweight(&d, &simple) : imbalance(&d);
    return STATUS_OK;
}

/* ---- the hinge ---- */

/* How far the loss, in units of `scale`, is above max(r_+ - r_- + r_0, 0); all negatives at r_-. */
static double hinge_gap(const struct trial *trial, const struct chosen_loss *loss, double scale,
                        double r_plus, double r_minus)
{
    double d_plus, r[MAX_NEGATIVES], d_minus[MAX_NEGATIVES];
    for (int k = 0; k < loss->negatives; k++)
        r[k] = r_minus;
    double value = scale * sample_loss(loss->objective, &loss->settings, loss->negatives, &r_plus,
                                       r, &d_plus, d_minus);
    plant(trial, &value, 1);
    return value - fmax(r_plus - r_minus + loss->margin, 0);
}

/* Relative violation of 0 <= gap <= tau log 2, where the gap is tau times the gap of the loss, near
 * the kink: x = r_+ - r_- + r_0. */
static double hinge_violation(const struct trial *trial, const struct chosen_loss *loss, double x)
{
    double r_plus = gsl_ran_flat(trial->rng, 0, 2), bound = loss->tau * M_LN2;
    double scale = loss->kind == LOSS_INFONCE ? loss->tau : 1;
    double gap = hinge_gap(trial, loss, scale, r_plus, r_plus + loss->margin - x);
    return larger(gap - bound, -gap) / bound;
}

static enum status measure_hinge(const struct trial *trial, struct reading *reading)
{
    gsl_rng *rng = trial->rng;
    double tau = pow(10, gsl_ran_flat(rng, -3, 1)), margin = gsl_ran_flat(rng, -1, 1);
    double x = trial->instance % 5 == 4 ? 0 : gsl_ran_gaussian(rng, tau);
    struct chosen_loss triplet = loss_of(LOSS_TRIPLET, tau, margin, 1);
    struct chosen_loss one = loss_of(LOSS_INFONCE, tau, 0, 1);
    struct chosen_loss many = loss_of(LOSS_INFONCE, tau, 0, trial->restored ? 1 : 16);
    reading->error = hinge_violation(trial, trial->instance % 2 ? &one : &triplet, x);
    reading->control[0] = hinge_violation(trial, &many, x);
    return STATUS_OK;
}

/* The largest gap over distances, against tau. */
static struct slope gap_slope(const struct trial *trial, enum loss_kind kind, bool scaled)
{
    enum { SCALES = 8, PLACES = 2001 };
    double tau[SCALES], gap[SCALES], margin = gsl_ran_flat(trial->rng, -1, 1),
                                     r_plus = gsl_ran_flat(trial->rng, 1, 2);
    for (int i = 0; i < SCALES; i++) {
        tau[i] = pow(2, -i);
        gap[i] = 0;
        const struct chosen_loss loss = loss_of(kind, tau[i], kind == LOSS_TRIPLET ? margin : 0, 1);
        for (int n = 0; n < PLACES; n++)
            gap[i] =
                larger(gap[i], hinge_gap(trial, &loss, scaled ? tau[i] : 1, r_plus,
                                         r_plus + loss.margin + (n - 0.5 * (PLACES - 1)) * 1e-3));
    }
    return log_log_slope(tau, gap, SCALES);
}

static enum status measure_rate(const struct trial *trial, struct reading *reading)
{
    struct slope slope = trial->instance % 2 ? gap_slope(trial, LOSS_INFONCE, true)
                                             : gap_slope(trial, LOSS_TRIPLET, false);
    reading_slopes(reading, slope, gap_slope(trial, LOSS_INFONCE, trial->restored));
    return STATUS_OK;
}

static const struct part parts[] = {
    {.statement = "balance: dL/dr_+ > 0, dL/dr_{k-} < 0, dL/dr_+ + sum_k dL/dr_{k-} = 0",
     .measured = "Derivatives of simple, triplet, exact_cov and infonce with H = 1, 4, 64 "
                 "negatives, as training uses them, at drawn distances and temperatures.",
     .controls = {"simple_beta with beta != 0"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 200, .quick = 50},
     .measure = measure_derivatives,
     .argument = &(const bool){false}},
    {.statement = "weights: dL/dr_{k-} = -xi_k, dL/dr_+ = sum_k xi_k; xi_k = e^{-r_k/tau} / (tau "
                  "sum_j e^{-r_j/tau}) for infonce, 1 / (1 + e^{(r_- - r_+ - r_0)/tau}) for "
                  "triplet, e^{-r_-/tau} / (tau (1 + e^{-r_-/tau})) for exact_cov, 1 for simple",
     .measured = "The same derivatives against these formulas.",
     .controls = {"simple_beta with beta != 0"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 200, .quick = 50},
     .measure = measure_derivatives,
     .argument = &(const bool){true}},
    {.statement = "hinge: 0 <= L - max(r_+ - r_- + r_0, 0) <= tau log 2, L triplet or, with r_0 = "
                  "0, tau times infonce with H = 1",
     .measured = "The gap at drawn distances, most of them near the kink, triplet and infonce in "
                 "turn.",
     .controls = {"sixteen negatives"},
     .kind = PART_BOUND,
     .plan = {.instances = 1000, .quick = 1000},
     .measure = measure_hinge},
    {.statement = "limit: these losses go to the hinge as tau does to 0",
     .measured = "Slope of the log of the largest gap over distances against log tau, 8 scales, "
                 "triplet and infonce in turn.",
     .controls = {"infonce, not multiplied by its temperature"},
     .kind = PART_RATE,
     .tolerance = 0.01,
     .least = 1,
     .plan = {.instances = 10, .quick = 5},
     .measure = measure_rate},
};

const struct claim claim_ddn_3 = {
    .about = {.name = "DDN-3",
              .doc = "Contrastive losses pull the positive and push the negatives, with forces "
                     "that add up to zero. The triplet loss becomes the hinge as its temperature "
                     "vanishes.",
              .source = "[DDN] Thm. 2",
              DUAL_SETTINGS},
    .title = "Contrastive losses push and pull equally",
    .formula = "dL/dr_+ > 0, dL/dr_{k-} < 0, dL/dr_+ + sum_k dL/dr_{k-} = 0",
    .hypotheses = "The loss depends on differences of distances only: simple, triplet, infonce; or "
                  "its weights are held constant: exact_cov.",
    ALL_PARTS(parts),
};
