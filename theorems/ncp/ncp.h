/* Instances of the claims on learning without negative pairs ([NCP]): drawn weights, data moments
 * and rates of the linear model, and trajectories of their flows. */
#pragma once

#include "sim/flow/noncontrastive.h"
#include "theorems/claim.h"
#include "theorems/draw.h"

/* Sizes of the instances: the settings of every such claim. */
struct ncp_settings {
    int64_t size;
};

extern const struct param ncp_params[];

/* The fields that these claims share in their `about`. */
#define NCP_SETTINGS .params = ncp_params, .settings_size = sizeof(struct ncp_settings)

enum { NCP_SAMPLES = 16 }; /* times at which a trajectory is recorded */

/* ---- drawing ---- */

/* A size from 2 to settings->size */
size_t ncp_draw_size(const struct trial *trial);

/* Uniform on [low, high], `count` of them, neighbours in order at least `gap` apart */
void ncp_spread(gsl_rng *rng, double low, double high, double gap, size_t count, double *out);

/* A random orthogonal n x n matrix */
void ncp_orthogonal(gsl_rng *rng, size_t n, double *u);

/* Another one, no row of it near a row of `u`: for controls that leave the eigenvectors `u`. n is
 * at least 2; work: n^2 */
enum status ncp_other_basis(const struct trial *trial, size_t n, const double *u, double *work,
                            double *other);

/* out = sum_j value[j] u_j u_j^T, u_j the rows of u */
void ncp_compose(size_t n, const double *u, const double *value, double *out);

/* out = a^T diag(value) b, all n x n; work: n^2 */
void ncp_outer(size_t n, const double *a, const double *value, const double *b, double *work,
               double *out);

/* A symmetric matrix with `rank` eigenvalues in [low, high], the others 0 */
enum status ncp_symmetric(gsl_rng *rng, size_t n, size_t rank, double low, double high, double *out,
                          struct error *err);

/* ---- matrices ---- */

/* calloc with an error message */
double *ncp_array(size_t count, struct error *err);

void ncp_identity(size_t n, double factor, double *out);
double ncp_largest(const double *a, size_t count); /* max |a_i| */

/* Eigenvalues, largest first, of the symmetric part of `a` */
enum status ncp_eigenvalues(size_t n, const double *a, double *value, struct error *err);
enum status ncp_least_eigenvalue(size_t n, const double *a, double *least, struct error *err);

/* b = a^{-1} for a symmetric positive definite `a` */
enum status ncp_inverse(size_t n, const double *a, double *b, struct error *err);

/* ---- the matrix flow ---- */

/* Edges of what a claim covers, at which some instances are drawn. */
enum ncp_edge {
    EDGE_NONE,
    EDGE_ONE_OUTPUT,
    EDGE_ONE_INPUT,
    EDGE_NO_NOISE, /* X' = 0 */
    EDGE_FLAT,     /* X has not full rank; where it is I: one input and one output */
    EDGES
};

struct ncp_wish {
    bool isotropic; /* X = I, X' = sigma2 I */
    bool square;    /* as many outputs as inputs */
    bool narrow;    /* no more outputs than inputs */
    bool edges;     /* every fifth instance is at an edge */
    size_t size;    /* inputs and outputs; 0: drawn */
    size_t most;    /* largest size; 0: as the settings say */
};

/* A matrix flow with all constants and the initial state drawn.  A claim sets the constants that it
 * is about. */
struct ncp_matrix {
    struct matrix_flow flow;
    struct dynamics dynamics;
    enum ncp_edge edge;    /* controls are not measured at one: it may leave nothing to remove */
    double sigma2;         /* of isotropic ones */
    double *x, *x_prime;   /* X, X' */
    double *state, *first; /* current state, and as drawn */
    double *record;        /* [NCP_SAMPLES + 1][size] */
};

enum status ncp_matrix_draw(struct ncp_matrix *m, const struct trial *trial, struct ncp_wish wish);
void ncp_matrix_free(struct ncp_matrix *m);

/* Record the flow from `first` to time `end`. */
enum status ncp_matrix_run(struct ncp_matrix *m, double end, struct error *err);

/* The rates, by the matrix flow at its current state, of W_p and F = W W^T ([outputs^2] each) and
 * of tau = <W_a, W> / |W|^2, in this order. work: the flow's size. */
void ncp_induced_rates(const struct ncp_matrix *m, double *work, double *rate);

/* The state of the reduced flow for the same weights: W_p, F, tau */
void ncp_reduced_state(const struct ncp_matrix *m, double *state);

/* ---- measuring ---- */

/* Largest difference of the flow's invariants along a record, its first state included, from their
 * values at t = 0, over the largest of these.  `value` has them by their formula.  Faults are
 * planted in the invariants. */
enum status ncp_drift(const struct trial *trial, const struct dynamics *dynamics, double end,
                      const double *record, const double *value, double *error);
