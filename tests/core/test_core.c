/* Protects core/: addressed random numbers, products, the arena, checked LAPACK, errors. */
#include "core/arena.h"
#include "core/descriptor.h"
#include "core/linalg.h"
#include "core/pool.h"
#include "core/product.h"
#include "core/random.h"
#include "tests/kit/testing.h"

#include <Random123/philox.h>
#include <gsl/gsl_randist.h>

/* OpenBLAS's; its cblas.h conflicts with GSL's, which gsl_randist.h includes. */
void openblas_set_num_threads(int threads);
int openblas_get_num_threads(void);

/* ---- Philox ---- */

struct known_answer {
    uint64_t counter[4], key[2], word[4];
};

/* Random123, tests/kat_vectors, philox4x64 with 10 rounds. */
static const struct known_answer known_answers[] = {
    {{0, 0, 0, 0},
     {0, 0},
     {0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b}},
    {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
     {UINT64_MAX, UINT64_MAX},
     {0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0}},
    {{0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89},
     {0x452821e638d01377, 0xbe5466cf34e90c6c},
     {0xa528f45403e61d95, 0x38c72dbd566e9788, 0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6}},
};

/* Schoolbook product of two 64-bit numbers by 32-bit halves. */
static void multiply(uint64_t a, uint64_t b, uint64_t *high, uint64_t *low)
{
    const uint64_t mask = 0xffffffff;
    uint64_t ll = (a & mask) * (b & mask), lh = (a & mask) * (b >> 32);
    uint64_t hl = (a >> 32) * (b & mask), hh = (a >> 32) * (b >> 32);
    uint64_t middle = (ll >> 32) + (lh & mask) + (hl & mask);
    *low = (middle << 32) | (ll & mask);
    *high = hh + (lh >> 32) + (hl >> 32) + (middle >> 32);
}

/* Philox4x64-10 written again from the paper. */
static void reference_philox(const uint64_t counter[4], const uint64_t key[2], uint64_t word[4])
{
    uint64_t c[4] = {counter[0], counter[1], counter[2], counter[3]}, k[2] = {key[0], key[1]};
    for (int round = 0; round < 10; round++) {
        uint64_t high0, low0, high1, low1;
        multiply(0xD2E7470EE14C6C93, c[0], &high0, &low0);
        multiply(0xCA5A826395121157, c[2], &high1, &low1);
        c[0] = high1 ^ c[1] ^ k[0];
        c[1] = low1;
        c[2] = high0 ^ c[3] ^ k[1];
        c[3] = low0;
        k[0] += 0x9E3779B97F4A7C15;
        k[1] += 0xBB67AE8584CAA73B;
    }
    memcpy(word, c, sizeof c);
}

static void test_philox_gives_the_published_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known_answers / sizeof *known_answers; i++) {
        const struct known_answer *known = &known_answers[i];
        uint64_t word[4];
        reference_philox(known->counter, known->key, word);
        assert_memory_equal(word, known->word, sizeof word);
        philox4x64_ctr_t counter;
        philox4x64_key_t key;
        memcpy(counter.v, known->counter, sizeof known->counter);
        memcpy(key.v, known->key, sizeof known->key);
        philox4x64_ctr_t out = philox4x64(counter, key);
        assert_memory_equal(out.v, known->word, sizeof word);
    }
    struct random_words zero = random_words(0, (enum purpose)0, 0, 0, 0, 0);
    assert_memory_equal(zero.word, known_answers[0].word, sizeof zero.word);
}

/* The address of core/random.h: key (seed, purpose), counter (index, lane, sample, epoch). */
static void test_a_row_of_words_is_philox_of_its_counters(void **state)
{
    (void)state;
    for (uint64_t lane = 0; lane < 50; lane++) {
        uint32_t row[RANDOM_ROW];
        const struct random_words base = random_words(1, PURPOSE_TEST, 2, 3, lane, 4);
        random_row(&base, 7, row);
        for (uint32_t c = 0; c < 16; c++) {
            philox4x32_ctr_t counter = {
                {c, 7, (uint32_t)base.word[1], (uint32_t)(base.word[1] >> 32)}};
            philox4x32_key_t key = {{(uint32_t)base.word[0], (uint32_t)(base.word[0] >> 32)}};
            philox4x32_ctr_t words = philox4x32(counter, key);
            for (uint32_t i = 0; i < 4; i++)
                assert_int_equal(row[16 * (c / 4) + 8 * (i / 2) + 2 * (c % 4) + i % 2], words.v[i]);
        }
    }
}

