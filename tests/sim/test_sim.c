/* Protects sim/: gradients of every objective, evaluation by pattern, optimisers, the trainer. */
#include "core/linalg.h"
#include "core/random.h"
#include "sim/data/sources/sources.h"
#include "sim/loss/batch_loss.h"
#include "sim/loss/objectives/objectives.h"
#include "sim/net/kinds/kinds.h"
#include "sim/optimisers/optimisers.h"
#include "sim/registry.h"
#include "sim/train/trainer.h"
#include "tests/kit/arena.h"
#include "tests/kit/numbers.h"
#include "tests/kit/testing.h"
#include "tests/kit/trained.h"

#include <omp.h>

/* ---- objectives with their settings ---- */

struct variant {
    const char *name;
    struct {
        const char *key;
        double value;
    } set[2];
};

static const struct variant variants[] = {
    {"simple_beta", {{"beta", 0.5}}},
    {"simple_beta", {{"beta", -0.75}}},
    {"triplet", {{"tau", 0.1}, {"margin", 1}}},
    {"triplet", {{"tau", 0.5}, {"margin", -0.2}}},
    {"infonce", {{"tau", 0.5}, {"negatives", 1}}},
    {"infonce", {{"tau", 0.3}, {"negatives", 4}}},
    {"infonce", {{"tau", 1}, {"negatives", 64}}},
    {"exact_cov", {{"tau", 0.2}}},
    {"exact_cov", {{"tau", 1.5}}},
    {"ntxent", {{"tau", 0.1}}},
    {"ntxent", {{"tau", 0.7}}},
    {"reference_nce", {{"tau", 0.05}}},
    {"reference_nce", {{"tau", 0.5}}},
    {"supcon_out", {{"tau", 0.1}}},
    {"supcon_out", {{"tau", 0.7}}},
    {"supcon_in", {{"tau", 0.1}}},
    {"supcon_in", {{"tau", 0.7}}},
    {"suncet", {{"tau", 0.1}}},
    {"suncet", {{"tau", 0.7}}},
    {"cacr", {{"positives", 1}, {"negatives", 1}}},
    {"cacr", {{"t_plus", 2}, {"t_minus", 0.5}}},
    {"cacr", {{"t_plus", 0}, {"negatives", 3}}},
    {"barlow_twins", {{"lambda", 0.3}}},
    {"barlow_twins", {{"standardize", 0}}},
    {"vicreg", {{"target", 0.3}, {"covariance", 5}}},
    {"vicreg", {{"form", 1}, {"invariance", 0.6}}},
};

enum { VARIANTS = sizeof variants / sizeof *variants };

struct chosen {
    const struct objective *objective;
    union kit_settings settings;
    char name[64];
};

static void apply(const struct variant *variant, struct chosen *out)
{
    const struct descriptor *about = registry_find(&objective_registry, variant->name);
    assert_non_null(about);
    *out = (struct chosen){.objective = (const void *)about};
    kit_defaults(about, &out->settings);
    int used = snprintf(out->name, sizeof out->name, "%s", variant->name);
    for (int i = 0; i < 2 && variant->set[i].key; i++) {
        kit_set(about, &out->settings, variant->set[i].key, variant->set[i].value);
        used += snprintf(out->name + used, sizeof out->name - (size_t)used, " %s=%g",
                         variant->set[i].key, variant->set[i].value);
    }
}

/* Choice number `i`: the variants, then every objective of the registry without variants, at its
 * defaults.  False past the end. */
static bool choose(size_t i, struct chosen *out)
{
    if (i < VARIANTS) {
        apply(&variants[i], out);
        return true;
    }
    for (size_t e = 0, plain = VARIANTS; e < objective_registry.count; e++) {
        const struct objective *objective = (const void *)objective_registry.entries[e];
        const char *name = objective->about.name;
        /* tested by tests/sim/test_predictor.c and tests/sim/test_comatch.c */
        const struct needs needs = objective_needs(objective, NULL);
        bool listed = needs.target != TARGET_NONE || needs.labelled.batch > 0;
        for (size_t v = 0; v < VARIANTS; v++)
            listed |= strcmp(variants[v].name, name) == 0;
        if (listed || plain++ != i)
            continue;
        apply(&(struct variant){.name = name}, out);
        return true;
    }
    return false;
}

static struct chosen chosen_of(const char *name, const char *key, double value, const char *key2,
                               double value2)
{
    struct chosen chosen;
    apply(&(struct variant){.name = name, .set = {{key, value}, {key2, value2}}}, &chosen);
    return chosen;
}

static struct needs needs_of(const struct chosen *chosen)
{
    return objective_needs(chosen->objective, &chosen->settings);
}

/* ---- networks ---- */

static const struct kit_shape shapes[] = {
    {.depth = 2, .children = {2, 2}, .states = 2, .width = 3},
    {.depth = 3, .children = {2, 2, 2}, .states = 2, .width = 3},
    {.depth = 4, .children = {2, 2, 2, 2}, .states = 2, .width = 2},
    {.depth = 2, .children = {3, 3}, .states = 2, .width = 4},
    {.depth = 3, .children = {3, 3, 3}, .states = 2, .width = 2},
    {.depth = 4, .children = {2, 1, 3, 2}, .states = 2, .width = 3},
    {.depth = 2, .children = {2, 2}, .states = 3, .width = 3},
    {.depth = 3, .children = {2, 3, 2}, .states = 3, .width = 3},
    {.depth = 1, .children = {6}, .states = 2, .layers = {5, 4, 3}, .layer_count = 3},
    {.depth = 1, .children = {4}, .states = 3, .layers = {6, 2}, .layer_count = 2},
    {.depth = 1, .children = {5}, .states = 0, .layers = {4, 5, 3}, .layer_count = 3},
    {.depth = 1, .children = {7}, .states = 0, .layers = {3}, .layer_count = 1},
    {.depth = 4, .children = {2, 2, 3, 3}, .states = 2, .width = 3},
};

enum { SHAPES = sizeof shapes / sizeof *shapes };

/* Rows that are looked up as one to four quads at once, and as more than four. */
static const struct kit_shape wide_trees[] = {
    {.depth = 3, .children = {2, 2, 2}, .states = 2, .width = 7},
    {.depth = 4, .children = {2, 2, 2, 2}, .states = 2, .width = 10},
    {.depth = 4, .children = {2, 2, 2, 2}, .states = 2, .width = 16},
    {.depth = 4, .children = {2, 2, 2, 2}, .states = 2, .width = 18},
    {.depth = 3, .children = {2, 3, 2}, .states = 2, .width = 33},
};

enum { WIDE = sizeof wide_trees / sizeof *wide_trees };

static void describe(const struct kit_shape *shape, struct kit_options options, char *out,
                     size_t size)
{
    snprintf(out, size, "%s depth %d children %d... states %d %s%s%s",
             shape->width ? "tree" : "mlp", shape->depth, shape->children[0], shape->states,
             options.linear ? "linear" : "relu", options.bias ? " bias" : "",
             options.normalize ? " normalized" : "");
}

static struct kit_options option_bits(int bits)
{
    return (struct kit_options){.linear = bits & 1, .bias = bits & 2, .normalize = bits & 4};
}

/* ---- batches ---- */

struct bench {
    struct network network;
    struct batch_loss loss;
    struct arena arena;
    double *parameters, *gradient;
    char name[192];
};

static void lay_out_batch(struct batch_loss *batch, const struct network *network,
                          const struct objective *objective, const void *settings, size_t samples,
                          int boundary, struct arena *arena)
{
    KIT_LAY_OUT(arena, pass,
                batch_loss_layout(batch, network, objective, settings, samples, boundary, pass));
}

/* Labels for objectives that compare them: three classes, and sample 3 alone in a fourth. */
static const uint8_t *some_labels(size_t samples)
{
    static uint8_t label[1024];
    assert_true(samples <= sizeof label);
    for (size_t i = 0; i < samples; i++)
        label[i] = i == 3 ? 200 : (uint8_t)(i * 7 % 11 % 3);
    return label;
}

/* Random samples of every view, the same for every boundary. */
static void set_samples(struct batch *batch, uint64_t seed)
{
    const struct network *n = batch->network;
    size_t stride = batch->samples + 3, count = n->leaves * stride;
    batch->outputs.label = some_labels(batch->samples);
    double *x = allocate(count, sizeof(double));
    uint8_t *leaf = calloc(count, 1);
    assert_non_null(leaf);
    for (int view = 0; view < batch->outputs.views; view++) {
        kit_fill(x, count, 1, seed, 1 + (uint64_t)view, 0);
        for (size_t i = 0; i < count; i++)
            leaf[i] = (uint8_t)((x[i] + 1) / 2 * n->leaf_states);
        if (n->leaf_states)
            batch_set_states(batch, view, leaf, stride);
        else
            batch_set_values(batch, view, x, stride);
    }
    free(x);
    free(leaf);
}

static void open_bench(struct bench *bench, const struct kit_shape *shape,
                       struct kit_options options, const struct chosen *chosen, size_t samples,
                       int boundary, uint64_t seed)
{
    memset(bench, 0, sizeof *bench);
    kit_build(&bench->network, shape, options);
    lay_out_batch(&bench->loss, &bench->network, chosen->objective, &chosen->settings, samples,
                  boundary ? boundary : bench->network.levels, &bench->arena);
    set_samples(&bench->loss.batch, seed);
    bench->parameters = allocate(bench->network.parameters, sizeof(double));
    bench->gradient = allocate(bench->network.parameters, sizeof(double));
    kit_fill(bench->parameters, bench->network.parameters, 1, seed, 0, 0);
    char net[96];
    describe(shape, options, net, sizeof net);
    snprintf(bench->name, sizeof bench->name, "%s, %s", chosen->name, net);
}

static void close_bench(struct bench *bench)
{
    arena_free(&bench->arena);
    free(bench->parameters);
    free(bench->gradient);
}

/* Number of parameters in W (part 0) or b (part 1) of a level, and their offset. */
static size_t block_of(const struct network *n, int level, int part, size_t *first)
{
    const struct level *l = &n->level[level];
    *first = part ? l->biases : l->weights;
    size_t neurons = l->nodes * (size_t)l->width;
    return part ? (n->bias ? neurons : 0) : neurons * (size_t)l->fan_in;
}

