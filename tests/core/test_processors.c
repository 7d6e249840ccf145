/* The CPU quota of control groups, read from files as the kernel shows them. */
#include "core/processors.h"

#include "tests/kit/file.h"
#include "tests/kit/testing.h"

#include <sys/stat.h>

static int set_up(void **state)
{
    struct kit_folder *folder = allocate(1, sizeof *folder);
    *folder = kit_folder_open("groups", "none");
    *state = folder;
    return 0;
}

/* Make the folders above it, too. */
static void put(const struct kit_folder *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    for (char *slash = path + strlen(folder->path) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    kit_write(path, text, strlen(text));
}

static int quota(const struct kit_folder *folder, const char *groups)
{
    kit_write(folder->file, groups, strlen(groups));
    return processors_of_quota(folder->file, folder->path);
}

static void a_part_of_a_processor_counts_as_one(void **state)
{
    put(*state, "job/cpu.max", "50000 100000\n");
    assert_int_equal(quota(*state, "0::/job\n"), 1);
    put(*state, "job/cpu.max", "250000 100000\n");
    assert_int_equal(quota(*state, "0::/job\n"), 3);
}

static void no_quota_is_none(void **state)
{
    const struct kit_folder *folder = *state;
    put(folder, "job/cpu.max", "max 100000\n");
    assert_int_equal(quota(folder, "0::/job\n"), 0);
    assert_int_equal(quota(folder, "0::/elsewhere\n"), 0);
    assert_int_equal(quota(folder, ""), 0);
    assert_int_equal(quota(folder, "nonsense\n:\n::\n"), 0);
    assert_int_equal(processors_of_quota(folder->other, folder->path), 0);
    put(folder, "cpu/job/cpu.cfs_quota_us", "-1\n");
    put(folder, "cpu/job/cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota(folder, "3:cpu:/job\n"), 0);
}

static void the_least_of_nested_groups_counts(void **state)
{
    put(*state, "cpu.max", "max 100000\n");
    put(*state, "a/cpu.max", "200000 100000\n");
    put(*state, "a/b/cpu.max", "max 100000\n");
    put(*state, "a/b/c/cpu.max", "700000 100000\n");
    assert_int_equal(quota(*state, "0::/a/b/c\n"), 2);
    put(*state, "cpu.max", "100000 100000\n");
    assert_int_equal(quota(*state, "0::/a/b/c\n"), 1);
    /* a container sees the files of its own group at the root, and may see a path outside */
    assert_int_equal(quota(*state, "0::/outside/of/it\n"), 1);
}

static void the_first_version_is_read(void **state)
{
    put(*state, "cpu,cpuacct/job/part/cpu.cfs_quota_us", "400000\n");
    put(*state, "cpu,cpuacct/job/part/cpu.cfs_period_us", "100000\n");
    put(*state, "cpu,cpuacct/job/cpu.cfs_quota_us", "150000\n");
    put(*state, "cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
    assert_int_equal(quota(*state, "9:cpuset:/\n4:cpu,cpuacct:/job/part\n0::/\n"), 2);
    assert_int_equal(quota(*state, "4:cpuacct,cpuset:/job/part\n"), 0);
    put(*state, "unified/job/cpu.max", "50000 100000\n");
    assert_int_equal(quota(*state, "4:cpu,cpuacct:/job/part\n0::/job\n"), 1);
}

static void there_is_a_processor_here(void **state)
{
    (void)state;
    assert_true(processors_here() >= 1);
    assert_true(processors_threads() >= 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, kit_folder_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_part_of_a_processor_counts_as_one),   TEST(no_quota_is_none),
        TEST(the_least_of_nested_groups_counts),     TEST(the_first_version_is_read),
        cmocka_unit_test(there_is_a_processor_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
