#include "sim/flow/network_flow.h"

#include "core/linalg.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double ROUNDING = 1e-10;

/* ---- what each description needs ---- */

/* A symmetric predictor, and a target that stays in the direction of W. */
static enum status check_reduced(const struct network_flow_plan *p, struct error *err)
{
    if (p->no_predictor || !p->symmetric)
        return error_key(err, "train.equations",
                         "train.equations reduced and modes need a symmetric predictor; set "
                         "predictor.kind linear and predictor.symmetric true, or use matrix");
    if (p->through_target || p->target == RULE_FROZEN)
        return error_key(
            err, "train.equations",
            "train.equations reduced and modes need a target W_a = tau W without "
            "gradient; use objective.name simsiam, or byol with objective.ema below 1, "
            "or equations matrix");
    return STATUS_OK;
}

/* X = I and X' = sigma2 I */
static enum status find_sigma2(struct network_flow *f, struct error *err)
{
    const size_t n = f->plan.inputs;
    double off = 0;
    f->sigma2 = f->plan.x_prime[0];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            off = fmax(off, fabs(f->plan.x[i * n + j] - (i == j)));
            off = fmax(off, fabs(f->plan.x_prime[i * n + j] - (i == j ? f->sigma2 : 0)));
        }
    if (off > ROUNDING)
        return error_key(err, "train.equations",
                         "train.equations reduced and modes need isotropic data, X = I and X' = "
                         "sigma2 I, but an entry is off by %g; use data.source gaussian with "
                         "numbers for signal (1) and noise, or equations matrix or scalars",
                         off);
    return STATUS_OK;
}

/* tau with W_a = tau W */
static enum status find_tau(const struct network_flow *f, const double *w, const double *w_a,
                            double *tau, struct error *err)
{
    const int size = (int)(f->plan.inputs * f->plan.outputs);
    const double *target = f->plan.target == RULE_ONLINE ? w : w_a;
    const double norm = cblas_ddot(size, w, 1, w, 1);
    double off = 0;
    *tau = norm > 0 ? cblas_ddot(size, target, 1, w, 1) / norm : 0;
    for (int i = 0; i < size; i++)
        off = fmax(off, fabs(target[i] - *tau * w[i]));
    if (off > ROUNDING * sqrt(norm))
        return error_key(err, "objective.start",
                         "train.equations other than matrix need a target that begins as W_a = tau "
                         "W; set objective.start to online or zero");
    return STATUS_OK;
}

static enum status open_matrix(struct network_flow *f, const double *w, const double *w_p,
                               const double *w_a, struct error *err)
{
    const struct network_flow_plan *p = &f->plan;
    const size_t mixed = p->outputs * p->inputs;
    f->equations.matrix = (struct matrix_flow){.inputs = p->inputs,
                                               .outputs = p->outputs,
                                               .x = p->x,
                                               .x_prime = p->x_prime,
                                               .alpha_p = p->alpha_p,
                                               .beta = p->beta,
                                               .eta_p = p->eta_p,
                                               .eta_s = p->eta_s,
                                               .target = p->target,
                                               .through_target = p->through_target,
                                               .no_predictor = p->no_predictor,
                                               .symmetric = p->symmetric};
    memcpy(f->state, w, mixed * sizeof *w);
    memcpy(f->state + mixed, w_p, p->outputs * p->outputs * sizeof *w_p);
    memcpy(f->state + matrix_flow_target(&f->equations.matrix), w_a, mixed * sizeof *w_a);
    return matrix_flow_open(&f->equations.matrix, &f->dynamics, err);
}

/* The weight decay that reduced_flow has one of. */
static enum status common_eta(const struct network_flow_plan *p, struct error *err)
{
    if (p->eta_p == p->eta_s)
        return STATUS_OK;
    return error_key(err, "train.equations",
                     "train.equations reduced needs one weight decay, but the trunk's is %g and "
                     "lr_ratio times the predictor's is %g; make them equal or use modes or "
                     "matrix",
                     p->eta_s, p->eta_p);
}

static enum status open_reduced(struct network_flow *f, const double *w, const double *w_p,
                                const double *w_a, struct error *err)
{
    const struct network_flow_plan *p = &f->plan;
    const size_t n = p->outputs, square = n * n;
    f->equations.reduced = (struct reduced_flow){.n = n,
                                                 .sigma2 = f->sigma2,
                                                 .alpha_p = p->alpha_p,
                                                 .beta = p->beta,
                                                 .eta = p->eta_s,
                                                 .tau_moves = p->target == RULE_EMA};
    memcpy(f->state, w_p, square * sizeof *w_p);
    matrix_symmetrise(n, f->state);
    matrix_product(PLAIN, TRANSPOSED, n, n, p->inputs, 1, w, w, 0, f->state + square);
    enum status status = common_eta(p, err);
    if (!status)
        status = find_tau(f, w, w_a, &f->state[2 * square], err);
    return status ? status : reduced_flow_open(&f->equations.reduced, &f->dynamics, err);
}

