/* Protects harness/run/experiment.c: parts of a spec that do not go together, and the rates that
 * measurements are told. */
#include "harness/run/experiment.h"
#include "tests/kit/spec.h"
#include "tests/kit/testing.h"

#define SMALL                                                                                      \
    "data.source=gaussian data.dimension=4 network.kind=mlp network.layers=[3] train.epochs=1 "    \
    "train.samples=64 train.batch=32 measure.samples=64 "

static void expect_refusal(const char *keys, const char *key, const char *words)
{
    struct spec spec;
    struct experiment e;
    struct error err = {0};
    check_ok(kit_spec(&spec, SMALL, keys, &err), &err);
    if (experiment_open(&e, &spec, 1, &err) != STATUS_INVALID)
        fail_msg("%s is taken", keys);
    assert_string_equal(err.key, key);
    assert_contains(err.message, words);
    experiment_free(&e);
    spec_free(&spec);
}

static void parts_that_do_not_go_together_are_refused(void **state)
{
    (void)state;
    expect_refusal("objective.name=infonce predictor.kind=linear", "predictor.kind",
                   "predicts nothing");
    expect_refusal("objective.name=byol predictor.kind=none", "predictor.kind",
                   "compares a prediction with a target");
    expect_refusal("objective.name=suncet", "objective.name", "has none");
    expect_refusal("objective.name=ntxent train.batch=65", "train.batch", "larger than");
    expect_refusal("objective.name=ntxent train.batch=1", "train.batch", "at least 2");
}

/* A step of the predictor is lr_ratio times as long as the trunk's, and so is its decay. */
static void measurements_know_the_rates_in_time(void **state)
{
    (void)state;
    struct spec spec;
    struct experiment e;
    struct error err = {0};
    check_ok(kit_spec(&spec, SMALL,
                      "objective.name=byol predictor.kind=linear optimiser.weight_decay=0.01 "
                      "predictor_optimiser.lr_ratio=4 predictor_optimiser.weight_decay=0.02",
                      &err),
             &err);
    check_ok(experiment_open(&e, &spec, 1, &err), &err);
    assert_near(e.subject.alpha_p, 4, 0);
    assert_near(e.subject.eta_p, 0.08, 1e-16);
    assert_near(e.subject.eta_s, 0.01, 0);
    experiment_free(&e);
    spec_free(&spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_that_do_not_go_together_are_refused),
        cmocka_unit_test(measurements_know_the_rates_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
