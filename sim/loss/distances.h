/* The forms of losses of distances.
 *
 * Per sample: with r(a, b) = |f(a) - f(b)|^2 / 2, a function of a sample's own
 * r_j+ = r(x_1, x_+j) and r_k- = r(x_1, x_k-), averaged over the batch.  Gradients flow through all
 * views.  With inner products as similarities, [FD], -<f(x_1), f(x')> takes the place of
 * r(x_1, x'), and gradients flow through x_1 alone: the others are targets, held constant.
 *
 * A loss with a target is a function of r_+ alone, between prediction and target; no negatives are
 * drawn.
 *
 * Of the batch: a function of P - N, where P and N are the means over samples and outputs of the
 * squared differences of x_1 to x_+ and to x_1- (the published code, erratum E5). */
#pragma once

#include "sim/loss/objective.h"

struct per_sample {
    /* Value and derivatives: d_plus[j] = d loss / d r_j+, j < K, d_minus[k] = d loss / d r_k-,
     * k < H. */
    double (*loss)(const void *settings, int64_t negatives, const double *r_plus,
                   const double *r_minus, double *d_plus, double *d_minus);
    /* Offsets in the settings, where no such member is the first one: */
    size_t positives, negatives; /* int64_t K and H; 0: each is 1 */
    size_t similarity;           /* int, 1: inner products; 0: never */
    size_t cut;                  /* struct block_cut; 0: one block.  No target */
    enum objective_target target;
    bool cosine;
};

extern const struct form form_per_sample;

/* The function itself, for an objective of this form. */
double sample_loss(const struct objective *objective, const void *settings, int64_t negatives,
                   const double *r_plus, const double *r_minus, double *d_plus, double *d_minus);

struct of_batch {
    /* Of P - N, and its derivative. */
    double (*loss)(const void *settings, double difference, double *slope);
};

extern const struct form form_of_batch;
