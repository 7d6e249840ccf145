#include "sim/train/supply.h"

#include <sched.h>
#include <string.h>

/* Samples of a slab, as long as they take no more bytes. */
enum { SLAB_SAMPLES = 1024, SLAB_BYTES = 2 << 20 };

/* Rows of a view: patterns of the level's nodes, or inputs. */
static size_t rows_of(const struct supply *s)
{
    const struct network *n = s->plan.network;
    return network_is_real(n) ? n->leaves : nodes_of(n, s->plan.level);
}

/* Batches of a slab. */
static size_t steps_of_slab(const struct supply *s)
{
    const size_t number = network_is_real(s->plan.network) ? sizeof(double) : sizeof(uint16_t);
    const size_t fit = SLAB_BYTES / ((size_t)s->plan.views * rows_of(s) * number);
    const size_t samples = fit < SLAB_SAMPLES ? fit : SLAB_SAMPLES;
    return s->plan.batch < samples ? samples / s->plan.batch : 1;
}

/* A slab's samples, padded to blocks: it may start within a block, and its last chunk may run past
 * its end. */
static size_t stride_of_slab(const struct supply *s)
{
    const size_t samples = s->slab_steps * s->plan.batch, chunk = s->plan.chunk;
    const size_t before = samples % BLOCK ? BLOCK - 1 : 0;
    const size_t after = (s->plan.batch + chunk - 1) / chunk * chunk - s->plan.batch;
    return (before + samples + after + BLOCK - 1) / BLOCK * BLOCK;
}

size_t supply_slabs(const struct supply *s, size_t steps)
{
    return (steps + s->slab_steps - 1) / s->slab_steps;
}

static size_t blocks_of_slab(const struct supply *s)
{
    return s->slab_stride / BLOCK;
}

static size_t blocks_in_lane(const struct supply *s)
{
    return (blocks_of_slab(s) + s->lanes - 1) / s->lanes;
}

/* As many slabs as an epoch has if they fit; two where one thread does everything. */
static size_t ring_of(const struct supply *s)
{
    const size_t number = network_is_real(s->plan.network) ? sizeof(double) : sizeof(uint16_t);
    size_t slab = ((size_t)s->plan.views * rows_of(s) * number + s->plan.labels) * s->slab_stride;
    if (s->plan.batch_patterns)
        slab += s->slab_steps * numbering_bytes(s->plan.batch_patterns);
    const size_t most = s->plan.threads > 1 ? supply_slabs(s, s->plan.steps) : 2;
    const size_t fit = s->plan.ring_bytes / slab;
    const size_t ring = fit < most ? fit : most;
    return ring > 2 ? ring : 2;
}

void supply_layout(struct supply *s, const struct supply_plan *plan, struct arena *arena)
{
    *s = (struct supply){.plan = *plan, .lanes = (size_t)plan->threads};
    s->slab_steps = steps_of_slab(s);
    s->slab_stride = stride_of_slab(s);
    s->ring = ring_of(s);
    const size_t drawers = (size_t)plan->threads + 1, views = (size_t)plan->views;
    const size_t numbers = s->ring * views * rows_of(s) * s->slab_stride;
    s->leaf_size = views * plan->network->leaves * BLOCK;
    if (network_is_real(s->plan.network)) {
        s->value = ARENA_TAKE(arena, double, numbers);
    } else {
        s->pattern = ARENA_TAKE(arena, uint16_t, numbers);
        s->leaf = ARENA_TAKE(arena, uint8_t, drawers * s->leaf_size);
    }
    if (plan->batch_patterns) {
        numbering_layout(&s->numbering, plan->batch_patterns, s->ring * s->slab_steps, arena);
        s->complete = ARENA_TAKE(arena, atomic_size_t, s->ring * s->slab_steps);
    }
    if (plan->labels)
        s->label = ARENA_TAKE(arena, uint8_t, s->ring * s->slab_stride);
    s->scratch_size = (plan->source->scratch_size(plan->world) + 63) / 64 * 64;
    s->scratch = ARENA_TAKE(arena, uint8_t, drawers * s->scratch_size);
    s->counter = ARENA_TAKE(arena, struct draw_counter, s->lanes);
    s->drawn = ARENA_TAKE(arena, atomic_size_t, s->ring);
    s->gate = ARENA_TAKE(arena, struct visitor_gate, 1);
}

/* Whether the slabs before `end` were used up to the last, so that what was drawn lies behind. */
static bool is_used_up(const struct supply *s)
{
    return s->end > 0 && atomic_load(&s->gate->used) == s->end - 1;
}

