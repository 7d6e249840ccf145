/* NCP-15: augmentations that scramble */
#include "theorems/claims.h"
#include "theorems/errata/errata.h"
#include "theorems/ncp/ncp.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A finite distribution: `count` points of `n` coordinates */
struct finite {
    size_t count, n;
    double *x, *p;
};

static enum status draw_finite(struct finite *d, gsl_rng *rng, size_t count, size_t n, bool centred,
                               struct error *err)
{
    double sum = 0;
    d->count = count;
    d->n = n;
    d->x = ncp_array(count * (n + 1), err);
    if (!d->x)
        return STATUS_SYSTEM;
    d->p = d->x + count * n;
    draw_normal(rng, 1, count * n, d->x);
    for (size_t i = 0; i < count; i++)
        sum += d->p[i] = gsl_ran_flat(rng, 0.5, 1.5);
    for (size_t i = 0; i < count; i++)
        d->p[i] /= sum;
    for (size_t j = 0; j < n && centred; j++) {
        double mean = 0;
        for (size_t i = 0; i < count; i++)
            mean += d->p[i] * d->x[i * n + j];
        for (size_t i = 0; i < count; i++)
            d->x[i * n + j] -= mean;
    }
    return STATUS_OK;
}

/* out += weight a b^T */
static void add_outer(size_t n, double weight, const double *a, const double *b, double *out)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            out[i * n + j] += weight * a[i] * b[j];
}

/* E[x x^T] */
static void second_moment(const struct finite *d, double *out)
{
    memset(out, 0, d->n * d->n * sizeof *out);
    for (size_t i = 0; i < d->count; i++)
        add_outer(d->n, d->p[i], d->x + i * d->n, d->x + i * d->n, out);
}

/* ---- additive ---- */

/* same = E[x_1 x_1^T], across = E[x_1 x_2^T] for x_1 = x + n_1, x_2 = x + n_2, over every
 * combination; `shared`: n_2 = n_1 */
static void additive_moments(const struct finite *data, const struct finite *noise, bool shared,
                             double *work, double *same, double *across)
{
    size_t n = data->n;
    double *x1 = work, *x2 = work + n;
    memset(same, 0, n * n * sizeof *same);
    memset(across, 0, n * n * sizeof *across);
    for (size_t i = 0; i < data->count; i++)
        for (size_t c = 0; c < noise->count * noise->count; c++) {
            size_t a = c / noise->count, b = c % noise->count;
            double weight = data->p[i] * noise->p[a] * noise->p[b];
            for (size_t j = 0; j < n; j++) {
                x1[j] = data->x[i * n + j] + noise->x[a * n + j];
                x2[j] = data->x[i * n + j] + noise->x[(shared ? a : b) * n + j];
            }
            add_outer(n, weight, x1, x1, same);
            add_outer(n, weight, x1, x2, across);
        }
}

static enum status additive_error(const struct trial *trial, size_t n, bool centred, bool shared,
                                  double *error)
{
    enum { POINTS = 5, NOISES = 4 };
    struct finite data = {.x = NULL}, noise = {.x = NULL};
    size_t square = n * n;
    double *measured = ncp_array(4 * square + 2 * n, trial->err);
    enum status status = measured ? STATUS_OK : STATUS_SYSTEM;
    if (!status)
        status = draw_finite(&data, trial->rng, POINTS, n, false, trial->err);
    if (!status)
        status = draw_finite(&noise, trial->rng, NOISES, n, centred, trial->err);
    if (!status) {
        double *predicted = measured + 2 * square;
        additive_moments(&data, &noise, shared, predicted + 2 * square, measured,
                         measured + square);
        second_moment(&noise, predicted);
        second_moment(&data, predicted + square);
        for (size_t i = 0; i < square; i++)
            predicted[i] += predicted[square + i];
        plant(trial, measured, 2 * square);
        *error = fmax(relative_error(measured, predicted, square),
                      relative_error(measured + square, predicted + square, square));
    }
    free(data.x);
    free(noise.x);
    free(measured);
    return status;
}

static enum status measure_additive(const struct trial *trial, struct reading *reading)
{
    size_t n = ncp_draw_size(trial);
    enum status status = additive_error(trial, n, true, false, &reading->error);
    if (!status)
        status = additive_error(trial, n, false, false, &reading->control[0]);
    if (!status)
        status = additive_error(trial, n, true, true, &reading->control[1]);
    return status;
}

