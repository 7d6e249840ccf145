/* Protects sim/net/predictor.c, sim/loss/noncontrastive_batch.c and sim/train/direct_predictor.c:
 * gradients without negative pairs, the stop of the gradient, the EMA target, and predictors that
 * are set. */
#include "core/linalg.h"
#include "core/random.h"
#include "sim/loss/noncontrastive_batch.h"
#include "sim/loss/objectives/objectives.h"
#include "sim/registry.h"
#include "sim/train/direct_predictor.h"
#include "sim/train/trainer.h"
#include "tests/kit/arena.h"
#include "tests/kit/numbers.h"
#include "tests/kit/testing.h"
#include "tests/kit/trained.h"

static const struct objective *const objectives[] = {
    &objective_byol, &objective_simsiam, &objective_no_stopgrad, &objective_byol_cosine};
enum { OBJECTIVES = sizeof objectives / sizeof *objectives };

static double *random_array(size_t count, uint64_t seed, uint64_t what)
{
    double *x = allocate(padded(count), sizeof *x);
    kit_fill(x, count, 1, seed, 77, what);
    return x;
}

/* ---- trunks and predictors ---- */

struct trunk {
    const char *name;
    bool tree, relu, bias, normalize;
};

static const struct trunk trunks[] = {
    {"linear layer", false, false, false, false}, {"linear mlp", false, false, true, true},
    {"relu mlp", false, true, false, false},      {"relu mlp, bias", false, true, true, true},
    {"relu tree", true, true, true, true},        {"linear tree", true, false, true, false},
};
enum { TRUNKS = sizeof trunks / sizeof *trunks, WIDTH = 3 };

/* On four binary leaves, two below each of two nodes, or on four numbers. */
static struct network build_trunk(const struct trunk *trunk)
{
    static const int tree[] = {WIDTH, 4}, layers[] = {WIDTH, 5};
    return kit_network((struct network){.levels = trunk->relu || trunk->bias ? 2 : 1,
                                        .relu = trunk->relu,
                                        .bias = trunk->bias,
                                        .normalize = trunk->normalize,
                                        .norm_eps = 1e-2,
                                        .leaves = 4,
                                        .leaf_states = trunk->tree ? 2 : 0,
                                        .mirrors_tree = trunk->tree},
                       trunk->tree ? tree : layers);
}

struct head_case {
    const char *name;
    enum predictor_kind kind;
    int hidden;
    bool bias, symmetric;
};

static const struct head_case heads[] = {
    {"linear", PREDICTOR_LINEAR, 0, false, false},
    {"linear, bias", PREDICTOR_LINEAR, 0, true, false},
    {"linear, symmetric", PREDICTOR_LINEAR, 0, false, true},
    {"linear, bias, symmetric", PREDICTOR_LINEAR, 0, true, true},
    {"two layers", PREDICTOR_TWO_LAYERS, 5, false, false},
    {"two layers, bias", PREDICTOR_TWO_LAYERS, 4, true, false},
    {"two layers, symmetric", PREDICTOR_TWO_LAYERS, WIDTH, true, true},
};
enum { HEADS = sizeof heads / sizeof *heads };

/* ---- one batch with all its parameters ---- */

struct bench {
    char name[160];
    struct network network;
    struct predictor predictor;
    struct noncontrastive_batch batch;
    struct arena arena;
    size_t samples;
    double *x[2]; /* [leaf][samples] */
    struct noncontrastive_parameters parameters;
    double *trunk, *head; /* gradients */
};

static void set_view(struct bench *bench, int view)
{
    size_t count = bench->network.leaves * bench->samples;
    uint8_t *leaf = allocate(count, 1);
    int at;
    struct batch *holder = noncontrastive_batch_view(&bench->batch, view, &at);
    for (size_t i = 0; i < count && bench->network.leaf_states; i++)
        bench->x[view][i] = leaf[i] = bench->x[view][i] > -0.2;
    if (bench->network.leaf_states)
        batch_set_states(holder, at, leaf, bench->samples);
    else
        batch_set_values(holder, at, bench->x[view], bench->samples);
    free(leaf);
}

static void lay_out(struct bench *b, const struct objective *objective, int boundary)
{
    KIT_LAY_OUT(&b->arena, pass,
                noncontrastive_batch_layout(&b->batch, &b->network, &b->predictor, objective, NULL,
                                            b->samples, boundary, pass));
}

