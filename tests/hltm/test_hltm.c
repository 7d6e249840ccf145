/* Protects hltm/: the tree, exact inference on it (HLTM-1, HLTM-2) and the sampler. */
#include "hltm/exact.h"
#include "hltm/sample.h"
#include "hltm/tree.h"
#include "tests/kit/testing.h"

enum { MAX_TEST_NODES = 64 };

/* ---- trees for tests ---- */

struct shape {
    int depth;
    int64_t children[TREE_MAX_DEPTH]; /* root first */
};

/* Numbers of nodes by level; the sum. */
static size_t shape_counts(const struct shape *shape, size_t *count)
{
    size_t nodes = count[0] = 1;
    for (int d = 0; d < shape->depth; d++)
        nodes += count[d + 1] = count[d] * (size_t)shape->children[d];
    return nodes;
}

static struct tree_settings settings_of(const struct shape *shape, int states, int keep_level)
{
    return (struct tree_settings){
        .depth = shape->depth,
        .children = {.count = (size_t)shape->depth, .value = shape->children},
        .states = states,
        .keep_level = keep_level,
    };
}

/* rho[node] for every node; rho[0] is not read. */
static struct tree *tree_with(const struct shape *shape, int states, int keep_level,
                              const double *rho)
{
    size_t count[TREE_MAX_DEPTH + 1];
    shape_counts(shape, count);
    struct tree_settings settings = settings_of(shape, states, keep_level);
    settings.polarity = (struct reals){
        .rank = 2, .rows = (size_t)shape->depth, .length = count + 1, .value = rho + 1};
    struct tree *tree;
    struct error err;
    check_ok(tree_create(&tree, &settings, 1, &err), &err);
    return tree;
}

static struct tree *tree_with_one(const struct shape *shape, int states, int keep_level, double rho)
{
    static const size_t one = 1;
    struct tree_settings settings = settings_of(shape, states, keep_level);
    settings.polarity = (struct reals){.rank = 0, .rows = 1, .length = &one, .value = &rho};
    struct tree *tree;
    struct error err;
    check_ok(tree_create(&tree, &settings, 1, &err), &err);
    return tree;
}

static struct tree *tree_drawn(const struct shape *shape, int states, int keep_level, double lo,
                               double hi, uint64_t seed)
{
    static const size_t two = 2;
    double range[2] = {lo, hi};
    struct tree_settings settings = settings_of(shape, states, keep_level);
    settings.polarity = (struct reals){.rank = 1, .rows = 1, .length = &two, .value = range};
    struct tree *tree;
    struct error err;
    check_ok(tree_create(&tree, &settings, seed, &err), &err);
    return tree;
}

/* A tree of at most `most` nodes: depth 1 to 4, 1 to 4 children, polarities over the whole allowed
 * range; with `ends` every fifth polarity is an end of the range. */
static struct tree *random_tree(uint64_t seed, int states, size_t most, int ends)
{
    struct stream stream;
    struct shape shape;
    size_t count[TREE_MAX_DEPTH + 1], nodes;
    stream_open(&stream, seed, PURPOSE_TEST, 0, (uint64_t)states);
    do {
        shape.depth = 1 + (int)(stream_word(&stream) % 4);
        for (int d = 0; d < shape.depth; d++)
            shape.children[d] = 1 + (int64_t)(stream_word(&stream) % 4);
        nodes = shape_counts(&shape, count);
    } while (nodes > most);
    double rho[MAX_TEST_NODES], lowest = -1.0 / (states - 1);
    assert_true(most <= MAX_TEST_NODES);
    for (size_t i = 0; i < nodes; i++) {
        rho[i] = lowest + (1 - lowest) * stream_uniform(&stream);
        if (ends && stream_word(&stream) % 5 == 0)
            rho[i] = stream_word(&stream) % 2 ? 1 : lowest;
    }
    return tree_with(&shape, states, 0, rho);
}

/* Parents by counting children, level by level. */
static void list_parents(const struct tree *tree, size_t *parent)
{
    size_t node = 0, next = 1;
    parent[0] = 0;
    for (int d = 0; d < tree->depth; d++)
        for (size_t i = 0; i < tree->count[d]; i++, node++)
            for (int c = 0; c < tree->children[d]; c++)
                parent[next++] = node;
    assert_int_equal(next, tree->nodes);
}

static int level_of(const struct tree *tree, size_t node)
{
    int d = 0;
    while (d < tree->depth && node >= tree->first[d + 1])
        d++;
    return d;
}

/* Product of rho along the path between two nodes. */
static double path_product(const size_t *parent, const double *rho, size_t a, size_t b)
{
    double product = 1;
    while (a != b) {
        size_t *lower = a > b ? &a : &b;
        product *= rho[*lower];
        *lower = parent[*lower];
    }
    return product;
}

/* ---- tree_create ---- */

static void test_tree_numbers_its_nodes_level_by_level(void **state)
{
    (void)state;
    const struct shape shape = {3, {3, 1, 2}};
    struct tree *tree = tree_with_one(&shape, 2, 2, 0.5);
    const size_t count[] = {1, 3, 3, 6}, first[] = {0, 1, 4, 7};
    assert_int_equal(tree->depth, 3);
    assert_int_equal(tree->states, 2);
    assert_int_equal(tree->keep_level, 2);
    assert_int_equal(tree->nodes, 13);
    assert_int_equal(tree_leaves(tree), 6);
    for (int d = 0; d <= 3; d++) {
        assert_int_equal(tree->count[d], count[d]);
        assert_int_equal(tree->first[d], first[d]);
        if (d < 3)
            assert_int_equal(tree->children[d], shape.children[d]);
    }
    size_t parent[13];
    list_parents(tree, parent);
    for (int d = 1; d <= 3; d++)
        for (size_t i = 0; i < count[d]; i++)
            assert_int_equal(first[d - 1] + tree_parent(tree, d, i), parent[first[d] + i]);
    tree_free(tree);
    tree_free(NULL);
}

static void test_tree_takes_one_number_of_children_for_all_levels(void **state)
{
    (void)state;
    const int64_t three = 3;
    const size_t one = 1;
    const double rho = 0.25;
    struct tree_settings settings = {
        .depth = 4,
        .children = {.scalar = true, .count = 1, .value = &three},
        .states = 5,
        .polarity = {.rank = 0, .rows = 1, .length = &one, .value = &rho},
        .keep_level = 4,
    };
    struct tree *tree;
    struct error err;
    check_ok(tree_create(&tree, &settings, 1, &err), &err);
    assert_int_equal(tree->nodes, 1 + 3 + 9 + 27 + 81);
    assert_int_equal(tree_leaves(tree), 81);
    assert_int_equal(tree->keep_level, 4);
    tree_free(tree);
}

static void test_tree_takes_the_limits_themselves(void **state)
{
    (void)state;
    struct shape chain = {TREE_MAX_DEPTH, {0}};
    for (int d = 0; d < TREE_MAX_DEPTH; d++)
        chain.children[d] = 1;
    struct tree *tree = tree_with_one(&chain, TREE_MAX_STATES, TREE_MAX_DEPTH, 1);
    assert_int_equal(tree->nodes, TREE_MAX_DEPTH + 1);
    tree_free(tree);
}

static void test_polarity_number_holds_on_every_edge(void **state)
{
    (void)state;
    const struct shape shape = {2, {3, 2}};
    struct tree *tree = tree_with_one(&shape, 2, 0, -0.75);
    assert_true(tree->polarity[0] == 0);
    for (size_t i = 1; i < tree->nodes; i++)
        assert_true(tree->polarity[i] == -0.75);
    tree_free(tree);
}

static void test_polarity_rows_go_to_their_nodes(void **state)
{
    (void)state;
    const struct shape shape = {2, {3, 2}};
    const double rho[10] = {9, 0.1, -0.2, 0.3, -0.4, 0.5, -1, 1, 0, 0.9};
    struct tree *tree = tree_with(&shape, 2, 0, rho);
    assert_true(tree->polarity[0] == 0);
    for (size_t i = 1; i < 10; i++)
        assert_true(tree->polarity[i] == rho[i]);
    tree_free(tree);
}

/* |rho| uniform in [0.2, 0.7], signs even and independent of it for m = 2, positive for m > 2. */
static void test_polarity_range_is_drawn_uniformly_with_random_signs(void **state)
{
    (void)state;
    enum { BINS = 20, CHILDREN = 20000 };
    const struct shape shape = {1, {CHILDREN}};
    for (int states = 2; states <= 3; states++) {
        struct tree *tree = tree_drawn(&shape, states, 0, 0.2, 0.7, 5);
        size_t count[2 * BINS] = {0};
        double probability[2 * BINS];
        for (size_t i = 1; i < tree->nodes; i++) {
            double size = fabs(tree->polarity[i]);
            assert_true(size >= 0.2 && size < 0.7);
            count[(size_t)((size - 0.2) / 0.5 * BINS) + (tree->polarity[i] < 0 ? BINS : 0)]++;
        }
        for (size_t i = 0; i < 2 * BINS; i++)
            probability[i] = states == 2 ? 0.5 / BINS : i < BINS ? 1.0 / BINS : 0;
        assert_above(counts_p(2 * BINS, count, probability, CHILDREN), 1e-4);
        tree_free(tree);
    }
}

static void test_polarity_range_of_one_point_is_that_point(void **state)
{
    (void)state;
    const struct shape shape = {1, {100}};
    struct tree *tree = tree_drawn(&shape, 2, 0, 1, 1, 5),
                *zero = tree_drawn(&shape, 2, 0, 0, 0, 5);
    for (size_t i = 1; i < tree->nodes; i++) {
        assert_true(fabs(tree->polarity[i]) == 1);
        assert_true(zero->polarity[i] == 0);
    }
    tree_free(tree);
    tree_free(zero);
}

static void test_polarities_depend_on_the_seed_alone(void **state)
{
    (void)state;
    const struct shape shape = {3, {2, 3, 4}};
    struct tree *a = tree_drawn(&shape, 2, 0, 0.1, 0.9, 5);
    struct tree *b = tree_drawn(&shape, 2, 1, 0.1, 0.9, 5);
    struct tree *c = tree_drawn(&shape, 2, 0, 0.1, 0.9, 6);
    for (size_t i = 1; i < a->nodes; i++) {
        assert_true(a->polarity[i] == b->polarity[i]);
        assert_true(fabs(a->polarity[i]) != fabs(c->polarity[i]));
        for (size_t k = 1; k < i; k++)
            assert_true(fabs(a->polarity[i]) != fabs(a->polarity[k]));
    }
    tree_free(a);
    tree_free(b);
    tree_free(c);
}