static void test_random_words_are_philox_at_the_stated_address(void **state)
{
    (void)state;
    const uint64_t *pi = known_answers[2].counter, seed = known_answers[2].key[0];
    for (unsigned purpose = PURPOSE_USER; purpose <= PURPOSE_TEST; purpose++) {
        uint64_t word[4], key[2] = {seed, purpose};
        reference_philox(pi, key, word);
        struct random_words words =
            random_words(seed, (enum purpose)purpose, pi[3], pi[2], pi[1], pi[0]);
        assert_memory_equal(words.word, word, sizeof word);
    }
    const uint64_t ones[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    uint64_t word[4], key[2] = {UINT64_MAX, PURPOSE_TEST};
    reference_philox(ones, key, word);
    struct random_words words =
        random_words(UINT64_MAX, PURPOSE_TEST, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX);
    assert_memory_equal(words.word, word, sizeof word);
}

static int compare_words(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void test_every_coordinate_of_an_address_matters(void **state)
{
    (void)state;
    enum { VALUES = 4, COORDINATES = 6, ADDRESSES = 4096 };
    const uint64_t value[VALUES] = {0, 1, 2, (uint64_t)1 << 63};
    uint64_t *seen = allocate(ADDRESSES * 4, sizeof *seen);
    for (size_t address = 0; address < ADDRESSES; address++) {
        uint64_t c[COORDINATES];
        for (size_t i = 0, digits = address; i < COORDINATES; i++, digits /= VALUES)
            c[i] = value[digits % VALUES];
        enum purpose purpose = (enum purpose)(c[1] > 2 ? 3 : c[1]);
        struct random_words once = random_words(c[0], purpose, c[2], c[3], c[4], c[5]);
        struct random_words again = random_words(c[0], purpose, c[2], c[3], c[4], c[5]);
        assert_memory_equal(&once, &again, sizeof once);
        memcpy(seen + 4 * address, once.word, sizeof once.word);
    }
    qsort(seen, ADDRESSES * 4, sizeof *seen, compare_words);
    for (size_t i = 1; i < ADDRESSES * 4; i++)
        assert_true(seen[i] != seen[i - 1]);
    free(seen);
}

/* ---- streams ---- */

static void test_stream_reads_lane_0_index_by_index(void **state)
{
    (void)state;
    struct stream a, b;
    stream_open(&a, 11, PURPOSE_TEST, 5, 7);
    stream_open(&b, 11, PURPOSE_TEST, 5, 8);
    for (uint64_t i = 0; i < 41; i++) {
        struct random_words words = random_words(11, PURPOSE_TEST, 5, 7, 0, i / 4);
        assert_true(stream_word(&a) == words.word[i % 4]);
        words = random_words(11, PURPOSE_TEST, 5, 8, 0, i / 4);
        assert_true(stream_word(&b) == words.word[i % 4]); /* independent of its neighbour */
    }
    stream_open(&a, 11, PURPOSE_TEST, 5, 7); /* in the middle of a group of four */
    assert_true(stream_word(&a) == random_words(11, PURPOSE_TEST, 5, 7, 0, 0).word[0]);
}

static void test_stream_uniform_is_the_upper_53_bits_of_one_word(void **state)
{
    (void)state;
    struct stream words, uniforms;
    stream_open(&words, 12, PURPOSE_TEST, 0, 0);
    stream_open(&uniforms, 12, PURPOSE_TEST, 0, 0);
    for (int i = 0; i < 1000; i++) {
        uint64_t word = stream_word(&words);
        double u = stream_uniform(&uniforms);
        assert_true(u == ldexp((double)(word >> 11), -53));
        assert_true(u >= 0 && u < 1);
    }
}

/* ---- the GSL interface ---- */

static void test_gsl_face_gives_the_words_of_the_stream(void **state)
{
    (void)state;
    gsl_rng *rng = stream_rng_alloc(21, PURPOSE_TEST, 3, 4);
    assert_non_null(rng);
    assert_true(gsl_rng_max(rng) == UINT64_MAX && gsl_rng_min(rng) == 0);
    struct stream stream;
    stream_open(&stream, 21, PURPOSE_TEST, 3, 4);
    for (int i = 0; i < 9; i++) {
        assert_true(gsl_rng_get(rng) == stream_word(&stream));
        assert_true(gsl_rng_uniform(rng) == stream_uniform(&stream));
    }
    gsl_rng *clone = gsl_rng_clone(rng);
    assert_non_null(clone);
    assert_true(gsl_rng_get(clone) == stream_word(&stream));
    gsl_rng_free(clone);
    gsl_rng_set(rng, 22);
    stream_open(&stream, 22, PURPOSE_USER, 0, 0);
    for (int i = 0; i < 9; i++)
        assert_true(gsl_rng_get(rng) == stream_word(&stream));
    gsl_rng_free(rng);
}

static void test_gsl_uniforms_are_uniform(void **state)
{
    (void)state;
    enum { BINS = 1024, DRAWS = 1 << 20 };
    gsl_rng *rng = stream_rng_alloc(23, PURPOSE_TEST, 0, 0);
    size_t *count = allocate(BINS, sizeof *count), *integers = allocate(BINS, sizeof *integers);
    double *probability = allocate(BINS, sizeof *probability);
    for (int i = 0; i < DRAWS; i++) {
        double u = gsl_rng_uniform(rng);
        assert_true(u >= 0 && u < 1);
        count[(size_t)(u * BINS)]++;
        integers[gsl_rng_uniform_int(rng, BINS)]++;
    }
    for (size_t i = 0; i < BINS; i++)
        probability[i] = 1.0 / BINS;
    assert_above(counts_p(BINS, count, probability, DRAWS), 1e-4);
    assert_above(counts_p(BINS, integers, probability, DRAWS), 1e-4);
    gsl_rng_free(rng);
    free(count);
    free(integers);
    free(probability);
}

static void test_gsl_gaussians_are_gaussian(void **state)
{
    (void)state;
    enum { BINS = 256, DRAWS = 1 << 19 };
    gsl_rng *rng = stream_rng_alloc(24, PURPOSE_TEST, 0, 0);
    size_t polar[BINS] = {0}, ziggurat[BINS] = {0}, shifted[BINS] = {0};
    double probability[BINS];
    for (int i = 0; i < DRAWS; i++) {
        double x = gsl_ran_gaussian(rng, 1);
        polar[(size_t)(gsl_cdf_ugaussian_P(x) * BINS)]++;
        shifted[(size_t)(gsl_cdf_ugaussian_P(x + 0.02) * BINS)]++;
        ziggurat[(size_t)(gsl_cdf_ugaussian_P(gsl_ran_gaussian_ziggurat(rng, 1)) * BINS)]++;
    }
    for (size_t i = 0; i < BINS; i++)
        probability[i] = 1.0 / BINS;
    assert_above(counts_p(BINS, polar, probability, DRAWS), 1e-4);
    assert_above(counts_p(BINS, ziggurat, probability, DRAWS), 1e-4);
    assert_at_most(counts_p(BINS, shifted, probability, DRAWS), 1e-4); /* the test has power */
    gsl_rng_free(rng);
}

/* ---- products ---- */

/* W, X and Y in one block, so that one comparison covers every double that a run may touch. */
struct operands {
    size_t total;
    double *all, *w, *x, *y;
};

static struct operands operands_create(const struct product *p, size_t shift)
{
    size_t w = padded((size_t)p->outputs * (size_t)p->weight_row);
    size_t x = (size_t)p->inputs * (size_t)p->stride, y = (size_t)p->outputs * (size_t)p->stride;
    struct operands o = {.total = w + x + y + shift};
    o.all = aligned_alloc(64, padded(o.total) * sizeof(double));
    assert_non_null(o.all);
    for (size_t i = 0; i < o.total; i++)
        o.all[i] = NAN; /* padding, and entries that a run must overwrite */
    o.w = o.all + shift;
    o.x = o.w + w;
    o.y = o.x + x;
    return o;
}

static void operands_copy(struct operands *to, const struct operands *from)
{
    size_t count = from->total - (size_t)(from->w - from->all);
    memcpy(to->w, from->w, count * sizeof(double));
}

static void assert_same_bits(const struct operands *a, const struct operands *b)
{
    size_t count = a->total - (size_t)(a->w - a->all);
    assert_memory_equal(a->w, b->w, count * sizeof(double));
}

static void fill(double *a, int rows, int columns, int stride, double (*draw)(struct stream *),
                 struct stream *stream)
{
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++)
            a[(size_t)r * (size_t)stride + (size_t)c] = draw(stream);
}

static void fill_operands(const struct product *p, struct operands *o,
                          double (*draw)(struct stream *), struct stream *stream)
{
    fill(o->w, p->outputs, p->inputs, p->weight_row, draw, stream);
    if (p->kind != PRODUCT_BACKWARD)
        fill(o->x, p->inputs, p->samples, p->stride, draw, stream);
    if (p->kind != PRODUCT_FORWARD)
        fill(o->y, p->outputs, p->samples, p->stride, draw, stream);
}

/* Odd multiples of 2^-10 below 2^9: all sums below are exact, in any order, and never -0. */
static double exact_value(struct stream *stream)
{
    return ((double)(stream_word(stream) >> 45 | 1) - 0x1p18) * 0x1p-10;
}

static double real_value(struct stream *stream)
{
    return 2 * stream_uniform(stream) - 1;
}

/* The definition in product.h, entry by entry. */
static void naive_product(const struct product *p, double *w, double *x, double *y)
{
    const size_t stride = (size_t)p->stride, row = (size_t)p->weight_row;
    const size_t outputs = (size_t)p->outputs, inputs = (size_t)p->inputs;
    for (size_t s = 0; s < (size_t)p->samples; s++) {
        for (size_t o = 0; p->kind == PRODUCT_FORWARD && o < outputs; o++) {
            y[o * stride + s] = 0;
            for (size_t i = 0; i < inputs; i++)
                y[o * stride + s] += w[o * row + i] * x[i * stride + s];
        }
        for (size_t i = 0; p->kind == PRODUCT_BACKWARD && i < inputs; i++) {
            x[i * stride + s] = 0;
            for (size_t o = 0; o < outputs; o++)
                x[i * stride + s] += w[o * row + i] * y[o * stride + s];
        }
        for (size_t o = 0; p->kind == PRODUCT_OUTER && o < outputs; o++)
            for (size_t i = 0; i < inputs; i++)
                w[o * row + i] += y[o * stride + s] * x[i * stride + s];
    }
}

static void compare_with_naive(enum product_kind kind, int outputs, int inputs, int samples,
                               int stride, int weight_row)
{
    struct product product;
    product_plan(&product, kind, outputs, inputs, samples, stride, weight_row);
    assert_true(product_flops(&product) == 2.0 * outputs * inputs * samples);
    struct stream stream;
    stream_open(&stream, 31, PURPOSE_TEST, (uint64_t)kind,
                (uint64_t)((outputs * 100 + inputs) * 100 + samples));
    struct operands got = operands_create(&product, 0), want = operands_create(&product, 0);
    fill_operands(&product, &got, exact_value, &stream);
    operands_copy(&want, &got);
    product_run(&product, got.w, got.x, got.y);
    naive_product(&product, want.w, want.x, want.y);
    size_t bytes = got.total * sizeof(double);
    if (memcmp(got.all, want.all, bytes))
        fail_msg("kind %d, %d outputs, %d inputs, %d samples, stride %d, weight row %d", (int)kind,
                 outputs, inputs, samples, stride, weight_row);
    if (kind == PRODUCT_OUTER) { /* a second run adds the same again */
        product_run(&product, got.w, got.x, got.y);
        naive_product(&product, want.w, want.x, want.y);
        assert_memory_equal(got.all, want.all, bytes);
    }
    free(got.all);
    free(want.all);
}

/* The whole grid of shapes, bit for bit: sums are exact, and paddings of NaN stay as they were. */
static void compare_grid(enum product_kind kind)
{
    static const int outputs[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 20, 65};
    static const int inputs[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 20, 70};
    static const int samples[] = {8, 16, 96};
    enum { SIZES = sizeof outputs / sizeof *outputs };
    for (int o = 0; o < SIZES; o++)
        for (int i = 0; i < SIZES; i++)
            for (int s = 0; s < 3; s++)
                for (int wide = 0; wide < 2; wide++)
                    compare_with_naive(kind, outputs[o], inputs[i], samples[s],
                                       samples[s] + (wide ? 24 : 0), inputs[i] + (wide ? 5 : 0));
}

static void test_forward_product_equals_the_triple_loop(void **state)
{
    (void)state;
    compare_grid(PRODUCT_FORWARD);
}

static void test_backward_product_equals_the_triple_loop(void **state)
{
    (void)state;
    compare_grid(PRODUCT_BACKWARD);
}

static void test_outer_product_adds_the_triple_loop(void **state)
{
    (void)state;
    compare_grid(PRODUCT_OUTER);
}

static void test_products_keep_double_precision(void **state)
{
    (void)state;
    for (int kind = PRODUCT_FORWARD; kind <= PRODUCT_OUTER; kind++)
        for (int large = 0; large < 2; large++) {
            int outputs = large ? 65 : 11, inputs = large ? 70 : 12;
            struct product product;
            product_plan(&product, (enum product_kind)kind, outputs, inputs, 96, 96, inputs);
            struct stream stream;
            stream_open(&stream, 32, PURPOSE_TEST, 0, (uint64_t)kind);
            struct operands got = operands_create(&product, 0), want = operands_create(&product, 0);
            fill_operands(&product, &got, real_value, &stream);
            operands_copy(&want, &got);
            product_run(&product, got.w, got.x, got.y);
            naive_product(&product, want.w, want.x, want.y);
            for (size_t i = 0; i < got.total; i++)
                if (!isnan(want.all[i]))
                    assert_near(got.all[i], want.all[i], 96 * 0x1p-53);
            free(got.all);
            free(want.all);
        }
}

static void test_products_repeat_to_the_last_bit(void **state)
{
    (void)state;
    static const int shape[][3] = {{5, 7, 16}, {13, 12, 96}, {65, 70, 96}, {130, 128, 512}};
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        for (int kind = PRODUCT_FORWARD; kind <= PRODUCT_OUTER; kind++) {
            const int *n = shape[i];
            struct product product, again;
            product_plan(&product, (enum product_kind)kind, n[0], n[1], n[2], n[2], n[1] + 3);
            product_plan(&again, (enum product_kind)kind, n[0], n[1], n[2], n[2], n[1] + 3);
            struct stream stream;
            stream_open(&stream, 33, PURPOSE_TEST, i, (uint64_t)kind);
            struct operands start = operands_create(&product, 0);
            struct operands once = operands_create(&product, 0);
            struct operands moved = operands_create(&product, 8);
            fill_operands(&product, &start, real_value, &stream);
            operands_copy(&once, &start);
            product_run(&product, once.w, once.x, once.y);
            for (int run = 0; run < 5; run++) {
                operands_copy(&moved, &start);
                product_run(run % 2 ? &again : &product, moved.w, moved.x, moved.y);
                assert_same_bits(&once, &moved);
            }
            free(start.all);
            free(once.all);
            free(moved.all);
        }
}

/* ---- arena ---- */

struct layout {
    double *reals;
    char *bytes;
    int *integers;
    double *last;
};

enum { REALS = 3, BYTES = 129, INTEGERS = 100, LAST = 64 };

static void lay_out(struct layout *layout, struct arena *arena)
{
    layout->reals = ARENA_TAKE(arena, double, REALS);
    layout->bytes = ARENA_TAKE(arena, char, BYTES);
    layout->integers = ARENA_TAKE(arena, int, INTEGERS);
    layout->last = ARENA_TAKE(arena, double, LAST);
}

static void test_arena_counts_what_it_then_takes(void **state)
{
    (void)state;
    struct arena counting = {0}, arena;
    struct layout layout;
    struct error err;
    lay_out(&layout, &counting);
    assert_null(layout.reals);
    assert_null(layout.bytes);
    assert_null(layout.integers);
    assert_null(layout.last);
    assert_int_equal(counting.used, 64 + 192 + 448 + 512);
    check_ok(arena_create(&arena, &counting, &err), &err);
    assert_int_equal(arena.used, 0);
    assert_int_equal(arena.size, counting.used);
    lay_out(&layout, &arena);
    assert_int_equal(arena.used, arena.size);
    arena_free(&arena);
    assert_null(arena.base);
    assert_int_equal(arena.used, 0);
    assert_int_equal(arena.size, 0);
}

static void test_arena_blocks_are_aligned_zeroed_and_apart(void **state)
{
    (void)state;
    struct arena counting = {0}, arena;
    struct layout layout;
    struct error err;
    lay_out(&layout, &counting);
    for (int round = 0; round < 20; round++) { /* memory that has been used before */
        check_ok(arena_create(&arena, &counting, &err), &err);
        lay_out(&layout, &arena);
        const void *block[] = {layout.reals, layout.bytes, layout.integers, layout.last};
        for (int i = 0; i < 4; i++)
            assert_int_equal((uintptr_t)block[i] % 64, 0);
        for (size_t i = 0; i < arena.size; i++)
            assert_int_equal(arena.base[i], 0);
        memset(layout.reals, 1, REALS * sizeof *layout.reals);
        memset(layout.bytes, 2, BYTES);
        memset(layout.integers, 3, INTEGERS * sizeof *layout.integers);
        memset(layout.last, 4, LAST * sizeof *layout.last);
        const size_t size[] = {REALS * sizeof(double), BYTES, INTEGERS * sizeof(int),
                               LAST * sizeof(double)};
        for (int i = 0; i < 4; i++)
            for (size_t k = 0; k < size[i]; k++)
                assert_int_equal(((const unsigned char *)block[i])[k], i + 1);
        arena_free(&arena);
    }
}

static void test_empty_arena_is_no_error(void **state)
{
    (void)state;
    struct arena counting = {0}, arena;
    struct error err;
    assert_null(ARENA_TAKE(&counting, double, 0));
    assert_int_equal(counting.used, 0);
    check_ok(arena_create(&arena, &counting, &err), &err);
    assert_non_null(arena.base);
    arena_free(&arena);
}

static void test_absurd_arena_is_an_error_with_words(void **state)
{
    (void)state;
    static const size_t takes[][2] = {
        {SIZE_MAX, 1},
        {SIZE_MAX - 62, 1},
        {SIZE_MAX / 2, 3},
        {SIZE_MAX / 8 + 1, 8},
        {(size_t)1 << 62, 1},
        {(size_t)1 << 63, 1},
        {(size_t)1 << 32, SIZE_MAX >> 31},
        {SIZE_MAX - 64, 1},
    };
    for (size_t i = 0; i < sizeof takes / sizeof *takes; i++)
        for (int more = 0; more < 4; more++) {
            struct arena counting = {0}, arena;
            struct error err = {.key = "data.depth"};
            arena_take(&counting, 10, 8);
            arena_take(&counting, takes[i][0], takes[i][1]);
            for (int k = 0; k < more; k++) /* must not wrap around to a small number */
                arena_take(&counting, more == 3 ? takes[i][0] : 10, 8);
            assert_int_equal(arena_create(&arena, &counting, &err), STATUS_SYSTEM);
            assert_int_equal(err.status, STATUS_SYSTEM);
            assert_non_null(strstr(err.message, "no memory"));
            assert_string_equal(err.key, "");
            assert_null(arena.base);
            assert_int_equal(arena_create(&arena, &counting, NULL), STATUS_SYSTEM);
            arena_free(&arena);
        }
}

/* Pass the absurd sizes on, so that malloc itself refuses them. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void test_a_pool_gives_zeroed_memory_and_keeps_texts(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    struct pool pool = {0};
    char *text[COUNT], expected[COUNT + 1];
    memset(expected, 'x', COUNT);
    for (size_t i = 0; i < COUNT; i++) { /* some share a block, some are larger than one */
        max_align_t *one = pool_take(&pool, 2, sizeof *one);
        assert_non_null(one);
        assert_int_equal((uintptr_t)one % _Alignof(max_align_t), 0);
        for (size_t k = 0; k < 2 * sizeof *one; k++)
            assert_int_equal(((unsigned char *)one)[k], 0);
        memset(one, 0xff, 2 * sizeof *one);
        text[i] = pool_text(&pool, expected, i);
        assert_non_null(text[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(strlen(text[i]), i);
        assert_memory_equal(text[i], expected, i);
    }
    assert_null(pool_take(&pool, SIZE_MAX / 8 + 2, 8));
    assert_null(pool_take(&pool, SIZE_MAX - 8, 1));
    pool_free(&pool);
    assert_null(pool.blocks);
    pool_free(&pool);
}

static void test_padded_rounds_up_to_eight(void **state)
{
    (void)state;
    for (size_t i = 0; i < 100; i++) {
        assert_true(padded(i) >= i && padded(i) < i + 8);
        assert_int_equal(padded(i) % 8, 0);
    }
}

/* ---- decompositions ---- */

static double *random_matrix(size_t rows, size_t columns, uint64_t seed)
{
    double *a = allocate(rows * columns, sizeof *a);
    struct stream stream;
    stream_open(&stream, seed, PURPOSE_TEST, rows, columns);
    for (size_t i = 0; i < rows * columns; i++)
        a[i] = real_value(&stream);
    return a;
}

static double *random_symmetric(size_t n)
{
    double *a = random_matrix(n, n, 41);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            a[i * n + j] = a[j * n + i];
    return a;
}

static double *copy_of(const double *a, size_t count)
{
    double *copy = allocate(count, sizeof *copy);
    memcpy(copy, a, count * sizeof *copy);
    return copy;
}

/* Rows of q [rows][columns] are orthonormal. */
static void assert_orthonormal_rows(const double *q, size_t rows, size_t columns)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < rows; j++) {
            double dot = 0;
            for (size_t k = 0; k < columns; k++)
                dot += q[i * columns + k] * q[j * columns + k];
            assert_near(dot, i == j ? 1 : 0, 1e-12);
        }
}

