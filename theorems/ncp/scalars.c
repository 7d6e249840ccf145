#include "theorems/ncp/scalars.h"

#include "core/linalg.h"

#include <gsl/gsl_randist.h>
#include <stdlib.h>
#include <string.h>

/* ---- against the modes of the isotropic case ---- */

static enum status equivalence_error(const struct trial *trial, const struct mode_flow *mode,
                                     const double *first, double lambda_d, double *error)
{
    enum { END = 4 };
    double lambda_s = (1 + mode->sigma2) * lambda_d, state[3], of_scalars[(NCP_SAMPLES + 1) * 3];
    double of_mode[(NCP_SAMPLES + 1) * 3];
    struct mode_flow f = *mode;
    struct scalar_flow scalars = {.modes = 1,
                                  .lambda_s = &lambda_s,
                                  .lambda_d = &lambda_d,
                                  .alpha_p = f.alpha_p,
                                  .beta = f.beta,
                                  .eta_p = f.eta_p,
                                  .eta_s = f.eta_s};
    struct dynamics dynamics;
    scalar_flow_open(&scalars, &dynamics);
    memcpy(state, first, sizeof state);
    enum status status =
        dynamics_record(&dynamics, END, NCP_SAMPLES, state, of_scalars, trial->err);
    if (status)
        return status;
    mode_flow_open(&f, &dynamics);
    state[0] = first[0];
    state[1] = first[1] * first[1];
    state[2] = first[2] / first[1];
    status = dynamics_record(&dynamics, END, NCP_SAMPLES, state, of_mode, trial->err);
    for (int k = 0; k <= NCP_SAMPLES; k++) { /* w_p, w, w_a to p, s, tau */
        double *now = of_scalars + 3 * k;
        now[2] /= now[1];
        now[1] *= now[1];
    }
    plant(trial, of_scalars, (NCP_SAMPLES + 1) * 3);
    *error = relative_error(of_scalars, of_mode, (NCP_SAMPLES + 1) * 3);
    return status;
}

enum status ncp_measure_equivalence(const struct trial *trial, struct reading *reading)
{
    gsl_rng *rng = trial->rng;
    double eta = gsl_ran_flat(rng, 0, 0.2);
    struct mode_flow mode = {.modes = 1,
                             .sigma2 = gsl_ran_flat(rng, 0.05, 1),
                             .alpha_p = gsl_ran_flat(rng, 0.5, 2),
                             .beta = gsl_ran_flat(rng, 0.1, 1),
                             .eta_p = eta,
                             .eta_s = eta,
                             .tau_moves = true};
    double first[3] = {gsl_ran_flat(rng, 0.2, 1.2), gsl_ran_flat(rng, 0.4, 1.3),
                       gsl_ran_flat(rng, 0.2, 1.2)};
    double lambda_d = gsl_ran_flat(rng, 1.3, 2);
    enum status status = equivalence_error(trial, &mode, first, 1, &reading->error);
    if (trial->restored)
        lambda_d = 1;
    return status ? status : equivalence_error(trial, &mode, first, lambda_d, &reading->control[0]);
}

/* ---- modes of the matrix flow ---- */

/* Eigenvectors of X and X' (rows of v), left vectors (rows of u), and lambda_s, lambda_d, w_p, w,
 * w_a of every mode */
struct spectrum {
    double *u, *v, *value[5], *work;
};

static enum status draw_spectrum(struct spectrum *s, const struct trial *trial, size_t n)
{
    static const double low[] = {0, 0.3, 0.2, 0.4, 0.2}, high[] = {0, 1.5, 1.2, 1.3, 1.2};
    gsl_rng *rng = trial->rng;
    enum status status = STATUS_OK;
    s->u = ncp_array(3 * n * n + 5 * n, trial->err);
    if (!s->u)
        return STATUS_SYSTEM;
    s->v = s->u + n * n;
    s->work = s->v + n * n;
    ncp_orthogonal(rng, n, s->v);
    if (n < 2)
        ncp_orthogonal(rng, n, s->u);
    else /* u serves as another basis than v */
        status = ncp_other_basis(trial, n, s->v, s->work, s->u);
    for (size_t k = 0; k < 5; k++) {
        s->value[k] = s->work + n * n + k * n;
        ncp_spread(rng, low[k], high[k], (high[k] - low[k]) / (double)n / 3, n, s->value[k]);
    }
    for (size_t j = 0; j < n; j++)
        s->value[0][j] = s->value[1][j] * gsl_ran_flat(rng, 1.1, 2); /* lambda_s */
    return status;
}

/* The state with its singular vectors: w_p, w and w_a in `mode` */
static void compose_state(const struct spectrum *s, const struct matrix_flow *f,
                          const double *const mode[3], double *state)
{
    size_t n = f->inputs;
    ncp_outer(n, s->u, mode[0], s->u, s->work, state + matrix_flow_predictor(f));
    ncp_outer(n, s->u, mode[1], s->v, s->work, state);
    ncp_outer(n, s->u, mode[2], s->v, s->work, state + matrix_flow_target(f));
}

/* X and X' with the eigenvectors `basis` */
static void compose_moments(const struct spectrum *s, struct ncp_matrix *m, const double *basis)
{
    size_t n = m->flow.inputs;
    ncp_compose(n, basis, s->value[1], m->x);
    ncp_compose(n, basis, s->value[0], m->x_prime);
    for (size_t i = 0; i < n * n; i++)
        m->x_prime[i] -= m->x[i];
}