/* ---- multiplicative ---- */

/* A = P + U B U^T, B k x k independent standard normal, U with k orthonormal columns.  B enters
 * second moments only through its own first and second moments.  Signs +-1 (the two-point
 * Gauss-Hermite rule) have the same, so sums over all of them are exact. */
struct scrambling {
    size_t n, k;
    double *basis;     /* orthogonal, [n][n]: the first k rows are U^T */
    double *p, *u_u;   /* P, U U^T */
    double *x;         /* Sigma^x */
    double *same;      /* E[x_1 x_1^T] */
    double *across;    /* E[x_1 x_2^T] */
    double *corrected; /* P Sigma^x P + tr(U^T Sigma^x U) U U^T */
    double *kept;      /* P Sigma^x P */
    double *a, *b, *work;
};

static enum status open_scrambling(struct scrambling *s, const struct trial *trial)
{
    s->n = ncp_draw_size(trial);
    s->k = s->n > 2 ? 1 + (size_t)gsl_rng_uniform_int(trial->rng, 2) : 1;
    size_t n = s->n, square = n * n;
    s->basis = ncp_array(11 * square, trial->err);
    if (!s->basis)
        return STATUS_SYSTEM;
    double **part[] = {&s->p,         &s->u_u,  &s->x, &s->same, &s->across,
                       &s->corrected, &s->kept, &s->a, &s->b,    &s->work};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        *part[i] = s->basis + (i + 1) * square;
    ncp_orthogonal(trial->rng, n, s->basis);
    for (size_t j = 0; j < n; j++)
        add_outer(n, 1, s->basis + j * n, s->basis + j * n, j < s->k ? s->u_u : s->p);
    return STATUS_OK;
}

/* Sigma^x of a finite distribution; with `commuting` none of it across P, so that both commute */
static enum status draw_data(struct scrambling *s, gsl_rng *rng, bool commuting, struct error *err)
{
    struct finite data;
    size_t n = s->n;
    enum status status = draw_finite(&data, rng, 2 * n, n, false, err);
    if (status)
        return status;
    second_moment(&data, s->x);
    for (size_t side = 0; side < 2 && commuting; side++) {
        const double *p = side ? s->u_u : s->p;
        matrix_product(PLAIN, PLAIN, n, n, n, 1, p, s->x, 0, s->work);
        matrix_product(PLAIN, PLAIN, n, n, n, 1, s->work, p, (double)side, s->a);
    }
    if (commuting)
        memcpy(s->x, s->a, n * n * sizeof *s->x);
    free(data.x);
    return STATUS_OK;
}

/* A for signs `bits` of B */
static void scramble(const struct scrambling *s, unsigned bits, double *a)
{
    memcpy(a, s->p, s->n * s->n * sizeof *a);
    for (size_t e = 0; e < s->k * s->k; e++)
        add_outer(s->n, bits >> e & 1 ? 1 : -1, s->basis + e / s->k * s->n,
                  s->basis + e % s->k * s->n, a);
}

/* out += weight A Sigma^x B^T */
static void add_view_moment(const struct scrambling *s, double weight, const double *a,
                            const double *b, double *out)
{
    matrix_product(PLAIN, PLAIN, s->n, s->n, s->n, 1, a, s->x, 0, s->work);
    matrix_product(PLAIN, TRANSPOSED, s->n, s->n, s->n, weight, s->work, b, 1, out);
}

static void multiplicative_moments(struct scrambling *s)
{
    size_t n = s->n, square = n * n;
    unsigned count = 1u << (s->k * s->k);
    double weight = 1 / (double)count, trace = 0;
    memset(s->same, 0, square * sizeof *s->same);
    memset(s->across, 0, square * sizeof *s->across);
    for (unsigned i = 0; i < count; i++) {
        scramble(s, i, s->a);
        add_view_moment(s, weight, s->a, s->a, s->same);
        for (unsigned j = 0; j < count; j++) {
            scramble(s, j, s->b);
            add_view_moment(s, weight * weight, s->a, s->b, s->across);
        }
    }
    memset(s->kept, 0, square * sizeof *s->kept);
    add_view_moment(s, 1, s->p, s->p, s->kept);
    for (size_t i = 0; i < square; i++)
        trace += s->u_u[i] * s->x[i];
    for (size_t i = 0; i < square; i++)
        s->corrected[i] = s->kept[i] + trace * s->u_u[i];
}

