/* Protects the interface of data sources (sim/data/source.h): every source of the registry, opened
 * by the example that it gives of itself, and each of its groups. */
#include "tests/kit/source.h"

#include "core/linalg.h"
#include "sim/registry.h"

/* Beside the examples.  All their views are alike: those of x_+ and of x_1- have the moments of
 * x_1, and any two positives those of x_1 and x_+1. */
static const char *const sources[] = {
    "data.source=gaussian data.dimension=5",
    "data.source=gaussian data.dimension=5 data.signal=2 data.noise=0.25 data.rotated=true",
    "data.source=gaussian data.dimension=4 data.signal=[4,2,1,0] data.noise=[0.1,0.5,1,2]",
    "data.source=gaussian data.dimension=4 data.signal=[4,2,1,0] data.noise=[0.1,0.5,1,2] "
    "data.rotated=true",
    "data.source=gaussian data.dimension=3 data.signal=[[2,1,0],[1,2,-0.5],[0,-0.5,1]] "
    "data.noise=[[1,0.5,0],[0.5,1,0],[0,0,0.2]]",
    "data.source=gaussian data.dimension=3 data.signal=[[2,1,0],[1,2,-0.5],[0,-0.5,1]] "
    "data.noise=0 data.rotated=true",
    "data.source=scrambling data.dimension=5 data.scrambled=2",
    "data.source=scrambling data.dimension=5 data.scrambled=2 data.signal=[4,3,2,1,0.5]",
    "data.source=scrambling data.dimension=5 data.scrambled=3 data.signal=[4,3,2,1,0.5] "
    "data.rotated=true data.along_inputs=true",
    "data.source=scrambling data.dimension=3 data.scrambled=3 data.signal=[3,1,0]",
    "data.source=finite data.dimension=4 data.points=5 data.views=3",
    "data.source=finite data.dimension=4 data.points=3 data.views=1 data.spread=0",
    "data.source=finite data.dimension=2 data.points=2 data.views=2 "
    "data.values=[[1,0],[0,2],[-3,1],[1,1]]",
    "data.source=hltm data.depth=3 data.polarity=[0.4,0.9] data.keep_level=0",
    "data.source=hltm data.depth=3 data.polarity=[0.4,0.9] data.keep_level=1",
    "data.source=hltm data.depth=2 data.children=[2,3] data.polarity=-0.7 data.keep_level=1",
    "data.source=hltm data.depth=2 data.polarity=[0.4,0.9] data.keep_level=2",
    "data.source=hltm data.depth=2 data.states=3 data.polarity=[0.4,0.9] data.keep_level=0",
    "data.source=hltm data.depth=2 data.states=3 data.polarity=[0.4,0.9] data.keep_level=1",
    "data.source=hltm data.depth=2 data.states=4 data.polarity=[[-0.2,0.5],[0.9,0.3,-0.3,0.6]] "
    "data.keep_level=1",
    "data.source=hltm data.depth=2 data.states=3 data.polarity=0.6 data.keep_level=2",
};

enum { SOURCES = sizeof sources / sizeof *sources };

static size_t specs(void)
{
    return SOURCES + source_registry.count;
}

/* Spec i: the above, and the examples of the registry. */
static const char *keys_of(size_t i)
{
    return i < SOURCES ? sources[i] : source_registry.entries[i - SOURCES]->example;
}

static void moments_are_the_moments_of_the_views(void **state)
{
    (void)state;
    for (size_t i = 0; i < specs(); i++) {
        struct opened o = open_source(keys_of(i), 11);
        if (o.source->moments) {
            struct pair_of_moments m = moments_of(&o);
            check_deviation(keys_of(i), "X", deviation(&o, 0, 1, BLOCKS, m.x));
            check_deviation(keys_of(i), "X + X', x_1", deviation(&o, 0, 0, BLOCKS, m.both));
            for (int view = 1; view < 3 && i < SOURCES; view++)
                check_deviation(keys_of(i), "X + X', x_+ or x_1-",
                                deviation(&o, view, view, BLOCKS, m.both));
            free(m.x);
        }
        shut(&o);
    }
}

