/* The objectives, in one file each or with their kin, and what they share. */
#pragma once

#include "sim/loss/comatch.h"
#include "sim/loss/distances.h"
#include "sim/loss/moments.h"
#include "sim/loss/pairs.h"

#include <math.h>

/* All of them, in the order of `duet list objectives`: one line each. */
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

static inline double logistic(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}