static void test_eigen_rows_are_eigenvectors_largest_first(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 4, 5, 8, 17, 60};
    for (size_t t = 0; t < sizeof sizes / sizeof *sizes; t++) {
        const size_t n = sizes[t];
        double *a = random_symmetric(n), *v = copy_of(a, n * n), *destroyed = copy_of(a, n * n);
        double *value = allocate(n, sizeof *value), *alone = allocate(n, sizeof *alone);
        struct error err;
        check_ok(symmetric_eigen((int)n, v, value, 1, &err), &err);
        check_ok(symmetric_eigen((int)n, destroyed, alone, 0, &err), &err);
        double trace = 0, sum = 0;
        for (size_t j = 0; j < n; j++) {
            for (size_t i = 0; i < n; i++) { /* A v_j = value_j v_j, v_j in row j */
                double av = 0;
                for (size_t k = 0; k < n; k++)
                    av += a[i * n + k] * v[j * n + k];
                assert_near(av, value[j] * v[j * n + i], 1e-12);
            }
            assert_true(j == 0 || value[j - 1] >= value[j]);
            assert_near(alone[j], value[j], 1e-12);
            trace += a[j * n + j];
            sum += value[j];
        }
        assert_near(sum, trace, 1e-12);
        assert_orthonormal_rows(v, n, n);
        free(a);
        free(v);
        free(destroyed);
        free(value);
        free(alone);
    }
}

