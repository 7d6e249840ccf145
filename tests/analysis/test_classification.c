/* Protects analysis/classification.c: the samples that a class head is judged by are those of a
 * measurement at its address, un-augmented, and all of them are counted once. */
#include "analysis/classification.h"

#include "harness/run/experiment.h"
#include "tests/kit/arena.h"

#include <stdatomic.h>

enum { SEED = 7, EPOCH = 3, INPUTS = 5, SAMPLES = 1000 };

static const char yaml[] = "data: {source: gaussian, dimension: 5, noise: 0.3}\n"
                           "network: {kind: mlp, layers: [7, 3], normalize: false}\n"
                           "objective: {name: ntxent}\n"
                           "train: {epochs: 1, samples: 64, batch: 32}\n";

static atomic_int wrong_views;

static bool is_of_measurement(struct draw draw)
{
    return draw.purpose == PURPOSE_MEASURE && draw.seed == SEED && draw.epoch == EPOCH;
}

static struct observed observed(const void *world)
{
    (void)world;
    return (struct observed){.leaves = INPUTS};
}

static size_t scratch_size(const void *world)
{
    (void)world;
    return 64;
}

static void draw_views(const void *world, struct draw draw, int positives, int views, void *scratch,
                       struct samples out)
{
    (void)world, (void)scratch;
    if (!is_of_measurement(draw) || views != 1 || positives != 0)
        wrong_views++;
    memset(out.value, 0, sizeof *out.value * (size_t)views * INPUTS * BLOCK);
}

static int two_classes(const void *world)
{
    (void)world;
    return 2;
}

/* Class 1 for every fourth sample of the measurement, class 0 for all others. */
static void draw_labels(const void *world, struct draw draw, uint8_t *label)
{
    (void)world;
    for (int s = 0; s < BLOCK; s++)
        label[s] = is_of_measurement(draw) && s % 4 == 0;
}

static const struct source_labels labels = {two_classes, draw_labels};
static const struct source source = {
    .observed = observed, .scratch_size = scratch_size, .draw = draw_views, .labels = &labels};

/* Accuracy of a head that always chooses one class. */
static double accuracy_of(const struct experiment *e, int class, int threads)
{
    struct classification c;
    struct arena arena;
    const struct classification_plan plan = {
        .network = e->subject.network, .source = &source, .samples = SAMPLES, .threads = threads};
    KIT_LAY_OUT(&arena, pass, classification_layout(&c, &plan, pass));
    double *head = allocate(class_head_parameters(&c.head), sizeof *head);
    head[class_head_weights(&c.head) + (size_t) class] = 1;
    double *w = allocate(e->subject.network->parameters, sizeof *w);
    const double accuracy = classification_accuracy(&c, w, head, SEED, EPOCH);
    free(w);
    free(head);
    arena_free(&arena);
    return accuracy;
}

static void held_out_samples_are_counted_once(void **state)
{
    (void)state;
    struct spec spec;
    struct experiment e;
    struct error err;
    check_ok(spec_parse(&spec, "classes", yaml, strlen(yaml), NULL, 0, &err), &err);
    check_ok(experiment_open(&e, &spec, 1, &err), &err);
    for (int threads = 1; threads <= 2; threads++) {
        assert_near(accuracy_of(&e, 1, threads), 0.25, 0);
        assert_near(accuracy_of(&e, 0, threads), 0.75, 0);
    }
    assert_int_equal(wrong_views, 0);
    experiment_free(&e);
    spec_free(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_out_samples_are_counted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
