/* The form of losses per sample: with r(a, b) = |f(a) - f(b)|^2 / 2, a function of a sample's own
 * r_j+ = r(x_1, x_+j) and r_k- = r(x_1, x_k-), averaged over the batch.  Gradients flow through all
 * views.  With inner products as similarities, [FD], -<f(x_1), f(x')> takes the place of
 * r(x_1, x'), and gradients flow through x_1 alone: the others are targets, held constant.
 *
 * A loss with a target is a function of r_+ alone, between prediction and target; no negatives are
 * drawn. */
#ifndef DUET_SIM_PER_SAMPLE_H
#define DUET_SIM_PER_SAMPLE_H

#include "sim/loss/objective.h"

struct per_sample {
    /* Value and derivatives: d_plus[j] = d loss / d r_j+, j < K, d_minus[k] = d loss / d r_k-,
     * k < H. */
    double (*loss)(const void *settings, int64_t negatives, const double *r_plus,
                   const double *r_minus, double *d_plus, double *d_minus);
    int64_t (*positives)(const void *settings);    /* K; NULL: 1 */
    int64_t (*negatives)(const void *settings);    /* H; NULL: 1 */
    bool (*inner)(const void *settings);           /* inner products; NULL: no */
    struct block_cut (*cut)(const void *settings); /* NULL: one block.  No target */
    enum objective_target target;
    bool cosine;
};

extern const struct form form_per_sample;

/* The function itself, for an objective of this form. */
double sample_loss(const struct objective *objective, const void *settings, int64_t negatives,
                   const double *r_plus, const double *r_minus, double *d_plus, double *d_minus);

/* Shared by losses of distances.  Samples are taken eight at a time, so that the inner loops are
 * whole vectors; rows are padded. */
enum { EIGHT = 8 };

/* |f_0 - f_view|^2 of samples s, ..., s + 7. */
void squared_distances(const struct outputs *outputs, int view, size_t s, double out[EIGHT]);

/* Add to df what one pair contributes: c[i] = d loss / d r(f_0, f_view); view 1 is the first to
 * write. */
void pull_together(const struct outputs *outputs, int view, size_t s, const double c[EIGHT]);

#endif
