/* Protects sim/data/sources/: the samples of the data sources, their moments, and refused settings.
 */
#include "tests/kit/testing.h"

#include "core/linalg.h"
#include "harness/spec/spec.h"
#include "sim/data/sources/covariance.h"
#include "sim/data/sources/sources.h"
#include "sim/registry.h"

#include <gsl/gsl_sort.h>

/* ---- a source from a spec ---- */

enum { MOST_KEYS = 8 };

struct opened {
    struct spec spec;
    const struct source *source;
    void *world;
    size_t leaves, width, inputs;
    uint64_t seed;
    int positives; /* of the views that draw_block draws */
};

/* `keys`: overrides of the section data, separated by spaces. */
static enum status try_open(struct opened *o, const char *keys, uint64_t seed, struct error *err)
{
    static char text[8192];
    const char *override[MOST_KEYS + 1];
    size_t count = 0;
    snprintf(text, sizeof text, "%s", keys);
    for (char *save, *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        assert_true(count < MOST_KEYS);
        override[count++] = word;
    }
    *o = (struct opened){.seed = seed, .positives = 1};
    enum status status = spec_load(&o->spec, NULL, override, count, err);
    if (status)
        return status;
    o->source = (const void *)o->spec.chosen[SECTION_DATA];
    status = o->source->open(o->spec.settings[SECTION_DATA], seed, &o->world, err);
    if (status)
        return status;
    struct observed observed = o->source->observed(o->world);
    o->leaves = observed.leaves;
    o->width = observed.states > 2 ? (size_t)observed.states : 1;
    o->inputs = o->leaves * o->width;
    return STATUS_OK;
}

static void shut(struct opened *o)
{
    if (o->world)
        o->source->close(o->world);
    spec_free(&o->spec);
}

static struct opened open_source(const char *keys, uint64_t seed)
{
    struct opened o;
    struct error err = {0};
    enum status status = try_open(&o, keys, seed, &err);
    if (status)
        fail_msg("%s: %s", keys, err.message);
    return o;
}

/* Zeroed memory that starts on 64 bytes. */
static void *aligned(size_t bytes)
{
    bytes = (bytes / 64 + 1) * 64;
    void *memory = aligned_alloc(64, bytes);
    assert_non_null(memory);
    return memset(memory, 0, bytes);
}

/* Leaf states as a network sees them. */
static void expand(const struct opened *o, const uint8_t *leaf, int views, double *x)
{
    for (size_t i = 0; i < (size_t)views * o->leaves; i++)
        for (size_t a = 0; a < o->width; a++)
            for (size_t s = 0; s < BLOCK; s++)
                x[(i * o->width + a) * BLOCK + s] =
                    o->width > 1 ? leaf[i * BLOCK + s] == a : leaf[i * BLOCK + s];
}

/* Numbers of a block, x[view][input][BLOCK], of any source; scratch is dirty. */
static void draw_block(const struct opened *o, struct draw draw, int views, double *x)
{
    size_t bytes = o->source->scratch_size(o->world);
    void *scratch = memset(aligned(bytes), 0xab, bytes);
    uint8_t *leaf = aligned((size_t)views * o->leaves * BLOCK);
    o->source->draw(o->world, draw, o->positives, views, scratch,
                    (struct samples){.state = leaf, .value = x});
    if (o->source->observed(o->world).states > 0)
        expand(o, leaf, views, x);
    free(scratch);
    free(leaf);
}

static struct draw draw_at(uint64_t block)
{
    return (struct draw){.seed = 7, .purpose = PURPOSE_TEST, .epoch = 2, .block = block};
}

/* ---- moments ---- */

enum { VIEWS = 4 };

/* E[x_a x_b^T] of a sample: sums of products and of their squares, [n][n]. */
struct sums {
    double *first, *second;
};

static void add_block(const struct opened *o, const double *x, int a, int b, struct sums *sums)
{
    const size_t n = o->inputs;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            const double *left = x + ((size_t)a * n + i) * BLOCK;
            const double *right = x + ((size_t)b * n + j) * BLOCK;
            for (size_t s = 0; s < BLOCK; s++) {
                double product = left[s] * right[s];
                sums->first[i * n + j] += product;
                sums->second[i * n + j] += product * product;
            }
        }
}

/* The mean product of views a and b over `blocks` blocks, and its standard errors, [n][n]. */
static void sample_moment(const struct opened *o, int a, int b, size_t blocks, double *mean,
                          double *standard_error)
{
    const size_t square = o->inputs * o->inputs;
    const double samples = (double)blocks * BLOCK;
    double *x = aligned(VIEWS * o->inputs * BLOCK * sizeof *x);
    struct sums sums = {.first = mean, .second = standard_error};
    memset(mean, 0, square * sizeof *mean);
    memset(standard_error, 0, square * sizeof *mean);
    for (size_t block = 0; block < blocks; block++) {
        draw_block(o, draw_at(block), VIEWS, x);
        add_block(o, x, a, b, &sums);
    }
    for (size_t i = 0; i < square; i++) {
        mean[i] /= samples;
        standard_error[i] = sqrt(fmax(0, sums.second[i] / samples - mean[i] * mean[i]) / samples);
    }
    free(x);
}