/* ---- tree_create's errors ---- */

struct bad_tree {
    int64_t depth, states, keep_level;
    struct integers children;
    struct reals polarity;
    const char *key, *word; /* the key at fault; a word that the message must have */
};

/* clang-format off */
#define LIST(type, ...) (const type[]){__VA_ARGS__}
#define EACH(n) {.scalar = true, .count = 1, .value = LIST(int64_t, n)}
#define BY_LEVEL(n, ...) {.count = n, .value = LIST(int64_t, __VA_ARGS__)}
#define NUMBER(x) {.rank = 0, .rows = 1, .length = LIST(size_t, 1), .value = LIST(double, x)}
#define LIST_OF(n, ...) \
    {.rank = 1, .rows = 1, .length = LIST(size_t, n), .value = LIST(double, __VA_ARGS__)}
#define ONE_ROW(n, ...) \
    {.rank = 2, .rows = 1, .length = LIST(size_t, n), .value = LIST(double, __VA_ARGS__)}
#define TWO_ROWS(n, k, ...) \
    {.rank = 2, .rows = 2, .length = LIST(size_t, n, k), .value = LIST(double, __VA_ARGS__)}
/* clang-format on */

static const struct bad_tree bad_trees[] = {
    {0, 2, 0, EACH(2), NUMBER(0.5), "data.depth", "depth 0"},
    {-1, 2, 0, EACH(2), NUMBER(0.5), "data.depth", "depth -1"},
    {25, 2, 0, EACH(1), NUMBER(0.5), "data.depth", "24"},
    {INT64_MAX, 2, 0, EACH(1), NUMBER(0.5), "data.depth", "24"},
    {2, 1, 0, EACH(2), NUMBER(0.5), "data.states", "256"},
    {2, -2, 0, EACH(2), NUMBER(0.5), "data.states", "256"},
    {2, 257, 0, EACH(2), NUMBER(0.5), "data.states", "256"},
    {2, (int64_t)1 << 32 | 2, 0, EACH(2), NUMBER(0.5), "data.states", "256"},
    {2, 2, -1, EACH(2), NUMBER(0.5), "data.keep_level", "-1"},
    {2, 2, 3, EACH(2), NUMBER(0.5), "data.keep_level", "3"},
    /* children */
    {2, 2, 0, EACH(0), NUMBER(0.5), "data.children", "0 children"},
    {2, 2, 0, EACH(-3), NUMBER(0.5), "data.children", "-3 children"},
    {2, 2, 0, BY_LEVEL(1, 2), NUMBER(0.5), "data.children", "1 entries"},
    {2, 2, 0, BY_LEVEL(3, 2, 2, 2), NUMBER(0.5), "data.children", "3 entries"},
    {2, 2, 0, BY_LEVEL(2, 2, 0), NUMBER(0.5), "data.children", "least"},
    {24, 2, 0, EACH(2), NUMBER(0.5), "data.children", "16777216"},
    {1, 2, 0, EACH(1 << 24), NUMBER(0.5), "data.children", "16777216"},
    {2, 2, 0, EACH((int64_t)1 << 40), NUMBER(0.5), "data.children", "16777216"},
    {2, 2, 0, EACH(INT64_MAX), NUMBER(0.5), "data.children", "16777216"},
    {3, 2, 0, EACH(1 << 23), NUMBER(0.5), "data.children", "16777216"},
    {2, 2, 0, BY_LEVEL(2, 4, (int64_t)1 << 62), NUMBER(0.5), "data.children", "16777216"},
    /* polarity: one number */
    {2, 2, 0, EACH(2), NUMBER(1.01), "data.polarity", "1.01"},
    {2, 2, 0, EACH(2), NUMBER(-1.01), "data.polarity", "-1"},
    {2, 2, 0, EACH(2), NUMBER(NAN), "data.polarity", "nan"},
    {2, 2, 0, EACH(2), NUMBER(INFINITY), "data.polarity", "inf"},
    {2, 3, 0, EACH(2), NUMBER(-0.51), "data.polarity", "-0.5"},
    {2, 5, 0, EACH(2), NUMBER(-0.26), "data.polarity", "-0.25"},
    {2, 256, 0, EACH(2), NUMBER(-0.004), "data.polarity", "256 states"},
    /* a range */
    {2, 2, 0, EACH(2), LIST_OF(2, 0.8, 0.7), "data.polarity", "0.8"},
    {2, 2, 0, EACH(2), LIST_OF(2, -0.1, 0.7), "data.polarity", "-0.1"},
    {2, 2, 0, EACH(2), LIST_OF(2, 0.1, 1.1), "data.polarity", "1.1"},
    {2, 2, 0, EACH(2), LIST_OF(2, NAN, 1), "data.polarity", "nan"},
    {2, 2, 0, EACH(2), LIST_OF(2, 0.1, NAN), "data.polarity", "nan"},
    {2, 3, 0, EACH(2), LIST_OF(2, -0.1, 0.7), "data.polarity", "-0.1"},
    {2, 2, 0, EACH(2), LIST_OF(1, 0.5), "data.polarity", "list of 1"},
    {2, 2, 0, EACH(2), LIST_OF(3, 0.5, 0.6, 0.7), "data.polarity", "list of 3"},
    /* a list of lists */
    {2, 2, 0, EACH(2), ONE_ROW(2, 0.1, 0.2), "data.polarity", "1 levels"},
    {1, 2, 0, EACH(2), TWO_ROWS(2, 1, 0.1, 0.2, 0.3), "data.polarity", "2 levels"},
    {2, 2, 0, EACH(2), TWO_ROWS(2, 3, 0, 0, 0, 0, 0), "data.polarity", "level 2"},
    {2, 2, 0, EACH(1), TWO_ROWS(2, 1, 0, 0, 0), "data.polarity", "level 1"},
    {1, 2, 0, EACH(2), ONE_ROW(2, 0.1, -1.5), "data.polarity", "-1.5"},
    {1, 4, 0, EACH(2), ONE_ROW(2, 0.1, -0.4), "data.polarity", "4 states"},
};

static void test_bad_trees_are_refused_by_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_trees / sizeof *bad_trees; i++) {
        const struct bad_tree *bad = &bad_trees[i];
        struct tree_settings settings = {
            bad->depth, bad->children, bad->states, bad->polarity, bad->keep_level, 0, 0};
        struct error err = {0};
        struct tree *tree = (struct tree *)&err;
        assert_int_equal(tree_create(&tree, &settings, 1, &err), STATUS_INVALID);
        assert_null(tree);
        assert_int_equal(err.status, STATUS_INVALID);
        assert_string_equal(err.key, bad->key);
        if (!strstr(err.message, bad->word))
            fail_msg("bad tree %zu: no \"%s\" in: %s", i, bad->word, err.message);
        assert_int_equal(tree_create(&tree, &settings, 1, NULL), STATUS_INVALID);
        assert_null(tree);
    }
}

/* ---- transitions ---- */

static void test_transition_is_the_symmetric_channel(void **state)
{
    (void)state;
    const struct shape edge = {1, {1}};
    for (int m = 2; m <= 7; m++)
        for (int k = 0; k <= 8; k++) {
            double lowest = -1.0 / (m - 1), rho = lowest + (1 - lowest) * k / 8;
            struct tree *tree = tree_with_one(&edge, m, 0, rho);
            for (int a = 0; a < m; a++) {
                double sum = 0;
                for (int b = 0; b < m; b++) {
                    double p = tree_transition(tree, 1, a, b);
                    assert_near(p, (a == b ? rho : 0) + (1 - rho) / m, 1e-15);
                    sum += p;
                }
                assert_near(sum, 1, 1e-15);
            }
            tree_free(tree);
        }
}

static void test_transition_is_never_negative(void **state)
{
    (void)state;
    const struct shape edge = {1, {1}};
    for (int m = 2; m <= TREE_MAX_STATES; m++) {
        struct tree *tree = tree_with_one(&edge, m, 0, -1.0 / (m - 1));
        for (int b = 0; b < 2; b++)
            if (!(tree_transition(tree, 1, 0, b) >= 0))
                fail_msg("%d states: P(%d | 0) = %g", m, b, tree_transition(tree, 1, 0, b));
        tree_free(tree);
    }
}

/* ---- the joint distribution (HLTM-1) ---- */

static size_t int_power(size_t m, size_t digits)
{
    size_t power = 1;
    while (digits-- > 0)
        power *= m;
    return power;
}

/* State of `node` in assignment `index`: node 0 is the most significant digit. */
static size_t digit(const struct tree *tree, size_t index, size_t node)
{
    return index / int_power((size_t)tree->states, tree->nodes - 1 - node) % (size_t)tree->states;
}

static double *joint_of(const struct tree *tree, size_t *count)
{
    double *joint;
    struct error err;
    check_ok(joint_enumerate(tree, &joint, count, &err), &err);
    assert_int_equal(*count, int_power((size_t)tree->states, tree->nodes));
    return joint;
}

/* The definition: root uniform, one factor per edge. */
static void test_joint_is_the_product_over_edges(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++)
        for (int m = 2; m <= 3; m++) {
            struct tree *tree = random_tree(seed, m, m == 2 ? 10 : 7, 1);
            size_t count, parent[MAX_TEST_NODES];
            double *joint = joint_of(tree, &count);
            list_parents(tree, parent);
            for (size_t z = 0; z < count; z++) {
                double p = 1.0 / m;
                for (size_t i = 1; i < tree->nodes; i++) {
                    double rho = tree->polarity[i];
                    p *= (digit(tree, z, i) == digit(tree, z, parent[i]) ? rho : 0) + (1 - rho) / m;
                }
                assert_near(joint[z], p, 1e-15);
            }
            free(joint);
            tree_free(tree);
        }
}

/* Largest difference, over all pairs of nodes, between the correlation (as +-1) in the joint of
 * `tree` and the product along the path of `rho`; asserts that means are 0 and the total is 1. */
static double correlation_error(const struct tree *tree, const double *rho)
{
    size_t count, parent[MAX_TEST_NODES];
    double moment[MAX_TEST_NODES][MAX_TEST_NODES] = {{0}}, mean[MAX_TEST_NODES] = {0}, total = 0;
    double *joint = joint_of(tree, &count), worst = 0;
    list_parents(tree, parent);
    for (size_t z = 0; z < count; z++) {
        double sign[MAX_TEST_NODES];
        total += joint[z];
        for (size_t i = 0; i < tree->nodes; i++) {
            sign[i] = 2 * (double)(z >> (tree->nodes - 1 - i) & 1) - 1;
            mean[i] += joint[z] * sign[i];
            for (size_t k = 0; k < i; k++)
                moment[i][k] += joint[z] * sign[i] * sign[k];
        }
    }
    assert_near(total, 1, 1e-12);
    for (size_t i = 0; i < tree->nodes; i++) {
        assert_near(mean[i], 0, 1e-12);
        for (size_t k = 0; k < i; k++)
            worst = fmax(worst, fabs(moment[i][k] - path_product(parent, rho, i, k)));
    }
    free(joint);
    return worst;
}