static void test_eigen_of_a_known_matrix(void **state)
{
    (void)state;
    /* eigenvalues 6, 3, 1: rows of the rotation (2 2 1, -1 2 -2 ... ) / 3 */
    const double q[3][3] = {
        {2. / 3, 2. / 3, 1. / 3}, {-2. / 3, 1. / 3, 2. / 3}, {1. / 3, -2. / 3, 2. / 3}};
    const double value[3] = {6, 3, 1};
    double a[9], got[3];
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < 3; k++) {
            a[3 * i + k] = 0;
            for (size_t j = 0; j < 3; j++)
                a[3 * i + k] += value[j] * q[j][i] * q[j][k];
        }
    struct error err;
    check_ok(symmetric_eigen(3, a, got, 1, &err), &err);
    for (size_t j = 0; j < 3; j++) {
        double dot = 0;
        for (size_t i = 0; i < 3; i++)
            dot += a[3 * j + i] * q[j][i];
        assert_near(got[j], value[j], 1e-13);
        assert_near(fabs(dot), 1, 1e-13);
    }
}

static void test_decompositions_refuse_what_is_not_finite(void **state)
{
    (void)state;
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t place = 0; place < 9; place++)
        for (size_t b = 0; b < 3; b++) {
            double value[3], a[9] = {4, 1, 0, 1, 3, 1, 0, 1, 2};
            struct error err = {0};
            a[place] = bad[b];
            assert_int_equal(symmetric_eigen(3, a, value, 1, &err), STATUS_DIVERGED);
            assert_int_equal(err.status, STATUS_DIVERGED);
            assert_true(strlen(err.message) > 0);
            assert_int_equal(symmetric_eigen(3, a, value, 0, NULL), STATUS_DIVERGED);
            err = (struct error){0};
            assert_int_equal(singular_values(3, 3, a, value, NULL, NULL, &err), STATUS_DIVERGED);
            assert_int_equal(err.status, STATUS_DIVERGED);
            assert_true(strlen(err.message) > 0);
            assert_int_equal(singular_values(3, 3, a, value, NULL, NULL, NULL), STATUS_DIVERGED);
        }
}