/* Largest |mean - claimed| in standard errors, over all entries.  1e-12 is for constant entries. */
static double deviation(const struct opened *o, int a, int b, size_t blocks, const double *claimed)
{
    const size_t square = o->inputs * o->inputs;
    double *mean = allocate(2 * square, sizeof *mean), worst = 0;
    sample_moment(o, a, b, blocks, mean, mean + square);
    for (size_t i = 0; i < square; i++)
        worst = fmax(worst, fabs(mean[i] - claimed[i]) / (mean[square + i] + 1e-12));
    free(mean);
    return worst;
}

struct pair_of_moments {
    double *x, *x_prime, *both; /* both: their sum, E[view view^T] */
};

static struct pair_of_moments moments_of(const struct opened *o)
{
    const size_t square = o->inputs * o->inputs;
    struct pair_of_moments m = {.x = allocate(3 * square, sizeof(double))};
    m.x_prime = m.x + square;
    m.both = m.x_prime + square;
    for (size_t i = 0; i < 2 * square; i++)
        m.x[i] = NAN; /* everything must be overwritten */
    o->source->moments(o->world, m.x, m.x_prime);
    for (size_t i = 0; i < square; i++)
        m.both[i] = m.x[i] + m.x_prime[i];
    return m;
}

/* The bound in standard errors, and the blocks of a sample. */
enum { BLOCKS = 1500 };
#define BOUND 5.0

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

static void check_deviation(const char *keys, const char *what, double worst)
{
    if (!(worst <= BOUND))
        fail_msg("%s: %s is off by %.1f standard errors", keys, what, worst);
}

static void moments_are_those_of_the_views(void **state)
{
    (void)state;
    for (size_t i = 0; i < SOURCES; i++) {
        struct opened o = open_source(sources[i], 11);
        struct pair_of_moments m = moments_of(&o);
        check_deviation(sources[i], "X", deviation(&o, 0, 1, BLOCKS, m.x));
        check_deviation(sources[i], "X + X', x_1", deviation(&o, 0, 0, BLOCKS, m.both));
        check_deviation(sources[i], "X + X', x_+", deviation(&o, 1, 1, BLOCKS, m.both));
        check_deviation(sources[i], "X + X', x_1-", deviation(&o, 2, 2, BLOCKS, m.both));
        free(m.x);
        shut(&o);
    }
}

/* The mean view of all data, [n]. */
static void mean_of(const struct opened *o, double *mean)
{
    double *x = aligned(o->inputs * BLOCK * sizeof *x);
    memset(mean, 0, o->inputs * sizeof *mean);
    for (uint64_t block = 0; block < BLOCKS; block++) {
        draw_block(o, (struct draw){.seed = 8, .block = block}, 1, x);
        for (size_t i = 0; i < o->inputs * BLOCK; i++)
            mean[i / BLOCK] += x[i] / BLOCK / BLOCKS;
    }
    free(x);
}

/* E[x_a x_b^T] is E[x] E[x]^T, whose own error is bounded here by 3 more. */
static void negatives_are_independent(void **state)
{
    (void)state;
    static const int pairs[][2] = {{0, 2}, {1, 2}, {2, 3}};
    for (size_t i = 0; i < SOURCES; i++) {
        struct opened o = open_source(sources[i], 12);
        const size_t n = o.inputs;
        double *mean = allocate(n + n * n, sizeof *mean), *product = mean + n;
        mean_of(&o, mean);
        for (size_t at = 0; at < n * n; at++)
            product[at] = mean[at / n] * mean[at % n];
        for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
            double worst = deviation(&o, pairs[p][0], pairs[p][1], BLOCKS, product);
            check_deviation(sources[i], "the moment of two x", worst - 3);
        }
        free(mean);
        shut(&o);
    }
}

