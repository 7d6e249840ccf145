/* NCP-15: augmentations that scramble */
#include "core/extreme.h"
#include "sim/data/sources/sources.h"
#include "theorems/claims.h"
#include "theorems/ncp/source.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- covariances ---- */

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
        *error = larger(relative_error(measured, predicted, square),
                        relative_error(measured + square, predicted + square, square));
    }
    free(data.x);
    free(noise.x);
    free(measured);
    return status;
}

static enum status measure_additive(const struct trial *trial, struct reading *reading)
{
    const bool keep = trial->restored;
    size_t n = trial->instance % 5 == 4 ? 1 : ncp_draw_size(trial);
    enum status status = additive_error(trial, n, true, false, &reading->error);
    if (!status)
        status = additive_error(trial, n, keep, false, &reading->control[0]);
    if (!status)
        status = additive_error(trial, n, true, !keep, &reading->control[1]);
    return status;
}

/* ---- multiplicative ---- */

/* Ways of drawing B: the claimed one, and others. */
struct scramble {
    double sd;   /* of its entries */
    bool shared; /* both views have the same B */
};

/* A = P + U B U^T for signs `bits` of B.  B enters second moments only through its own first and
 * second moments, and signs +-1 (the two-point Gauss-Hermite rule) have the normal's, so that sums
 * over all of them are exact. */
static void scramble_with(const struct ncp_source *e, unsigned bits, double sd, double *a)
{
    memset(a, 0, e->n * e->n * sizeof *a);
    for (size_t i = e->k; i < e->n; i++)
        a[i * e->n + i] = 1;
    for (size_t b = 0; b < e->k * e->k; b++)
        a[b / e->k * e->n + b % e->k] = bits >> b & 1 ? sd : -sd;
}

/* out += weight A Sigma^x B^T */
static void add_view_moment(const struct ncp_source *e, double weight, const double *a,
                            const double *b, double *out)
{
    double *half = e->work + 2 * e->n * e->n;
    matrix_product(PLAIN, PLAIN, e->n, e->n, e->n, 1, a, e->x, 0, half);
    matrix_product(PLAIN, TRANSPOSED, e->n, e->n, e->n, weight, half, b, 1, out);
}

/* same, across: [n][n] */
static void scrambled_moments(const struct ncp_source *e, struct scramble how, double *same,
                              double *across)
{
    const unsigned count = 1u << (e->k * e->k);
    double *a = e->work, *b = a + e->n * e->n;
    memset(same, 0, e->n * e->n * sizeof *same);
    memset(across, 0, e->n * e->n * sizeof *across);
    for (unsigned i = 0; i < count; i++) {
        scramble_with(e, i, how.sd, a);
        add_view_moment(e, 1.0 / count, a, a, same);
        for (unsigned j = 0; j < count; j++) {
            scramble_with(e, j, how.sd, b);
            if (!how.shared || j == i)
                add_view_moment(e, how.shared ? 1.0 / count : 1.0 / count / count, a, b, across);
        }
    }
}

/* Both moments over every B against those of the source */
static enum status multiplicative_error(const struct trial *trial, const struct ncp_source *e,
                                        struct scramble how, double *error)
{
    const size_t square = e->n * e->n;
    double *measured = ncp_array(2 * square, trial->err);
    if (!measured)
        return STATUS_SYSTEM;
    scrambled_moments(e, how, measured, measured + square);
    plant(trial, measured, 2 * square);
    *error = larger(relative_error(measured, e->same, square),
                    relative_error(measured + square, e->across, square));
    free(measured);
    return STATUS_OK;
}

static enum status measure_multiplicative(const struct trial *trial, struct reading *reading)
{
    struct ncp_source e;
    struct scramble wide = {.sd = gsl_ran_flat(trial->rng, 1.2, 2)};
    struct scramble shared = {.sd = 1, .shared = !trial->restored};
    wide.sd = trial->restored ? 1 : wide.sd;
    enum status status = ncp_source_open_scrambling(&e, trial, true);
    if (!status)
        status = multiplicative_error(trial, &e, (struct scramble){.sd = 1}, &reading->error);
    if (!status)
        status = multiplicative_error(trial, &e, wide, &reading->control[0]);
    if (!status)
        status = multiplicative_error(trial, &e, shared, &reading->control[1]);
    ncp_source_close(&e);
    return status;
}