/* E[x_a x_b^T] is E[x] E[x]^T, whose own error is bounded here by 3 more. */
static void negatives_are_independent(void **state)
{
    (void)state;
    static const int pairs[][2] = {{0, 2}, {1, 2}, {2, 3}};
    for (size_t i = 0; i < specs(); i++) {
        struct opened o = open_source(keys_of(i), 12);
        const size_t n = o.inputs;
        double *mean = allocate(n + n * n, sizeof *mean), *product = mean + n;
        mean_of(&o, mean);
        for (size_t at = 0; at < n * n; at++)
            product[at] = mean[at / n] * mean[at % n];
        for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
            double worst = deviation(&o, pairs[p][0], pairs[p][1], BLOCKS, product);
            check_deviation(keys_of(i), "the moment of two x", worst - 3);
        }
        free(mean);
        shut(&o);
    }
}

/* ---- addresses ---- */

static void a_block_is_the_same_in_any_order(void **state)
{
    (void)state;
    enum { COUNT = 3 };
    for (size_t i = 0; i < specs(); i++) {
        struct opened o = open_source(keys_of(i), 13), again = open_source(keys_of(i), 13);
        const size_t view = o.inputs * BLOCK, size = VIEWS * view;
        double *x = aligned((COUNT + 1) * size * sizeof *x), *y = x + COUNT * size;
        for (uint64_t block = 0; block < COUNT; block++)
            draw_block(&o, draw_at(block), VIEWS, x + block * size);
        for (uint64_t block = COUNT; block-- > 0;) {
            draw_block(&again, draw_at(block), VIEWS, y);
            assert_true(same_bits(y, x + block * size, size));
            for (int views = 1; views < VIEWS; views++) { /* fewer views: the same ones */
                memset(y, 0, size * sizeof *y);
                draw_block(&o, draw_at(block), views, y);
                assert_true(same_bits(y, x + block * size, (size_t)views * view));
                assert_true(y[(size_t)views * view] == 0);
            }
        }
        free(x);
        shut(&o);
        shut(&again);
    }
}

static void every_part_of_an_address_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < specs(); i++) {
        struct opened o = open_source(keys_of(i), 13);
        const size_t view = o.inputs * BLOCK, size = VIEWS * view;
        double *x = aligned(2 * size * sizeof *x), *y = x + size;
        const struct draw base = draw_at(3);
        struct draw other[] = {base, base, base, base};
        other[0].seed++;
        other[1].purpose = PURPOSE_MEASURE;
        other[2].epoch++;
        other[3].block++;
        draw_block(&o, base, VIEWS, x);
        for (int k = 0; k < 4; k++) {
            draw_block(&o, other[k], VIEWS, y);
            for (size_t v = 0; v < VIEWS; v++)
                assert_false(same_bits(x + v * view, y + v * view, view));
        }
        assert_false(same_bits(x, x + 2 * view, view));
        assert_false(same_bits(x + 2 * view, x + 3 * view, view));
        free(x);
        shut(&o);
    }
}

/* With two positives the third view is no longer of another x; the
                               others are as ever. */
static void the_number_of_positives_changes_no_other_view(void **state)
{
    (void)state;
    for (size_t i = 0; i < specs(); i++) {
        struct opened o = open_source(keys_of(i), 11);
        const size_t view = o.inputs * BLOCK;
        double *x = aligned(2 * VIEWS * view * sizeof *x), *y = x + VIEWS * view;
        draw_block(&o, draw_at(0), VIEWS, x);
        o.positives = 2;
        draw_block(&o, draw_at(0), VIEWS, y);
        assert_true(same_bits(x, y, 2 * view) && same_bits(x + 3 * view, y + 3 * view, view));
        free(x);
        shut(&o);
    }
}