/* Both flows from one start: the matrices against those composed of the scalars */
static enum status matrix_error(const struct trial *trial, struct ncp_matrix *m,
                                const struct spectrum *s, double *error)
{
    enum { END = 3 };
    size_t n = m->flow.inputs, size = m->dynamics.flow.size, all = (NCP_SAMPLES + 1) * size;
    struct scalar_flow scalars = {.modes = n,
                                  .lambda_s = s->value[0],
                                  .lambda_d = s->value[1],
                                  .alpha_p = m->flow.alpha_p,
                                  .beta = m->flow.beta,
                                  .eta_p = m->flow.eta_p,
                                  .eta_s = m->flow.eta_s};
    struct dynamics dynamics;
    double *predicted = ncp_array(all + 3 * n * (NCP_SAMPLES + 3), trial->err);
    if (!predicted)
        return STATUS_SYSTEM;
    double *state = predicted + all, *modes = state + 3 * n, *record = modes + 3 * n;
    for (size_t j = 0; j < 3 * n; j++)
        state[j] = s->value[2 + j % 3][j / 3];
    scalar_flow_open(&scalars, &dynamics);
    enum status status = dynamics_record(&dynamics, END, NCP_SAMPLES, state, record, trial->err);
    const double *const mode[3] = {modes, modes + n, modes + 2 * n};
    for (size_t k = 0; k <= NCP_SAMPLES; k++) {
        for (size_t j = 0; j < 3 * n; j++)
            modes[j % 3 * n + j / 3] = record[k * 3 * n + j];
        compose_state(s, &m->flow, mode, predicted + k * size);
    }
    memcpy(m->first, predicted, size * sizeof *predicted);
    if (!status)
        status = ncp_matrix_run(m, END, trial->err);
    plant(trial, m->record, all);
    *error = relative_error(m->record, predicted, all);
    free(predicted);
    return status;
}

/* matrix_error with the moments on `basis` */
static enum status on_basis(const struct trial *trial, struct ncp_matrix *m,
                            const struct spectrum *s, const double *basis, double *error)
{
    matrix_flow_close(&m->flow);
    compose_moments(s, m, basis);
    enum status status = matrix_flow_open(&m->flow, &m->dynamics, trial->err);
    return status ? status : matrix_error(trial, m, s, error);
}

enum status ncp_measure_scalars(const struct trial *trial, struct reading *reading)
{
    struct ncp_matrix m;
    struct spectrum s = {.u = NULL};
    enum status status =
        ncp_matrix_draw(&m, trial, (struct ncp_wish){.square = true, .edges = true});
    if (status)
        return status;
    status = draw_spectrum(&s, trial, m.flow.inputs);
    if (m.edge == EDGE_NO_NOISE)
        memcpy(s.value[0], s.value[1], m.flow.inputs * sizeof(double));
    if (m.edge == EDGE_FLAT)
        s.value[1][0] = 0; /* lambda_d */
    if (!status)
        status = on_basis(trial, &m, &s, s.v, &reading->error);
    if (!status && m.edge == EDGE_NONE)
        status = on_basis(trial, &m, &s, trial->restored ? s.v : s.u, &reading->control[0]);
    free(s.u);
    ncp_matrix_free(&m);
    return status;
}

/* ---- their integrals ---- */

/* Several modes, each with an integral of its own. */
static enum status integral_error(const struct trial *trial, const struct scalar_flow *f,
                                  const double *first, double *error)
{
    enum { END = 4 };
    const size_t n = f->modes;
    struct scalar_flow flow = *f;
    struct dynamics dynamics;
    double *state = ncp_array(4 * n + (NCP_SAMPLES + 1) * 3 * n, trial->err);
    if (!state)
        return STATUS_SYSTEM;
    double *value = state + 3 * n, *record = value + n;
    scalar_flow_open(&flow, &dynamics);
    memcpy(state, first, 3 * n * sizeof *state);
    for (size_t j = 0; j < n; j++)
        value[j] = first[3 * j + 1] * first[3 * j + 1] - first[3 * j] * first[3 * j] / f->alpha_p;
    enum status status = dynamics_record(&dynamics, END, NCP_SAMPLES, state, record, trial->err);
    if (!status)
        status = ncp_drift(trial, &dynamics, END, record, value, error);
    free(state);
    return status;
}

enum status ncp_measure_integral(const struct trial *trial, struct reading *reading)
{
    gsl_rng *rng = trial->rng;
    const size_t n = ncp_draw_size(trial);
    struct spectrum s = {.u = NULL};
    double eta = trial->instance % 5 == 4 ? 0 : gsl_ran_flat(rng, 0.02, 0.2);
    double *first = ncp_array(3 * n, trial->err);
    enum status status = first ? draw_spectrum(&s, trial, n) : STATUS_SYSTEM;
    struct scalar_flow f = {.modes = n,
                            .lambda_s = s.value[0],
                            .lambda_d = s.value[1],
                            .alpha_p = gsl_ran_flat(rng, 0.5, 2),
                            .beta = gsl_ran_flat(rng, 0.1, 1),
                            .eta_p = eta,
                            .eta_s = eta};
    for (size_t j = 0; j < 3 * n && !status; j++)
        first[j] = s.value[2 + j % 3][j / 3];
    if (!status)
        status = integral_error(trial, &f, first, &reading->error);
    double apart = gsl_ran_flat(rng, 0.05, 0.3);
    f.eta_p = f.eta_s + (trial->restored ? 0 : apart);
    if (!status)
        status = integral_error(trial, &f, first, &reading->control[0]);
    free(first);
    free(s.u);
    return status;
}
