/* Protects sim/data/sources: what single sources draw, their moments, and what they refuse. */
#include "tests/kit/source.h"

#include "core/linalg.h"
#include "sim/data/sources/covariance.h"

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

/* Views that keep nothing share no label; real-valued data have none. */
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

/* Sigma^s = Sigma^x, as printed, is refuted by the views at the bound that the corrected one
 * passes; so is each half of the correction alone.  Erratum E4. */
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

/* U^T Sigma^x U for one scrambled direction of the eigenvalues 3, 2, 1: an eigenvalue where the
 * direction is an eigenvector. */
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

/* Outside the scrambled subspace views are x; inside each is |y| times normal numbers, y the part
 * of x there. */
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

/* A deviation is not its centre again. */
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

/* Everything drawn anew: no spec can say it, but controls set it.  Mean views are the same then. */
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

/* ---- what is refused ---- */

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

/* Numbers that are no numbers come from C only. */
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

/* A singular matrix whose least eigenvalue rounding leaves below 0 is a covariance. */
static void a_singular_covariance_is_accepted(void **state)
{
    (void)state;
    struct opened o = open_source("data.source=gaussian data.dimension=3 data.noise=0 data.signal="
                                  "[[0.01,0.03,0.07],[0.03,0.09,0.21],[0.07,0.21,0.49]]",
                                  1);
    double x[3 * BLOCK] __attribute__((aligned(64)));
    draw_block(&o, draw_at(0), 1, x);
    for (size_t s = 0; s < BLOCK; s++) { /* all samples lie along (1, 3, 7) */
        assert_near(x[BLOCK + s], 3 * x[s], 1e-6);
        assert_near(x[2 * BLOCK + s], 7 * x[s], 1e-6);
    }
    shut(&o);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    linalg_threads_are_safe();
    const struct CMUnitTest tests[] = {
        TEST(the_first_two_views_share_their_x),
        TEST(labels_are_the_states_of_their_latent),
        TEST(there_are_labels_only_where_views_share_them),
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
    };
    return cmocka_run_group_tests_name("kinds of sources", tests, NULL, NULL);
}