static void test_joint_correlations_are_products_along_paths(void **state)
{
    (void)state;
    size_t deepest = 0, widest = 0;
    for (uint64_t seed = 0; seed < 24; seed++) {
        struct tree *tree = random_tree(100 + seed, 2, 14, seed % 3 == 0);
        assert_at_most(correlation_error(tree, tree->polarity), 1e-12);
        /* control: the same with one rho changed by 0.05 */
        double rho[MAX_TEST_NODES];
        for (size_t changed = 1; changed < tree->nodes; changed++) {
            memcpy(rho, tree->polarity, tree->nodes * sizeof *rho);
            rho[changed] += rho[changed] > 0 ? -0.05 : 0.05;
            if (changed % 4 == 1)
                assert_above(correlation_error(tree, rho), 1e-10);
        }
        deepest = deepest > (size_t)tree->depth ? deepest : (size_t)tree->depth;
        widest = widest > tree_leaves(tree) ? widest : tree_leaves(tree);
        tree_free(tree);
    }
    assert_true(deepest >= 3 && widest >= 6); /* the drawn trees cover the range */
}

/* P(b | a) for the path from `top` down to `node`, by multiplying matrices. */
static void path_matrix(const struct tree *tree, const size_t *parent, size_t top, size_t node,
                        double *out)
{
    const size_t m = (size_t)tree->states;
    double next[16];
    assert_true(m <= 4);
    for (size_t k = 0; k < m * m; k++)
        out[k] = k / m == k % m;
    for (; node != top; node = parent[node]) {
        double rho = tree->polarity[node];
        for (size_t a = 0; a < m; a++)
            for (size_t b = 0; b < m; b++) {
                next[a * m + b] = 0;
                for (size_t k = 0; k < m; k++)
                    next[a * m + b] +=
                        ((a == k ? rho : 0) + (1 - rho) / (double)m) * out[k * m + b];
            }
        memcpy(out, next, m * m * sizeof *out);
    }
}

static size_t common_ancestor(const size_t *parent, size_t a, size_t b)
{
    while (a != b)
        if (a > b)
            a = parent[a];
        else
            b = parent[b];
    return a;
}

/* P(z_u = i, z_v = j) = sum_a 1/m T(a, i) T(a, j) over the states a of their common ancestor. */
static double pair_error(const struct tree *tree, const double *joint, size_t count, size_t u,
                         size_t v)
{
    const size_t m = (size_t)tree->states;
    size_t parent[MAX_TEST_NODES];
    double down_u[16], down_v[16], got[16] = {0}, worst = 0;
    list_parents(tree, parent);
    size_t top = common_ancestor(parent, u, v);
    path_matrix(tree, parent, top, u, down_u);
    path_matrix(tree, parent, top, v, down_v);
    for (size_t z = 0; z < count; z++)
        got[digit(tree, z, u) * m + digit(tree, z, v)] += joint[z];
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++) {
            double want = 0;
            for (size_t a = 0; a < m; a++)
                want += down_u[a * m + i] * down_v[a * m + j] / (double)m;
            worst = fmax(worst, fabs(got[i * m + j] - want));
        }
    return worst;
}

static void test_joint_of_two_variables_is_the_product_of_transitions(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++)
        for (int m = 3; m <= 4; m++) {
            struct tree *tree = random_tree(200 + seed, m, m == 3 ? 8 : 6, seed % 3 == 0);
            size_t count;
            double *joint = joint_of(tree, &count);
            for (size_t u = 0; u < tree->nodes; u++)
                for (size_t v = 0; v < u; v++)
                    assert_at_most(pair_error(tree, joint, count, u, v), 1e-12);
            /* control */
            size_t last = tree->nodes - 1;
            tree->polarity[last] += tree->polarity[last] > 0.5 ? -0.05 : 0.05;
            size_t above = tree->first[tree->depth] - 1; /* its parent is the last one above */
            assert_above(pair_error(tree, joint, count, last, above), 1e-10);
            free(joint);
            tree_free(tree);
        }
}

static void test_joint_past_its_limit_is_refused_by_number(void **state)
{
    (void)state;
    const struct shape fits = {1, {21}}, too_large = {1, {22}}, huge = {1, {5000}};
    struct tree *tree = tree_with_one(&fits, 2, 0, 0.5);
    size_t count;
    double *joint = joint_of(tree, &count), total = 0;
    for (size_t z = 0; z < count; z++)
        total += joint[z];
    assert_near(total, 1, 1e-12);
    free(joint);
    tree_free(tree);
    for (int i = 0; i < 2; i++) {
        struct error err;
        tree = tree_with_one(i ? &huge : &too_large, i ? 256 : 2, 0, 0.5);
        assert_int_equal(joint_enumerate(tree, &joint, &count, &err), STATUS_INVALID);
        assert_null(joint);
        assert_non_null(strstr(err.message, "4194304"));
        tree_free(tree);
    }
}

/* ---- belief propagation (HLTM-2) ---- */

/* Sums of the joint by leaf pattern. */
struct brute {
    size_t patterns;
    double *evidence;  /* [pattern] */
    double *posterior; /* [node][m][pattern]; NaN where the evidence is 0 */
};

static struct brute brute_force(const struct tree *tree)
{
    const size_t m = (size_t)tree->states, leaves = tree_leaves(tree);
    struct brute brute = {.patterns = int_power(m, leaves)};
    size_t count;
    double *joint = joint_of(tree, &count);
    brute.evidence = allocate(brute.patterns, sizeof(double));
    brute.posterior = allocate(tree->nodes * m * brute.patterns, sizeof(double));
    for (size_t z = 0; z < count; z++) {
        size_t pattern = 0;
        for (size_t i = 0; i < leaves; i++)
            pattern = pattern * m + digit(tree, z, tree->first[tree->depth] + i);
        brute.evidence[pattern] += joint[z];
        for (size_t i = 0; i < tree->nodes; i++)
            brute.posterior[(i * m + digit(tree, z, i)) * brute.patterns + pattern] += joint[z];
    }
    for (size_t k = 0; k < tree->nodes * m * brute.patterns; k++)
        brute.posterior[k] /= brute.evidence[k % brute.patterns];
    free(joint);
    return brute;
}

static void brute_free(struct brute *brute)
{
    free(brute->evidence);
    free(brute->posterior);
}

static size_t belief_size(const struct tree *tree)
{
    return tree->nodes * (size_t)tree->states * BLOCK;
}

/* P(same) and P(other) within a rounding or two of their exact values, however small they are. */
static void test_transitions_have_all_digits_at_the_ends(void **state)
{
    (void)state;
    const struct shape edge = {1, {1}};
    static const int states[] = {2, 3, 4, 7, 256};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        for (int k = 1; k <= 52; k++)
            for (int end = 0; end < 2; end++) {
                const int m = states[i];
                const double lowest = -1.0 / (m - 1),
                             rho = end ? 1 - ldexp(1, -k) : lowest * (1 - ldexp(1, -k));
                struct tree *tree = tree_with_one(&edge, m, 0, rho);
                /* 64 binary digits: (m - 1) rho is exact */
                const long double same = (1 + (m - 1) * (long double)rho) / m;
                const long double other = (1 - (long double)rho) / m;
                assert_near(tree_transition(tree, 1, 0, 0) / (double)same, 1, 5e-16);
                assert_near(tree_transition(tree, 1, 0, 1) / (double)other, 1, 5e-16);
                tree_free(tree);
            }
}

/* P(z = 1 | x_1 = z, x_2 = z') of a root with two leaves at rho near -1: posteriors of the square
 * of P(same), which cancellation in (1 + rho) / 2 would change. */
static void test_posteriors_of_rare_states_have_all_digits(void **state)
{
    (void)state;
    const struct shape pair = {1, {2}};
    for (double away = 1e-3; away > 1e-16; away /= 10) {
        struct tree *tree = tree_with_one(&pair, 2, 0, -(1 - away));
        double work[3 * 2 * BLOCK], belief[3 * 2 * BLOCK];
        uint8_t leaf[2 * BLOCK];
        const long double q = (1 + (long double)tree->polarity[1]) / 2;
        const long double rare = q * q / (q * q + (1 - q) * (1 - q));
        memset(leaf, 1, sizeof leaf);
        belief_block(tree, leaf, BLOCK, work, belief, NULL);
        assert_near(belief[BLOCK] / (double)rare, 1, 1e-15); /* the root is as its leaves */
        tree_free(tree);
    }
}

/* All leaf patterns, 64 at a time, against brute force. */
static void compare_beliefs(const struct tree *tree)
{
    const size_t m = (size_t)tree->states, leaves = tree_leaves(tree), stride = BLOCK + 5;
    struct brute brute = brute_force(tree);
    double *work = allocate(belief_size(tree), sizeof *work);
    double *belief = allocate(belief_size(tree), sizeof *belief);
    double *alone = allocate(belief_size(tree), sizeof *alone), log_evidence[BLOCK];
    uint8_t *leaf = allocate(leaves * stride, 1);
    memset(leaf, 255, leaves * stride);
    for (size_t start = 0; start < brute.patterns; start += BLOCK) {
        for (size_t lane = 0; lane < BLOCK; lane++)
            for (size_t i = leaves, digits = (start + lane) % brute.patterns; i-- > 0; digits /= m)
                leaf[i * stride + lane] = (uint8_t)(digits % m);
        belief_block(tree, leaf, stride, work, belief, log_evidence);
        belief_block(tree, leaf, stride, work, alone, NULL);
        for (size_t lane = 0; lane < BLOCK; lane++) {
            size_t x = (start + lane) % brute.patterns;
            if (brute.evidence[x] == 0) { /* impossible: weight 0, beliefs 0 */
                if (!(log_evidence[lane] == -INFINITY))
                    fail_msg("impossible pattern %zu of %zu has log P = %g", x, brute.patterns,
                             log_evidence[lane]);
                for (size_t k = 0; k < tree->nodes * m; k++)
                    assert_true(belief[k * BLOCK + lane] == 0);
                continue;
            }
            assert_near(log_evidence[lane], log(brute.evidence[x]), 1e-12);
            for (size_t k = 0; k < tree->nodes * m; k++) {
                assert_near(belief[k * BLOCK + lane], brute.posterior[k * brute.patterns + x],
                            1e-12);
                assert_true(belief[k * BLOCK + lane] == alone[k * BLOCK + lane]);
            }
        }
    }
    free(leaf);
    free(work);
    free(belief);
    free(alone);
    brute_free(&brute);
}

