/* Protects analysis/output_measure.c: moments of the outputs and quantities derived from them,
 * linear probes of the latents that a view keeps, the list of quantities. */
#include "analysis/output_measure.h"

#include "analysis/probes/probes.h"
#include "analysis/readout.h"
#include "core/linalg.h"
#include "core/random.h"
#include "sim/data/sources/sources.h"
#include "sim/net/batch.h"
#include "tests/kit/arena.h"
#include "tests/kit/numbers.h"
#include "tests/kit/testing.h"
#include "tests/kit/trained.h"

#include <omp.h>

enum { WIDTH = 3, LEAVES = 4, SQUARE = WIDTH * WIDTH, SEED = 5, EPOCH = 7, SAMPLES = 1100 };

/* ---- data and networks ---- */

/* Numbers with a different mean in each input; x_2 = x_1 / 2 + other numbers. */
static void real_values(const void *world, struct draw draw, int positives, int views,
                        void *scratch, struct samples out)
{
    (void)positives;
    const size_t size = LEAVES * BLOCK;
    struct stream stream;
    (void)world, (void)scratch;
    stream_open(&stream, draw.seed, draw.purpose, draw.epoch, draw.block);
    for (size_t i = 0; i < (size_t)views * size; i++)
        out.value[i] = i < size ? stream_uniform(&stream) - 0.2 * (double)(i / BLOCK)
                                : stream_uniform(&stream) - 0.5 + out.value[i % size] / 2;
}

static struct observed observed(const void *world)
{
    (void)world;
    return (struct observed){.leaves = LEAVES};
}

static const struct source source_real = {
    .observed = observed, .scratch_size = kit_no_scratch, .draw = real_values};

/* Two levels below the root; polarities of the edges to level 1, then of the edges to the leaves.
 */
static const double polarity[] = {0.9, -0.6, 0.95, 0.5, -0.8, 0.7};

static void *open_tree(int keep_level)
{
    static const size_t length[] = {2, 4};
    static const int64_t children = 2;
    const struct tree_settings settings = {
        .depth = 2,
        .children = {.scalar = true, .count = 1, .value = &children},
        .states = 2,
        .polarity = {.rank = 2, .rows = 2, .length = length, .value = polarity},
        .keep_level = keep_level,
    };
    struct error err;
    void *world;
    check_ok(source_hltm.open(&settings, 17, &world, &err), &err);
    return world;
}

/* One or two fully connected layers on four numbers or binary leaves. */
static struct network build(int layers, bool real)
{
    return kit_network((struct network){.levels = layers,
                                        .relu = true,
                                        .bias = layers > 1,
                                        .leaves = LEAVES,
                                        .leaf_states = real ? 0 : 2},
                       (const int[]){WIDTH, 6});
}

/* ---- a measurement ---- */

struct setup {
    struct network network;
    struct predictor predictor;
    struct output_plan plan;
    struct output_measure r;
    struct arena arena;
    double parameters[128], target[128], w_p[64]; /* drawn */
};

/* Fill the plan between these two calls. */
static void open_plan(struct setup *s, int layers, const struct source *source, void *world)
{
    *s = (struct setup){.network = build(layers, source == &source_real)};
    struct error err;
    check_ok(predictor_build(&s->predictor, PREDICTOR_LINEAR, WIDTH, 0, true, false, &err), &err);
    kit_fill(s->parameters, s->network.parameters, 1, SEED, 31, 0);
    kit_fill(s->target, s->network.parameters, 1, SEED, 31, 1);
    kit_fill(s->w_p, s->predictor.parameters, 1, SEED, 31, 2);
    s->plan = (struct output_plan){.network = &s->network,
                                   .source = source,
                                   .world = world,
                                   .predictor = &s->predictor,
                                   .samples = SAMPLES,
                                   .ridge = 1e-6,
                                   .alpha_p = 1.7,
                                   .eta_p = 0.13,
                                   .eta_s = 0.04,
                                   .threads = 2};
}

static void lay_out(struct setup *s)
{
    KIT_LAY_OUT(&s->arena, pass, outputs_layout(&s->r, &s->plan, pass));
}

