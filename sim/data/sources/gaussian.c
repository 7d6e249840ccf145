/* Normal data with additive normal noise, [NCP]. */
#include "sim/data/sources/covariance.h"
#include "sim/data/sources/sources.h"

#include <stdlib.h>
#include <string.h>

struct settings {
    struct signal_settings common;
    struct reals noise;
};

struct gaussian {
    struct covariance signal, noise;
};

static void close_world(void *world)
{
    struct gaussian *g = world;
    if (!g)
        return;
    covariance_free(&g->signal);
    covariance_free(&g->noise);
    free(g);
}

static enum status open_world(const void *settings, uint64_t seed, void **world, struct error *err)
{
    const struct settings *s = settings;
    const size_t n = (size_t)s->common.dimension;
    struct gaussian *g = calloc(1, sizeof *g);
    double *basis = NULL;
    *world = NULL;
    if (!g)
        return error_memory(err, "a data source");
    enum status status = signal_basis(&s->common, seed, &basis, err);
    if (!status)
        status = covariance_create(&g->signal, "data.signal", &s->common.signal, n, basis, err);
    if (!status)
        status = covariance_create(&g->noise, "data.noise", &s->noise, n, basis, err);
    free(basis);
    if (status)
        close_world(g);
    else
        *world = g;
    return status;
}

static struct observed observed(const void *world)
{
    const struct gaussian *g = world;
    return (struct observed){.leaves = g->signal.n};
}

static size_t scratch_size(const void *world)
{
    const struct gaussian *g = world;
    return 2 * g->signal.n * BLOCK * sizeof(double);
}

/* x_1 and its positives add noise to one x; the rest are of their own x. */
static void draw_views(const void *world, struct draw draw, int positives, int views, void *scratch,
                       struct samples block)
{
    const struct gaussian *g = world;
    const size_t size = g->signal.n * BLOCK;
    double *shared = scratch, *work = shared + size;
    for (int view = 0; view < views; view++) {
        double *out = block.value + (size_t)view * size;
        draw.view = (uint64_t)view;
        if (view_is_new(view, positives))
            covariance_draw(&g->signal, draw, 0, work, shared);
        covariance_draw(&g->noise, draw, g->signal.n, work, out);
        for (size_t i = 0; i < size; i++)
            out[i] += shared[i];
    }
}

static void moments(const void *world, double *x, double *x_prime)
{
    const struct gaussian *g = world;
    const size_t square = g->signal.n * g->signal.n;
    memcpy(x, g->signal.matrix, square * sizeof *x);
    memcpy(x_prime, g->noise.matrix, square * sizeof *x_prime);
}

static const struct param params[] = {
    SIGNAL_PARAMS,
    {.name = "noise",
     .type = PARAM_REALS,
     .fallback = "0.1",
     .low = -UNBOUNDED,
     .high = UNBOUNDED,
     .doc = "Sigma^n, the covariance of the noise of a view: given as signal is; one number is "
            "sigma^2",
     .offset = offsetof(struct settings, noise)},
    {0}};

const struct source source_gaussian = {
    .about = {.name = "gaussian",
              .doc = "Normal data and additive noise. A view is x + noise, x of covariance "
                     "Sigma^x, noise of covariance Sigma^n and its own for every view: X = "
                     "Sigma^x, X' = Sigma^n. The isotropic case of the theory is signal: 1 and "
                     "noise: sigma^2.",
              .source = "[NCP]",
              .params = params,
              .settings_size = sizeof(struct settings),
              .example = "data: {source: gaussian, dimension: 3, signal: [3, 1, 0.5], noise: 0.2, "
                         "rotated: true}"},
    .open = open_world,
    .close = close_world,
    .observed = observed,
    .scratch_size = scratch_size,
    .draw = draw_views,
    .moments = moments,
};
