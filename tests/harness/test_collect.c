/* Protects harness/report/collect_groups.c and harness/report/plot_data.c: the points that are
 * averaged, their statistics, and their places in the picture. */
#include "analysis/statistics.h"
#include "core/random.h"
#include "harness/report/plot_data.h"
#include "tests/kit/testing.h"

/* A table of the grid of `arguments` with one column, "loss"; the value of point i is value(i). */
static void make_table(struct collect_table *table, const char *const *arguments, size_t count,
                       double (*value)(size_t point))
{
    struct error err;
    *table = (struct collect_table){0};
    check_ok(sweep_plan_open(&table->plan, NULL, arguments, count, NULL, 0, &err), &err);
    check_ok(sweep_plan_number(&table->plan, NULL, &err), &err);
    table->series = calloc(1, sizeof *table->series);
    table->column = calloc(1, sizeof *table->column);
    table->row = calloc(table->plan.count, sizeof *table->row);
    table->series_count = table->columns = 1;
    table->series[0] = (struct collected_series){
        .path = "/series/loss", .long_name = "loss", .units = "1", .width = 1};
    table->series[0].column = calloc(1, sizeof *table->series[0].column);
    table->column[0].name = strdup("loss");
    for (size_t i = 0; i < table->plan.count; i++) {
        table->row[i].value = malloc(sizeof *table->row[i].value);
        table->row[i].value[0] = value(i);
        table->row[i].count = 1;
    }
}

static double square(size_t point)
{
    return (double)(point * point);
}

/* seed varies slowest: point = 3 * (seed - 1) + place of tau. */
static const char *const grid[] = {"seed=1:5:1", "objective.tau=0.5,0.05,0.1"};

static void groups_leave_out_the_seed(void **state)
{
    (void)state;
    struct collect_table table;
    struct collect_groups groups;
    struct error err;
    const bool left_out[] = {true, false};
    make_table(&table, grid, 2, square);
    check_ok(collect_groups_find(&table, left_out, &groups, &err), &err);
    assert_int_equal(groups.count, 3);
    for (size_t g = 0; g < 3; g++) {
        assert_int_equal(groups.first[g], g);
        assert_int_equal(groups.start[g + 1] - groups.start[g], 5);
        for (size_t i = 0; i < 5; i++)
            assert_int_equal(groups.member[groups.start[g] + i], g + 3 * i);
    }
    collect_groups_free(&groups);
    collect_table_free(&table);
}

/* Group 1 has the values of the points 1, 4, 7, 10, 13: 1, 16, 49, 100, 169. */
static void only_complete_points_are_averaged(void **state)
{
    (void)state;
    struct collect_table table;
    struct collect_groups groups;
    struct error err;
    double s[COLLECT_STATISTICS];
    const double complete[] = {1, 49, 169};
    const bool left_out[] = {true, false};
    make_table(&table, grid, 2, square);
    table.row[4].status = POINT_DIVERGED;
    table.row[4].value[0] = 1e300;
    table.row[10].status = POINT_MISSING;
    check_ok(collect_groups_find(&table, left_out, &groups, &err), &err);
    assert_int_equal(collect_count(&table, &groups, 1, POINT_COMPLETE), 3);
    assert_int_equal(collect_count(&table, &groups, 1, POINT_DIVERGED), 1);
    assert_int_equal(collect_count(&table, &groups, 1, POINT_MISSING), 1);
    assert_true(collect_statistics(&table, &groups, 1, 0, s));
    gsl_rng *rng = stream_rng_alloc(1, PURPOSE_USER, 1, 0);
    const struct interval interval = mean_interval(complete, 3, 0.95, rng);
    gsl_rng_free(rng);
    assert_near(s[COLLECT_MEAN], 73, 1e-12);
    assert_near(s[COLLECT_SD], sqrt((72. * 72 + 24 * 24 + 96 * 96) / 2), 1e-12);
    assert_true(s[COLLECT_LOW] == interval.low && s[COLLECT_HIGH] == interval.high);
    assert_true(s[COLLECT_LOW] < 73 && 73 < s[COLLECT_HIGH]);
    assert_near(s[COLLECT_COUNT], 3, 0);
    collect_groups_free(&groups);
    collect_table_free(&table);
}

static void one_value_has_no_spread_and_none_no_mean(void **state)
{
    (void)state;
    struct collect_table table;
    struct collect_groups groups;
    struct error err;
    double s[COLLECT_STATISTICS];
    const bool left_out[] = {true, false};
    make_table(&table, grid, 2, square);
    for (size_t i = 4; i < 15; i++)
        table.row[i].status = POINT_FAILED;
    table.row[2].value[0] = NAN;
    check_ok(collect_groups_find(&table, left_out, &groups, &err), &err);
    assert_true(collect_statistics(&table, &groups, 1, 0, s));
    assert_true(s[COLLECT_MEAN] == 1 && isnan(s[COLLECT_SD]) && isnan(s[COLLECT_LOW]));
    assert_near(s[COLLECT_COUNT], 1, 0);
    assert_true(collect_statistics(&table, &groups, 2, 0, s));
    assert_true(isnan(s[COLLECT_MEAN]) && isnan(s[COLLECT_HIGH]));
    collect_groups_free(&groups);
    collect_table_free(&table);
}

