#include "sim/train/trainer_private.h"

void trainer_state(struct trainer *t, struct state_list *list)
{
    const size_t parameters = t->plan.network->parameters;
    const size_t slots = (size_t)t->plan.optimiser->slots;
    state_natural(list, &t->step, UINT64_MAX, "trainer/step");
    state_natural(list, &t->slab, supply_slabs(&t->supply, t->steps) - 1, "trainer/slab");
    state_reals(list, parameters, t->parameters, "trainer/parameters");
    state_reals(list, slots * t->parameter_stride, t->state, "trainer/optimiser");
    state_reals(list, (size_t)t->blocks, t->block_loss, "trainer/block_loss");
    if (t->target)
        state_reals(list, parameters, t->target, "trainer/target");
    if (predicts(t))
        predictor_trainer_state(&t->predictor, list);
    if (t->plan.objective->form->state)
        t->plan.objective->form->state(&t->loss, list);
}