static void measure(struct setup *s, bool target)
{
    struct error err;
    check_ok(
        outputs_measure(&s->r, s->parameters, target ? s->target : NULL, s->w_p, SEED, EPOCH, &err),
        &err);
}

/* ---- the same by plain loops ---- */

struct outputs_of {
    double *f[2];   /* [WIDTH][count] of views 1 and 2 */
    uint8_t *state; /* [node][count] of the un-augmented sample */
    size_t count;
};

/* The leaves of `count` samples in a batch of 2 views, and their latents. */
static void draw_batch(const struct setup *s, struct batch *batch, struct outputs_of *out)
{
    const struct tree *tree = source_tree(s->plan.source, s->plan.world);
    const struct draw draw = {.seed = SEED, .purpose = PURPOSE_MEASURE, .epoch = EPOCH};
    struct views views = {.source = s->plan.source,
                          .world = s->plan.world,
                          .positives = 1,
                          .count = 2,
                          .latents = tree != NULL};
    const struct rows rows[] = {
        batch_rows(batch, 0),
        batch_rows(batch, 1),
        {.latent = out->state, .nodes = tree ? tree->nodes : 0, .stride = out->count}};
    struct error err;
    check_ok(views_open(&views, &err), &err);
    views_fill(&views, draw, 0, out->count, rows, tree ? 3 : 2);
    views_close(&views);
}

static struct outputs_of plain_outputs(const struct setup *s, const double *parameters,
                                       size_t count)
{
    struct outputs_of out = {.count = count, .state = allocate(32 * count, 1)};
    struct batch batch;
    struct arena arena;
    double *w = aligned_alloc(64, 128 * sizeof *w);
    memcpy(w, parameters, 128 * sizeof *w);
    KIT_LAY_OUT(&arena, pass,
                batch_layout_views(&batch, &s->network, 2, count, s->network.levels, pass));
    draw_batch(s, &batch, &out);
    batch_forward(&batch, w);
    for (int view = 0; view < 2; view++) {
        out.f[view] = allocate(WIDTH * count, sizeof(double));
        for (int k = 0; k < WIDTH; k++)
            memcpy(out.f[view] + (size_t)k * count,
                   batch.outputs.f + output_index(&batch.outputs, view, k, 0),
                   count * sizeof(double));
    }
    arena_free(&arena);
    free(w);
    return out;
}

static void free_outputs(struct outputs_of *out)
{
    free(out->f[0]);
    free(out->f[1]);
    free(out->state);
}

/* mean of (a_i b_j + a_j b_i) / 2 */
static double moment(const double *a, const double *b, size_t count, size_t i, size_t j)
{
    double sum = 0;
    for (size_t s = 0; s < count; s++)
        sum += a[i * count + s] * b[j * count + s] + a[j * count + s] * b[i * count + s];
    return sum / 2 / (double)count;
}

static double trace(const double *a)
{
    return a[0] + a[WIDTH + 1] + a[2 * WIDTH + 2];
}

static void expect_near(const double *got, const double *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_near(got[i], wanted[i], 1e-12 * (1 + fabs(wanted[i])));
}

/* ---- moments ---- */

static void check_moments(const struct source *source, int layers, bool target)
{
    struct setup s;
    double c[SQUARE], f[SQUARE], d[SQUARE];
    void *world = source == &source_hltm ? open_tree(1) : NULL;
    open_plan(&s, layers, source, world);
    lay_out(&s);
    measure(&s, target);
    struct outputs_of online = plain_outputs(&s, s.parameters, SAMPLES);
    struct outputs_of other = plain_outputs(&s, target ? s.target : s.parameters, SAMPLES);
    for (size_t i = 0; i < WIDTH; i++)
        for (size_t j = 0; j < WIDTH; j++) {
            c[i * WIDTH + j] = moment(online.f[0], online.f[0], SAMPLES, i, j);
            f[i * WIDTH + j] = moment(online.f[1], online.f[0], SAMPLES, i, j);
            d[i * WIDTH + j] = moment(other.f[1], online.f[0], SAMPLES, i, j);
        }
    expect_near(s.r.c, c, SQUARE);
    expect_near(s.r.f, f, SQUARE);
    expect_near(s.r.d, d, SQUARE);
    assert_near(s.r.sigma2, trace(c) / trace(f) - 1, 1e-11 * fabs(trace(c) / trace(f)));
    assert_near(s.r.tau, trace(d) / trace(f), 1e-11 * (1 + fabs(s.r.tau)));
    if (!target)
        assert_near(s.r.tau, 1, 1e-12);
    free_outputs(&online);
    free_outputs(&other);
    arena_free(&s.arena);
    if (world)
        source_hltm.close(world);
}