static void open_bench(struct bench *b, const struct trunk *trunk, const struct head_case *head,
                       const struct objective *objective, size_t samples, int boundary,
                       uint64_t seed)
{
    struct error err;
    *b = (struct bench){.network = build_trunk(trunk), .samples = samples};
    snprintf(b->name, sizeof b->name, "%s, %s, %s", objective->about.name, trunk->name, head->name);
    check_ok(predictor_build(&b->predictor, head->kind, WIDTH, head->hidden, head->bias,
                             head->symmetric, &err),
             &err);
    lay_out(b, objective, boundary);
    for (int view = 0; view < 2; view++) {
        b->x[view] = random_array(b->network.leaves * samples, seed, (uint64_t)view);
        set_view(b, view);
    }
    b->parameters.trunk = random_array(b->network.parameters, seed, 2);
    b->parameters.target = random_array(b->network.parameters, seed, 3);
    b->parameters.predictor = random_array(b->predictor.parameters, seed, 4);
    predictor_project(&b->predictor, b->parameters.predictor);
    b->trunk = allocate(b->network.parameters, sizeof(double));
    b->head = allocate(b->predictor.parameters, sizeof(double));
}

static void close_bench(struct bench *b)
{
    arena_free(&b->arena);
    for (int view = 0; view < 2; view++)
        free(b->x[view]);
    free(b->parameters.trunk);
    free(b->parameters.target);
    free(b->parameters.predictor);
    free(b->trunk);
    free(b->head);
}

static double evaluate(struct bench *b)
{
    return noncontrastive_batch_loss(&b->batch, &b->parameters, b->trunk, b->head);
}

/* ---- the loss by its definition, in long double ---- */

typedef long double real;

enum { ROWS = 16 };

/* Parameters of the three parts, and the smallest distance of a gate or norm from its kink. */
struct plain {
    real *trunk, *target, *head;
    real margin;
};

static real gate(bool relu, real x, real *margin)
{
    if (!relu)
        return x;
    if (x != 0) /* an exact 0 depends only on zero inputs and stays 0 */
        *margin = fminl(*margin, fabsl(x));
    return x > 0 ? x : 0;
}

static real norm_of(const real *v, real *margin)
{
    real square = 0;
    for (int k = 0; k < WIDTH; k++)
        square += v[k] * v[k];
    *margin = fminl(*margin, sqrtl(square) / 10);
    return sqrtl(square);
}

static void plain_network(const struct network *n, const real *w, const double *x, size_t stride,
                          real out[WIDTH], real *margin)
{
    real below[ROWS], here[ROWS];
    for (size_t i = 0; i < n->leaves; i++)
        below[i] = x[i * stride];
    for (int l = n->levels - 1; l >= 0; l--) {
        const struct level *at = &n->level[l];
        size_t fan_in = (size_t)at->fan_in, neurons = at->nodes * (size_t)at->width;
        for (size_t i = 0; i < neurons; i++) {
            real sum = n->bias ? w[at->biases + i] : 0;
            for (size_t a = 0; a < fan_in; a++)
                sum += w[at->weights + i * fan_in + a] * below[i / (size_t)at->width * fan_in + a];
            here[i] = l > 0 ? gate(n->relu, sum, margin) : sum;
        }
        memcpy(below, here, sizeof here);
    }
    real scale = n->normalize ? norm_of(below, margin) + (real)n->norm_eps : 1;
    for (int k = 0; k < WIDTH; k++)
        out[k] = below[k] / scale;
}

static void plain_predictor(const struct predictor *p, const real *w, const real f[WIDTH],
                            real q[WIDTH], real *margin)
{
    real below[ROWS], here[ROWS];
    memcpy(below, f, WIDTH * sizeof *f);
    for (int l = 0; l < p->layers; l++) {
        size_t inputs = (size_t)p->layer[l].inputs;
        for (size_t i = 0; i < (size_t)p->layer[l].outputs; i++) {
            real sum = p->bias ? w[p->layer[l].biases + i] : 0;
            for (size_t a = 0; a < inputs; a++)
                sum += w[p->layer[l].weights + i * inputs + a] * below[a];
            here[i] = gate(l + 1 < p->layers, sum, margin);
        }
        memcpy(below, here, sizeof here);
    }
    memcpy(q, below, WIDTH * sizeof *q);
}

