/* Protects the digest of a result file (store/store_digest.c): another program may open the file to
 * write, and what it did not change stays sound; and columns of integers and texts. */
#include "store/checksum.h"
#include "store/store_private.h"
#include "tests/kit/file.h"
#include "tests/kit/testing.h"

/* ---- files that another program opened to write ---- */

/* A copy of the file as HDF5 has it open, with `change`; closing it drops the checksum. */
static void rewrite(const struct kit_folder *fixture, void (*change)(hid_t file))
{
    size_t size;
    char *bytes = kit_read(fixture->file, &size);
    kit_write(fixture->other, bytes, size);
    free(bytes);
    hid_t file = H5Fopen(fixture->other, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(file >= 0);
    if (change)
        change(file);
    assert_true(H5Fclose(file) >= 0);
}

static void add_attribute(hid_t file)
{
    const double value = 1;
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(file, "note", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Awrite(attribute, H5T_NATIVE_DOUBLE, &value) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
}

static void add_dataset(hid_t file)
{
    const hsize_t shape = 3;
    hid_t space = H5Screate_simple(1, &shape, NULL);
    H5Dclose(
        H5Dcreate2(file, "/mine", H5T_NATIVE_FLOAT, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
}

static void change_entry(hid_t file)
{
    hid_t loss = H5Dopen2(file, "/series/loss", H5P_DEFAULT);
    double values[64];
    assert_true(H5Dread(loss, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    values[1] = nextafter(values[1], 2);
    assert_true(H5Dwrite(loss, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(loss);
}

static void remove_dataset(hid_t file)
{
    assert_true(H5Ldelete(file, "/series/loss", H5P_DEFAULT) >= 0);
}

static void rename_dataset(hid_t file)
{
    assert_true(H5Lmove(file, "/series/loss", file, "/series/other", H5P_DEFAULT, H5P_DEFAULT) >=
                0);
}

static void change_seed(hid_t file)
{
    const uint64_t seed = 999;
    hid_t attribute = H5Aopen(file, "seed", H5P_DEFAULT);
    assert_true(H5Awrite(attribute, H5T_NATIVE_UINT64, &seed) >= 0);
    H5Aclose(attribute);
}

static void remove_attribute(hid_t file)
{
    assert_true(H5Adelete(file, "spec") >= 0);
}

static void the_numbers_decide_whether_a_rewritten_file_is_sound(void **state)
{
    const struct {
        void (*change)(hid_t file);
        enum store_state state;
    } cases[] = {
        {NULL, STORE_REWRITTEN},         {add_attribute, STORE_REWRITTEN},
        {add_dataset, STORE_REWRITTEN},  {change_entry, STORE_CHANGED},
        {remove_dataset, STORE_CHANGED}, {rename_dataset, STORE_CHANGED},
        {change_seed, STORE_CHANGED},    {remove_attribute, STORE_CHANGED},
    };
    const struct kit_folder *fixture = *state;
    assert_int_equal(kit_state(fixture->file), STORE_AS_WRITTEN);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err;
        rewrite(fixture, cases[i].change);
        assert_int_equal(kit_state(fixture->other), cases[i].state);
        const enum status sound = store_verify(fixture->other, &err);
        assert_int_equal(sound, cases[i].state == STORE_CHANGED ? STATUS_INVALID : STATUS_OK);
        if (sound)
            assert_contains(err.message, "changed since it was written");
    }
}

/* A file without a digest, as duet wrote it before there was one. */
static void an_older_file_without_its_checksum_is_damaged(void **state)
{
    const struct kit_folder *fixture = *state;
    struct error err;
    size_t size;
    rewrite(fixture, NULL);
    hid_t file = H5Fopen(fixture->other, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(H5Adelete(file, "digest") >= 0);
    assert_true(H5Fclose(file) >= 0);
    assert_int_equal(store_verify(fixture->other, &err), STATUS_INVALID);
    assert_contains(err.message, "the checksum at its end is missing");
    char *bytes = kit_read(fixture->other, &size);
    bytes = realloc(bytes, size + CHECKSUM_BYTES + 1);
    checksum_end(bytes, size, bytes + size);
    kit_write(fixture->other, bytes, size + CHECKSUM_BYTES);
    free(bytes);
    assert_int_equal(kit_state(fixture->other), STORE_AS_WRITTEN);
}

/* One hash per dataset: no limit of HDF5 on the size of an attribute is in the way. */
static void a_file_of_many_datasets_has_a_digest(void **state)
{
    enum { MANY = 9000 };
    const struct kit_folder *fixture = *state;
    struct store *store;
    struct error err;
    check_ok(store_create(&store, &err), &err);
    for (int i = 0; i < MANY; i++) {
        char path[32];
        const double value = i;
        snprintf(path, sizeof path, "/x%d/%d", i / 100, i);
        check_ok(store_put(store, path, 0, NULL, NULL, &value, "x", "1", &err), &err);
    }
    check_ok(store_commit(store, fixture->file, &err), &err);
    store_free(store);
    rewrite(fixture, NULL);
    assert_int_equal(kit_state(fixture->other), STORE_REWRITTEN);
}

/* ---- columns that are no doubles ---- */

/* Integers beyond the doubles, and texts, keep every digit and letter. */
static void columns_of_integers_and_texts_are_stored_exactly(void **state)
{
    const struct kit_folder *fixture = *state;
    const int64_t seed[] = {INT64_C(9007199254740993), -1}, code[] = {1, 0};
    const char *const name[] = {"a b", "\xc3\xa4"};
    int64_t read[2] = {0};
    char *text[2];
    struct store *store;
    struct store_file *file;
    struct error err;
    check_ok(store_create(&store, &err), &err);
    check_ok(store_put_axis(store, "/point", 2, NULL, "point", "1", &err), &err);
    check_ok(store_put_integers(store, "/seed", 2, "/point", seed, "seed", &err), &err);
    check_ok(store_put_integers(store, "/word", 2, "/point", code, "word", &err), &err);
    check_ok(store_put_meanings(store, "/word", name, 2, &err), &err);
    check_ok(store_put_texts(store, "/name", 2, "/point", name, "name", &err), &err);
    check_ok(store_commit(store, fixture->other, &err), &err);
    store_free(store);
    check_ok(store_open(&file, fixture->other, &err), &err);
    hid_t dataset = H5Dopen2(file->id, "/seed", H5P_DEFAULT), type;
    assert_true(H5Dread(dataset, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, read) >= 0);
    H5Dclose(dataset);
    assert_memory_equal(read, seed, sizeof seed);
    dataset = H5Dopen2(file->id, "/name", H5P_DEFAULT);
    type = H5Dget_type(dataset);
    assert_true(H5Tis_variable_str(type) > 0 && H5Tget_cset(type) == H5T_CSET_UTF8);
    assert_true(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) >= 0);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(text[i], name[i]);
        H5free_memory(text[i]);
    }
    H5Tclose(type);
    H5Dclose(dataset);
    check_ok(store_get_text_of(file, "/word", "flag_meanings", &text[0], &err), &err);
    assert_string_equal(text[0], "a_b \xc3\xa4");
    free(text[0]);
    store_close(file);
}

static int set_up(void **state)
{
    struct kit_folder *folder = allocate(1, sizeof *folder);
    *folder = kit_folder_open("run.h5", "copy.h5");
    *state = folder;
    const double loss[] = {1, 0.5, 0.25}, epoch[] = {0, 1, 2};
    const char *const axes[] = {"/series/epoch"}, *const name[] = {"a", "b", "c"};
    struct store *store;
    struct error err;
    check_ok(store_create(&store, &err), &err);
    check_ok(store_put_text(store, "spec", "name: x\n", &err), &err);
    check_ok(store_put_integer(store, "seed", 7, &err), &err);
    check_ok(store_put_whole_axis(store, axes[0], 3, epoch, "epoch", "1", &err), &err);
    check_ok(store_put(store, "/series/loss", 1, (size_t[]){3}, axes, loss, "loss", "1", &err),
             &err);
    check_ok(store_put_texts(store, "/series/name", 3, axes[0], name, "name", &err), &err);
    check_ok(store_commit(store, folder->file, &err), &err);
    store_free(store);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, kit_folder_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_numbers_decide_whether_a_rewritten_file_is_sound),
        TEST(an_older_file_without_its_checksum_is_damaged),
        TEST(a_file_of_many_datasets_has_a_digest),
        TEST(columns_of_integers_and_texts_are_stored_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
