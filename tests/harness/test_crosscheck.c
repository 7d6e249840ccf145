/* Protects harness/verify/crosscheck/: the engine against autodiff, and errors in the files. */
#include "harness/command.h"
#include "harness/verify/crosscheck/crosscheck.h"
#include "tests/kit/file.h"

#include <glob.h>
#include <hdf5.h>
#include <unistd.h>

/* ---- reference files, and copies to change ---- */

static const char *reference_folder(void)
{
    const char *folder = getenv("DUET_REFERENCE");
    return folder ? folder : "tests/reference";
}

static int set_up(void **state)
{
    struct kit_folder *fixture = allocate(1, sizeof *fixture);
    *fixture = kit_folder_open("copy.h5", "");
    *state = fixture;
    return 0;
}

static char *read_reference(const char *name, size_t *size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", reference_folder(), name);
    if (access(path, R_OK) != 0)
        fail_msg("cannot read %s; DUET_REFERENCE is the folder of the reference files", path);
    return kit_read(path, size);
}

/* A fresh copy, open for changes. */
static hid_t open_copy(const struct kit_folder *fixture, const char *name)
{
    size_t size;
    char *bytes = read_reference(name, &size);
    kit_write(fixture->file, bytes, size);
    free(bytes);
    hid_t file = H5Fopen(fixture->file, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(file >= 0);
    return file;
}

/* ---- changes ---- */

/* value -> value * factor + shift of the first entry, or of all */
static void change_entries(hid_t file, const char *path, bool all, double factor, double shift)
{
    hid_t dataset = H5Dopen2(file, path, H5P_DEFAULT);
    assert_true(dataset >= 0);
    hid_t space = H5Dget_space(dataset);
    size_t count = (size_t)H5Sget_simple_extent_npoints(space);
    double *value = allocate(count, sizeof *value);
    assert_true(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
    for (size_t i = 0; i < (all ? count : 1); i++)
        value[i] = value[i] * factor + shift;
    assert_true(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0);
    free(value);
    H5Sclose(space);
    H5Dclose(dataset);
}

static void delete_link(hid_t file, const char *path)
{
    assert_true(H5Ldelete(file, path, H5P_DEFAULT) >= 0);
}

/* Put a dataset of zeros, instead of an existing one. */
static void put_zeros(hid_t file, const char *path, hid_t type, int rank, const hsize_t *shape)
{
    if (H5Lexists(file, path, H5P_DEFAULT) > 0)
        delete_link(file, path);
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    hid_t space = rank ? H5Screate_simple(rank, shape, NULL) : H5Screate(H5S_SCALAR);
    hid_t dataset = H5Dcreate2(file, path, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(dataset >= 0);
    H5Dclose(dataset);
    H5Sclose(space);
    H5Pclose(links);
}

static void put_attribute(hid_t file, const char *name, hid_t type, hsize_t length,
                          const void *value)
{
    if (H5Aexists(file, name) > 0)
        H5Adelete(file, name);
    hid_t space = length ? H5Screate_simple(1, &length, NULL) : H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(attribute >= 0 && H5Awrite(attribute, type, value) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
}

static void put_number(hid_t file, const char *name, double value)
{
    put_attribute(file, name, H5T_NATIVE_DOUBLE, 0, &value);
}

static void put_text(hid_t file, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(text) + 1);
    put_attribute(file, name, type, 0, text);
    H5Tclose(type);
}

/* ---- expectations ---- */

static struct crosscheck run(const char *path)
{
    struct crosscheck check = {0};
    struct error err;
    enum status status = crosscheck_file(&check, path, &err);
    check_ok(status, &err);
    return check;
}

/* Close the changed copy: this number of its quantities must fail. */
static void expect_failures(const struct kit_folder *fixture, hid_t file, int failures,
                            const char *what)
{
    H5Fclose(file);
    struct crosscheck check = run(fixture->file);
    if (check.failed != failures)
        fail_msg("%s: %d quantities failed, expected %d", what, check.failed, failures);
}

/* Close the changed copy: the error must begin with the file's name and have `words`. */
static void expect_error(const struct kit_folder *fixture, hid_t file, const char *words)
{
    if (file >= 0)
        H5Fclose(file);
    struct crosscheck check = {0};
    struct error err = {0};
    enum status status = crosscheck_file(&check, fixture->file, &err);
    if (status != STATUS_INVALID && status != STATUS_SYSTEM)
        fail_msg("'%s': status %d", words, (int)status);
    size_t length = strlen(fixture->file);
    if (strncmp(err.message, fixture->file, length) != 0 || err.message[length] != ':')
        fail_msg("'%s' does not begin with the file", err.message);
    if (!strstr(err.message, words))
        fail_msg("'%s' is not in '%s'", words, err.message);
    assert_true(error_exit_code(status) == 2);
}

/* ---- right files ---- */

/* The least number of quantities: a quantity that is silently skipped fails here. */
static const struct {
    const char *name;
    int compared;
} known[] = {
    {"mlp.h5", 126},
    {"mlp_deep.h5", 210},
    {"mlp_single.h5", 70},
    {"tree_binary.h5", 141},
    {"tree_chain.h5", 89},
    {"tree_deep.h5", 167},
    {"tree_linear.h5", 63},
    {"tree_nobias.h5", 59},
    {"tree_shallow.h5", 37},
    {"tree_ternary.h5", 89},
    {"tree_wide.h5", 63},
    {"outputs.h5", 32},
    {"outputs_positives.h5", 28},
};
enum { KNOWN = sizeof known / sizeof *known };

static void reference_files_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < KNOWN; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", reference_folder(), known[i].name);
        struct crosscheck check = run(path);
        if (check.failed > 0 || check.passed < known[i].compared)
            fail_msg("%s: %d passed (expected %d), %d failed", known[i].name, check.passed,
                     known[i].compared, check.failed);
        assert_at_most(check.worst, CROSSCHECK_TOLERANCE);
        assert_above(check.worst, 0); /* two computations never agree to the last bit */
    }
}

static void no_file_of_the_folder_is_forgotten(void **state)
{
    (void)state;
    char pattern[512];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/*.h5", reference_folder());
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, KNOWN);
    globfree(&found);
}

/* ---- wrong numbers ---- */

struct perturbation {
    const struct kit_folder *fixture;
    const char *name;
    int count;
};

static enum status perturb(const char *path, void *context, struct error *err)
{
    struct perturbation *p = context;
    hid_t file = open_copy(p->fixture, p->name);
    change_entries(file, path, false, 1, 1e-6);
    expect_failures(p->fixture, file, 1, path);
    file = open_copy(p->fixture, p->name);
    change_entries(file, path, true, 1 + 1e-8, 0);
    expect_failures(p->fixture, file, 1, path);
    p->count++;
    (void)err;
    return STATUS_OK;
}

static void every_expectation_is_compared(void **state)
{
    const char *names[] = {"tree_shallow.h5", "mlp_single.h5"};
    const int counts[] = {37, 70};
    for (int i = 0; i < 2; i++) {
        struct perturbation p = {.fixture = *state, .name = names[i]};
        struct store_file *original;
        struct error err;
        char path[512];
        snprintf(path, sizeof path, "%s/%s", reference_folder(), names[i]);
        check_ok(store_open(&original, path, &err), &err);
        check_ok(store_visit(original, "/expect", perturb, &p, &err), &err);
        store_close(original);
        assert_int_equal(p.count, counts[i]);
    }
}

/* A change of the input affects the quantities of every level. */
static void weights_and_samples_are_read(void **state)
{
    const struct kit_folder *fixture = *state;
    const char *paths[] = {"/weights/level_0/W", "/weights/level_1/b", "/weights/level_2/W"};
    for (int i = 0; i < 3; i++) {
        hid_t file = open_copy(fixture, "tree_ternary.h5");
        change_entries(file, paths[i], true, 1.001, 0);
        H5Fclose(file);
        assert_true(run(fixture->file).failed > 40);
    }
    const char *views[] = {"/batch/x_pos", "/batch/x_neg"};
    for (int i = 0; i < 2; i++) {
        hid_t file = open_copy(fixture, "tree_ternary.h5");
        change_entries(file, views[i], true, -1, 1);
        H5Fclose(file);
        assert_true(run(fixture->file).failed > 40);
    }
}

static void settings_come_from_the_attributes(void **state)
{
    const struct kit_folder *fixture = *state;
    const struct {
        const char *name;
        double value;
        int failures; /* per objective that depends on it, a loss and two gradients per level */
    } changes[] = {{"tau", 0.5, 7 * 7},           {"margin", 0.25, 7}, {"beta", 0.5, 7},
                   {"norm_eps", 2e-4, 1 + 7 * 7}, {"negatives", 4, 0}, {"unknown", 1, 0}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        hid_t file = open_copy(fixture, "tree_ternary.h5");
        put_number(file, changes[i].name, changes[i].value);
        expect_failures(fixture, file, changes[i].failures, changes[i].name);
    }
    hid_t file = open_copy(fixture, "tree_ternary.h5");
    put_text(file, "activation", "linear");
    H5Fclose(file);
    assert_true(run(fixture->file).failed > 40);
}

static void the_tolerance_is_relative(void **state)
{
    const struct kit_folder *fixture = *state;
    const char *path = "/expect/covop_trace/level_0";
    hid_t file = open_copy(fixture, "tree_shallow.h5");
    change_entries(file, path, true, 1 + 5e-10, 0);
    expect_failures(fixture, file, 0, "within the tolerance");
    file = open_copy(fixture, "tree_shallow.h5");
    change_entries(file, path, true, 1 + 2e-9, 0);
    expect_failures(fixture, file, 1, "beyond the tolerance");
}

/* ---- one comparison ---- */

static void open_for_comparison(const struct kit_folder *fixture, double value,
                                struct crosscheck *check, struct store_file **file)
{
    struct error err;
    const hsize_t shape[] = {2, 3};
    hid_t raw = H5Fcreate(fixture->file, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put_zeros(raw, "/x", H5T_IEEE_F64LE, 2, shape);
    change_entries(raw, "/x", true, 1, value);
    H5Fclose(raw);
    check_ok(store_open(file, fixture->file, &err), &err);
    *check = (struct crosscheck){.file = *file};
}

static int failures_at(const struct kit_folder *fixture, double expected, double measured)
{
    struct crosscheck check;
    struct store_file *file;
    struct error err;
    const double values[6] = {expected, measured, expected, expected, expected, expected};
    open_for_comparison(fixture, expected, &check, &file);
    check.err = &err;
    crosscheck_compare(&check, values, (struct extent){2, {2, 3}}, "/x");
    check_ok(check.status, &err);
    assert_int_equal(check.passed + check.failed, 1);
    names_free(&check.compared);
    store_close(file);
    return check.failed;
}

static void rounding_around_0_passes_and_more_does_not(void **state)
{
    const double rounding = CROSSCHECK_ROUNDING;
    assert_true(rounding <= 1e-14); /* more would hide errors of small gradients */
    assert_int_equal(failures_at(*state, 0, 0.9 * rounding), 0);
    assert_int_equal(failures_at(*state, 0, 1.1 * rounding), 1);
    assert_int_equal(failures_at(*state, 1e-17, -1e-17), 0);
    assert_int_equal(failures_at(*state, 1e-8, 1e-8 + 0.9 * rounding), 0);
    assert_int_equal(failures_at(*state, 1e-8, 1e-8 + 1.1 * rounding), 1);
    assert_int_equal(failures_at(*state, 1e3, 1e3 + 2e-6), 1);
    assert_int_equal(failures_at(*state, 1e3, 1e3 + 5e-7), 0);
    assert_int_equal(failures_at(*state, 1, 1), 0);
}

static void a_measured_nan_fails(void **state)
{
    assert_int_equal(failures_at(*state, 1, NAN), 1);
    assert_int_equal(failures_at(*state, 0, NAN), 1);
    assert_int_equal(failures_at(*state, 1, INFINITY), 1);
}

static void a_comparison_needs_the_right_shape(void **state)
{
    struct crosscheck check;
    struct store_file *file;
    struct error err;
    const double values[6] = {0};
    const struct extent wrong[] = {{2, {3, 2}}, {1, {6}}, {3, {1, 2, 3}}, {2, {2, 2}}, {0, {0}}};
    open_for_comparison(*state, 0, &check, &file);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        check.status = STATUS_OK;
        check.err = &err;
        crosscheck_compare(&check, values, wrong[i], "/x");
        assert_int_equal(check.status, STATUS_INVALID);
        assert_non_null(strstr(err.message, "/x has shape 2 x 3"));
    }
    check.status = STATUS_OK;
    crosscheck_compare(&check, values, wrong[0], "/y");
    assert_int_equal(check.status, STATUS_INVALID);
    assert_non_null(
        strstr(err.message, "/y is missing; the attributes of the file call for 3 x 2"));
    assert_int_equal(check.passed + check.failed, 0);
    store_close(file);
}

/* ---- unknown quantities ---- */

static void what_has_no_code_is_counted_and_does_not_pass(void **state)
{
    const struct kit_folder *fixture = *state;
    hid_t file = open_copy(fixture, "mlp_single.h5");
    H5Fclose(file);
    struct crosscheck before = run(fixture->file);
    file = open_copy(fixture, "mlp_single.h5");
    put_zeros(file, "/expect/relu/loss/unheard_of", H5T_IEEE_F64LE, 0, NULL);
    put_zeros(file, "/expect/relu/grad/unheard_of/layer_1/W", H5T_IEEE_F64LE, 0, NULL);
    put_zeros(file, "/expect/relu/loss/unheard_of_too", H5T_IEEE_F64LE, 0, NULL);
    put_zeros(file, "/expect/linear/something/else", H5T_IEEE_F64LE, 0, NULL);
    H5Fclose(file);
    struct crosscheck after = run(fixture->file);
    assert_int_equal(after.passed, before.passed);
    assert_int_equal(after.failed, 0);
    assert_int_equal(after.not_built, before.not_built + 3);
}

static void objectives_and_activations_may_be_left_out(void **state)
{
    const struct kit_folder *fixture = *state;
    hid_t file = open_copy(fixture, "mlp_single.h5");
    delete_link(file, "/expect/relu/loss/ntxent");
    delete_link(file, "/expect/relu/grad/ntxent");
    H5Fclose(file);
    assert_int_equal(run(fixture->file).passed, 70 - 2);
    file = open_copy(fixture, "mlp_single.h5");
    delete_link(file, "/expect/linear");
    H5Fclose(file);
    assert_int_equal(run(fixture->file).passed, 70 / 2);
    file = open_copy(fixture, "mlp_single.h5");
    delete_link(file, "/expect/linear");
    delete_link(file, "/expect/relu");
    expect_error(fixture, file, "/expect/relu");
}

/* ---- objectives without negatives, DirectPred ---- */

static void nothing_is_left(void **state)
{
    (void)state;
    const char *const names[] = {"mlp.h5", "tree_binary.h5", "tree_ternary.h5"};
    for (int i = 0; i < 3; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", reference_folder(), names[i]);
        assert_int_equal(run(path).not_built, 0);
    }
}

/* ---- labels ---- */

static void labels_are_read_by_what_is_the_same(void **state)
{
    const struct kit_folder *fixture = *state;
    hid_t file = open_copy(fixture, "mlp.h5");
    change_entries(file, "/batch/label", true, -1, 250); /* other names of the same classes */
    expect_failures(fixture, file, 0, "renamed labels");
    file = open_copy(fixture, "mlp.h5");
    change_entries(file, "/batch/label", true, 0, 1); /* one class: two losses, three layers each */
    expect_failures(fixture, file, 2 * 2 * (1 + 3), "one class");
}

static void labels_are_needed_where_they_are_compared_only(void **state)
{
    const struct kit_folder *fixture = *state;
    const char *const objectives[] = {"supcon_out", "supcon_in"};
    hid_t file = open_copy(fixture, "mlp.h5");
    delete_link(file, "/batch/label");
    expect_error(fixture, file, "/batch/label is missing");
    file = open_copy(fixture, "mlp.h5");
    delete_link(file, "/batch/label");
    for (int i = 0; i < 2; i++)
        for (int linear = 0; linear < 2; linear++)
            for (int part = 0; part < 2; part++) {
                char path[64];
                snprintf(path, sizeof path, "/expect/%s/%s/%s", linear ? "linear" : "relu",
                         part ? "grad" : "loss", objectives[i]);
                delete_link(file, path);
            }
    H5Fclose(file);
    assert_int_equal(run(fixture->file).passed, 126 - 16);
}

static void target_predictor_and_rule_are_read(void **state)
{
    const struct kit_folder *fixture = *state;
    hid_t file = open_copy(fixture, "mlp.h5");
    change_entries(file, "/target/layer_1/W", false, 1, 0.1);
    expect_failures(fixture, file, 2 * 2 * 5, "the target of byol and byol_cosine");
    file = open_copy(fixture, "mlp.h5");
    change_entries(file, "/predictor/W", false, 1, 0.1);
    expect_failures(fixture, file, 2 * 4 * 5, "the predictor of all four");
    file = open_copy(fixture, "mlp.h5");
    put_number(file, "rho", 0.4);
    expect_failures(fixture, file, 2 * 2, "rho");
    file = open_copy(fixture, "mlp.h5");
    put_number(file, "epsilon", 0.2);
    expect_failures(fixture, file, 2, "epsilon");
}

static void target_predictor_and_rule_must_be_right_if_they_are_needed(void **state)
{
    const struct kit_folder *fixture = *state;
    const hsize_t wide[] = {5, 6};
    const double wrong_rho[] = {-0.1, 1.5, NAN};
    hid_t file = open_copy(fixture, "mlp.h5");
    put_zeros(file, "/predictor/W", H5T_IEEE_F64LE, 2, wide);
    expect_error(fixture, file,
                 "/predictor/W has shape 5 x 6; the attributes of the file call for "
                 "5 x 5");
    for (int i = 0; i < 3; i++) {
        file = open_copy(fixture, "mlp.h5");
        put_number(file, "rho", wrong_rho[i]);
        expect_error(fixture, file, "it must be a number from 0 to 1");
    }
    file = open_copy(fixture, "mlp.h5");
    put_number(file, "epsilon", -1);
    expect_error(fixture, file, "the attribute epsilon is -1");
    file = open_copy(fixture, "mlp.h5");
    H5Adelete(file, "rho");
    expect_error(fixture, file, "the attribute rho is missing");
    file = open_copy(fixture, "mlp_single.h5");
    change_entries(file, "/weights/layer_1/W", true, 1e200, 0);
    expect_error(fixture, file, "overflow");
}

static void a_file_without_their_objectives_needs_no_target_and_no_predictor(void **state)
{
    const struct kit_folder *fixture = *state;
    const char *const names[] = {"byol", "simsiam", "no_stopgrad", "byol_cosine"};
    hid_t file = open_copy(fixture, "mlp_single.h5");
    delete_link(file, "/expect/linear");
    delete_link(file, "/expect/relu/directpred");
    for (int i = 0; i < 4; i++) {
        char path[64];
        snprintf(path, sizeof path, "/expect/relu/loss/%s", names[i]);
        delete_link(file, path);
        snprintf(path, sizeof path, "/expect/relu/grad/%s", names[i]);
        delete_link(file, path);
    }
    delete_link(file, "/target");
    delete_link(file, "/predictor");
    H5Adelete(file, "rho");
    H5Fclose(file);
    struct crosscheck check = run(fixture->file);
    assert_int_equal(check.passed, 70 / 2 - 4 * 3 - 2);
    assert_int_equal(check.failed + check.not_built, 0);
}

/* ---- wrong files ---- */

static void missing_datasets_are_errors(void **state)
{
    const char *const tree[] = {"/weights/level_1/W",
                                "/weights/level_2/b",
                                "/batch/x",
                                "/batch/x_neg",
                                "/batch/label",
                                "/batch/latent/level_2",
                                "/expect/f",
                                "/expect/preact/level_1",
                                "/expect/correlation/level_0",
                                "/expect/covop_norm/level_2",
                                "/expect/published_covop_norm/level_0",
                                "/expect/loss/infonce",
                                "/expect/grad/infonce/level_1/b"};
    const char *const mlp[] = {"/weights/layer_2/W",
                               "/batch/x_pos",
                               "/expect/relu/f",
                               "/expect/linear/loss/simple",
                               "/expect/relu/grad/ntxent/layer_3/W",
                               "/target/layer_2/W",
                               "/predictor/W",
                               "/expect/relu/loss/byol",
                               "/expect/relu/grad/simsiam/predictor/W",
                               "/expect/linear/grad/byol_cosine/layer_1/W",
                               "/expect/relu/directpred/correlation",
                               "/expect/linear/directpred/W"};
    for (size_t i = 0; i < sizeof tree / sizeof *tree; i++) {
        hid_t file = open_copy(*state, "tree_ternary.h5");
        delete_link(file, tree[i]);
        expect_error(*state, file, tree[i]);
    }
    for (size_t i = 0; i < sizeof mlp / sizeof *mlp; i++) {
        hid_t file = open_copy(*state, "mlp.h5");
        delete_link(file, mlp[i]);
        expect_error(*state, file, mlp[i]);
    }
    hid_t file = open_copy(*state, "tree_ternary.h5");
    delete_link(file, "/expect");
    expect_error(*state, file, "/expect/f is missing");
}

static void wrong_shapes_are_errors_that_say_the_right_one(void **state)
{
    const struct {
        const char *path;
        int rank;
        hsize_t shape[3];
        const char *words;
    } wrong[] = {
        {"/weights/level_1/W",
         3,
         {3, 12, 4},
         "3 x 12 x 4; the attributes of the file call for 3 x 4 x 12"},
        {"/weights/level_1/W", 2, {12, 12}, "call for 3 x 4 x 12"},
        {"/weights/level_0/b", 1, {4}, "call for 1 x 4"},
        {"/batch/x", 2, {27, 96}, "call for 96 x 27"},
        {"/batch/x_pos", 2, {95, 27}, "call for 96 x 27"},
        {"/batch/label", 2, {96, 1}, "call for 96"},
        {"/batch/latent/level_1", 2, {96, 2}, "call for 96 x 3"},
        {"/expect/f", 2, {4, 96}, "call for 96 x 4"},
        {"/expect/preact/level_2", 2, {96, 36}, "call for 96 x 9 x 4"},
        {"/expect/loss/simple", 1, {2}, "call for one number"},
        {"/expect/covop_norm/level_2", 1, {0}, "call for 9"},
        {"/expect/grad/simple/level_2/W",
         0,
         {0},
         "one number; the attributes of the file call for 9 x 4 x 3"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        hid_t file = open_copy(*state, "tree_ternary.h5");
        put_zeros(file, wrong[i].path, H5T_IEEE_F64LE, wrong[i].rank, wrong[i].shape);
        H5Fflush(file, H5F_SCOPE_LOCAL);
        expect_error(*state, file, wrong[i].path);
        expect_error(*state, -1, wrong[i].words);
    }
    hid_t file = open_copy(*state, "tree_ternary.h5");
    delete_link(file, "/weights/level_0/W");
    H5Gclose(H5Gcreate2(file, "/weights/level_0/W", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    expect_error(*state, file, "/weights/level_0/W is a group");
}

static void wrong_entries_are_errors(void **state)
{
    const struct {
        const char *file, *path;
        double value;
        const char *words;
    } wrong[] = {
        {"tree_ternary.h5", "/weights/level_1/W", NAN, "must be finite"},
        {"tree_ternary.h5", "/weights/level_0/b", INFINITY, "must be finite"},
        {"tree_ternary.h5", "/expect/correlation/level_1", NAN, "must be finite"},
        {"tree_ternary.h5", "/expect/loss/simple", -INFINITY, "must be finite"},
        {"mlp.h5", "/batch/x_pos", NAN, "must be finite"},
        {"tree_ternary.h5", "/batch/x", 2, "states are 0 or 1"},
        {"tree_ternary.h5", "/batch/x_neg", 255, "states are 0 or 1"},
        {"tree_ternary.h5", "/batch/latent/level_1", 7, "states are 0 or 1"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        hid_t file = open_copy(*state, wrong[i].file);
        change_entries(file, wrong[i].path, false, 0, wrong[i].value);
        H5Fflush(file, H5F_SCOPE_LOCAL);
        expect_error(*state, file, wrong[i].path);
        expect_error(*state, -1, wrong[i].words);
    }
}

static void what_a_file_says_twice_must_agree(void **state)
{
    hid_t file = open_copy(*state, "tree_ternary.h5");
    change_entries(file, "/batch/label", false, -1, 1);
    expect_error(*state, file, "/batch/label differs from /batch/latent/level_0");
    file = open_copy(*state, "tree_ternary.h5");
    change_entries(file, "/batch/latent/level_3", false, -1, 1);
    expect_error(*state, file, "/batch/latent/level_3 differs from /batch/x");
}

static void texts_are_no_numbers(void **state)
{
    const char *paths[] = {"/weights/level_0/W", "/batch/x", "/expect/loss/simple"};
    for (int i = 0; i < 3; i++) {
        hid_t file = open_copy(*state, "tree_ternary.h5"), text = H5Tcopy(H5T_C_S1);
        const hsize_t shapes[3][3] = {{1, 4, 12}, {96, 27}, {0}};
        H5Tset_size(text, 4);
        put_zeros(file, paths[i], text, i == 0 ? 3 : i == 1 ? 2 : 0, shapes[i]);
        H5Tclose(text);
        expect_error(*state, file, paths[i]);
    }
}

static void wrong_attributes_are_errors_that_say_the_range(void **state)
{
    const struct {
        const char *name;
        double value;
        const char *words;
    } wrong[] = {
        {"depth", 0, "attribute depth is 0; it must be a whole number from 1 to 24"},
        {"depth", 25, "depth"},
        {"depth", 2.5, "depth"},
        {"depth", -1, "depth"},
        {"depth", NAN, "depth"},
        {"depth", INFINITY, "depth"},
        {"depth", 2, "/weights/level_1/W has shape"},
        {"depth", 4, "/weights/level_2/W has shape"},
        {"depth", 24, "more than 16777216 nodes"},
        {"children", 0, "children"},
        {"children", 1e9, "children"},
        {"children", 4096, "depth 3 and children 4096"},
        {"children", 2, "/weights/level_0/W"},
        {"width", 0, "width"},
        {"width", 5000, "width"},
        {"width", 4096, "/weights/level_0/W has shape 1 x 4 x 12"},
        {"width", NAN, "width"},
        {"batch", 0, "batch"},
        {"batch", 97, "/batch/x has shape 96 x 27; the attributes of the file call for 97 x 27"},
        {"batch", 1048576, "/batch/x"},
        {"batch", 1e300, "batch"},
        {"bias", 2, "bias"},
        {"tau", 0, "attribute tau is 0; it must be a finite number above 0"},
        {"tau", -1, "tau"},
        {"tau", NAN, "tau"},
        {"tau", INFINITY, "tau"},
        {"beta", NAN, "beta"},
        {"margin", INFINITY, "margin"},
        {"norm_eps", -1, "attribute norm_eps is -1; it must be a finite number from 0 on"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        hid_t file = open_copy(*state, "tree_ternary.h5");
        put_number(file, wrong[i].name, wrong[i].value);
        expect_error(*state, file, wrong[i].words);
    }
}

/* Detected from the shapes, not by a request for terabytes. */
static void attributes_that_claim_too_much_are_compared_first(void **state)
{
    hid_t file = open_copy(*state, "tree_ternary.h5");
    put_number(file, "children", 200);
    put_number(file, "width", 4096);
    expect_error(*state, file,
                 "/weights/level_0/W has shape 1 x 4 x 12; the attributes of the file call for "
                 "1 x 4096 x 819200");
}

static void missing_attributes_and_texts_for_numbers_are_errors(void **state)
{
    const char *names[] = {"kind", "depth", "children", "width", "batch",
                           "bias", "tau",   "margin",   "beta",  "norm_eps"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char words[64];
        hid_t file = open_copy(*state, "tree_ternary.h5");
        H5Adelete(file, names[i]);
        snprintf(words, sizeof words, "the attribute %s is missing; it must be", names[i]);
        expect_error(*state, file, words);
        file = open_copy(*state, "tree_ternary.h5");
        put_text(file, names[i], "three");
        snprintf(words, sizeof words, "the attribute %s is ", names[i]);
        expect_error(*state, file, words);
    }
    const double two[] = {3, 3};
    hid_t file = open_copy(*state, "tree_ternary.h5");
    put_attribute(file, "depth", H5T_NATIVE_DOUBLE, 2, two);
    expect_error(*state, file, "the attribute depth is not one number");
    file = open_copy(*state, "tree_ternary.h5");
    put_text(file, "kind", "forest");
    expect_error(*state, file, "the attribute kind is 'forest'; it must be tree, mlp or outputs");
    file = open_copy(*state, "tree_ternary.h5");
    put_number(file, "kind", 1);
    expect_error(*state, file, "the attribute kind is not one text");
    file = open_copy(*state, "tree_ternary.h5");
    put_text(file, "activation", "gelu");
    expect_error(*state, file, "the attribute activation is 'gelu'; it must be relu or linear");
}

static void sizes_of_an_mlp_must_fit(void **state)
{
    const struct {
        size_t count;
        int64_t sizes[6];
        const char *words;
    } wrong[] = {
        {1, {12}, "sizes has 1 values"},
        {4, {12, 0, 9, 5}, "sizes has the entry 0"},
        {4, {12, 16, -9, 5}, "sizes has the entry -9"},
        {4, {12, 16, 9, 5000}, "sizes has the entry 5000"},
        {4,
         {12, 16, 9, 6},
         "/weights/layer_3/W has shape 5 x 9; the attributes of the file call for 6 x 9"},
        {5, {12, 16, 9, 5, 5}, "/weights/layer_4/W is missing"},
        {3, {12, 16, 9}, "/predictor/W has shape 5 x 5; the attributes of the file call for 9 x 9"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        hid_t file = open_copy(*state, "mlp.h5");
        put_attribute(file, "sizes", H5T_NATIVE_INT64, wrong[i].count, wrong[i].sizes);
        expect_error(*state, file, wrong[i].words);
    }
    hid_t file = open_copy(*state, "mlp.h5");
    put_text(file, "sizes", "12,16,9,5");
    expect_error(*state, file, "the attribute sizes is not numbers");
    file = open_copy(*state, "mlp.h5");
    H5Adelete(file, "sizes");
    expect_error(*state, file, "the attribute sizes is missing");
    file = open_copy(*state, "mlp.h5");
    put_number(file, "bias", 1);
    expect_error(*state, file, "the attribute bias is 1; it must be 0");
}

static void weights_that_overflow_are_an_error(void **state)
{
    hid_t file = open_copy(*state, "tree_ternary.h5");
    change_entries(file, "/weights/level_1/W", true, 1e200, 0);
    expect_error(*state, file, "overflow");
}

static void damaged_files_are_errors(void **state)
{
    const struct kit_folder *fixture = *state;
    size_t size;
    char *bytes = read_reference("tree_shallow.h5", &size);
    for (size_t length = 0; length < size; length += length < 64 ? 7 : 1499) {
        kit_write(fixture->file, bytes, length);
        expect_error(fixture, -1, "");
    }
    free(bytes);
    kit_write(fixture->file, "tau\t1\n", 6);
    expect_error(fixture, -1, "is no HDF5 file");
    remove(fixture->file);
    expect_error(fixture, -1, "no such file");
    hid_t file = H5Fcreate(fixture->file, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    expect_error(fixture, file, "the attribute kind is missing");
}

/* The name of the file comes first even if the message has the same word. */
static void errors_name_the_file_whatever_its_name(void **state)
{
    const struct kit_folder *fixture = *state;
    struct crosscheck check = {0};
    struct error err;
    char before[512];
    hid_t file = open_copy(fixture, "tree_shallow.h5");
    put_text(file, "kind", "forest");
    H5Fclose(file);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(fixture->path), 0);
    assert_int_equal(rename("copy.h5", "kind"), 0);
    enum status status = crosscheck_file(&check, "kind", &err);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(status, STATUS_INVALID);
    assert_string_equal(err.message,
                        "kind: the attribute kind is 'forest'; it must be tree, mlp or outputs");
}

/* ---- the command ---- */

/* Its stdout and stderr. */
static char *output_of(const struct kit_folder *fixture, int code)
{
    int found;
    const char *words[] = {"crosscheck", fixture->file, NULL};
    char *output = kit_run(KIT_BOTH, command_crosscheck, words, &found);
    assert_int_equal(found, code);
    return output;
}

static void the_command_ends_with_0_1_or_2(void **state)
{
    const struct kit_folder *fixture = *state;
    char line[160];
    H5Fclose(open_copy(fixture, "tree_shallow.h5"));
    char *output = output_of(fixture, 0);
    assert_contains(output, "/expect/covop_norm/level_0");
    assert_contains(output, "37 passed, 0 failed, 0 not built yet");
    free(output);
    hid_t file = open_copy(fixture, "tree_shallow.h5");
    change_entries(file, "/expect/loss/simple", true, 1, 1e-6);
    put_zeros(file, "/expect/loss/unheard_of", H5T_IEEE_F64LE, 0, NULL);
    H5Fclose(file);
    output = output_of(fixture, 1);
    assert_contains(output, "FAILS");
    assert_contains(output, "36 passed, 1 failed, 1 not built yet");
    free(output);
    file = open_copy(fixture, "tree_shallow.h5");
    put_number(file, "depth", 0);
    H5Fclose(file);
    output = output_of(fixture, 2);
    snprintf(line, sizeof line, "duet: %s", fixture->file);
    assert_contains(output, line);
    assert_ptr_equal(strchr(output, '\n'), output + strlen(output) - 1); /* one line */
    free(output);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, kit_folder_tear_down)

int main(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    const struct CMUnitTest tests[] = {
        TEST(reference_files_pass),
        TEST(no_file_of_the_folder_is_forgotten),
        TEST(every_expectation_is_compared),
        TEST(weights_and_samples_are_read),
        TEST(settings_come_from_the_attributes),
        TEST(the_tolerance_is_relative),
        TEST(rounding_around_0_passes_and_more_does_not),
        TEST(a_measured_nan_fails),
        TEST(a_comparison_needs_the_right_shape),
        TEST(what_has_no_code_is_counted_and_does_not_pass),
        TEST(objectives_and_activations_may_be_left_out),
        TEST(nothing_is_left),
        TEST(labels_are_read_by_what_is_the_same),
        TEST(labels_are_needed_where_they_are_compared_only),
        TEST(target_predictor_and_rule_are_read),
        TEST(target_predictor_and_rule_must_be_right_if_they_are_needed),
        TEST(a_file_without_their_objectives_needs_no_target_and_no_predictor),
        TEST(missing_datasets_are_errors),
        TEST(wrong_shapes_are_errors_that_say_the_right_one),
        TEST(wrong_entries_are_errors),
        TEST(what_a_file_says_twice_must_agree),
        TEST(texts_are_no_numbers),
        TEST(wrong_attributes_are_errors_that_say_the_range),
        TEST(attributes_that_claim_too_much_are_compared_first),
        TEST(missing_attributes_and_texts_for_numbers_are_errors),
        TEST(sizes_of_an_mlp_must_fit),
        TEST(weights_that_overflow_are_an_error),
        TEST(damaged_files_are_errors),
        TEST(errors_name_the_file_whatever_its_name),
        TEST(the_command_ends_with_0_1_or_2),
    };
    return cmocka_run_group_tests_name("crosscheck", tests, NULL, NULL);
}