static void moments_are_means_over_views(void **state)
{
    (void)state;
    for (int layers = 1; layers <= 2; layers++)
        for (int target = 0; target < 2; target++) {
            check_moments(&source_real, layers, target);
            check_moments(&source_hltm, layers, target);
        }
}

/* From given moments, all different. */
static void open_given(struct setup *s, double alpha_p)
{
    open_plan(s, 1, &source_real, NULL);
    s->plan.alpha_p = alpha_p;
    lay_out(s);
    double a[SQUARE];
    kit_fill(a, SQUARE, 1, SEED, 31, 9);
    for (size_t i = 0; i < WIDTH; i++)
        for (size_t j = 0; j < WIDTH; j++) {
            double sum = i == j ? 0.1 : 0;
            for (size_t k = 0; k < WIDTH; k++)
                sum += a[i * WIDTH + k] * a[j * WIDTH + k];
            s->r.c[i * WIDTH + j] = sum;
            s->r.f[i * WIDTH + j] = 0.8 * sum + (i == j ? 0.05 * (double)i : 0);
            s->r.d[i * WIDTH + j] = 0.3 * sum + (i == j ? 0.02 : 0.01);
        }
}

/* alpha_p C / 2 + (1 + sigma2) W_p^2 - tau W_p + (eta_p / 2 + eta_s) I, made symmetric */
static void plain_k(const struct setup *s, double *k)
{
    const double *w = s->w_p;
    double raw[SQUARE];
    for (size_t i = 0; i < WIDTH; i++)
        for (size_t j = 0; j < WIDTH; j++) {
            double square = 0;
            for (size_t m = 0; m < WIDTH; m++)
                square += w[i * WIDTH + m] * w[m * WIDTH + j];
            raw[i * WIDTH + j] = 1.7 / 2 * s->r.c[i * WIDTH + j] + (1 + s->r.sigma2) * square -
                                 s->r.tau * w[i * WIDTH + j] + (i == j ? 0.13 / 2 + 0.04 : 0);
        }
    for (size_t i = 0; i < WIDTH; i++)
        for (size_t j = 0; j < WIDTH; j++)
            k[i * WIDTH + j] = (raw[i * WIDTH + j] + raw[j * WIDTH + i]) / 2;
}

static void k_and_balance_follow_their_formulas(void **state)
{
    (void)state;
    struct setup s;
    struct error err;
    double k[SQUARE], value[WIDTH];
    open_given(&s, 1.7);
    check_ok(outputs_from_moments(&s.r, s.parameters, s.target, s.w_p, &err), &err);
    plain_k(&s, k);
    check_ok(symmetric_eigen(WIDTH, k, value, 0, &err), &err);
    assert_near(s.r.k_least, value[WIDTH - 1], 1e-13);
    for (size_t i = 0; i < WIDTH; i++)
        for (size_t j = 0; j < WIDTH; j++) {
            double sum = 0;
            for (size_t m = 0; m < LEAVES; m++)
                sum += s.parameters[i * LEAVES + m] * s.parameters[j * LEAVES + m];
            for (size_t m = 0; m < WIDTH; m++)
                sum -= s.w_p[m * WIDTH + i] * s.w_p[m * WIDTH + j] / 1.7;
            assert_near(s.r.balance[i * WIDTH + j], sum, 1e-13);
        }
    arena_free(&s.arena);
}

