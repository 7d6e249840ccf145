/* Protects store/store_each.c: many files in a few processes; a process that crashes loses only the
 * file that it was reading. */
#include "store/checksum.h"
#include "store/store_each.h"
#include "tests/kit/file.h"
#include "tests/kit/testing.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 300 };

struct trial {
    struct kit_folder folder; /* with a file "marker" once a child has crashed */
    size_t next;              /* next file */
    size_t lost[FILES];       /* files with a problem, in order */
    size_t lost_count;
    size_t crash, once, large, stop; /* files at which something happens; FILES: none */
    char problem[1024];
};

static void name(void *context, size_t i, char *path, size_t size)
{
    const struct trial *trial = context;
    snprintf(path, size, "%s/%03zu.h5", trial->folder.path, i);
}

static enum status read_value(void *context, size_t i, const struct store_file *file, FILE *out,
                              struct error *err)
{
    const struct trial *trial = context;
    struct store_array array;
    if (i == trial->crash || (i == trial->once && access(trial->folder.file, F_OK) != 0)) {
        close(open(trial->folder.file, O_WRONLY | O_CREAT, 0666));
        raise(i == trial->once ? SIGKILL : SIGSEGV);
    }
    const enum status status = store_get(file, "/group/value", &array, err);
    if (status)
        return status;
    for (size_t k = 0; k < (i == trial->large ? 100000 : 1); k++)
        fwrite(array.values, sizeof *array.values, array.count, out);
    store_array_free(&array);
    return STATUS_OK;
}

static enum status take(void *context, size_t i, const char *bytes, size_t size,
                        const struct error *problem, struct error *err)
{
    struct trial *trial = context;
    assert_int_equal(i, trial->next++);
    if (i == trial->stop)
        return error_set(err, STATUS_INTERRUPTED, "enough");
    if (problem) {
        trial->lost[trial->lost_count++] = i;
        snprintf(trial->problem, sizeof trial->problem, "%s", problem->message);
        return STATUS_OK;
    }
    const size_t count = i == trial->large ? 100000 : 1;
    assert_int_equal(size, 2 * count * sizeof(double));
    for (size_t k = 0; k < 2 * count; k++) {
        double value;
        memcpy(&value, bytes + k * sizeof value, sizeof value);
        assert_true(value == (double)i + (double)(k % 2));
    }
    return STATUS_OK;
}

static void write_value(const struct trial *trial, size_t i)
{
    struct store *store;
    struct error err;
    char path[128];
    const char *const axes[] = {"/group/axis"};
    const size_t length = 2;
    const double value[] = {(double)i, (double)i + 1};
    name((void *)trial, i, path, sizeof path);
    check_ok(store_create(&store, &err), &err);
    check_ok(store_put_axis(store, axes[0], length, NULL, "axis", "1", &err), &err);
    check_ok(store_put(store, "/group/value", 1, &length, axes, value, "value", "1", &err), &err);
    check_ok(store_commit(store, path, &err), &err);
    store_free(store);
}

static int setup(void **state)
{
    struct trial *trial = allocate(1, sizeof *trial);
    *trial = (struct trial){.folder = kit_folder_open("marker", ""),
                            .crash = FILES,
                            .once = FILES,
                            .large = FILES,
                            .stop = FILES};
    for (size_t i = 0; i < FILES; i++)
        write_value(trial, i);
    *state = trial;
    return 0;
}

static void read_all(struct trial *trial)
{
    struct error err;
    const struct store_each each = {FILES, trial, name, read_value, take};
    check_ok(store_each(&each, &err), &err);
    assert_int_equal(trial->next, FILES);
}

/* Change the bytes of a file by `change`. */
static void spoil(const struct trial *trial, size_t i, size_t *size,
                  void (*change)(char *bytes, size_t size, size_t *kept))
{
    char path[128];
    name((void *)trial, i, path, sizeof path);
    char *bytes = kit_read(path, size);
    size_t kept = *size;
    change(bytes, *size, &kept);
    kit_write(path, bytes, kept);
    free(bytes);
}

static void cut(char *bytes, size_t size, size_t *kept)
{
    (void)bytes;
    *kept = size / 2;
}

