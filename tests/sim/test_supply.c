/* Protects sim/train/supply.c: every batch gets the samples of its own addresses and the numbering
 * of its own patterns, whichever thread draws them, and however small the ring. */
#include "core/arena.h"
#include "sim/train/supply.h"
#include "tests/kit/arena.h"
#include "tests/kit/testing.h"
#include "tests/kit/trained.h"

#include <omp.h>
#include <pthread.h>

enum { INPUTS = 3, VIEWS = 2, POSITIVES = 5, BATCH = 100, CHUNK = 32, STEPS = 205, EPOCH = 7 };
enum { LEAVES = 8, LEVEL = 1 };
static double number_at(uint64_t epoch, size_t view, size_t input, uint64_t sample)
{
    return (double)(((epoch * VIEWS + view) * INPUTS + input) * 1000000 + sample);
}

static atomic_size_t blocks_drawn;

static void numbered(const void *world, struct draw draw, int positives, int views, void *scratch,
                     struct samples out)
{
    (void)world, (void)scratch;
    assert_int_equal(positives, POSITIVES);
    atomic_fetch_add(&blocks_drawn, 1);
    for (size_t view = 0; view < (size_t)views; view++)
        for (size_t i = 0; i < INPUTS; i++)
            for (size_t j = 0; j < BLOCK; j++)
                out.value[(view * INPUTS + i) * BLOCK + j] =
                    number_at(draw.epoch, view, i, draw.block * BLOCK + j);
}

static uint8_t state_at(uint64_t epoch, size_t view, size_t leaf, uint64_t sample)
{
    const uint64_t number = (epoch * VIEWS + view) * LEAVES + leaf + sample * 1000003;
    return number * number / 64 % 5 == 0;
}

static void states(const void *world, struct draw draw, int positives, int views, void *scratch,
                   struct samples out)
{
    (void)world, (void)scratch;
    assert_int_equal(positives, POSITIVES);
    for (size_t view = 0; view < (size_t)views; view++)
        for (size_t i = 0; i < LEAVES; i++)
            for (size_t j = 0; j < BLOCK; j++)
                out.state[(view * LEAVES + i) * BLOCK + j] =
                    state_at(draw.epoch, view, i, draw.block * BLOCK + j);
}

static uint8_t label_at(uint64_t epoch, uint64_t sample)
{
    return (uint8_t)(epoch + sample * 7 + sample / 256);
}

static void labelled(const void *world, struct draw draw, uint8_t *label)
{
    (void)world;
    for (size_t j = 0; j < BLOCK; j++)
        label[j] = label_at(draw.epoch, draw.block * BLOCK + j);
}

static const struct source_labels labels_numbered = {.draw = labelled};
static const struct source source_numbered = {
    .scratch_size = kit_no_scratch, .draw = numbered, .labels = &labels_numbered};
static const struct network network = {.leaves = INPUTS, .leaf_states = 0};
static const struct source source_states = {
    .scratch_size = kit_no_scratch, .draw = states, .labels = &labels_numbered};
static const struct network tree = {.levels = 3,
                                    .level = {{.nodes = 1, .children = 2},
                                              {.nodes = 2, .children = 2},
                                              {.nodes = 4, .children = 2}},
                                    .leaves = LEAVES,
                                    .leaf_states = 2};

/* `batch_patterns` NULL: of real numbers. */
static void lay_out(struct supply *supply, int threads, size_t ring_bytes, bool labels,
                    const struct batch_patterns *batch_patterns, struct arena *arena)
{
    const struct supply_plan plan = {.source = batch_patterns ? &source_states : &source_numbered,
                                     .network = batch_patterns ? &tree : &network,
                                     .level = LEVEL,
                                     .batch_patterns = batch_patterns,
                                     .positives = POSITIVES,
                                     .views = VIEWS,
                                     .labels = labels,
                                     .batch = BATCH,
                                     .chunk = CHUNK,
                                     .steps = STEPS,
                                     .threads = threads,
                                     .ring_bytes = ring_bytes};
    KIT_LAY_OUT(arena, pass, supply_layout(supply, &plan, pass));
}

/* Number of samples of a batch whose column is not the pattern of their children. */
static int wrong_columns(const struct supply *s, struct batch_place place, uint64_t epoch,
                         size_t step)
{
    const struct batch_patterns *o = s->plan.batch_patterns;
    const struct numbering numbering = supply_numbering(s, place);
    int count = 0;
    for (size_t view = 0; view < VIEWS; view++)
        for (size_t leaf = 0; leaf < LEAVES; leaf += 2) {
            const size_t child = leaf / 2, node = child / 2;
            const uint16_t *column =
                numbering_columns(numbering, o, (int)view, 0) + node * o->stride;
            const uint16_t *pattern = numbering.pattern + child * o->most;
            for (size_t j = 0; j < BATCH; j++) {
                const uint64_t sample = step * BATCH + j;
                count += column[j] >= numbering.count[node] ||
                         pattern[column[j]] != 2 * state_at(epoch, view, leaf, sample) +
                                                   state_at(epoch, view, leaf + 1, sample);
            }
        }
    return count;
}

