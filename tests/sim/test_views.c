/* Protects sim/net/views.c: samples of any range of an address, in any kind of rows, are the
 * samples that the source draws in blocks. */
#include "sim/data/sources/sources.h"
#include "sim/net/batch.h"
#include "tests/kit/arena.h"
#include "tests/kit/spec.h"

enum { VIEWS = 4, LEAVES = 4, NODES = 7, BLOCKS = 4, ALL = BLOCKS * BLOCK };

static const struct draw address = {.seed = 3, .purpose = PURPOSE_TEST, .epoch = 5};

static void *open_world(const struct source *source)
{
    const char *keys = source == &source_hltm
                           ? "data.depth=2 data.polarity=0.5 data.keep_level=1 data.label_level=1"
                           : "data.source=gaussian data.dimension=4";
    struct spec spec;
    struct error err;
    void *world;
    check_ok(kit_spec(&spec, "", keys, &err), &err);
    assert_ptr_equal(spec.chosen[SECTION_DATA], &source->about);
    check_ok(source->open(spec.settings[SECTION_DATA], 9, &world, &err), &err);
    spec_free(&spec);
    return world;
}

/* Everything of the first BLOCKS blocks, as the source draws it. */
struct whole {
    uint8_t state[VIEWS][LEAVES][ALL], latent[NODES][ALL], label[ALL];
    double value[VIEWS][LEAVES][ALL];
};

static struct whole *draw_whole(const struct source *source, const void *world, int positives)
{
    struct whole *all = allocate(1, sizeof *all);
    static uint8_t state[VIEWS * LEAVES * BLOCK], latent[NODES * BLOCK];
    static _Alignas(64) double value[VIEWS * LEAVES * BLOCK];
    void *scratch = aligned_alloc(64, (source->scratch_size(world) + 63) / 64 * 64);
    assert_non_null(scratch);
    for (size_t b = 0; b < BLOCKS; b++) {
        struct draw draw = address;
        draw.block = b;
        source->draw(world, draw, positives, VIEWS, scratch,
                     (struct samples){.state = state, .value = value});
        for (size_t row = 0; row < VIEWS * LEAVES; row++) {
            memcpy(&all->state[0][0][0] + row * ALL + b * BLOCK, state + row * BLOCK, BLOCK);
            memcpy(&all->value[0][0][0] + row * ALL + b * BLOCK, value + row * BLOCK,
                   BLOCK * sizeof *value);
        }
        if (source != &source_hltm)
            continue;
        source->labels->draw(world, draw, all->label + b * BLOCK);
        source->latents->draw(world, draw, scratch, latent);
        for (size_t node = 0; node < NODES; node++)
            memcpy(all->latent[node] + b * BLOCK, latent + node * BLOCK, BLOCK);
    }
    free(scratch);
    return all;
}

static struct views open_views(const struct source *source, const void *world, int positives)
{
    struct views views = {.source = source,
                          .world = world,
                          .positives = positives,
                          .count = VIEWS,
                          .latents = source == &source_hltm};
    struct error err;
    check_ok(views_open(&views, &err), &err);
    return views;
}

/* Ranges that begin, end, both or neither at a block's bounds. */
static const struct {
    size_t first, count;
} ranges[] = {{0, ALL}, {0, BLOCK}, {64, 128}, {1, 62}, {5, 200}, {63, 1}, {63, 2}, {130, 0}};

enum { RANGES = sizeof ranges / sizeof *ranges, STRIDE = ALL + 3 };

static void rows_of_states_are_the_samples(void **test)
{
    (void)test;
    void *world = open_world(&source_hltm);
    const struct network network = {
        .levels = 2,
        .level = {{.nodes = 1, .children = 2}, {.nodes = 2, .children = 2}},
        .leaves = LEAVES,
        .leaf_states = 2};
    struct whole *all = draw_whole(&source_hltm, world, 2);
    struct views views = open_views(&source_hltm, world, 2);
    for (size_t k = 0; k < RANGES; k++) {
        static uint8_t state[LEAVES][STRIDE], latent[NODES][STRIDE], label[STRIDE];
        static uint16_t pattern[2][STRIDE];
        const size_t first = ranges[k].first, count = ranges[k].count;
        const struct rows rows[] = {
            {.view = 3, .state = state[0], .stride = STRIDE},
            {.view = 1, .pattern = pattern[0], .network = &network, .level = 1, .stride = STRIDE},
            {.latent = latent[0], .nodes = NODES, .stride = STRIDE},
            {.label = label}};
        memset(state, 9, sizeof state);
        memset(label, 9, sizeof label);
        views_fill(&views, address, first, count, rows, 4);
        for (size_t s = 0; s < count; s++) {
            for (size_t i = 0; i < LEAVES; i++)
                assert_int_equal(state[i][s], all->state[3][i][first + s]);
            for (size_t node = 0; node < 2; node++)
                assert_int_equal(pattern[node][s], 2 * all->state[1][2 * node][first + s] +
                                                       all->state[1][2 * node + 1][first + s]);
            for (size_t node = 0; node < NODES; node++)
                assert_int_equal(latent[node][s], all->latent[node][first + s]);
            assert_int_equal(label[s], all->label[first + s]);
        }
        for (size_t i = 0; i < LEAVES; i++)
            assert_int_equal(state[i][count], 9);
        assert_int_equal(label[count], 9);
    }
    views_close(&views);
    free(all);
    source_hltm.close(world);
}

