/* NCP-11: stability of the alignment */
#include "core/extreme.h"
#include "theorems/claims.h"
#include "theorems/ncp/ncp.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* p, s of n modes, eigenvectors of F (rows of u) and others (rows of v) */
struct modes {
    struct reduced_flow flow;
    struct dynamics dynamics;
    bool edge; /* one mode: no other eigenvectors, so no controls */
    double *u, *v, *p, *s, *state, *k, *measured, *predicted;
};

static void close_modes(struct modes *m)
{
    reduced_flow_close(&m->flow);
    free(m->u);
}

/* Some instances have one mode or no noise, some a mode of F that is 0. */
static enum status draw(struct modes *m, const struct trial *trial)
{
    gsl_rng *rng = trial->rng;
    const int edge = trial->instance % 5 == 4 ? 1 + trial->instance / 5 % 3 : 0;
    size_t n = ncp_draw_size(trial), square;
    m->edge = edge == 1;
    n = m->edge ? 1 : n;
    square = n * n;
    m->flow = (struct reduced_flow){.n = n,
                                    .sigma2 = edge == 2 ? 0 : gsl_ran_flat(rng, 0.05, 1),
                                    .alpha_p = gsl_ran_flat(rng, 0.3, 2),
                                    .eta = gsl_ran_flat(rng, 0, 0.3)};
    m->u = ncp_array(7 * square + 1 + 4 * n, trial->err);
    if (!m->u)
        return STATUS_SYSTEM;
    m->v = m->u + square;
    m->k = m->v + square;
    m->state = m->k + square;
    m->p = m->state + 2 * square + 1;
    m->s = m->p + n;
    m->measured = m->s + n;
    m->predicted = m->measured + square;
    enum status status = reduced_flow_open(&m->flow, &m->dynamics, trial->err);
    ncp_orthogonal(rng, n, m->u);
    if (!status && !m->edge)
        status = ncp_other_basis(trial, n, m->u, m->k, m->v);
    ncp_spread(rng, -0.3, 1.5, 0.1, n, m->p);
    ncp_spread(rng, 0, 1.5, 0.05, n, m->s);
    if (edge == 3)
        m->s[0] = 0;
    m->state[2 * square] = gsl_ran_flat(rng, 0.3, 2);
    return status;
}

/* W_p with the eigenvectors `basis`, and F */
static void compose(struct modes *m, const double *basis)
{
    size_t n = m->flow.n;
    ncp_compose(n, basis, m->p, m->state);
    ncp_compose(n, m->u, m->s, m->state + n * n);
}

/* (alpha_p (1 + sigma2) s_j + eta) / 2 - Delta_j */
static double margin(const struct modes *m, size_t j)
{
    const struct reduced_flow *f = &m->flow;
    double scatter = 1 + f->sigma2, tau = m->state[2 * f->n * f->n];
    double delta = m->p[j] * (tau - scatter * m->p[j]) - f->eta;
    return (f->alpha_p * scatter * m->s[j] + f->eta) / 2 - delta;
}

/* ---- the matrix K ---- */

/* Eigenvalues of K for W_p with eigenvectors `basis` against the margins; at least 1 where one says
 * that K is positive definite and the other not. */
static enum status stability_error(const struct trial *trial, struct modes *m, const double *basis,
                                   double *error)
{
    size_t n = m->flow.n;
    bool stable = true;
    compose(m, basis);
    reduced_flow_k(&m->flow, m->state, m->k);
    enum status status = ncp_eigenvalues(n, m->k, m->measured, trial->err);
    if (status)
        return status;
    for (size_t j = 0; j < n; j++) {
        m->predicted[j] = -margin(m, j);
        stable = stable && margin(m, j) > 0;
    }
    gsl_sort(m->predicted, 1, n);
    for (size_t j = 0; j < n; j++)
        m->predicted[j] = -m->predicted[j]; /* largest first */
    plant(trial, m->measured, n);
    *error = relative_error(m->measured, m->predicted, n);
    if ((m->measured[n - 1] > 0) != stable)
        *error = larger(*error, 1);
    return STATUS_OK;
}

static enum status measure_stability(const struct trial *trial, struct reading *reading)
{
    struct modes m = {.u = NULL};
    enum status status = draw(&m, trial);
    if (!status)
        status = stability_error(trial, &m, m.u, &reading->error);
    if (!status && !m.edge)
        status = stability_error(trial, &m, trial->restored ? m.u : m.v, &reading->control[0]);
    close_modes(&m);
    return status;
}

/* ---- the flow about an aligned state ---- */

/* u_i . a u_j, u_i and u_j rows */
static double entry(const struct modes *m, const double *a, size_t i, size_t j)
{
    size_t n = m->flow.n;
    double sum = 0;
    for (size_t k = 0; k < n * n; k++)
        sum += m->u[i * n + k / n] * a[k] * m->u[j * n + k % n];
    return sum;
}