/* As if the slabs before `first` were drawn and used. */
static void begin_anew(struct supply *s, size_t first)
{
    s->end = 0;
    for (size_t i = 0; i < s->lanes; i++)
        atomic_init(&s->counter[i].next, first * blocks_in_lane(s));
    for (size_t i = 0; i < s->ring; i++)
        atomic_init(&s->drawn[i], (first / s->ring + (i < first % s->ring)) * blocks_of_slab(s));
    for (size_t i = 0; s->complete && i < s->ring * s->slab_steps; i++)
        atomic_init(&s->complete[i], 0);
}

void supply_open(struct supply *s, uint64_t epoch, size_t first, size_t steps, bool goes_on)
{
    const size_t whole = supply_slabs(s, s->plan.steps);
    const bool was_to_come = s->most > s->end && epoch == s->epoch + 1 && steps == s->plan.steps;
    if (!was_to_come || !is_used_up(s) || first > 0)
        begin_anew(s, first);
    s->epoch = epoch;
    s->begin = s->end;
    s->end += supply_slabs(s, steps);
    s->most = s->end + (goes_on && steps == s->plan.steps ? whole : 0);
    atomic_store(&s->gate->used, s->begin + first);
    atomic_store(&s->gate->open, true);
}

/* A visitor counts itself before it looks whether the supply is open. */
void supply_close(struct supply *s)
{
    atomic_store(&s->gate->open, false);
    while (atomic_load(&s->gate->visitors))
        sched_yield();
}

/* ---- drawing ---- */

/* Of a view's first row in `pattern`. */
static size_t slab_index(const struct supply *s, int view, struct batch_place place)
{
    const size_t views = (size_t)s->plan.views;
    return (place.slab * views + (size_t)view) * rows_of(s) * s->slab_stride + place.sample;
}

/* A block of a slab of the ring in `value`. */
static double *value_block(const struct supply *s, size_t slab, size_t b)
{
    return s->value + (slab * blocks_of_slab(s) + b) * s->leaf_size;
}

static size_t label_index(const struct supply *s, struct batch_place place)
{
    return place.slab * s->slab_stride + place.sample;
}

/* The step of its epoch that a slab begins with. */
static size_t first_step(const struct supply *s, size_t slab)
{
    return (slab - (slab < s->end ? s->begin : s->end)) * s->slab_steps;
}

/* The sample of a slab that its first batch begins with. */
static size_t first_sample(const struct supply *s, size_t slab)
{
    return first_step(s, slab) * s->plan.batch % BLOCK;
}

/* Where a batch of a slab lies. */
static struct batch_place place_of(const struct supply *s, size_t slab, size_t batch)
{
    return (struct batch_place){.slab = slab % s->ring,
                                .sample = first_sample(s, slab) + batch * s->plan.batch,
                                .batch = batch};
}

/* Block b of a slab. */
static void draw_block(struct supply *s, size_t slab, size_t b, size_t drawer)
{
    const struct supply_plan *p = &s->plan;
    const struct batch_place place = {.slab = slab % s->ring, .sample = b * BLOCK};
    const size_t leaves = p->network->leaves, own = drawer * s->leaf_size;
    void *scratch = (char *)s->scratch + drawer * s->scratch_size;
    const struct draw draw = {.seed = p->seed,
                              .purpose = PURPOSE_TRAIN,
                              .epoch = s->epoch + (slab >= s->end),
                              .block = first_step(s, slab) * p->batch / BLOCK + b};
    if (p->labels)
        p->source->labels->draw(p->world, draw, s->label + label_index(s, place));
    if (network_is_real(s->plan.network)) {
        p->source->draw(p->world, draw, p->positives, p->views, scratch,
                        (struct samples){.value = value_block(s, place.slab, b)});
        return;
    }
    p->source->draw(p->world, draw, p->positives, p->views, scratch,
                    (struct samples){.state = s->leaf + own});
    for (int view = 0; view < p->views; view++)
        pattern_index(p->network, p->level, s->leaf + own + (size_t)view * leaves * BLOCK, BLOCK,
                      BLOCK, s->pattern + slab_index(s, view, place), s->slab_stride);
}

