#include "sim/loss/noncontrastive_batch.h"

#include <string.h>

void noncontrastive_batch_layout(struct noncontrastive_batch *b, const struct network *network,
                                 const struct predictor *predictor,
                                 const struct objective *objective, const void *settings,
                                 size_t samples, int boundary, struct arena *arena)
{
    const struct needs needs = objective_needs(objective, settings);
    bool second = needs.target == TARGET_NETWORK;
    batch_layout_views(&b->online, network, second ? 1 : 2, samples, boundary, arena);
    if (second)
        batch_layout_views(&b->target, network, 1, samples, boundary, arena);
    prediction_layout(&b->prediction, predictor, &needs, samples, b->online.stride, arena);
    loss_layout(&b->loss,
                &(struct loss_plan){.objective = objective,
                                    .settings = settings,
                                    .width = network->level[0].width,
                                    .samples = samples,
                                    .stride = b->online.stride},
                arena);
}

struct batch *noncontrastive_batch_view(struct noncontrastive_batch *b, int view, int *at)
{
    bool second = view == 1 && b->prediction.needs.target == TARGET_NETWORK;
    *at = second ? 0 : view;
    return second ? &b->target : &b->online;
}

/* Doubles of one view's outputs. */
static size_t view_size(const struct noncontrastive_batch *b)
{
    return (size_t)b->prediction.compared.width * b->prediction.compared.stride;
}

static void forward(struct noncontrastive_batch *b, const struct noncontrastive_parameters *p)
{
    int at;
    const struct batch *target = noncontrastive_batch_view(b, 1, &at);
    batch_forward(&b->online, p->trunk);
    if (target == &b->target)
        batch_forward(&b->target, p->target);
    prediction_forward(&b->prediction, p->predictor, (double *)b->online.outputs.f,
                       target->outputs.f + (size_t)at * view_size(b));
}

static void backward(struct noncontrastive_batch *b, const struct noncontrastive_parameters *p,
                     double *trunk, double *predictor)
{
    const struct predictor *shape = b->prediction.predictor.predictor;
    double *df = b->online.outputs.df;
    memset(predictor, 0, shape->parameters * sizeof *predictor);
    prediction_backward(&b->prediction, p->predictor, (double *)b->online.outputs.f,
                        b->online.samples, predictor, df,
                        b->online.outputs.views > 1 ? df + view_size(b) : NULL);
    predictor_project(shape, predictor);
    batch_backward(&b->online, p->trunk, trunk);
}

double noncontrastive_batch_loss(struct noncontrastive_batch *b,
                                 const struct noncontrastive_parameters *p, double *trunk,
                                 double *predictor)
{
    forward(b, p);
    const double loss = loss_evaluate(&b->loss, &b->prediction.compared);
    if (trunk && predictor)
        backward(b, p, trunk, predictor);
    return loss;
}