static void rows_of_numbers_are_the_samples(void **test)
{
    (void)test;
    void *world = open_world(&source_gaussian);
    struct whole *all = draw_whole(&source_gaussian, world, 1);
    struct views views = open_views(&source_gaussian, world, 1);
    for (size_t k = 0; k < RANGES; k++) {
        static double value[VIEWS][LEAVES][STRIDE];
        const size_t first = ranges[k].first, count = ranges[k].count;
        struct rows rows[VIEWS];
        for (int view = 0; view < VIEWS; view++)
            rows[view] = (struct rows){.view = view, .value = value[view][0], .stride = STRIDE};
        for (double *v = value[0][0]; v < value[0][0] + VIEWS * LEAVES * STRIDE; v++)
            *v = 77;
        views_fill(&views, address, first, count, rows, VIEWS);
        for (size_t view = 0; view < VIEWS; view++)
            for (size_t i = 0; i < LEAVES; i++) {
                assert_memory_equal(value[view][i], all->value[view][i] + first,
                                    count * sizeof(double));
                assert_true(value[view][i][count] == 77);
            }
    }
    views_close(&views);
    free(all);
    source_gaussian.close(world);
}

/* batch_rows is where batch_set_states and batch_set_values put a view. */
static void a_batch_is_filled_as_by_hand(void **test)
{
    (void)test;
    enum { SAMPLES = 100, FIRST = 20 };
    for (int real = 0; real < 2; real++) {
        const struct source *source = real ? &source_gaussian : &source_hltm;
        void *world = open_world(source);
        struct network network = {.levels = 1,
                                  .level = {{.nodes = 1, .width = 3, .children = LEAVES}},
                                  .leaves = LEAVES,
                                  .leaf_states = real ? 0 : 2};
        network_finish(&network);
        struct whole *all = draw_whole(source, world, 1);
        struct views views = open_views(source, world, 1);
        double *w = aligned_alloc(64, 64 * sizeof *w);
        network_init(&network, 1, PURPOSE_TEST, w);
        struct batch batch[2];
        struct arena arena;
        KIT_LAY_OUT(&arena, pass, batch_layout_views(&batch[0], &network, 2, SAMPLES, 0, pass);
                    batch_layout_views(&batch[1], &network, 2, SAMPLES, 0, pass));
        const struct rows rows[] = {batch_rows(&batch[0], 0), batch_rows(&batch[0], 1)};
        views_fill(&views, address, FIRST, SAMPLES, rows, 2);
        for (int view = 0; view < 2; view++)
            if (real)
                batch_set_values(&batch[1], view, all->value[view][0] + FIRST, ALL);
            else
                batch_set_states(&batch[1], view, all->state[view][0] + FIRST, ALL);
        for (int b = 0; b < 2; b++)
            batch_forward(&batch[b], w);
        for (int view = 0; view < 2; view++)
            for (int k = 0; k < 3; k++)
                assert_memory_equal(
                    batch[0].outputs.f + output_index(&batch[0].outputs, view, k, 0),
                    batch[1].outputs.f + output_index(&batch[1].outputs, view, k, 0),
                    SAMPLES * sizeof(double));
        arena_free(&arena);
        views_close(&views);
        free(w);
        free(all);
        source->close(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_states_are_the_samples),
        cmocka_unit_test(rows_of_numbers_are_the_samples),
        cmocka_unit_test(a_batch_is_filled_as_by_hand),
    };
    return cmocka_run_group_tests_name("views", tests, NULL, NULL);
}