static void compare_singular_values(size_t rows, size_t columns, const double *a)
{
    const size_t k = rows < columns ? rows : columns;
    double *with = copy_of(a, rows * columns), *without = copy_of(a, rows * columns);
    double *value = allocate(k, sizeof *value), *alone = allocate(k, sizeof *alone);
    double *u = allocate(rows * k, sizeof *u), *vt = allocate(k * columns, sizeof *vt);
    double *gram = allocate(columns * columns, sizeof *gram);
    double *square = allocate(columns, sizeof *square);
    double *ut = allocate(rows * k, sizeof *ut);
    struct error err;
    check_ok(singular_values((int)rows, (int)columns, with, value, u, vt, &err), &err);
    check_ok(singular_values((int)rows, (int)columns, without, alone, NULL, NULL, &err), &err);
    for (size_t i = 0; i < columns; i++)
        for (size_t j = 0; j < columns; j++)
            for (size_t r = 0; r < rows; r++)
                gram[i * columns + j] += a[r * columns + i] * a[r * columns + j];
    check_ok(symmetric_eigen((int)columns, gram, square, 0, &err), &err);
    for (size_t j = 0; j < k; j++) {
        assert_true(value[j] >= 0 && (j == 0 || value[j - 1] >= value[j]));
        assert_near(value[j] * value[j], square[j], 1e-11);
        assert_near(alone[j], value[j], 1e-12);
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            double sum = 0;
            for (size_t j = 0; j < k; j++)
                sum += u[r * k + j] * value[j] * vt[j * columns + c];
            assert_near(sum, a[r * columns + c], 1e-12);
        }
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < k; j++)
            ut[j * rows + r] = u[r * k + j];
    assert_orthonormal_rows(ut, k, rows);
    assert_orthonormal_rows(vt, k, columns);
    free(with);
    free(without);
    free(value);
    free(alone);
    free(u);
    free(vt);
    free(gram);
    free(square);
    free(ut);
}