static bool same_bits(const double *a, const double *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

/* ---- addresses ---- */

static void a_block_is_the_same_in_any_order(void **state)
{
    (void)state;
    enum { COUNT = 3 };
    for (size_t i = 0; i < SOURCES; i++) {
        struct opened o = open_source(sources[i], 13), again = open_source(sources[i], 13);
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
    for (size_t i = 0; i < SOURCES; i++) {
        struct opened o = open_source(sources[i], 13);
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

/* Without noise views are their x: shared by views 0 and 1, not by others. */
static void the_first_two_views_share_their_x(void **state)
{
    (void)state;
    static const char *const still[] = {
        "data.source=gaussian data.dimension=3 data.noise=0",
        "data.source=finite data.dimension=3 data.spread=0",
        "data.source=hltm data.depth=2 data.keep_level=2",
    };
    for (size_t i = 0; i < sizeof still / sizeof *still; i++) {
        struct opened o = open_source(still[i], 1);
        const size_t view = o.inputs * BLOCK;
        double *x = aligned(VIEWS * view * sizeof *x);
        draw_block(&o, draw_at(0), VIEWS, x);
        assert_true(same_bits(x, x + view, view));
        assert_false(same_bits(x, x + 2 * view, view));
        free(x);
        shut(&o);
    }
}

/* With two positives views 0 to 2 share one x and the next does not; the first two are unchanged.
 */
static void all_positives_are_of_the_sample(void **state)
{
    (void)state;
    static const int pairs[][2] = {{0, 1}, {0, 2}, {1, 2}, {0, 3}, {2, 3}};
    for (size_t i = 0; i < SOURCES; i++) {
        struct opened o = open_source(sources[i], 11);
        struct pair_of_moments m = moments_of(&o);
        const size_t n = o.inputs, view = n * BLOCK;
        double *mean = allocate(n + n * n, sizeof *mean), *product = mean + n;
        double *x = aligned(2 * VIEWS * view * sizeof *x), *y = x + VIEWS * view;
        draw_block(&o, draw_at(0), VIEWS, x);
        mean_of(&o, mean);
        for (size_t at = 0; at < n * n; at++)
            product[at] = mean[at / n] * mean[at % n];
        o.positives = 2;
        draw_block(&o, draw_at(0), VIEWS, y);
        assert_true(same_bits(x, y, 2 * view) && same_bits(x + 3 * view, y + 3 * view, view));
        for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
            const int a = pairs[p][0], b = pairs[p][1];
            double worst = deviation(&o, a, b, BLOCKS, b < 3 ? m.x : product);
            check_deviation(sources[i], b < 3 ? "X of positives" : "a negative",
                            worst - 3 * (b == 3));
        }
        free(x);
        free(mean);
        free(m.x);
        shut(&o);
    }
}

/* ---- labels ---- */

static void labels_are_the_states_of_their_latent(void **state)
{
    (void)state;
    for (int m = 2; m <= 5; m += 3)
        for (int level = 0; level <= 3; level++)
            for (int node = 0; node < 1 << level; node++) {
                char keys[160];
                snprintf(keys, sizeof keys,
                         "data.depth=3 data.states=%d data.keep_level=3 data.label_level=%d "
                         "data.label_node=%d",
                         m, level, node);
                struct opened o = open_source(keys, 5);
                uint8_t all[15 * BLOCK], label[BLOCK];
                void *scratch = aligned(o.source->scratch_size(o.world));
                assert_int_equal(source_classes(o.source, o.world), m);
                for (uint64_t block = 0; block < 5; block++) {
                    o.source->latents->draw(o.world, draw_at(block), scratch, all);
                    o.source->labels->draw(o.world, draw_at(block), label);
                    assert_memory_equal(label, all + ((1 << level) - 1 + node) * BLOCK, BLOCK);
                }
                free(scratch);
                shut(&o);
            }
}

/* Views that keep nothing share no label; real-valued data have no labels. */
static void there_are_labels_only_where_views_share_them(void **state)
{
    (void)state;
    struct opened o = open_source("data.depth=3", 5);
    struct tree *tree = o.world;
    assert_int_equal(source_classes(o.source, o.world), 2);
    tree->keep_level = -1;
    assert_int_equal(source_classes(o.source, o.world), 0);
    shut(&o);
    o = open_source("data.source=gaussian", 5);
    assert_int_equal(source_classes(o.source, o.world), 0);
    shut(&o);
}

/* ---- normal numbers ---- */

/* Box and Muller with the C library. */
static void normal_numbers_follow_their_definition(void **state)
{
    (void)state;
    for (uint64_t lane = 0; lane < 2000; lane++) {
        struct draw draw = draw_at(lane % 7);
        double row[BLOCK];
        uint64_t word[BLOCK];
        draw.view = lane % 3;
        normal_row(draw, lane, row);
        word_row(draw, lane, word);
        for (size_t i = 0; i < BLOCK / 2; i++) {
            uint64_t turn = word[i + BLOCK / 2];
            double u = 1 - (double)(word[i] >> 12) * 0x1p-52;
            double angle = M_PI_4 * ((double)(turn & 0xfffffffffffff) * 0x1p-51 - 1);
            double radius = sqrt(-2 * log(u)), x = cos(angle), y = sin(angle);
            if (turn >> 63)
                radius = -radius;
            bool swap = turn >> 62 & 1;
            assert_near(row[i], radius * (swap ? y : x), 2e-15 * fabs(radius));
            assert_near(row[i + BLOCK / 2], radius * (swap ? x : y), 2e-15 * fabs(radius));
        }
    }
}

static void normal_numbers_are_normal(void **state)
{
    (void)state;
    enum { ROWS = 8000, COUNT = ROWS * BLOCK };
    double *x = allocate(COUNT, sizeof *x), distance = 0, across = 0;
    for (uint64_t row = 0; row < ROWS; row++)
        normal_row(draw_at(row), 5, x + row * BLOCK);
    for (size_t i = 0; i < COUNT; i++) /* the two of a pair */
        across += i % BLOCK < BLOCK / 2 ? x[i] * x[i + BLOCK / 2] : 0;
    assert_at_most(fabs(across) / sqrt(COUNT / 2.0), 5);
    gsl_sort(x, 1, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        distance = fmax(distance, fabs(gsl_cdf_ugaussian_P(x[i]) - ((double)i + 0.5) / COUNT));
    assert_at_most(distance * sqrt(COUNT), 2.2); /* Kolmogorov: P < 2e-4 */
    assert_above(-x[0], 4);
    assert_above(x[COUNT - 1], 4);
    free(x);
}

static void what_is_drawn_once_has_addresses_too(void **state)
{
    (void)state;
    enum { COUNT = 150 };
    double x[COUNT], y[COUNT + 1];
    normal_once(3, ONCE_CENTRES, COUNT, x);
    y[COUNT / 2] = 7;
    normal_once(3, ONCE_CENTRES, COUNT / 2, y); /* fewer: the same ones */
    assert_true(same_bits(x, y, COUNT / 2));
    assert_true(y[COUNT / 2] == 7);
    normal_once(3, ONCE_DEVIATIONS, COUNT, y);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(x[i] != y[i] && x[i] != x[(i + BLOCK) % COUNT]);
    normal_once(4, ONCE_CENTRES, COUNT, y);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(x[i] != y[i]);
}

/* row i of the basis times G + G^T times row j */
static double turned(size_t n, const double *basis, const double *g, size_t i, size_t j)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        for (size_t l = 0; l < n; l++)
            sum += basis[i * n + k] * (g[k * n + l] + g[l * n + k]) * basis[j * n + l];
    return sum;
}

static void a_random_basis_is_that_of_a_random_matrix(void **state)
{
    (void)state;
    enum { N = 7, DRAWS = 3000 };
    double sum = 0, g[N * N], *basis;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        struct error err;
        check_ok(random_basis(seed, ONCE_SUBSPACE, N, &basis, &err), &err);
        normal_once(seed, ONCE_SUBSPACE, (size_t)N * N, g);
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < N; j++) {
                double dot = 0;
                for (size_t k = 0; k < N; k++)
                    dot += basis[i * N + k] * basis[j * N + k];
                assert_near(dot, i == j, 1e-13);
                assert_near(i == j ? 0 : turned(N, basis, g, i, j), 0, 1e-12);
            }
        sum += pow(basis[2], 4);
        free(basis);
    }
    /* E and variance of the fourth power of a coordinate of a random unit vector */
    double mean = 3.0 / (N * (N + 2)), square = 105.0 / (N * (N + 2) * (N + 4) * (N + 6));
    assert_at_most(fabs(sum / DRAWS - mean), 5 * sqrt((square - mean * mean) / DRAWS));
}

/* ---- gaussian ---- */

static void a_rotation_keeps_the_spectrum(void **state)
{
    (void)state;
    static const double signal[] = {4, 2, 1, 0.5}, noise[] = {0.75, 0.5, 0.25, 0.125};
    const char *keys = "data.source=gaussian data.dimension=4 data.signal=[4,2,1,0.5] "
                       "data.noise=[0.75,0.5,0.25,0.125] data.rotated=true";
    struct opened o = open_source(keys, 3), other = open_source(keys, 4);
    struct pair_of_moments m = moments_of(&o), n = moments_of(&other);
    struct error err;
    double value[4];
    assert_above(fabs(m.x[1]), 0.01); /* not along the inputs */
    assert_above(fabs(m.x[1] - n.x[1]), 0.01);
    for (size_t i = 0; i < 4; i++) /* one basis: X X' is symmetric */
        for (size_t j = 0; j < i; j++) {
            double left = 0, right = 0;
            for (size_t k = 0; k < 4; k++) {
                left += m.x[i * 4 + k] * m.x_prime[k * 4 + j];
                right += m.x[j * 4 + k] * m.x_prime[k * 4 + i];
            }
            assert_near(left, right, 1e-14);
        }
    check_ok(symmetric_eigen(4, m.x, value, 0, &err), &err);
    for (size_t i = 0; i < 4; i++)
        assert_near(value[i], signal[i], 1e-14);
    check_ok(symmetric_eigen(4, m.x_prime, value, 0, &err), &err);
    for (size_t i = 0; i < 4; i++)
        assert_near(value[i], noise[i], 1e-14);
    free(m.x);
    free(n.x);
    shut(&o);
    shut(&other);
}

static void covariances_are_what_the_spec_says(void **state)
{
    (void)state;
    struct opened o = open_source("data.source=gaussian data.dimension=2 data.signal=3 "
                                  "data.noise=[[2,-1],[-1,1]]",
                                  1);
    struct pair_of_moments m = moments_of(&o);
    assert_memory_equal(m.x, ((double[]){3, 0, 0, 3}), 4 * sizeof(double));
    assert_memory_equal(m.x_prime, ((double[]){2, -1, -1, 1}), 4 * sizeof(double));
    free(m.x);
    shut(&o);
    o = open_source("data.source=gaussian data.dimension=2 data.signal=[5,0]", 1);
    m = moments_of(&o);
    assert_memory_equal(m.x, ((double[]){5, 0, 0, 0}), 4 * sizeof(double));
    assert_memory_equal(m.x_prime, ((double[]){0.1, 0, 0, 0.1}), 4 * sizeof(double));
    free(m.x);
    shut(&o);
}

/* ---- scrambling ---- */

/* The views refute the printed Sigma^s = Sigma^x at the bound that the corrected Sigma^s passes,
 * and also each half of the correction alone.  Erratum E4. */
static void scrambled_views_refute_the_printed_moments(void **state)
{
    (void)state;
    const char *keys =
        "data.source=scrambling data.dimension=4 data.scrambled=2 data.signal=[4,3,2,1]";
    struct opened o = open_source(keys, 5);
    struct pair_of_moments m = moments_of(&o);
    double printed[16] = {[0] = 4, [5] = 3, [10] = 2, [15] = 1};
    assert_above(deviation(&o, 0, 0, BLOCKS, printed), 20);
    assert_above(deviation(&o, 0, 1, BLOCKS, printed), 20);
    assert_above(deviation(&o, 0, 0, BLOCKS, m.x), 20);
    assert_above(deviation(&o, 0, 0, BLOCKS, m.x_prime), 20);
    check_deviation(keys, "X + X'", deviation(&o, 0, 0, BLOCKS, m.both));
    free(m.x);
    shut(&o);
}

/* The smallest instance of erratum E4: all of two inputs scrambled, Sigma^x = diag(1, 0). */
static void scrambling_moments_are_those_of_the_erratum(void **state)
{
    (void)state;
    struct opened o = open_source(
        "data.source=scrambling data.dimension=2 data.scrambled=2 data.signal=[1,0]", 1);
    struct pair_of_moments m = moments_of(&o);
    for (size_t i = 0; i < 4; i++) {
        assert_near(m.x[i], 0, 1e-15);
        assert_near(m.x_prime[i], i == 0 || i == 3, 1e-14);
    }
    free(m.x);
    shut(&o);
    o = open_source("data.source=scrambling data.dimension=3 data.scrambled=1 "
                    "data.along_inputs=true data.signal=[[2,1,0],[1,3,1],[0,1,4]]",
                    1);
    m = moments_of(&o);
    const double kept[] = {0, 0, 0, 0, 3, 1, 0, 1, 4};
    for (size_t i = 0; i < 9; i++) {
        assert_near(m.x[i], kept[i], 1e-15);
        assert_near(m.x_prime[i], i == 0 ? 2 : 0, 1e-15);
    }
    free(m.x);
    shut(&o);
}

/* U^T Sigma^x U for one scrambled direction, eigenvalues 3, 2, 1: an eigenvalue if the direction is
 * an eigenvector. */
static double scrambled_variance(const char *more, uint64_t seed)
{
    char keys[256];
    snprintf(keys, sizeof keys,
             "data.source=scrambling data.dimension=3 data.scrambled=1 data.signal=[3,2,1] %s",
             more);
    struct opened o = open_source(keys, seed);
    struct pair_of_moments m = moments_of(&o);
    double trace = m.x_prime[0] + m.x_prime[4] + m.x_prime[8];
    free(m.x);
    shut(&o);
    return trace;
}

static void directions_and_rotations_are_drawn_apart(void **state)
{
    (void)state;
    static const char *const drawn[] = {"", "data.rotated=true",
                                        "data.rotated=true data.along_inputs=true"};
    assert_near(scrambled_variance("data.along_inputs=true", 1), 3, 1e-14);
    for (size_t i = 0; i < 3; i++) {
        double variance = scrambled_variance(drawn[i], 1);
        for (int eigenvalue = 1; eigenvalue <= 3; eigenvalue++)
            assert_above(fabs(variance - eigenvalue), 0.01);
        assert_above(fabs(variance - scrambled_variance(drawn[i], 2)), 0.01);
    }
}

/* Outside the scrambled subspace views equal x; inside, each is |y| times normal numbers, y being
 * the part of x there. */
static void scrambling_leaves_the_rest_alone(void **state)
{
    (void)state;
    struct opened o = open_source("data.source=scrambling data.dimension=4 data.scrambled=2 "
                                  "data.along_inputs=true data.signal=[3,1,2,1]",
                                  2);
    double *x = aligned(3 * 4 * BLOCK * sizeof *x), fourth = 0, square = 0;
    for (uint64_t block = 0; block < BLOCKS; block++) {
        draw_block(&o, draw_at(block), 3, x);
        for (size_t i = 2 * BLOCK; i < 4 * BLOCK; i++)
            assert_near(x[i], x[4 * BLOCK + i], 0);
        for (size_t s = 0; s < BLOCK; s++) {
            double one = x[s] * x[s] + x[BLOCK + s] * x[BLOCK + s];
            double two = x[4 * BLOCK + s] * x[4 * BLOCK + s] + x[5 * BLOCK + s] * x[5 * BLOCK + s];
            fourth += one * two / BLOCK / BLOCKS; /* E = k^2 E|y|^4: both have the same y */
            square += one * one / BLOCK / BLOCKS; /* E = k (k + 2) E|y|^4 */
        }
    }
    double norm4 = 3 * 9 + 3 * 1 + 2 * 3; /* E|y|^4 of variances 3 and 1 */
    assert_near(fourth / (4 * norm4), 1, 0.1);
    assert_near(square / (8 * norm4), 1, 0.15);
    free(x);
    shut(&o);
}

/* ---- finite ---- */

static void finite_values_are_those_of_the_spec(void **state)
{
    (void)state;
    static const double given[4][2] = {{1, 0}, {0, 2}, {-3, 1}, {1, 1}};
    const double share[] = {0.25, 0.25, 0.25, 0.25};
    struct opened o = open_source("data.source=finite data.dimension=2 data.points=2 data.views=2 "
                                  "data.values=[[1,0],[0,2],[-3,1],[1,1]]",
                                  6);
    double x[2][2][BLOCK];
    size_t hit[4] = {0}, pair[8] = {0};
    for (uint64_t block = 0; block < BLOCKS; block++) {
        draw_block(&o, draw_at(block), 2, &x[0][0][0]);
        for (size_t s = 0; s < BLOCK; s++) {
            size_t at[2] = {9, 9};
            for (size_t v = 0; v < 2; v++)
                for (size_t row = 0; row < 4; row++)
                    if (x[v][0][s] == given[row][0] && x[v][1][s] == given[row][1])
                        at[v] = row;
            assert_true(at[0] < 4 && at[1] < 4 && at[0] / 2 == at[1] / 2); /* of one point */
            hit[at[0]]++;
            pair[2 * at[0] + at[1] % 2]++;
        }
    }
    assert_above(counts_p(4, hit, share, BLOCKS * BLOCK), 1e-4);
    const double eighth[] = {0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125, 0.125};
    assert_above(counts_p(8, pair, eighth, BLOCKS * BLOCK), 1e-4);
    /* mean views (1/2, 1) and (-1, 1), deviations +-(1/2, -1) and +-(2, 0) */
    const double kept[] = {0.625, -0.25, -0.25, 1}, spread[] = {2.125, -0.25, -0.25, 0.5};
    struct pair_of_moments m = moments_of(&o);
    for (size_t i = 0; i < 4; i++) {
        assert_near(m.x[i], kept[i], 1e-15);
        assert_near(m.x_prime[i], spread[i], 1e-15);
    }
    free(m.x);
    shut(&o);
}

/* tr X and tr X' of drawn distributions: centres of variance 1, views spread around them. */
static void finite_views_spread_around_their_points(void **state)
{
    (void)state;
    struct opened o = open_source("data.source=finite data.dimension=20 data.points=500 "
                                  "data.views=4 data.spread=0.5",
                                  6);
    struct opened other = open_source("data.source=finite data.dimension=20 data.points=500 "
                                      "data.views=4 data.spread=0.5",
                                      7);
    struct pair_of_moments m = moments_of(&o), n = moments_of(&other);
    double kept = 0, spread = 0;
    for (size_t i = 0; i < 20; i++) {
        kept += m.x[i * 21] / 20;
        spread += m.x_prime[i * 21] / 20;
    }
    /* chi-squares of 10^4 and of 3 10^4 numbers */
    assert_near(kept, 1 + 0.25 / 4, 5 * 1.0625 * sqrt(2 / 1e4));
    assert_near(spread, 0.25 * 3 / 4, 5 * 0.1875 * sqrt(2 / 3e4));
    assert_true(m.x[1] != n.x[1]);
    free(m.x);
    free(n.x);
    shut(&o);
    shut(&other);
}

/* Deviations are not drawn from the numbers of their centres. */
static void finite_centres_and_deviations_are_drawn_apart(void **state)
{
    (void)state;
    const char *one = "data.source=finite data.dimension=1 data.points=1 data.views=1";
    char keys[2][128];
    double x[2];
    for (int spread = 0; spread < 2; spread++) {
        snprintf(keys[spread], sizeof keys[spread], "%s data.spread=%d", one, spread);
        struct opened o = open_source(keys[spread], 9);
        double block[BLOCK];
        draw_block(&o, draw_at(0), 1, block);
        x[spread] = block[0];
        shut(&o);
    }
    assert_above(fabs(x[1] - x[0]), 0.01);
    assert_above(fabs(x[1] - 2 * x[0]), 0.01);
}

/* ---- hltm ---- */

/* Views that keep nothing: only controls set this, not a spec.  All mean views are then the same.
 */
static void moments_without_a_shared_latent_are_those_of_independent_x(void **state)
{
    (void)state;
    static const char *const trees[] = {
        "data.source=hltm data.depth=2 data.polarity=[0.4,0.9]",
        "data.source=hltm data.depth=2 data.states=3 data.polarity=[0.4,0.9]",
    };
    for (size_t i = 0; i < 2; i++) {
        struct opened o = open_source(trees[i], 11);
        struct tree *tree = o.world;
        tree->keep_level = -1;
        struct pair_of_moments m = moments_of(&o);
        tree->keep_level = 0;
        double share = 1.0 / tree->states;
        for (size_t k = 0; k < o.inputs * o.inputs; k++)
            assert_near(m.x[k], share * share, 1e-16);
        check_deviation(trees[i], "X", deviation(&o, 0, 2, BLOCKS, m.x));
        check_deviation(trees[i], "X + X'", deviation(&o, 0, 0, BLOCKS, m.both));
        free(m.x);
        shut(&o);
    }
}

/* By hand: the root, one node below it with rho = 0.5, two leaves below that with -0.7 and 0.6.
 * Covariances are products of polarities / 4. */
static void moments_multiply_polarities_along_paths(void **state)
{
    (void)state;
    for (int keep = 0; keep <= 2; keep++) {
        char keys[160];
        snprintf(keys, sizeof keys,
                 "data.source=hltm data.depth=2 data.children=[1,2] data.keep_level=%d "
                 "data.polarity=[[0.5],[-0.7,0.6]]",
                 keep);
        struct opened o = open_source(keys, 1);
        struct pair_of_moments m = moments_of(&o);
        double up = keep == 0 ? 0.25 : 1; /* through the root, or the parent */
        double same = keep == 2 ? 1 : up * 0.49, apart = keep == 2 ? -0.42 : up * -0.42;
        assert_near(m.x[0], 0.25 + same / 4, 1e-16);
        assert_near(m.x[1], 0.25 + apart / 4, 1e-16);
        assert_near(m.x[2], 0.25 + apart / 4, 1e-16);
        assert_near(m.both[0], 0.5, 1e-16);
        assert_near(m.both[1], 0.25 - 0.42 / 4, 1e-16);
        free(m.x);
        shut(&o);
    }
}

/* ---- refused settings ---- */

struct refusal {
    const char *keys, *key, *words, *more;
};

static const struct refusal refusals[] = {
    {"data.source=gaussian data.dimension=3 data.signal=[1,2]", "data.signal",
     "data.signal lists 2 eigenvalues for 3 inputs", "give one number, 3 eigenvalues"},
    {"data.source=gaussian data.dimension=3 data.noise=[1,2,3,4]", "data.noise",
     "data.noise lists 4 eigenvalues for 3 inputs", "give one number, 3 eigenvalues"},
    {"data.source=gaussian data.dimension=2 data.signal=-1", "data.signal",
     "data.signal has the eigenvalue -1", "at least 0"},
    {"data.source=gaussian data.dimension=2 data.noise=[1,-0.5]", "data.noise",
     "data.noise has the eigenvalue -0.5", "at least 0"},
    {"data.source=gaussian data.dimension=3 data.signal=[[1,0,0],[0,1,0]]", "data.signal",
     "data.signal has 2 rows for 3 inputs", "give 3 rows of 3 numbers"},
    {"data.source=gaussian data.dimension=2 data.noise=[[1,0],[0,1],[0,0]]", "data.noise",
     "data.noise has 3 rows for 2 inputs", "give 2 rows of 2 numbers"},
    {"data.source=gaussian data.dimension=2 data.signal=[[1,0],[0,1,0]]", "data.signal",
     "row 1 of data.signal has 3 numbers for 2 inputs", "give 2"},
    {"data.source=gaussian data.dimension=2 data.signal=[[1,0.5],[0.25,1]]", "data.signal",
     "data.signal is not symmetric: 0.5 in row 0, column 1 and 0.25 across", "symmetric"},
    {"data.source=gaussian data.dimension=2 data.signal=[[1,2],[2,1]]", "data.signal",
     "data.signal is not positive semi-definite: its least eigenvalue is -1", "none below 0"},
    {"data.source=gaussian data.dimension=2 data.noise=[[1,0],[0,-2]]", "data.noise",
     "data.noise is not positive semi-definite: its least eigenvalue is -2", "none below 0"},
    {"data.source=gaussian data.dimension=2 data.noise=[[1,2],[2,1]] data.rotated=true",
     "data.noise", "data.noise is not positive semi-definite: its least eigenvalue is -1",
     "none below 0"},
    {"data.source=scrambling data.dimension=2 data.scrambled=1 data.signal=[1]", "data.signal",
     "data.signal lists 1 eigenvalues for 2 inputs", "give one number, 2 eigenvalues"},
    {"data.source=scrambling data.dimension=4 data.scrambled=5", "data.scrambled",
     "data.scrambled is 5 of 4 dimensions", "give 1 to 4"},
    {"data.source=finite data.points=2 data.views=2 data.dimension=1 data.values=[[1],[2],[3]]",
     "data.values", "data.values has 3 rows for 2 points of 2 views", "give 4"},
    {"data.source=finite data.points=1 data.views=2 data.dimension=1 data.values=[[1],[2,3]]",
     "data.values", "row 1 of data.values has 2 numbers in 1 dimensions", "give 1"},
    {"data.source=finite data.points=1 data.views=2 data.dimension=1 data.values=[1,2]",
     "data.values", "data.values is one list", "give a list of lists"},
    {"data.source=finite data.values=3", "data.values", "data.values is a number other than 0",
     "0 to draw"},
    {"data.depth=3 data.keep_level=1 data.label_level=2", "data.label_level",
     "data.label_level is 2 with data.keep_level 1", "0 to 1"},
    {"data.depth=3 data.keep_level=2 data.label_level=2 data.label_node=4", "data.label_node",
     "data.label_node is 4, but level data.label_level 2 has 4 nodes", "give 0 to 3"},
    {"data.source=finite data.points=4096 data.views=4096", "data.points",
     "4096 points of 4096 views in 32 dimensions", "fewer"},
};

static void bad_input_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *r = &refusals[i];
        struct opened o;
        struct error err = {0};
        if (try_open(&o, r->keys, 1, &err) != STATUS_INVALID)
            fail_msg("%s is not refused", r->keys);
        assert_null(o.world);
        if (strcmp(err.key, r->key) != 0 || !strstr(err.message, r->words) ||
            !strstr(strchr(err.message, ';') ? strchr(err.message, ';') : "", r->more))
            fail_msg("%s: %s: %s", r->keys, err.key, err.message);
        shut(&o);
    }
}