static void test_beliefs_equal_brute_force_for_two_states(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct tree *tree = random_tree(300 + seed, 2, 14, 0);
        compare_beliefs(tree);
        tree_free(tree);
    }
}

static void test_beliefs_equal_brute_force_for_three_states(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct tree *tree = random_tree(400 + seed, 3, 8, 0);
        compare_beliefs(tree);
        tree_free(tree);
    }
}

/* Edges that always or never copy: many patterns are impossible. */
static void test_beliefs_equal_brute_force_with_certain_edges(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++)
        for (int m = 2; m <= 3; m++) {
            struct tree *tree = random_tree(500 + seed, m, m == 2 ? 13 : 8, 1);
            compare_beliefs(tree);
            tree_free(tree);
        }
}

/* Two leaves that copy one latent but differ: impossible, below the root and at the root. */
static void test_impossible_evidence_has_weight_zero_and_spares_other_lanes(void **state)
{
    (void)state;
    for (int depth = 1; depth <= 4; depth++) {
        struct shape shape = {depth, {1, 1, 1, 1}};
        shape.children[depth - 1] = 2;
        struct tree *tree = tree_with_one(&shape, 2, 0, 1);
        double *work = allocate(belief_size(tree), sizeof *work);
        double *belief = allocate(belief_size(tree), sizeof *belief), log_evidence[BLOCK];
        uint8_t leaf[2 * BLOCK];
        for (size_t lane = 0; lane < BLOCK; lane++) {
            leaf[lane] = lane % 2;
            leaf[BLOCK + lane] = lane / 2 % 2;
        }
        belief_block(tree, leaf, BLOCK, work, belief, log_evidence);
        for (size_t lane = 0; lane < BLOCK; lane++) {
            int possible = leaf[lane] == leaf[BLOCK + lane];
            if (!(exp(log_evidence[lane]) == (possible ? 0.5 : 0)))
                fail_msg("depth %d: leaves %d %d have log P = %g", depth, leaf[lane],
                         leaf[BLOCK + lane], log_evidence[lane]);
            for (size_t node = 0; node < tree->nodes; node++)
                for (size_t s = 0; s < 2; s++)
                    assert_true(belief[(node * 2 + s) * BLOCK + lane] ==
                                (possible && leaf[lane] == s));
        }
        free(work);
        free(belief);
        tree_free(tree);
    }
}

/* Two nodes of six leaves each; one is the root's negative.  All leaves 0: both nodes are 0 with
 * odds of 10^20, so the root has even odds. */
static void test_beliefs_weigh_strong_evidence_across_a_negative_edge(void **state)
{
    (void)state;
    const struct shape shape = {2, {2, 6}};
    double rho[15] = {0, -1, 1};
    for (size_t i = 3; i < 15; i++)
        rho[i] = 0.999;
    struct tree *tree = tree_with(&shape, 2, 0, rho);
    double *work = allocate(belief_size(tree), sizeof *work);
    double *belief = allocate(belief_size(tree), sizeof *belief), log_evidence[BLOCK];
    uint8_t leaf[12 * BLOCK] = {0};
    belief_block(tree, leaf, BLOCK, work, belief, log_evidence);
    assert_near(belief[0], 0.5, 1e-12);
    assert_near(belief[2 * BLOCK], 0.5, 1e-12);
    assert_near(belief[4 * BLOCK], 0.5, 1e-12);
    assert_near(log_evidence[0], 6 * log(0.9995) + 6 * log(0.0005), 1e-9);
    free(work);
    free(belief);
    tree_free(tree);
}

/* 1000 leaves, k of them 1: closed form in logarithms; the plain product underflows. */
static void test_beliefs_do_not_underflow_under_many_children(void **state)
{
    (void)state;
    enum { LEAVES = 1000 };
    const struct shape shape = {1, {LEAVES}};
    const double rho = 0.6, same = log((1 + rho) / 2), other = log((1 - rho) / 2);
    struct tree *tree = tree_with_one(&shape, 2, 0, rho);
    double *work = allocate(belief_size(tree), sizeof *work);
    double *belief = allocate(belief_size(tree), sizeof *belief), log_evidence[BLOCK];
    uint8_t *leaf = allocate(LEAVES, BLOCK);
    size_t ones[BLOCK];
    for (size_t lane = 0; lane < BLOCK; lane++) {
        ones[lane] = lane < 32 ? 484 + lane : (lane - 31) * 30;
        for (size_t i = 0; i < LEAVES; i++)
            leaf[i * BLOCK + lane] = i * 7 % LEAVES < ones[lane];
    }
    belief_block(tree, leaf, BLOCK, work, belief, log_evidence);
    for (size_t lane = 0; lane < BLOCK; lane++) {
        double k = (double)ones[lane], l1 = k * same + (LEAVES - k) * other;
        double l0 = k * other + (LEAVES - k) * same, top = fmax(l0, l1);
        double sum = exp(l0 - top) + exp(l1 - top);
        assert_near(log_evidence[lane], top + log(sum / 2), 1e-9);
        assert_near(belief[BLOCK + lane], exp(l1 - top) / sum, 1e-11);
        assert_near(belief[lane], exp(l0 - top) / sum, 1e-11);
        for (size_t i = 0; i < LEAVES; i++) /* observed */
            assert_near(belief[((1 + i) * 2 + 1) * BLOCK + lane], leaf[i * BLOCK + lane], 1e-12);
    }
    free(leaf);
    free(work);
    free(belief);
    tree_free(tree);
}

/* ---- the support ---- */

static struct support *support_of(const struct tree *tree)
{
    struct support *support;
    struct error err;
    check_ok(support_create(&support, tree, &err), &err);
    return support;
}

static void compare_support(const struct tree *tree)
{
    const size_t m = (size_t)tree->states, leaves = tree_leaves(tree);
    struct brute brute = brute_force(tree);
    struct support *s = support_of(tree);
    double total = 0;
    assert_int_equal(s->count, brute.patterns);
    assert_true(s->stride >= s->count && s->stride < s->count + BLOCK && s->stride % BLOCK == 0);
    for (size_t x = 0; x < s->stride; x++) {
        double want = x < s->count ? brute.evidence[x] : 0;
        total += s->probability[x];
        if (want == 0)
            assert_true(s->probability[x] == 0);
        assert_near(s->probability[x], want, 1e-12);
        for (size_t i = 0; i < leaves; i++) { /* leaf 0 is the most significant digit */
            size_t state = x / int_power(m, leaves - 1 - i) % m;
            if (x < s->count)
                assert_int_equal(s->leaf[i * s->stride + x], state);
            assert_true(s->leaf[i * s->stride + x] < m);
        }
        for (size_t k = 0; k < tree->nodes * m; k++) {
            double post = s->posterior[k * s->stride + x];
            assert_true(isfinite(post)); /* 0 times the weight must be 0 */
            if (want > 0)
                assert_near(post, brute.posterior[k * brute.patterns + x], 1e-12);
        }
    }
    assert_near(total, 1, 1e-12);
    support_free(s);
    brute_free(&brute);
}

static void test_support_is_every_pattern_with_its_weight_and_posteriors(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 25; seed++)
        for (int m = 2; m <= 4; m++) {
            static const size_t most[] = {0, 0, 13, 8, 6};
            struct tree *tree = random_tree(600 + seed, m, most[m], 0);
            compare_support(tree);
            tree_free(tree);
        }
    support_free(NULL);
}

static void test_support_with_certain_edges_gives_impossible_patterns_weight_zero(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 25; seed++)
        for (int m = 2; m <= 3; m++) {
            struct tree *tree = random_tree(700 + seed, m, m == 2 ? 13 : 8, 1);
            compare_support(tree);
            tree_free(tree);
        }
}

static double support_total(const struct tree *tree)
{
    struct support *s = support_of(tree);
    double total = 0;
    for (size_t x = 0; x < s->stride; x++)
        total += s->probability[x];
    support_free(s);
    return total;
}

/* With six states, six children cannot all differ from the root and from one another. */
static void test_support_at_the_lowest_polarity_of_six_states(void **state)
{
    (void)state;
    const struct shape shape = {1, {6}};
    struct tree *tree = tree_with_one(&shape, 6, 0, -0.2);
    assert_near(support_total(tree), 1, 1e-12);
    struct support *s = support_of(tree);
    for (size_t x = 0; x < s->stride; x++)
        assert_true(s->probability[x] >= 0);
    support_free(s);
    tree_free(tree);
}

static void test_support_past_its_limit_is_refused_by_number(void **state)
{
    (void)state;
    static const struct {
        int m;
        int64_t leaves;
        int fits;
    } cases[] = {{2, 16, 1},  {2, 17, 0},  {3, 10, 1}, {3, 11, 0},
                 {256, 2, 1}, {256, 3, 0}, {2, 64, 0}, {256, 5000, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct shape shape = {1, {cases[i].leaves}};
        struct tree *tree = tree_with_one(&shape, cases[i].m, 0, 0.3);
        if (cases[i].fits) {
            assert_near(support_total(tree), 1, 1e-11);
        } else {
            struct error err;
            struct support *s = (struct support *)&err;
            assert_int_equal(support_create(&s, tree, &err), STATUS_INVALID);
            assert_null(s);
            assert_non_null(strstr(err.message, "65536"));
        }
        tree_free(tree);
    }
}

/* ---- the ceiling ---- */

enum { CEILING_SAMPLES = 200000 };

static void measure_ceiling(const struct tree *tree, uint64_t seed, double *ceiling)
{
    struct error err;
    check_ok(ceiling_measure(tree, seed, CEILING_SAMPLES, ceiling, &err), &err);
}

/* Largest over states of sd(P(z = s | x)) / sd(1(z = s)), from the joint. */
static double brute_ceiling(const struct tree *tree, const struct brute *brute, size_t node)
{
    const size_t m = (size_t)tree->states;
    double best = 0;
    for (size_t s = 0; s < m; s++) {
        double mean = 0, square = 0;
        for (size_t x = 0; x < brute->patterns; x++) {
            double p = brute->evidence[x];
            double post = p > 0 ? brute->posterior[(node * m + s) * brute->patterns + x] : 0;
            mean += p * post;
            square += p * post * post;
        }
        best = fmax(best, sqrt(fmax(0, square - mean * mean) / (mean * (1 - mean))));
    }
    return best;
}

static void test_ceiling_equals_the_direct_computation(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 25; seed++)
        for (int m = 2; m <= 3; m++) {
            struct tree *tree = random_tree(800 + seed, m, m == 2 ? 13 : 8, 0);
            struct brute brute = brute_force(tree);
            double ceiling[MAX_TEST_NODES];
            measure_ceiling(tree, 1, ceiling);
            for (size_t i = 0; i < tree->nodes; i++) {
                double want = brute_ceiling(tree, &brute, i);
                assert_near(ceiling[i] * ceiling[i], want * want, 1e-12);
            }
            brute_free(&brute);
            tree_free(tree);
        }
}