/* Number of samples of a batch that differ from their addresses' samples. */
static int wrong(const struct supply *s, struct batch_place place, uint64_t epoch, size_t step)
{
    const uint8_t *label = supply_labels(s, place);
    int count = (label != NULL) != s->plan.labels;
    for (size_t j = 0; label && j < BATCH; j++)
        count += label[j] != label_at(epoch, step * BATCH + j);
    if (s->plan.batch_patterns)
        return count + wrong_columns(s, place, epoch, step);
    for (size_t view = 0; view < VIEWS; view++)
        for (size_t i = 0; i < INPUTS; i++)
            for (size_t j = 0; j < BATCH; j++) {
                const size_t at = place.sample + j, blocks = s->slab_stride / BLOCK;
                const size_t block = place.slab * blocks + at / BLOCK;
                count += s->value[((block * VIEWS + view) * INPUTS + i) * BLOCK + at % BLOCK] !=
                         number_at(epoch, view, i, step * BATCH + j);
            }
    return count;
}

static void *visit(void *supply)
{
    supply_visit(supply);
    return NULL;
}

/* An epoch, or its first `steps`; another epoch follows or does not. */
struct part {
    uint64_t epoch;
    size_t steps;
    bool goes_on;
};

/* All batches on a team of threads, each checking all, beside visitors that come one by one. */
static int wrong_in_epoch(struct supply *s, struct part part, int threads, bool visitors)
{
    int count = 0;
    pthread_t visitor;
    bool there = false;
    supply_open(s, part.epoch, 0, STEPS, part.goes_on);
#pragma omp parallel num_threads(threads) reduction(+ : count)
    for (size_t step = 0; step < part.steps; step++) {
        const int thread = omp_get_thread_num();
#pragma omp barrier
#pragma omp master
        if (visitors && step % 20 == 0) {
            if (there)
                pthread_join(visitor, NULL);
            there = pthread_create(&visitor, NULL, visit, s) == 0;
        }
        const struct batch_place place = supply_enter(s, step, thread);
#pragma omp barrier
        count += wrong(s, place, part.epoch, step);
        while (thread == 1 && supply_draw_next(s, step, thread))
            ;
    }
    if (there)
        pthread_join(visitor, NULL);
    supply_close(s);
    return count;
}

static void check_batches(const size_t rings[3], const struct batch_patterns *batch_patterns)
{
    static const size_t ring_bytes[] = {0, 293500, 1 << 30};
    static const struct part part[] = {{EPOCH, STEPS, true},      {EPOCH + 1, STEPS, true},
                                       {EPOCH + 2, STEPS, false}, {EPOCH + 3, STEPS, true},
                                       {EPOCH + 9, STEPS, true},  {EPOCH + 10, STEPS / 2, true},
                                       {EPOCH + 11, STEPS, true}, {EPOCH + 12, STEPS, false}};
    for (int threads = 1; threads <= 3; threads++)
        for (size_t i = 0; i < 3; i++)
            for (int visitors = 0; visitors < 2; visitors++) {
                struct supply supply;
                struct arena arena;
                lay_out(&supply, threads, ring_bytes[i], visitors, batch_patterns, &arena);
                assert_int_equal(supply.ring, threads == 1 ? 2 : rings[i]);
                for (size_t k = 0; k < sizeof part / sizeof *part; k++)
                    assert_int_equal(wrong_in_epoch(&supply, part[k], threads, visitors), 0);
                arena_free(&arena);
            }
}

static void every_batch_has_its_own_samples(void **state)
{
    (void)state;
    static const size_t rings[] = {2, 5, 21};
    check_batches(rings, NULL);
}

static void every_batch_has_its_own_patterns_numbered(void **state)
{
    (void)state;
    static const size_t rings[] = {2, 13, 21};
    struct arena arena;
    struct batch_patterns o;
    KIT_LAY_OUT(
        &arena, pass,
        batch_patterns_layout(&o, &tree, LEVEL, VIEWS, (BATCH + CHUNK - 1) / CHUNK * CHUNK, pass));
    check_batches(rings, &o);
    arena_free(&arena);
}

static void a_visitor_leaves_at_once_where_nothing_is_open(void **state)
{
    (void)state;
    struct supply supply;
    struct arena arena;
    lay_out(&supply, 2, 1 << 20, true, NULL, &arena);
    supply_visit(&supply);
    supply_open(&supply, EPOCH, 0, STEPS, true);
    supply_close(&supply);
    supply_visit(&supply);
    assert_int_equal(atomic_load(&supply.drawn[0]), 0);
    arena_free(&arena);
}

static void a_visitor_draws_the_next_epoch_too(void **state)
{
    (void)state;
    struct supply supply;
    struct arena arena;
    lay_out(&supply, 2, 1 << 30, false, NULL, &arena);
    const size_t blocks = supply.slab_stride / BLOCK, last = supply.ring - 1;
    const size_t drawn_before = atomic_load(&blocks_drawn);
    supply_open(&supply, EPOCH, 0, STEPS, true);
    for (size_t step = 0; step < STEPS; step += supply.slab_steps)
        supply_enter(&supply, step, 0);
    supply_visit(&supply); /* the last slab of the epoch is in use: all other slabs of the ring */
    supply_close(&supply);
    assert_int_equal(atomic_load(&blocks_drawn) - drawn_before, (supply.ring + last) * blocks);
    supply_open(&supply, EPOCH + 1, 0, STEPS, false);
    for (size_t slab = 0; slab < last; slab++)
        assert_int_equal(wrong(&supply, supply_enter(&supply, slab * supply.slab_steps, 0),
                               EPOCH + 1, slab * supply.slab_steps),
                         0);
    assert_int_equal(atomic_load(&blocks_drawn) - drawn_before, (supply.ring + last) * blocks);
    supply_close(&supply);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_batch_has_its_own_samples),
        cmocka_unit_test(every_batch_has_its_own_patterns_numbered),
        cmocka_unit_test(a_visitor_leaves_at_once_where_nothing_is_open),
        cmocka_unit_test(a_visitor_draws_the_next_epoch_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
