/* The objectives, one file each, and what they share. */
#ifndef DUET_SIM_OBJECTIVES_OBJECTIVES_H
#define DUET_SIM_OBJECTIVES_OBJECTIVES_H

#include "sim/loss/comatch.h"
#include "sim/loss/moments.h"
#include "sim/loss/of_batch.h"
#include "sim/loss/pairs.h"
#include "sim/loss/per_sample.h"

#include <math.h>

/* All of them, in the order of `duet list objectives`: one line per file. */
/* clang-format off */
#define OBJECTIVES(X) \
    X(simple) \
    X(simple_beta) \
    X(triplet) \
    X(infonce) \
    X(exact_cov) \
    X(ntxent) \
    X(reference_nce) \
    X(reference_subtract) \
    X(byol) \
    X(simsiam) \
    X(no_stopgrad) \
    X(byol_cosine) \
    X(supcon_out) \
    X(supcon_in) \
    X(suncet) \
    X(cacr) \
    X(loco) \
    X(comatch) \
    X(barlow_twins) \
    X(vicreg)
/* clang-format on */

#define DECLARE(name) extern const struct objective objective_##name;
OBJECTIVES(DECLARE)
#undef DECLARE

/* r_+ as the loss, which objectives with a target share. */
static inline double half_square_loss(const void *settings, int64_t negatives, const double *r_plus,
                                      const double *r_minus, double *d_plus, double *d_minus)
{
    (void)settings, (void)negatives, (void)r_minus, (void)d_minus;
    *d_plus = 1;
    return r_plus[0];
}

/* Settings of the objectives that have a temperature only. */
struct temperature_settings {
    double tau;
};

static inline double temperature_setting(const void *settings)
{
    return ((const struct temperature_settings *)settings)->tau;
}

struct simple_beta_settings {
    double beta;
};

struct triplet_settings {
    double tau, margin;
};

struct infonce_settings {
    double tau;
    int64_t negatives;
    int similarity; /* 0 distance, 1 inner product with a target held constant */
};

int64_t infonce_negatives(const void *settings);
double infonce_loss(const void *settings, int64_t negatives, const double *r_plus,
                    const double *r_minus, double *d_plus, double *d_minus);

/* `similarity` stays 0. */
struct loco_settings {
    struct infonce_settings infonce; /* of every block; the first member */
    struct block_cut cut;
};

struct cacr_settings {
    double t_plus, t_minus;
    int64_t positives, negatives;
};

/* weight[k] ~ exp(t c_k), c = 2 r the squared distance, with sum 1: cacr's of attraction with
 * t = t_plus, of repulsion with t = -t_minus. */
void cacr_weights(int64_t count, const double *r, double t, double *weight);

/* Parameter table line of `tau` at the start of the settings. */
#define TAU_PARAM(default_value, meaning)                                                          \
    {                                                                                              \
        .name = "tau", .type = PARAM_REAL, .fallback = default_value, .low = POSITIVE,             \
        .high = UNBOUNDED, .doc = meaning, .offset = 0                                             \
    }

/* Parameter table of the objectives with a target network. */
#define TARGET_PARAMS                                                                              \
    NUMBER_PARAM(                                                                                  \
        "ema", PARAM_REAL, struct target_settings, ema, "0.996", 0, 1,                             \
        "gamma_a: share of the target's weights that a step leaves; 0: they are the online "       \
        "network's, 1: they stay as they began"),                                                  \
        CHOICE_PARAM("start", struct target_settings, start, "online", "online random zero",       \
                     "the target's first weights: those of the online network, others, or 0")

static inline double logistic(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

#endif
