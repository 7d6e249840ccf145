#include "sim/loss/batch_loss.h"

void batch_loss_layout(struct batch_loss *b, const struct network *network,
                       const struct objective *objective, const void *settings, size_t samples,
                       int boundary, struct arena *arena)
{
    const struct needs needs = objective_needs(objective, settings);
    batch_layout_views(&b->batch, network, needs.views, samples, boundary, arena);
    batch_limit(&b->batch, needs.gradient_views);
    loss_layout(&b->loss,
                &(struct loss_plan){.objective = objective,
                                    .settings = settings,
                                    .width = network->level[0].width,
                                    .samples = samples,
                                    .stride = b->batch.stride},
                arena);
}

double batch_loss(struct batch_loss *b, double *parameters, double *gradient)
{
    batch_forward(&b->batch, parameters);
    const double loss = loss_evaluate(&b->loss, &b->batch.outputs);
    if (gradient)
        batch_backward(&b->batch, parameters, gradient);
    return loss;
}