static real plain_loss(const struct bench *b, struct plain *p)
{
    const bool cosine = b->batch.loss.plan.objective == &objective_byol_cosine;
    real loss = 0;
    p->margin = 1;
    for (size_t s = 0; s < b->samples; s++) {
        real f[WIDTH], q[WIDTH], t[WIDTH], square = 0;
        plain_network(&b->network, p->trunk, b->x[0] + s, b->samples, f, &p->margin);
        plain_predictor(&b->predictor, p->head, f, q, &p->margin);
        plain_network(&b->network, p->target, b->x[1] + s, b->samples, t, &p->margin);
        real nq = cosine ? norm_of(q, &p->margin) : 1, nt = cosine ? norm_of(t, &p->margin) : 1;
        for (int k = 0; k < WIDTH; k++)
            square += (q[k] / nq - t[k] / nt) * (q[k] / nq - t[k] / nt);
        real share = b->batch.prediction.compared.weight
                         ? (real)b->batch.prediction.compared.weight[s]
                         : 1 / (real)b->samples;
        loss += share * (cosine ? square : square / 2);
    }
    return loss;
}

static real *widen(const double *x, size_t count)
{
    real *out = allocate(count, sizeof *out);
    for (size_t i = 0; i < count; i++)
        out[i] = x[i];
    return out;
}

/* The target's parameters are a separate array, so that they can be held fixed; only no_stopgrad
 * moves them with the trunk's. */
static struct plain open_plain(const struct bench *b)
{
    const bool network = b->batch.loss.needs.target == TARGET_NETWORK;
    size_t count = b->network.parameters;
    return (struct plain){.trunk = widen(b->parameters.trunk, count),
                          .target =
                              widen(network ? b->parameters.target : b->parameters.trunk, count),
                          .head = widen(b->parameters.predictor, b->predictor.parameters)};
}

static void close_plain(struct plain *p)
{
    free(p->trunk);
    free(p->target);
    free(p->head);
}

/* Central difference along entry `a`, and along `also` unless it is NULL; error of fourth order. */
static double difference(const struct bench *b, struct plain *p, real *a, real *also)
{
    static const real at[] = {1, -1, 2, -2}, weight[] = {8, -8, -1, 1}, step = 1e-5L;
    const real before = *a;
    real sum = 0;
    for (int k = 0; k < 4; k++) {
        *a = before + at[k] * step;
        if (also)
            *also = *a;
        sum += weight[k] * plain_loss(b, p);
    }
    *a = before;
    if (also)
        *also = before;
    return (double)(sum / (12 * step));
}

static void compare(const struct bench *b, const char *part, const double *gradient,
                    const double *expected, size_t count)
{
    double scale = fmax(kit_largest(expected, count), 1e-3);
    for (size_t i = 0; i < count; i++)
        if (!(fabs(gradient[i] - expected[i]) <= 1e-10 * scale))
            fail_msg("%s: %s %zu: %.15g, differences give %.15g", b->name, part, i, gradient[i],
                     expected[i]);
}

static void compare_with_differences(struct bench *b, struct plain *p, double loss)
{
    const bool both = b->batch.loss.plan.objective == &objective_no_stopgrad;
    const size_t trunk = b->network.parameters, head = b->predictor.parameters;
    double *expected = allocate(trunk > head ? trunk : head, sizeof *expected);
    assert_near(loss, (double)plain_loss(b, p), 1e-14 * (1 + fabs(loss)));
    for (size_t i = 0; i < trunk; i++)
        expected[i] = difference(b, p, p->trunk + i, both ? p->target + i : NULL);
    compare(b, "trunk", b->trunk, expected, trunk);
    for (size_t i = 0; i < head; i++)
        expected[i] = difference(b, p, p->head + i, NULL);
    predictor_project(&b->predictor, expected);
    compare(b, "predictor", b->head, expected, head);
    free(expected);
}

/* ---- gradients ---- */

/* Draw parameters and samples until the loss is smooth around them. */
static void check_gradient(const struct trunk *trunk, const struct head_case *head,
                           const struct objective *objective, const double *share)
{
    for (uint64_t seed = 1; seed < 400; seed++) {
        struct bench b;
        open_bench(&b, trunk, head, objective, 5, 0, seed);
        b.batch.prediction.compared.weight = share;
        struct plain p = open_plain(&b);
        plain_loss(&b, &p);
        bool smooth = p.margin > 1e-3L;
        if (smooth)
            compare_with_differences(&b, &p, evaluate(&b));
        close_plain(&p);
        close_bench(&b);
        if (smooth)
            return;
    }
    fail_msg("no smooth parameters for %s, %s", trunk->name, head->name);
}