static void test_ceiling_with_certain_edges(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 25; seed++)
        for (int m = 2; m <= 3; m++) {
            struct tree *tree = random_tree(900 + seed, m, m == 2 ? 13 : 8, 1);
            struct brute brute = brute_force(tree);
            double ceiling[MAX_TEST_NODES];
            measure_ceiling(tree, 1, ceiling);
            for (size_t i = 0; i < tree->nodes; i++) {
                double want = brute_ceiling(tree, &brute, i);
                assert_near(ceiling[i] * ceiling[i], want * want, 1e-12);
            }
            brute_free(&brute);
            tree_free(tree);
        }
}

/* All polarities 1: the leaves determine everything.  Below and above the limit of enumeration. */
static void test_ceiling_is_one_where_every_edge_copies(void **state)
{
    (void)state;
    const struct shape shapes[] = {{1, {3}}, {2, {2, 2}}, {3, {2, 2, 2}}, {2, {5, 5}}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int sign = 0; sign < 2; sign++) {
            struct tree *tree = tree_with_one(&shapes[i], 2, 0, sign ? -1 : 1);
            double ceiling[MAX_TEST_NODES];
            measure_ceiling(tree, 1, ceiling);
            for (size_t node = 0; node < tree->nodes; node++)
                /* sampled states are not exactly even */
                assert_near(ceiling[node], 1, tree_leaves(tree) > 16 ? 0.02 : 1e-12);
            tree_free(tree);
        }
}

/* On a chain it is |product of rho| down to the leaf, for any m. */
static void test_ceiling_of_a_chain_is_the_product_along_it(void **state)
{
    (void)state;
    const struct shape chain = {4, {1, 1, 1, 1}};
    const double rho[5] = {0, 0.9, -0.45, 0.7, -0.3};
    for (int m = 2; m <= 3; m++) {
        struct tree *tree = tree_with(&chain, m, 0, rho);
        double ceiling[5], want = 1;
        measure_ceiling(tree, 1, ceiling);
        for (size_t i = 5; i-- > 0;) {
            assert_near(ceiling[i], want, 1e-12);
            want *= fabs(rho[i]);
        }
        tree_free(tree);
    }
}

/* Correlation over the support of g(x) with the indicator of z_node = s. */
static double correlation_with_latent(const struct brute *brute, const double *posterior,
                                      const double *g)
{
    double mean_g = 0, mean_z = 0, gg = 0, gz = 0;
    for (size_t x = 0; x < brute->patterns; x++) {
        mean_g += brute->evidence[x] * g[x];
        mean_z += brute->evidence[x] * posterior[x];
    }
    for (size_t x = 0; x < brute->patterns; x++) {
        double p = brute->evidence[x];
        gg += p * (g[x] - mean_g) * (g[x] - mean_g);
        gz += p * (g[x] - mean_g) * (posterior[x] - mean_z);
    }
    return gz / sqrt(gg * mean_z * (1 - mean_z));
}

static void test_no_function_of_the_leaves_exceeds_the_ceiling(void **state)
{
    (void)state;
    struct stream stream;
    stream_open(&stream, 1000, PURPOSE_TEST, 0, 0);
    for (uint64_t seed = 0; seed < 10; seed++)
        for (int states = 2; states <= 3; states++) {
            struct tree *tree = random_tree(1000 + seed, states, states == 2 ? 11 : 7, 0);
            const size_t m = (size_t)states;
            struct brute brute = brute_force(tree);
            double ceiling[MAX_TEST_NODES], *g = allocate(brute.patterns, sizeof *g);
            measure_ceiling(tree, 1, ceiling);
            for (size_t node = 0; node < tree->nodes; node++) {
                double reached = 0;
                for (size_t s = 0; s < m; s++) {
                    const double *post = brute.posterior + (node * m + s) * brute.patterns;
                    double r = correlation_with_latent(&brute, post, post); /* the best possible */
                    reached = fmax(reached, r);
                    for (int trial = 0; trial < 60; trial++) {
                        double noise = trial % 3 == 0 ? 1 : 0.1; /* near the best, and far */
                        for (size_t x = 0; x < brute.patterns; x++)
                            g[x] = (trial % 3 ? post[x] : 0) + noise * stream_uniform(&stream);
                        r = fabs(correlation_with_latent(&brute, post, g));
                        assert_at_most(r, ceiling[node] + 1e-12);
                    }
                }
                assert_near(reached, ceiling[node], 1e-8);
            }
            free(g);
            brute_free(&brute);
            tree_free(tree);
        }
}

/* Moments of P(z = 1 | x)^2 for a root with UPPER children over `upper` and LOWER leaves under each
 * over `lower`, by counts of ones instead of patterns. */
struct square_moments {
    double mean, variance;
};

static double binomial(int n, int k)
{
    double product = 1;
    for (int i = 1; i <= k; i++)
        product = product * (n - k + i) / i;
    return product;
}

enum { UPPER = 5, LOWER = 4 };

static void two_level_moments(double upper, double lower, struct square_moments *root,
                              struct square_moments *middle)
{
    const double q = (1 + lower) / 2, u = (1 + upper) / 2;
    double root_fourth = 0, middle_fourth = 0;
    *root = *middle = (struct square_moments){0, 0};
    for (int combo = 0; combo < 3125; combo++) {
        double given[2] = {1, 1}, ways = 1, others[2] = {1, 1}, own[2] = {0, 0};
        for (int i = 0, digits = combo; i < UPPER; i++, digits /= LOWER + 1) {
            int k = digits % (LOWER + 1);
            double like[2] = {pow(1 - q, k) * pow(q, LOWER - k), pow(q, k) * pow(1 - q, LOWER - k)};
            ways *= binomial(LOWER, k);
            for (int z = 0; z < 2; z++) {
                double up = u * like[z] + (1 - u) * like[1 - z];
                given[z] *= up;
                if (i > 0)
                    others[z] *= up;
                else
                    own[z] = like[z];
            }
        }
        double p = (given[0] + given[1]) / 2, root_post = given[1] / (given[0] + given[1]);
        double one = own[1] * (u * others[1] + (1 - u) * others[0]);
        double zero = own[0] * (u * others[0] + (1 - u) * others[1]);
        double middle_post = one / (zero + one);
        root->mean += ways * p * pow(root_post, 2);
        root_fourth += ways * p * pow(root_post, 4);
        middle->mean += ways * p * pow(middle_post, 2);
        middle_fourth += ways * p * pow(middle_post, 4);
    }
    root->variance = root_fourth - root->mean * root->mean;
    middle->variance = middle_fourth - middle->mean * middle->mean;
}

/* ceiling^2 / 4 = E post^2 - 1/4 for m = 2; sampled, so within 5 standard errors. */
static void assert_sampled(double ceiling, struct square_moments want)
{
    double error = sqrt(want.variance / CEILING_SAMPLES), got = (ceiling * ceiling + 1) / 4;
    assert_near(got, want.mean, 5 * error);
    assert_true(fabs(got - want.mean) > 1e-12);
}

static void test_sampled_ceiling_of_twenty_leaves_agrees_with_counting(void **state)
{
    (void)state;
    const struct shape shape = {2, {UPPER, LOWER}};
    const double upper = 0.7, lower = 0.6;
    double rho[1 + UPPER + UPPER * LOWER];
    for (size_t i = 1; i < 1 + UPPER + UPPER * LOWER; i++) /* signs do not matter */
        rho[i] = (i <= UPPER ? upper : lower) * (i % 3 ? 1 : -1);
    struct tree *tree = tree_with(&shape, 2, 0, rho);
    struct square_moments root, middle;
    double ceiling[MAX_TEST_NODES], again[MAX_TEST_NODES], other[MAX_TEST_NODES];
    two_level_moments(upper, lower, &root, &middle);
    measure_ceiling(tree, 1, ceiling);
    measure_ceiling(tree, 1, again);
    measure_ceiling(tree, 2, other);
    assert_sampled(ceiling[0], root);
    assert_sampled(other[0], root);
    assert_true(ceiling[0] == again[0] && ceiling[0] != other[0]); /* depends only on the seed */
    for (size_t i = 1; i <= UPPER; i++)
        assert_sampled(ceiling[i], middle);
    for (size_t i = 1 + UPPER; i < tree->nodes; i++) /* leaves are observed */
        assert_near(ceiling[i], 1, 0.02);
    /* control: lower rho changed by 0.05 */
    two_level_moments(upper, lower + 0.05, &root, &middle);
    double error = sqrt(root.variance / CEILING_SAMPLES);
    assert_above(fabs((ceiling[0] * ceiling[0] + 1) / 4 - root.mean), 5 * error);
    tree_free(tree);
}

/* A few blocks: the mean over all that are drawn, once more from the draws themselves. */
static void test_sampled_ceiling_is_the_mean_over_its_blocks(void **state)
{
    (void)state;
    enum { SAMPLES = 150, BLOCKS = SAMPLES / BLOCK + 1, LEAVES = 20, NODES = 1 + LEAVES };
    const struct shape star = {1, {LEAVES}};
    struct tree *tree = tree_with_one(&star, 2, 0, 0.3);
    double work[NODES * 2 * BLOCK], belief[NODES * 2 * BLOCK], square[2] = {0}, ceiling[NODES];
    uint8_t leaf[LEAVES * BLOCK];
    void *states = allocate(sample_size(tree), 1);
    struct error err;
    for (size_t b = 0; b < BLOCKS; b++) {
        sample_tree(tree, (struct draw){.seed = 3, .purpose = PURPOSE_CEILING, .block = b}, states);
        sample_unpack(tree, states, 1, LEAVES, leaf, BLOCK);
        belief_block(tree, leaf, BLOCK, work, belief, NULL);
        for (int k = 0; k < 2 * BLOCK; k++) /* the root's */
            square[k / BLOCK] += belief[k] * belief[k] / (BLOCKS * BLOCK);
    }
    const double best = fmax(square[0], square[1]);
    check_ok(ceiling_measure(tree, 3, SAMPLES, ceiling, &err), &err);
    assert_near(ceiling[0], sqrt((best - 0.25) / 0.25), 1e-12);
    assert_true(ceiling[0] > 0.3 && ceiling[0] < 0.999); /* not cut off at 1 */
    free(states);
    tree_free(tree);
}