static void test_singular_values_rebuild_tall_wide_and_square(void **state)
{
    (void)state;
    static const size_t shape[][2] = {{1, 1}, {3, 3},  {7, 4},   {4, 7},  {1, 6},
                                      {6, 1}, {30, 8}, {11, 40}, {20, 20}};
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
        double *a = random_matrix(shape[i][0], shape[i][1], 42);
        compare_singular_values(shape[i][0], shape[i][1], a);
        free(a);
    }
}

static void test_singular_values_of_a_deficient_matrix(void **state)
{
    (void)state;
    double a[5 * 3]; /* rank 1: sqrt(55) sqrt(14) */
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 3; j++)
            a[i * 3 + j] = (double)((i + 1) * (j + 1));
    compare_singular_values(5, 3, a);
    double value[3];
    struct error err;
    check_ok(singular_values(5, 3, a, value, NULL, NULL, &err), &err);
    assert_near(value[0], sqrt(55.0 * 14.0), 1e-12);
    assert_near(value[1], 0, 1e-12);
    assert_near(value[2], 0, 1e-12);
}

static void test_asking_for_thread_safety_sets_one_blas_thread(void **state)
{
    (void)state;
    openblas_set_num_threads(2);
    linalg_threads_are_safe();
    assert_int_equal(openblas_get_num_threads(), 1);
}