/* Controls: Sigma^s as printed; without the scrambled part. */
enum status ncp_15_measure_multiplicative(const struct trial *trial, struct reading *reading)
{
    struct scrambling s;
    enum status status = open_scrambling(&s, trial);
    if (status)
        return status;
    size_t square = s.n * s.n;
    status = draw_data(&s, trial->rng, false, trial->err);
    if (!status) {
        multiplicative_moments(&s);
        plant(trial, s.same, square);
        plant(trial, s.across, square);
        reading->error = fmax(relative_error(s.same, s.corrected, square),
                              relative_error(s.across, s.kept, square));
        reading->control[0] = relative_error(s.same, s.x, square);
        reading->control[1] = relative_error(s.same, s.kept, square);
    }
    free(s.basis);
    return status;
}

/* ---- the predictor ---- */

/* across same^{-1} against P; `same` is overwritten */
static enum status ratio_error(const struct trial *trial, struct scrambling *s, double *same,
                               double *error)
{
    size_t n = s->n;
    enum status status = ncp_inverse(n, same, s->a, trial->err);
    matrix_product(PLAIN, PLAIN, n, n, n, 1, s->across, s->a, 0, same);
    plant(trial, same, n * n);
    *error = relative_error(same, s->p, n * n);
    return status;
}

static enum status measure_ratio(const struct trial *trial, struct reading *reading)
{
    struct scrambling s;
    enum status status = open_scrambling(&s, trial);
    if (status)
        return status;
    status = draw_data(&s, trial->rng, trial->instance % 2, trial->err);
    if (!status) {
        multiplicative_moments(&s);
        status = ratio_error(trial, &s, s.same, &reading->error);
    }
    if (!status)
        status = draw_data(&s, trial->rng, false, trial->err);
    if (!status) {
        multiplicative_moments(&s);
        status = ratio_error(trial, &s, s.x, &reading->control[0]);
    }
    free(s.basis);
    return status;
}

static const struct part parts[] = {
    {.statement = "additive: Sigma^s = Sigma^x + Sigma^n, Sigma^d = Sigma^x",
     .measured = "E[x_1 x_1^T] and E[x_1 x_2^T] over every combination of a point and two noises "
                 "of drawn finite distributions; the larger error.",
     .controls = {"noise of nonzero mean", "both views share their noise"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5},
     .measure = measure_additive},
    {.statement = "multiplicative: Sigma^s = P Sigma^x P + tr(U^T Sigma^x U) U U^T, Sigma^d = "
                  "P Sigma^x P",
     .measured = "E[x_1 x_1^T] and E[x_1 x_2^T] for A = P + U B U^T, summed over every B of signs, "
                 "whose first and second moments equal the normal's; the larger error.",
     .controls = {"Sigma^s = Sigma^x, as printed", "the scrambled part left out of Sigma^s"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.0005},
     .measure = ncp_15_measure_multiplicative},
    {.statement = "surviving part: Sigma^d (Sigma^s)^{-1} = P for every positive definite Sigma^x",
     .measured = "The same moments; Sigma^x commutes with P on every second instance.",
     .controls = {"Sigma^s = Sigma^x as printed, P and Sigma^x not commuting"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.0005},
     .measure = measure_ratio},
};

const struct claim claim_ncp_15 = {
    .about = {.name = "NCP-15",
              .doc = "Noise adds to the covariance of a view, not to the covariance between views; "
                     "scrambling a subspace leaves both only the other one. The predictor then "
                     "keeps the projection on the subspace that is not scrambled, whether or not "
                     "it commutes with the covariance of the data.",
              .source = "[NCP] App. D.2",
              NCP_SETTINGS},
    .title = "Scrambling augmentations",
    .formula = "Sigma^s = Sigma^x + Sigma^n, Sigma^d = Sigma^x; Sigma^s = P Sigma^x P + "
               "tr(U^T Sigma^x U) U U^T, Sigma^d = P Sigma^x P",
    .hypotheses = "Additive: noise independent of x and between views, of mean 0. Multiplicative: "
                  "B of independent standard normal entries, independent between views.",
    ALL_PARTS(parts),
};