/* ---- the predictor ---- */

/* across same^{-1} over every B against P */
static enum status ratio_error(const struct trial *trial, const struct ncp_source *e,
                               struct scramble how, double *error)
{
    const size_t n = e->n, square = n * n;
    double *same = ncp_array(4 * square, trial->err);
    if (!same)
        return STATUS_SYSTEM;
    double *across = same + square, *inverse = across + square, *p = inverse + square;
    scrambled_moments(e, how, same, across);
    for (size_t i = e->k; i < n; i++)
        p[i * n + i] = 1;
    enum status status = ncp_inverse(n, same, inverse, trial->err);
    matrix_product(PLAIN, PLAIN, n, n, n, 1, across, inverse, 0, same);
    plant(trial, same, square);
    *error = relative_error(same, p, square);
    free(same);
    return status;
}

static enum status measure_ratio(const struct trial *trial, struct reading *reading)
{
    struct ncp_source e;
    const struct scramble shared = {.sd = 1, .shared = !trial->restored};
    enum status status = ncp_source_open_scrambling(&e, trial, false);
    if (!status)
        status = ratio_error(trial, &e, (struct scramble){.sd = 1}, &reading->error);
    if (!status)
        status = ratio_error(trial, &e, shared, &reading->control[0]);
    ncp_source_close(&e);
    return status;
}

static enum status measure_drawn(const struct trial *trial, struct reading *reading)
{
    struct ncp_source e;
    enum status status = trial->instance % 2
                             ? ncp_source_open(&e, trial, &source_gaussian, ncp_draw_size(trial), 0)
                             : ncp_source_open_scrambling(&e, trial, false);
    if (!status)
        status = ncp_source_drawn_p(&e, trial, true, &reading->error);
    if (!status)
        status = ncp_source_drawn_p(&e, trial, trial->restored, &reading->control[0]);
    ncp_source_close(&e);
    return status;
}

static const struct part parts[] = {
    {.statement = "additive: Sigma^s = Sigma^x + Sigma^n, Sigma^d = Sigma^x",
     .measured = "E[x_1 x_1^T] and E[x_1 x_2^T] over every combination of a point and two noises "
                 "of drawn finite distributions; the larger error. Some have one input.",
     .controls = {"noise of nonzero mean", "both views share their noise"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5},
     .measure = measure_additive},
    {.statement = "multiplicative: Sigma^s = P Sigma^x P + tr(U^T Sigma^x U) U U^T, Sigma^d = "
                  "P Sigma^x P",
     .measured = "Left: E[x_1 x_1^T] and E[x_1 x_2^T] for A = P + U B U^T, summed over every B of "
                 "signs, whose first and second moments equal the normal's. Right: the moments by "
                 "which the source scrambling takes part in the flows. The larger error. In some "
                 "instances every input is scrambled.",
     .controls = {"entries of B of standard deviation 1.2 to 2", "both views share their B"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.0005},
     .measure = measure_multiplicative},
    {.statement = "surviving part: Sigma^d (Sigma^s)^{-1} = P for every positive definite Sigma^x",
     .measured = "The same sums over every B, Sigma^x drawn: it does not commute with P.",
     .controls = {"both views share their B"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.0005},
     .measure = measure_ratio},
    {.statement = "views: those that the sources draw have these Sigma^s and Sigma^d",
     .measured = "16384 samples of the source scrambling, or gaussian for additive noise, in turn, "
                 "drawn as training draws them: the largest distance of the mean of x_1 x_1^T and "
                 "of x_1 x_2^T from the formulas in standard errors, as a p-value.",
     .controls = {"the second view is of another x"},
     .kind = PART_TEST,
     .plan = {.instances = 10, .quick = 2, .cost = 0.02},
     .measure = measure_drawn},
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