/* NaN can come only from C. */
static void a_covariance_of_nan_is_refused(void **state)
{
    (void)state;
    struct opened o =
        open_source("data.source=gaussian data.dimension=2 data.signal=[[1,0],[0,1]]", 1);
    double bad[][4] = {{NAN, 0, 0, 1}, {1, NAN, NAN, 1}, {1, INFINITY, INFINITY, 1}};
    struct signal_settings *settings = o.spec.settings[SECTION_DATA];
    for (size_t i = 0; i < 3; i++) {
        struct error err = {0};
        void *world = NULL;
        settings->signal.value = bad[i];
        assert_int_equal(o.source->open(settings, 1, &world, &err), STATUS_INVALID);
        assert_string_equal(err.key, "data.signal");
        assert_null(world);
    }
    shut(&o);
}

/* A singular matrix is a covariance even if rounding makes its least eigenvalue negative. */
static void a_singular_covariance_is_accepted(void **state)
{
    (void)state;
    struct opened o = open_source("data.source=gaussian data.dimension=3 data.noise=0 data.signal="
                                  "[[0.01,0.03,0.07],[0.03,0.09,0.21],[0.07,0.21,0.49]]",
                                  1);
    double x[3 * BLOCK] __attribute__((aligned(64)));
    draw_block(&o, draw_at(0), 1, x);
    for (size_t s = 0; s < BLOCK; s++) { /* all samples are multiples of (1, 3, 7) */
        assert_near(x[BLOCK + s], 3 * x[s], 1e-6);
        assert_near(x[2 * BLOCK + s], 7 * x[s], 1e-6);
    }
    shut(&o);
}