static void the_predictor_is_compared_with_the_eigenvectors_of_c(void **state)
{
    (void)state;
    struct setup s;
    struct error err;
    double work[2 * SQUARE + WIDTH], values[4][WIDTH];
    struct alignment a = {values[0], values[1], values[2], values[3], 0, 0, 0};
    assert_true(alignment_work(WIDTH) <= sizeof work / sizeof *work);
    open_given(&s, 1.7);
    check_ok(outputs_from_moments(&s.r, s.parameters, NULL, s.w_p, &err), &err);
    check_ok(alignment_measure(WIDTH, s.r.c, s.w_p, work, &a, &err), &err);
    expect_near(s.r.alignment.f_value, a.f_value, WIDTH);
    expect_near(s.r.alignment.p_value, a.p_value, WIDTH);
    expect_near(s.r.alignment.predictor, a.predictor, WIDTH);
    expect_near(s.r.alignment.cosine, a.cosine, WIDTH);
    expect_near(&s.r.alignment.commutator, &a.commutator, 1);
    expect_near(&s.r.alignment.asymmetry, &a.asymmetry, 1);
    expect_near(&s.r.alignment.effective_rank, &a.effective_rank, 1);
    arena_free(&s.arena);
}

static void the_target_is_compared_by_all_its_weights(void **state)
{
    (void)state;
    struct setup s;
    struct error err;
    double dot = 0, norm[2] = {0, 0};
    open_given(&s, 1.7);
    check_ok(outputs_from_moments(&s.r, s.parameters, s.target, s.w_p, &err), &err);
    for (size_t i = 0; i < s.network.parameters; i++) {
        dot += s.parameters[i] * s.target[i];
        norm[0] += s.parameters[i] * s.parameters[i];
        norm[1] += s.target[i] * s.target[i];
    }
    assert_near(s.r.target_cosine, dot / sqrt(norm[0] * norm[1]), 1e-14);
    check_ok(outputs_from_moments(&s.r, s.parameters, NULL, s.w_p, &err), &err);
    assert_near(s.r.target_cosine, 1, 1e-14);
    memset(s.target, 0, sizeof s.target);
    check_ok(outputs_from_moments(&s.r, s.parameters, s.target, s.w_p, &err), &err);
    assert_near(s.r.target_cosine, 0, 0);
    arena_free(&s.arena);
}

static void what_is_not_known_is_nan(void **state)
{
    (void)state;
    struct setup s;
    struct error err;
    open_given(&s, 0);
    check_ok(outputs_from_moments(&s.r, NULL, s.target, s.w_p, &err), &err);
    assert_true(isnan(s.r.target_cosine));
    check_ok(outputs_from_moments(&s.r, s.parameters, s.target, s.w_p, &err), &err);
    for (size_t i = 0; i < SQUARE; i++) /* alpha_p = 0 */
        assert_true(isnan(s.r.balance[i]));
    memset(s.r.f, 0, SQUARE * sizeof *s.r.f);
    check_ok(outputs_from_moments(&s.r, s.parameters, s.target, s.w_p, &err), &err);
    assert_near(s.r.tau, 0, 0);
    assert_near(s.r.sigma2, 0, 0);
    s.r.c[1] = NAN;
    assert_int_equal(outputs_from_moments(&s.r, s.parameters, s.target, s.w_p, &err),
                     STATUS_DIVERGED);
    arena_free(&s.arena);
}

/* ---- probes ---- */

/* On a tree whose views keep levels 0..keep_level, with `samples` for the probes. */
static void *open_probes(struct setup *s, int layers, int keep_level, size_t samples)
{
    void *world = open_tree(keep_level);
    open_plan(s, layers, &source_hltm, world);
    s->plan.probe_samples = samples;
    lay_out(s);
    return world;
}

/* Output 0 is leaf `leaf`, the others carry no information. */
static void check_copy(size_t leaf)
{
    enum { PROBES = 40000 };
    struct setup s;
    void *world = open_probes(&s, 1, 1, PROBES);
    memset(s.parameters, 0, sizeof s.parameters);
    s.parameters[leaf] = 1;
    measure(&s, false);
    const size_t parent = leaf / 2;
    const double rho = fabs(polarity[2 + leaf]), root = rho * fabs(polarity[parent]);
    const double sibling = root * fabs(polarity[1 - parent]), sd = 0.5 / sqrt(PROBES / 2);
    assert_int_equal(s.r.latents, 3);
    assert_near(s.r.accuracy[1 + parent], (1 + rho) / 2, 5 * sd);
    assert_near(s.r.accuracy[0], (1 + root) / 2, 5 * sd);
    assert_near(s.r.accuracy[2 - parent], (1 + sibling) / 2, 5 * sd);
    arena_free(&s.arena);
    source_hltm.close(world);
}

