/* Protects sim/data/sources/file.c and harness/spec/spec.c: rows and labels of a file, what is
 * refused, and how what a file holds names a run. */
#include "core/linalg.h"
#include "store/output.h"
#include "tests/kit/source.h"

#include <unistd.h>

/* ---- samples ---- */

/* The row of the example that a sample is; EXAMPLE_ROWS: none. */
static size_t row_of(const double x[EXAMPLE_INPUTS][BLOCK], size_t s)
{
    for (size_t row = 0; row < EXAMPLE_ROWS; row++) {
        bool same = true;
        for (size_t i = 0; i < EXAMPLE_INPUTS; i++)
            same = same && x[i][s] == example_x[row][i];
        if (same)
            return row;
    }
    return EXAMPLE_ROWS;
}

static void samples_are_rows_with_their_labels(void **state)
{
    (void)state;
    enum { SAMPLED = 500 };
    const char *keys = "data.source=file data.path=example.h5 data.labels=/y data.noise=0";
    struct opened o = open_source(keys, 1);
    static double x[3][EXAMPLE_INPUTS][BLOCK] __attribute__((aligned(64)));
    size_t count[EXAMPLE_ROWS] = {0}, repeated = 0;
    double probability[EXAMPLE_ROWS];
    assert_int_equal(source_classes(o.source, o.world), 3);
    for (uint64_t block = 0; block < SAMPLED; block++) {
        uint8_t label[BLOCK];
        draw_block(&o, draw_at(block), 3, x[0][0]);
        o.source->labels->draw(o.world, draw_at(block), label);
        for (size_t s = 0; s < BLOCK; s++) {
            const size_t row = row_of(x[0], s), other = row_of(x[2], s);
            assert_true(row < EXAMPLE_ROWS && other < EXAMPLE_ROWS);
            assert_int_equal(row_of(x[1], s), row);
            assert_true(label[s] == example_y[row]);
            count[row]++;
            repeated += other == row;
        }
    }
    for (size_t row = 0; row < EXAMPLE_ROWS; row++)
        probability[row] = 1.0 / EXAMPLE_ROWS;
    assert_above(counts_p(EXAMPLE_ROWS, count, probability, SAMPLED * BLOCK), 1e-4);
    assert_near((double)repeated / (SAMPLED * BLOCK), 1.0 / EXAMPLE_ROWS, 0.01);
    shut(&o);
}

/* The noise of a view has the given variance, and a file without labels has none. */
static void noise_has_its_variance(void **state)
{
    (void)state;
    enum { SAMPLED = 500, N = SAMPLED * EXAMPLE_INPUTS * BLOCK };
    struct opened o = open_source("data.source=file data.path=example.h5 data.noise=0.25", 1);
    static double x[2][EXAMPLE_INPUTS][BLOCK] __attribute__((aligned(64)));
    double square = 0;
    assert_int_equal(source_classes(o.source, o.world), 0);
    for (uint64_t block = 0; block < SAMPLED; block++) {
        draw_block(&o, draw_at(block), 2, x[0][0]);
        for (size_t i = 0; i < EXAMPLE_INPUTS; i++)
            for (size_t s = 0; s < BLOCK; s++)
                square += pow(x[0][i][s] - x[1][i][s], 2) / 2 / N;
    }
    assert_near(square, 0.25, 5 * 0.25 * sqrt(2.0 / N));
    shut(&o);
}

/* ---- names of runs ---- */

static void hash_of(const char *path, const char *noise, char hash[HASH_SIZE])
{
    char keys[2][64];
    const char *overrides[] = {"data.source=file", keys[0], keys[1]};
    struct spec spec;
    struct error err;
    snprintf(keys[0], sizeof keys[0], "data.path=%s", path);
    snprintf(keys[1], sizeof keys[1], "data.noise=%s", noise);
    check_ok(spec_load(&spec, NULL, overrides, 3, &err), &err);
    memcpy(hash, spec.hash, HASH_SIZE);
    spec_free(&spec);
}