/* Check the counting itself: on a tree that is also enumerated. */
static void test_counting_agrees_with_the_exact_ceiling(void **state)
{
    (void)state;
    const struct shape star = {1, {16}};
    const double rho = 0.35, q = (1 + rho) / 2;
    struct tree *tree = tree_with_one(&star, 2, 0, rho);
    double ceiling[17], mean = 0;
    measure_ceiling(tree, 1, ceiling);
    for (int k = 0; k <= 16; k++) {
        double one = pow(q, k) * pow(1 - q, 16 - k), zero = pow(1 - q, k) * pow(q, 16 - k);
        mean += binomial(16, k) * one * one / (2 * (zero + one));
    }
    assert_near((ceiling[0] * ceiling[0] + 1) / 4, mean, 1e-12);
    tree_free(tree);
}

/* Star of 40 binary leaves, and of 11 leaves with 3 states: closed forms by counts. */
static void test_sampled_ceiling_of_stars_agrees_with_counting(void **state)
{
    (void)state;
    const struct shape forty = {1, {40}}, eleven = {1, {11}};
    double ceiling[MAX_TEST_NODES], fourth = 0, q = 0.55;
    struct square_moments want = {0, 0};
    struct tree *tree = tree_with_one(&forty, 2, 0, 2 * q - 1);
    for (int k = 0; k <= 40; k++) {
        double one = pow(q, k) * pow(1 - q, 40 - k), zero = pow(1 - q, k) * pow(q, 40 - k);
        double p = binomial(40, k) * (one + zero) / 2, post = one / (one + zero);
        want.mean += p * pow(post, 2);
        fourth += p * pow(post, 4);
    }
    want.variance = fourth - want.mean * want.mean;
    measure_ceiling(tree, 3, ceiling);
    assert_sampled(ceiling[0], want);
    tree_free(tree);

    const double rho = 0.25, same = rho + (1 - rho) / 3, other = (1 - rho) / 3;
    tree = tree_with_one(&eleven, 3, 0, rho);
    want.mean = fourth = 0;
    for (int a = 0; a <= 11; a++)
        for (int b = 0; a + b <= 11; b++) {
            int k[3] = {a, b, 11 - a - b};
            double ways = binomial(11, a) * binomial(11 - a, b), like[3], sum = 0;
            for (int z = 0; z < 3; z++)
                sum += like[z] = pow(same, k[z]) * pow(other, 11 - k[z]);
            want.mean += ways * sum / 3 * pow(like[0] / sum, 2);
            fourth += ways * sum / 3 * pow(like[0] / sum, 4);
        }
    measure_ceiling(tree, 3, ceiling);
    double got = ceiling[0] * ceiling[0] * 2 / 9 + 1.0 / 9; /* variance 2/9, mean^2 1/9 */
    assert_near(got, want.mean, 5 * sqrt((fourth - want.mean * want.mean) / CEILING_SAMPLES));
    assert_true(fabs(got - want.mean) > 1e-12);
    tree_free(tree);
}

/* ---- the sampler against the joint (HLTM-1) ---- */

enum { BLOCKS = 15625, SAMPLES = BLOCKS * BLOCK }; /* 10^6 */

static struct draw draw_at(uint64_t seed, uint64_t block)
{
    return (struct draw){.seed = seed, .purpose = PURPOSE_TEST, .block = block};
}

/* Counts of 10^6 samples of a binary tree: ones[node], and equal[i * nodes + k], i and k agree. */
static void count_pairs(const struct tree *tree, uint64_t seed, size_t *ones, size_t *equal)
{
    const size_t n = tree->nodes;
    uint64_t *bits = allocate(1, sample_size(tree));
    memset(ones, 0, n * sizeof *ones);
    memset(equal, 0, n * n * sizeof *equal);
    for (uint64_t b = 0; b < BLOCKS; b++) {
        sample_tree(tree, draw_at(seed, b), bits);
        for (size_t i = 0; i < n; i++) {
            ones[i] += (size_t)__builtin_popcountll(bits[i]);
            for (size_t k = 0; k < i; k++)
                equal[i * n + k] += (size_t)__builtin_popcountll(~(bits[i] ^ bits[k]));
        }
    }
    free(bits);
}

/* Largest deviation of a pair's correlation from the product of `rho`, in standard errors. */
static double worst_pair(const struct tree *tree, const size_t *equal, const double *rho)
{
    size_t parent[MAX_TEST_NODES];
    double worst = 0;
    list_parents(tree, parent);
    for (size_t i = 0; i < tree->nodes; i++)
        for (size_t k = 0; k < i; k++) {
            double want = path_product(parent, rho, i, k);
            double got = 2 * (double)equal[i * tree->nodes + k] / SAMPLES - 1;
            double error = sqrt((1 - want * want) / SAMPLES);
            if (got != want)
                worst = fmax(worst, fabs(got - want) / error); /* error 0: infinitely many */
        }
    return worst;
}

static void test_sampled_correlations_and_marginals_are_within_five_errors(void **state)
{
    (void)state;
    const struct shape shapes[] = {{5, {2, 2, 2, 2, 2}}, {3, {3, 2, 4}}, {1, {30}}};
    size_t *equal = allocate(MAX_TEST_NODES * MAX_TEST_NODES, sizeof *equal);
    for (size_t t = 0; t < sizeof shapes / sizeof *shapes; t++) {
        struct tree *tree = tree_drawn(&shapes[t], 2, 0, 0.7, 1, 40 + t);
        size_t ones[MAX_TEST_NODES];
        tree->polarity[tree->nodes - 3] = -1; /* no error is allowed on these */
        tree->polarity[tree->nodes - 4] = 1;
        count_pairs(tree, 50 + t, ones, equal);
        for (size_t i = 0; i < tree->nodes; i++)
            assert_near((double)ones[i], SAMPLES / 2.0, 5 * sqrt(SAMPLES / 4.0));
        assert_at_most(worst_pair(tree, equal, tree->polarity), 5);
        /* control: a change of any rho by 0.05 is detected */
        for (size_t changed = 1; changed < tree->nodes; changed++) {
            double kept = tree->polarity[changed];
            tree->polarity[changed] += kept > 0 ? -0.05 : 0.05;
            assert_above(worst_pair(tree, equal, tree->polarity), 5);
            tree->polarity[changed] = kept;
        }
        tree_free(tree);
    }
    free(equal);
}

/* Counts of the patterns of the nodes from `first` on, in 10^6 samples. */
static size_t *count_patterns(const struct tree *tree, uint64_t seed, size_t first, size_t *cells)
{
    const size_t m = (size_t)tree->states, nodes = tree->nodes - first;
    void *states = allocate(1, sample_size(tree));
    uint8_t *byte = allocate(nodes, BLOCK);
    *cells = int_power(m, nodes);
    size_t *count = allocate(*cells, sizeof *count);
    for (uint64_t b = 0; b < BLOCKS; b++) {
        sample_tree(tree, draw_at(seed, b), states);
        sample_unpack(tree, states, first, nodes, byte, BLOCK);
        for (size_t lane = 0; lane < BLOCK; lane++) {
            size_t pattern = 0;
            for (size_t i = 0; i < nodes; i++)
                pattern = pattern * m + byte[i * BLOCK + lane];
            assert_true(pattern < *cells);
            count[pattern]++;
        }
    }
    free(states);
    free(byte);
    return count;
}

/* Leaf patterns (node numbers end with the leaves), all nodes, and the control. */
static void compare_sampler(struct tree *tree, uint64_t seed)
{
    size_t cells, assignments, all;
    struct brute brute = brute_force(tree);
    size_t *leaf = count_patterns(tree, seed, tree->first[tree->depth], &cells);
    size_t *node = count_patterns(tree, seed, 0, &assignments);
    double *joint = joint_of(tree, &all);
    assert_int_equal(cells, brute.patterns);
    assert_int_equal(assignments, all);
    assert_above(counts_p(cells, leaf, brute.evidence, SAMPLES), 1e-4);
    assert_above(counts_p(all, node, joint, SAMPLES), 1e-4);
    for (size_t changed = 1; changed < tree->nodes; changed++) {
        double kept = tree->polarity[changed];
        tree->polarity[changed] += kept > 0.5 ? -0.05 : 0.05;
        struct brute other = brute_force(tree);
        /* the leaves do not depend on the rho of a path to a single leaf */
        if (tree_leaves(tree) > 1)
            assert_at_most(counts_p(cells, leaf, other.evidence, SAMPLES), 1e-4);
        brute_free(&other);
        tree->polarity[changed] = kept;
    }
    free(joint);
    free(leaf);
    free(node);
    brute_free(&brute);
}

static void test_sampled_patterns_fit_the_joint_for_two_states(void **state)
{
    (void)state;
    const struct shape shapes[] = {{2, {2, 3}}, {3, {2, 1, 3}}, {1, {7}}};
    const double rho[3][12] = {{0, 0.8, -0.7, 0.9, 0.6, -0.5, 0.75, -0.85, 0.65},
                               {0, -0.9, 0.8, 0.7, 0.95, 0.6, -0.6, 0.7, 0.9, 0.8, -0.55},
                               {0, 0.3, -0.4, 0.5, 0.6, -0.7, 0.8, 0.9}};
    for (size_t t = 0; t < 3; t++) {
        struct tree *tree = tree_with(&shapes[t], 2, 0, rho[t]);
        compare_sampler(tree, 60 + t);
        tree_free(tree);
    }
}

static void test_sampled_patterns_fit_the_joint_for_more_states(void **state)
{
    (void)state;
    const struct shape shapes[] = {{2, {2, 2}}, {2, {1, 4}}, {1, {4}}};
    const double rho[3][8] = {{0, 0.8, 0.7, 0.9, -0.45, 0.6, 0.85},
                              {0, 0.6, 0.7, 0.5, -0.4, 0.9},
                              {0, 0.5, -0.2, 0.7, 0.3}};
    const int m[3] = {3, 3, 5};
    for (size_t t = 0; t < 3; t++) {
        struct tree *tree = tree_with(&shapes[t], m[t], 0, rho[t]);
        if (t == 1) { /* one child of the root: its rho does not affect the leaves */
            size_t cells;
            struct brute brute = brute_force(tree);
            size_t *leaf = count_patterns(tree, 73, tree->first[2], &cells);
            assert_above(counts_p(cells, leaf, brute.evidence, SAMPLES), 1e-4);
            free(leaf);
            brute_free(&brute);
        } else {
            compare_sampler(tree, 70 + t);
        }
        tree_free(tree);
    }
}

