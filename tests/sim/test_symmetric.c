/* Protects the network of [FD] and its training: output, thresholds and their schedule, inner
 * products with targets held constant, the same bits on any number of threads. */
#include "sim/data/sources/sources.h"
#include "sim/loss/batch_loss.h"
#include "sim/loss/objectives/objectives.h"
#include "sim/net/kinds/kinds.h"
#include "sim/optimisers/optimisers.h"
#include "sim/train/trainer.h"
#include "tests/kit/arena.h"
#include "tests/kit/numbers.h"
#include "tests/kit/spec.h"

/* A spec of sparse_coding data and a symmetric network, with its modules. */
struct opened {
    struct spec spec;
    void *world;
    struct network network;
};

static enum status try_open(struct opened *o, const char *keys, struct error *err)
{
    const char *usual = strstr(keys, "data.source")
                            ? "network.kind=symmetric_relu"
                            : "data.source=sparse_coding network.kind=symmetric_relu "
                              "data.features=5 data.dimension=20";
    *o = (struct opened){.world = NULL};
    enum status status = kit_spec(&o->spec, usual, keys, err);
    const struct source *source = (const void *)o->spec.chosen[SECTION_DATA];
    if (!status)
        status = source->open(o->spec.settings[SECTION_DATA], 1, &o->world, err);
    if (status)
        return status;
    return network_build(&o->network, (const void *)o->spec.chosen[SECTION_NETWORK],
                         o->spec.settings[SECTION_NETWORK], source, o->world, err);
}

static struct opened open_spec(const char *keys)
{
    struct opened o;
    struct error err = {0};
    check_ok(try_open(&o, keys, &err), &err);
    return o;
}

static void shut(struct opened *o)
{
    const struct source *source = (const void *)o->spec.chosen[SECTION_DATA];
    if (o->world)
        source->close(o->world);
    spec_free(&o->spec);
}

/* ---- weights and thresholds ---- */

static void weights_begin_normal(void **state)
{
    (void)state;
    struct opened o = open_spec("network.neurons=300 network.scale=0.2 data.dimension=130");
    enum { COUNT = 300 * 130 };
    double *p = allocate(o.network.parameters, sizeof *p), *other = allocate(COUNT, sizeof *p);
    double mean = 0, square = 0, fourth = 0, across = 0;
    assert_int_equal(o.network.parameters, COUNT + 300);
    network_init(&o.network, 1, PURPOSE_WEIGHTS, p);
    for (size_t i = 0; i < COUNT; i++) {
        mean += p[i] / 0.2 / COUNT;
        square += pow(p[i] / 0.2, 2) / COUNT;
        fourth += pow(p[i] / 0.2, 4) / COUNT;
        across += i >= 130 ? p[i] * p[i - 130] / 0.04 / COUNT : 0; /* the previous neuron */
    }
    assert_at_most(fabs(mean), 5 / sqrt(COUNT));
    assert_at_most(fabs(across), 5 / sqrt(COUNT));
    assert_at_most(fabs(square - 1), 5 * sqrt(2.0 / COUNT));
    assert_at_most(fabs(fourth - 3), 5 * sqrt(96.0 / COUNT));
    for (size_t i = 0; i < 300; i++)
        assert_true(p[COUNT + i] == 0);
    memcpy(other, p, COUNT * sizeof *p);
    network_init(&o.network, 2, PURPOSE_WEIGHTS, p);
    assert_memory_not_equal(p, other, COUNT * sizeof *p);
    network_init(&o.network, 1, PURPOSE_TARGET, p);
    assert_memory_not_equal(p, other, COUNT * sizeof *p);
    free(p);
    free(other);
    shut(&o);
}

