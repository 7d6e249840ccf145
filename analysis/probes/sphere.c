/* sphere: alignment and uniformity of the outputs on the unit sphere, arXiv:2005.10242. */
#include "analysis/probes/probes.h"
#include "sim/net/batch.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>

enum {
    COUNT = 4 * BLOCK, /* samples that are evaluated at once */
    TILE = 64,         /* pairs are summed in tiles of TILE x TILE; divides COUNT */
};

struct sphere_settings {
    double alpha, t;
};

/* Of one thread. */
struct sphere_work {
    struct batch batch; /* x_1 and x_+ */
    struct views views;
    double *product; /* [TILE][TILE] of the outputs of two tiles */
};

struct sphere_state {
    const struct subject *subject;
    const struct sphere_settings *settings;
    size_t samples, paired; /* of alignment, of uniformity; at least 2 are paired */
    size_t batches, tiles, stride;
    struct sphere_work *work; /* [thread] */
    double *u;                /* [width][stride] f / |f| for x_1, the first `paired` samples */
    double *square;           /* [stride] |u|^2: 1, or 0 where f = 0 */
    double *apart, *near;     /* sums of [batch], of [tile], which are added up in this order */
    double alignment, uniformity;
};

static const char *applies(const struct subject *s)
{
    return s->exact ? "a flow draws no samples" : NULL;
}

/* ---- plan ---- */

static void layout_work(const struct subject *s, struct sphere_work *w, struct arena *arena)
{
    batch_layout_views(&w->batch, s->network, 2, COUNT, 0, arena);
    w->views = (struct views){.source = s->source, .world = s->world, .positives = 1, .count = 2};
    views_layout(&w->views, arena);
    w->product = ARENA_TAKE(arena, double, TILE *TILE);
}

static void layout(void *state, const struct subject *s, struct arena *arena)
{
    struct sphere_state *p = state;
    *p = (struct sphere_state){.subject = s,
                               .settings = probe_settings(s, "sphere"),
                               .samples = (size_t)s->settings->samples,
                               .paired = (size_t)s->settings->probe_samples};
    const size_t drawn = p->samples > p->paired ? p->samples : p->paired;
    p->batches = (drawn + COUNT - 1) / COUNT;
    p->tiles = (p->paired + TILE - 1) / TILE;
    p->stride = (p->paired + COUNT - 1) / COUNT * COUNT;
    p->work = ARENA_TAKE(arena, struct sphere_work, (size_t)s->threads);
    for (int i = 0; i < s->threads; i++) {
        struct sphere_work counted = {0}; /* it points into itself: laid out in place */
        layout_work(s, arena->base ? &p->work[i] : &counted, arena);
    }
    p->u = ARENA_TAKE(arena, double, (size_t)s->network->level[0].width * p->stride);
    p->square = ARENA_TAKE(arena, double, p->stride);
    p->apart = ARENA_TAKE(arena, double, p->batches);
    p->near = ARENA_TAKE(arena, double, p->tiles);
}

/* ---- outputs and alignment ---- */

/* 1 / |f| of one sample; 0 where f = 0, so that u = 0, too. */
static double inverse_norm(const struct outputs *o, int view, size_t sample)
{
    const double norm =
        cblas_dnrm2(o->width, o->f + output_index(o, view, 0, sample), (int)o->stride);
    return norm == 0 ? 0 : 1 / norm;
}

/* |u - u'|^alpha of one sample, whose u is kept if it is paired. */
static double add_sample(struct sphere_state *p, const struct outputs *o, size_t s, size_t place)
{
    const double inverse = inverse_norm(o, 0, s), inverse_plus = inverse_norm(o, 1, s);
    double apart = 0, square = 0;
    for (int k = 0; k < o->width; k++) {
        const double u = o->f[output_index(o, 0, k, s)] * inverse;
        const double between = u - o->f[output_index(o, 1, k, s)] * inverse_plus;
        apart += between * between;
        square += u * u;
        if (place < p->paired)
            p->u[(size_t)k * p->stride + place] = u;
    }
    if (place < p->paired)
        p->square[place] = square;
    return pow(apart, p->settings->alpha / 2);
}