/* ---- errors ---- */

/* An error with guard bytes behind it. */
struct guarded {
    struct error err;
    unsigned char guard[64];
};

static void guard_set(struct guarded *g)
{
    memset(g, 0x5a, sizeof *g);
}

static void assert_guard(const struct guarded *g)
{
    for (size_t i = 0; i < sizeof g->guard; i++)
        assert_int_equal(g->guard[i], 0x5a);
    assert_non_null(memchr(g->err.message, '\0', sizeof g->err.message));
    assert_non_null(memchr(g->err.key, '\0', sizeof g->err.key));
}

static void test_error_set_fills_the_sentence_and_clears_the_key(void **state)
{
    (void)state;
    const enum status all[] = {STATUS_FAILED, STATUS_INVALID, STATUS_SYSTEM, STATUS_DIVERGED,
                               STATUS_INTERRUPTED};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct guarded g;
        guard_set(&g);
        assert_int_equal(error_set(&g.err, all[i], "%s is %d", "x", 7), all[i]);
        assert_int_equal(g.err.status, all[i]);
        assert_string_equal(g.err.message, "x is 7");
        assert_string_equal(g.err.key, "");
        assert_guard(&g);
        assert_int_equal(error_set(NULL, all[i], "%s", "nobody listens"), all[i]);
    }
}

static void test_error_key_names_the_key_and_is_bad_input(void **state)
{
    (void)state;
    struct guarded g;
    guard_set(&g);
    assert_int_equal(error_key(&g.err, "data.depth", "depth %d", 0), STATUS_INVALID);
    assert_int_equal(g.err.status, STATUS_INVALID);
    assert_string_equal(g.err.key, "data.depth");
    assert_string_equal(g.err.message, "depth 0");
    assert_guard(&g);
    assert_int_equal(error_key(NULL, "data.depth", "depth %d", 0), STATUS_INVALID);
}

static void test_error_memory_names_what_there_was_no_memory_for(void **state)
{
    (void)state;
    struct guarded g;
    guard_set(&g);
    assert_int_equal(error_memory(&g.err, "%d rows", 12), STATUS_SYSTEM);
    assert_int_equal(g.err.status, STATUS_SYSTEM);
    assert_string_equal(g.err.message, "no memory for 12 rows");
    assert_string_equal(g.err.key, "");
    assert_guard(&g);
    assert_int_equal(error_memory(NULL, "%d rows", 12), STATUS_SYSTEM);
}

static void test_error_context_goes_in_front(void **state)
{
    (void)state;
    struct guarded g;
    guard_set(&g);
    error_key(&g.err, "net.width", "too wide");
    assert_int_equal(error_context(&g.err, "line %d", 12), STATUS_INVALID);
    assert_string_equal(g.err.message, "line 12: too wide");
    assert_string_equal(g.err.key, "net.width");
    error_set(&g.err, STATUS_DIVERGED, "100%% NaN");
    assert_int_equal(error_context(&g.err, "%s", "run a"), STATUS_DIVERGED);
    assert_int_equal(error_context(&g.err, "%s", "spec b"), STATUS_DIVERGED);
    assert_string_equal(g.err.message, "spec b: run a: 100% NaN");
    assert_guard(&g);
    assert_true(error_context(NULL, "nobody listens") != STATUS_OK);
}