static void a_copy_of_a_leaf_tells_its_parent(void **state)
{
    (void)state;
    for (size_t leaf = 0; leaf < LEAVES; leaf++)
        check_copy(leaf);
}

/* Fitted to the first half of the samples and tested on the rest, by hand. */
static void probes_are_fitted_to_one_half_and_tried_on_the_other(void **state)
{
    (void)state;
    enum { PROBES = 301, FITTED = PROBES / 2 };
    struct setup s;
    void *world = open_probes(&s, 2, 1, PROBES);
    measure(&s, true);
    struct outputs_of out = plain_outputs(&s, s.parameters, PROBES);
    double *work = allocate(readout_work(WIDTH, 2), sizeof *work);
    double weights[32];
    struct error err;
    for (size_t z = 0; z < 3; z++) {
        struct readout probe = {.features = WIDTH, .states = 2, .ridge = 1e-6, .weights = weights};
        const uint8_t *label = out.state + z * PROBES;
        check_ok(readout_fit(&probe, FITTED, out.f[0], PROBES, label, work, &err), &err);
        const double held_out =
            readout_accuracy(&probe, PROBES - FITTED, out.f[0] + FITTED, PROBES, label + FITTED);
        assert_near(s.r.accuracy[z], held_out, 1e-12);
    }
    free(work);
    free_outputs(&out);
    arena_free(&s.arena);
    source_hltm.close(world);
}

/* The probes do not depend on the number of samples of the moments, nor the moments on the probes'.
 */
static void probes_and_moments_have_samples_of_their_own(void **state)
{
    (void)state;
    struct setup few, many, alone;
    void *worlds[] = {open_probes(&few, 2, 1, 100), open_probes(&many, 2, 1, 5000),
                      open_probes(&alone, 2, 1, 0)};
    measure(&few, true);
    measure(&many, true);
    measure(&alone, true);
    assert_int_equal(alone.r.latents, 0);
    assert_memory_equal(few.r.c, alone.r.c, SQUARE * sizeof(double));
    expect_near(many.r.c, alone.r.c, SQUARE); /* other groups add up */
    arena_free(&many.arena);
    many.plan.samples = 1;
    lay_out(&many);
    measure(&many, true);
    assert_above(many.r.accuracy[0], 0.6);
    arena_free(&few.arena);
    arena_free(&many.arena);
    arena_free(&alone.arena);
    for (int i = 0; i < 3; i++)
        source_hltm.close(worlds[i]);
}

static void only_latents_that_a_view_keeps_are_probed(void **state)
{
    (void)state;
    static const size_t latents[] = {1, 3, 3}; /* leaves are not latents */
    for (int keep = 0; keep <= 2; keep++) {
        struct setup s;
        void *world = open_probes(&s, 1, keep, 64);
        assert_int_equal(s.r.latents, latents[keep]);
        arena_free(&s.arena);
        source_hltm.close(world);
    }
}

/* ---- threads, list ---- */

static const struct {
    const char *path;
    int rank;
} listed[] = {{"/series/predictor/effective_rank", 0},
              {"/series/predictor/f_eigenvalues", 1},
              {"/series/predictor/sigma2", 0},
              {"/series/predictor/tau", 0},
              {"/series/predictor/target_cosine", 0},
              {"/series/alignment", 1},
              {"/series/predictor/p", 1},
              {"/series/predictor/eigenvalues", 1},
              {"/series/predictor/asymmetry", 0},
              {"/series/predictor/commutator", 0},
              {"/series/predictor/k_least", 0},
              {"/series/predictor/balance", 2}};

enum { LISTED = sizeof listed / sizeof *listed };

static size_t list_of(const struct output_measure *measure, struct quantity entry[LISTED])
{
    struct quantity_list count = {0}, list = {.entry = entry};
    probe_alignment.quantities(measure, &count);
    assert_true(count.count <= LISTED);
    probe_alignment.quantities(measure, &list);
    return list.count;
}

