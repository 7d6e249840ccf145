/* The flow that a linear network of one layer follows when it learns without negative pairs, from
 * the weights that it begins with, in any of the four descriptions of sim/flow/noncontrastive.h;
 * and what a state of it says of the outputs, in the same terms for all four.
 *
 * FLOW_REDUCED and FLOW_MODES need X = I, X' = sigma2 I, a symmetric W_p and W_a(0) = tau(0) W(0);
 * FLOW_SCALARS needs X and X' with common eigenvectors and an output for each.  FLOW_MODES begins
 * with the eigenvalues s_j of F(0) and p_j = u_j^T W_p u_j, FLOW_SCALARS with w = |W v_j| for the
 * eigenvectors v_j of X + X' and w_p along W v_j: what the matrices would be if they were aligned.
 */
#pragma once

#include "sim/flow/noncontrastive.h"

enum flow_equations { FLOW_MATRIX, FLOW_REDUCED, FLOW_MODES, FLOW_SCALARS };

struct network_flow_plan {
    enum flow_equations equations;
    size_t inputs, outputs;
    const double *x, *x_prime;                    /* X and X', [inputs][inputs]; borrowed */
    enum target_rule target;                      /* RULE_EMA, RULE_ONLINE or RULE_FROZEN */
    bool through_target, no_predictor, symmetric; /* as in struct matrix_flow */
    double alpha_p, beta, eta_p, eta_s;
};

struct network_flow {
    struct network_flow_plan plan;
    union {
        struct matrix_flow matrix;
        struct reduced_flow reduced;
        struct mode_flow modes;
        struct scalar_flow scalars;
    } equations;
    struct dynamics dynamics;
    double *state;               /* [dynamics.flow.size] */
    double sigma2;               /* of isotropic data */
    double *lambda_s, *lambda_d; /* FLOW_SCALARS, [inputs] */
    double *work, *loss_work;
};

/* Open from W [outputs][inputs], W_p [outputs][outputs] and W_a like W.  STATUS_INVALID where the
 * equations do not hold for such data, weights or rules, with the spec key to blame.  `flow` must
 * stay where it is; free with network_flow_close, also after an error. */
enum status network_flow_open(struct network_flow *flow, const struct network_flow_plan *plan,
                              const double *w, const double *w_p, const double *w_a,
                              struct error *err);
void network_flow_close(struct network_flow *flow);

/* C = W (X + X') W^T, F = W X W^T, D = W_a X W^T made symmetric, and W_p, [outputs][outputs] each;
 * of FLOW_MODES and FLOW_SCALARS in the basis of the modes, where they are diagonal. */
void network_flow_moments(const struct network_flow *flow, const double *state, double *c,
                          double *f, double *d, double *w_p);

/* J = E|W_p W x_1 - W_a x_2|^2 / 2 */
double network_flow_loss(const struct network_flow *flow, const double *state);

/* W [outputs][inputs] within a state of FLOW_MATRIX; NULL for the others, which have no W. */
const double *network_flow_weights(const struct network_flow *flow, const double *state);

/* W_a, which is W itself for RULE_ONLINE, within a state of FLOW_MATRIX. */
const double *network_flow_target(const struct network_flow *flow, const double *state);
