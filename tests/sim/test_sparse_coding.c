/* Protects sim/data/sources/sparse_coding.c: the dictionary, the parts of a sample, its masks, the
 * moments of views, refused settings. */
#include "harness/run/experiment.h"
#include "sim/data/sources/sources.h"
#include "sim/train/minibatch.h"
#include "tests/kit/spec.h"

enum { VIEWS = 4 };

struct opened {
    struct spec spec;
    const struct source *source;
    void *world, *scratch;
    const struct dictionary *dictionary;
    size_t view;                    /* doubles of a view of a block */
    double *x, *z, *signal, *noise; /* a block; x has VIEWS views */
};

static enum status try_open(struct opened *o, const char *keys, uint64_t seed, struct error *err)
{
    *o = (struct opened){.source = &source_sparse_coding};
    enum status status = kit_spec(&o->spec, "data.source=sparse_coding", keys, err);
    return status ? status : o->source->open(o->spec.settings[SECTION_DATA], seed, &o->world, err);
}

static struct opened open_source(const char *keys, uint64_t seed)
{
    struct opened o;
    struct error err = {0};
    check_ok(try_open(&o, keys, seed, &err), &err);
    o.dictionary = source_dictionary(o.source, o.world);
    o.view = o.dictionary->inputs * BLOCK;
    o.scratch = allocate(o.source->scratch_size(o.world), 1);
    o.x = allocate(VIEWS * o.view, sizeof(double));
    o.z = allocate(o.dictionary->features * BLOCK, sizeof(double));
    o.signal = allocate(o.view, sizeof(double));
    o.noise = allocate(o.view, sizeof(double));
    return o;
}

static void shut(struct opened *o)
{
    if (o->world)
        o->source->close(o->world);
    spec_free(&o->spec);
    free(o->scratch);
    free(o->x);
    free(o->z);
    free(o->signal);
    free(o->noise);
}

static struct draw draw_at(uint64_t block, uint64_t view)
{
    return (struct draw){
        .seed = 7, .purpose = PURPOSE_TEST, .epoch = 2, .block = block, .view = view};
}

static void draw_views(struct opened *o, uint64_t block)
{
    o->source->draw(o->world, draw_at(block, 0), 1, VIEWS, o->scratch,
                    (struct samples){.value = o->x});
}

static void draw_hidden(struct opened *o, uint64_t block, uint64_t view)
{
    o->source->features->draw(o->world, draw_at(block, view), o->scratch, o->z, o->signal,
                              o->noise);
}

/* ---- dictionary ---- */

static void columns_are_orthonormal_and_spread_out(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct opened o = open_source("data.features=20 data.dimension=400", seed);
        const struct dictionary *d = o.dictionary;
        double largest = 0;
        for (size_t i = 0; i < d->features; i++)
            for (size_t j = 0; j <= i; j++) {
                double dot = 0;
                for (size_t k = 0; k < d->inputs; k++)
                    dot += d->column[i * d->inputs + k] * d->column[j * d->inputs + k];
                assert_near(dot, i == j, 1e-14);
            }
        for (size_t k = 0; k < d->features * d->inputs; k++)
            largest = fmax(largest, fabs(d->column[k]) * sqrt((double)d->inputs));
        assert_at_most(largest, 6); /* of 8,000 normal numbers: P < 2e-5 */
        shut(&o);
    }
}

static void a_seed_has_its_dictionary(void **state)
{
    (void)state;
    struct opened one = open_source("data.features=3 data.dimension=9", 1);
    struct opened same = open_source("data.features=3 data.dimension=9", 1);
    struct opened other = open_source("data.features=3 data.dimension=9", 2);
    assert_memory_equal(one.dictionary->column, same.dictionary->column, 27 * sizeof(double));
    assert_memory_not_equal(one.dictionary->column, other.dictionary->column, 27 * sizeof(double));
    shut(&one);
    shut(&same);
    shut(&other);
}

static void a_square_dictionary_is_a_basis(void **state)
{
    (void)state;
    struct opened o = open_source("data.features=12 data.dimension=12", 3);
    const double *m = o.dictionary->column;
    for (size_t i = 0; i < 12; i++)
        for (size_t j = 0; j < 12; j++) {
            double dot = 0;
            for (size_t k = 0; k < 12; k++) /* rows: the inverse is the transpose */
                dot += m[k * 12 + i] * m[k * 12 + j];
            assert_near(dot, i == j, 1e-13);
        }
    shut(&o);
}

