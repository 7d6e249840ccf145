/* The linear model of [NCP] by backpropagation, over a distribution of a few points. */
#pragma once

#include "sim/data/population.h"
#include "sim/loss/noncontrastive_batch.h"
#include "theorems/ncp/ncp.h"

enum { NCP_POINTS = 4, NCP_VIEWS = 3 };

/* A distribution of NCP_POINTS data points with NCP_VIEWS views each, all independent normal; the
 * moments that the flow needs; and the linear model on the batch of all pairs (x_1, x_2), each with
 * its probability. */
struct ncp_model {
    struct ncp_matrix flow; /* with the X and X' of the data */
    struct population *data;
    struct network network; /* one linear layer */
    struct predictor predictor;
    struct noncontrastive_batch batch;
    double *weight, *trunk, *trunk_gradient, *head, *head_gradient, *target;
    struct arena arena;
};

/* Free it also after an error. */
enum status ncp_model_draw(struct ncp_model *m, const struct trial *trial, struct ncp_wish wish);
void ncp_model_free(struct ncp_model *m);

/* Lay out the batch for an objective; the data stay. */
enum status ncp_model_lay_out(struct ncp_model *m, const struct objective *objective,
                              struct error *err);

/* d state / dt of W and W_p by the gradients of the batch and weight decay; `state` and `rate` are
 * laid out as the flow's; the rate of W_a is left alone. */
void ncp_model_descend(struct ncp_model *m, const double *state, double *rate);

/* Make `m`, of one input and one output, a model of X = 1 and X' = sigma2. */
enum status ncp_model_set_scalar(struct ncp_model *m, double sigma2, struct error *err);