static void gradients_match_differences(void **state)
{
    (void)state;
    for (int t = 0; t < TRUNKS; t++)
        for (int h = 0; h < HEADS; h++)
            for (int o = 0; o < OBJECTIVES; o++)
                check_gradient(&trunks[t], &heads[h], objectives[o], NULL);
}

static void samples_may_have_shares_of_their_own(void **state)
{
    (void)state;
    const double share[5] = {0.1, 0.4, 0, 0.3, 0.2};
    for (int o = 0; o < OBJECTIVES; o++)
        check_gradient(&trunks[3], &heads[1], objectives[o], share);
}

/* [NCP] NCP-1 before the expectation: dJ/dW_p = W_p E[f f^T] - E[t f^T] */
static void the_gradient_of_a_linear_predictor_is_the_formula(void **state)
{
    (void)state;
    struct bench b;
    double moment[WIDTH * WIDTH], cross[WIDTH * WIDTH];
    open_bench(&b, &trunks[2], &heads[0], &objective_byol, 37, 0, 5);
    evaluate(&b);
    const double *f = b.batch.online.outputs.f, *t = b.batch.target.outputs.f;
    second_moment(WIDTH, 37, b.batch.online.stride, f, f, moment);
    second_moment(WIDTH, 37, b.batch.target.stride, t, f, cross);
    for (int i = 0; i < WIDTH; i++)
        for (int j = 0; j < WIDTH; j++) {
            double expected = -cross[i * WIDTH + j];
            for (int k = 0; k < WIDTH; k++)
                expected += b.parameters.predictor[i * WIDTH + k] * moment[k * WIDTH + j];
            assert_near(b.head[i * WIDTH + j], expected, 1e-13);
        }
    close_bench(&b);
}

static void evaluation_by_pattern_changes_nothing(void **state)
{
    (void)state;
    for (int o = 0; o < OBJECTIVES; o++) {
        struct bench b, plain;
        open_bench(&b, &trunks[4], &heads[5], objectives[o], 50, 0, 9);
        open_bench(&plain, &trunks[4], &heads[5], objectives[o], 50, b.network.levels, 9);
        assert_true(b.batch.online.tables.boundary < b.network.levels);
        assert_near(evaluate(&b), evaluate(&plain), 1e-14);
        assert_at_most(kit_apart(b.trunk, plain.trunk, b.network.parameters), 1e-14);
        assert_at_most(kit_apart(b.head, plain.head, b.predictor.parameters), 1e-14);
        close_bench(&b);
        close_bench(&plain);
    }
}

static void a_prediction_of_0_leaves_no_nan(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, &trunks[2], &heads[0], &objective_byol_cosine, 6, 0, 3);
    memset(b.parameters.predictor, 0, b.predictor.parameters * sizeof(double));
    assert_near(evaluate(&b), 1, 1e-14); /* |0 - u|^2 of a unit vector u */
    assert_true(kit_largest(b.head, b.predictor.parameters) == 0);
    assert_true(kit_largest(b.trunk, b.network.parameters) == 0);
    close_bench(&b);
}

static void a_loss_alone_is_the_same_and_writes_nothing(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, &trunks[3], &heads[5], &objective_byol, 6, 0, 3);
    double loss = noncontrastive_batch_loss(&b.batch, &b.parameters, NULL, NULL);
    assert_true(kit_largest(b.trunk, b.network.parameters) == 0);
    assert_true(loss == evaluate(&b));
    assert_above(kit_largest(b.trunk, b.network.parameters), 0);
    assert_true(loss == evaluate(&b)); /* gradients are overwritten, not added to */
    double trunk = b.trunk[0], head = b.head[0];
    evaluate(&b);
    assert_true(b.trunk[0] == trunk && b.head[0] == head);
    close_bench(&b);
}

/* ---- targets ---- */

/* simsiam's gradient equals byol's with the online network as a fixed target, up to the order of
 * sums; without the stop-gradient the loss is the same and the gradient differs. */