static void defaults_are_those_of_the_theory(void **state)
{
    (void)state;
    struct opened o = open_source("data.features=20", 1);
    assert_near(o.dictionary->sparsity, log(log(20.0)) / 20, 1e-15);
    assert_near(o.dictionary->noise, sqrt(log(20.0)) / 20, 1e-15);
    shut(&o);
    o = open_source("data.features=5 data.dimension=9 data.sparsity=0.3 data.noise=0", 1);
    assert_true(o.dictionary->sparsity == 0.3 && o.dictionary->noise == 0);
    shut(&o);
}

/* ---- what a sample is made of ---- */

/* x of view `view` of block `block`, before a mask, is M z + noise of the hidden parts. */
static void check_parts(struct opened *o, uint64_t block, uint64_t view)
{
    const struct dictionary *d = o->dictionary;
    draw_hidden(o, block, view);
    for (size_t i = 0; i < d->inputs; i++)
        for (size_t s = 0; s < BLOCK; s++) {
            double signal = 0;
            for (size_t j = 0; j < d->features; j++)
                signal += d->column[j * d->inputs + i] * o->z[j * BLOCK + s];
            assert_near(o->signal[i * BLOCK + s], signal, 1e-14);
            if (view != 0)
                assert_near(o->x[view * o->view + i * BLOCK + s], signal + o->noise[i * BLOCK + s],
                            1e-14);
        }
}

static void samples_are_signal_and_noise(void **state)
{
    (void)state;
    struct opened o = open_source("data.features=6 data.dimension=10 data.sparsity=0.3", 1);
    for (uint64_t block = 0; block < 20; block++) {
        draw_views(&o, block);
        check_parts(&o, block, 0);
        check_parts(&o, block, 2);
        check_parts(&o, block, 3);
    }
    shut(&o);
}

static void codes_are_sparse_signs(void **state)
{
    (void)state;
    enum { BLOCKS = 2000, FEATURES = 5 };
    struct opened o = open_source("data.features=5 data.dimension=8 data.sparsity=0.15", 4);
    const double probability[3] = {0.075, 0.85, 0.075};
    size_t count[FEATURES][3] = {{0}}, both = 0;
    for (uint64_t block = 0; block < BLOCKS; block++) {
        draw_hidden(&o, block, 0);
        for (size_t j = 0; j < FEATURES; j++)
            for (size_t s = 0; s < BLOCK; s++)
                count[j][(int)o.z[j * BLOCK + s] + 1]++;
        for (size_t s = 0; s < BLOCK; s++)
            both += o.z[s] != 0 && o.z[BLOCK + s] != 0;
    }
    for (size_t j = 0; j < FEATURES; j++)
        assert_above(counts_p(3, count[j], probability, BLOCKS * BLOCK), 1e-5);
    const double expected = 0.15 * 0.15 * BLOCKS * BLOCK;
    assert_at_most(fabs((double)both - expected), 5 * sqrt(expected));
    shut(&o);
}

/* ---- masks ---- */

enum { MASKED_BLOCKS = 200 };

/* Both views against the x that is hidden in them; returns how many entries both keep. */
static double shared_entries(struct opened *o, double keep, double keep_second)
{
    size_t first = 0, second = 0, both = 0;
    const double total = (double)(MASKED_BLOCKS * o->view);
    for (uint64_t block = 0; block < MASKED_BLOCKS; block++) {
        draw_views(o, block);
        draw_hidden(o, block, 0);
        for (size_t k = 0; k < o->view; k++) {
            const double x = o->signal[k] + o->noise[k], a = o->x[k], b = o->x[o->view + k];
            if (a != 0)
                assert_near(a, x / keep, 1e-14);
            if (b != 0)
                assert_near(b, x / keep_second, 1e-14);
            first += a != 0;
            second += b != 0;
            both += a != 0 && b != 0;
        }
    }
    assert_at_most(fabs((double)first / total - keep), 5 * sqrt(keep * (1 - keep) / total));
    assert_at_most(fabs((double)second / total - keep_second),
                   5 * sqrt(keep_second * (1 - keep_second) / total));
    return (double)both / total;
}