/* rho = 1 always copies, the lowest rho never: patterns of probability 0 do not occur. */
static void test_sampler_keeps_certain_edges_certain(void **state)
{
    (void)state;
    const struct shape shape = {2, {2, 2}};
    for (int m = 2; m <= 4; m++) {
        const double lowest = -1.0 / (m - 1), rho[7] = {0, 1, lowest, lowest, 1, 0.5, lowest};
        struct tree *tree = tree_with(&shape, m, 0, rho);
        size_t cells, all;
        size_t *count = count_patterns(tree, 80, 0, &cells);
        double *joint = joint_of(tree, &all);
        for (size_t z = 0; z < all; z++)
            if (joint[z] < 1e-15)
                assert_int_equal(count[z], 0);
        assert_above(counts_p(all, count, joint, SAMPLES), 1e-4);
        free(count);
        free(joint);
        tree_free(tree);
    }
}

/* Counts of agreement of two lanes of a block on a node, for all pairs of lanes. */
static void test_lanes_of_a_block_are_independent(void **state)
{
    (void)state;
    const struct shape edge = {1, {1}};
    for (int m = 2; m <= 3; m++) {
        struct tree *tree = tree_with_one(&edge, m, 0, 0);
        static size_t equal[2 * BLOCK][BLOCK];
        uint64_t states[2 * BLOCK / sizeof(uint64_t)];
        uint8_t byte[2 * BLOCK];
        memset(equal, 0, sizeof equal);
        for (uint64_t b = 0; b < BLOCKS; b++) {
            sample_tree(tree, draw_at(85, b), states);
            sample_unpack(tree, states, 0, 2, byte, BLOCK);
            for (size_t i = 0; i < 2 * BLOCK; i++)
                for (size_t k = 0; k < i % BLOCK; k++)
                    equal[i][k] += byte[i] == byte[i / BLOCK * BLOCK + k];
        }
        for (size_t i = 0; i < 2 * BLOCK; i++)
            for (size_t k = 0; k < i % BLOCK; k++)
                assert_near((double)equal[i][k], (double)BLOCKS / m,
                            5 * sqrt((double)BLOCKS * (m - 1)) / m);
        tree_free(tree);
    }
}

/* ---- 64 Bernoulli bits ---- */

static size_t bernoulli_ones(double p, uint64_t seed)
{
    size_t ones = 0;
    for (uint64_t b = 0; b < BLOCKS; b++)
        ones += (size_t)__builtin_popcountll(sample_bernoulli(draw_at(seed, b), 7, p));
    return ones;
}

static void test_bernoulli_has_its_mean(void **state)
{
    (void)state;
    const double p[] = {0.3, 0.5, 0.75, 1.0 / 3, 0x1p-12, 1 - 0x1p-12, 0x1p-40, 1 - 0x1p-40};
    for (size_t i = 0; i < sizeof p / sizeof *p; i++)
        assert_near((double)bernoulli_ones(p[i], 90 + i), p[i] * SAMPLES,
                    5 * sqrt(p[i] * (1 - p[i]) * SAMPLES));
}

static void test_bernoulli_is_certain_at_the_extremes(void **state)
{
    (void)state;
    assert_int_equal(bernoulli_ones(0, 1), 0);
    assert_int_equal(bernoulli_ones(-0.0, 1), 0);
    assert_int_equal(bernoulli_ones(0x1p-70, 1), 0); /* below the resolution */
    assert_int_equal(bernoulli_ones(1, 1), SAMPLES);
}

/* A lane's uniform number u, whose binary digits are the bits of that lane in successive words: the
 * Bernoulli bit changes from 0 to 1 exactly where p passes u. */
static void test_bernoulli_compares_all_digits_of_p(void **state)
{
    (void)state;
    for (uint64_t block = 0; block < 50; block++) {
        const struct draw draw = {91, PURPOSE_TEST, 2, block, 3};
        for (unsigned lane = 0; lane < 64; lane += 9) {
            uint64_t u = 0;
            for (uint64_t i = 0; i < 64; i++) {
                struct random_words words =
                    random_words(91, PURPOSE_TEST, 2, block, (uint64_t)3 << 32 | 11, i / 4);
                u |= (words.word[i % 4] >> lane & 1) << (63 - i);
            }
            /* p of 53 bits just at, below and above u */
            int shift = 64 - 53 - (u ? __builtin_clzll(u) : 0);
            if (shift < 0)
                shift = 0;
            double unit = ldexp(1, shift), p = (double)(u >> shift) * unit;
            assert_int_equal(sample_bernoulli(draw, 11, ldexp(p, -64)) >> lane & 1, 0);
            assert_int_equal(sample_bernoulli(draw, 11, ldexp(p + unit, -64)) >> lane & 1, 1);
        }
    }
}

static void test_bernoulli_lanes_are_independent(void **state)
{
    (void)state;
    enum { PAIRS = 64 };
    const double p = 0.3, cell[4] = {(1 - p) * (1 - p), (1 - p) * p, p * (1 - p), p * p};
    for (unsigned apart = 1; apart < PAIRS; apart += 7) {
        size_t count[4] = {0};
        for (uint64_t b = 0; b < BLOCKS; b++) {
            uint64_t bits = sample_bernoulli(draw_at(92, b), 7, p);
            uint64_t turned = bits << apart | bits >> (64 - apart);
            for (unsigned k = 0; k<64; k += 2 * apart> 64 ? 64 : 2 * apart)
                count[2 * (bits >> k & 1) + (turned >> k & 1)]++;
        }
        assert_above(counts_p(4, count, cell, count[0] + count[1] + count[2] + count[3]), 1e-4);
    }
}

/* ---- views ---- */

/* The ancestor of `node` on the lowest kept level, and the product of rho down to `node`. */
static size_t kept_ancestor(const struct tree *tree, const size_t *parent, size_t node,
                            double *product)
{
    *product = 1;
    while (level_of(tree, node) > tree->keep_level) {
        *product *= tree->polarity[node];
        node = parent[node];
    }
    return node;
}

static struct draw view_at(struct draw draw, uint64_t view)
{
    draw.view = view;
    return draw;
}

static void test_view_keeps_exactly_its_levels(void **state)
{
    (void)state;
    const struct shape shape = {3, {2, 2, 2}};
    for (int m = 2; m <= 3; m++)
        for (int keep = 0; keep <= 3; keep++) {
            struct tree *tree = tree_with_one(&shape, m, keep, 0.5);
            size_t changed[4] = {0};
            void *kept = allocate(1, sample_size(tree)), *view = allocate(1, sample_size(tree));
            uint8_t a[15 * BLOCK], b[15 * BLOCK];
            for (uint64_t block = 0; block < 20; block++) {
                memset(view, 0xff, sample_size(tree));
                sample_tree(tree, draw_at(101, block), kept);
                sample_view(tree, view_at(draw_at(101, block), 1), kept, view);
                sample_unpack(tree, kept, 0, 15, a, BLOCK);
                sample_unpack(tree, view, 0, 15, b, BLOCK);
                for (size_t i = 0; i < 15; i++)
                    changed[level_of(tree, i)] += memcmp(a + i * BLOCK, b + i * BLOCK, BLOCK) != 0;
            }
            for (int d = 0; d <= 3; d++) /* every node is drawn again in every block */
                assert_int_equal(changed[d], d <= keep ? 0 : 20 * tree->count[d]);
            if (keep == 3)
                assert_memory_equal(view, kept, sample_size(tree));
            free(kept);
            free(view);
            tree_free(tree);
        }
}

/* Correlations of all nodes of two views with one another and with the sample that they keep: the
 * path goes through the kept levels. */
static void test_views_are_independent_below_what_they_keep(void **state)
{
    (void)state;
    enum { NODES = 15 };
    const struct shape shape = {3, {2, 2, 2}};
    for (int keep = 0; keep <= 3; keep++) {
        struct tree *tree = tree_drawn(&shape, 2, keep, 0.7, 0.95, 110);
        static size_t equal[4][NODES][NODES];
        uint64_t states[3][NODES];
        size_t parent[NODES];
        memset(equal, 0, sizeof equal);
        list_parents(tree, parent);
        for (uint64_t b = 0; b < BLOCKS; b++) {
            struct draw draw = draw_at(111, b);
            sample_tree(tree, draw, states[0]);
            sample_view(tree, view_at(draw, 1), states[0], states[1]);
            sample_view(tree, view_at(draw, 2), states[0], states[2]);
            static const int pair[4][2] = {{0, 1}, {0, 2}, {1, 2}, {1, 1}};
            for (int t = 0; t < 4; t++)
                for (size_t i = 0; i < NODES; i++)
                    for (size_t k = 0; k < NODES; k++)
                        equal[t][i][k] += (size_t)__builtin_popcountll(
                            ~(states[pair[t][0]][i] ^ states[pair[t][1]][k]));
        }
        for (int t = 0; t < 4; t++)
            for (size_t i = 0; i < NODES; i++)
                for (size_t k = 0; k < NODES; k++) {
                    double down_i, down_k, want;
                    size_t top_i = kept_ancestor(tree, parent, i, &down_i);
                    size_t top_k = kept_ancestor(tree, parent, k, &down_k);
                    want = down_i * down_k * path_product(parent, tree->polarity, top_i, top_k);
                    if (t == 3) /* within a view: a tree like any other */
                        want = path_product(parent, tree->polarity, i, k);
                    double got = 2 * (double)equal[t][i][k] / SAMPLES - 1;
                    assert_near(got, want, 5 * sqrt((1 - want * want) / SAMPLES) + 1e-12);
                }
        tree_free(tree);
    }
}

