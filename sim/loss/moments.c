/* Chunk by chunk: sums of z; then, with the mean of all, products of z - c; once: the loss and its
 * derivative D by the products, so that
 *
 *     d loss / d z = (D + D^T)(z - c) / samples
 *
 * is a product of matrices again.  Sums go over chunks in their order. */
#include "sim/loss/moments.h"

#include <cblas.h>
#include <string.h>

struct memory {
    size_t size;               /* 2 width */
    double *sum, *distance;    /* [chunk][size], [chunk] */
    double *centred;           /* [size][stride] z - c */
    double *product;           /* [chunk][size][size] */
    struct batch_moments m, d; /* d.product becomes (D + D^T) / samples */
    double loss;
};

static struct needs needs(const void *of, const void *settings)
{
    (void)of, (void)settings;
    return (struct needs){.positives = 1, .views = 2, .gradient_views = 2, .whole_batch = true};
}

static size_t chunks_of(const struct loss *l)
{
    return (l->plan.samples + l->plan.chunk - 1) / l->plan.chunk;
}

static void *layout(const struct loss *l, struct arena *arena)
{
    const size_t size = 2 * (size_t)l->plan.width, chunks = chunks_of(l);
    struct memory *state = ARENA_TAKE(arena, struct memory, 1);
    struct memory taken = {.size = size,
                           .sum = ARENA_TAKE(arena, double, chunks *size),
                           .distance = ARENA_TAKE(arena, double, chunks),
                           .centred = ARENA_TAKE(arena, double, size * l->plan.stride),
                           .product = ARENA_TAKE(arena, double, chunks *size *size),
                           .m = {.width = l->plan.width, .samples = l->plan.samples}};
    taken.d = taken.m;
    taken.m.mean = ARENA_TAKE(arena, double, size);
    taken.m.product = ARENA_TAKE(arena, double, size *size);
    taken.d.product = ARENA_TAKE(arena, double, size *size);
    if (state)
        *state = taken;
    return state;
}

static size_t index_of(const struct loss *l, const struct chunk *c)
{
    return c->begin / l->plan.chunk;
}

static void chunk(const struct loss *l, const struct chunk *c)
{
    const struct memory *m = l->state;
    const struct outputs *o = c->outputs;
    const size_t half = m->size / 2 * o->stride;
    double *sum = m->sum + index_of(l, c) * m->size, distance = 0;
    for (size_t i = 0; i < m->size; i++) {
        const double *z = o->f + i * o->stride;
        sum[i] = 0;
        for (size_t s = c->begin; s < c->end; s++)
            sum[i] += z[s];
        for (size_t s = c->begin; i < m->size / 2 && s < c->end; s++)
            distance += (z[s] - z[s + half]) * (z[s] - z[s + half]);
    }
    m->distance[index_of(l, c)] = distance;
}

/* Entry i of the mean over all chunks. */
static double mean_of(const struct loss *l, size_t i)
{
    const struct memory *m = l->state;
    double sum = 0;
    for (size_t c = 0; c < chunks_of(l); c++)
        sum += m->sum[c * m->size + i];
    return sum / (double)l->plan.samples;
}

static void rows(const struct loss *l, const struct chunk *c)
{
    const struct memory *m = l->state;
    const struct of_moments *of = l->plan.objective->of;
    const struct outputs *o = c->outputs;
    const bool centred = of->centred(l->plan.settings);
    const int size = (int)m->size, stride = (int)o->stride;
    for (size_t i = 0; i < m->size; i++) {
        const double shift = centred ? mean_of(l, i) : 0;
        for (size_t s = c->begin; s < c->end; s++)
            m->centred[i * o->stride + s] = o->f[i * o->stride + s] - shift;
    }
    const double *z = m->centred + c->begin;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, size, size, (int)(c->end - c->begin), 1, z,
                stride, z, stride, 0, m->product + index_of(l, c) * m->size * m->size, size);
}

static void add_up(const struct loss *l, struct memory *m)
{
    const double share = 1 / (double)l->plan.samples;
    m->m.distance = 0;
    memset(m->m.product, 0, m->size * m->size * sizeof *m->m.product);
    for (size_t i = 0; i < m->size; i++)
        m->m.mean[i] = mean_of(l, i);
    for (size_t c = 0; c < chunks_of(l); c++) {
        const double *product = m->product + c * m->size * m->size;
        m->m.distance += share * m->distance[c];
        for (size_t i = 0; i < m->size * m->size; i++)
            m->m.product[i] += share * product[i];
    }
}

static void whole(const struct loss *l, const struct outputs *o, size_t step)
{
    (void)o, (void)step;
    struct memory *m = l->state;
    const struct of_moments *of = l->plan.objective->of;
    add_up(l, m);
    m->d.distance = 0;
    memset(m->d.product, 0, m->size * m->size * sizeof *m->d.product);
    m->loss = of->loss(l->plan.settings, &m->m, &m->d);
    for (size_t i = 0; i < m->size; i++)
        for (size_t j = 0; j <= i; j++) {
            double *a = &m->d.product[i * m->size + j], *b = &m->d.product[j * m->size + i];
            *a = *b = (*a + *b) / (double)l->plan.samples;
        }
}

static void gradient(const struct loss *l, const struct chunk *c, double partial[LOSS_PARTIALS])
{
    (void)partial;
    const struct memory *m = l->state;
    const struct outputs *o = c->outputs;
    const int size = (int)m->size, stride = (int)o->stride;
    const size_t half = m->size / 2 * o->stride;
    const double pull = 2 * m->d.distance / (double)o->samples;
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size, (int)(c->end - c->begin), size, 1,
                m->d.product, size, m->centred + c->begin, stride, 0, o->df + c->begin, stride);
    for (size_t i = 0; i < m->size / 2; i++)
        for (size_t s = i * o->stride + c->begin; s < i * o->stride + c->end; s++) {
            const double force = pull * (o->f[s] - o->f[s + half]);
            o->df[s] += force;
            o->df[s + half] -= force;
        }
}

static double finish(const struct loss *l, const struct outputs *o,
                     const double totals[LOSS_PARTIALS], double *scale)
{
    (void)o, (void)totals, (void)scale;
    return ((const struct memory *)l->state)->loss;
}

const struct form form_moments = {.needs = needs,
                                  .layout = layout,
                                  .chunk = chunk,
                                  .rows = rows,
                                  .whole = whole,
                                  .gradient = gradient,
                                  .finish = finish};