/* ---- plain evaluation by the definition in sim/net/network.h ---- */

enum { PLAIN_LEVELS = 6, PLAIN_ROWS = 256 };

struct plain {
    double pre[PLAIN_LEVELS][PLAIN_ROWS], act[PLAIN_LEVELS + 1][PLAIN_ROWS];
};

static void plain_forward(const struct network *n, const double *w, const uint8_t *leaf,
                          size_t stride, struct plain *p)
{
    for (size_t i = 0; i < n->leaves; i++)
        for (int k = 0; k < n->leaf_width; k++)
            p->act[n->levels][i * (size_t)n->leaf_width + (size_t)k] =
                n->leaf_states == 2 ? leaf[i * stride] : leaf[i * stride] == k;
    for (int l = n->levels - 1; l >= 0; l--)
        for (size_t node = 0; node < n->level[l].nodes; node++)
            for (int k = 0; k < n->level[l].width; k++) {
                size_t fan_in = (size_t)n->level[l].fan_in;
                size_t neuron = node * (size_t)n->level[l].width + (size_t)k;
                double sum = n->bias ? w[n->level[l].biases + neuron] : 0;
                for (size_t a = 0; a < fan_in; a++)
                    sum += w[n->level[l].weights + neuron * fan_in + a] *
                           p->act[l + 1][node * fan_in + a];
                p->pre[l][neuron] = sum;
                p->act[l][neuron] = n->relu && sum < 0 ? 0 : sum;
            }
}

static void outputs_follow_the_definition_of_the_network(void **state)
{
    (void)state;
    struct chosen chosen = chosen_of("simple", NULL, 0, NULL, 0);
    for (size_t i = 0; i < SHAPES; i++)
        for (int bits = 0; bits < 8; bits++) {
            struct bench bench;
            struct plain plain;
            open_bench(&bench, &shapes[i], option_bits(bits), &chosen, 1, 0, 100 + i);
            const struct network *n = &bench.network;
            uint8_t leaf[64];
            for (size_t k = 0; k < n->leaves; k++)
                leaf[k] = (uint8_t)((k + i) % (size_t)(n->leaf_states ? n->leaf_states : 1));
            if (n->leaf_states) {
                batch_set_states(&bench.loss.batch, 0, leaf, 1);
                batch_forward(&bench.loss.batch, bench.parameters);
                plain_forward(n, bench.parameters, leaf, 1, &plain);
                size_t width = (size_t)n->level[0].width;
                double square = 0, f[8];
                for (size_t k = 0; k < width; k++)
                    square += plain.pre[0][k] * plain.pre[0][k];
                for (size_t k = 0; k < width; k++) {
                    plain.pre[0][k] /= n->normalize ? sqrt(square) + n->norm_eps : 1;
                    f[k] = bench.loss.batch.outputs.f[k * bench.loss.batch.outputs.stride];
                }
                if (kit_distance(f, plain.pre[0], width) > 1e-13)
                    fail_msg("%s", bench.name);
            }
            close_bench(&bench);
        }
}

/* ---- gradients ---- */

static const double step_size = 2e-5;

/* Whether no gate is near its threshold and no output near 0, where the norm has a kink.  An exact
 * 0 depends only on zero inputs and stays 0. */
static bool is_smooth(const struct batch *b)
{
    const struct network *n = b->network;
    for (int view = 0; view < b->outputs.views; view++)
        for (size_t s = 0; s < b->samples; s++) {
            size_t column = (size_t)view * b->stride + s;
            for (int l = 1; n->relu && l < n->levels; l++)
                for (size_t r = 0; r < n->level[l].nodes * (size_t)n->level[l].width; r++) {
                    double pre = b->pass.pre[l][r * b->pass.columns + column];
                    if (pre != 0 && fabs(pre) < 10 * step_size)
                        return false;
                }
            double square = 0;
            for (size_t k = 0; k < (size_t)n->level[0].width; k++)
                square += pow(b->pass.pre[0][k * b->pass.columns + column], 2);
            if (square != 0 && square < 0.01 * 0.01)
                return false;
        }
    return true;
}

/* r of x_1 and another view of one sample, from the current outputs. */
static double half_square(const struct outputs *o, int view, size_t s)
{
    double sum = 0;
    for (int k = 0; k < o->width; k++) {
        double d = o->f[output_index(o, 0, k, s)] - o->f[output_index(o, view, k, s)];
        sum += d * d / 2;
    }
    return sum;
}

/* The loss whose gradient batch_loss should return.  exact_cov holds its weights constant, so they
 * are computed once (`freeze`) and kept. */
static double differentiable_loss(struct bench *bench, double *frozen, bool freeze)
{
    struct batch_loss *l = &bench->loss;
    struct batch *b = &l->batch;
    if (l->loss.plan.objective != &objective_exact_cov)
        return batch_loss(l, bench->parameters, NULL);
    batch_forward(b, bench->parameters);
    double loss = 0, tau = ((const struct temperature_settings *)l->loss.plan.settings)->tau;
    for (size_t s = 0; s < b->samples; s++) {
        double r_plus = half_square(&b->outputs, 1, s), r_minus = half_square(&b->outputs, 2, s);
        if (freeze)
            frozen[s] = exp(-r_minus / tau) / (1 + exp(-r_minus / tau)) / tau;
        loss += frozen[s] * (r_plus - r_minus) / (double)b->samples;
    }
    return loss;
}

static void check_gradient(struct bench *bench)
{
    double frozen[16];
    const struct network *n = &bench->network;
    double loss = batch_loss(&bench->loss, bench->parameters, bench->gradient);
    double again = differentiable_loss(bench, frozen, true);
    if (!(fabs(loss - again) <= 1e-14 * (1 + fabs(loss))))
        fail_msg("%s: the loss is %.17g, its parts give %.17g", bench->name, loss, again);
    for (int l = 0; l < n->levels; l++)
        for (int part = 0; part < 2; part++) {
            size_t first, count = block_of(n, l, part, &first);
            double scale = kit_largest(bench->gradient + first, count);
            for (size_t i = first; i < first + count; i++) {
                double expected;
                KIT_DIFFERENCE(expected, &bench->parameters[i], step_size, 4,
                               differentiable_loss(bench, frozen, false));
                double error = fabs(bench->gradient[i] - expected);
                if (!(error <= 1e-6 * scale + 1e-9 * (1 + fabs(loss))))
                    fail_msg("%s: level %d %s %zu: %.10g, differences give %.10g", bench->name, l,
                             part ? "bias" : "weight", i - first, bench->gradient[i], expected);
            }
        }
}

/* Draw parameters and samples until the loss is smooth around them. */
static void check_gradient_of(const struct kit_shape *shape, struct kit_options options,
                              const struct chosen *chosen)
{
    for (uint64_t seed = 1; seed < 200; seed++) {
        struct bench bench;
        open_bench(&bench, shape, options, chosen, 5, 0, seed);
        batch_forward(&bench.loss.batch, bench.parameters);
        bool smooth = is_smooth(&bench.loss.batch);
        if (smooth)
            check_gradient(&bench);
        close_bench(&bench);
        if (smooth)
            return;
    }
    fail_msg("no smooth parameters for %s", chosen->name);
}

/* Shapes whose kind is `kind`: 't'ree, 'm'lp on states, 'r'eal-valued leaves. */
static void check_gradients(char kind, bool linear)
{
    struct chosen chosen;
    for (size_t i = 0; i < SHAPES; i++) {
        const struct kit_shape *shape = &shapes[i];
        if ((shape->width ? 't' : shape->states ? 'm' : 'r') != kind)
            continue;
        for (int bits = 0; bits < 4; bits++)
            for (size_t c = 0; choose(c, &chosen); c++)
                check_gradient_of(shape, option_bits(linear | bits << 1), &chosen);
    }
}

static void gradients_of_relu_trees_match_differences(void **state)
{
    (void)state;
    check_gradients('t', false);
}

static void gradients_of_linear_trees_match_differences(void **state)
{
    (void)state;
    check_gradients('t', true);
}

static void gradients_of_relu_mlps_match_differences(void **state)
{
    (void)state;
    check_gradients('m', false);
}

static void gradients_of_linear_mlps_match_differences(void **state)
{
    (void)state;
    check_gradients('m', true);
}

static void gradients_with_real_leaves_match_differences(void **state)
{
    (void)state;
    check_gradients('r', false);
    check_gradients('r', true);
}

/* Without bias, output 0 of a sample or of the padding has no direction when norm_eps is 0. */
static void check_without_norm_eps(const uint8_t *leaf)
{
    struct chosen chosen = chosen_of("triplet", NULL, 0, NULL, 0);
    struct bench bench;
    open_bench(&bench, &shapes[0], option_bits(4), &chosen, 5, 0, 1);
    bench.network.norm_eps = 0;
    for (int view = 0; view < 3; view++)
        batch_set_states(&bench.loss.batch, view, leaf, 5);
    assert_true(isfinite(batch_loss(&bench.loss, bench.parameters, bench.gradient)));
    assert_true(isfinite(kit_largest(bench.gradient, bench.network.parameters)));
    close_bench(&bench);
}

static void padding_does_not_spoil_a_gradient_without_norm_eps(void **state)
{
    (void)state;
    const uint8_t leaf[4 * 5] = {1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 1};
    check_without_norm_eps(leaf);
}

static void an_all_zero_sample_does_not_spoil_a_gradient_without_norm_eps(void **state)
{
    (void)state;
    const uint8_t leaf[4 * 5] = {0, 1, 0, 1, 1, 0, 1, 1, 1, 1, 0, 0, 1, 0, 1, 0, 0, 1, 1, 1};
    check_without_norm_eps(leaf);
}

/* ---- by pattern or by sample ---- */

