/* Agreement with the published code at its published setting.
 *
 * Reference: mean and standard deviation over 16 seeds of the published semantics (depth 5, 2
 * children, width 10, bias, SGD lr 0.1, batch 128, 64,000 samples per epoch, polarity [0.7, 1], its
 * nce loss at temperature 0.01).  Differences are judged by Welch's t at every level. */
#include "harness/run/experiment.h"
#include "tests/kit/testing.h"

#include <gsl/gsl_statistics_double.h>

enum { SEEDS = 16, LEVELS = 5, POINTS = 3 };

static const int epoch_of[POINTS] = {0, 1, 5};

/* [point][level], level 0 the root: best_correlation */
static const struct {
    double mean, sd;
} published[POINTS][LEVELS] = {
    {{0.5573, 0.0966}, {0.6551, 0.0763}, {0.7460, 0.0473}, {0.8375, 0.0297}, {0.9311, 0.0113}},
    {{0.7685, 0.0490}, {0.7964, 0.0412}, {0.8116, 0.0299}, {0.8472, 0.0249}, {0.9313, 0.0112}},
    {{0.7944, 0.0345}, {0.8079, 0.0378}, {0.8189, 0.0287}, {0.8507, 0.0221}, {0.9316, 0.0111}},
};

static double best[POINTS][LEVELS][SEEDS];
static double first_ceiling[LEVELS]; /* smallest distance to the ceiling over seeds */

static void run_seed(int index)
{
    char seed[32];
    snprintf(seed, sizeof seed, "seed=%d", index + 1);
    const char *const overrides[] = {seed, "train.epochs=5", "measure.probes=[correlation]"};
    struct spec spec;
    struct experiment e;
    struct error err = {0};
    assert_int_equal(spec_load(&spec, "specs/published.yaml", overrides, 3, &err), STATUS_OK);
    assert_int_equal(experiment_open(&e, &spec, 0, &err), STATUS_OK);
    assert_int_equal(experiment_run(&e, NULL, &err), STATUS_OK);
    const double *series = record_find(&e.record, "/series/best_correlation", NULL);
    assert_non_null(series);
    for (int p = 0; p < POINTS; p++)
        for (int l = 0; l < LEVELS; l++)
            best[p][l][index] = series[epoch_of[p] * LEVELS + l];
    for (int l = 0; l < LEVELS; l++) {
        char path[32];
        const struct quantity *nodes;
        snprintf(path, sizeof path, "/ceiling/level_%d", l);
        const double *value = record_find(&e.record, path, &nodes);
        assert_non_null(value);
        double ceiling = gsl_stats_mean(value, 1, quantity_size(nodes));
        double gap = ceiling - best[POINTS - 1][l][index];
        first_ceiling[l] = index == 0 || gap < first_ceiling[l] ? gap : first_ceiling[l];
    }
    experiment_free(&e);
    spec_free(&spec);
}

static int run_all(void **state)
{
    (void)state;
    for (int i = 0; i < SEEDS; i++)
        run_seed(i);
    return 0;
}

static double welch(const double *values, double mean, double sd)
{
    double variance = gsl_stats_variance(values, 1, SEEDS);
    return (gsl_stats_mean(values, 1, SEEDS) - mean) / sqrt((variance + sd * sd) / SEEDS);
}

static void check_point(int p)
{
    for (int l = LEVELS - 1; l >= 0; l--) {
        double t = welch(best[p][l], published[p][l].mean, published[p][l].sd);
        print_message("epoch %d level %d: %.4f (%.4f), published %.4f (%.4f), Welch t %+.2f\n",
                      epoch_of[p], l, gsl_stats_mean(best[p][l], 1, SEEDS),
                      gsl_stats_sd(best[p][l], 1, SEEDS), published[p][l].mean, published[p][l].sd,
                      t);
        assert_true(fabs(t) < 4);
    }
}

static void initial_correlations_agree_with_the_published_code(void **state)
{
    (void)state;
    check_point(0);
}

static void correlations_after_one_epoch_agree_with_the_published_code(void **state)
{
    (void)state;
    check_point(1);
}

static void correlations_after_five_epochs_agree_with_the_published_code(void **state)
{
    (void)state;
    check_point(2);
}

/* The test has no power if it cannot distinguish trained from untrained networks. */
static void the_test_tells_trained_from_untrained(void **state)
{
    (void)state;
    assert_true(fabs(welch(best[0][0], published[2][0].mean, published[2][0].sd)) > 4);
    assert_true(fabs(welch(best[2][0], published[0][0].mean, published[0][0].sd)) > 4);
}

static void no_level_exceeds_its_ceiling(void **state)
{
    (void)state;
    for (int l = 0; l < LEVELS; l++)
        assert_true(first_ceiling[l] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initial_correlations_agree_with_the_published_code),
        cmocka_unit_test(correlations_after_one_epoch_agree_with_the_published_code),
        cmocka_unit_test(correlations_after_five_epochs_agree_with_the_published_code),
        cmocka_unit_test(the_test_tells_trained_from_untrained),
        cmocka_unit_test(no_level_exceeds_its_ceiling),
    };
    return cmocka_run_group_tests(tests, run_all, NULL);
}