/* Three states: the table of a kept node and one leaf below it in each of two views. */
static void test_views_are_independent_given_what_they_keep_for_three_states(void **state)
{
    (void)state;
    const struct shape shape = {2, {1, 2}};
    const double rho[4] = {0, 0.6, 0.8, 0.7};
    for (int keep = 0; keep < 2; keep++) {
        struct tree *tree = tree_with(&shape, 3, keep, rho);
        size_t count[27] = {0}, parent[4], leaf = tree->first[2];
        double down[9], probability[27];
        uint8_t kept[4 * BLOCK], view[2][4 * BLOCK];
        for (uint64_t b = 0; b < BLOCKS; b++) {
            struct draw draw = draw_at(121, b);
            sample_tree(tree, draw, kept);
            for (uint64_t v = 0; v < 2; v++)
                sample_view(tree, view_at(draw, v + 1), kept, view[v]);
            for (size_t lane = 0; lane < BLOCK; lane++)
                count[9 * kept[(size_t)keep * BLOCK + lane] + 3 * view[0][leaf * BLOCK + lane] +
                      view[1][leaf * BLOCK + lane]]++;
        }
        list_parents(tree, parent);
        path_matrix(tree, parent, (size_t)keep, leaf, down);
        for (size_t k = 0; k < 27; k++)
            probability[k] = down[k / 9 * 3 + k / 3 % 3] * down[k / 9 * 3 + k % 3] / 3;
        assert_above(counts_p(27, count, probability, SAMPLES), 1e-4);
        tree_free(tree);
    }
}

/* ---- addresses ---- */

static void test_a_block_does_not_depend_on_the_others_drawn(void **state)
{
    (void)state;
    const struct shape shape = {3, {2, 3, 2}};
    for (int m = 2; m <= 3; m++) {
        struct tree *tree = tree_with_one(&shape, m, 1, 0.4);
        const size_t size = sample_size(tree);
        assert_int_equal(size, tree->nodes * (m == 2 ? 8 : 64));
        unsigned char *all = allocate(20, size), *views = allocate(20, size);
        unsigned char *alone = allocate(1, size), *view = allocate(1, size);
        for (size_t b = 0; b < 10; b++) {
            sample_tree(tree, draw_at(130, b), all + b * size);
            sample_view(tree, view_at(draw_at(130, b), 1), all + b * size, views + b * size);
        }
        for (size_t b = 10; b-- > 0; b -= b % 2) { /* backwards, and only some */
            memset(alone, (int)b, size);
            sample_tree(tree, draw_at(130, b), alone);
            assert_memory_equal(alone, all + b * size, size);
            sample_view(tree, view_at(draw_at(130, b), 1), alone, view);
            assert_memory_equal(view, views + b * size, size);
        }
        free(all);
        free(views);
        free(alone);
        free(view);
        tree_free(tree);
    }
}

static void test_every_part_of_a_draw_matters(void **state)
{
    (void)state;
    const struct shape shape = {2, {2, 2}};
    const struct draw draws[] = {
        {1, PURPOSE_TEST, 0, 0, 0},  {2, PURPOSE_TEST, 0, 0, 0},
        {1, PURPOSE_TRAIN, 0, 0, 0}, {1, PURPOSE_MEASURE, 0, 0, 0},
        {1, PURPOSE_TEST, 1, 0, 0},  {1, PURPOSE_TEST, 0, 1, 0},
        {1, PURPOSE_TEST, 0, 0, 1},  {1, PURPOSE_TEST, 0, 0, 2},
        {1, PURPOSE_TEST, 1, 1, 1},  {1, PURPOSE_TEST, 0, (uint64_t)1 << 40, 0},
    };
    enum { DRAWS = sizeof draws / sizeof *draws };
    for (int m = 2; m <= 3; m++) {
        struct tree *tree = tree_with_one(&shape, m, 0, 0);
        uint8_t byte[DRAWS][7 * BLOCK];
        void *states = allocate(1, sample_size(tree)), *kept = allocate(1, sample_size(tree));
        for (size_t i = 0; i < DRAWS; i++) {
            sample_tree(tree, draws[i], states);
            sample_unpack(tree, states, 0, 7, byte[i], BLOCK);
            for (size_t k = 0; k < i; k++)
                for (size_t node = 0; node < 7; node++) /* every node is drawn anew */
                    assert_true(memcmp(byte[i] + node * BLOCK, byte[k] + node * BLOCK, BLOCK));
        }
        sample_tree(tree, draws[0], kept);
        for (size_t i = 0; i < DRAWS; i++) {
            sample_view(tree, draws[i], kept, states);
            sample_unpack(tree, states, 0, 7, byte[i], BLOCK);
            for (size_t k = 0; k < i; k++)
                for (size_t node = 1; node < 7; node++)
                    assert_true(memcmp(byte[i] + node * BLOCK, byte[k] + node * BLOCK, BLOCK));
        }
        free(states);
        free(kept);
        tree_free(tree);
    }
}

/* ---- unpacking ---- */

static void test_unpack_puts_lane_by_lane_for_two_states(void **state)
{
    (void)state;
    enum { STRIDE = 70 };
    const struct shape shape = {1, {5}};
    struct tree *tree = tree_with_one(&shape, 2, 0, 0.5);
    uint64_t bits[6];
    struct stream stream;
    stream_open(&stream, 140, PURPOSE_TEST, 0, 0);
    for (int round = 0; round < 100; round++) {
        for (size_t i = 0; i < 6; i++)
            bits[i] = stream_word(&stream);
        bits[1] = round % 2 ? ~(uint64_t)0 : (uint64_t)1 << (round % 64);
        for (size_t first = 0; first < 6; first++)
            for (size_t count = 0; first + count <= 6; count++) {
                uint8_t out[6 * STRIDE];
                memset(out, 7, sizeof out);
                sample_unpack(tree, bits, first, count, out, STRIDE);
                for (size_t k = 0; k < sizeof out; k++) {
                    size_t node = first + k / STRIDE, lane = k % STRIDE;
                    int inside = k / STRIDE < count && lane < BLOCK;
                    uint64_t want = inside ? bits[node] >> lane & 1 : 7;
                    assert_int_equal(out[k], want);
                }
            }
    }
    tree_free(tree);
}

static void test_unpack_copies_bytes_for_more_states(void **state)
{
    (void)state;
    enum { STRIDE = 70 };
    const struct shape shape = {1, {5}};
    struct tree *tree = tree_with_one(&shape, 3, 0, 0.5);
    uint8_t states[6 * BLOCK], out[6 * STRIDE];
    for (size_t k = 0; k < sizeof states; k++)
        states[k] = (uint8_t)(k * 31 % 3);
    for (size_t first = 0; first < 6; first++)
        for (size_t count = 0; first + count <= 6; count++) {
            memset(out, 7, sizeof out);
            sample_unpack(tree, states, first, count, out, STRIDE);
            for (size_t k = 0; k < sizeof out; k++) {
                size_t node = first + k / STRIDE, lane = k % STRIDE;
                int inside = k / STRIDE < count && lane < BLOCK;
                assert_int_equal(out[k], inside ? states[node * BLOCK + lane] : 7);
            }
        }
    tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_numbers_its_nodes_level_by_level),
        cmocka_unit_test(test_tree_takes_one_number_of_children_for_all_levels),
        cmocka_unit_test(test_tree_takes_the_limits_themselves),
        cmocka_unit_test(test_polarity_number_holds_on_every_edge),
        cmocka_unit_test(test_polarity_rows_go_to_their_nodes),
        cmocka_unit_test(test_polarity_range_is_drawn_uniformly_with_random_signs),
        cmocka_unit_test(test_polarity_range_of_one_point_is_that_point),
        cmocka_unit_test(test_polarities_depend_on_the_seed_alone),
        cmocka_unit_test(test_bad_trees_are_refused_by_key),
        cmocka_unit_test(test_transition_is_the_symmetric_channel),
        cmocka_unit_test(test_transition_is_never_negative),
        cmocka_unit_test(test_joint_is_the_product_over_edges),
        cmocka_unit_test(test_joint_correlations_are_products_along_paths),
        cmocka_unit_test(test_joint_of_two_variables_is_the_product_of_transitions),
        cmocka_unit_test(test_joint_past_its_limit_is_refused_by_number),
        cmocka_unit_test(test_transitions_have_all_digits_at_the_ends),
        cmocka_unit_test(test_posteriors_of_rare_states_have_all_digits),
        cmocka_unit_test(test_beliefs_equal_brute_force_for_two_states),
        cmocka_unit_test(test_beliefs_equal_brute_force_for_three_states),
        cmocka_unit_test(test_beliefs_equal_brute_force_with_certain_edges),
        cmocka_unit_test(test_impossible_evidence_has_weight_zero_and_spares_other_lanes),
        cmocka_unit_test(test_beliefs_weigh_strong_evidence_across_a_negative_edge),
        cmocka_unit_test(test_beliefs_do_not_underflow_under_many_children),
        cmocka_unit_test(test_support_is_every_pattern_with_its_weight_and_posteriors),
        cmocka_unit_test(test_support_with_certain_edges_gives_impossible_patterns_weight_zero),
        cmocka_unit_test(test_support_at_the_lowest_polarity_of_six_states),
        cmocka_unit_test(test_support_past_its_limit_is_refused_by_number),
        cmocka_unit_test(test_ceiling_equals_the_direct_computation),
        cmocka_unit_test(test_ceiling_with_certain_edges),
        cmocka_unit_test(test_ceiling_is_one_where_every_edge_copies),
        cmocka_unit_test(test_ceiling_of_a_chain_is_the_product_along_it),
        cmocka_unit_test(test_no_function_of_the_leaves_exceeds_the_ceiling),
        cmocka_unit_test(test_sampled_ceiling_of_twenty_leaves_agrees_with_counting),
        cmocka_unit_test(test_sampled_ceiling_is_the_mean_over_its_blocks),
        cmocka_unit_test(test_counting_agrees_with_the_exact_ceiling),
        cmocka_unit_test(test_sampled_ceiling_of_stars_agrees_with_counting),
        cmocka_unit_test(test_sampled_correlations_and_marginals_are_within_five_errors),
        cmocka_unit_test(test_sampled_patterns_fit_the_joint_for_two_states),
        cmocka_unit_test(test_sampled_patterns_fit_the_joint_for_more_states),
        cmocka_unit_test(test_sampler_keeps_certain_edges_certain),
        cmocka_unit_test(test_lanes_of_a_block_are_independent),
        cmocka_unit_test(test_bernoulli_has_its_mean),
        cmocka_unit_test(test_bernoulli_is_certain_at_the_extremes),
        cmocka_unit_test(test_bernoulli_compares_all_digits_of_p),
        cmocka_unit_test(test_bernoulli_lanes_are_independent),
        cmocka_unit_test(test_view_keeps_exactly_its_levels),
        cmocka_unit_test(test_views_are_independent_below_what_they_keep),
        cmocka_unit_test(test_views_are_independent_given_what_they_keep_for_three_states),
        cmocka_unit_test(test_a_block_does_not_depend_on_the_others_drawn),
        cmocka_unit_test(test_every_part_of_a_draw_matters),
        cmocka_unit_test(test_unpack_puts_lane_by_lane_for_two_states),
        cmocka_unit_test(test_unpack_copies_bytes_for_more_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
