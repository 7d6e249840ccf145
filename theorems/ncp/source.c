#include "theorems/ncp/source.h"

#include "core/extreme.h"
#include "core/linalg.h"
#include "sim/data/sources/sources.h"
#include "sim/net/views.h"
#include "theorems/source_settings.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

/* ---- worlds ---- */

void ncp_source_close(struct ncp_source *e)
{
    if (e->world)
        e->source->close(e->world);
    free(e->x);
    free(e->length);
}

/* Sigma^x and Sigma^n are drawn, with eigenvalues from 0.2 to 1.5. */
enum status ncp_source_open(struct ncp_source *e, const struct trial *trial,
                            const struct source *source, size_t n, size_t k)
{
    struct opaque_settings settings = {.bytes = {0}};
    const struct descriptor *about = &source->about;
    const size_t square = n * n;
    *e = (struct ncp_source){.source = source, .n = n, .k = k};
    e->x = ncp_array(7 * square, trial->err);
    e->length = calloc(n, sizeof *e->length);
    if (!e->x || !e->length)
        return error_memory(trial->err, "covariances of %zu inputs", n);
    e->noise = e->x + square;
    e->same = e->noise + square;
    e->across = e->same + square;
    e->work = e->across + square;
    enum status status = ncp_symmetric(trial->rng, n, n, 0.2, 1.5, e->x, trial->err);
    if (!status)
        status = ncp_symmetric(trial->rng, n, n, 0.2, 1.5, e->noise, trial->err);
    matrix_symmetrise(n, e->x); /* to the last bit, as sources want it */
    matrix_symmetrise(n, e->noise);
    for (size_t i = 0; i < n; i++)
        e->length[i] = n;
    opaque_integer(about, &settings, "dimension", (int64_t)n);
    opaque_matrix(about, &settings, "signal", n, e->length, e->x);
    if (source == &source_gaussian)
        opaque_matrix(about, &settings, "noise", n, e->length, e->noise);
    else {
        opaque_integer(about, &settings, "scrambled", (int64_t)k);
        opaque_boolean(about, &settings, "along_inputs", true);
    }
    if (!status)
        status = source->open(&settings, gsl_rng_get(trial->rng), &e->world, trial->err);
    if (status)
        return status;
    source->moments(e->world, e->across, e->same); /* X, X' */
    for (size_t i = 0; i < square; i++)
        e->same[i] += e->across[i];
    return STATUS_OK;
}

/* One direction or two; at the edges both of two inputs, or the only one. */
enum status ncp_source_open_scrambling(struct ncp_source *e, const struct trial *trial, bool edges)
{
    size_t n = ncp_draw_size(trial);
    size_t k = n > 2 ? 1 + (size_t)gsl_rng_uniform_int(trial->rng, 2) : 1;
    if (edges && trial->instance % 5 == 4)
        n = k = 1 + (size_t)trial->instance / 5 % 2;
    return ncp_source_open(e, trial, &source_scrambling, n, k);
}

/* ---- the views that the engine draws ---- */

enum { CHUNK = 4096, CHUNKS = 4, DRAWN = CHUNK * CHUNKS };

/* Sums over samples of the products of entries a and b of two views, and of their squares */
static void add_products(size_t n, const double *one, const double *two, size_t stride,
                         size_t count, double *sum, double *square)
{
    for (size_t i = 0; i < n * n; i++)
        for (size_t s = 0; s < count; s++) {
            const double product = one[i / n * stride + s] * two[i % n * stride + s];
            sum[i] += product;
            square[i] += product * product;
        }
}

/* p-value of the largest distance of the means from their predictions, in standard errors; the
 * entries are counted as if they were independent, so that it is too large rather than too small.
 */
static double p_of_means(const double *mean, const double *square, const double *predicted,
                         size_t entries, double samples)
{
    double worst = 0;
    for (size_t i = 0; i < entries; i++) {
        const double variance = (square[i] - mean[i] * mean[i]) / samples;
        worst = larger(worst, fabs(mean[i] - predicted[i]) / sqrt(variance));
    }
    return smaller(1, 2 * (double)entries * gsl_cdf_ugaussian_Q(worst));
}

/* Means over DRAWN samples of view 0 with itself and with view `other`, 1, or 2, which is of
 * another
 * x */
static enum status mean_products(const struct ncp_source *e, const struct trial *trial, int other,
                                 double *sum, double *square)
{
    struct views views = {.source = e->source, .world = e->world, .positives = 1, .count = 3};
    const size_t entries = e->n * e->n;
    double *value = ncp_array(2 * e->n * CHUNK, trial->err);
    enum status status = value ? views_open(&views, trial->err) : STATUS_SYSTEM;
    const struct draw draw = {.seed = gsl_rng_get(trial->rng), .purpose = PURPOSE_CLAIM};
    for (size_t c = 0; c < CHUNKS && !status; c++) {
        double *two = value + e->n * CHUNK;
        const struct rows rows[] = {{.view = 0, .value = value, .stride = CHUNK},
                                    {.view = other, .value = two, .stride = CHUNK}};
        views_fill(&views, draw, c * CHUNK, CHUNK, rows, 2);
        add_products(e->n, value, value, CHUNK, CHUNK, sum, square);
        add_products(e->n, value, two, CHUNK, CHUNK, sum + entries, square + entries);
    }
    for (size_t i = 0; i < 2 * entries; i++) {
        sum[i] /= DRAWN;
        square[i] /= DRAWN;
    }
    views_close(&views);
    free(value);
    return status;
}

enum status ncp_source_drawn_p(const struct ncp_source *e, const struct trial *trial,
                               bool same_point, double *p)
{
    const size_t entries = e->n * e->n;
    double *sum = ncp_array(4 * entries, trial->err), *square = sum + 2 * entries;
    if (!sum)
        return STATUS_SYSTEM;
    enum status status = mean_products(e, trial, same_point ? 1 : 2, sum, square);
    plant(trial, sum, 2 * entries);
    if (!status) {
        double worst = p_of_means(sum, square, e->same, entries, DRAWN);
        *p = smaller(worst, p_of_means(sum + entries, square + entries, e->across, entries, DRAWN));
    }
    free(sum);
    return status;
}