static void a_run_is_named_by_what_the_file_holds(void **state)
{
    (void)state;
    char one[HASH_SIZE], same[HASH_SIZE], other[HASH_SIZE], noisy[HASH_SIZE], moved[HASH_SIZE];
    double x[EXAMPLE_ROWS][EXAMPLE_INPUTS], z[EXAMPLE_ROWS] = {0};
    memcpy(x, example_x, sizeof x);
    put_example("rows.h5", x[0], example_y);
    hash_of("rows.h5", "0.1", one);
    hash_of("rows.h5", "0.2", noisy);
    put_example("rows.h5", x[0], z); /* other bytes, but the same rows, and no labels are read */
    hash_of("rows.h5", "0.1", same);
    assert_int_equal(rename("rows.h5", "moved.h5"), 0);
    hash_of("moved.h5", "0.1", moved);
    unlink("moved.h5");
    x[EXAMPLE_ROWS - 1][EXAMPLE_INPUTS - 1] += 1e-9;
    put_example("rows.h5", x[0], example_y);
    hash_of("rows.h5", "0.1", other);
    assert_string_equal(one, same);
    assert_string_equal(one, moved); /* the path is where they are, and not what */
    assert_string_not_equal(one, other);
    assert_string_not_equal(one, noisy);
    unlink("rows.h5");
}

/* The same numbers, as rows of another length. */
static void the_shape_of_the_rows_is_part_of_what_the_file_holds(void **state)
{
    (void)state;
    char two[HASH_SIZE], three[HASH_SIZE];
    const double x[6] = {1, 2, 3, 4, 5, 6};
    put_rows("rows.h5", 3, 2, x, example_y);
    hash_of("rows.h5", "0.1", two);
    put_rows("rows.h5", 2, 3, x, example_y);
    hash_of("rows.h5", "0.1", three);
    assert_string_not_equal(two, three);
    unlink("rows.h5");
}

static void labels_enter_the_name_where_they_are_read(void **state)
{
    (void)state;
    double y[EXAMPLE_ROWS] = {0};
    char hash[2][HASH_SIZE];
    const char *overrides[] = {"data.source=file", "data.path=rows.h5", "data.labels=/y"};
    for (int k = 0; k < 2; k++) {
        struct spec spec;
        struct error err;
        y[2] = k;
        put_example("rows.h5", example_x[0], y);
        check_ok(spec_load(&spec, NULL, overrides, 3, &err), &err);
        memcpy(hash[k], spec.hash, HASH_SIZE);
        spec_free(&spec);
    }
    assert_string_not_equal(hash[0], hash[1]);
    unlink("rows.h5");
}

/* The second of two equal sections is not read: by then the file is gone. */
static void equal_settings_are_read_once(void **state)
{
    (void)state;
    const char *overrides[] = {"data.source=file", "data.path=rows.h5", "seed=2", "data.noise=3"};
    struct spec spec[3];
    struct spec_content *known = NULL;
    struct error err;
    put_example("rows.h5", example_x[0], example_y);
    check_ok(spec_read(&spec[0], NULL, overrides, 2, &err), &err);
    check_ok(spec_read(&spec[1], NULL, overrides, 3, &err), &err);
    check_ok(spec_read(&spec[2], NULL, overrides, 4, &err), &err);
    check_ok(spec_name(&spec[0], &known, &err), &err);
    unlink("rows.h5");
    check_ok(spec_name(&spec[1], &known, &err), &err);
    assert_string_not_equal(spec[0].hash, spec[1].hash);
    assert_int_equal(spec_name(&spec[2], &known, &err), STATUS_INVALID);
    assert_string_equal(err.key, "data.path");
    for (int i = 0; i < 3; i++)
        spec_free(&spec[i]);
    spec_contents_free(&known);
    assert_null(known);
}

/* ---- what is refused ---- */

