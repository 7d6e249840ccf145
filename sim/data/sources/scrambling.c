/* Normal data with a scrambled subspace, [NCP] App. D.2. */
#include "core/linalg.h"
#include "sim/data/sources/covariance.h"
#include "sim/data/sources/sources.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct settings {
    struct signal_settings common;
    int64_t scrambled;
    bool along_inputs;
};

struct scrambling {
    struct covariance signal;
    size_t n, k;
    double *u;           /* U^T, orthonormal rows [k][n] */
    double *p;           /* P = I - U U^T, [n][n] */
    double *x, *x_prime; /* [n][n] */
    struct product project, embed;
    struct arena arena;
};

static void layout(struct scrambling *w, struct arena *arena)
{
    w->u = ARENA_TAKE(arena, double, w->k * w->n);
    w->p = ARENA_TAKE(arena, double, w->n * w->n);
    w->x = ARENA_TAKE(arena, double, w->n * w->n);
    w->x_prime = ARENA_TAKE(arena, double, w->n * w->n);
}

static enum status set_subspace(struct scrambling *w, bool along_inputs, uint64_t seed,
                                struct error *err)
{
    const int n = (int)w->n, k = (int)w->k;
    double *basis = NULL;
    if (!along_inputs) {
        enum status status = random_basis(seed, ONCE_SUBSPACE, w->n, &basis, err);
        if (status)
            return status;
    }
    for (size_t i = 0; i < w->k * w->n; i++)
        w->u[i] = basis ? basis[i] : i % (w->n + 1) == 0;
    free(basis);
    for (size_t i = 0; i < w->n; i++)
        w->p[i * w->n + i] = 1;
    matrix_product(TRANSPOSED, PLAIN, w->n, w->n, w->k, -1, w->u, w->u, 1, w->p);
    product_plan(&w->project, PRODUCT_FORWARD, k, n, BLOCK, BLOCK, n);
    product_plan(&w->embed, PRODUCT_BACKWARD, k, n, BLOCK, BLOCK, n);
    return STATUS_OK;
}

/* X = P Sigma^x P, X' = tr(U^T Sigma^x U) U U^T; erratum E4 */
static void set_moments(struct scrambling *w)
{
    const size_t n = w->n;
    double *half = w->x_prime, trace = 0;
    matrix_product(PLAIN, PLAIN, n, n, n, 1, w->p, w->signal.matrix, 0, half);
    matrix_product(PLAIN, PLAIN, n, n, n, 1, half, w->p, 0, w->x);
    for (size_t i = 0; i < w->n * w->n; i++) {
        double u_u = (i % (w->n + 1) == 0) - w->p[i];
        trace += u_u * w->signal.matrix[i];
        w->x_prime[i] = u_u;
    }
    for (size_t i = 0; i < w->n * w->n; i++)
        w->x_prime[i] *= trace;
}

static void close_world(void *world)
{
    struct scrambling *w = world;
    if (!w)
        return;
    covariance_free(&w->signal);
    arena_free(&w->arena);
    free(w);
}

static enum status fill_world(struct scrambling *w, const struct settings *s, uint64_t seed,
                              struct error *err)
{
    struct arena count = {0};
    double *basis = NULL;
    layout(w, &count);
    enum status status = arena_create(&w->arena, &count, err);
    if (!status) {
        layout(w, &w->arena);
        status = signal_basis(&s->common, seed, &basis, err);
    }
    if (!status)
        status = covariance_create(&w->signal, "data.signal", &s->common.signal, w->n, basis, err);
    if (!status)
        status = set_subspace(w, s->along_inputs, seed, err);
    if (!status)
        set_moments(w);
    free(basis);
    return status;
}

static enum status open_world(const void *settings, uint64_t seed, void **world, struct error *err)
{
    const struct settings *s = settings;
    *world = NULL;
    if (s->scrambled < 1 || s->scrambled > s->common.dimension)
        return error_key(err, "data.scrambled",
                         "data.scrambled is %lld of %lld dimensions; give 1 to %lld",
                         (long long)s->scrambled, (long long)s->common.dimension,
                         (long long)s->common.dimension);
    struct scrambling *w = calloc(1, sizeof *w);
    if (!w)
        return error_memory(err, "a data source");
    w->n = (size_t)s->common.dimension;
    w->k = (size_t)s->scrambled;
    enum status status = fill_world(w, s, seed, err);
    if (status)
        close_world(w);
    else
        *world = w;
    return status;
}