/* The commutator [F, W_p], or its rate along the flow, between modes i and j */
static double commutator(const struct modes *m, bool rate, size_t i, size_t j, double *work)
{
    size_t n = m->flow.n, square = n * n;
    double *moved = work, *one = moved + 2 * square + 1, *other = one + square;
    const double *p = m->state, *f = m->state + square;
    if (!rate) {
        matrix_commutator(n, f, p, one);
        return entry(m, one, i, j);
    }
    m->dynamics.flow.rate(m->dynamics.flow.context, 0, m->state, moved);
    matrix_commutator(n, moved + square, p, one);
    matrix_commutator(n, f, moved, other);
    return entry(m, one, i, j) + entry(m, other, i, j);
}

/* F <- F + size (u_i u_j^T + u_j u_i^T) */
static void turn(struct modes *m, size_t i, size_t j, double size)
{
    size_t n = m->flow.n;
    double *f = m->state + n * n;
    for (size_t k = 0; k < n * n; k++)
        f[k] += size * (m->u[i * n + k / n] * m->u[j * n + k % n] +
                        m->u[j * n + k / n] * m->u[i * n + k % n]);
}

/* Growth of a commutator between modes i and j, for all i < j, against -(k_i + k_j), k the margins.
 * The rate is a polynomial of second degree in F, so that a central difference is its derivative.
 */
static enum status growth_error(const struct trial *trial, struct modes *m, const double *basis,
                                double *error)
{
    static const double step = 0.1;
    size_t n = m->flow.n, pairs = 0;
    double *work = ncp_array(4 * n * n + 1, trial->err);
    if (!work)
        return STATUS_SYSTEM;
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++) {
            double value[2][2]; /* [above or below][rate] */
            compose(m, basis);
            turn(m, i, j, -step);
            for (int side = 0; side < 2; side++) {
                for (int rate = 0; rate < 2; rate++)
                    value[side][rate] = commutator(m, rate, i, j, work);
                turn(m, i, j, 2 * step);
            }
            m->measured[pairs] = (value[1][1] - value[0][1]) / (value[1][0] - value[0][0]);
            m->predicted[pairs++] = -margin(m, i) - margin(m, j);
        }
    plant(trial, m->measured, pairs);
    *error = relative_error(m->measured, m->predicted, pairs);
    free(work);
    return STATUS_OK;
}

static enum status measure_growth(const struct trial *trial, struct reading *reading)
{
    struct modes m = {.u = NULL};
    enum status status = draw(&m, trial);
    if (!status)
        status = growth_error(trial, &m, m.u, &reading->error);
    if (!status && m.flow.n > 2)
        status = growth_error(trial, &m, trial->restored ? m.u : m.v, &reading->control[0]);
    close_modes(&m);
    return status;
}

static const struct part parts[] = {
    {.statement = "stability: K > 0 iff Delta_j < (alpha_p (1 + sigma2) s_j + eta) / 2 for every "
                  "mode j, Delta_j = p_j [tau - (1 + sigma2) p_j] - eta",
     .measured = "Left: eigenvalues of the flow's K from matrices W_p and F with common "
                 "eigenvectors. Right: k_j = (alpha_p (1 + sigma2) s_j + eta) / 2 - Delta_j, "
                 "sorted. Relative error of all of them; 1 where one side says that K is positive "
                 "definite and the other not. Some instances have one mode, no noise, or s_1 = 0.",
     .controls = {"W_p not aligned with F"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 100, .quick = 10},
     .measure = measure_stability},
    {.statement = "growth: about aligned W_p and F a commutator between the modes i and j grows at "
                  "the rate -(k_i + k_j), so that K > 0 suffices for it to shrink",
     .measured = "F is turned by u_i u_j^T + u_j u_i^T; derivative of the entry i, j of [dF/dt, "
                 "W_p] + [F, dW_p/dt], rates of the reduced flow, over the derivative of the same "
                 "entry of [F, W_p]. With two modes alignment does not matter.",
     .controls = {"W_p not aligned with F"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 100, .quick = 10},
     .measure = measure_growth},
};

const struct claim claim_ncp_11 = {
    .about = {.name = "NCP-11",
              .doc = "Aligned eigenspaces are stable where no mode of the predictor grows too "
                     "fast for its size: a condition on each mode.",
              .source = "[NCP]",
              NCP_SETTINGS},
    .title = "Stability of the alignment",
    .formula = "K > 0 iff Delta_j < (alpha_p (1 + sigma2) s_j + eta) / 2 for all j",
    .hypotheses = "X = I, X' = sigma2 I; W_p and F share their eigenvectors.",
    ALL_PARTS(parts),
};
