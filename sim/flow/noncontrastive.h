/* Learning without negative pairs as differential equations: [NCP], linear BYOL and SimSiam.
 *
 * J = E|W_p W x_1 - StopGrad(W_a x_2)|^2 / 2, x_1 and x_2 views of one x, X = E[mean view mean
 * view^T], X' = E_x V[view], F = W X W^T.  Three flows, from the full one to scalars:
 *
 *   matrix_flow   W, W_p, W_a for any X, X'
 *   reduced_flow  W_p, F, tau under the three assumptions (X = I, X' = sigma2 I; W_a = tau W;
 *                 W_p symmetric)
 *   mode_flow     p, s, tau of every mode, once W_p and F share eigenvectors
 *   scalar_flow   w_p, w, w_a of every mode where X and X' share eigenvectors
 *
 * Each is opened into a `struct dynamics`: what flow_run integrates, with the quantities that the
 * exact flow keeps. */
#pragma once

#include "core/error.h"
#include "core/linalg.h"
#include "sim/flow/flow.h"

#include <stdbool.h>
#include <stddef.h>

struct dynamics {
    struct flow flow; /* state: one flat array of flow.size */
    /* Constant along the flow where eta_p = eta_s; 0: none. */
    size_t invariants;
    void (*invariant)(const void *context, double t, const double *state, double *value);
};

/* Run from t = 0 to `end` as flow_run does, the absolute tolerance for a state of the size of its
 * largest entry, at most 1. */
enum status dynamics_run(const struct dynamics *dynamics, double end, double tolerance, int samples,
                         bool (*watch)(void *context, double t, const double *state), void *context,
                         double *state, struct flow_result *result, struct error *err);

/* Run from t = 0 to `end` at relative tolerance 1e-12 and record the states at `samples` + 1 equal
 * times in `record`, [samples + 1][flow.size]; NULL: not.  `state` is overwritten.  The first step
 * tried is end / samples / 100, so that long flows want many samples. */
enum status dynamics_record(const struct dynamics *dynamics, double end, int samples, double *state,
                            double *record, struct error *err);

/* ---- W [outputs][inputs], W_p [outputs][outputs], W_a as W ---- */

enum target_rule {
    RULE_EMA,    /* dW_a/dt = beta (W - W_a) */
    RULE_ONLINE, /* W_a = W */
    RULE_FROZEN, /* W_a stays */
    RULE_SCALED, /* W_a = tau W */
    RULE_GIVEN,  /* W_a(t) from `given` */
    RULE_NONE,   /* W_a = 0 */
};

struct matrix_flow {
    size_t inputs, outputs;
    const double *x, *x_prime; /* X and X', [inputs][inputs], symmetric */
    double alpha_p, beta, eta_p, eta_s, tau;
    enum target_rule target;
    bool through_target; /* no stop-gradient: for RULE_ONLINE and RULE_SCALED */
    bool no_predictor;   /* W_p = I, whatever the state says */
    bool hold_trunk;     /* W stays */
    bool symmetric;      /* W_p moves by the symmetric part of its descent */
    void (*given)(const void *context, double t, double *w_a);
    const void *given_context;
    double *work;
};

/* Invariants: e^{2 eta t} (W W^T - W_p^T W_p / alpha_p).  `f` must outlive `dynamics`. */
enum status matrix_flow_open(struct matrix_flow *f, struct dynamics *dynamics, struct error *err);
void matrix_flow_close(struct matrix_flow *f);

static inline size_t matrix_flow_predictor(const struct matrix_flow *f)
{
    return f->outputs * f->inputs;
}

static inline size_t matrix_flow_target(const struct matrix_flow *f)
{
    return f->outputs * (f->inputs + f->outputs);
}

static inline size_t matrix_flow_size(const struct matrix_flow *f)
{
    return f->outputs * (2 * f->inputs + f->outputs);
}

/* ---- W_p [n][n], F [n][n], tau ---- */

struct reduced_flow {
    size_t n;
    double sigma2, alpha_p, beta, eta; /* X' = sigma2 I */
    bool tau_moves; /* W_a = tau W as nearly as EMA allows: tau |W|^2 = <W_a, W> */
    double *work;
};

/* No invariants: F - W_p^2 / alpha_p is kept only where W_p and F commute. */
enum status reduced_flow_open(struct reduced_flow *f, struct dynamics *dynamics, struct error *err);
void reduced_flow_close(struct reduced_flow *f);

/* K of [NCP], by whose least eigenvalue the commutator decays:
 * (1 + sigma2)(alpha_p F / 2 + W_p^2) - tau W_p + (3/2) eta I */
void reduced_flow_k(const struct reduced_flow *f, const double *state, double *k);

/* ---- p, s, tau of every mode: state[mode][3] ---- */

struct mode_flow {
    size_t modes;
    double sigma2, alpha_p, beta, eta_p, eta_s;
    bool tau_moves; /* each mode has its own */
    bool one_tau;   /* ... but all the rate of their mean, weighted by s, as in reduced_flow */
};

/* Invariants: e^{2 eta t} (s - p^2 / alpha_p) of every mode. */
void mode_flow_open(struct mode_flow *f, struct dynamics *dynamics);

/* ---- w_p, w, w_a of every mode: state[mode][3] ---- */

struct scalar_flow {
    size_t modes;
    const double *lambda_s, *lambda_d; /* eigenvalues of X + X' and X */
    double alpha_p, beta, eta_p, eta_s;
};

/* Invariants: e^{2 eta t} (w^2 - w_p^2 / alpha_p) of every mode. */
void scalar_flow_open(struct scalar_flow *f, struct dynamics *dynamics);