static void thresholds_follow_their_schedule(void **state)
{
    (void)state;
    const struct bias_schedule s = {.warmup = 10, .start = 0.5, .growth = 0.1, .cap = 0.7};
    assert_true(bias_over_norm(&s, 0) == 0 && bias_over_norm(&s, 9) == 0);
    assert_true(bias_over_norm(&s, 10) == 0.5);
    assert_near(bias_over_norm(&s, 11), 0.55, 1e-15);
    assert_near(bias_over_norm(&s, 13), 0.6655, 1e-15);
    assert_true(bias_over_norm(&s, 14) == 0.7 && bias_over_norm(&s, 1000000000) == 0.7);
    const struct bias_schedule none = {.warmup = 0, .start = 0, .growth = 0.1, .cap = 1};
    assert_true(bias_over_norm(&none, 0) == 0 && bias_over_norm(&none, 50) == 0);
    struct opened o = open_spec("network.neurons=3 data.features=20 data.dimension=30");
    assert_near(o.network.schedule.start, sqrt(2 * log(20.0) / 20), 1e-15);
    double *p = allocate(o.network.parameters, sizeof *p);
    p[30 + 4] = 3;
    p[30 + 7] = -4;
    p[60] = 2;
    network_set_biases(&o.network, 1000, 1, 2, p); /* only the second neuron */
    assert_true(p[90] == 0 && p[92] == 0);
    assert_near(p[91], 5 * o.network.schedule.start, 1e-14);
    free(p);
    shut(&o);
}

/* ---- outputs and gradients ---- */

/* A batch of drawn samples, with weights and thresholds so large that some outputs are 0. */
struct bench {
    struct opened o;
    struct batch_loss loss;
    struct arena arena;
    double *parameters;
    size_t samples;
};

static void fill_batch(struct bench *b)
{
    enum { MOST_VIEWS = 16 };
    const struct draw draw = {.seed = 1, .purpose = PURPOSE_TRAIN, .epoch = 1};
    struct views views = {.source = &source_sparse_coding,
                          .world = b->o.world,
                          .positives = 1,
                          .count = b->loss.batch.outputs.views};
    struct rows rows[MOST_VIEWS];
    struct error err;
    assert_true(views.count <= MOST_VIEWS);
    for (int view = 0; view < views.count; view++)
        rows[view] = batch_rows(&b->loss.batch, view);
    check_ok(views_open(&views, &err), &err);
    views_fill(&views, draw, 0, b->loss.batch.samples, rows, (size_t)views.count);
    views_close(&views);
}

static struct bench *open_bench(const char *keys, size_t samples)
{
    struct bench *b = allocate(1, sizeof *b);
    b->o = open_spec(keys);
    b->samples = samples;
    KIT_LAY_OUT(&b->arena, pass,
                batch_loss_layout(&b->loss, &b->o.network,
                                  (const void *)b->o.spec.chosen[SECTION_OBJECTIVE],
                                  b->o.spec.settings[SECTION_OBJECTIVE], samples, 0, pass);
                b->parameters = ARENA_TAKE(pass, double, b->o.network.parameters));
    fill_batch(b);
    network_init(&b->o.network, 3, PURPOSE_TEST, b->parameters);
    return b;
}

static void close_bench(struct bench *b)
{
    shut(&b->o);
    arena_free(&b->arena);
    free(b);
}

#define NETWORK "network.neurons=7 network.scale=0.5 network.warmup=0 network.bias_start=0.4 "

static void outputs_are_those_of_two_thresholds(void **state)
{
    (void)state;
    struct bench *b = open_bench(NETWORK "objective.similarity=inner_stopped", 30);
    const struct network *n = &b->o.network;
    const size_t inputs = n->leaves;
    size_t zeros = 0;
    batch_forward(&b->loss.batch, b->parameters);
    for (int view = 0; view < 3; view++)
        for (int k = 0; k < 7; k++) {
            const double *w = b->parameters + (size_t)k * inputs;
            const double threshold = b->parameters[7 * inputs + (size_t)k];
            for (size_t s = 0; s < 30; s++) {
                double sum = 0;
                for (size_t i = 0; i < inputs; i++)
                    sum += w[i] * batch_value(&b->loss.batch, view, i)[s];
                double f = fmax(0, sum - threshold) - fmax(0, -sum - threshold);
                assert_near(
                    b->loss.batch.outputs.f[output_index(&b->loss.batch.outputs, view, k, s)], f,
                    1e-13);
                zeros += f == 0;
            }
        }
    assert_true(zeros > 60 && zeros < 570); /* both sides of a threshold occur */
    close_bench(b);
}

/* The loss with the outputs of views 1, 2, ... from `frozen`. */
static double loss_with(struct bench *b, const double *frozen)
{
    struct batch *batch = &b->loss.batch;
    const size_t view = output_index(&batch->outputs, 1, 0, 0);
    batch_forward(batch, b->parameters);
    if (frozen)
        memcpy((double *)batch->outputs.f + view, frozen + view,
               (size_t)(batch->outputs.views - 1) * view * sizeof *frozen);
    return loss_evaluate(&b->loss.loss, &batch->outputs);
}