static void compare_boundary(struct bench *exact, const struct chosen *chosen, int boundary,
                             uint64_t seed)
{
    struct batch_loss batch;
    struct arena arena;
    const struct network *n = &exact->network;
    lay_out_batch(&batch, n, chosen->objective, &chosen->settings, exact->loss.batch.samples,
                  boundary, &arena);
    set_samples(&batch.batch, seed);
    double *gradient = allocate(n->parameters, sizeof(double));
    kit_fill(gradient, n->parameters, 1, 1, 0, 0); /* to be overwritten */
    double loss = batch_loss(&batch, exact->parameters, gradient);
    double expected = batch_loss(&exact->loss, exact->parameters, exact->gradient);
    /* reference_subtract is a difference of distances of order 1 */
    if (!(fabs(loss - expected) <= 1e-12 * fabs(expected) + 1e-15))
        fail_msg("%s, boundary %d: loss %.17g, not %.17g", exact->name, boundary, loss, expected);
    for (int view = 0; view < batch.batch.outputs.views; view++) {
        double error = 0, scale = 0; /* an output near 0 is a difference of terms like the others */
        for (int k = 0; k < batch.batch.outputs.width; k++) {
            size_t row = output_index(&batch.batch.outputs, view, k, 0);
            const double *f = exact->loss.batch.outputs.f + row;
            error = fmax(error, kit_apart(batch.batch.outputs.f + row, f, batch.batch.samples));
            scale = fmax(scale, kit_largest(f, batch.batch.samples));
        }
        if (!(error <= 1e-12 * scale))
            fail_msg("%s, boundary %d: outputs of view %d off by %g of %g", exact->name, boundary,
                     view, error, scale);
    }
    double overall = kit_largest(exact->gradient, n->parameters);
    for (int l = 0; l < n->levels; l++) { /* W and b of a level are adjacent */
        size_t first, bias, count = block_of(n, l, 0, &first) + block_of(n, l, 1, &bias);
        double scale = kit_largest(exact->gradient + first, count);
        double error = kit_apart(gradient + first, exact->gradient + first, count);
        if (!(error <= 1e-12 * scale + 1e-15 * (1 + overall)))
            fail_msg("%s, boundary %d: gradient of level %d off by %g of %g", exact->name, boundary,
                     l, error, scale);
    }
    free(gradient);
    arena_free(&arena);
}

static void compare_boundaries(const struct kit_shape *shape, int bits, const struct chosen *chosen,
                               size_t samples, uint64_t seed)
{
    struct bench bench;
    open_bench(&bench, shape, option_bits(bits), chosen, samples, 0, seed);
    compare_boundary(&bench, chosen, 0, seed);
    for (int l = 1; l < bench.network.levels; l++)
        if (pattern_count(&bench.network, l) && pattern_count(&bench.network, l) < 9000)
            compare_boundary(&bench, chosen, l, seed);
    close_bench(&bench);
}

static void evaluation_by_pattern_is_evaluation_by_sample(void **state)
{
    (void)state;
    struct chosen chosen;
    static const size_t counts[] = {1, 21, 64};
    for (size_t i = 0; i < SHAPES; i++)
        for (int bits = 0; bits < 8; bits++)
            for (size_t c = 0; shapes[i].states && choose(c, &chosen); c++) {
                size_t samples = counts[(i + c + (size_t)bits) % 3];
                if (needs_of(&chosen).whole_batch && samples == 1) /* two are always correlated */
                    samples = chosen.objective->form == &form_moments ? 8 : 2;
                compare_boundaries(&shapes[i], bits, &chosen, samples, 7 + c);
            }
}

static void rows_of_any_width_are_looked_up(void **state)
{
    (void)state;
    struct chosen chosen = chosen_of("infonce", "tau", 0.3, "negatives", 3);
    for (size_t i = 0; i < WIDE; i++)
        compare_boundaries(&wide_trees[i], 7, &chosen, 21, 5);
}

static void the_boundary_follows_the_number_of_columns(void **state)
{
    (void)state;
    struct network n;
    kit_build(&n, &shapes[2], option_bits(0)); /* depth 4, 2 children: 256, 16, 4, 2 patterns */
    assert_int_equal(pattern_count(&n, 1), 256);
    assert_int_equal(pattern_count(&n, 4), 2);
    assert_int_equal(boundary_level(&n, 1), 4);
    assert_int_equal(boundary_level(&n, 7), 4);
    assert_int_equal(boundary_level(&n, 8), 3);
    assert_int_equal(boundary_level(&n, 32), 2);
    assert_int_equal(boundary_level(&n, 511), 2);
    assert_int_equal(boundary_level(&n, 512), 1);
    kit_build(&n, &shapes[4], option_bits(0)); /* 3 children: level 1 has 512 patterns */
    assert_int_equal(pattern_count(&n, 1), 512);
    assert_int_equal(boundary_level(&n, 1 << 20), 2);
    kit_build(&n, &shapes[10], option_bits(0)); /* real-valued leaves have no patterns */
    assert_int_equal(pattern_count(&n, 1), 0);
    assert_int_equal(boundary_level(&n, 1 << 20), 3);
}

/* ---- DDN-1: f_0 = K_l^T vec(W_l) for every level ---- */

enum { MAX_ENTRIES = 64 };

/* f_0[o] of every sample, and <d f_0[o] / d W_l, W_l> of every level; returns the entries. */
static size_t layer_products(struct bench *bench, double *f,
                             double product[NETWORK_MAX_LEVELS][MAX_ENTRIES])
{
    const struct network *n = &bench->network;
    struct pass *pass = &bench->loss.batch.pass;
    size_t width = (size_t)n->level[0].width, entry = 0;
    batch_forward(&bench->loss.batch, bench->parameters);
    for (size_t s = 0; s < bench->loss.batch.samples; s++)
        for (size_t o = 0; o < width; o++, entry++) {
            f[entry] = pass->pre[0][o * pass->columns + s];
            memset(pass->delta[0], 0, width * pass->columns * sizeof(double));
            pass->delta[0][o * pass->columns + s] = 1;
            memset(bench->gradient, 0, n->parameters * sizeof(double));
            pass_backward(pass, bench->parameters, bench->gradient);
            for (int l = 0; l < n->levels; l++) {
                size_t first, count = block_of(n, l, 0, &first);
                product[l][entry] = 0;
                for (size_t i = first; i < first + count; i++)
                    product[l][entry] += bench->gradient[i] * bench->parameters[i];
            }
        }
    return entry;
}

static void outputs_are_homogeneous_in_every_layer_without_bias_only(void **state)
{
    (void)state;
    struct chosen chosen = chosen_of("simple", NULL, 0, NULL, 0);
    for (size_t i = 0; i < SHAPES; i++)
        for (int bits = 0; bits < 4; bits++) {
            struct bench bench;
            double f[MAX_ENTRIES], product[NETWORK_MAX_LEVELS][MAX_ENTRIES];
            open_bench(&bench, &shapes[i], option_bits(bits), &chosen, 6, 0, 31 + i);
            size_t entries = layer_products(&bench, f, product);
            for (int l = 0; l < bench.network.levels; l++) {
                double error = kit_distance(product[l], f, entries);
                if (!(bench.network.bias ? error > 1e-4 : error <= 1e-13))
                    fail_msg("%s: level %d is off by %g", bench.name, l, error);
            }
            close_bench(&bench);
        }
}

/* ---- the objectives themselves ---- */

/* An objective as the function of distances that it is. */
static double loss_of_distances(const struct chosen *c, int64_t negatives, const double *r_plus,
                                const double *r_minus, double *d_plus, double *d_minus)
{
    if (c->objective->form != &form_of_batch)
        return sample_loss(c->objective, &c->settings, negatives, r_plus, r_minus, d_plus, d_minus);
    const struct of_batch *of = c->objective->of;
    const double loss = of->loss(&c->settings, r_plus[0] - r_minus[0], d_plus);
    d_minus[0] = -d_plus[0];
    return loss;
}

/* r_+ (r[0]) and r_k- in [0, 2) */
static void random_distances(double *r, int64_t negatives, uint64_t seed)
{
    kit_fill(r, (size_t)negatives + 1, 1, seed, 5, 0);
    for (int64_t k = 0; k <= negatives; k++)
        r[k] += 1;
}

static void check_balance(const struct chosen *chosen, int64_t negatives)
{
    double r[65], d_plus, d_minus[64];
    for (uint64_t seed = 0; seed < 50; seed++) {
        random_distances(r, negatives, seed);
        loss_of_distances(chosen, negatives, r, r + 1, &d_plus, d_minus);
        double sum = d_plus;
        if (!(d_plus > 0))
            fail_msg("%s: d loss / d r_+ is %g", chosen->name, d_plus);
        for (int64_t k = 0; k < negatives; k++) {
            if (!(d_minus[k] < 0))
                fail_msg("%s: d loss / d r_- is %g", chosen->name, d_minus[k]);
            sum += d_minus[k];
        }
        if (!(fabs(sum) <= 1e-14 * d_plus))
            fail_msg("%s: the derivatives sum to %g of %g", chosen->name, sum, d_plus);
    }
}

static void losses_push_and_pull_equally(void **state)
{
    (void)state;
    struct chosen chosen = chosen_of("simple", NULL, 0, NULL, 0);
    check_balance(&chosen, 1);
    for (double tau = 0.1; tau < 3; tau *= 2) {
        chosen = chosen_of("triplet", "tau", tau, "margin", 0.3);
        check_balance(&chosen, 1);
        for (int64_t h = 1; h <= 64; h = h == 1 ? 4 : h * 16) {
            chosen = chosen_of("infonce", "tau", tau, "negatives", (double)h);
            check_balance(&chosen, h);
        }
    }
    double d_plus, d_minus, half = 0.5,
                            one = 1; /* control: an extra weight shifts the balance by beta */
    chosen = chosen_of("simple_beta", "beta", 0.25, NULL, 0);
    loss_of_distances(&chosen, 1, &half, &one, &d_plus, &d_minus);
    assert_true(fabs(d_plus + d_minus - 0.25) < 1e-15);
}