static void complementary_masks_share_no_input(void **state)
{
    (void)state;
    struct opened half = open_source("data.features=3 data.dimension=10", 1);
    struct opened third = open_source("data.features=3 data.dimension=10 data.keep=0.3", 1);
    assert_true(shared_entries(&half, 0.5, 0.5) == 0);
    assert_true(shared_entries(&third, 0.3, 0.7) == 0);
    for (uint64_t block = 0; block < 3; block++) { /* and together leave none out */
        draw_views(&half, block);
        for (size_t k = 0; k < half.view; k++)
            assert_true((half.x[k] != 0) != (half.x[half.view + k] != 0));
    }
    shut(&half);
    shut(&third);
}

static void independent_masks_share_their_product(void **state)
{
    (void)state;
    static const double keep[] = {0.5, 0.3};
    for (int i = 0; i < 2; i++) {
        char keys[128];
        snprintf(keys, sizeof keys,
                 "data.features=3 data.dimension=10 data.mask=independent data.keep=%g", keep[i]);
        struct opened o = open_source(keys, 1);
        const double square = keep[i] * keep[i], total = MASKED_BLOCKS * (double)o.view;
        assert_at_most(fabs(shared_entries(&o, keep[i], keep[i]) - square),
                       5 * sqrt(square * (1 - square) / total));
        shut(&o);
    }
}

static void without_a_mask_both_views_are_x(void **state)
{
    (void)state;
    struct opened o = open_source("data.features=3 data.dimension=10 data.mask=none", 1);
    assert_true(shared_entries(&o, 1, 1) == 1);
    assert_memory_equal(o.x, o.x + o.view, o.view * sizeof *o.x);
    assert_memory_not_equal(o.x, o.x + 2 * o.view, o.view * sizeof *o.x);
    shut(&o);
}

/* ---- several positives ---- */

enum { POSITIVES = 2 }; /* view 3 is then a negative */

static void draw_positives(struct opened *o, uint64_t block)
{
    o->source->draw(o->world, draw_at(block, 0), POSITIVES, VIEWS, o->scratch,
                    (struct samples){.value = o->x});
}

static void the_first_positive_is_the_same_for_any_number(void **state)
{
    (void)state;
    static const char *const mask[] = {"complementary", "independent", "none"};
    for (int i = 0; i < 6; i++) {
        char keys[128];
        snprintf(keys, sizeof keys, "data.features=3 data.dimension=7 data.mask=%s data.keep=%g",
                 mask[i % 3], i < 3 ? 0.5 : 0.3);
        struct opened one = open_source(keys, 1), two = open_source(keys, 1);
        for (uint64_t block = 0; block < 5; block++) {
            draw_views(&one, block);
            draw_positives(&two, block);
            assert_memory_equal(one.x, two.x, 2 * one.view * sizeof *one.x);
            assert_memory_equal(one.x + 3 * one.view, two.x + 3 * one.view,
                                one.view * sizeof *one.x);
        }
        shut(&one);
        shut(&two);
    }
}

/* Entries that the second positive keeps, of all and of those that x_1 and x_+1 keep. */
struct kept {
    double all, with_first, with_second;
};

static struct kept kept_by_second_positive(struct opened *o, double keep)
{
    struct kept kept = {0};
    const double total = (double)(MASKED_BLOCKS * o->view);
    for (uint64_t block = 0; block < MASKED_BLOCKS; block++) {
        draw_positives(o, block);
        draw_hidden(o, block, 0);
        for (size_t k = 0; k < o->view; k++) {
            const double x = o->signal[k] + o->noise[k], c = o->x[2 * o->view + k];
            if (c != 0)
                assert_near(c, x / keep, 1e-14);
            kept.all += (c != 0) / total;
            kept.with_first += (c != 0 && o->x[k] != 0) / total;
            kept.with_second += (c != 0 && o->x[o->view + k] != 0) / total;
        }
    }
    return kept;
}

static void further_positives_have_masks_of_their_own(void **state)
{
    (void)state;
    static const char *const mask[] = {"complementary", "independent"};
    for (int i = 0; i < 4; i++) {
        const double keep = i < 2 ? 0.5 : 0.3, second = i % 2 ? keep : 1 - keep;
        char keys[128];
        snprintf(keys, sizeof keys, "data.features=3 data.dimension=10 data.mask=%s data.keep=%g",
                 mask[i % 2], keep);
        struct opened o = open_source(keys, 1);
        const double slack = 5 * 0.5 / sqrt(MASKED_BLOCKS * (double)o.view);
        const struct kept kept = kept_by_second_positive(&o, keep);
        assert_near(kept.all, keep, slack);
        assert_near(kept.with_first, keep * keep, slack);
        assert_near(kept.with_second, keep * second, slack);
        shut(&o);
    }
}

