#include "sim/train/labelled.h"

#include <assert.h>
#include <string.h>

/* ---- plan ---- */

/* Block b of the samples: their labels, and their patterns at the boundary. */
static void draw_block(struct labelled *l, size_t b, void *scratch, uint8_t *leaf,
                       uint16_t *pattern)
{
    const struct labelled_plan *p = &l->plan;
    const size_t left = p->count - b * BLOCK, count = left < BLOCK ? left : BLOCK;
    const struct draw draw = {.seed = p->seed, .purpose = PURPOSE_TRAIN, .epoch = 1, .block = b};
    uint8_t label[BLOCK];
    p->source->labels->draw(p->world, draw, label);
    memcpy(l->label + b * BLOCK, label, count);
    p->source->draw(p->world, draw, 0, 1, scratch, (struct samples){.state = leaf});
    pattern_index(p->network, p->tables->boundary, leaf, BLOCK, count, pattern + b * BLOCK,
                  l->stride);
}

void labelled_layout(struct labelled *l, const struct labelled_plan *plan, struct arena *arena)
{
    const struct network *n = plan->network;
    const size_t columns = padded(plan->batch), width = (size_t)n->level[0].width;
    assert(!plan->tables->occurring); /* it knows nothing of these samples */
    *l = (struct labelled){.plan = *plan, .stride = padded(plan->count)};
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
    uint8_t *leaf = ARENA_TAKE(arena, uint8_t, n->leaves * BLOCK);
    void *scratch = ARENA_TAKE(arena, uint8_t, plan->source->scratch_size(plan->world));
    for (size_t b = 0; arena->base && b * BLOCK < plan->count; b++)
        draw_block(l, b, scratch, leaf, l->pattern);
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
    const struct network *n = l->plan.network;
    const struct outputs *o = &l->outputs;
    double *f = (double *)o->f;
    for (size_t i = 0, count; i < o->samples; i += count) {
        const size_t first = sample_of(l, step, i);
        count = run_of(l, step, i);
        pass_look_up(&l->pass, l->pattern + first, l->stride, i, count);
        memcpy(l->batch_label + i, l->label + first, count);
    }
    pass_forward(&l->pass, parameters);
    memcpy(f, l->pass.pre[0], (size_t)o->width * o->stride * sizeof *f);
    if (n->normalize)
        normalize_forward(o->width, o->stride, o->stride, n->norm_eps, f, f);
}

void labelled_backward(struct labelled *l, uint64_t step, double *parameters, double *gradient,
                       double *delta_lookup)
{
    const struct network *n = l->plan.network;
    const struct outputs *o = &l->outputs;
    double *delta = l->pass.delta[0];
    for (size_t k = 0; k < (size_t)o->width; k++) {
        memcpy(delta + k * o->stride, o->df + k * o->stride, o->samples * sizeof *delta);
        memset(delta + k * o->stride + o->samples, 0, (o->stride - o->samples) * sizeof *delta);
    }
    if (n->normalize)
        normalize_backward(o->width, o->stride, o->stride, n->norm_eps, l->pass.pre[0], delta,
                           delta);
    pass_backward(&l->pass, parameters, gradient);
    for (size_t i = 0, count; i < o->samples; i += count) {
        count = run_of(l, step, i);
        pass_scatter(&l->pass, l->pattern + sample_of(l, step, i), l->stride, i, count,
                     delta_lookup);
    }
}