static void test_overlong_words_are_cut_not_spilled(void **state)
{
    (void)state;
    enum { LONG = 3000, MESSAGE = 1024, KEY = 96 };
    char text[LONG + 1], expected[2 * LONG];
    for (size_t i = 0; i < LONG; i++)
        text[i] = (char)('a' + i % 26);
    text[LONG] = '\0';
    struct guarded g;
    guard_set(&g);
    error_set(&g.err, STATUS_SYSTEM, "%s", text);
    assert_guard(&g);
    assert_int_equal(strlen(g.err.message), MESSAGE - 1);
    assert_memory_equal(g.err.message, text, MESSAGE - 1);
    guard_set(&g);
    error_key(&g.err, text, "%s", text);
    assert_guard(&g);
    assert_int_equal(strlen(g.err.key), KEY - 1);
    assert_memory_equal(g.err.key, text, KEY - 1);
    assert_memory_equal(g.err.message, text, MESSAGE - 1);
    /* every length of context around the edge, before a short and a long message */
    for (int length = 0; length < 1200; length++)
        for (int inner = 5; inner <= LONG; inner += LONG - 5) {
            guard_set(&g);
            error_set(&g.err, STATUS_SYSTEM, "%.*s", inner, text);
            int kept = inner < MESSAGE - 1 ? inner : MESSAGE - 1;
            snprintf(expected, sizeof expected, "%.*s: %.*s", length, text, kept, text);
            expected[MESSAGE - 1] = '\0';
            assert_int_equal(error_context(&g.err, "%.*s", length, text), STATUS_SYSTEM);
            assert_guard(&g);
            assert_string_equal(g.err.message, expected);
        }
}

static void test_exit_codes_are_the_documented_ones(void **state)
{
    (void)state;
    assert_int_equal(error_exit_code(STATUS_OK), 0);
    assert_int_equal(error_exit_code(STATUS_FAILED), 1);
    assert_int_equal(error_exit_code(STATUS_INVALID), 2);
    assert_int_equal(error_exit_code(STATUS_SYSTEM), 2);
    assert_int_equal(error_exit_code(STATUS_DIVERGED), 3);
    assert_int_equal(error_exit_code(STATUS_INTERRUPTED), 130);
    assert_int_equal(error_exit_code((enum status)99), 1);
}

/* ---- registries ---- */

static void test_registry_finds_whole_names_only(void **state)
{
    (void)state;
    const struct descriptor one = {.name = "simple"}, two = {.name = "simple_beta"};
    const struct descriptor *const entries[] = {&one, &two};
    const struct registry registry = {"objective", entries, 2}, empty = {"objective", NULL, 0};
    assert_ptr_equal(registry_find(&registry, "simple"), &one);
    assert_ptr_equal(registry_find(&registry, "simple_beta"), &two);
    assert_null(registry_find(&registry, "simple_"));
    assert_null(registry_find(&registry, ""));
    assert_null(registry_find(&empty, "simple"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_philox_gives_the_published_words),
        cmocka_unit_test(test_a_row_of_words_is_philox_of_its_counters),
        cmocka_unit_test(test_random_words_are_philox_at_the_stated_address),
        cmocka_unit_test(test_every_coordinate_of_an_address_matters),
        cmocka_unit_test(test_stream_reads_lane_0_index_by_index),
        cmocka_unit_test(test_stream_uniform_is_the_upper_53_bits_of_one_word),
        cmocka_unit_test(test_gsl_face_gives_the_words_of_the_stream),
        cmocka_unit_test(test_gsl_uniforms_are_uniform),
        cmocka_unit_test(test_gsl_gaussians_are_gaussian),
        cmocka_unit_test(test_forward_product_equals_the_triple_loop),
        cmocka_unit_test(test_backward_product_equals_the_triple_loop),
        cmocka_unit_test(test_outer_product_adds_the_triple_loop),
        cmocka_unit_test(test_products_keep_double_precision),
        cmocka_unit_test(test_products_repeat_to_the_last_bit),
        cmocka_unit_test(test_arena_counts_what_it_then_takes),
        cmocka_unit_test(test_arena_blocks_are_aligned_zeroed_and_apart),
        cmocka_unit_test(test_empty_arena_is_no_error),
        cmocka_unit_test(test_absurd_arena_is_an_error_with_words),
        cmocka_unit_test(test_a_pool_gives_zeroed_memory_and_keeps_texts),
        cmocka_unit_test(test_padded_rounds_up_to_eight),
        cmocka_unit_test(test_eigen_rows_are_eigenvectors_largest_first),
        cmocka_unit_test(test_eigen_of_a_known_matrix),
        cmocka_unit_test(test_decompositions_refuse_what_is_not_finite),
        cmocka_unit_test(test_singular_values_rebuild_tall_wide_and_square),
        cmocka_unit_test(test_singular_values_of_a_deficient_matrix),
        cmocka_unit_test(test_asking_for_thread_safety_sets_one_blas_thread),
        cmocka_unit_test(test_error_set_fills_the_sentence_and_clears_the_key),
        cmocka_unit_test(test_error_key_names_the_key_and_is_bad_input),
        cmocka_unit_test(test_error_memory_names_what_there_was_no_memory_for),
        cmocka_unit_test(test_error_context_goes_in_front),
        cmocka_unit_test(test_overlong_words_are_cut_not_spilled),
        cmocka_unit_test(test_exit_codes_are_the_documented_ones),
        cmocka_unit_test(test_registry_finds_whole_names_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
