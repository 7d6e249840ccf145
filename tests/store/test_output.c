/* Outputs: a file comes whole or not at all, and replaces only a file of its own kind. */
#include "store/output.h"

#include "store/store.h"
#include "tests/kit/file.h"
#include "tests/kit/testing.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct output_kind list = {.name = "list", .start = "list\t", .mark = ""};
static const char old_list[] = "list\tof old\n1\t2\n", new_list[] = "list\tof new\n";

static int set_up(void **state)
{
    struct kit_folder *folder = allocate(1, sizeof *folder);
    *folder = kit_folder_open("file", "other");
    *state = folder;
    return 0;
}

static void assert_holds(const char *path, const char *text)
{
    char *found = kit_read(path, NULL);
    assert_string_equal(found, text);
    free(found);
}

static enum status write_list(const char *path, struct error *err)
{
    return output_write(path, &list, new_list, strlen(new_list), err);
}

static void assert_refused(const char *path, const struct output_kind *kind, const char *content,
                           size_t size)
{
    struct error err = {0};
    kit_write(path, content, size);
    assert_int_equal(output_check(path, kind, &err), STATUS_INVALID);
    assert_contains(err.message, path);
    assert_contains(err.message, kind->name);
    assert_contains(err.message, "stays as it is");
    assert_int_equal(output_write(path, kind, "new", 3, &err), STATUS_INVALID);
    assert_holds(path, content);
}

static void assert_replaced(const char *path, const struct output_kind *kind, const char *content,
                            size_t size)
{
    struct error err = {0};
    kit_write(path, content, size);
    check_ok(output_check(path, kind, &err), &err);
    check_ok(output_write(path, kind, "new", 3, &err), &err);
    assert_holds(path, "new");
}

static void a_file_of_another_kind_stays(void **state)
{
    const struct kit_folder *folder = *state;
    const char *const foreign[] = {"seed: 1\n",
                                   "lists\tof\n",
                                   "\x89PNG\r\n\x1a\n",
                                   "%PDF-1.5\n%%EOF\n",
                                   "\x89HDF\r\n\x1a\n",
                                   "<?xml?><svg></svg>\n",
                                   "x"};
    const struct output_kind *const kinds[] = {&list, &output_result, &output_pdf, &output_png,
                                               &output_svg};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            assert_refused(folder->file, kinds[k], foreign[i], strlen(foreign[i]));
}

static void a_file_of_the_same_kind_is_replaced(void **state)
{
    const struct kit_folder *folder = *state;
    const char pdf[] = "%PDF-1.5\n%%EOF\n% Drawn by duet.\n%%EOF\n";
    const char svg[] = "<?xml?><svg></svg>\n<!-- Drawn by duet. -->\n";
    const char png[] = "\x89PNG\r\n\x1a\n...tEXtComment\0Drawn by duet.";
    assert_replaced(folder->file, &list, old_list, sizeof old_list - 1);
    assert_replaced(folder->file, &output_pdf, pdf, sizeof pdf - 1);
    assert_replaced(folder->file, &output_svg, svg, sizeof svg - 1);
    assert_replaced(folder->file, &output_png, png, sizeof png - 1);
    assert_refused(folder->file, &output_png, pdf, sizeof pdf - 1);
}

static void a_file_without_content_is_replaced(void **state)
{
    const struct kit_folder *folder = *state;
    const char zeros[5000] = {0};
    assert_replaced(folder->file, &output_result, "", 0);
    assert_replaced(folder->file, &output_result, zeros, sizeof zeros);
    assert_replaced(folder->file, &list, zeros, sizeof zeros);
}

/* ---- results ---- */

static void write_result(const char *path)
{
    struct store *store;
    struct error err = {0};
    check_ok(store_create(&store, &err), &err);
    check_ok(store_put_text(store, "duet_version", "1", &err), &err);
    check_ok(store_commit(store, path, &err), &err);
    store_free(store);
}

