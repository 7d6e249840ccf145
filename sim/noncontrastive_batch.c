#include "sim/noncontrastive_batch.h"

#include <string.h>

void ema_step(size_t count, double gamma, const double *online, double *target)
{
    for (size_t i = 0; i < count; i++) /* gamma = 0 exactly: the sum below would round */
        target[i] = gamma == 0 ? online[i] : target[i] + (1 - gamma) * (online[i] - target[i]);
}

void noncontrastive_batch_layout(struct noncontrastive_batch *b, const struct network *network,
                                 const struct predictor *predictor,
                                 const struct objective *objective, const void *settings,
                                 size_t samples, int boundary, struct arena *arena)
{
    *b = (struct noncontrastive_batch){.objective = objective, .settings = settings};
    bool second = objective->target == TARGET_NETWORK;
    batch_layout_views(&b->online, network, second ? 1 : 2, samples, boundary, arena);
    if (second)
        batch_layout_views(&b->target, network, 1, samples, boundary, arena);
    const size_t stride = b->online.stride, size = 2 * (size_t)network->level[0].width * stride;
    predictor_layout(&b->predictor, predictor, stride, arena);
    b->raw = ARENA_TAKE(arena, double, size);
    b->compared =
        (struct outputs){.samples = samples,
                         .stride = stride,
                         .width = network->level[0].width,
                         .views = 2,
                         .f = objective->cosine ? ARENA_TAKE(arena, double, size) : b->raw,
                         .df = ARENA_TAKE(arena, double, size)};
    b->scratch = ARENA_TAKE(arena, double, objective_scratch_size(objective, 2, stride));
}

struct batch *noncontrastive_batch_view(struct noncontrastive_batch *b, int view, int *at)
{
    bool second = view == 1 && b->objective->target == TARGET_NETWORK;
    *at = second ? 0 : view;
    return second ? &b->target : &b->online;
}

/* Doubles of q, of t and of one view's outputs. */
static size_t view_size(const struct noncontrastive_batch *b)
{
    return (size_t)b->compared.width * b->compared.stride;
}

/* q and t, then what of them the objective compares */
static void forward(struct noncontrastive_batch *b, const struct noncontrastive_parameters *p)
{
    const size_t size = view_size(b);
    const struct outputs *o = &b->compared;
    int at;
    const struct batch *target = noncontrastive_batch_view(b, 1, &at);
    batch_forward(&b->online, p->trunk);
    if (target == &b->target)
        batch_forward(&b->target, p->target);
    predictor_forward(&b->predictor, p->predictor, (double *)b->online.outputs.f, b->raw);
    memcpy(b->raw + size, target->outputs.f + (size_t)at * size, size * sizeof *b->raw);
    for (size_t view = 0; b->objective->cosine && view < 2; view++)
        normalize_forward(o->width, o->stride, o->stride, 0, b->raw + view * size,
                          (double *)o->f + view * size);
}

static void backward(struct noncontrastive_batch *b, const struct noncontrastive_parameters *p,
                     double *trunk, double *predictor)
{
    const size_t size = view_size(b);
    const struct outputs *o = &b->compared;
    const struct predictor *shape = b->predictor.predictor;
    double *df = b->online.outputs.df;
    for (size_t view = 0; b->objective->cosine && view < 2; view++)
        normalize_backward(o->width, o->stride, o->stride, 0, b->raw + view * size,
                           o->df + view * size, o->df + view * size);
    memset(predictor, 0, shape->parameters * sizeof *predictor);
    predictor_backward(&b->predictor, p->predictor, (double *)b->online.outputs.f, o->df, predictor,
                       df);
    predictor_project(shape, predictor);
    if (b->objective->target == TARGET_ONLINE)
        memcpy(df + size, o->df + size, size * sizeof *df);
    else if (b->objective->target == TARGET_STOPPED)
        memset(df + size, 0, size * sizeof *df);
    batch_backward(&b->online, p->trunk, trunk);
}

double noncontrastive_batch_loss(struct noncontrastive_batch *b,
                                 const struct noncontrastive_parameters *p, double *trunk,
                                 double *predictor)
{
    double totals[OBJECTIVE_PARTIALS], force;
    forward(b, p);
    objective_gradient(b->objective, b->settings, &b->compared, 0, b->compared.samples, NULL,
                       b->scratch, totals);
    if (trunk && predictor)
        backward(b, p, trunk, predictor);
    return objective_finish(b->objective, b->settings, &b->compared, totals, &force);
}
