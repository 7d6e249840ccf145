#include "sim/train/labelled.h"

#include <assert.h>
#include <string.h>

/* ---- plan ---- */

/* All samples and their labels. */
static void draw(struct labelled *l, struct views *views)
{
    const struct labelled_plan *p = &l->plan;
    const struct draw address = {.seed = p->seed, .purpose = PURPOSE_TRAIN, .epoch = 1};
    const struct rows rows[] = {{.label = l->label},
                                {.value = l->value,
                                 .pattern = l->pattern,
                                 .network = p->network,
                                 .level = p->tables->boundary,
                                 .stride = l->stride}};
    views_fill(views, address, 0, p->count, rows, 2);
}

void labelled_layout(struct labelled *l, const struct labelled_plan *plan, struct arena *arena)
{
    const struct network *n = plan->network;
    const size_t columns = padded(plan->batch), width = (size_t)n->level[0].width;
    assert(!plan->tables->batch_patterns); /* it knows nothing of these samples */
    *l = (struct labelled){.plan = *plan, .stride = padded(plan->count)};
    if (network_is_real(n))
        l->value = ARENA_TAKE(arena, double, n->leaves * l->stride);
    else
        l->pattern = ARENA_TAKE(arena, uint16_t, nodes_of(n, plan->tables->boundary) * l->stride);
    l->label = ARENA_TAKE(arena, uint8_t, l->stride);
    l->batch_label = ARENA_TAKE(arena, uint8_t, plan->batch);
    pass_layout(&l->pass, plan->tables, columns, false, true, arena);
    double *f = ARENA_TAKE(arena, double, width *columns);
    l->outputs = (struct outputs){.samples = plan->batch,
                                  .stride = columns,
                                  .width = n->level[0].width,
                                  .views = 1,
                                  .f = f,
                                  .df = ARENA_TAKE(arena, double, width *columns),
                                  .label = l->batch_label};
    struct views views = {.source = plan->source, .world = plan->world, .count = 1};
    views_layout(&views, arena);
    if (arena->base)
        draw(l, &views);
}

void labelled_count(const struct labelled *l, size_t *count)
{
    memset(count, 0, 256 * sizeof *count);
    for (size_t s = 0; s < l->plan.count; s++)
        count[l->label[s]]++;
}

/* ---- a step ---- */

/* Where sample `i` of the batch lies. */
static size_t sample_of(const struct labelled *l, uint64_t step, size_t i)
{
    return (size_t)((step * l->plan.batch + i) % l->plan.count);
}

/* Samples that follow one another without a new beginning, from sample `i` of the batch on. */
static size_t run_of(const struct labelled *l, uint64_t step, size_t i)
{
    const size_t until_end = l->plan.count - sample_of(l, step, i), left = l->plan.batch - i;
    return until_end < left ? until_end : left;
}

void labelled_forward(struct labelled *l, uint64_t step, double *parameters)
{
    const struct outputs *o = &l->outputs;
    for (size_t i = 0, count; i < o->samples; i += count) {
        const size_t first = sample_of(l, step, i);
        count = run_of(l, step, i);
        if (network_is_real(l->plan.network))
            pass_load(&l->pass, l->value + first, l->stride, i, count);
        else
            pass_look_up(&l->pass, l->pattern + first, l->stride, i, count);
        memcpy(l->batch_label + i, l->label + first, count);
    }
    pass_forward(&l->pass, parameters);
    pass_outputs(&l->pass, 0, 0, o->stride, o->stride, (double *)o->f);
}

void labelled_backward(struct labelled *l, uint64_t step, double *parameters, double *gradient,
                       double *delta_lookup)
{
    const struct outputs *o = &l->outputs;
    pass_take_gradient(&l->pass, 0, 0, o->stride, o->df, o->stride, o->samples);
    pass_backward(&l->pass, parameters, gradient);
    for (size_t i = 0, count; !network_is_real(l->plan.network) && i < o->samples; i += count) {
        count = run_of(l, step, i);
        pass_scatter(&l->pass, l->pattern + sample_of(l, step, i), l->stride, i, count,
                     delta_lookup);
    }
}