static void triplet_tends_to_the_hinge(void **state)
{
    (void)state;
    double largest_gap = 0, d_plus, d_minus;
    for (double tau = 1; tau > 1e-12; tau /= 4) {
        struct chosen chosen = chosen_of("triplet", "tau", tau, "margin", 0.5);
        for (double r_plus = 0; r_plus < 2; r_plus += 0.0625)
            for (double r_minus = 0; r_minus < 2; r_minus += 0.0625) {
                double soft = loss_of_distances(&chosen, 1, &r_plus, &r_minus, &d_plus, &d_minus);
                double gap = soft - fmax(r_plus - r_minus + 0.5, 0);
                if (!(gap >= 0 && gap <= tau * log(2) * (1 + 1e-12)))
                    fail_msg("tau %g: the gap at %g, %g is %g", tau, r_plus, r_minus, gap);
                largest_gap = fmax(largest_gap, gap / tau);
            }
    }
    assert_true(largest_gap > 0.69); /* the bound is met at the kink */
}

/* The losses as written in section 1 of the theory. */
static double formula(const char *name, double tau, double other, int64_t negatives,
                      const double *r)
{
    long double sum = 0, t = tau, x = r[0] - r[1];
    if (strcmp(name, "simple") == 0 || strcmp(name, "reference_subtract") == 0)
        return r[0] - r[1];
    if (strcmp(name, "simple_beta") == 0)
        return (1 + other) * r[0] - r[1];
    if (strcmp(name, "triplet") == 0)
        return (double)(t * logl(1 + expl((x + other) / t)));
    if (strcmp(name, "exact_cov") == 0)
        return (double)(expl(-r[1] / t) / (1 + expl(-r[1] / t)) / t * x);
    for (int64_t k = 0; k <= negatives; k++)
        sum += expl(-r[k] / t);
    double share = (double)(expl(-r[0] / t) / sum);
    return strcmp(name, "infonce") == 0 ? -log(share) : -share; /* reference_nce */
}

static void losses_are_those_of_the_theory(void **state)
{
    (void)state;
    static const struct {
        const char *name, *second;
        double tau, other;
        int64_t negatives;
    } table[] = {
        {"simple", NULL, 0, 0, 1},
        {"reference_subtract", NULL, 0, 0, 1},
        {"simple_beta", "beta", 0, 0.4, 1},
        {"triplet", "margin", 0.3, 0.7, 1},
        {"exact_cov", NULL, 0.2, 0, 1},
        {"infonce", "negatives", 0.4, 1, 1},
        {"infonce", "negatives", 0.05, 64, 64},
        {"reference_nce", NULL, 0.3, 0, 1},
    };
    double r[65], d_plus, d_minus[64];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct chosen c = chosen_of(table[i].name, table[i].second, table[i].other,
                                    table[i].tau > 0 ? "tau" : NULL, table[i].tau);
        if (!table[i].second)
            c = chosen_of(table[i].name, table[i].tau > 0 ? "tau" : NULL, table[i].tau, NULL, 0);
        int64_t h = table[i].negatives;
        for (uint64_t seed = 0; seed < 20; seed++) {
            random_distances(r, h, seed);
            double loss = loss_of_distances(&c, h, r, r + 1, &d_plus, d_minus);
            double expected = formula(table[i].name, table[i].tau, table[i].other, h, r);
            if (!(fabs(loss - expected) <= 1e-12 * (1 + fabs(expected))))
                fail_msg("%s: %.15g, not %.15g", c.name, loss, expected);
        }
    }
}

/* ---- extremes ---- */

/* Outputs without a network. */
struct bare {
    struct outputs outputs;
    double *f, *df;
    struct loss loss;
    struct arena arena;
    const struct chosen *chosen;
};

static const uint8_t one_class[64];

static void layout_bare(struct bare *bare, int width, size_t samples, struct arena *arena)
{
    const struct chosen *chosen = bare->chosen;
    const int views = needs_of(chosen).views;
    size_t stride = padded(samples), size = (size_t)views * (size_t)width * stride;
    bare->f = ARENA_TAKE(arena, double, size);
    bare->df = ARENA_TAKE(arena, double, size);
    bare->outputs = (struct outputs){.samples = samples,
                                     .stride = stride,
                                     .width = width,
                                     .views = views,
                                     .f = bare->f,
                                     .df = bare->df,
                                     .label = one_class};
    loss_layout(&bare->loss,
                &(struct loss_plan){.objective = chosen->objective,
                                    .settings = &chosen->settings,
                                    .width = width,
                                    .samples = samples,
                                    .stride = stride},
                arena);
}

static void open_bare(struct bare *bare, const struct chosen *chosen, int width, size_t samples)
{
    *bare = (struct bare){.chosen = chosen};
    KIT_LAY_OUT(&bare->arena, pass, layout_bare(bare, width, samples, pass));
}

static void close_bare(struct bare *bare)
{
    arena_free(&bare->arena);
}

static double bare_loss(struct bare *b)
{
    return loss_evaluate(&b->loss, &b->outputs);
}

static void check_finite_gradient(const struct bare *b)
{
    const struct outputs *o = &b->outputs;
    for (int view = 0; view < o->views; view++)
        for (int k = 0; k < o->width; k++)
            if (!isfinite(kit_largest(o->df + output_index(o, view, k, 0), o->samples)))
                fail_msg("%s: the gradient is not finite", b->chosen->name);
}

/* Outputs that differ, then all the same, then all 0. */
static void check_extremes(const struct chosen *chosen, double loss_of_equals)
{
    struct bare bare;
    open_bare(&bare, chosen, 4, 13);
    size_t size = (size_t)bare.outputs.views * 4 * bare.outputs.stride;
    for (int mode = 0; mode < 4; mode++) {
        kit_fill(bare.f, size, mode == 0 ? 1 : mode == 1 ? 100 : 0, 3, 0, 0);
        for (size_t i = 0; mode == 2 && i < size; i++)
            bare.f[i] = 0.5 + (double)(i / bare.outputs.stride % 4);
        double loss = bare_loss(&bare);
        if (!isfinite(loss))
            fail_msg("%s: the loss of outputs %d is %g", chosen->name, mode, loss);
        if (mode >= 2 && !(fabs(loss - loss_of_equals) <= 1e-9))
            fail_msg("%s: the loss of equal outputs is %.17g, not %.17g", chosen->name, loss,
                     loss_of_equals);
        check_finite_gradient(&bare);
    }
    close_bare(&bare);
}

static void softmax_losses_stay_finite_at_low_temperature(void **state)
{
    (void)state;
    for (double tau = 1e-4; tau < 2; tau *= 10) {
        struct chosen chosen = chosen_of("infonce", "tau", tau, "negatives", 5);
        check_extremes(&chosen, log(6));
        chosen = chosen_of("reference_nce", "tau", tau, NULL, 0);
        check_extremes(&chosen, -0.5);
        chosen = chosen_of("ntxent", "tau", tau, NULL, 0);
        check_extremes(&chosen, log(25)); /* 2 x 13 - 1 others */
        static const char *const labelled[] = {"supcon_out", "supcon_in", "suncet"};
        for (size_t i = 0; i < 3; i++) { /* with one class all others are positives */
            chosen = chosen_of(labelled[i], "tau", tau, NULL, 0);
            check_extremes(&chosen, i < 2 ? log(25) : 0);
        }
        chosen = chosen_of("cacr", "t_plus", 1 / tau, "t_minus", 1 / tau);
        check_extremes(&chosen, 0);
        chosen = chosen_of("triplet", "tau", tau, "margin", 0);
        check_extremes(&chosen, tau * log(2));
        chosen = chosen_of("exact_cov", "tau", tau, NULL, 0);
        check_extremes(&chosen, 0);
    }
}

/* ntxent of unit vectors in the plane at the given angles, [view][sample]. */
static long double plain_ntxent(const double *angle, size_t samples, double tau)
{
    long double loss = 0;
    for (size_t i = 0; i < 2 * samples; i++) {
        long double sum = 0,
                    partner = cosl((long double)angle[i] - angle[(i + samples) % (2 * samples)]);
        for (size_t k = 0; k < 2 * samples; k++)
            if (k != i) /* expl has a wider range than exp */
                sum += expl((cosl((long double)angle[i] - angle[k]) - partner) / tau);
        loss += logl(sum);
    }
    return loss / (2 * (long double)samples);
}

static double ntxent_in_the_plane(struct bare *bare, const double *angle)
{
    const struct outputs *o = &bare->outputs;
    for (int view = 0; view < 2; view++)
        for (size_t s = 0; s < o->samples; s++) {
            bare->f[output_index(o, view, 0, s)] = cos(angle[(size_t)view * o->samples + s]);
            bare->f[output_index(o, view, 1, s)] = sin(angle[(size_t)view * o->samples + s]);
        }
    return bare_loss(bare);
}

/* For any distance of the nearest other: more than 708 temperatures below 1 the exponential of a
 * cosine over tau, relative to its largest possible value, is subnormal and then 0. */
static void ntxent_is_exact_where_all_cosines_are_far_below_1(void **state)
{
    (void)state;
    const double tau = 1e-4;
    struct chosen chosen = chosen_of("ntxent", "tau", tau, NULL, 0);
    struct bare bare;
    open_bare(&bare, &chosen, 2, 2);
    for (double gap = 1; gap<1500; gap += gap> 690 && gap < 770 ? 0.25 : 5) {
        double step = acos(1 - gap * tau), angle[4], loss;
        for (int i = 0; i < 4; i++)
            angle[i] =
                step * i; /* 0 and 2 are partners, 1 and 3 too; the nearest other is no partner */
        long double expected = plain_ntxent(angle, 2, tau);
        loss = ntxent_in_the_plane(&bare, angle);
        if (!(fabs(loss - (double)expected) <= 1e-9 * (double)expected))
            fail_msg("nearest cosine %g tau below 1: %.12g, not %.12Lg", gap, loss, expected);
        for (int i = 0; i < 4; i++)
            angle[i] = step * (i == 0   ? 0
                               : i == 1 ? 1.5
                               : i == 2 ? 1
                                        : 2.5); /* the partner is nearest */
        expected = plain_ntxent(angle, 2, tau);
        loss = ntxent_in_the_plane(&bare, angle);
        if (!(fabs(loss - (double)expected) <= 1e-9 * (1 + (double)expected)))
            fail_msg("partner %g tau below 1: %.12g, not %.12Lg", gap, loss, expected);
    }
    close_bare(&bare);
}