/* A file of datasets that cannot be used. */
static void put_bad(void)
{
    const double x[8] = {1, 2, 3, 4, 5, NAN, 7, 8}, half[4] = {0, 1, 0.5, 1},
                 less[4] = {0, -1, 0, 0};
    const double more[4] = {0, 256, 0, 0}, few[3] = {0, 1, 2}, good[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    const size_t square[] = {4, 2}, cube[] = {2, 2, 2}, four[] = {4}, three[] = {3};
    struct store *store;
    struct error err;
    check_ok(store_create(&store, &err), &err);
    put_dataset(store, "/x", 2, square, good);
    put_dataset(store, "/nan", 2, square, x);
    put_dataset(store, "/cube", 3, cube, good);
    put_dataset(store, "/half", 1, four, half);
    put_dataset(store, "/less", 1, four, less);
    put_dataset(store, "/more", 1, four, more);
    put_dataset(store, "/few", 1, three, few);
    check_ok(store_commit(store, "bad.h5", &err), &err);
    store_free(store);
    check_ok(output_write("text.h5", NULL, "no HDF5", 7, &err), &err);
}

static const struct {
    const char *keys, *key, *words, *more;
} refusals[] = {
    {"", "data.path", "data.path is empty", "give the path"},
    {"data.path=none.h5", "data.path", "none.h5: no such file", "give the path of an HDF5 file"},
    {"data.path=text.h5", "data.path", "text.h5: ", "give the path of an HDF5 file"},
    {"data.path=bad.h5 data.dataset=/z", "data.dataset", "bad.h5 has no such dataset",
     "it has /cube, /cube_axis_0, "},
    {"data.path=bad.h5 data.dataset=/cube", "data.dataset", "has 8 values in 3 dimensions",
     "give one with values in 2"},
    {"data.path=bad.h5 data.dataset=/half", "data.dataset", "has 4 values in 1 dimensions",
     "give one with values in 2"},
    {"data.path=bad.h5 data.dataset=/nan", "data.dataset", "row 2 of /nan in bad.h5 has nan",
     "finite"},
    {"data.path=bad.h5 data.labels=/y", "data.labels", "bad.h5 has no such dataset", "it has"},
    {"data.path=bad.h5 data.labels=/x", "data.labels", "has 8 values in 2 dimensions",
     "give one with values in 1"},
    {"data.path=bad.h5 data.labels=/few", "data.labels", "3 labels for 4 rows of /x", "per row"},
    {"data.path=bad.h5 data.labels=/half", "data.labels", "label 2 of /half is 0.5", "whole"},
    {"data.path=bad.h5 data.labels=/less", "data.labels", "label 1 of /less is -1", "0 to 255"},
    {"data.path=bad.h5 data.labels=/more", "data.labels", "label 1 of /more is 256", "0 to 255"},
};

static void bad_files_are_named(void **state)
{
    (void)state;
    put_bad();
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        char keys[128];
        struct opened o;
        struct error err = {0};
        snprintf(keys, sizeof keys, "data.source=file %s", refusals[i].keys);
        if (try_open(&o, keys, 1, &err) != STATUS_INVALID)
            fail_msg("%s is not refused", keys);
        const char *right = strchr(err.message, ';');
        if (strcmp(err.key, refusals[i].key) != 0 || !strstr(err.message, refusals[i].words) ||
            !right || !strstr(right, refusals[i].more))
            fail_msg("%s: %s: %s", keys, err.key, err.message);
        shut(&o);
    }
    unlink("bad.h5");
    unlink("text.h5");
}

/* The place of the key stands in front. */
static void errors_have_a_place(void **state)
{
    (void)state;
    struct spec spec;
    struct error err;
    const char *text = "name: here\ndata: {source: file,\n  path: none.h5}\n";
    check_ok(output_write("s.yaml", NULL, text, strlen(text), &err), &err);
    assert_int_equal(spec_load(&spec, "s.yaml", NULL, 0, &err), STATUS_INVALID);
    assert_non_null(strstr(err.message, "s.yaml:3:3: data.path: none.h5: no such file"));
    unlink("s.yaml");
}

int main(void)
{
    linalg_threads_are_safe();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_rows_with_their_labels),
        cmocka_unit_test(noise_has_its_variance),
        cmocka_unit_test(a_run_is_named_by_what_the_file_holds),
        cmocka_unit_test(the_shape_of_the_rows_is_part_of_what_the_file_holds),
        cmocka_unit_test(labels_enter_the_name_where_they_are_read),
        cmocka_unit_test(equal_settings_are_read_once),
        cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(errors_have_a_place),
    };
    return cmocka_run_group_tests_name("source file", tests, enter_examples, leave_examples);
}