static void all_positives_are_of_the_sample(void **state)
{
    (void)state;
    static const int pairs[][2] = {{0, 1}, {0, 2}, {1, 2}, {0, 3}, {2, 3}};
    for (size_t i = 0; i < SOURCES; i++) {
        struct opened o = open_source(sources[i], 11);
        struct pair_of_moments m = moments_of(&o);
        const size_t n = o.inputs;
        double *mean = allocate(n + n * n, sizeof *mean), *product = mean + n;
        mean_of(&o, mean);
        for (size_t at = 0; at < n * n; at++)
            product[at] = mean[at / n] * mean[at % n];
        o.positives = 2;
        for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
            const int a = pairs[p][0], b = pairs[p][1];
            double worst = deviation(&o, a, b, BLOCKS, b < 3 ? m.x : product);
            check_deviation(sources[i], b < 3 ? "X of positives" : "a negative",
                            worst - 3 * (b == 3));
        }
        free(mean);
        free(m.x);
        shut(&o);
    }
}

/* ---- every source, by its example ---- */

typedef void (*contract)(const struct opened *o);

static void check_every(contract check)
{
    for (size_t i = 0; i < source_registry.count; i++) {
        const struct descriptor *about = source_registry.entries[i];
        if (!about->example)
            fail_msg("%s has no example", about->name);
        struct opened o = open_source(about->example, 3);
        if (&o.source->about != about)
            fail_msg("the example of %s names %s", about->name, o.source->about.name);
        check(&o);
        shut(&o);
    }
}

/* A block lies where `observed` says: every entry is written, and nothing behind
 * the last. */
static void check_block(const struct opened *o)
{
    enum { GUARD = 64 };
    const struct observed observed = o->source->observed(o->world);
    const size_t count = VIEWS * observed.leaves * BLOCK;
    const size_t size = observed.states ? 1 : sizeof(double), bytes = count * size;
    void *scratch = aligned(o->source->scratch_size(o->world));
    unsigned char *block[2];
    assert_true(observed.leaves > 0 && observed.states >= 0 && observed.states != 1);
    for (int k = 0; k < 2; k++) {
        block[k] = memset(aligned(bytes + GUARD), k ? 0xff : 0x77, bytes + GUARD);
        o->source->draw(o->world, draw_at(1), 1, VIEWS, scratch,
                        observed.states ? (struct samples){.state = block[k]}
                                        : (struct samples){.value = (void *)block[k]});
    }
    assert_memory_equal(block[0], block[1], bytes);
    for (size_t i = 0; i < GUARD; i++)
        assert_true(block[0][bytes + i] == 0x77 && block[1][bytes + i] == 0xff);
    for (size_t i = 0; i < count; i++)
        assert_true(observed.states ? block[0][i] < observed.states
                                    : isfinite(((double *)(void *)block[0])[i]));
    free(block[0]);
    free(block[1]);
    free(scratch);
}

static void blocks_are_as_observed(void **state)
{
    (void)state;
    check_every(check_block);
}

/* Labels are 0 ... classes - 1, not all the same, and the same for all views of a
 * sample. */
static void check_labels(const struct opened *o)
{
    uint8_t label[BLOCK], again[BLOCK];
    size_t met = 0, count[256] = {0};
    if (!o->source->labels) {
        assert_int_equal(source_classes(o->source, o->world), 0);
        return;
    }
    const int classes = source_classes(o->source, o->world);
    if (classes < 2)
        fail_msg("%s: its example has no labels", o->source->about.name);
    for (uint64_t block = 20; block-- > 0;) {
        struct draw draw = draw_at(block);
        o->source->labels->draw(o->world, draw, label);
        draw.view = 1;
        o->source->labels->draw(o->world, draw, again);
        assert_memory_equal(label, again, BLOCK);
        for (size_t s = 0; s < BLOCK; s++) {
            assert_true(label[s] < classes);
            met += count[label[s]]++ == 0;
        }
    }
    assert_true(met > 1);
}

static void labels_keep_to_their_classes(void **state)
{
    (void)state;
    check_every(check_labels);
}