/* ---- labels ---- */

enum { LABELLED = 3 };
static const char *const labelled_names[LABELLED] = {"supcon_out", "supcon_in", "suncet"};

static long double cosine_of(const struct outputs *o, size_t i, size_t k)
{
    long double dot = 0, a = 0, b = 0;
    for (int j = 0; j < o->width; j++) {
        long double x = o->f[output_index(o, (int)(i / o->samples), j, i % o->samples)];
        long double y = o->f[output_index(o, (int)(k / o->samples), j, k % o->samples)];
        dot += x * y;
        a += x * x;
        b += y * y;
    }
    return dot / sqrtl(a * b);
}

/* The loss of one anchor, as written in the papers. */
static long double plain_row(size_t which, const struct outputs *o, double tau, size_t i)
{
    long double all = 0, positive = 0, logs = 0, count = 0;
    const size_t rows = 2 * o->samples;
    for (size_t k = 0; k < rows; k++)
        all += k == i ? 0 : expl(cosine_of(o, i, k) / tau);
    for (size_t k = 0; k < rows; k++)
        if (k != i && o->label[k % o->samples] == o->label[i % o->samples]) {
            long double share = expl(cosine_of(o, i, k) / tau) / all;
            count += 1;
            positive += share;
            logs += logl(share);
        }
    return -(which == 0 ? logs / count : logl(which == 1 ? positive / count : positive));
}

static long double plain_labelled(size_t which, const struct outputs *o, double tau)
{
    long double loss = 0;
    const size_t rows = 2 * o->samples;
    for (size_t i = 0; i < rows; i++)
        loss += plain_row(which, o, tau, i) / rows;
    return loss;
}

static void losses_of_labels_are_those_of_the_papers(void **state)
{
    (void)state;
    for (size_t which = 0; which < LABELLED; which++)
        for (double tau = 0.05; tau < 2; tau *= 3)
            for (uint64_t seed = 0; seed < 5; seed++) {
                struct chosen chosen = chosen_of(labelled_names[which], "tau", tau, NULL, 0);
                struct bare bare;
                open_bare(&bare, &chosen, 3, 13);
                bare.outputs.label = some_labels(13);
                kit_fill(bare.f, 2 * 3 * bare.outputs.stride, 1, seed, 4, 0);
                double expected = (double)plain_labelled(which, &bare.outputs, tau);
                double loss = bare_loss(&bare);
                if (!(fabs(loss - expected) <= 1e-13 * (1 + fabs(expected))))
                    fail_msg("%s: %.17g, not %.17g", chosen.name, loss, expected);
                close_bare(&bare);
            }
}

/* The partner is always a positive: with as many classes as samples all losses equal ntxent, to the
 * bit if the positives are outside the logarithm. */
static void a_sample_alone_in_its_class_has_the_loss_of_ntxent(void **state)
{
    (void)state;
    uint8_t own[13];
    struct chosen plain = chosen_of("ntxent", "tau", 0.2, NULL, 0);
    struct bare expected;
    open_bare(&expected, &plain, 3, 13);
    kit_fill(expected.f, 2 * 3 * expected.outputs.stride, 1, 9, 4, 0);
    double loss = bare_loss(&expected);
    const size_t size = 2 * 3 * expected.outputs.stride;
    for (size_t i = 0; i < 13; i++)
        own[i] = (uint8_t)(255 - 7 * i);
    for (size_t which = 0; which < LABELLED; which++)
        for (int none = 0; none < 2; none++) {
            struct chosen chosen = chosen_of(labelled_names[which], "tau", 0.2, NULL, 0);
            struct bare bare;
            open_bare(&bare, &chosen, 3, 13);
            bare.outputs.label = none ? NULL : own;
            memcpy(bare.f, expected.f, size * sizeof *bare.f);
            double error = fabs(bare_loss(&bare) - loss), away = 0;
            for (size_t i = 0; i < size; i++)
                away = fmax(away, fabs(bare.df[i] - expected.df[i]));
            if (!(error <= (which ? 1e-14 : 0) && away <= (which ? 1e-14 : 0)))
                fail_msg("%s: off by %g, its gradient by %g", chosen.name, error, away);
            bare.outputs.label = one_class; /* the control */
            assert_true(fabs(bare_loss(&bare) - loss) > 0.01);
            close_bare(&bare);
        }
    close_bare(&expected);
}

/* ntxent of one anchor: its partner among all others. */
static long double partner_row(const struct outputs *o, double tau, size_t i)
{
    const size_t rows = 2 * o->samples;
    long double all = 0;
    for (size_t k = 0; k < rows; k++)
        all += k == i ? 0 : expl(cosine_of(o, i, k) / tau);
    return logl(all) - cosine_of(o, i, (i + o->samples) % rows) / tau;
}

/* The sample that is alone in its class: the part of its two rows in the loss, which is the loss
 * minus the rows of all others. */
static void a_sample_alone_among_classes_has_the_rows_of_ntxent(void **state)
{
    (void)state;
    enum { SAMPLES = 13, ALONE = 3 }; /* in some_labels */
    const double tau = 0.2;
    for (size_t which = 0; which < LABELLED; which++) {
        struct chosen chosen = chosen_of(labelled_names[which], "tau", tau, NULL, 0);
        struct bare bare;
        open_bare(&bare, &chosen, 3, SAMPLES);
        const struct outputs *o = &bare.outputs;
        bare.outputs.label = some_labels(SAMPLES);
        kit_fill(bare.f, 2 * 3 * o->stride, 1, 5, 4, 0);
        long double rest = 2 * SAMPLES * (long double)bare_loss(&bare), partners = 0;
        for (size_t i = 0; i < 2 * SAMPLES; i++)
            if (i % SAMPLES != ALONE)
                rest -= plain_row(which, o, tau, i);
            else
                partners += partner_row(o, tau, i);
        if (!(fabsl(rest - partners) <= 1e-12 * partners))
            fail_msg("%s: %.17Lg, not %.17Lg", chosen.name, rest, partners);
        /* control: a sample of a larger class has other rows */
        assert_true(fabsl(plain_row(which, o, tau, 0) - partner_row(o, tau, 0)) > 0.01);
        close_bare(&bare);
    }
}

/* ---- cacr ---- */

static long double plain_cost(const double *r, int count, long double t)
{
    long double total = 0, mean = 0;
    for (int k = 0; k < count; k++)
        total += expl(t * 2 * r[k]);
    for (int k = 0; k < count; k++)
        mean += expl(t * 2 * r[k]) / total * 2 * r[k];
    return mean;
}

static void cacr_is_attraction_less_repulsion(void **state)
{
    (void)state;
    double r[64 + 65], d[64 + 65];
    for (int k = 1; k <= 64; k = 4 * k)
        for (int h = 1; h <= 64; h = 8 * h)
            for (uint64_t seed = 0; seed < 20; seed++) {
                struct chosen c = chosen_of("cacr", "positives", k, "negatives", h);
                struct cacr_settings *s = (void *)&c.settings;
                kit_fill(r, (size_t)(k + h), 1, seed, 6, 0);
                s->t_plus = (double)seed / 5;
                s->t_minus = (double)(seed % 7);
                for (int i = 0; i < k + h; i++)
                    r[i] = 1 + r[i];
                double expected = (double)(plain_cost(r, k, s->t_plus) -
                                           plain_cost(r + k, h, -(long double)s->t_minus));
                double loss = loss_of_distances(&c, h, r, r + k, d, d + k);
                assert_int_equal(needs_of(&c).views, 1 + k + h);
                if (!(fabs(loss - expected) <= 1e-13 * (1 + fabs(expected))))
                    fail_msg("%s: %.17g, not %.17g", c.name, loss, expected);
            }
}

/* ---- normalisation ---- */

static double normalised_product(int width, const double *f, const double *dy, double eps)
{
    double square = 0, dot = 0;
    for (int k = 0; k < width; k++) {
        square += f[k * 8] * f[k * 8];
        dot += f[k * 8] * dy[k * 8];
    }
    return dot / (sqrt(square) + eps);
}

static void normalize_backward_matches_differences(void **state)
{
    (void)state;
    double f[5 * 8], dy[5 * 8], df[5 * 8], y[5 * 8];
    for (int width = 1; width <= 5; width++)
        for (double eps = 1e-4; eps < 2; eps *= 100) {
            kit_fill(f, 40, 1, (uint64_t)width, 0, 0);
            kit_fill(dy, 40, 1, (uint64_t)width, 1, 0);
            normalize_forward(width, 8, 8, eps, f, y);
            normalize_backward(width, 8, 8, eps, f, dy, df);
            for (size_t s = 0; s < 8; s++)
                for (int k = 0; k < width; k++) {
                    double *at = &f[(size_t)k * 8 + s], before = *at, h = 1e-4 * fabs(before);
                    double norm = 0;
                    for (int j = 0; j < width; j++)
                        norm += f[(size_t)j * 8 + s] * f[(size_t)j * 8 + s];
                    double expected = before / (sqrt(norm) + eps);
                    assert_true(fabs(y[(size_t)k * 8 + s] - expected) < 1e-14);
                    double slope;
                    KIT_DIFFERENCE(slope, at, h, 2, normalised_product(width, f + s, dy + s, eps));
                    if (!(fabs(df[(size_t)k * 8 + s] - slope) <= 1e-6 * (1 + fabs(slope))))
                        fail_msg("width %d, eps %g: %g, differences give %g", width, eps,
                                 df[(size_t)k * 8 + s], slope);
                }
        }
}

static void normalize_is_finite_at_zero(void **state)
{
    (void)state;
    double f[3 * 8] = {0}, dy[3 * 8], y[3 * 8], kept[3 * 8];
    kit_fill(dy, 24, 1, 1, 0, 0);
    memcpy(kept, dy, sizeof kept);
    normalize_forward(3, 8, 8, 1e-4, f, y);
    normalize_backward(3, 8, 8, 1e-4, f, dy, dy); /* in place */
    for (int i = 0; i < 24; i++) {
        assert_true(y[i] == 0);
        assert_true(fabs(dy[i] - kept[i] / 1e-4) <= 1e-12 * fabs(dy[i]));
    }
}