static void the_stop_of_the_gradient_is_a_target_held_fixed(void **state)
{
    (void)state;
    for (int t = 0; t < TRUNKS; t++)
        for (int h = 0; h < HEADS; h++) {
            struct bench held, stopped, followed;
            open_bench(&held, &trunks[t], &heads[h], &objective_byol, 11, 0, 21);
            open_bench(&stopped, &trunks[t], &heads[h], &objective_simsiam, 11, 0, 21);
            open_bench(&followed, &trunks[t], &heads[h], &objective_no_stopgrad, 11, 0, 21);
            size_t trunk = held.network.parameters, head = held.predictor.parameters;
            ema_step(trunk, 0, held.parameters.trunk, held.parameters.target);
            kit_fill(stopped.batch.online.outputs.df, 2 * WIDTH * stopped.batch.online.stride, 1,
                     21, 77, 5);
            double loss = evaluate(&held);
            assert_near(evaluate(&stopped), loss, 1e-14 * (1 + loss));
            assert_near(evaluate(&followed), loss, 1e-14 * (1 + loss));
            double scale = 1 + kit_largest(held.trunk, trunk) + kit_largest(held.head, head);
            assert_at_most(kit_apart(held.trunk, stopped.trunk, trunk), 1e-14 * scale);
            assert_at_most(kit_apart(held.head, stopped.head, head), 1e-14 * scale);
            assert_at_most(kit_apart(held.head, followed.head, head), 1e-14 * scale);
            assert_above(kit_apart(held.trunk, followed.trunk, trunk), 1e-3);
            close_bench(&held);
            close_bench(&stopped);
            close_bench(&followed);
        }
}

static void a_target_network_gets_no_gradient_and_is_not_changed(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b, &trunks[3], &heads[0], &objective_byol, 8, 0, 4);
    double *before = random_array(b.network.parameters, 4, 3);
    double loss = evaluate(&b);
    assert_true(kit_apart(b.parameters.target, before, b.network.parameters) == 0);
    b.parameters.target[0] += 0.1; /* but the loss depends on it */
    assert_above(fabs(evaluate(&b) - loss), 1e-6);
    free(before);
    close_bench(&b);
}

static void ema_steps_towards_the_online_network(void **state)
{
    (void)state;
    const double online[] = {1, -2, 0.1}, start[] = {0, 4, 0.7};
    double target[3];
    memcpy(target, start, sizeof start);
    ema_step(3, 1, online, target); /* frozen */
    assert_memory_equal(target, start, sizeof start);
    for (int step = 1; step <= 50; step++) {
        ema_step(3, 0.9, online, target);
        for (int i = 0; i < 3; i++)
            assert_near(target[i] - online[i], pow(0.9, step) * (start[i] - online[i]), 1e-14);
    }
    target[2] = 1e9; /* 1e9 + (0.1 - 1e9) is not 0.1 */
    ema_step(3, 0, online, target);
    assert_memory_equal(target, online, sizeof online);
    ema_step(3, 0.996, online, target); /* does not move */
    assert_memory_equal(target, online, sizeof online);
}

static void the_objectives_say_what_they_need(void **state)
{
    (void)state;
    const enum objective_target target[] = {TARGET_NETWORK, TARGET_STOPPED, TARGET_ONLINE,
                                            TARGET_NETWORK};
    for (int o = 0; o < OBJECTIVES; o++) {
        const struct objective *objective = objectives[o];
        assert_ptr_equal(registry_find(&objective_registry, objective->about.name), objective);
        const struct needs needs = objective_needs(objective, NULL);
        assert_int_equal(needs.target, target[o]);
        assert_int_equal(needs.views, 2); /* no negatives are drawn */
        assert_string_equal(objective->about.source, "[NCP]");
    }
}

/* ---- the predictor's shape and symmetry ---- */

static void contradicting_options_are_errors_that_name_both(void **state)
{
    (void)state;
    struct predictor p;
    struct error err;
    assert_int_equal(predictor_build(&p, PREDICTOR_TWO_LAYERS, 4, 6, true, true, &err),
                     STATUS_INVALID);
    assert_non_null(strstr(err.message, "symmetric"));
    assert_non_null(strstr(err.message, "6 hidden"));
    assert_int_equal(predictor_build(&p, PREDICTOR_TWO_LAYERS, 4, 0, true, false, &err),
                     STATUS_INVALID);
    assert_int_equal(predictor_build(&p, PREDICTOR_LINEAR, 0, 0, true, false, &err),
                     STATUS_INVALID);
    check_ok(predictor_build(&p, PREDICTOR_TWO_LAYERS, 4, 6, true, false, &err), &err);
    assert_int_equal(p.parameters, 4 * 6 + 6 + 6 * 4 + 4);
    check_ok(predictor_build(&p, PREDICTOR_LINEAR, 4, 6, false, true, &err), &err);
    assert_int_equal(p.parameters, 4 * 4);
}

