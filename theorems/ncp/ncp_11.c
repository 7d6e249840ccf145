/* NCP-11: stability of the alignment */
#include "theorems/claims.h"
#include "theorems/ncp/ncp.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>

/* p, s of n modes, eigenvectors of F (rows of u) and others (rows of v) */
struct modes {
    struct reduced_flow flow;
    double *u, *v, *p, *s, *state, *k, *measured, *predicted;
};

static enum status draw(struct modes *m, const struct trial *trial)
{
    gsl_rng *rng = trial->rng;
    size_t n = ncp_draw_size(trial), square = n * n;
    m->flow = (struct reduced_flow){.n = n,
                                    .sigma2 = gsl_ran_flat(rng, 0.05, 1),
                                    .alpha_p = gsl_ran_flat(rng, 0.3, 2),
                                    .eta = gsl_ran_flat(rng, 0, 0.3)};
    m->u = ncp_array(5 * square + 1 + 4 * n, trial->err);
    if (!m->u)
        return STATUS_SYSTEM;
    m->v = m->u + square;
    m->k = m->v + square;
    m->state = m->k + square;
    m->p = m->state + 2 * square + 1;
    m->s = m->p + n;
    m->measured = m->s + n;
    m->predicted = m->measured + n;
    do {
        ncp_orthogonal(rng, n, m->u);
        ncp_orthogonal(rng, n, m->v);
        matrix_product(PLAIN, TRANSPOSED, n, n, n, 1, m->u, m->v, 0, m->k);
    } while (ncp_largest(m->k, square) > 0.95);
    ncp_spread(rng, -0.3, 1.5, 0.1, n, m->p);
    ncp_spread(rng, 0, 1.5, 0.05, n, m->s);
    m->state[2 * square] = gsl_ran_flat(rng, 0.3, 2);
    return STATUS_OK;
}

/* Eigenvalues of K for W_p with eigenvectors `basis` against (alpha_p (1 + sigma2) s_j + eta) / 2 -
 * Delta_j; at least 1 where one says that K is positive definite and the other not. */
static enum status stability_error(const struct trial *trial, struct modes *m, const double *basis,
                                   double *error)
{
    size_t n = m->flow.n, square = n * n;
    const struct reduced_flow *f = &m->flow;
    double scatter = 1 + f->sigma2, tau = m->state[2 * square];
    bool stable = true;
    ncp_compose(n, basis, m->p, m->state);
    ncp_compose(n, m->u, m->s, m->state + square);
    reduced_flow_k(f, m->state, m->k);
    plant(trial, m->k, square);
    enum status status = ncp_eigenvalues(n, m->k, m->measured, trial->err);
    for (size_t j = 0; j < n; j++) {
        double delta = m->p[j] * (tau - scatter * m->p[j]) - f->eta;
        double limit = (f->alpha_p * scatter * m->s[j] + f->eta) / 2;
        m->predicted[j] = delta - limit;
        stable = stable && delta < limit;
    }
    gsl_sort(m->predicted, 1, n);
    for (size_t j = 0; j < n; j++)
        m->predicted[j] = -m->predicted[j]; /* largest first */
    *error = relative_error(m->measured, m->predicted, n);
    if ((m->measured[n - 1] > 0) != stable)
        *error = fmax(*error, 1);
    return status;
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    struct modes m;
    enum status status = draw(&m, trial);
    if (!status)
        status = stability_error(trial, &m, m.u, &reading->error);
    if (!status)
        status = stability_error(trial, &m, m.v, &reading->control[0]);
    free(m.u);
    return status;
}

static const struct part parts[] = {
    {.statement = "stability: K > 0 iff Delta_j < (alpha_p (1 + sigma2) s_j + eta) / 2 for every "
                  "mode j, Delta_j = p_j [tau - (1 + sigma2) p_j] - eta",
     .measured = "Left: eigenvalues of K from matrices W_p and F with common eigenvectors. Right: "
                 "(alpha_p (1 + sigma2) s_j + eta) / 2 - Delta_j, sorted. Relative error of all "
                 "of them; 1 where one side says that K is positive definite and the other not.",
     .controls = {"W_p not aligned with F"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 100, .quick = 10},
     .measure = measure},
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
