#include "analysis/classification.h"

#include "sim/net/batch.h"

#include <omp.h>
#include <string.h>

enum { COUNT = 4 * BLOCK }; /* samples of a batch */

struct classification_work {
    struct batch batch;
    struct views views;
    uint8_t *label; /* [COUNT] */
    double *log_p;  /* [class][stride] */
};

static void layout_work(const struct classification *c, struct classification_work *w,
                        struct arena *arena)
{
    const struct classification_plan *p = &c->plan;
    batch_layout_views(&w->batch, p->network, 1, COUNT, 0, arena);
    w->views = (struct views){.source = p->source, .world = p->world, .count = 1};
    views_layout(&w->views, arena);
    w->label = ARENA_TAKE(arena, uint8_t, COUNT);
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
    const struct draw draw = {.seed = seed, .purpose = PURPOSE_MEASURE, .epoch = epoch};
    size_t right = 0;
#pragma omp parallel for num_threads(c->plan.threads) schedule(dynamic) reduction(+ : right)
    for (size_t b = 0; b < batches; b++) {
        struct classification_work *w = &c->work[omp_get_thread_num()];
        const size_t left = samples - b * COUNT;
        const struct rows rows[] = {batch_rows(&w->batch, 0), {.label = w->label}};
        views_fill(&w->views, draw, b * COUNT, COUNT, rows, 2);
        right += count_right(c, w, parameters, head, left < COUNT ? left : COUNT);
    }
    return (double)right / (double)samples;
}
