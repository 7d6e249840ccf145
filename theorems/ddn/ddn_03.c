/* DDN-3: contrastive losses push and pull equally */
#include "theorems/claims.h"
#include "theorems/ddn/dual.h"

#include <gsl/gsl_randist.h>
#include <math.h>

enum { MAX_NEGATIVES = 64 };

/* A loss with drawn settings and distances. */
struct case_of_loss {
    const struct objective *objective;
    union {
        struct simple_beta_settings simple_beta;
        struct triplet_settings triplet;
        struct infonce_settings infonce;
    } settings;
    int negatives;
    double r_plus, r_minus[MAX_NEGATIVES];
    double d_plus, d_minus[MAX_NEGATIVES];
};

/* Distances within a few temperatures of each other, where no derivative underflows. */
static void draw_distances(struct case_of_loss *c, gsl_rng *rng, double tau)
{
    c->r_plus = gsl_ran_flat(rng, 0, 10) * tau;
    for (int k = 0; k < c->negatives; k++)
        c->r_minus[k] = gsl_ran_flat(rng, 0, 10) * tau;
    sample_loss(c->objective, &c->settings, c->negatives, &c->r_plus, c->r_minus, &c->d_plus,
                c->d_minus);
}

enum { SIMPLE, TRIPLET, INFONCE_1, INFONCE_4, INFONCE_64, LOSSES };

static void draw_loss(struct case_of_loss *c, gsl_rng *rng, int which)
{
    double tau = pow(10, gsl_ran_flat(rng, -2, 0.5));
    static const int negatives[LOSSES] = {1, 1, 1, 4, 64};
    *c = (struct case_of_loss){.negatives = negatives[which]};
    if (which == SIMPLE) {
        c->objective = &objective_simple;
    } else if (which == TRIPLET) {
        c->objective = &objective_triplet;
        c->settings.triplet = (struct triplet_settings){tau, gsl_ran_flat(rng, -1, 1) * tau};
    } else {
        c->objective = &objective_infonce;
        c->settings.infonce = (struct infonce_settings){.tau = tau, .negatives = c->negatives};
    }
    draw_distances(c, rng, tau);
}

/* |d_+ + sum_k d_k-| over the largest derivative; at least 1 where a sign is wrong. */
static double imbalance(const struct trial *trial, struct case_of_loss *c)
{
    if (trial->fault == FAULT_FACTOR)
        c->d_plus *= 2;
    if (trial->fault == FAULT_SIGN)
        c->d_minus[0] = -c->d_minus[0];
    double sum = c->d_plus, largest = fabs(c->d_plus);
    bool signs = c->d_plus > 0;
    for (int k = 0; k < c->negatives; k++) {
        sum += c->d_minus[k];
        largest = fmax(largest, fabs(c->d_minus[k]));
        signs = signs && c->d_minus[k] < 0;
    }
    double error = fabs(sum) / largest;
    return signs ? error : fmax(1, error);
}

static enum status measure_balance(const struct trial *trial, struct reading *reading)
{
    struct case_of_loss c;
    for (int which = 0; which < LOSSES; which++) {
        draw_loss(&c, trial->rng, which);
        reading->error = fmax(reading->error, imbalance(trial, &c));
    }
    double beta = gsl_ran_flat(trial->rng, 0.1, 1);
    c = (struct case_of_loss){
        .objective = &objective_simple_beta, .settings.simple_beta = {beta}, .negatives = 1};
    draw_distances(&c, trial->rng, 1);
    reading->control[0] = imbalance(trial, &c);
    return STATUS_OK;
}

/* How far the triplet loss is above its limit max(r_+ - r_- + r_0, 0). */
static double hinge_gap(double tau, double margin, double r_plus, double r_minus)
{
    const struct triplet_settings settings = {tau, margin};
    double d_plus, d_minus;
    double loss =
        sample_loss(&objective_triplet, &settings, 1, &r_plus, &r_minus, &d_plus, &d_minus);
    return loss - fmax(r_plus - r_minus + margin, 0);
}

static enum status measure_hinge(const struct trial *trial, struct reading *reading)
{
    gsl_rng *rng = trial->rng;
    double tau = pow(10, gsl_ran_flat(rng, -3, 1)), margin = gsl_ran_flat(rng, -1, 1);
    double r_plus = gsl_ran_flat(rng, 0, 2), x = gsl_ran_gaussian(rng, tau);
    double r_minus = r_plus + margin - x; /* x = r_+ - r_- + r_0: near the kink */
    double gap = hinge_gap(tau, margin, r_plus, r_minus), bound = tau * M_LN2;
    reading->error = fmax(gap - bound, -gap) / bound;
    reading->control[0] = fmax(gap - bound / 2, -gap) / bound; /* half the bound is broken */
    return STATUS_OK;
}

/* The largest gap over distances, against tau: slope 1. */
static enum status measure_rate(const struct trial *trial, struct reading *reading)
{
    enum { SCALES = 8, PLACES = 2001 };
    double tau[SCALES], gap[SCALES], elsewhere[SCALES];
    double margin = gsl_ran_flat(trial->rng, -1, 1), r_plus = gsl_ran_flat(trial->rng, 1, 2);
    for (int i = 0; i < SCALES; i++) {
        tau[i] = pow(2, -i);
        gap[i] = 0;
        for (int n = 0; n < PLACES; n++)
            gap[i] = fmax(gap[i], hinge_gap(tau[i], margin, r_plus,
                                            r_plus + margin + (n - 0.5 * (PLACES - 1)) * 1e-3));
        elsewhere[i] = 1 + gap[i]; /* above a constant that is not the limit */
    }
    reading_slopes(reading, log_log_slope(tau, gap, SCALES), log_log_slope(tau, elsewhere, SCALES));
    return STATUS_OK;
}

static const struct part parts[] = {
    {.statement = "balance: dL/dr_+ > 0, dL/dr_{k-} < 0, dL/dr_+ + sum_k dL/dr_{k-} = 0",
     .measured = "Derivatives of simple, triplet and infonce with H = 1, 4, 64 negatives, as "
                 "training uses them, at drawn distances and temperatures.",
     .controls = {"simple_beta with beta != 0"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 200, .quick = 50},
     .measure = measure_balance},
    {.statement = "hinge: 0 <= triplet - max(r_+ - r_- + r_0, 0) <= tau log 2",
     .measured = "The gap at drawn distances, most of them near the kink.",
     .controls = {"half the bound"},
     .kind = PART_BOUND,
     .plan = {.instances = 1000, .quick = 1000},
     .measure = measure_hinge},
    {.statement = "limit: the triplet loss goes to the hinge as tau does",
     .measured = "Slope of the log of the largest gap over distances against log tau, 8 scales.",
     .controls = {"a limit that is off by one"},
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
    .hypotheses = "The loss depends on differences of distances only: simple, triplet, infonce.",
    ALL_PARTS(parts),
};