/* The thread that draws the last block of a batch numbers its patterns. */
static void complete_batches(struct supply *s, size_t slab, size_t b)
{
    const struct batch_patterns *o = s->plan.batch_patterns;
    size_t sample = first_sample(s, slab);
    for (size_t batch = 0; batch < s->slab_steps; batch++, sample += s->plan.batch) {
        const size_t begin = sample / BLOCK;
        const size_t blocks = (sample + o->samples - 1) / BLOCK + 1 - begin;
        if (b < begin || b >= begin + blocks)
            continue;
        const struct batch_place place = place_of(s, slab, batch);
        atomic_size_t *complete = &s->complete[place.slab * s->slab_steps + batch];
        if (atomic_fetch_add_explicit(complete, 1, memory_order_acq_rel) + 1 < blocks)
            continue;
        atomic_store_explicit(complete, 0, memory_order_relaxed);
        batch_patterns_number(o, supply_patterns(s, 0, place, 0), rows_of(s) * s->slab_stride,
                              s->slab_stride, supply_numbering(s, place));
    }
}

/* *number = the next below `end`; false where there is none */
static bool take(atomic_size_t *next, size_t end, size_t *number)
{
    *number = atomic_load_explicit(next, memory_order_relaxed);
    while (*number < end)
        if (atomic_compare_exchange_weak_explicit(next, number, *number + 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    return false;
}

/* A drawer begins with its own lane: a thread reads what it drew, where a batch has a block for
 * each. */
static bool draw_one(struct supply *s, size_t end, size_t drawer)
{
    const size_t in_lane = blocks_in_lane(s);
    size_t number;
    for (size_t i = 0; i < s->lanes; i++) {
        const size_t lane = (drawer + i) % s->lanes;
        if (!take(&s->counter[lane].next, end * in_lane, &number))
            continue;
        const size_t slab = number / in_lane, b = number % in_lane * s->lanes + lane;
        if (b < blocks_of_slab(s)) {
            draw_block(s, slab, b, drawer);
            if (s->plan.batch_patterns)
                complete_batches(s, slab, b);
            atomic_fetch_add_explicit(&s->drawn[slab % s->ring], 1, memory_order_release);
        }
        return true;
    }
    return false;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

bool supply_draw_next(struct supply *s, size_t step, int thread)
{
    return draw_one(s, least(s->begin + step / s->slab_steps + 2, s->most), (size_t)thread);
}

struct batch_place supply_enter(struct supply *s, size_t step, int thread)
{
    const size_t slab = s->begin + step / s->slab_steps, batch = step % s->slab_steps;
    if (batch == 0) {
        const size_t drawn = (slab / s->ring + 1) * blocks_of_slab(s);
        atomic_store_explicit(&s->gate->used, slab, memory_order_release);
        while (draw_one(s, slab + 1, (size_t)thread))
            ;
        while (atomic_load_explicit(&s->drawn[slab % s->ring], memory_order_acquire) < drawn)
            sched_yield();
    }
    return place_of(s, slab, batch);
}

void supply_visit(struct supply *s)
{
    atomic_fetch_add(&s->gate->visitors, 1);
    while (atomic_load(&s->gate->open)) {
        const size_t used = atomic_load_explicit(&s->gate->used, memory_order_acquire);
        if (!draw_one(s, least(used + s->ring, s->most), s->lanes))
            break;
    }
    atomic_fetch_sub(&s->gate->visitors, 1);
}

/* ---- reading ---- */

const uint16_t *supply_patterns(const struct supply *s, int view, struct batch_place place,
                                size_t first)
{
    return s->pattern + slab_index(s, view, place) + first;
}

struct numbering supply_numbering(const struct supply *s, struct batch_place place)
{
    return numbering_of(&s->numbering, s->plan.batch_patterns,
                        place.slab * s->slab_steps + place.batch);
}

const double *supply_values(const struct supply *s, int view, struct batch_place place,
                            size_t first)
{
    const size_t at = place.sample + first;
    return value_block(s, place.slab, at / BLOCK) + (size_t)view * rows_of(s) * BLOCK + at % BLOCK;
}

const uint8_t *supply_labels(const struct supply *s, struct batch_place place)
{
    return s->plan.labels ? s->label + label_index(s, place) : NULL;
}

void supply_load_values(const struct supply *s, struct pass *pass, int view,
                        struct batch_place place, size_t first, size_t count, size_t column)
{
    for (size_t done = 0; done < count;) { /* block by block */
        const size_t at = place.sample + first + done, left = BLOCK - at % BLOCK;
        const size_t piece = left < count - done ? left : count - done;
        pass_load(pass, supply_values(s, view, place, first + done), BLOCK, column + done, piece);
        done += piece;
    }
}
