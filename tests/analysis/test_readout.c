/* Protects analysis/readout.c: the ridge solution and the accuracy of its predictions. */
#include "analysis/readout.h"
#include "core/random.h"
#include "tests/kit/testing.h"

#include <math.h>

#include <gsl/gsl_randist.h>

enum { SAMPLES = 2000, STRIDE = 2008, FEATURES = 4 };

/* Feature 0 is the state plus noise `sd`, the others carry no information. */
static void draw(gsl_rng *rng, int states, double sd, double *feature, uint8_t *label)
{
    for (size_t s = 0; s < SAMPLES; s++) {
        label[s] = (uint8_t)gsl_rng_uniform_int(rng, (unsigned long)states);
        for (size_t i = 0; i < FEATURES; i++)
            feature[i * STRIDE + s] = (i == 0 && label[s] == 1 ? 2 : 0) +
                                      (i == 1 && label[s] == 2 ? 2 : 0) + 5 +
                                      gsl_ran_gaussian(rng, sd);
    }
}

/* Accuracy on held-out samples. */
static double held_out(int states, double sd, struct readout *readout)
{
    double *feature = allocate(FEATURES * STRIDE, sizeof *feature);
    double *work = allocate(readout_work(FEATURES, states), sizeof *work);
    uint8_t *label = allocate(SAMPLES, 1);
    gsl_rng *rng = stream_rng_alloc(3, PURPOSE_TEST, 50, (uint64_t)states);
    struct error err = {0};
    *readout =
        (struct readout){.features = FEATURES,
                         .states = states,
                         .ridge = 1e-6,
                         .weights = allocate(readout_weights(FEATURES, states), sizeof(double))};
    draw(rng, states, sd, feature, label);
    check_ok(readout_fit(readout, SAMPLES, feature, STRIDE, label, work, &err), &err);
    draw(rng, states, sd, feature, label);
    double accuracy = readout_accuracy(readout, SAMPLES, feature, STRIDE, label);
    gsl_rng_free(rng);
    free(feature);
    free(work);
    free(label);
    return accuracy;
}

static void reads_out_what_is_there(void **state)
{
    (void)state;
    struct readout readout;
    assert_near(held_out(2, 0.1, &readout), 1, 0);
    /* indicators as targets: the two weights add up to 0, the constants to 1 */
    for (size_t i = 0; i < FEATURES; i++)
        assert_near(readout.weights[i] + readout.weights[FEATURES + 1 + i], 0, 1e-9);
    assert_near(readout.weights[FEATURES] + readout.weights[2 * FEATURES + 1], 1, 1e-9);
    free(readout.weights);
    /* means 2 sd apart: Phi(1) = 0.841 */
    assert_near(held_out(2, 1, &readout), 0.8413, 0.03);
    free(readout.weights);
    assert_near(held_out(3, 0.1, &readout), 1, 0.001);
    free(readout.weights);
}

static void solves_the_ridge_equations(void **state)
{
    (void)state;
    /* one feature: w = cov / (var + ridge), constant = mean(y) - w mean(x) */
    const double x[] = {0, 1, 2, 3, 4, 5, 6, 7};
    const uint8_t label[] = {0, 0, 1, 0, 1, 1, 1, 1};
    double weights[4], work[16];
    struct readout readout = {.features = 1, .states = 2, .ridge = 0.5, .weights = weights};
    struct error err = {0};
    check_ok(readout_fit(&readout, 8, x, 8, label, work, &err), &err);
    double cov = (2 + 4 + 5 + 6 + 7) / 8.0 - 3.5 * 5 / 8.0, var = 140 / 8.0 - 3.5 * 3.5;
    double w = cov / (var + 0.5);
    assert_near(weights[2], w, 1e-14);
    assert_near(weights[3], 5 / 8.0 - w * 3.5, 1e-14);
    assert_near(readout_accuracy(&readout, 8, x, 8, label), 6 / 8.0, 0); /* x = 2 and 3 */
}

/* Linearly dependent and huge features have a readout; features that are not finite have none. */
static void solves_what_has_a_solution(void **state)
{
    (void)state;
    const double same[] = {1, 1, 1, 1, 1, 1, 1, 1}; /* a constant feature beside the constant */
    const double huge[] = {-3e100, 2e100, -1e100, 4e100, -6e100, 4e100, -2e100, 8e100};
    const double lost[] = {1, 2, NAN, 4};
    const uint8_t label[] = {0, 1, 0, 1};
    double weights[6], work[32];
    struct readout readout = {.features = 1, .states = 2, .ridge = 0, .weights = weights};
    struct error err = {0};
    check_ok(readout_fit(&readout, 4, same, 4, label, work, &err), &err);
    assert_near(readout_accuracy(&readout, 4, same, 4, label), 0.5, 0);
    assert_int_equal(readout_fit(&readout, 4, lost, 4, label, work, &err), STATUS_DIVERGED);
    readout.features = 2; /* the second is twice the first */
    readout.ridge = 1e-6;
    check_ok(readout_fit(&readout, 4, huge, 4, label, work, &err), &err);
    assert_near(readout_accuracy(&readout, 4, huge, 4, label), 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_out_what_is_there),
        cmocka_unit_test(solves_the_ridge_equations),
        cmocka_unit_test(solves_what_has_a_solution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
