#include "sim/train/trainer_private.h"

#include <string.h>

static struct pass *pass_of(const struct trainer *t, size_t chunk, int thread)
{
    return &t->pass[t->needs.whole_batch ? chunk : (size_t)thread];
}

static size_t chunk_end(const struct trainer *t, size_t chunk)
{
    size_t end = (chunk + 1) * t->chunk;
    return end < t->plan.batch ? end : t->plan.batch;
}

/* The outputs of a chunk of a block. */
static struct chunk outputs_of(const struct trainer *t, int block, size_t chunk, int thread)
{
    const bool whole = t->needs.whole_batch;
    const size_t count = chunk_end(t, chunk) - chunk * t->chunk;
    const size_t begin = whole ? chunk * t->chunk : 0;
    return (struct chunk){.outputs = &t->outputs[(whole ? 0 : thread) * t->blocks + block],
                          .begin = begin,
                          .end = begin + count,
                          .worker = thread};
}

void chunk_outputs(const struct trainer *t, int block, size_t chunk, int thread)
{
    const struct pass *pass = pass_of(t, chunk, thread);
    struct chunk o = outputs_of(t, block, chunk, thread);
    for (int view = 0; view < t->online_views; view++)
        pass_outputs(pass, t->block[block].top, (size_t)view * t->chunk, t->chunk,
                     o.outputs->stride,
                     (double *)o.outputs->f + output_index(o.outputs, view, 0, o.begin));
}

/* The patterns of a view's samples from `first` on, [node][*stride]. */
static const uint16_t *view_patterns(const struct trainer *t, int view, struct batch_place place,
                                     size_t first, size_t *stride)
{
    if (t->tables.batch_patterns) {
        *stride = t->batch_patterns.stride;
        return numbering_columns(supply_numbering(&t->supply, place), &t->batch_patterns, view,
                                 first);
    }
    *stride = t->supply.slab_stride;
    return supply_patterns(&t->supply, view, place, first);
}

/* A view's samples of a chunk go into the columns of a pass from `column` on. */
static void load_view(const struct trainer *t, struct pass *pass, int view,
                      struct batch_place place, size_t chunk, size_t column)
{
    size_t stride;
    if (network_is_real(t->plan.network)) {
        supply_load_values(&t->supply, pass, view, place, chunk * t->chunk, t->chunk, column);
        return;
    }
    const uint16_t *pattern = view_patterns(t, view, place, chunk * t->chunk, &stride);
    pass_look_up(pass, pattern, stride, column, t->chunk);
}

/* From the online outputs to predictions and targets. */
static void chunk_predict(struct trainer *t, const struct chunk *o, size_t chunk,
                          struct batch_place place, int thread)
{
    const size_t view = (size_t)t->plan.network->level[0].width * t->chunk;
    const double *target = o->outputs->f + view;
    if (t->target) {
        struct pass *pass = &t->target_pass[thread];
        double *out = t->target_output + (size_t)thread * view;
        load_view(t, pass, 1, place, chunk, 0);
        pass_forward(pass, t->target);
        pass_outputs(pass, 0, 0, t->chunk, t->chunk, out);
        target = out;
    }
    prediction_forward(&t->prediction[thread], t->predictor.parameters, (double *)o->outputs->f,
                       target);
}

void chunk_forward(struct trainer *t, size_t chunk, struct batch_place place, int thread)
{
    struct pass *pass = pass_of(t, chunk, thread);
    struct chunk o = outputs_of(t, 0, chunk, thread);
    for (int view = 0; view < t->online_views; view++)
        if (pass->borrowed)
            pass_borrow(pass, (size_t)view,
                        supply_values(&t->supply, view, place, chunk * t->chunk));
        else
            load_view(t, pass, view, place, chunk, (size_t)view * t->chunk);
    pass_forward(pass, t->parameters);
    chunk_outputs(t, 0, chunk, thread);
    if (predicts(t))
        chunk_predict(t, &o, chunk, place, thread);
}

void chunk_phase(const struct trainer *t, size_t chunk, int thread,
                 void (*phase)(const struct loss *, const struct chunk *))
{
    const struct chunk c = outputs_of(t, 0, chunk, thread);
    if (phase)
        phase(&t->loss, &c);
}

static double *partial_of(const struct trainer *t, int block, size_t chunk)
{
    return t->partial + ((size_t)block * t->chunks + chunk) * PARTIAL_STRIDE;
}

void chunk_gradient(struct trainer *t, int block, size_t chunk, int thread)
{
    const struct form *form = t->plan.objective->form;
    struct chunk c = outputs_of(t, block, chunk, thread);
    double *partial = partial_of(t, block, chunk);
    if (predicts(t))
        c.outputs = &t->prediction[thread].compared;
    memset(partial, 0, LOSS_PARTIALS * sizeof *partial);
    if (form->gradient)
        form->gradient(&t->loss, &c, partial);
}

double block_loss_of(const struct trainer *t, int block, double *scale)
{
    double totals[LOSS_PARTIALS] = {0};
    for (size_t c = 0; c < t->chunks; c++)
        for (int i = 0; i < LOSS_PARTIALS; i++)
            totals[i] += partial_of(t, block, c)[i];
    return loss_finish(&t->loss, &t->outputs[block], totals, scale);
}

/* From the gradient of predictions and targets to the gradient of the online outputs. */
static void chunk_backward_head(struct trainer *t, size_t shard, const struct chunk *o, int thread)
{
    struct prediction *prediction = &t->prediction[thread];
    const size_t view = (size_t)o->outputs->width * t->chunk, count = o->end - o->begin;
    double *sums = t->predictor_sums + shard * t->predictor_stride;
    prediction_backward(prediction, t->predictor.parameters, (double *)o->outputs->f, count, sums,
                        o->outputs->df, t->target ? NULL : o->outputs->df + view);
    predictor_sums_add(&t->predictor, count, t->chunk, o->outputs->f, prediction->raw + view, sums);
}

void chunk_backward(struct trainer *t, int block, size_t shard, size_t chunk,
                    struct batch_place place, int thread)
{
    struct pass *pass = pass_of(t, chunk, thread);
    const struct block *levels = &t->block[block];
    struct chunk o = outputs_of(t, block, chunk, thread);
    memcpy(pass->delta, t->delta[thread].delta, sizeof pass->delta);
    if (predicts(t))
        chunk_backward_head(t, shard, &o, thread);
    for (int view = 0; view < t->gradient_views; view++)
        pass_take_gradient(pass, levels->top, (size_t)view * t->chunk, t->chunk,
                           o.outputs->df + output_index(o.outputs, view, 0, o.begin),
                           o.outputs->stride, o.end - o.begin);
    pass_backward_levels(pass, t->parameters, t->shard_gradient + shard * t->gradient_stride,
                         levels->top, levels->bottom);
    for (int view = 0; !network_is_real(t->plan.network) && view < t->gradient_views; view++) {
        size_t stride;
        const uint16_t *pattern = view_patterns(t, view, place, chunk * t->chunk, &stride);
        pass_scatter(pass, pattern, stride, (size_t)view * t->chunk, o.end - o.begin,
                     t->shard_lookup + shard * t->lookup_stride);
    }
}