/* ---- optimisers ---- */

enum { COUNT = 19, STEPS = 7 };

static void check_optimiser(const struct optimiser *optimiser, const union kit_settings *settings,
                            const double *expected, uint64_t seed)
{
    double parameter[COUNT], gradient[COUNT], state[2 * 24] = {0};
    assert_true(optimiser->slots <= 2);
    kit_fill(parameter, COUNT, 1, seed, 0, 0);
    for (uint64_t step = 1; step <= STEPS; step++) {
        kit_fill(gradient, COUNT, 1, seed, step, 0);
        /* in two parts, as two threads do it */
        optimiser->update(settings, step, 10, parameter, gradient, state, 24);
        optimiser->update(settings, step, COUNT - 10, parameter + 10, gradient + 10, state + 10,
                          24);
    }
    assert_true(kit_distance(parameter, expected, COUNT) < 1e-13);
}

static void sgd_follows_its_formula(void **state)
{
    (void)state;
    const struct descriptor *about = &optimiser_sgd.about;
    const double momenta[] = {0, 0.9}, decays[] = {0, 0.05};
    for (int m = 0; m < 2; m++)
        for (int w = 0; w < 2; w++) {
            union kit_settings settings;
            kit_defaults(about, &settings);
            kit_set(about, &settings, "lr", 0.2);
            kit_set(about, &settings, "momentum", momenta[m]);
            kit_set(about, &settings, "weight_decay", decays[w]);
            double p[COUNT], g[COUNT], v[COUNT] = {0};
            kit_fill(p, COUNT, 1, 11, 0, 0);
            for (uint64_t step = 1; step <= STEPS; step++) {
                kit_fill(g, COUNT, 1, 11, step, 0);
                for (int i = 0; i < COUNT; i++) {
                    v[i] = momenta[m] * v[i] + g[i] + decays[w] * p[i];
                    p[i] = p[i] - 0.2 * v[i];
                }
            }
            check_optimiser(&optimiser_sgd, &settings, p, 11);
        }
}

static void adam_follows_its_formula(void **state)
{
    (void)state;
    const struct descriptor *about = &optimiser_adam.about;
    const double decays[] = {0, 0.05};
    for (int w = 0; w < 2; w++) {
        union kit_settings settings;
        kit_defaults(about, &settings);
        kit_set(about, &settings, "lr", 0.01);
        kit_set(about, &settings, "beta1", 0.8);
        kit_set(about, &settings, "beta2", 0.95);
        kit_set(about, &settings, "eps", 1e-3);
        kit_set(about, &settings, "weight_decay", decays[w]);
        double p[COUNT], all[STEPS + 1][COUNT];
        kit_fill(p, COUNT, 1, 12, 0, 0);
        for (uint64_t t = 1; t <= STEPS; t++) {
            kit_fill(all[t], COUNT, 1, 12, t, 0);
            for (int i = 0; i < COUNT; i++) {
                /* moments as sums over the past, divided by the sum of their weights */
                double mean = 0, square = 0, weight1 = 0, weight2 = 0;
                all[t][i] += decays[w] * p[i];
                for (uint64_t u = 1; u <= t; u++) {
                    mean += pow(0.8, (double)(t - u)) * all[u][i];
                    weight1 += pow(0.8, (double)(t - u));
                    square += pow(0.95, (double)(t - u)) * all[u][i] * all[u][i];
                    weight2 += pow(0.95, (double)(t - u));
                }
                p[i] -= 0.01 * (mean / weight1) / (sqrt(square / weight2) + 1e-3);
            }
        }
        check_optimiser(&optimiser_adam, &settings, p, 12);
    }
}

/* ---- the trainer ---- */

struct setup {
    struct chosen chosen;
    union kit_settings optimiser;
    void *world;
    struct network network;
    struct learner plan;
    struct trainer trainer;
    struct arena arena;
};

struct job {
    struct chosen chosen;
    const struct kit_shape *shape;
    struct kit_options options;
    const struct optimiser *optimiser;
    double lr;
    size_t samples, batch;
    int threads;
};

static void open_trainer(struct setup *setup, const struct job *job)
{
    memset(setup, 0, sizeof *setup);
    setup->chosen = job->chosen;
    struct kit_tree tree = {.depth = job->shape->depth,
                            .states = job->shape->states,
                            .low = 0.5,
                            .high = 0.95,
                            .seed = 17};
    memcpy(tree.children, job->shape->children, sizeof tree.children);
    setup->world = kit_open_tree(&tree);
    kit_build(&setup->network, job->shape, job->options);
    kit_defaults(&job->optimiser->about, &setup->optimiser);
    kit_set(&job->optimiser->about, &setup->optimiser, "lr", job->lr);
    if (job->optimiser == &optimiser_adam) /* so that it does not amplify rounding */
        kit_set(&job->optimiser->about, &setup->optimiser, "eps", 1e-3);
    setup->plan = (struct learner){.source = &source_hltm,
                                   .world = setup->world,
                                   .network = &setup->network,
                                   .objective = job->chosen.objective,
                                   .objective_settings = &setup->chosen.settings,
                                   .optimiser = job->optimiser,
                                   .optimiser_settings = &setup->optimiser,
                                   .seed = 23,
                                   .samples = job->samples,
                                   .batch = job->batch,
                                   .threads = job->threads};
    KIT_LAY_OUT(&setup->arena, pass, trainer_layout(&setup->trainer, &setup->plan, pass));
}

static void close_trainer(struct setup *setup)
{
    source_hltm.close(setup->world);
    arena_free(&setup->arena);
}

static struct job default_job(struct chosen chosen)
{
    return (struct job){.chosen = chosen,
                        .shape = &shapes[1],
                        .options = {.bias = true, .normalize = true},
                        .optimiser = &optimiser_sgd,
                        .lr = 0.5,
                        .samples = 300,
                        .batch = 100,
                        .threads = 2};
}

/* Samples [first, first + count) of epoch 1. */
static void draw_samples(const struct setup *setup, struct batch_loss *loss, size_t first)
{
    enum { MOST_VIEWS = 16 };
    struct batch *batch = &loss->batch;
    static uint8_t label[1024];
    const int count = batch->outputs.views;
    const struct draw draw = {.seed = setup->plan.seed, .purpose = PURPOSE_TRAIN, .epoch = 1};
    struct views views = {.source = &source_hltm,
                          .world = setup->world,
                          .positives = loss->loss.needs.positives,
                          .count = count};
    struct rows rows[MOST_VIEWS + 1] = {{.label = label}};
    struct error err;
    assert_true(count <= MOST_VIEWS && batch->samples <= sizeof label);
    for (int view = 0; view < count; view++)
        rows[1 + view] = batch_rows(batch, view);
    batch->outputs.label = label;
    check_ok(views_open(&views, &err), &err);
    views_fill(&views, draw, first, batch->samples, rows, (size_t)count + 1);
    views_close(&views);
}

/* The expected epoch, with one batch evaluated by sample. */
static double plain_epoch(const struct setup *setup, double *parameters)
{
    struct batch_loss batch;
    struct arena arena;
    const struct learner *p = &setup->plan;
    lay_out_batch(&batch, p->network, p->objective, p->objective_settings, p->batch,
                  p->network->levels, &arena);
    size_t count = p->network->parameters, steps = p->samples / p->batch;
    double *gradient = allocate(count, sizeof(double)),
           *state = allocate(2 * count, sizeof(double)), sum = 0;
    network_init(p->network, p->seed, PURPOSE_WEIGHTS, parameters);
    for (size_t step = 0; step < steps; step++) {
        draw_samples(setup, &batch, step * p->batch);
        sum += batch_loss(&batch, parameters, gradient);
        p->optimiser->update(p->optimiser_settings, step + 1, count, parameters, gradient, state,
                             count);
    }
    free(gradient);
    free(state);
    arena_free(&arena);
    return sum / (double)steps;
}

static void check_epoch(const struct job *job)
{
    struct setup setup;
    open_trainer(&setup, job);
    size_t count = setup.network.parameters;
    double *expected = allocate(count, sizeof(double)), *start = allocate(count, sizeof(double));
    network_init(&setup.network, setup.plan.seed, PURPOSE_WEIGHTS, start);
    assert_memory_equal(setup.trainer.parameters, start, count * sizeof *start);
    struct epoch_result result = trainer_epoch(&setup.trainer, 1, NULL);
    double loss = plain_epoch(&setup, expected);
    char net[96];
    describe(job->shape, job->options, net, sizeof net);
    if (!(fabs(result.loss - loss) <= 1e-11 * (1 + fabs(loss))))
        fail_msg("%s, %s: mean loss %.15g, not %.15g", job->chosen.name, net, result.loss, loss);
    for (int l = 0; l < setup.network.levels; l++)
        for (int part = 0; part < 2; part++) {
            size_t first, size = block_of(&setup.network, l, part, &first);
            double error = kit_distance(setup.trainer.parameters + first, expected + first, size);
            if (!(error <= 1e-10))
                fail_msg("%s, %s: level %d is off by %g", job->chosen.name, net, l, error);
            if (part == 0 && kit_distance(start + first, expected + first, size) < 1e-6)
                fail_msg("%s, %s: level %d learns nothing", job->chosen.name, net, l);
        }
    assert_int_equal(result.steps, job->samples / job->batch);
    assert_false(result.diverged || result.stopped);
    free(expected);
    free(start);
    close_trainer(&setup);
}

enum { TRAINED = 9 };

/* One objective of each form, all with labels, and all with more negatives or positives. */
static size_t trainer_objectives(struct chosen out[TRAINED])
{
    out[0] = chosen_of("infonce", "tau", 0.3, "negatives", 3);
    out[1] = chosen_of("reference_nce", "tau", 0.3, NULL, 0);
    out[2] = chosen_of("ntxent", "tau", 0.3, NULL, 0);
    out[3] = chosen_of("triplet", "tau", 0.3, "margin", 0.5);
    out[4] = chosen_of("supcon_out", "tau", 0.3, NULL, 0);
    out[5] = chosen_of("supcon_in", "tau", 0.3, NULL, 0);
    out[6] = chosen_of("cacr", "positives", 3, "negatives", 2);
    out[7] = chosen_of("vicreg", "covariance", 3, NULL, 0);
    /* standardised it would divide by deviations near 0, and blow up rounding */
    out[8] = chosen_of("barlow_twins", "lambda", 0.3, "standardize", 0);
    return TRAINED;
}

