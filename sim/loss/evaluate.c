#include "sim/loss/objective.h"

struct needs objective_needs(const struct objective *objective, const void *settings)
{
    return objective->form->needs(objective->of, settings);
}

enum status objective_check(const struct objective *objective, const void *settings,
                            int64_t samples, int64_t batch, struct error *err)
{
    if (objective_needs(objective, settings).whole_batch && batch < 2)
        return error_key(err, "train.batch",
                         "objective %s compares the samples of a batch; train.batch must be at "
                         "least 2",
                         objective->about.name);
    return objective->form->check ? objective->form->check(settings, samples, err) : STATUS_OK;
}

void loss_layout(struct loss *l, const struct loss_plan *plan, struct arena *arena)
{
    const struct form *form = plan->objective->form;
    *l = (struct loss){.plan = *plan, .needs = objective_needs(plan->objective, plan->settings)};
    if (l->plan.chunk == 0)
        l->plan.chunk = padded(plan->samples);
    if (l->plan.workers == 0)
        l->plan.workers = 1;
    l->state = form->layout ? form->layout(l, arena) : NULL;
}

/* The next chunk after `chunk`, or the first where that is empty; false where there is none. */
static bool next_chunk(const struct loss *l, struct chunk *chunk)
{
    const size_t samples = chunk->outputs->samples, size = l->plan.chunk;
    chunk->begin = chunk->end;
    chunk->end = samples - chunk->begin < size ? samples : chunk->begin + size;
    return chunk->begin < samples;
}

static void all_chunks(const struct loss *l, const struct outputs *o,
                       void (*phase)(const struct loss *, const struct chunk *))
{
    for (struct chunk c = {.outputs = o}; phase && next_chunk(l, &c);)
        phase(l, &c);
}

double loss_finish(const struct loss *l, const struct outputs *o,
                   const double totals[LOSS_PARTIALS], double *scale)
{
    const struct form *form = l->plan.objective->form;
    *scale = 1;
    return form->finish ? form->finish(l, o, totals, scale) : totals[0];
}

double loss_evaluate(const struct loss *l, const struct outputs *o)
{
    const struct form *form = l->plan.objective->form;
    double totals[LOSS_PARTIALS] = {0}, scale;
    all_chunks(l, o, form->chunk);
    all_chunks(l, o, form->rows);
    if (form->whole)
        form->whole(l, o, 0);
    for (struct chunk c = {.outputs = o}; form->gradient && next_chunk(l, &c);) {
        double partial[LOSS_PARTIALS] = {0};
        form->gradient(l, &c, partial);
        for (int i = 0; i < LOSS_PARTIALS; i++)
            totals[i] += partial[i];
    }
    const double loss = loss_finish(l, o, totals, &scale);
    for (size_t i = 0; i < output_index(o, l->needs.gradient_views, 0, 0); i++)
        o->df[i] *= scale;
    return loss;
}

enum status loss_once(const struct loss_plan *plan, const struct outputs *outputs, double *value,
                      struct error *err)
{
    struct loss loss;
    struct arena count = {0}, arena;
    loss_layout(&loss, plan, &count);
    enum status status = arena_create(&arena, &count, err);
    if (status)
        return status;
    loss_layout(&loss, plan, &arena);
    *value = loss_evaluate(&loss, outputs);
    arena_free(&arena);
    return STATUS_OK;
}
