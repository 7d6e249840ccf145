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

static const struct form *form_of(const struct loss *l)
{
    return l->plan.objective->form;
}

void loss_chunk(const struct loss *l, const struct chunk *chunk)
{
    if (form_of(l)->chunk)
        form_of(l)->chunk(l, chunk);
}

void loss_rows(const struct loss *l, const struct chunk *chunk)
{
    if (form_of(l)->rows)
        form_of(l)->rows(l, chunk);
}

void loss_whole(const struct loss *l, const struct outputs *outputs, size_t step)
{
    if (form_of(l)->whole)
        form_of(l)->whole(l, outputs, step);
}

void loss_gradient(const struct loss *l, const struct chunk *chunk, double partial[LOSS_PARTIALS])
{
    for (int i = 0; i < LOSS_PARTIALS; i++)
        partial[i] = 0;
    if (form_of(l)->gradient)
        form_of(l)->gradient(l, chunk, partial);
}

double loss_finish(const struct loss *l, const struct outputs *outputs,
                   const double totals[LOSS_PARTIALS], double *scale)
{
    *scale = 1;
    return form_of(l)->finish(l, outputs, totals, scale);
}

bool loss_learn(const struct loss *l, uint64_t step)
{
    return !form_of(l)->learn || form_of(l)->learn(l, step);
}

/* The next chunk after `chunk`, or the first where that is empty; false where there is none. */
static bool next_chunk(const struct loss *l, struct chunk *chunk)
{
    const size_t samples = chunk->outputs->samples, size = l->plan.chunk;
    chunk->begin = chunk->end;
    chunk->end = samples - chunk->begin < size ? samples : chunk->begin + size;
    return chunk->begin < samples;
}

double loss_evaluate(const struct loss *l, const struct outputs *o)
{
    double totals[LOSS_PARTIALS] = {0}, partial[LOSS_PARTIALS], scale;
    for (struct chunk c = {.outputs = o}; next_chunk(l, &c);)
        loss_chunk(l, &c);
    for (struct chunk c = {.outputs = o}; next_chunk(l, &c);)
        loss_rows(l, &c);
    loss_whole(l, o, 0);
    for (struct chunk c = {.outputs = o}; next_chunk(l, &c);) {
        loss_gradient(l, &c, partial);
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