static void check_gradient(const char *keys, bool stopped)
{
    struct bench *b = open_bench(keys, 21);
    const struct network *n = &b->o.network;
    const size_t trained = n->symmetric ? n->level[0].biases : n->parameters;
    const size_t size =
        (size_t)b->loss.batch.outputs.views * output_index(&b->loss.batch.outputs, 1, 0, 0);
    double *gradient = allocate(b->o.network.parameters, sizeof *gradient);
    double *frozen = allocate(size, sizeof *frozen), through = 0;
    batch_loss(&b->loss, b->parameters, gradient);
    memcpy(frozen, b->loss.batch.outputs.f, size * sizeof *frozen);
    const double largest = kit_largest(gradient, trained);
    assert_above(largest, 1e-3);
    for (size_t i = 0; i < trained; i++) {
        double slope, full;
        KIT_DIFFERENCE(slope, &b->parameters[i], 1e-6, 2, loss_with(b, stopped ? frozen : NULL));
        assert_near(gradient[i], slope, 2e-8);
        KIT_DIFFERENCE(full, &b->parameters[i], 1e-6, 2, loss_with(b, NULL));
        through = fmax(through, fabs(gradient[i] - full));
    }
    if (stopped) /* the gradient through the targets differs */
        assert_above(through, 0.1 * largest);
    for (size_t i = trained; i < n->parameters; i++)
        assert_true(gradient[i] == 0);
    free(gradient);
    free(frozen);
    close_bench(b);
}

static void gradients_are_those_of_the_loss(void **state)
{
    (void)state;
    check_gradient(NETWORK "objective.similarity=inner_stopped objective.tau=0.7", true);
    check_gradient(NETWORK "objective.similarity=inner_stopped objective.tau=0.7 "
                           "objective.negatives=4 data.mask=none",
                   true);
    check_gradient("network.kind=mlp network.layers=[9,7] network.normalize=true "
                   "objective.similarity=inner_stopped objective.negatives=2",
                   true);
    check_gradient(NETWORK "objective.tau=0.7 objective.negatives=2", false);
}

static void the_loss_is_minus_log_softmax(void **state)
{
    (void)state;
    struct bench *b = open_bench(
        NETWORK "objective.similarity=inner_stopped objective.tau=0.7 objective.negatives=3", 17);
    const struct outputs *o = &b->loss.batch.outputs;
    double expected = 0, loss = batch_loss(&b->loss, b->parameters, NULL);
    for (size_t s = 0; s < 17; s++) {
        double similarity[5] = {0}, sum = 0;
        for (int view = 1; view < 5; view++) {
            for (int k = 0; k < 7; k++)
                similarity[view] +=
                    o->f[output_index(o, 0, k, s)] * o->f[output_index(o, view, k, s)];
            sum += exp(similarity[view] / 0.7);
        }
        expected -= log(exp(similarity[1] / 0.7) / sum) / 17;
    }
    assert_near(loss, expected, 1e-13 * fabs(expected));
    close_bench(b);
}

/* ---- training ---- */

#define TRAINED                                                                                    \
    "network.neurons=7 network.scale=0.3 network.warmup=4 network.bias_growth=0.05 "               \
    "network.bias_start=0.2 objective.similarity=inner_stopped objective.negatives=3 "             \
    "optimiser.lr=0.05 optimiser.weight_decay=0.02 "

struct trained {
    struct opened o;
    struct trainer trainer;
    struct arena arena;
};

static struct trained *train(const char *keys, size_t samples, size_t batch, int threads,
                             uint64_t epochs)
{
    struct trained *t = allocate(1, sizeof *t);
    t->o = open_spec(keys);
    const struct learner plan = {.source = &source_sparse_coding,
                                 .world = t->o.world,
                                 .network = &t->o.network,
                                 .objective = (const void *)t->o.spec.chosen[SECTION_OBJECTIVE],
                                 .objective_settings = t->o.spec.settings[SECTION_OBJECTIVE],
                                 .optimiser = (const void *)t->o.spec.chosen[SECTION_OPTIMISER],
                                 .optimiser_settings = t->o.spec.settings[SECTION_OPTIMISER],
                                 .seed = 1,
                                 .samples = samples,
                                 .batch = batch,
                                 .threads = threads};
    KIT_LAY_OUT(&t->arena, pass, trainer_layout(&t->trainer, &plan, pass));
    for (uint64_t epoch = 1; epoch <= epochs; epoch++)
        assert_false(trainer_epoch(&t->trainer, epoch, NULL).diverged);
    return t;
}