static void add_batch(struct sphere_state *p, struct sphere_work *w, const struct snapshot *now,
                      size_t batch)
{
    const struct draw draw = {
        .seed = p->subject->seed, .purpose = PURPOSE_MEASURE, .epoch = now->epoch};
    const struct rows rows[] = {batch_rows(&w->batch, 0), batch_rows(&w->batch, 1)};
    const size_t first = batch * COUNT;
    views_fill(&w->views, draw, first, COUNT, rows, 2);
    batch_forward(&w->batch, now->parameters);
    p->apart[batch] = 0;
    for (size_t s = 0; s < COUNT; s++) {
        const double apart = add_sample(p, &w->batch.outputs, s, first + s);
        p->apart[batch] += first + s < p->samples ? apart : 0;
    }
}

/* ---- uniformity ---- */

/* Sum of exp(-t |u_i - u_j|^2) over i in `tile` and all j < i. */
static double sum_tile(const struct sphere_state *p, double *product, size_t tile)
{
    const size_t first = tile * TILE;
    const size_t end = first + TILE < p->paired ? first + TILE : p->paired;
    const int width = p->subject->network->level[0].width, stride = (int)p->stride;
    double sum = 0;
    for (size_t other = 0; other < end; other += TILE) {
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, TILE, TILE, width, 1, p->u + first,
                    stride, p->u + other, stride, 0, product, TILE);
        for (size_t i = first; i < end; i++)
            for (size_t j = other; j < i && j < other + TILE; j++) {
                const double cosine = product[(i - first) * TILE + j - other];
                sum += exp(-p->settings->t * (p->square[i] + p->square[j] - 2 * cosine));
            }
    }
    return sum;
}

static double sum_of(const double *value, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += value[i];
    return sum;
}

static enum status measure(void *state, const struct snapshot *now, struct error *err)
{
    struct sphere_state *p = state;
#pragma omp parallel for num_threads(now->threads) schedule(dynamic)
    for (size_t b = 0; b < p->batches; b++)
        add_batch(p, &p->work[omp_get_thread_num()], now, b);
        /* Tiles have more pairs the later they come. */
#pragma omp parallel for num_threads(now->threads) schedule(dynamic)
    for (size_t i = 0; i < p->tiles; i++)
        p->near[p->tiles - 1 - i] =
            sum_tile(p, p->work[omp_get_thread_num()].product, p->tiles - 1 - i);
    const double pairs = (double)p->paired * ((double)p->paired - 1) / 2;
    p->alignment = sum_of(p->apart, p->batches) / (double)p->samples;
    p->uniformity = log(sum_of(p->near, p->tiles) / pairs);
    return isfinite(p->alignment) && !isnan(p->uniformity)
               ? STATUS_OK
               : error_set(err, STATUS_DIVERGED, "the outputs are not finite");
}

static void quantities(const void *state, struct quantity_list *list)
{
    const struct sphere_state *p = state;
    struct quantity *alignment =
        quantity_add(list, "mean of |u - u_+|^alpha, u = f / |f|, over the two views of a sample",
                     "/series/embedding/alignment");
    alignment->value = &p->alignment;
    alignment->headline = "alignment on the sphere";
    struct quantity *uniformity =
        quantity_add(list, "log of the mean of exp(-t |u_i - u_j|^2) over pairs of samples",
                     "/series/embedding/uniformity");
    uniformity->value = &p->uniformity;
    uniformity->headline = "uniformity on the sphere";
}

static const struct measurement measurement = {
    .size = sizeof(struct sphere_state), .layout = layout, .measure = measure};

static const struct param params[] = {
    REAL_PARAM(struct sphere_settings, alpha, "2", POSITIVE, UNBOUNDED,
               "power of the distance in alignment"),
    REAL_PARAM(struct sphere_settings, t, "2", POSITIVE, UNBOUNDED,
               "how fast a pair's share in uniformity falls with its squared distance"),
    {0}};

const struct probe probe_sphere = {
    .about = {.name = "sphere",
              .doc = "Outputs on the unit sphere, u = f / |f|. Alignment is the mean of |u - "
                     "u_+|^alpha over measure.samples pairs of views: 0 where both views of a "
                     "sample have the same output. Uniformity is the log of the mean of exp(-t "
                     "|u_i - u_j|^2) over all pairs of measure.probe_samples samples: 0 where all "
                     "outputs are the same, and the lower, the more evenly they cover the sphere. "
                     "An output of 0 stays 0. Not in the default list.",
              .source = "Wang and Isola, arXiv:2005.10242",
              .params = params,
              .settings_size = sizeof(struct sphere_settings)},
    .applies = applies,
    .measurement = &measurement,
    .quantities = quantities,
};