static void a_result_is_told_by_its_attributes(void **state)
{
    const struct kit_folder *folder = *state;
    struct error err = {0};
    write_result(folder->file);
    check_ok(output_check(folder->file, &output_result, &err), &err);
    write_result(folder->file);
    /* in a file of another program that holds a copy of it, the attributes are not the root's */
    hid_t result = H5Fopen(folder->file, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t whole = H5Fcreate(folder->other, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Ocopy(result, "/", whole, "copy", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Fclose(whole);
    H5Fclose(result);
    assert_int_equal(output_check(folder->other, &output_result, &err), STATUS_INVALID);
}

static void a_damaged_result_is_replaced(void **state)
{
    const struct kit_folder *folder = *state;
    struct error err = {0};
    write_result(folder->file);
    size_t size;
    char *bytes = kit_read(folder->file, &size);
    kit_write(folder->file, bytes, size - size / 4);
    check_ok(output_check(folder->file, &output_result, &err), &err);
    bytes[size / 2] ^= 1;
    kit_write(folder->file, bytes, size);
    check_ok(output_check(folder->file, &output_result, &err), &err);
    write_result(folder->file);
    free(bytes);
}

/* ---- links, folders, permissions, devices ---- */

static void a_link_is_followed(void **state)
{
    const struct kit_folder *folder = *state;
    struct error err = {0};
    char link[160], dangling[160];
    struct stat about;
    snprintf(link, sizeof link, "%s/link", folder->path);
    snprintf(dangling, sizeof dangling, "%s/dangling", folder->path);
    kit_write(folder->file, old_list, strlen(old_list));
    assert_int_equal(symlink("file", link), 0);
    assert_int_equal(symlink("new/place", dangling), 0);
    check_ok(write_list(link, &err), &err);
    check_ok(write_list(dangling, &err), &err);
    assert_holds(folder->file, new_list);
    assert_holds(dangling, new_list);
    assert_int_equal(lstat(link, &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    assert_int_equal(lstat(dangling, &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    kit_write(folder->file, "a spec\n", 7);
    assert_int_equal(write_list(link, &err), STATUS_INVALID);
    unlink(folder->file);
    assert_int_equal(symlink("link", folder->file), 0); /* in a circle */
    assert_int_equal(write_list(link, &err), STATUS_SYSTEM);
    assert_contains(err.message, link);
}

static void permissions_are_kept(void **state)
{
    const struct kit_folder *folder = *state;
    struct error err = {0};
    struct stat about;
    kit_write(folder->file, old_list, strlen(old_list));
    assert_int_equal(chmod(folder->file, 0640), 0);
    check_ok(write_list(folder->file, &err), &err);
    assert_int_equal(stat(folder->file, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0640);
    assert_int_equal(chmod(folder->file, 0444), 0);
    assert_int_equal(write_list(folder->file, &err), STATUS_INVALID);
    assert_contains(err.message, "Permission denied");
}

static void a_folder_is_no_output(void **state)
{
    const struct kit_folder *folder = *state;
    struct error err = {0};
    assert_int_equal(write_list(folder->path, &err), STATUS_INVALID);
    assert_contains(err.message, "is a folder");
    assert_int_equal(write_list("", &err), STATUS_INVALID);
    assert_int_equal(write_list("folder/", &err), STATUS_INVALID);
    assert_int_equal(write_list("/proc/duet/list", &err), STATUS_SYSTEM);
}

static void a_pipe_or_device_gets_the_bytes(void **state)
{
    const struct kit_folder *folder = *state;
    struct error err = {0};
    char name[32], bytes[64] = "";
    struct stat about;
    assert_int_equal(mkfifo(folder->file, 0600), 0);
    const int reader = open(folder->file, O_RDONLY | O_NONBLOCK);
    check_ok(output_check(folder->file, &list, &err), &err);
    check_ok(write_list(folder->file, &err), &err);
    assert_int_equal(read(reader, bytes, sizeof bytes), strlen(new_list));
    assert_string_equal(bytes, new_list);
    close(reader);
    assert_int_equal(stat(folder->file, &about), 0);
    assert_true(S_ISFIFO(about.st_mode));
    check_ok(write_list("/dev/null", &err), &err);
    assert_int_equal(write_list("/dev/full", &err), STATUS_SYSTEM);
    assert_contains(err.message, strerror(ENOSPC));
    /* an open descriptor goes on where it is */
    const int descriptor = open(folder->other, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(descriptor, "first\n", 6), 6);
    snprintf(name, sizeof name, "/dev/fd/%d", descriptor);
    check_ok(write_list(name, &err), &err);
    close(descriptor);
    assert_holds(folder->other, "first\nlist\tof new\n");
    assert_int_equal(write_list(name, &err), STATUS_SYSTEM);
}

/* ---- texts ---- */

static void print_list(FILE *out, const void *context)
{
    fputs(context, out);
}

static void a_table_replaces_one_with_the_same_first_column(void **state)
{
    const struct kit_folder *folder = *state;
    struct error err = {0};
    check_ok(output_print(folder->file, &list, print_list, new_list, &err), &err);
    check_ok(output_table(folder->file, old_list, strlen(old_list), &err), &err);
    assert_holds(folder->file, old_list);
    assert_int_equal(output_table(folder->file, "lists\t1\n", 8, &err), STATUS_INVALID);
    check_ok(output_write(folder->file, NULL, "x", 1, &err), &err);
    assert_holds(folder->file, "x");
}

static void one_file_of_two_names_is_known(void **state)
{
    const struct kit_folder *folder = *state;
    kit_write(folder->file, "x", 1);
    assert_false(output_is_same(folder->file, folder->other));
    assert_int_equal(link(folder->file, folder->other), 0);
    assert_true(output_is_same(folder->file, folder->other));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, kit_folder_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_of_another_kind_stays),
        TEST(a_file_of_the_same_kind_is_replaced),
        TEST(a_file_without_content_is_replaced),
        TEST(a_result_is_told_by_its_attributes),
        TEST(a_damaged_result_is_replaced),
        TEST(a_link_is_followed),
        TEST(permissions_are_kept),
        TEST(a_folder_is_no_output),
        TEST(a_pipe_or_device_gets_the_bytes),
        TEST(a_table_replaces_one_with_the_same_first_column),
        TEST(one_file_of_two_names_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