static void projection_makes_weights_symmetric_and_nothing_else(void **state)
{
    (void)state;
    struct error err;
    for (int symmetric = 0; symmetric < 2; symmetric++) {
        struct predictor p;
        check_ok(predictor_build(&p, PREDICTOR_TWO_LAYERS, 4, 4, true, symmetric, &err), &err);
        double *before = random_array(p.parameters, 1, 0), *w = random_array(p.parameters, 1, 0);
        predictor_project(&p, w);
        for (int l = 0; l < 2; l++)
            for (size_t i = 0; i < 4; i++) {
                size_t first = p.layer[l].weights, bias = p.layer[l].biases + i;
                assert_true(w[bias] == before[bias]);
                for (size_t j = 0; j < 4; j++) {
                    double a = before[first + i * 4 + j], b = before[first + j * 4 + i];
                    assert_true(w[first + i * 4 + j] == (symmetric ? (a + b) / 2 : a));
                }
            }
        memcpy(before, w, p.parameters * sizeof *w);
        predictor_project(&p, w);
        assert_memory_equal(w, before, p.parameters * sizeof *w);
        free(before);
        free(w);
    }
}

/* ---- predictors that are set ---- */

enum { N = 7, SAMPLES = 53, STRIDE = 64 };

static void multiply(const double *a, const double *b, double *out)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int k = 0; k < N; k++)
                sum += a[i * N + k] * b[k * N + j];
            out[i * N + j] = sum;
        }
}

static bool is_symmetric(const double *a)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < i; j++)
            if (a[i * N + j] != a[j * N + i])
                return false;
    return true;
}

/* Correlation of random outputs that span `rank` dimensions. */
static void random_correlation(double *out, int rank, uint64_t seed)
{
    double *mix = random_array(N * N, seed, 1), *g = random_array(N * STRIDE, seed, 2),
           *f = allocate(N * STRIDE, sizeof *f);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < rank; k++)
            for (int s = 0; s < STRIDE; s++)
                f[i * STRIDE + s] += mix[i * N + k] * g[k * STRIDE + s];
    second_moment(N, SAMPLES, STRIDE, f, f, out);
    free(mix);
    free(g);
    free(f);
}

static void second_moments_are_means_over_the_samples_alone(void **state)
{
    (void)state;
    for (size_t samples = 1; samples < 20; samples++) {
        double *a = random_array(N * STRIDE, samples, 1), *b = random_array(N * STRIDE, samples, 2);
        double moment[N * N], own[N * N];
        for (size_t i = 0; i < N; i++)
            for (size_t s = samples; s < STRIDE; s++)
                a[i * STRIDE + s] = b[i * STRIDE + s] = NAN; /* padding */
        second_moment(N, samples, STRIDE, a, b, moment);
        second_moment(N, samples, STRIDE, a, a, own);
        assert_true(is_symmetric(own));
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < N; j++) {
                double sum = 0, square = 0;
                for (size_t s = 0; s < samples; s++) {
                    sum += a[i * STRIDE + s] * b[j * STRIDE + s] / (double)samples;
                    square += a[i * STRIDE + s] * a[j * STRIDE + s] / (double)samples;
                }
                assert_near(moment[i * N + j], sum, 1e-15);
                assert_near(own[i * N + j], square, 1e-15);
            }
        free(a);
        free(b);
    }
}

static void the_correlation_is_a_running_mean(void **state)
{
    (void)state;
    const double batch[] = {4, 1, 1, 2}, start[] = {1, 0, 0, 1};
    double f[4];
    memcpy(f, start, sizeof f);
    correlation_update(2, 1, batch, f);
    assert_memory_equal(f, start, sizeof f);
    correlation_update(2, 0.3, batch, f);
    assert_near(f[0], 0.3 + 0.7 * 4, 1e-15);
    assert_near(f[1], 0.7, 1e-15);
    for (int step = 0; step < 3; step++)
        correlation_update(2, 0.3, batch, f);
    for (int i = 0; i < 4; i++)
        assert_near(f[i], batch[i] + pow(0.3, 4) * (start[i] - batch[i]), 1e-15);
    correlation_update(2, 0, batch, f);
    assert_memory_equal(f, batch, sizeof f);
}

