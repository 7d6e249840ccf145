/* Instances of the claims on supervised objectives ([SC]): drawn batches of outputs with labels,
 * without a network.
 *
 * Row i of a batch is the output of view i / samples of sample i % samples; P(i) are all other rows
 * with its label. */
#pragma once

#include "core/arena.h"
#include "sim/loss/objective.h"
#include "theorems/claim.h"

/* Largest sizes of the instances: the settings of every such claim. */
struct sc_settings {
    int64_t samples, width, classes;
};

extern const struct param sc_params[];

#define SC_SETTINGS .params = sc_params, .settings_size = sizeof(struct sc_settings)

/* Edges of what a claim covers, at which some instances are drawn. */
enum sc_edge {
    SC_PLAIN,
    SC_ONE_CLASS, /* all samples are positives of one another */
    SC_PARTNERS,  /* every sample has a class of its own: |P(i)| = 1 */
    SC_EQUAL,     /* all outputs have one direction */
    SC_EDGES
};

struct sc_batch {
    struct outputs outputs; /* two views, all in the arena */
    enum sc_edge edge;      /* controls are not measured at one: it may leave nothing to remove */
    double tau;
    double *f, *df;
    uint8_t *label;
    struct loss loss; /* of all pairs */
    struct arena arena;
};

/* Zeroed; free it with sc_free, also after an error. */
enum status sc_create(struct sc_batch *batch, size_t samples, int width, struct error *err);
void sc_free(struct sc_batch *batch);

/* Draw one: sizes, temperature, labels whose classes differ in size, and outputs that lie more or
 * less around a centre for each class, of lengths from 0.3 to 3.  Every fifth is at an edge. */
enum status sc_draw(struct sc_batch *batch, const struct trial *trial);

/* Draw only its labels, as numbers below classes + 2: two classes are always present, up to
 * `classes` others may be. */
void sc_draw_labels(struct sc_batch *batch, gsl_rng *rng, int classes);

/* Mean loss of an objective of all pairs at the batch's temperature; its gradient goes into df. */
double sc_loss(struct sc_batch *batch, const struct objective *objective);

/* Largest difference of two gradients over the largest entry of the second; where all outputs have
 * one direction both are 0 except for roundings, and it is taken as it is. */
double sc_gradient_error(const struct sc_batch *batch, const double *measured,
                         const double *predicted, size_t size);

static inline size_t sc_rows(const struct sc_batch *b)
{
    return 2 * b->outputs.samples;
}

/* Where entry k of row i is in f and df. */
static inline size_t sc_index(const struct sc_batch *b, size_t i, int k)
{
    return output_index(&b->outputs, (int)(i / b->outputs.samples), k, i % b->outputs.samples);
}

/* Whether k is in P(i), and |P(i)|. */
bool sc_positive(const struct sc_batch *batch, size_t i, size_t k);
double sc_positives(const struct sc_batch *batch, size_t i);

/* z_i . z_k / tau for all rows k, -inf for i itself: [rows] */
void sc_cosines(const struct sc_batch *batch, size_t i, double *cosine);