static void trainer_steps_are_batch_gradients_and_updates(void **state)
{
    (void)state;
    struct chosen chosen[TRAINED];
    static const size_t trees[] = {0, 1, 2, 4, 5, 7, 12};
    for (size_t c = 0; c < trainer_objectives(chosen); c++)
        for (size_t i = 0; i < sizeof trees / sizeof *trees; i++)
            for (int bits = 0; bits < 8; bits++) {
                struct job job = default_job(chosen[c]);
                job.shape = &shapes[trees[i]];
                job.options = option_bits(bits);
                job.threads = 1 + bits % 3;
                if (bits & 1) {
                    job.optimiser = &optimiser_adam;
                    job.lr = 0.01;
                }
                check_epoch(&job);
            }
}

static void trainer_learns_rows_of_any_width(void **state)
{
    (void)state;
    for (size_t i = 0; i < WIDE; i++) {
        struct job job = default_job(chosen_of("infonce", "tau", 0.3, "negatives", 2));
        job.shape = &wide_trees[i];
        job.threads = 1 + (int)i % 3;
        check_epoch(&job);
    }
}

/* Level 2 of the last shape has 512 patterns; 300 samples have only some of them. */
static void trainer_looks_for_patterns_that_occur(void **state)
{
    (void)state;
    struct chosen chosen = chosen_of("reference_nce", "tau", 0.3, NULL, 0);
    static const struct {
        size_t shape;
        int entry;
        bool looks;
    } cases[] = {{1, 0, false}, {2, 0, true}, {4, 0, true}, {12, 1, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct job job = default_job(chosen);
        struct setup setup;
        job.shape = &shapes[cases[i].shape];
        open_trainer(&setup, &job);
        assert_true((setup.trainer.tables.batch_patterns != NULL) == cases[i].looks);
        assert_int_equal(setup.trainer.tables.entry, cases[i].entry);
        close_trainer(&setup);
    }
}

/* Every sample has the column of its pattern, and the columns are different patterns that occur. */
static void check_occurring(const struct network *n, int level, int views, size_t samples)
{
    struct arena arena;
    struct batch_patterns o;
    struct numbering both, numbering;
    const size_t children = (size_t)n->level[level].children, stride = samples + 3;
    const size_t nodes = nodes_of(n, level), all = (size_t)views * nodes * stride;
    uint16_t *pattern = allocate(all, sizeof *pattern);
    KIT_LAY_OUT(&arena, pass, batch_patterns_layout(&o, n, level, views, samples, pass);
                numbering_layout(&both, &o, 2, pass));
    for (int turn = 0; turn < 3; turn++) { /* patterns of an earlier batch are gone */
        for (size_t i = 0; i < all; i++)
            pattern[i] = (uint16_t)((i * i + 7 * i * (size_t)turn) % (o.patterns - (i % 2)));
        numbering = numbering_of(&both, &o, (size_t)turn % 2);
        batch_patterns_number(&o, pattern, nodes * stride, stride, numbering);
        batch_patterns_take(&o, numbering, 0, 1);
        batch_patterns_take(&o, numbering, 1, nodes);
        for (size_t node = 0; node < nodes; node++) {
            const uint16_t *own = o.pattern + node * children * o.most;
            bool met[1024] = {false};
            for (int v = 0; v < views; v++)
                for (size_t s = 0; s < samples; s++) {
                    const size_t column = numbering_columns(numbering, &o, v, s)[node * o.stride];
                    assert_true(column < o.count[node]);
                    met[column] = true;
                    size_t of_node = 0;
                    for (size_t c = 0; c < children; c++)
                        of_node = of_node * o.child_patterns + own[c * o.most + column];
                    assert_int_equal(of_node, pattern[((size_t)v * nodes + node) * stride + s]);
                }
            for (size_t i = 0; i < o.count[node]; i++)
                assert_true(met[i]);
            for (size_t i = o.count[node]; i < batch_patterns_columns(&o, node); i++)
                for (size_t c = 0; c < children; c++)
                    assert_int_equal(own[c * o.most + i], 0);
            for (size_t i = 1; i < o.count[node]; i++) { /* in the order of the patterns */
                size_t a = 0, b = 0;
                for (size_t c = 0; c < children; c++) {
                    a = a * o.child_patterns + own[c * o.most + i - 1];
                    b = b * o.child_patterns + own[c * o.most + i];
                }
                assert_true(a < b);
            }
        }
    }
    free(pattern);
    arena_free(&arena);
}

static void patterns_that_occur_are_found(void **state)
{
    (void)state;
    struct network n;
    kit_build(&n, &shapes[12], option_bits(0));
    assert_true(batch_patterns_pays(&n, 2, 128));
    assert_false(batch_patterns_pays(&n, 2, 127)); /* 512 patterns */
    assert_false(batch_patterns_pays(&n, 1, 1 << 20));
    check_occurring(&n, 2, 3, 100);
    check_occurring(&n, 2, 1, 1);
    check_occurring(&n, 2, 2, 700);
    kit_build(&n, &shapes[5], option_bits(0)); /* one child: its patterns are the node's */
    check_occurring(&n, 1, 2, 50);
    kit_build(&n, &shapes[10], option_bits(0)); /* real-valued leaves */
    assert_false(batch_patterns_pays(&n, 1, 1 << 20));
}

/* 9 samples are less than a chunk; 37 are not a multiple of it; 1000 need a second slab. */
static void trainer_handles_any_batch(void **state)
{
    (void)state;
    struct chosen chosen[TRAINED];
    static const size_t batches[] = {2, 9, 37, 64, 1000};
    for (size_t c = 0; c < trainer_objectives(chosen); c++)
        for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
            struct job job = default_job(chosen[c]);
            job.shape = &shapes[i % 2];
            job.batch = batches[i];
            job.samples = batches[i] < 100 ? 20 * batches[i] + batches[i] / 2 : 5 * batches[i];
            job.lr = 0.1;
            if (needs_of(&chosen[c]).whole_batch && job.batch > 100)
                job.batch = 500;
            check_epoch(&job);
        }
}

static void evaluation_changes_nothing_and_gives_the_mean_loss(void **state)
{
    (void)state;
    struct chosen chosen[TRAINED];
    for (size_t c = 0; c < trainer_objectives(chosen); c++) {
        struct job job = default_job(chosen[c]);
        struct setup setup;
        struct batch_loss batch;
        struct arena arena;
        open_trainer(&setup, &job);
        const struct learner *p = &setup.plan;
        size_t bytes = setup.network.parameters * sizeof(double);
        double *before = allocate(setup.network.parameters, sizeof(double)), loss = 0;
        memcpy(before, setup.trainer.parameters, bytes);
        lay_out_batch(&batch, p->network, p->objective, p->objective_settings, 100, 0, &arena);
        for (size_t step = 0; step < 2; step++) {
            draw_samples(&setup, &batch, step * 100);
            loss += batch_loss(&batch, before, NULL) / 2;
        }
        assert_true(fabs(trainer_evaluate(&setup.trainer, 2) - loss) <= 1e-12 * (1 + fabs(loss)));
        assert_memory_equal(before, setup.trainer.parameters, bytes);
        assert_int_equal(setup.trainer.step, 0);
        free(before);
        arena_free(&arena);
        close_trainer(&setup);
    }
}

static void training_is_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    struct chosen chosen[TRAINED];
    for (size_t c = 0; c < trainer_objectives(chosen); c++)
        for (size_t shape = 1; shape < 8; shape += 3) {
            double *first = NULL, loss = 0;
            static const int threads[] = {1, 1, 2, 3};
            for (int i = 0; i < 4; i++) {
                struct job job = default_job(chosen[c]);
                job.shape = &shapes[shape];
                job.threads = threads[i];
                job.samples = 600;
                struct setup setup;
                open_trainer(&setup, &job);
                trainer_epoch(&setup.trainer, 1, NULL);
                double last = trainer_epoch(&setup.trainer, 2, NULL).loss;
                size_t bytes = setup.network.parameters * sizeof(double);
                if (!first) {
                    first = allocate(setup.network.parameters, sizeof(double));
                    memcpy(first, setup.trainer.parameters, bytes);
                    loss = last;
                }
                if (memcmp(first, setup.trainer.parameters, bytes) != 0 || last != loss)
                    fail_msg("%s: %d threads differ", chosen[c].name, threads[i]);
                close_trainer(&setup);
            }
            free(first);
        }
}

static void a_diverging_run_says_so_and_stops(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        struct job job = default_job(chosen_of("simple", NULL, 0, NULL, 0));
        job.options = (struct kit_options){.bias = true};
        job.samples = 100 * 200;
        job.threads = threads;
        job.lr = 1e20;
        struct setup setup;
        open_trainer(&setup, &job);
        struct epoch_result result = trainer_epoch(&setup.trainer, 1, NULL);
        assert_true(result.diverged);
        assert_false(result.stopped);
        assert_in_range(result.steps, 1, 199);
        assert_int_equal(result.steps, setup.trainer.step);
        close_trainer(&setup);
        /* the step before it was still finite */
        job.samples = 100 * (result.steps - 1);
        open_trainer(&setup, &job);
        if (job.samples) {
            assert_false(trainer_epoch(&setup.trainer, 1, NULL).diverged);
            assert_true(isfinite(kit_largest(setup.trainer.parameters, setup.network.parameters)));
        }
        close_trainer(&setup);
    }
}

/* The loss overflows before the gradient and the parameters do. */
static void an_infinite_loss_is_a_divergence_too(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 2; threads++) {
        struct job job = default_job(chosen_of("simple", NULL, 0, NULL, 0));
        job.shape = &shapes[0];
        job.options = (struct kit_options){.bias = true};
        job.threads = threads;
        job.lr = 0;
        struct setup setup;
        open_trainer(&setup, &job);
        for (size_t i = 0; i < setup.network.parameters; i++)
            setup.trainer.parameters[i] *= 1e80;
        struct epoch_result result = trainer_epoch(&setup.trainer, 1, NULL);
        assert_true(result.diverged);
        assert_int_equal(result.steps, 1);
        assert_true(isfinite(kit_largest(setup.trainer.parameters, setup.network.parameters)));
        close_trainer(&setup);
    }
}