static void free_trained(struct trained *t)
{
    shut(&t->o);
    arena_free(&t->arena);
    free(t);
}

/* One step of training on the samples of an explicit batch. */
static void check_step(const char *keys, size_t samples)
{
    struct bench *b = open_bench(keys, samples);
    struct trained *t = train(keys, samples, samples, 1, 1);
    const size_t weights = b->o.network.level[0].biases;
    double *gradient = allocate(b->o.network.parameters, sizeof *gradient);
    network_init(&b->o.network, 1, PURPOSE_WEIGHTS, b->parameters);
    batch_loss(&b->loss, b->parameters, gradient);
    for (size_t i = 0; i < weights; i++)
        assert_near(t->trainer.parameters[i],
                    b->parameters[i] - 0.05 * (gradient[i] + 0.02 * b->parameters[i]), 1e-14);
    free(gradient);
    close_bench(b);
    free_trained(t);
}

/* Inputs of 300 numbers are read in place if a batch is a multiple of a chunk, as 64 is. */
static void a_step_is_that_of_the_batch(void **state)
{
    (void)state;
    check_step(TRAINED "network.warmup=0", 50);
    check_step(TRAINED "network.warmup=0 data.dimension=300", 50);
    check_step(TRAINED "network.warmup=0 data.dimension=300", 64);
    check_step(TRAINED "network.warmup=0 data.dimension=300 network.neurons=20", 64);
    check_step(TRAINED "network.warmup=0 data.dimension=300 objective.similarity=distance", 32);
}

static void thresholds_are_those_of_the_steps_taken(void **state)
{
    (void)state;
    for (size_t steps = 2; steps < 9; steps++) {
        struct trained *t = train(TRAINED, 40 * steps, 40, 2, 1);
        const double *w = t->trainer.parameters, *b = w + t->o.network.level[0].biases;
        for (size_t k = 0; k < 7; k++) {
            double square = 0;
            for (size_t i = 0; i < 20; i++)
                square += w[k * 20 + i] * w[k * 20 + i];
            const double share = steps < 4 ? 0 : 0.2 * pow(1.05, (double)steps - 4);
            assert_near(b[k], share * sqrt(square), 1e-14);
        }
        free_trained(t);
    }
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    static const char *const keys[] = {TRAINED, TRAINED "optimiser.name=adam",
                                       TRAINED "network.neurons=3 data.mask=none",
                                       TRAINED "data.dimension=257"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct trained *one = train(keys[i], 1920, 96, 1, 2);
        for (int threads = 2; threads <= 5; threads++) {
            struct trained *many = train(keys[i], 1920, 96, threads, 2);
            assert_memory_equal(one->trainer.parameters, many->trainer.parameters,
                                one->o.network.parameters * sizeof(double));
            free_trained(many);
        }
        free_trained(one);
    }
}

/* ---- refused settings ---- */

static void check_refused(const char *keys, const char *key)
{
    struct opened o;
    struct error err = {0};
    assert_int_equal(try_open(&o, keys, &err), STATUS_INVALID);
    assert_string_equal(err.key, key);
    shut(&o);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    check_refused("network.bias_start=0.9 network.bias_cap=0.5", "network.bias_cap");
    check_refused("network.bias_start=-0.5", "network.bias_start");
    check_refused("data.features=1 data.sparsity=0.2", "network.bias_start");
    check_refused("data.source=gaussian", "network.bias_start");
    struct opened o = open_spec("data.source=gaussian network.bias_start=0.5");
    shut(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_begin_normal),
        cmocka_unit_test(thresholds_follow_their_schedule),
        cmocka_unit_test(outputs_are_those_of_two_thresholds),
        cmocka_unit_test(gradients_are_those_of_the_loss),
        cmocka_unit_test(the_loss_is_minus_log_softmax),
        cmocka_unit_test(a_step_is_that_of_the_batch),
        cmocka_unit_test(thresholds_are_those_of_the_steps_taken),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
