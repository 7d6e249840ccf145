/* The engine against autodiff, and the crosscheck against files that it must not pass. */
#include "harness/crosscheck.h"

#include <hdf5.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { NAME = 512 };

static void reference(const char *file, char out[NAME])
{
    const char *folder = getenv("DUET_REFERENCE");
    snprintf(out, NAME, "%s/%s", folder ? folder : "tests/reference", file);
}

/* Quantities that each file has, so that one that is skipped in silence is noticed. */
static const struct {
    const char *file;
    int compared, not_built;
} files[] = {
    {"mlp.h5", 66, 14},         {"mlp_deep.h5", 114, 0},    {"mlp_single.h5", 34, 0},
    {"tree_binary.h5", 119, 2}, {"tree_chain.h5", 75, 0},   {"tree_deep.h5", 141, 0},
    {"tree_nobias.h5", 51, 0},  {"tree_shallow.h5", 31, 0}, {"tree_ternary.h5", 75, 2},
    {"tree_wide.h5", 53, 0},
};

static void all_reference_files_pass_completely(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[NAME];
        struct crosscheck check = {0};
        struct error err = {0};
        reference(files[i].file, path);
        if (crosscheck_file(&check, path, &err))
            fail_msg("%s", err.message);
        if (check.passed != files[i].compared || check.failed != 0 ||
            check.not_built != files[i].not_built)
            fail_msg("%s: %d passed, %d failed, %d not built; worst %g", path, check.passed,
                     check.failed, check.not_built, check.worst);
    }
}

/* A copy of tree_ternary.h5, opened for changes. */
static hid_t open_copy(char path[NAME])
{
    char from[NAME], command[3 * NAME];
    reference("tree_ternary.h5", from);
    snprintf(path, NAME, "/tmp/duet_crosscheck_%ld.h5", (long)getpid());
    snprintf(command, sizeof command, "cp '%s' '%s' && chmod u+w '%s'", from, path, path);
    assert_int_equal(system(command), 0);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(file >= 0);
    return file;
}

static void scale_first(hid_t file, const char *dataset, double factor)
{
    hid_t id = H5Dopen2(file, dataset, H5P_DEFAULT);
    hid_t space = H5Dget_space(id);
    size_t count = (size_t)H5Sget_simple_extent_npoints(space);
    double *values = malloc(count * sizeof *values);
    assert_non_null(values);
    assert_true(H5Dread(id, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    size_t largest = 0;
    for (size_t i = 0; i < count; i++)
        if (values[i] * values[i] > values[largest] * values[largest])
            largest = i;
    values[largest] *= factor;
    assert_true(H5Dwrite(id, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    free(values);
    H5Sclose(space);
    H5Dclose(id);
}

static void a_wrong_expectation_fails(void **state)
{
    (void)state;
    static const char *const dataset[] = {
        "/expect/preact/level_1",
        "/expect/f",
        "/expect/loss/infonce",
        "/expect/grad/triplet/level_2/W",
        "/expect/grad/ntxent/level_0/b",
        "/expect/correlation/level_2",
        "/expect/covop_norm/level_1",
        "/expect/published_covop_norm/level_2",
        "/expect/covop_top_eigenvalue/level_0",
    };
    for (size_t i = 0; i < sizeof dataset / sizeof *dataset; i++) {
        char path[NAME];
        hid_t file = open_copy(path);
        scale_first(file, dataset[i], 1 + 1e-8);
        H5Fclose(file);
        struct crosscheck check = {0};
        struct error err = {0};
        assert_int_equal(crosscheck_file(&check, path, &err), STATUS_OK);
        if (check.failed != 1)
            fail_msg("%s off by 1e-8: %d failed", dataset[i], check.failed);
        unlink(path);
    }
}

static void a_missing_dataset_is_an_error_that_names_it(void **state)
{
    (void)state;
    static const char *const dataset[] = {"/weights/level_1/W", "/batch/x_pos",
                                          "/batch/latent/level_2"};
    for (size_t i = 0; i < sizeof dataset / sizeof *dataset; i++) {
        char path[NAME];
        hid_t file = open_copy(path);
        assert_true(H5Ldelete(file, dataset[i], H5P_DEFAULT) >= 0);
        H5Fclose(file);
        struct crosscheck check = {0};
        struct error err = {0};
        assert_int_not_equal(crosscheck_file(&check, path, &err), STATUS_OK);
        assert_non_null(strstr(err.message, dataset[i]));
        unlink(path);
    }
}

static void a_missing_file_is_an_error(void **state)
{
    (void)state;
    struct crosscheck check = {0};
    struct error err = {0};
    assert_int_not_equal(crosscheck_file(&check, "tests/reference/none.h5", &err), STATUS_OK);
    assert_non_null(strstr(err.message, "none.h5"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_reference_files_pass_completely),
        cmocka_unit_test(a_wrong_expectation_fails),
        cmocka_unit_test(a_missing_dataset_is_an_error_that_names_it),
        cmocka_unit_test(a_missing_file_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