/* u^T m u / |u|^2, 0 where u vanishes */
static double along(size_t n, const double *u, const double *m)
{
    double sum = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        norm += u[i] * u[i];
        for (size_t k = 0; k < n; k++)
            sum += u[i] * m[i * n + k] * u[k];
    }
    return norm > 0 ? sum / norm : 0;
}

static enum status open_modes(struct network_flow *f, const double *w, const double *w_p,
                              const double *w_a, struct error *err)
{
    const struct network_flow_plan *p = &f->plan;
    const size_t n = p->outputs;
    double *u = f->work, *s = f->work + n * n, tau;
    f->equations.modes = (struct mode_flow){.modes = n,
                                            .sigma2 = f->sigma2,
                                            .alpha_p = p->alpha_p,
                                            .beta = p->beta,
                                            .eta_p = p->eta_p,
                                            .eta_s = p->eta_s,
                                            .tau_moves = p->target == RULE_EMA};
    enum status status = find_tau(f, w, w_a, &tau, err);
    matrix_product(PLAIN, TRANSPOSED, n, n, p->inputs, 1, w, w, 0, u);
    if (!status)
        status = symmetric_eigen((int)n, u, s, 1, err);
    for (size_t j = 0; j < n && !status; j++) {
        f->state[3 * j] = along(n, u + j * n, w_p);
        f->state[3 * j + 1] = fmax(s[j], 0);
        f->state[3 * j + 2] = tau;
    }
    mode_flow_open(&f->equations.modes, &f->dynamics);
    return status;
}

/* Eigenvalues of X + X' and of X along the same eigenvectors, rows of `v`. */
static enum status common_modes(struct network_flow *f, double *v, struct error *err)
{
    const struct network_flow_plan *p = &f->plan;
    const size_t n = p->inputs;
    double off = 0;
    for (size_t i = 0; i < n * n; i++)
        v[i] = p->x[i] + p->x_prime[i];
    enum status status = symmetric_eigen((int)n, v, f->lambda_s, 1, err);
    for (size_t j = 0; j < n && !status; j++) {
        const double *u = v + j * n;
        f->lambda_d[j] = along(n, u, p->x);
        for (size_t i = 0; i < n; i++)
            off =
                fmax(off, fabs(cblas_ddot((int)n, p->x + i * n, 1, u, 1) - f->lambda_d[j] * u[i]));
    }
    if (!status && off > ROUNDING * fabs(f->lambda_s[0]))
        return error_key(err, "train.equations",
                         "train.equations scalars needs X and X' with common eigenvectors, but "
                         "those of X + X' miss by %g; use matrix",
                         off);
    return status;
}

static enum status open_scalars(struct network_flow *f, const double *w, const double *w_p,
                                const double *w_a, struct error *err)
{
    const struct network_flow_plan *p = &f->plan;
    const size_t n1 = p->inputs, n2 = p->outputs, modes = n1;
    double *v = f->work, *image = f->work + n1 * n1, tau;
    f->equations.scalars = (struct scalar_flow){.modes = modes,
                                                .lambda_s = f->lambda_s,
                                                .lambda_d = f->lambda_d,
                                                .alpha_p = p->alpha_p,
                                                .beta = p->beta,
                                                .eta_p = p->eta_p,
                                                .eta_s = p->eta_s};
    enum status status = STATUS_OK;
    if (p->target != RULE_EMA || p->no_predictor)
        status = error_key(err, "train.equations",
                           "train.equations scalars has a predictor and an EMA target; use "
                           "objective.name byol with objective.ema between 0 and 1 and "
                           "predictor.kind linear, or equations matrix");
    if (!status && n1 > n2)
        status = error_key(err, "train.equations",
                           "train.equations scalars needs an output for each of the %zu "
                           "eigenvectors of X, but the network has %zu outputs; give "
                           "network.layers as many, or use matrix",
                           n1, n2);
    if (!status)
        status = find_tau(f, w, w_a, &tau, err);
    if (!status)
        status = common_modes(f, v, err);
    for (size_t j = 0; j < modes && !status; j++) {
        for (size_t i = 0; i < n2; i++)
            image[i] = cblas_ddot((int)n1, w + i * n1, 1, v + j * n1, 1);
        f->state[3 * j] = along(n2, image, w_p);
        f->state[3 * j + 1] = cblas_dnrm2((int)n2, image, 1);
        f->state[3 * j + 2] = tau * f->state[3 * j + 1];
    }
    scalar_flow_open(&f->equations.scalars, &f->dynamics);
    return status;
}

