/* Protects paper_figs/kit: stores filled by panel, planes of a flow, series. */
#include "paper_figs/kit/plane.h"
#include "store/store.h"
#include "tests/kit/testing.h"

#include <unistd.h>

static struct store *new_store(struct error *err)
{
    struct store *store;
    check_ok(store_create(&store, err), err);
    return store;
}

/* Times grow by equal ratios between the given ones. */
static void test_times(void **state)
{
    double t[5];
    (void)state;
    series_times(5, 0.1, 100, t);
    const double expected[] = {0, 0.1, 1, 10, 100};
    for (size_t i = 0; i < 5; i++)
        assert_near(t[i], expected[i], 1e-13 * expected[i]);
}

/* A group can name its own axes and the root's, not the axes of another group. */
static void test_axes(void **state)
{
    struct error err;
    struct sheet sheet = {.store = new_store(&err), .err = &err};
    const double value[] = {1, 2, 3, 4, 5, 6};
    (void)state;
    sheet_axis(&sheet, "t", 2, NULL, "time", "1");
    sheet_group(&sheet, "a");
    sheet_axis(&sheet, "run", 3, NULL, "run", "1");
    sheet_put(&sheet, "x", "t run", value, "x", "1");
    check_ok(sheet.status, &err);
    sheet_group(&sheet, "b");
    sheet_put(&sheet, "x", "t run", value, "x", "1");
    assert_int_equal(sheet.status, STATUS_INVALID);
    assert_non_null(strstr(err.message, "no axis run"));
    store_free(sheet.store);
}

/* An array of another shape is an error, and all later arrays are empty. */
static void test_reader(void **state)
{
    struct error err;
    struct sheet sheet = {.store = new_store(&err), .err = &err};
    struct store_file *file;
    char file_name[] = "/tmp/duet_figures_XXXXXX";
    const double value[] = {1, 2, 3, 4, 5, 6};
    (void)state;
    sheet_axis(&sheet, "t", 2, NULL, "time", "1");
    sheet_axis(&sheet, "run", 3, NULL, "run", "1");
    sheet_put(&sheet, "x", "t run", value, "x", "1");
    check_ok(sheet.status, &err);
    close(mkstemp(file_name));
    check_ok(store_commit(sheet.store, file_name, &err), &err);
    store_free(sheet.store);
    check_ok(store_open(&file, file_name, &err), &err);
    struct reader reader = {.file = file, .err = &err};
    struct store_array x = reader_get(&reader, 2, 3, "/%s", "x");
    assert_non_null(x.values);
    assert_true(x.values[5] == 6);
    assert_null(reader_get(&reader, 3, 0, "/x").values);
    assert_null(reader_get(&reader, 2, 3, "/x").values);
    assert_int_equal(reader_close(&reader), STATUS_INVALID);
    store_close(file);
    unlink(file_name);
}

/* The saddle of w_p and w at a fixed target: rates and growth by hand. */
static void test_plane(void **state)
{
    const double lambda_s = 1, lambda_d = 0.5;
    struct scalar_flow scalars = {
        .modes = 1, .lambda_s = &lambda_s, .lambda_d = &lambda_d, .alpha_p = 1};
    struct dynamics dynamics;
    (void)state;
    scalar_flow_open(&scalars, &dynamics);
    const struct plane plane = {
        .dynamics = &dynamics, .x = 1, .y = 0, .tied = 1, .rest = {0, 0, 1}};
    const double at[2] = {2, 3}, origin[2] = {0, 0};
    double rate[2], growth[2];
    plane_rate(&plane, at, rate);
    assert_near(rate[0], 3 * (0.5 - 6), 1e-13);
    assert_near(rate[1], 2 * (0.5 - 6), 1e-13);
    plane_growth(&plane, origin, growth);
    assert_near(growth[0], 0.5, 1e-9);
    assert_near(growth[1], -0.5, 1e-9);
}

static enum status look(const void *context, const double *now, double *value, struct error *err)
{
    (void)context, (void)err;
    memcpy(value, now, 3 * sizeof *value);
    return STATUS_OK;
}

/* A run equals one integration to its end, and fills its own column. */
static void test_run(void **state)
{
    struct mode_flow mode = {.modes = 1, .sigma2 = 0.1, .alpha_p = 1, .eta_p = 0.05, .eta_s = 0.05};
    const struct series_measure measure = {look, NULL};
    struct dynamics dynamics;
    struct error err;
    struct sheet sheet = {.err = &err};
    double whole[] = {0.3, 0.2, 1}, parts[] = {0.3, 0.2, 1};
    (void)state;
    mode_flow_open(&mode, &dynamics);
    struct series series = series_open(&sheet, 3, 7, 2, 0.1, 20);
    series_run(&sheet, &series, 1, &dynamics, &measure, parts);
    check_ok(sheet.status, &err);
    check_ok(dynamics_record(&dynamics, 20, 20, whole, NULL, &err), &err);
    for (size_t q = 0; q < 3; q++) {
        assert_near(series_quantity(&series, q)[6 * 2 + 1], whole[q], 1e-9);
        assert_true(series_quantity(&series, q)[6 * 2] == 0);
    }
    sheet_close(&sheet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times), cmocka_unit_test(test_axes), cmocka_unit_test(test_reader),
        cmocka_unit_test(test_plane), cmocka_unit_test(test_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