static void check_latents(const struct opened *o)
{
    const struct tree *tree = source_tree(o->source, o->world);
    assert_true((tree != NULL) == (o->source->latents != NULL));
    if (!tree)
        return;
    const struct observed observed = o->source->observed(o->world);
    assert_int_equal(observed.leaves, tree_leaves(tree));
    assert_int_equal(observed.states, tree->states);
    void *scratch = aligned(o->source->scratch_size(o->world));
    uint8_t *states = aligned(tree->nodes * BLOCK), *leaf = aligned(observed.leaves * BLOCK);
    for (uint64_t block = 0; block < 20; block++) {
        o->source->latents->draw(o->world, draw_at(block), scratch, states);
        o->source->draw(o->world, draw_at(block), 0, 1, scratch, (struct samples){.state = leaf});
        assert_memory_equal(states + tree->first[tree->depth] * BLOCK, leaf,
                            observed.leaves * BLOCK);
        for (size_t i = 0; i < tree->nodes * BLOCK; i++)
            assert_true(states[i] < tree->states);
    }
    free(scratch);
    free(states);
    free(leaf);
}

static void leaves_of_latents_are_the_first_view(void **state)
{
    (void)state;
    check_every(check_latents);
}

/* Hidden parts add up to a negative, which is not augmented: x = M z +
 * noise. */
static void check_features(const struct opened *o)
{
    const struct dictionary *d = source_dictionary(o->source, o->world);
    assert_true((d != NULL) == (o->source->features != NULL));
    if (!d)
        return;
    const size_t view = d->inputs * BLOCK;
    assert_int_equal(o->leaves, d->inputs);
    void *scratch = aligned(o->source->scratch_size(o->world));
    double *x = aligned(3 * view * sizeof *x), *z = aligned(d->features * BLOCK * sizeof *z);
    double *signal = aligned(view * sizeof *x), *noise = aligned(view * sizeof *x);
    for (uint64_t block = 0; block < 20; block++) {
        struct draw draw = draw_at(block);
        draw_block(o, draw, 3, x);
        draw.view = 2;
        o->source->features->draw(o->world, draw, scratch, z, signal, noise);
        for (size_t i = 0; i < view; i++) {
            double sum = 0;
            for (size_t j = 0; j < d->features; j++)
                sum += d->column[j * d->inputs + i / BLOCK] * z[j * BLOCK + i % BLOCK];
            assert_near(signal[i], sum, 1e-14);
            assert_near(x[2 * view + i], signal[i] + noise[i], 1e-14);
        }
        for (size_t i = 0; i < d->features * BLOCK; i++)
            assert_true(z[i] == 0 || fabs(z[i]) == 1);
    }
    free(scratch);
    free(x);
    free(z);
    free(signal);
    free(noise);
}

static void hidden_parts_make_up_x(void **state)
{
    (void)state;
    check_every(check_features);
}

/* Content outside the spec enters the name of a run; where there is none, the spec
 * alone names it. */
static void check_content(const struct opened *o)
{
    struct spec_content *known = NULL;
    struct spec named = o->spec; /* its texts stay those of o */
    struct error err;
    check_ok(spec_name(&named, &known, &err), &err);
    assert_true((strcmp(named.hash, o->spec.hash) != 0) == (o->source->about.content != NULL));
    spec_contents_free(&known);
    uint64_t hash[2] = {0, 1};
    for (int k = 0; k < 2 && o->source->about.content; k++)
        check_ok(o->source->about.content(o->spec.settings[SECTION_DATA], &hash[k], &err), &err);
    assert_true(!o->source->about.content || hash[0] == hash[1]);
    assert_true(!o->source->about.content == !o->source->content);
    assert_true(!o->source->content || o->source->content(o->world) == hash[0]);
}

static void contents_enter_the_name_of_a_run(void **state)
{
    (void)state;
    check_every(check_content);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    linalg_threads_are_safe();
    const struct CMUnitTest tests[] = {
        TEST(moments_are_the_moments_of_the_views),
        TEST(negatives_are_independent),
        TEST(a_block_is_the_same_in_any_order),
        TEST(every_part_of_an_address_counts),
        TEST(the_number_of_positives_changes_no_other_view),
        TEST(all_positives_are_of_the_sample),
        TEST(blocks_are_as_observed),
        TEST(labels_keep_to_their_classes),
        TEST(leaves_of_latents_are_the_first_view),
        TEST(hidden_parts_make_up_x),
        TEST(contents_enter_the_name_of_a_run),
    };
    return cmocka_run_group_tests_name("sources", tests, enter_examples, leave_examples);
}