static struct observed observed(const void *world)
{
    const struct scrambling *w = world;
    return (struct observed){.leaves = w->n};
}

/* ---- samples ---- */

/* Shared by the views of one x, and workspace; in scratch. */
struct shared {
    double *x;      /* [n][BLOCK] */
    double *inside; /* U^T x, [k][BLOCK] */
    double *norm;   /* |U^T x|, [BLOCK] */
    double *change; /* [k][BLOCK] */
    double *work;   /* [n][BLOCK] */
};

static size_t scratch_size(const void *world)
{
    const struct scrambling *w = world;
    return (2 * w->n + 2 * w->k + 1) * BLOCK * sizeof(double);
}

static struct shared shared_in(const struct scrambling *w, double *scratch)
{
    struct shared s = {.x = scratch};
    s.work = s.x + w->n * BLOCK;
    s.inside = s.work + w->n * BLOCK;
    s.change = s.inside + w->k * BLOCK;
    s.norm = s.change + w->k * BLOCK;
    return s;
}

static void draw_shared(const struct scrambling *w, struct draw draw, const struct shared *s)
{
    covariance_draw(&w->signal, draw, 0, s->work, s->x);
    product_run(&w->project, w->u, s->x, s->inside);
    memset(s->norm, 0, BLOCK * sizeof *s->norm);
    for (size_t j = 0; j < w->k; j++)
        for (size_t i = 0; i < BLOCK; i++)
            s->norm[i] += s->inside[j * BLOCK + i] * s->inside[j * BLOCK + i];
    for (size_t i = 0; i < BLOCK; i++)
        s->norm[i] = sqrt(s->norm[i]);
}

/* A x = x + U (B y - y), y = U^T x.  B y given y is normal of covariance |y|^2 I, and no other view
 * has this B: k numbers take the place of its k^2. */
static void draw_view(const struct scrambling *w, struct draw draw, const struct shared *s,
                      double *out)
{
    for (size_t j = 0; j < w->k; j++) {
        double *change = s->change + j * BLOCK;
        normal_row(draw, w->n + j, change);
        for (size_t i = 0; i < BLOCK; i++)
            change[i] = s->norm[i] * change[i] - s->inside[j * BLOCK + i];
    }
    product_run(&w->embed, w->u, out, s->change);
    for (size_t i = 0; i < w->n * BLOCK; i++)
        out[i] += s->x[i];
}

/* x_1 and its positives scramble one x; the rest are of their own x. */
static void draw_views(const void *world, struct draw draw, int positives, int views, void *scratch,
                       struct samples block)
{
    const struct scrambling *w = world;
    const struct shared shared = shared_in(w, scratch);
    for (int view = 0; view < views; view++) {
        draw.view = (uint64_t)view;
        if (view_is_new(view, positives))
            draw_shared(w, draw, &shared);
        draw_view(w, draw, &shared, block.value + (size_t)view * w->n * BLOCK);
    }
}

static void moments(const void *world, double *x, double *x_prime)
{
    const struct scrambling *w = world;
    memcpy(x, w->x, w->n * w->n * sizeof *x);
    memcpy(x_prime, w->x_prime, w->n * w->n * sizeof *x_prime);
}

static const struct param params[] = {
    SIGNAL_PARAMS,
    INTEGER_PARAM(struct settings, scrambled, "8", 1, SOURCE_MAX_INPUTS,
                  "k: dimensions of the subspace that is scrambled"),
    BOOLEAN_PARAM(struct settings, along_inputs, "false",
                  "whether that subspace is the first k inputs; else it is drawn with the seed"),
    {0}};

const struct source source_scrambling = {
    .about =
        {.name = "scrambling",
         .doc = "Normal data of which a subspace is scrambled. A view is A x, A = P + U B "
                "U^T, with k x k independent standard normal numbers B, its own for every "
                "view: X = P Sigma^x P, X' = tr(U^T Sigma^x U) U U^T.",
         .source = "[NCP] App. D.2; erratum E4",
         .params = params,
         .settings_size = sizeof(struct settings),
         .example =
             "data: {source: scrambling, dimension: 5, scrambled: 2, signal: [4, 3, 2, 1, 0.5]}"},
    .open = open_world,
    .close = close_world,
    .observed = observed,
    .scratch_size = scratch_size,
    .draw = draw_views,
    .moments = moments,
};