/* ---- open and close ---- */

static enum status open_equations(struct network_flow *f, const double *w, const double *w_p,
                                  const double *w_a, struct error *err)
{
    if (f->plan.equations == FLOW_MATRIX)
        return open_matrix(f, w, w_p, w_a, err);
    if (f->plan.equations == FLOW_SCALARS)
        return open_scalars(f, w, w_p, w_a, err);
    enum status status = check_reduced(&f->plan, err);
    if (!status)
        status = find_sigma2(f, err);
    if (status)
        return status;
    return f->plan.equations == FLOW_REDUCED ? open_reduced(f, w, w_p, w_a, err)
                                             : open_modes(f, w, w_p, w_a, err);
}

enum status network_flow_open(struct network_flow *f, const struct network_flow_plan *plan,
                              const double *w, const double *w_p, const double *w_a,
                              struct error *err)
{
    const size_t n1 = plan->inputs, n2 = plan->outputs, most = n1 > n2 ? n1 : n2;
    *f = (struct network_flow){.plan = *plan};
    f->state = calloc(2 * n2 * n1 + 2 * n2 * n2 + 3 * most + 1, sizeof *f->state);
    f->lambda_s = calloc(n1, sizeof *f->lambda_s);
    f->lambda_d = calloc(n1, sizeof *f->lambda_d);
    f->work = calloc(2 * most * most + 2 * most, sizeof *f->work);
    f->loss_work = calloc(5 * n2 * n2, sizeof *f->loss_work);
    if (!f->state || !f->lambda_s || !f->lambda_d || !f->work || !f->loss_work)
        return error_memory(err, "a flow of %zu x %zu weights", n2, n1);
    enum status status = open_equations(f, w, w_p, w_a, err);
    if (plan->alpha_p == 0)
        f->dynamics.invariants = 0; /* they divide by it */
    return status;
}

void network_flow_close(struct network_flow *f)
{
    if (f->plan.equations == FLOW_MATRIX)
        matrix_flow_close(&f->equations.matrix);
    if (f->plan.equations == FLOW_REDUCED)
        reduced_flow_close(&f->equations.reduced);
    free(f->state);
    free(f->lambda_s);
    free(f->lambda_d);
    free(f->work);
    free(f->loss_work);
    *f = (struct network_flow){0};
}

/* ---- what a state says ---- */

const double *network_flow_weights(const struct network_flow *f, const double *state)
{
    return f->plan.equations == FLOW_MATRIX ? state : NULL;
}

const double *network_flow_target(const struct network_flow *f, const double *state)
{
    const struct matrix_flow *m = &f->equations.matrix;
    return f->plan.target == RULE_ONLINE ? state : state + matrix_flow_target(m);
}

/* out = a m b^T, [outputs][outputs], m [inputs][inputs], by way of work */
static void through(const struct network_flow *f, const double *a, const double *m, const double *b,
                    double *out)
{
    const size_t n1 = f->plan.inputs, n2 = f->plan.outputs;
    double *work = f->work;
    matrix_product(PLAIN, PLAIN, n2, n1, n1, 1, a, m, 0, work);
    matrix_product(PLAIN, TRANSPOSED, n2, n2, n1, 1, work, b, 0, out);
}

static void matrix_moments(const struct network_flow *f, const double *state, double *c, double *ff,
                           double *d, double *w_p)
{
    const size_t n = f->plan.outputs, mixed = n * f->plan.inputs;
    const double *w_a = network_flow_target(f, state);
    through(f, state, f->plan.x, state, ff);
    through(f, state, f->plan.x_prime, state, c);
    for (size_t i = 0; i < n * n; i++)
        c[i] += ff[i];
    through(f, w_a, f->plan.x, state, d);
    matrix_symmetrise(n, d);
    memcpy(w_p, state + mixed, n * n * sizeof *w_p);
    for (size_t i = 0; i < n * n && f->plan.no_predictor; i++)
        w_p[i] = i % (n + 1) == 0;
}