/* [NCP] NCP-13: p_j = max(s_j - c, 0)^power + epsilon max s, by hand */
static void eigenvalues_follow_the_rule(void **state)
{
    (void)state;
    const double s[] = {4, 1, 0.25, -1e-9};
    const struct {
        struct direct_rule rule;
        double p[4];
    } cases[] = {
        {{.power = 0.5}, {2, 1, 0.5, 0}},
        {{.power = 1}, {4, 1, 0.25, 0}},
        {{.power = 0.5, .epsilon = 0.1}, {2.4, 1.4, 0.9, 0.4}},
        {{.power = 1, .epsilon = 0.1}, {4.4, 1.4, 0.65, 0.4}},
        {{.power = 0.5, .offset = 0.84}, {1.7776388834631178, 0.4, 0, 0}},
        {{.power = 0.5, .offset = -0.44},
         {2.107130750570548, 1.2, 0.8306623862918075, 0.66332495807108}},
        {{.power = 0.5, .offset = 3, .epsilon = 0.5}, {3, 2, 2, 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double p[4];
        direct_eigenvalues(&cases[i].rule, 4, s, p);
        for (int j = 0; j < 4; j++)
            assert_near(p[j], cases[i].p[j], 1e-15);
    }
}

static void check_direct(const struct direct_rule *rule, int rank, uint64_t seed)
{
    double f[N * N], w[N * N], wf[N * N], fw[N * N], s[N], p[N], wu[N];
    double *scratch = allocate(direct_scratch_size(N), sizeof *scratch);
    struct error err;
    random_correlation(f, rank, seed);
    check_ok(direct_predictor(rule, N, f, w, scratch, &err), &err);
    double *u = allocate(N * N, sizeof *u);
    memcpy(u, f, sizeof f);
    check_ok(symmetric_eigen(N, u, s, 1, &err), &err);
    direct_eigenvalues(rule, N, s, p);
    assert_true(is_symmetric(w));
    for (int j = 0; j < N; j++) { /* every eigenvector of F is one of W_p, with value p_j */
        for (int i = 0; i < N; i++) {
            wu[i] = -p[j] * u[j * N + i];
            for (int k = 0; k < N; k++)
                wu[i] += w[i * N + k] * u[j * N + k];
        }
        assert_at_most(kit_largest(wu, N), 1e-14 * (1 + p[0]));
    }
    multiply(w, f, wf);
    multiply(f, w, fw);
    assert_at_most(kit_apart(wf, fw, N * N), 1e-14 * (1 + kit_largest(wf, N * N)));
    free(u);
    free(scratch);
}

static void direct_predictors_are_exactly_as_set_and_commute(void **state)
{
    (void)state;
    const struct direct_rule rules[] = {{0.5, 0, 0}, {0.5, 0.1, 0},    {1, 0, 0},
                                        {1, 0.1, 0}, {0.5, 0.01, 0.1}, {0.5, 0, -0.1}};
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++)
        for (uint64_t seed = 1; seed <= 5; seed++) {
            check_direct(&rules[r], N, seed);
            check_direct(&rules[r], 3, seed); /* singular F */
        }
}

static void powers_of_the_correlation(void **state)
{
    (void)state;
    double f[N * N], w[N * N], square[N * N];
    double *scratch = allocate(direct_scratch_size(N), sizeof *scratch);
    struct error err;
    random_correlation(f, N, 8);
    check_ok(direct_predictor(&(struct direct_rule){.power = 1}, N, f, w, scratch, &err), &err);
    assert_at_most(kit_apart(w, f, N * N), 1e-14); /* DirectCopy */
    check_ok(direct_predictor(&(struct direct_rule){.power = 0.5}, N, f, w, scratch, &err), &err);
    multiply(w, w, square);
    assert_at_most(kit_apart(square, f, N * N), 1e-14); /* W_p^2 = F */
    f[3] = NAN;
    assert_int_equal(direct_predictor(&(struct direct_rule){.power = 1}, N, f, w, scratch, &err),
                     STATUS_DIVERGED);
    assert_int_equal(optimal_predictor(OPTIMAL_PLUG_IN, N, f, f, w, scratch, &err),
                     STATUS_DIVERGED);
    free(scratch);
}

/* W C = B, or W C + C W = 2 B, with B = (cross + cross^T) / 2 */
static void check_optimal(enum optimal_kind kind, const double *c, const double *cross,
                          const double *w)
{
    double wc[N * N], cw[N * N], left[N * N], right[N * N];
    multiply(w, c, wc);
    multiply(c, w, cw);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            right[i * N + j] = (cross[i * N + j] + cross[j * N + i]) / 2;
            left[i * N + j] =
                kind == OPTIMAL_PLUG_IN ? wc[i * N + j] : (wc[i * N + j] + cw[i * N + j]) / 2;
        }
    assert_at_most(kit_apart(left, right, N * N), 1e-12);
}