/* A ReLU turns NaN into 0, so a loss may stay finite with a NaN below. */
static void a_nan_in_any_weight_is_noticed_at_once(void **state)
{
    (void)state;
    for (size_t batch = 4; batch <= 100; batch += 96) /* evaluated by sample and by pattern */
        for (int level = 0; level < 3; level++)
            for (int part = 0; part < 2; part++)
                for (int threads = 1; threads <= 2; threads++) {
                    struct job job = default_job(chosen_of("infonce", NULL, 0, NULL, 0));
                    job.batch = batch;
                    job.threads = threads;
                    struct setup setup;
                    open_trainer(&setup, &job);
                    size_t first, count = block_of(&setup.network, level, part, &first);
                    setup.trainer.parameters[first + count / 2] = NAN;
                    struct epoch_result result = trainer_epoch(&setup.trainer, 1, NULL);
                    if (!result.diverged || result.steps != 1)
                        fail_msg("level %d: not noticed after %d steps", level, (int)result.steps);
                    close_trainer(&setup);
                }
}

static bool refuse_later(void *context, size_t step)
{
    (void)step;
    return (*(int *)context)-- > 0;
}

static void keep_going_stops_a_run(void **state)
{
    (void)state;
    for (int asked = 0; asked < 3; asked++) {
        struct job job = default_job(chosen_of("infonce", NULL, 0, NULL, 0));
        job.samples = 100 * 300;
        struct setup setup, shorter;
        int left = asked;
        open_trainer(&setup, &job);
        struct epoch_result result =
            trainer_epoch(&setup.trainer, 1,
                          &(struct trainer_watch){.keep_going = refuse_later, .context = &left});
        assert_true(result.stopped);
        assert_false(result.diverged);
        assert_in_range(result.steps, asked > 1, 299);
        assert_int_equal(left, -1); /* not asked again */
        job.samples = 100 * result.steps;
        open_trainer(&shorter, &job);
        result = trainer_epoch(&shorter.trainer, 1, NULL);
        assert_false(result.stopped);
        assert_memory_equal(setup.trainer.parameters, shorter.trainer.parameters,
                            setup.network.parameters * sizeof(double));
        close_trainer(&setup);
        close_trainer(&shorter);
    }
}

/* ---- initial parameters ---- */

static void parameters_are_laid_out_level_by_level(void **state)
{
    (void)state;
    struct network n;
    kit_build(&n, &shapes[5],
              (struct kit_options){.bias = true}); /* children 2, 1, 3, 2; width 3 */
    static const size_t nodes[] = {1, 2, 2, 6};
    static const int fan_in[] = {6, 3, 9, 2};
    size_t offset = 0;
    for (int l = 0; l < 4; l++) {
        assert_int_equal(n.level[l].nodes, nodes[l]);
        assert_int_equal(n.level[l].fan_in, fan_in[l]);
        assert_int_equal(weight_offset(&n, l, 0), offset);
        assert_int_equal(weight_offset(&n, l, nodes[l] - 1),
                         offset + (nodes[l] - 1) * 3 * (size_t)fan_in[l]);
        offset += nodes[l] * 3 * (size_t)fan_in[l];
        assert_int_equal(bias_offset(&n, l, 0), offset);
        assert_int_equal(bias_offset(&n, l, nodes[l] - 1), offset + (nodes[l] - 1) * 3);
        offset += nodes[l] * 3;
    }
    assert_int_equal(n.parameters, offset);
    kit_build(&n, &shapes[5], (struct kit_options){.bias = false});
    assert_int_equal(n.parameters, offset - 3 * (1 + 2 + 2 + 6));
    kit_build(&n, &shapes[9],
              (struct kit_options){.bias = true}); /* layers 6, 2 on 4 leaves of 3 states */
    assert_int_equal(n.parameters, 2 * 6 + 2 + 6 * 12 + 6);
    kit_build(&n, &shapes[11], (struct kit_options){.bias = true}); /* one layer on 7 numbers */
    assert_int_equal(n.parameters, 3 * 7 + 3);
}

static void check_uniform(const double *w, size_t count, double bound, const char *what)
{
    double mean = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        if (!(fabs(w[i]) <= bound))
            fail_msg("%s: %g is out of bounds", what, w[i]);
        mean += w[i] / (double)count;
        square += w[i] * w[i] / (double)count;
    }
    /* standard errors of the mean and of the mean square of a uniform number */
    double n = (double)count, variance = bound * bound / 3;
    if (!(fabs(mean) < 5 * sqrt(variance / n)))
        fail_msg("%s: the mean is %g", what, mean);
    if (!(fabs(square - variance) < 5 * bound * bound * sqrt(4.0 / 45 / n)))
        fail_msg("%s: the variance is %g, not %g", what, square, variance);
}

static void initial_parameters_are_uniform_within_their_bounds(void **state)
{
    (void)state;
    static const struct kit_shape wide[] = {
        {.depth = 2, .children = {3, 5}, .states = 2, .width = 40},
        {.children = {50}, .states = 2, .layers = {60, 80, 70}, .layer_count = 3},
    };
    for (int i = 0; i < 2; i++) {
        struct network n;
        kit_build(&n, &wide[i], (struct kit_options){.bias = true});
        double *w = allocate(n.parameters, sizeof(double)),
               *again = allocate(n.parameters, sizeof(double));
        network_init(&n, 5, PURPOSE_WEIGHTS, w);
        network_init(&n, 5, PURPOSE_WEIGHTS, again);
        assert_memory_equal(w, again, n.parameters * sizeof *w);
        for (int l = 0; l < n.levels; l++)
            for (int part = 0; part < 2; part++) {
                size_t first, count = block_of(&n, l, part, &first);
                check_uniform(w + first, count, 1 / sqrt(n.level[l].fan_in), part ? "b" : "W");
            }
        network_init(&n, 6, PURPOSE_WEIGHTS, again); /* another seed, other numbers; none repeats */
        double dot = 0;
        for (size_t k = 0; k < n.parameters; k++) {
            assert_true(w[k] != again[k]);
            assert_true(k == 0 || w[k] != w[k - 1]);
            dot += w[k] * again[k];
        }
        assert_true(fabs(dot) < 5 * n.level[0].width);
        free(w);
        free(again);
    }
}

/* A node's numbers depend on the seed, its level and its place, not on the other nodes. */
static void initial_weights_are_addressed_by_node(void **state)
{
    (void)state;
    struct network with, without;
    kit_build(&with, &shapes[1], (struct kit_options){.bias = true});
    kit_build(&without, &shapes[1], (struct kit_options){.bias = false});
    double *a = allocate(with.parameters, sizeof(double)),
           *b = allocate(without.parameters, sizeof(double));
    network_init(&with, 9, PURPOSE_WEIGHTS, a);
    network_init(&without, 9, PURPOSE_WEIGHTS, b);
    for (int l = 0; l < 3; l++) {
        size_t first, other, count = block_of(&with, l, 0, &first);
        block_of(&without, l, 0, &other);
        assert_memory_equal(a + first, b + other, count * sizeof *a);
        for (size_t node = 1; node < with.level[l].nodes; node++)
            assert_true(a[weight_offset(&with, l, node)] != a[weight_offset(&with, l, 0)]);
    }
    free(a);
    free(b);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    linalg_threads_are_safe();
    omp_set_dynamic(0); /* exactly as many threads as requested */
    const struct CMUnitTest tests[] = {
        TEST(outputs_follow_the_definition_of_the_network),
        TEST(gradients_of_relu_trees_match_differences),
        TEST(gradients_of_linear_trees_match_differences),
        TEST(gradients_of_relu_mlps_match_differences),
        TEST(gradients_of_linear_mlps_match_differences),
        TEST(gradients_with_real_leaves_match_differences),
        TEST(padding_does_not_spoil_a_gradient_without_norm_eps),
        TEST(an_all_zero_sample_does_not_spoil_a_gradient_without_norm_eps),
        TEST(evaluation_by_pattern_is_evaluation_by_sample),
        TEST(rows_of_any_width_are_looked_up),
        TEST(the_boundary_follows_the_number_of_columns),
        TEST(outputs_are_homogeneous_in_every_layer_without_bias_only),
        TEST(losses_push_and_pull_equally),
        TEST(triplet_tends_to_the_hinge),
        TEST(losses_are_those_of_the_theory),
        TEST(softmax_losses_stay_finite_at_low_temperature),
        TEST(ntxent_is_exact_where_all_cosines_are_far_below_1),
        TEST(losses_of_labels_are_those_of_the_papers),
        TEST(a_sample_alone_among_classes_has_the_rows_of_ntxent),
        TEST(a_sample_alone_in_its_class_has_the_loss_of_ntxent),
        TEST(cacr_is_attraction_less_repulsion),
        TEST(normalize_backward_matches_differences),
        TEST(normalize_is_finite_at_zero),
        TEST(sgd_follows_its_formula),
        TEST(adam_follows_its_formula),
        TEST(trainer_steps_are_batch_gradients_and_updates),
        TEST(trainer_learns_rows_of_any_width),
        TEST(trainer_looks_for_patterns_that_occur),
        TEST(patterns_that_occur_are_found),
        TEST(trainer_handles_any_batch),
        TEST(evaluation_changes_nothing_and_gives_the_mean_loss),
        TEST(training_is_the_same_bits_for_any_number_of_threads),
        TEST(a_diverging_run_says_so_and_stops),
        TEST(an_infinite_loss_is_a_divergence_too),
        TEST(a_nan_in_any_weight_is_noticed_at_once),
        TEST(keep_going_stops_a_run),
        TEST(parameters_are_laid_out_level_by_level),
        TEST(initial_parameters_are_uniform_within_their_bounds),
        TEST(initial_weights_are_addressed_by_node),
    };
    return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
