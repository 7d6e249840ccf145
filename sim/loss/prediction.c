#include "sim/loss/prediction.h"

#include "sim/net/network.h"

#include <string.h>

void prediction_layout(struct prediction *h, const struct predictor *predictor,
                       const struct needs *needs, size_t samples, size_t stride,
                       struct arena *arena)
{
    const size_t size = 2 * (size_t)predictor->width * stride;
    *h = (struct prediction){.needs = *needs};
    predictor_layout(&h->predictor, predictor, stride, arena);
    h->raw = ARENA_TAKE(arena, double, size);
    h->compared = (struct outputs){.samples = samples,
                                   .stride = stride,
                                   .width = predictor->width,
                                   .views = 2,
                                   .f = needs->cosine ? ARENA_TAKE(arena, double, size) : h->raw,
                                   .df = ARENA_TAKE(arena, double, size)};
}

/* Doubles of q, of t and of one view's outputs. */
static size_t view_size(const struct prediction *h)
{
    return (size_t)h->compared.width * h->compared.stride;
}

void prediction_forward(struct prediction *h, double *parameters, double *online,
                        const double *target)
{
    const size_t size = view_size(h);
    const struct outputs *o = &h->compared;
    predictor_forward(&h->predictor, parameters, online, h->raw);
    memcpy(h->raw + size, target, size * sizeof *h->raw);
    for (size_t view = 0; h->needs.cosine && view < 2; view++)
        normalize_forward(o->width, o->stride, o->stride, 0, h->raw + view * size,
                          (double *)o->f + view * size);
}

/* The predictor adds up all columns: those without a sample get 0. */
static void clear_padding(const struct outputs *o, size_t samples)
{
    for (size_t row = 0; row < 2 * (size_t)o->width; row++)
        memset(o->df + row * o->stride + samples, 0, (o->stride - samples) * sizeof *o->df);
}

void prediction_backward(struct prediction *h, double *parameters, double *online, size_t samples,
                         double *gradient, double *d_online, double *d_target)
{
    const size_t size = view_size(h);
    const struct outputs *o = &h->compared;
    for (size_t view = 0; h->needs.cosine && view < 2; view++)
        normalize_backward(o->width, o->stride, o->stride, 0, h->raw + view * size,
                           o->df + view * size, o->df + view * size);
    clear_padding(o, samples);
    predictor_backward(&h->predictor, parameters, online, o->df, gradient, d_online);
    if (d_target && h->needs.target == TARGET_ONLINE)
        memcpy(d_target, o->df + size, size * sizeof *d_target);
    else if (d_target)
        memset(d_target, 0, size * sizeof *d_target);
}