/* The last object header, of an object that `read_value` does not read. */
static void flip(char *bytes, size_t size, size_t *kept)
{
    size_t last = 0;
    (void)kept;
    for (size_t i = 0; i + 4 < size; i++)
        if (memcmp(bytes + i, "OHDR", 4) == 0)
            last = i;
    assert_true(last > 0);
    bytes[last + 20] = (char)(bytes[last + 20] ^ 0x10);
}

static void all_files_come_in_order(void **state)
{
    struct trial *trial = *state;
    trial->large = 65;
    read_all(trial);
    assert_int_equal(trial->lost_count, 0);
}

static void a_crash_loses_one_file(void **state)
{
    struct trial *trial = *state;
    trial->crash = 70;
    read_all(trial);
    assert_int_equal(trial->lost_count, 1);
    assert_int_equal(trial->lost[0], 70);
    assert_non_null(strstr(trial->problem, "070.h5"));
}

static void a_process_that_was_killed_loses_nothing(void **state)
{
    struct trial *trial = *state;
    trial->once = 130;
    read_all(trial);
    assert_int_equal(trial->lost_count, 0);
}

static void damaged_files_are_named(void **state)
{
    struct trial *trial = *state;
    size_t size;
    char path[128];
    spoil(trial, 10, &size, cut);
    spoil(trial, 63, &size, flip);
    name(trial, 64, path, sizeof path);
    assert_int_equal(truncate(path, 0), 0);
    name(trial, 299, path, sizeof path);
    assert_int_equal(unlink(path), 0);
    read_all(trial);
    assert_int_equal(trial->lost_count, 4);
    const size_t lost[] = {10, 63, 64, 299};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(trial->lost[i], lost[i]);
    assert_non_null(strstr(trial->problem, "299.h5: no such file"));
}

static enum status read_nothing(void *context, size_t i, const struct store_file *file, FILE *out,
                                struct error *err)
{
    (void)context, (void)i, (void)file, (void)out, (void)err;
    return STATUS_OK;
}

static enum status take_any(void *context, size_t i, const char *bytes, size_t size,
                            const struct error *problem, struct error *err)
{
    struct trial *trial = context;
    (void)bytes, (void)size, (void)err;
    if (problem)
        trial->lost[trial->lost_count++] = i;
    return STATUS_OK;
}

/* Files without their checksum, each overwritten at another place: both ways to open a file agree.
 */
static void damage_is_found_as_by_store_open(void **state)
{
    struct trial *trial = *state;
    struct error err;
    char path[128];
    const struct store_each each = {FILES, trial, name, read_nothing, take_any};
    for (size_t i = 0; i < FILES; i++) {
        size_t size;
        name(trial, i, path, sizeof path);
        char *bytes = kit_read(path, &size);
        memset(bytes + i * (size - 2 * CHECKSUM_BYTES) / FILES, 0x5a, 8);
        kit_write(path, bytes, size - CHECKSUM_BYTES);
        free(bytes);
    }
    check_ok(store_each(&each, &err), &err);
    size_t lost = 0;
    for (size_t i = 0; i < FILES; i++) {
        struct store_file *file = NULL;
        name(trial, i, path, sizeof path);
        const bool opens = store_open(&file, path, NULL) == STATUS_OK;
        store_close(file);
        const bool read = lost == trial->lost_count || trial->lost[lost] != i;
        lost += !read;
        if (read != opens)
            fail_msg("%s: %s", path, opens ? "store_open reads it" : "store_each reads it");
    }
    assert_in_range(lost, FILES / 10, FILES - 1);
}

static void taking_can_stop(void **state)
{
    struct trial *trial = *state;
    struct error err;
    const struct store_each each = {FILES, trial, name, read_value, take};
    trial->stop = 5;
    assert_int_equal(store_each(&each, &err), STATUS_INTERRUPTED);
    assert_int_equal(trial->next, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_files_come_in_order, setup, kit_folder_tear_down),
        cmocka_unit_test_setup_teardown(a_crash_loses_one_file, setup, kit_folder_tear_down),
        cmocka_unit_test_setup_teardown(a_process_that_was_killed_loses_nothing, setup,
                                        kit_folder_tear_down),
        cmocka_unit_test_setup_teardown(damaged_files_are_named, setup, kit_folder_tear_down),
        cmocka_unit_test_setup_teardown(damage_is_found_as_by_store_open, setup,
                                        kit_folder_tear_down),
        cmocka_unit_test_setup_teardown(taking_can_stop, setup, kit_folder_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