static void results_are_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    struct setup one, three;
    void *worlds[2];
    struct setup *both[] = {&one, &three};
    for (int i = 0; i < 2; i++) {
        worlds[i] = open_tree(1);
        open_plan(both[i], 2, &source_hltm, worlds[i]);
        both[i]->plan.samples = 5000;
        both[i]->plan.probe_samples = 40000; /* probes overlap in time */
        both[i]->plan.threads = 1 + 2 * i;
        lay_out(both[i]);
        measure(both[i], true);
    }
    struct quantity a[LISTED], b[LISTED];
    assert_int_equal(list_of(&one.r, a), LISTED);
    assert_int_equal(list_of(&three.r, b), LISTED);
    for (size_t i = 0; i < LISTED; i++)
        assert_memory_equal(a[i].value, b[i].value, quantity_size(&a[i]) * sizeof(double));
    assert_memory_equal(one.r.f, three.r.f, SQUARE * sizeof(double));
    assert_memory_equal(one.r.d, three.r.d, SQUARE * sizeof(double));
    assert_memory_equal(one.r.accuracy, three.r.accuracy, one.r.latents * sizeof(double));
    for (int i = 0; i < 2; i++) {
        arena_free(&both[i]->arena);
        source_hltm.close(worlds[i]);
    }
}

/* Without a single matrix W_p only quantities that need none are measured, with the same values. */
static void the_list_names_what_was_measured(void **state)
{
    (void)state;
    struct setup with, without;
    struct error err;
    struct quantity a[LISTED], b[LISTED];
    open_given(&with, 1.7);
    open_given(&without, 1.7);
    arena_free(&without.arena);
    check_ok(
        predictor_build(&without.predictor, PREDICTOR_TWO_LAYERS, WIDTH, 5, false, false, &err),
        &err);
    lay_out(&without);
    memcpy(without.r.c, with.r.c, SQUARE * sizeof(double));
    memcpy(without.r.f, with.r.f, SQUARE * sizeof(double));
    memcpy(without.r.d, with.r.d, SQUARE * sizeof(double));
    check_ok(outputs_from_moments(&with.r, with.parameters, NULL, with.w_p, &err), &err);
    check_ok(outputs_from_moments(&without.r, with.parameters, NULL, with.w_p, &err), &err);
    assert_int_equal(list_of(&with.r, a), LISTED);
    assert_int_equal(list_of(&without.r, b), 5);
    for (size_t i = 0; i < LISTED; i++) {
        assert_string_equal(a[i].path, listed[i].path);
        assert_int_equal(a[i].rank, listed[i].rank);
        if (i < 5)
            assert_memory_equal(a[i].value, b[i].value, (a[i].rank ? WIDTH : 1) * sizeof(double));
    }
    const struct alignment *l = &with.r.alignment;
    const double *values[] = {
        &l->effective_rank,    l->f_value,     &with.r.sigma2,  &with.r.tau,
        &with.r.target_cosine, l->cosine,      l->p_value,      l->predictor,
        &l->asymmetry,         &l->commutator, &with.r.k_least, with.r.balance};
    for (size_t i = 0; i < LISTED; i++)
        assert_ptr_equal(a[i].value, values[i]);
    arena_free(&with.arena);
    arena_free(&without.arena);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    linalg_threads_are_safe();
    omp_set_dynamic(0); /* exactly as many threads as requested */
    const struct CMUnitTest tests[] = {
        TEST(moments_are_means_over_views),
        TEST(k_and_balance_follow_their_formulas),
        TEST(the_predictor_is_compared_with_the_eigenvectors_of_c),
        TEST(the_target_is_compared_by_all_its_weights),
        TEST(what_is_not_known_is_nan),
        TEST(a_copy_of_a_leaf_tells_its_parent),
        TEST(probes_are_fitted_to_one_half_and_tried_on_the_other),
        TEST(probes_and_moments_have_samples_of_their_own),
        TEST(only_latents_that_a_view_keeps_are_probed),
        TEST(results_are_the_same_bits_for_any_number_of_threads),
        TEST(the_list_names_what_was_measured),
    };
    return cmocka_run_group_tests_name("output_measure", tests, NULL, NULL);
}