/* ---- every source ---- */

static void every_source_keeps_to_the_interface(void **state)
{
    (void)state;
    assert_int_equal(source_registry.count, 5);
    for (size_t i = 0; i < source_registry.count; i++) {
        const struct source *s = (const void *)source_registry.entries[i];
        char keys[64];
        snprintf(keys, sizeof keys, "data.source=%s", s->about.name);
        struct opened o = open_source(keys, 1);
        assert_non_null(s->moments);
        shut(&o);
    }
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    linalg_threads_are_safe();
    const struct CMUnitTest tests[] = {
        TEST(moments_are_those_of_the_views),
        TEST(negatives_are_independent),
        TEST(a_block_is_the_same_in_any_order),
        TEST(every_part_of_an_address_counts),
        TEST(the_first_two_views_share_their_x),
        TEST(all_positives_are_of_the_sample),
        TEST(labels_are_the_states_of_their_latent),
        TEST(there_are_labels_only_where_views_share_them),
        TEST(normal_numbers_follow_their_definition),
        TEST(normal_numbers_are_normal),
        TEST(what_is_drawn_once_has_addresses_too),
        TEST(a_random_basis_is_that_of_a_random_matrix),
        TEST(a_rotation_keeps_the_spectrum),
        TEST(covariances_are_what_the_spec_says),
        TEST(scrambled_views_refute_the_printed_moments),
        TEST(scrambling_moments_are_those_of_the_erratum),
        TEST(directions_and_rotations_are_drawn_apart),
        TEST(scrambling_leaves_the_rest_alone),
        TEST(finite_values_are_those_of_the_spec),
        TEST(finite_views_spread_around_their_points),
        TEST(finite_centres_and_deviations_are_drawn_apart),
        TEST(moments_without_a_shared_latent_are_those_of_independent_x),
        TEST(moments_multiply_polarities_along_paths),
        TEST(bad_input_is_named),
        TEST(a_covariance_of_nan_is_refused),
        TEST(a_singular_covariance_is_accepted),
        TEST(every_source_keeps_to_the_interface),
    };
    return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}
