#include "analysis/classification.h"

#include "sim/net/batch.h"

#include <omp.h>
#include <string.h>

enum { BLOCKS = 4, COUNT = BLOCKS * BLOCK }; /* samples of a batch */

struct classification_work {
    struct batch batch;
    uint8_t *leaf, *block_leaf; /* [leaf][COUNT], [leaf][BLOCK] */
    uint8_t *label;             /* [COUNT] */
    void *scratch;
    double *log_p; /* [class][stride] */
};

static void layout_work(const struct classification *c, struct classification_work *w,
                        struct arena *arena)
{
    const struct classification_plan *p = &c->plan;
    batch_layout_views(&w->batch, p->network, 1, COUNT, 0, arena);
    w->leaf = ARENA_TAKE(arena, uint8_t, p->network->leaves * COUNT);
    w->block_leaf = ARENA_TAKE(arena, uint8_t, p->network->leaves * BLOCK);
    w->label = ARENA_TAKE(arena, uint8_t, COUNT);
    w->scratch = ARENA_TAKE(arena, uint8_t, p->source->scratch_size(p->world));
    w->log_p = ARENA_TAKE(arena, double, (size_t)c->head.classes * w->batch.stride);
}

void classification_layout(struct classification *c, const struct classification_plan *plan,
                           struct arena *arena)
{
    *c = (struct classification){
        .plan = *plan,
        .head = {source_classes(plan->source, plan->world), plan->network->level[0].width}};
    c->work = ARENA_TAKE(arena, struct classification_work, (size_t)plan->threads);
    for (int i = 0; i < plan->threads; i++) {
        struct classification_work counted = {0}; /* it points into itself: laid out in place */
        layout_work(c, arena->base ? &c->work[i] : &counted, arena);
    }
}

static void draw_samples(const struct classification *c, struct classification_work *w,
                         uint64_t seed, uint64_t epoch, size_t batch)
{
    const struct classification_plan *p = &c->plan;
    for (size_t b = 0; b < BLOCKS; b++) {
        const struct draw draw = {
            .seed = seed, .purpose = PURPOSE_MEASURE, .epoch = epoch, .block = batch * BLOCKS + b};
        p->source->labels->draw(p->world, draw, w->label + b * BLOCK);
        p->source->draw(p->world, draw, 0, 1, w->scratch, (struct samples){.state = w->block_leaf});
        for (size_t i = 0; i < p->network->leaves; i++)
            memcpy(w->leaf + i * COUNT + b * BLOCK, w->block_leaf + i * BLOCK, BLOCK);
    }
    batch_set_states(&w->batch, 0, w->leaf, COUNT);
}

/* Samples of the first `count` of a batch whose label is chosen. */
static size_t count_right(const struct classification *c, struct classification_work *w,
                          double *parameters, const double *head, size_t count)
{
    size_t right = 0;
    batch_forward(&w->batch, parameters);
    class_head_forward(&c->head, head, count, w->batch.stride, w->batch.outputs.f, w->log_p);
    for (size_t s = 0; s < count; s++)
        right += class_head_choice(&c->head, w->batch.stride, w->log_p, s) == w->label[s];
    return right;
}

double classification_accuracy(struct classification *c, double *parameters, const double *head,
                               uint64_t seed, uint64_t epoch)
{
    const size_t samples = c->plan.samples, batches = (samples + COUNT - 1) / COUNT;
    size_t right = 0;
#pragma omp parallel for num_threads(c->plan.threads) schedule(dynamic) reduction(+ : right)
    for (size_t b = 0; b < batches; b++) {
        struct classification_work *w = &c->work[omp_get_thread_num()];
        const size_t left = samples - b * COUNT;
        draw_samples(c, w, seed, epoch, b);
        right += count_right(c, w, parameters, head, left < COUNT ? left : COUNT);
    }
    return (double)right / (double)samples;
}
