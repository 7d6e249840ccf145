#include "sim/data/sources/covariance.h"

#include "core/linalg.h"

#include <math.h>

/* ---- what the spec says ---- */

static enum status read_spectrum(struct covariance *c, const char *key, const struct reals *given,
                                 struct error *err)
{
    if (given->rank == 1 && given->length[0] != c->n)
        return error_key(err, key,
                         "%s lists %zu eigenvalues for %zu inputs; give one number, %zu "
                         "eigenvalues, or a list of %zu lists",
                         key, given->length[0], c->n, c->n, c->n);
    for (size_t i = 0; i < c->n; i++) {
        double value = given->value[given->rank == 1 ? i : 0];
        if (!(isfinite(value) && value >= 0))
            return error_key(err, key,
                             "%s has the eigenvalue %g; a covariance has finite eigenvalues of at "
                             "least 0",
                             key, value);
        c->matrix[i * c->n + i] = value;
    }
    return STATUS_OK;
}

static enum status read_matrix(struct covariance *c, const char *key, const struct reals *given,
                               struct error *err)
{
    const size_t n = c->n;
    if (given->rows != n)
        return error_key(err, key, "%s has %zu rows for %zu inputs; give %zu rows of %zu numbers",
                         key, given->rows, n, n, n);
    for (size_t i = 0; i < n; i++)
        if (given->length[i] != n)
            return error_key(err, key, "row %zu of %s has %zu numbers for %zu inputs; give %zu", i,
                             key, given->length[i], n, n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double here = given->value[i * n + j], across = given->value[j * n + i];
            if (!(isfinite(here) && here == across))
                return error_key(err, key,
                                 "%s is not symmetric: %g in row %zu, column %zu and %g across; a "
                                 "covariance is symmetric and finite",
                                 key, here, i, j, across);
            c->matrix[i * n + j] = here;
        }
    return STATUS_OK;
}

/* ---- what is computed from it ---- */

/* matrix = basis^T matrix basis; uses `factor` */
static void turn(struct covariance *c, const double *basis)
{
    const size_t n = c->n;
    matrix_product(PLAIN, PLAIN, n, n, n, 1, c->matrix, basis, 0, c->factor);
    matrix_product(TRANSPOSED, PLAIN, n, n, n, 1, basis, c->factor, 0, c->matrix);
    for (size_t i = 0; i < c->n; i++)
        for (size_t j = 0; j < i; j++)
            c->matrix[i * c->n + j] = c->matrix[j * c->n + i];
}

static bool is_diagonal(const struct covariance *c)
{
    for (size_t i = 0; i < c->n; i++)
        for (size_t j = 0; j < i; j++)
            if (c->matrix[i * c->n + j] != 0)
                return false;
    return true;
}

/* Eigenvalues into `sd`, and rows of eigenvectors into `factor` unless the inputs are them. */
static enum status decompose(struct covariance *c, struct error *err)
{
    const size_t n = c->n;
    if (is_diagonal(c)) {
        c->factor = NULL;
        for (size_t i = 0; i < n; i++)
            c->sd[i] = c->matrix[i * n + i];
        return STATUS_OK;
    }
    for (size_t i = 0; i < n * n; i++)
        c->factor[i] = c->matrix[i];
    return symmetric_eigen((int)n, c->factor, c->sd, 1, err);
}

/* Square roots of the eigenvalues into `sd`, and into the rows of `factor`. */
static enum status take_root(struct covariance *c, const char *key, struct error *err)
{
    const size_t n = c->n;
    double least = INFINITY, largest = 0;
    for (size_t i = 0; i < n; i++) {
        least = fmin(least, c->sd[i]);
        largest = fmax(largest, c->sd[i]);
    }
    if (least < -1e-12 * largest)
        return error_key(err, key,
                         "%s is not positive semi-definite: its least eigenvalue is %g; a "
                         "covariance has none below 0",
                         key, least);
    for (size_t i = 0; i < n; i++) {
        c->sd[i] = sqrt(fmax(0, c->sd[i]));
        for (size_t j = 0; c->factor && j < n; j++)
            c->factor[i * n + j] *= c->sd[i];
    }
    return STATUS_OK;
}

static void layout(struct covariance *c, struct arena *arena)
{
    c->matrix = ARENA_TAKE(arena, double, c->n * c->n);
    c->factor = ARENA_TAKE(arena, double, c->n * c->n);
    c->sd = ARENA_TAKE(arena, double, c->n);
}

enum status covariance_create(struct covariance *c, const char *key, const struct reals *given,
                              size_t n, const double *basis, struct error *err)
{
    *c = (struct covariance){.n = n};
    struct arena count = {0};
    layout(c, &count);
    enum status status = arena_create(&c->arena, &count, err);
    if (status)
        return status;
    layout(c, &c->arena);
    status = given->rank == 2 ? read_matrix(c, key, given, err) : read_spectrum(c, key, given, err);
    if (!status && basis && given->rank > 0)
        turn(c, basis);
    if (!status)
        status = decompose(c, err);
    if (!status)
        status = take_root(c, key, err);
    if (status)
        covariance_free(c);
    else
        product_plan(&c->product, PRODUCT_BACKWARD, (int)n, (int)n, BLOCK, BLOCK, (int)n);
    return status;
}

void covariance_free(struct covariance *c)
{
    arena_free(&c->arena);
}

void covariance_draw(const struct covariance *c, struct draw draw, uint64_t lane, double *work,
                     double *out)
{
    for (size_t i = 0; i < c->n; i++) {
        double *row = (c->factor ? work : out) + i * BLOCK;
        normal_row(draw, lane + i, row);
        for (size_t s = 0; !c->factor && s < BLOCK; s++)
            row[s] *= c->sd[i];
    }
    if (c->factor)
        product_run(&c->product, c->factor, out, work);
}

enum status signal_basis(const struct signal_settings *settings, uint64_t seed, double **basis,
                         struct error *err)
{
    *basis = NULL;
    if (!settings->rotated)
        return STATUS_OK;
    return random_basis(seed, ONCE_ROTATION, (size_t)settings->dimension, basis, err);
}