static void without_a_mask_all_positives_are_x(void **state)
{
    (void)state;
    struct opened o = open_source("data.features=3 data.dimension=10 data.mask=none", 1);
    draw_positives(&o, 0);
    assert_memory_equal(o.x, o.x + o.view, o.view * sizeof *o.x);
    assert_memory_equal(o.x, o.x + 2 * o.view, o.view * sizeof *o.x);
    assert_memory_not_equal(o.x, o.x + 3 * o.view, o.view * sizeof *o.x);
    shut(&o);
}

/* ---- masks that keep nothing ---- */

static void a_view_without_an_input_is_0(void **state)
{
    (void)state;
    struct opened o =
        open_source("data.features=1 data.dimension=1 data.sparsity=0.5 data.noise=0.5", 1);
    size_t empty[2] = {0};
    for (uint64_t block = 0; block < 20; block++) {
        draw_views(&o, block);
        draw_hidden(&o, block, 0);
        for (size_t s = 0; s < BLOCK; s++) {
            const double x = o.signal[s] + o.noise[s], a = o.x[s], b = o.x[o.view + s];
            assert_true((a == 0 && b == 2 * x) || (b == 0 && a == 2 * x));
            empty[a == 0 ? 0 : 1]++;
        }
    }
    assert_true(empty[0] > 400 && empty[1] > 400); /* of 1280; either view may be empty */
    shut(&o);
}

/* Of a single input every sample has one view without any. */
static void empty_views_can_be_trained_on(void **state)
{
    (void)state;
    static const char *const overrides[] = {"data.source=sparse_coding",
                                            "data.features=1",
                                            "data.dimension=1",
                                            "data.sparsity=0.5",
                                            "data.noise=0.01",
                                            "network.kind=symmetric_relu",
                                            "network.neurons=3",
                                            "network.bias_start=0.1",
                                            "network.warmup=10",
                                            "objective.name=infonce",
                                            "objective.similarity=inner_stopped",
                                            "train.samples=6400",
                                            "train.epochs=1",
                                            "measure.probes=[features]",
                                            "measure.samples=1000",
                                            "optimiser.lr=0.5"};
    struct spec spec;
    struct error err = {0};
    struct experiment e;
    check_ok(spec_load(&spec, NULL, overrides, sizeof overrides / sizeof *overrides, &err), &err);
    check_ok(experiment_open(&e, &spec, 1, &err), &err);
    struct trainer *trainer = &((struct minibatch *)e.training)->trainer;
    const struct epoch_result result = trainer_epoch(trainer, 1, NULL);
    assert_false(result.diverged);
    assert_near(result.loss, log(2), 0.3); /* the views share nothing: chance */
    for (size_t i = 0; i < 6; i++)
        assert_true(isfinite(trainer->parameters[i]));
    experiment_free(&e);
    spec_free(&spec);
}

/* ---- moments ---- */

/* Largest |E[x_a x_b^T] - claimed| in standard errors. */
static double deviation(struct opened *o, size_t a, size_t b, const double *claimed)
{
    enum { BLOCKS = 3000 };
    const size_t n = o->dictionary->inputs;
    double *sum = allocate(2 * n * n, sizeof *sum), *square = sum + n * n, worst = 0;
    for (uint64_t block = 0; block < BLOCKS; block++) {
        draw_views(o, block);
        for (size_t i = 0; i < n * n * BLOCK; i++) {
            const size_t at = i / BLOCK, s = i % BLOCK;
            const double product =
                o->x[a * o->view + at / n * BLOCK + s] * o->x[b * o->view + at % n * BLOCK + s];
            sum[at] += product / BLOCKS / BLOCK;
            square[at] += product * product / BLOCKS / BLOCK;
        }
    }
    for (size_t i = 0; i < n * n; i++) {
        double error = sqrt(fmax(0, square[i] - sum[i] * sum[i]) / BLOCKS / BLOCK);
        worst = fmax(worst, fabs(sum[i] - claimed[i]) / (error + 1e-12));
    }
    free(sum);
    return worst;
}

