/* Instances of the claims on dual deep networks ([DDN]): a drawn network, a drawn finite
 * distribution, and the connection K of every view. */
#pragma once

#include "analysis/sample_connection.h"
#include "sim/loss/ensemble.h"
#include "theorems/claim.h"
#include "theorems/ddn/losses.h"

/* Sizes of the instances: the settings of every such claim. */
struct dual_settings {
    int64_t points, views, depth, width;
};

extern const struct param dual_params[];

/* The fields that these claims share in their `about`. */
#define DUAL_SETTINGS .params = dual_params, .settings_size = sizeof(struct dual_settings)

enum { DUAL_INPUTS = 64 }; /* of a drawn network, at most */

/* Choices that a claim makes; the rest is drawn. */
enum choice { ANY, YES, NO };
struct dual_wish {
    enum choice relu, tree;
    bool bias, normalize;
    int least_depth;   /* layers, at least; 0: 1 */
    int most_depth;    /* layers, at most; 0: as the settings say */
    int points, views; /* 0: as the settings say */
    int outputs;       /* 0: drawn */
    double spread;     /* of the views about their point, in units of the data's; 0: drawn */
    /* Biases change the gradients, as they do not where all gates are alike, and no edge case is
     * drawn: for controls that add biases to a ReLU network. */
    bool telling;
};

struct dual {
    struct network network;
    double *parameters; /* [network.parameters] */
    struct population *data;
    struct sample_connection *view; /* view v of point x is sample x * views + v */
    double *mean_k; /* [points][parameter][output], K averaged over the views of a point */
    double *mean_f; /* [points][output] */
};

/* Draw one.  A network whose output (with `normalize`: its direction) hardly varies over the data,
 * because most ReLUs are shut, is drawn again: relative errors mean nothing there.
 *
 * Every fifth instance lies at an edge (dual_at_edge): hidden levels of one neuron per node (two
 * with `normalize`), data and views on one line, and one data point twenty times as likely as the
 * others. */
enum status dual_draw(struct dual *dual, const struct trial *trial, struct dual_wish wish);

static inline bool dual_at_edge(const struct trial *trial)
{
    return trial->instance % 5 == 4;
}

/* Assemble one from a network, its parameters (from malloc) and data.  The dual owns the last two
 * from then on, also after an error. */
enum status dual_create(struct dual *dual, const struct network *network, double *parameters,
                        struct population *data, struct error *err);

/* Compute the connections and their means again, after parameters or data have changed. */
enum status dual_refresh(struct dual *dual, bool own_gate, struct error *err);
void dual_free(struct dual *dual);

/* Normal weights (and biases) for a network; the caller frees them. */
enum status dual_draw_parameters(gsl_rng *rng, const struct network *network, double **parameters,
                                 struct error *err);

/* K of a view, and K averaged over the views of a point: [parameter][output]. */
static inline const double *view_k(const struct dual *d, int column)
{
    return d->view->k + (size_t)column * d->network.parameters * (size_t)d->view->outputs;
}

static inline const double *point_k(const struct dual *d, int x)
{
    return d->mean_k + (size_t)x * d->network.parameters * (size_t)d->view->outputs;
}

/* out += weight (A - B)(A - B)^T vec(W), layer by layer; A, B: [parameter][output], B may be NULL.
 * out: [parameter]. */
void dual_add(const struct dual *dual, double weight, const double *a, const double *b,
              double *out);

/* out = 2 (V_x[mean K] - beta E_x V_{x'|x}[K]) vec(W), the right-hand side of DDN-4. */
void dual_operator(const struct dual *dual, double beta, double *out);

/* out = E_{x,x'}[xi (mean K(x) - mean K(x'))(...)^T] vec(W); xi: [points][points] */
void dual_weighted_operator(const struct dual *dual, const double *xi, double *out);

/* <a_l, b_l> of the weights of layer l; a, b: [parameter] */
double layer_product(const struct dual *dual, int l, const double *a, const double *b);

/* |a - b|^2 / 2 */
double half_square(const double *a, const double *b, int count);

/* max over layers of the relative error of `measured`, gradients of W: [parameter] */
double dual_error(const struct dual *dual, const double *measured, const double *predicted);

/* measured = - d E[loss] / d W of the drawn data, with a planted fault where the trial has one. */
enum status dual_descent(const struct dual *dual, const struct trial *trial,
                         const struct objective *objective, const void *settings,
                         struct ensemble_options options, double *measured);
