#include "sim/loss/batch_loss.h"

void batch_loss_layout(struct batch_loss *b, const struct network *network,
                       const struct objective *objective, const void *settings, size_t samples,
                       int boundary, struct arena *arena)
{
    const int views = objective_views(objective, settings);
    *b = (struct batch_loss){.objective = objective, .settings = settings};
    batch_layout_views(&b->batch, network, views, samples, boundary, arena);
    batch_limit(&b->batch, objective_gradient_views(objective, settings));
    const size_t stride = b->batch.stride;
    b->shared = ARENA_TAKE(arena, double, objective_shared_size(objective, stride));
    b->scratch = ARENA_TAKE(arena, double, objective_scratch_size(objective, views, stride));
}

double batch_loss(struct batch_loss *b, double *parameters, double *gradient)
{
    const struct outputs *o = &b->batch.outputs;
    double totals[OBJECTIVE_PARTIALS], force;
    batch_forward(&b->batch, parameters);
    if (b->objective->scope == OBJECTIVE_PAIRWISE)
        objective_rows(b->objective, b->settings, o, 0, o->samples, b->shared, b->scratch);
    objective_gradient(b->objective, b->settings, o, 0, o->samples, b->shared, b->scratch, totals);
    double loss = objective_finish(b->objective, b->settings, o, totals, &force);
    for (size_t i = 0; i < output_index(o, o->views, 0, 0); i++)
        o->df[i] *= force;
    if (gradient)
        batch_backward(&b->batch, parameters, gradient);
    return loss;
}