static void plots_show_the_statistics_of_collect(void **state)
{
    (void)state;
    struct collect_table table;
    struct plot_data data;
    struct error err;
    double s[COLLECT_STATISTICS];
    const struct plot_choice choice = {.x = "objective.tau", .y = "loss"};
    const size_t group_of[] = {1, 2, 0}; /* of 0.05, 0.1, 0.5 */
    make_table(&table, grid, 2, square);
    check_ok(plot_data_make(&data, &table, &choice, &err), &err);
    assert_true(data.seeds && data.x.logarithmic && !data.x.words);
    assert_int_equal(data.x.count, 3);
    assert_int_equal(data.values, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(data.group[i], group_of[i]);
        assert_true(collect_statistics(&table, &data.groups, group_of[i], 0, s));
        assert_memory_equal(s, data.statistic[i], sizeof s);
    }
    assert_true(data.x.at[0] == 0.05 && data.x.at[2] == 0.5);
    assert_near(data.x.edge[1], sqrt(0.05 * 0.1), 1e-15);
    assert_near(data.x.edge[0], 0.05 / sqrt(2), 1e-15);
    plot_data_free(&data);
    collect_table_free(&table);
}

static void a_key_that_varies_is_refused_until_it_is_chosen(void **state)
{
    (void)state;
    struct collect_table table;
    struct plot_data data;
    struct error err;
    const char *const larger[] = {"seed=1,2", "objective.tau=0.1,0.5", "optimiser.lr=0.1,0.2"};
    struct plot_choice choice = {.x = "objective.tau", .y = "loss"};
    make_table(&table, larger, 3, square);
    assert_int_equal(plot_data_make(&data, &table, &choice, &err), STATUS_INVALID);
    assert_non_null(strstr(err.message, "optimiser.lr (0.1, 0.2) varies"));
    assert_non_null(strstr(err.message, "--at optimiser.lr=0.1"));
    plot_data_free(&data);
    choice.at[choice.at_count++] = "optimiser.lr=2e-1";
    check_ok(plot_data_make(&data, &table, &choice, &err), &err);
    assert_near(data.statistic[0][COLLECT_MEAN], (1 + 25) / 2., 1e-12);
    assert_near(data.statistic[1][COLLECT_MEAN], (9 + 49) / 2., 1e-12);
    plot_data_free(&data);
    choice.at[0] = "seed=2";
    choice.by = "optimiser.lr";
    check_ok(plot_data_make(&data, &table, &choice, &err), &err);
    assert_false(data.seeds);
    assert_near(data.statistic[0][COLLECT_MEAN], 16, 0);
    assert_near(data.statistic[1 + 2][COLLECT_MEAN], 49, 0);
    plot_data_free(&data);
    collect_table_free(&table);
}

/* Keys of a zip vary together: choosing one of them is enough. */
static void keys_of_a_zip_are_one(void **state)
{
    (void)state;
    struct collect_table table = {0};
    struct plot_data data;
    struct error err;
    const char *const arguments[] = {"data.depth=2,3", "network.width=4,8"};
    const char *const zip[] = {"data.depth,network.width"};
    const struct plot_choice choice = {.x = "network.width", .y = "loss"};
    struct collect_table full;
    make_table(&full, arguments, 2, square);
    assert_int_equal(plot_data_make(&data, &full, &choice, &err), STATUS_INVALID);
    plot_data_free(&data);
    collect_table_free(&full);
    make_table(&table, arguments, 2, square);
    sweep_plan_free(&table.plan);
    check_ok(sweep_plan_open(&table.plan, NULL, arguments, 2, zip, 1, &err), &err);
    check_ok(sweep_plan_number(&table.plan, NULL, &err), &err);
    check_ok(plot_data_make(&data, &table, &choice, &err), &err);
    assert_int_equal(data.x.count, 2);
    plot_data_free(&data);
    for (size_t i = table.plan.count; i < 4; i++)
        free(table.row[i].value);
    collect_table_free(&table);
}

static void axes_are_logarithmic_where_ratios_are_even(void **state)
{
    (void)state;
    const double powers[] = {0.001, 0.01, 0.1, 1}, steps[] = {1, 2, 3, 4},
                 hand[] = {0.05, 0.1, 0.5};
    const double doubled[] = {2, 4, 8}, zero[] = {0, 1, 10}, two[] = {1, 1000};
    assert_true(plot_is_logarithmic(powers, 4));
    assert_true(plot_is_logarithmic(hand, 3));
    assert_true(plot_is_logarithmic(doubled, 3));
    assert_false(plot_is_logarithmic(steps, 4));
    assert_false(plot_is_logarithmic(zero, 3));
    assert_false(plot_is_logarithmic(two, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_leave_out_the_seed),
        cmocka_unit_test(only_complete_points_are_averaged),
        cmocka_unit_test(one_value_has_no_spread_and_none_no_mean),
        cmocka_unit_test(plots_show_the_statistics_of_collect),
        cmocka_unit_test(a_key_that_varies_is_refused_until_it_is_chosen),
        cmocka_unit_test(keys_of_a_zip_are_one),
        cmocka_unit_test(axes_are_logarithmic_where_ratios_are_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