static void moments_are_those_of_the_views(void **state)
{
    (void)state;
    enum { N = 5 };
    static const char *const mask[] = {"complementary", "independent", "none"};
    for (int i = 0; i < 6; i++) {
        char keys[128];
        double x[N * N], both[N * N];
        snprintf(keys, sizeof keys,
                 "data.features=3 data.dimension=5 data.sparsity=0.4 data.noise=0.2 data.mask=%s "
                 "data.keep=%g",
                 mask[i % 3], i < 3 ? 0.5 : 0.3);
        struct opened o = open_source(keys, 11);
        o.source->moments(o.world, x, both);
        for (size_t k = 0; k < N * N; k++)
            both[k] += x[k];
        assert_at_most(deviation(&o, 0, 1, x), 5);
        assert_at_most(deviation(&o, 0, 0, both), 5);
        if (i % 3 < 2) { /* the sample is large enough to tell the mask */
            assert_above(deviation(&o, 0, 0, x), 20);
            assert_at_most(deviation(&o, 2, 3, (double[N * N]){0}), 5);
        }
        shut(&o);
    }
}

/* ---- addresses ---- */

static void a_block_is_the_same_in_any_order(void **state)
{
    (void)state;
    static const char *const mask[] = {"complementary", "independent", "none"};
    for (int i = 0; i < 3; i++) {
        char keys[128];
        snprintf(keys, sizeof keys, "data.features=3 data.dimension=7 data.mask=%s", mask[i]);
        struct opened o = open_source(keys, 1), again = open_source(keys, 1);
        const size_t size = VIEWS * o.view;
        double *first = allocate(size, sizeof *first);
        draw_views(&o, 0);
        memcpy(first, o.x, size * sizeof *first);
        draw_views(&o, 1);
        draw_views(&again, 1);
        assert_memory_equal(o.x, again.x, size * sizeof *first);
        assert_memory_not_equal(first, o.x, size * sizeof *first);
        for (int views = 1; views <= VIEWS; views++) { /* fewer views: the same ones */
            memset(again.x, 0, size * sizeof *first);
            again.source->draw(again.world, draw_at(0, 0), 1, views, again.scratch,
                               (struct samples){.value = again.x});
            assert_memory_equal(again.x, first, (size_t)views * o.view * sizeof *first);
            assert_true(views == VIEWS || again.x[(size_t)views * o.view] == 0);
        }
        free(first);
        shut(&o);
        shut(&again);
    }
}

/* ---- what is refused ---- */

static void check_refused(const char *keys, const char *key)
{
    struct opened o;
    struct error err = {0};
    assert_int_equal(try_open(&o, keys, 1, &err), STATUS_INVALID);
    assert_string_equal(err.key, key);
    assert_null(o.world);
    spec_free(&o.spec);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    check_refused("data.features=11 data.dimension=10", "data.features");
    check_refused("data.features=60000 data.dimension=60000", "data.features");
    check_refused("data.keep=0", "data.keep");
    check_refused("data.keep=0 data.mask=independent", "data.keep");
    check_refused("data.keep=1", "data.keep");
    check_refused("data.features=2", "data.sparsity");
    check_refused("data.noise=-0.5", "data.noise");
    struct opened o = open_source("data.keep=1 data.mask=independent", 1);
    shut(&o);
    o = open_source("data.keep=0 data.mask=none", 1);
    shut(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_orthonormal_and_spread_out),
        cmocka_unit_test(a_seed_has_its_dictionary),
        cmocka_unit_test(a_square_dictionary_is_a_basis),
        cmocka_unit_test(defaults_are_those_of_the_theory),
        cmocka_unit_test(samples_are_signal_and_noise),
        cmocka_unit_test(codes_are_sparse_signs),
        cmocka_unit_test(complementary_masks_share_no_input),
        cmocka_unit_test(independent_masks_share_their_product),
        cmocka_unit_test(without_a_mask_both_views_are_x),
        cmocka_unit_test(the_first_positive_is_the_same_for_any_number),
        cmocka_unit_test(further_positives_have_masks_of_their_own),
        cmocka_unit_test(without_a_mask_all_positives_are_x),
        cmocka_unit_test(a_view_without_an_input_is_0),
        cmocka_unit_test(empty_views_can_be_trained_on),
        cmocka_unit_test(moments_are_those_of_the_views),
        cmocka_unit_test(a_block_is_the_same_in_any_order),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