static void least_squares_predictors_satisfy_their_equations(void **state)
{
    (void)state;
    double c[N * N], w[N * N], flipped[N * N];
    double *scratch = allocate(direct_scratch_size(N), sizeof *scratch);
    struct error err;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        double *cross = random_array(N * N, seed, 9);
        random_correlation(c, N, seed);
        for (int i = 0; i < N; i++)
            c[i * N + i] += 0.1; /* well conditioned */
        for (enum optimal_kind kind = OPTIMAL_PLUG_IN; kind <= OPTIMAL_SYMMETRIC; kind++) {
            check_ok(optimal_predictor(kind, N, c, cross, w, scratch, &err), &err);
            check_optimal(kind, c, cross, w);
            for (int i = 0; i < N * N; i++)
                flipped[i] = w[i % N * N + i / N];
            if (kind == OPTIMAL_SYMMETRIC)
                assert_at_most(kit_apart(w, flipped, N * N), 1e-13);
            else
                assert_above(kit_apart(w, flipped, N * N), 1e-3);
        }
        free(cross);
    }
    free(scratch);
}

/* With the online network as target the optimum is the identity on the range of F. */
static void the_optimum_for_the_target_itself_is_the_identity(void **state)
{
    (void)state;
    double c[N * N], w[N * N], wc[N * N];
    double *scratch = allocate(direct_scratch_size(N), sizeof *scratch);
    struct error err;
    for (enum optimal_kind kind = OPTIMAL_PLUG_IN; kind <= OPTIMAL_SYMMETRIC; kind++)
        for (int rank = 3; rank <= N; rank += N - 3) {
            double trace = 0;
            random_correlation(c, rank, 31);
            check_ok(optimal_predictor(kind, N, c, c, w, scratch, &err), &err);
            multiply(w, c, wc);
            assert_at_most(kit_apart(wc, c, N * N), 1e-12);
            for (int i = 0; i < N; i++)
                trace += w[i * N + i];
            assert_near(trace, rank, 1e-9);
        }
    free(scratch);
}

/* Each layer has numbers of its own, between the bounds of its inputs. */
static void layers_begin_apart(void **state)
{
    (void)state;
    enum { BOTH = 5 };
    struct predictor p;
    struct error err;
    double w[2 * BOTH * (BOTH + 1)], largest = 0;
    check_ok(predictor_build(&p, PREDICTOR_TWO_LAYERS, BOTH, BOTH, true, false, &err), &err);
    assert_int_equal(p.parameters, 2 * BOTH * (BOTH + 1));
    predictor_init(&p, 3, w);
    for (size_t i = 0; i < p.parameters; i++) {
        largest = fmax(largest, fabs(w[i]));
        for (size_t k = 0; k < i; k++)
            assert_true(w[i] != w[k]);
    }
    assert_at_most(largest, 1 / sqrt(BOTH));
    assert_above(largest, 0.8 / sqrt(BOTH));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_match_differences),
        cmocka_unit_test(samples_may_have_shares_of_their_own),
        cmocka_unit_test(the_gradient_of_a_linear_predictor_is_the_formula),
        cmocka_unit_test(evaluation_by_pattern_changes_nothing),
        cmocka_unit_test(a_prediction_of_0_leaves_no_nan),
        cmocka_unit_test(a_loss_alone_is_the_same_and_writes_nothing),
        cmocka_unit_test(the_stop_of_the_gradient_is_a_target_held_fixed),
        cmocka_unit_test(a_target_network_gets_no_gradient_and_is_not_changed),
        cmocka_unit_test(ema_steps_towards_the_online_network),
        cmocka_unit_test(the_objectives_say_what_they_need),
        cmocka_unit_test(contradicting_options_are_errors_that_name_both),
        cmocka_unit_test(projection_makes_weights_symmetric_and_nothing_else),
        cmocka_unit_test(second_moments_are_means_over_the_samples_alone),
        cmocka_unit_test(the_correlation_is_a_running_mean),
        cmocka_unit_test(eigenvalues_follow_the_rule),
        cmocka_unit_test(direct_predictors_are_exactly_as_set_and_commute),
        cmocka_unit_test(powers_of_the_correlation),
        cmocka_unit_test(least_squares_predictors_satisfy_their_equations),
        cmocka_unit_test(the_optimum_for_the_target_itself_is_the_identity),
        cmocka_unit_test(layers_begin_apart),
    };
    return cmocka_run_group_tests_name("predictor", tests, NULL, NULL);
}