static void reduced_moments(const struct network_flow *f, const double *state, double *c,
                            double *ff, double *d, double *w_p)
{
    const size_t square = f->plan.outputs * f->plan.outputs;
    const double tau = state[2 * square];
    memcpy(w_p, state, square * sizeof *w_p);
    memcpy(ff, state + square, square * sizeof *ff);
    for (size_t i = 0; i < square; i++) {
        c[i] = (1 + f->sigma2) * ff[i];
        d[i] = tau * ff[i];
    }
}

/* Diagonals, one mode after the other; further outputs see nothing. */
static void diagonal_moments(const struct network_flow *f, const double *state, double *c,
                             double *ff, double *d, double *w_p)
{
    const size_t n = f->plan.outputs, modes = f->dynamics.flow.size / 3;
    const bool scalars = f->plan.equations == FLOW_SCALARS;
    double *all[] = {c, ff, d, w_p};
    for (size_t i = 0; i < 4; i++)
        memset(all[i], 0, n * n * sizeof *c);
    for (size_t j = 0; j < modes; j++) {
        const double *y = state + 3 * j;
        const size_t at = j * (n + 1);
        w_p[at] = y[0];
        ff[at] = scalars ? f->lambda_d[j] * y[1] * y[1] : y[1];
        c[at] = scalars ? f->lambda_s[j] * y[1] * y[1] : (1 + f->sigma2) * y[1];
        d[at] = scalars ? f->lambda_d[j] * y[2] * y[1] : y[2] * y[1];
    }
}

void network_flow_moments(const struct network_flow *f, const double *state, double *c, double *ff,
                          double *d, double *w_p)
{
    if (f->plan.equations == FLOW_MATRIX)
        matrix_moments(f, state, c, ff, d, w_p);
    else if (f->plan.equations == FLOW_REDUCED)
        reduced_moments(f, state, c, ff, d, w_p);
    else
        diagonal_moments(f, state, c, ff, d, w_p);
}

/* ---- loss ---- */

/* E|W_a x|^2 */
static double target_power(const struct network_flow *f, const double *state, double *square)
{
    const size_t n = f->plan.outputs;
    const double *w_a = network_flow_target(f, state);
    double power = 0;
    through(f, w_a, f->plan.x, w_a, square);
    power += matrix_trace(n, square);
    through(f, w_a, f->plan.x_prime, w_a, square);
    return power + matrix_trace(n, square);
}

/* 2 J = tr(W_p C W_p^T) - 2 <W_p, W_a X W^T> + E|W_a x|^2 */
static double matrix_loss(const struct network_flow *f, const double *state, double *scratch)
{
    const size_t n = f->plan.outputs, square = n * n;
    const double *w_a = network_flow_target(f, state);
    double *c = scratch, *d = c + square, *w_p = d + square, *image = w_p + square;
    matrix_moments(f, state, c, image, d, w_p);
    through(f, w_a, f->plan.x, state, d);
    matrix_product(PLAIN, PLAIN, n, n, n, 1, w_p, c, 0, image);
    double twice =
        cblas_ddot((int)square, image, 1, w_p, 1) - 2 * cblas_ddot((int)square, w_p, 1, d, 1);
    return (twice + target_power(f, state, image)) / 2;
}

/* W_p, F and D commute or are symmetric: the same with W_a = tau W. */
static double aligned_loss(const struct network_flow *f, const double *state, double *scratch)
{
    const size_t n = f->plan.outputs, square = n * n;
    const bool scalars = f->plan.equations == FLOW_SCALARS;
    double *c = scratch, *ff = c + square, *d = ff + square, *w_p = d + square;
    double *image = w_p + square, twice = 0;
    network_flow_moments(f, state, c, ff, d, w_p);
    matrix_product(PLAIN, PLAIN, n, n, n, 1, w_p, c, 0, image);
    twice = cblas_ddot((int)square, image, 1, w_p, 1) - 2 * cblas_ddot((int)square, w_p, 1, d, 1);
    for (size_t j = 0; f->plan.equations != FLOW_REDUCED && j < f->dynamics.flow.size / 3; j++) {
        const double *y = state + 3 * j;
        twice += scalars ? f->lambda_s[j] * y[2] * y[2] : y[2] * y[2] * (1 + f->sigma2) * y[1];
    }
    if (f->plan.equations == FLOW_REDUCED)
        twice += state[2 * square] * state[2 * square] * matrix_trace(n, c);
    return twice / 2;
}

double network_flow_loss(const struct network_flow *f, const double *state)
{
    return f->plan.equations == FLOW_MATRIX ? matrix_loss(f, state, f->loss_work)
                                            : aligned_loss(f, state, f->loss_work);
}
