/* Protects harness/spec/grid.c (swept keys, their values and order), harness/sweep/sweep_plan.c
 * (numbering, equal points, the manifest) and harness/sweep/lease.c (the owner of a point). */
#include "harness/spec/node.h"
#include "harness/sweep/lease.h"
#include "harness/sweep/sweep_plan.h"
#include "tests/kit/file.h"
#include "tests/kit/testing.h"

#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- help ---- */

/* A grid of arguments alone; returns the error's text if it fails. */
static const char *try_grid(struct grid *grid, const char *yaml, const char *const *arguments,
                            size_t count, const char *zip)
{
    static struct error err;
    struct spec spec;
    err = (struct error){0};
    check_ok(spec_parse(&spec, "grid.yaml", yaml, strlen(yaml), NULL, 0, &err), &err);
    enum status status = grid_make(grid, &spec, arguments, count, &zip, zip ? 1 : 0, &err);
    spec_free(&spec);
    return status ? err.message : NULL;
}

/* The values of the first column of a grid of one argument, joined by spaces. */
static void assert_values(const char *argument, const char *expected)
{
    struct grid grid;
    char joined[512] = "";
    const char *message = try_grid(&grid, "", &argument, 1, NULL);
    if (message)
        fail_msg("%s: %s", argument, message);
    assert_int_equal(grid.axes, 1);
    for (size_t i = 0; i < grid.points; i++) {
        strcat(joined, i ? " " : "");
        strcat(joined, grid_label(&grid, i, 0));
    }
    assert_string_equal(joined, expected);
    grid_free(&grid);
}

static void assert_refused(const char *argument, const char *part)
{
    struct grid grid;
    const char *message = try_grid(&grid, "", &argument, 1, NULL);
    assert_non_null(message);
    if (!strstr(message, part))
        fail_msg("'%s' is not in: %s", part, message);
    assert_null(grid.pool.blocks);
}

/* All overrides of a point, joined by spaces, without places. */
static void join(const struct grid *grid, size_t point, char *text)
{
    const char *override[32];
    assert_true(grid->most <= 32);
    const size_t count = grid_overrides(grid, point, override);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        strcat(text, i ? " " : "");
        strcat(text, spec_without_place(override[i]));
    }
}

static void assert_point(const struct grid *grid, size_t point, const char *expected)
{
    char text[512];
    join(grid, point, text);
    assert_string_equal(text, expected);
}

/* ---- values ---- */

static void lists_and_ranges(void **state)
{
    (void)state;
    assert_values("objective.tau=0.1,0.5", "0.1 0.5");
    assert_values("seed=1:4:1", "1 2 3 4");
    assert_values("seed=1:6:2", "1 3 5");
    assert_values("seed=3:1:-1", "3 2 1");
    assert_values("seed=5:5:1", "5");
    assert_values("seed=1:3:1,10, 20", "1 2 3 10 20");
    assert_values("objective.tau=0.1:0.5:0.1", "0.1 0.2 0.3 0.4 0.5");
    assert_values("objective.tau=-0.3:0.3:0.1", "-0.3 -0.2 -0.1 0 0.1 0.2 0.3");
    assert_values("optimiser.lr=log:1e-3:1:4", "0.001 0.01 0.1 1");
    assert_values("optimiser.lr=log:1:0.01:3", "1 0.1 0.01");
    assert_values("seed=9007199254740993:9007199254740995:1",
                  "9007199254740993 9007199254740994 9007199254740995");
}

static void commas_in_brackets_do_not_part(void **state)
{
    (void)state;
    assert_values("data.polarity=[0.7,1],[0.8,1]", "[0.7,1] [0.8,1]");
    assert_values("objective={name: infonce, tau: 1},{name: ntxent}",
                  "{name: infonce, tau: 1} {name: ntxent}");
    assert_values("data.x=\"a,b\",c", "\"a,b\" c");
    assert_false(grid_sweeps("network.layers=[64,32]"));
    assert_false(grid_sweeps("seed=3"));
    assert_false(grid_sweeps("seed"));
    assert_false(grid_sweeps("data.x=a:b:c"));
    assert_true(grid_sweeps("seed=3,4"));
    assert_true(grid_sweeps("seed=3:4:1"));
}

static void empty_grids_are_refused(void **state)
{
    (void)state;
    assert_refused("seed=3:1:1", "has no values");
    assert_refused("case=1:10:1", "case is no key");
    assert_refused("seed=1:3:-1", "has no values");
    assert_refused("seed=1:3:0", "has no values");
    assert_refused("objective.tau=0.1:0.5:0", "has no values");
    assert_refused("objective.tau=log:0:1:3", "has no values");
    assert_refused("objective.tau=log:1:2:1", "has no values");
    assert_refused("objective.tau=log:1:2:2.5", "has no values");
    assert_refused("seed=1,", "empty value");
    assert_refused("name=a,b", "name cannot be swept");
    assert_refused("seed=1:100000000:1", "at most 4000000");
    assert_refused("seed=0:100000000000000000000000:1", "at most 4000000");
    assert_refused("seed=9223372036854775807:-9223372036854775808:-1", "at most 4000000");
}

/* ---- axes ---- */

static void the_last_axis_varies_fastest(void **state)
{
    (void)state;
    const char *arguments[] = {"data.depth=2,3", "seed=1:3:1"};
    struct grid grid;
    assert_null(try_grid(&grid, "", arguments, 2, NULL));
    assert_int_equal(grid.points, 6);
    assert_point(&grid, 0, "data.depth=2 seed=1");
    assert_point(&grid, 1, "data.depth=2 seed=2");
    assert_point(&grid, 3, "data.depth=3 seed=1");
    assert_point(&grid, 5, "data.depth=3 seed=3");
    assert_string_equal(grid_column(&grid, 1), "seed");
    assert_string_equal(grid_label(&grid, 5, 0), "3");
    grid_free(&grid);
}

static void zipped_keys_go_together(void **state)
{
    (void)state;
    const char *arguments[] = {"data.depth=2,3", "seed=1,2", "network.width=4,8"};
    struct grid grid;
    assert_null(try_grid(&grid, "", arguments, 3, "data.depth,network.width"));
    assert_int_equal(grid.points, 4);
    assert_point(&grid, 0, "data.depth=2 network.width=4 seed=1");
    assert_point(&grid, 3, "data.depth=3 network.width=8 seed=2");
    grid_free(&grid);
    assert_null(try_grid(&grid,
                         "sweep: {zip: [[seed, data.depth], [network.width, objective.tau]],\n"
                         "  network.width: [1, 2], objective.tau: [3, 4]}",
                         arguments, 2, NULL));
    assert_int_equal(grid.points, 4);
    assert_point(&grid, 1, "network.width=1 objective.tau=3 seed=2 data.depth=3");
    grid_free(&grid);
    const char *many[] = {"seed=1,2",        "data.depth=2,3",    "network.width=4,8",
                          "train.batch=8,9", "train.samples=8,9", "measure.every=1,2"};
    const char *all = "seed data.depth network.width train.batch train.samples measure.every";
    assert_null(try_grid(&grid, "", many, 6, all)); /* spaces as well as commas */
    assert_int_equal(grid.points, 2);
    assert_int_equal(grid.axis[0].columns, 6);
    grid_free(&grid);
    const char *uneven[] = {"data.depth=2,3", "seed=1,2,3"};
    assert_non_null(strstr(try_grid(&grid, "", uneven, 2, "data.depth,seed"), "2 values"));
    assert_non_null(strstr(try_grid(&grid, "", uneven, 2, "data.depth,sead"), "not swept"));
    assert_non_null(
        strstr(try_grid(&grid, "sweep: {zip: [data.depth, seed]}", uneven, 2, "seed,data.depth"),
               "zipped twice"));
}

static const char with_cases[] = "seed: 7\n"
                                 "sweep:\n"
                                 "  seed: 1:2:1\n"
                                 "  cases:\n"
                                 "    - {case: plain}\n"
                                 "    - {case: warm, objective.tau: 0.5, network.bias: false}\n"
                                 "  data.polarity: [[0.7, 1.0], 0.9]\n";

static void cases_are_sets_of_overrides(void **state)
{
    (void)state;
    struct grid grid;
    assert_null(try_grid(&grid, with_cases, NULL, 0, NULL));
    assert_int_equal(grid.points, 8);
    assert_point(&grid, 0, "seed=1 data.polarity=[0.7, 1.0]");
    assert_point(&grid, 7, "seed=2 objective.tau=0.5 network.bias=false data.polarity=0.9");
    assert_string_equal(grid_column(&grid, 1), "case");
    assert_string_equal(grid_label(&grid, 7, 1), "warm");
    const char *override[8];
    grid_overrides(&grid, 7, override);
    assert_int_equal(strncmp(override[1], "\x1fgrid.yaml:6:20\x1fobjective.tau=", 30), 0);
    grid_free(&grid);
}

static void arguments_replace_what_the_file_says(void **state)
{
    (void)state;
    const char *sweeps = "seed=5,6,7", *fixes = "seed=5", *clashes = "objective.tau=1";
    struct grid grid;
    assert_null(try_grid(&grid, with_cases, &sweeps, 1, NULL));
    assert_int_equal(grid.points, 12);
    assert_string_equal(grid_column(&grid, 0), "seed");
    grid_free(&grid);
    assert_null(try_grid(&grid, with_cases, &fixes, 1, NULL));
    assert_int_equal(grid.points, 4);
    assert_string_equal(grid_column(&grid, 0), "case");
    grid_free(&grid);
    assert_non_null(strstr(try_grid(&grid, with_cases, &clashes, 1, NULL), "grid.yaml:6:20"));
}

static void the_section_reads_back(void **state)
{
    (void)state;
    const char *arguments[] = {"optimiser.lr=log:0.1:1:2,3", "data.depth=2,3", "network.width=4,8"};
    struct grid grid, again;
    assert_null(try_grid(&grid, with_cases, arguments, 3, "data.depth,network.width"));
    assert_null(try_grid(&again, grid.yaml, NULL, 0, NULL));
    assert_string_equal(grid.yaml, again.yaml);
    assert_int_equal(grid.points, 48);
    assert_int_equal(again.points, 48);
    for (size_t i = 0; i < grid.points; i++) {
        char text[512];
        join(&grid, i, text);
        assert_point(&again, i, text);
    }
    grid_free(&again);
    grid_free(&grid);
}

/* ---- the spec ---- */

static void the_section_is_no_part_of_the_run(void **state)
{
    (void)state;
    struct spec with, without, written;
    struct error err;
    const char *yaml = "seed: 7\nobjective: {name: ntxent}\n", *override = "data.depth=3";
    char both[256];
    snprintf(both, sizeof both, "%ssweep: {seed: [1, 2]}\n", yaml);
    check_ok(spec_parse(&with, "a.yaml", both, strlen(both), &override, 1, &err), &err);
    check_ok(spec_parse(&without, "b.yaml", yaml, strlen(yaml), &override, 1, &err), &err);
    assert_string_equal(with.hash, without.hash);
    assert_string_equal(with.yaml, without.yaml);
    assert_int_equal(with.sweep->count, 2); /* a key and its value */
    assert_null(without.sweep);
    /* Only written keys are kept, with the override, and the spec is the same. */
    assert_string_equal(with.written, "seed: 7\ndata: {depth: 3}\nobjective: {name: ntxent}\n");
    check_ok(spec_parse(&written, "c", with.written, strlen(with.written), NULL, 0, &err), &err);
    assert_string_equal(written.hash, with.hash);
    spec_free(&written);
    spec_free(&without);
    spec_free(&with);
}

static void an_override_can_have_a_place(void **state)
{
    (void)state;
    struct spec spec;
    struct error err;
    const char *override = "\x1f"
                           "a.yaml:7:3\x1fobjective.tau=-1";
    assert_int_equal(spec_load(&spec, NULL, &override, 1, &err), STATUS_INVALID);
    assert_int_equal(strncmp(err.message, "a.yaml:7:3: objective.tau is", 28), 0);
    /* in a value the mark is a character as any other, and no place ends there */
    struct grid grid;
    const char *argument = "name.x=a,\x1f"
                           "b";
    assert_null(try_grid(&grid, "", &argument, 1, NULL));
    assert_string_equal(grid_label(&grid, 1, 0), "\x1f"
                                                 "b");
    grid_free(&grid);
}

/* ---- points ---- */

static void equal_points_are_one(void **state)
{
    (void)state;
    struct sweep_plan plan;
    struct error err;
    char text[SWEEP_TEXT];
    const char *arguments[] = {"objective.tau=0.1,0.10,0.2", "seed=1,1e0,2", "data.depth=3"};
    check_ok(sweep_plan_open(&plan, NULL, arguments, 3, NULL, 0, &err), &err);
    assert_int_equal(plan.grid.points, 9);
    check_ok(sweep_plan_number(&plan, NULL, &err), &err);
    assert_int_equal(plan.count, 4);
    sweep_plan_describe(&plan, 3, text);
    assert_string_equal(text, "objective.tau=0.2 seed=2");
    struct spec spec, alone;
    const char *overrides[] = {"data.depth=3", "seed=2", "objective.tau=0.2"};
    check_ok(sweep_plan_spec(&plan, 3, &spec, &err), &err);
    check_ok(spec_load(&alone, NULL, overrides, 3, &err), &err);
    assert_string_equal(spec.hash, alone.hash);
    assert_string_equal(plan.point[3].hash, alone.hash);
    assert_string_equal(plan.point[3].kind, plan.point[2].kind); /* except the seed */
    assert_string_not_equal(plan.point[3].kind, plan.point[1].kind);
    char *command = sweep_plan_command(&plan, 3, "results", false);
    assert_string_equal(command, "duet run data.depth=3 objective.tau=0.2 seed=2");
    free(command);
    spec_free(&alone);
    spec_free(&spec);
    sweep_plan_free(&plan);
}

static void settle(const char *folder, const char *const *arguments, size_t count,
                   const char *expected)
{
    struct sweep_plan plan;
    struct error err;
    char change[SWEEP_CHANGE];
    check_ok(sweep_plan_open(&plan, NULL, arguments, count, NULL, 0, &err), &err);
    check_ok(sweep_plan_settle(&plan, folder, true, change, &err), &err);
    assert_string_equal(change, expected);
    sweep_plan_free(&plan);
}

/* Whatever it was, the manifest describes the sweep that was given last, and the difference is
 * named. */
static void a_manifest_describes_the_last_sweep(void **state)
{
    (void)state;
    const struct kit_folder folder = kit_folder_open("sweep.yaml", "");
    const char *first[] = {"seed=1,2", "data.depth=3"}, *more[] = {"seed=1:9:1", "data.depth=3"};
    const char *base[] = {"seed=1,2", "data.depth=4"},
               *keys[] = {"data.depth=4", "seed=1", "objective.tau=1,2"},
               *named[] = {"name=other", "data.depth=4", "objective.tau=1,2"};
    settle(folder.path, first, 2, "");
    settle(folder.path, first, 2, "");
    settle(folder.path, more, 2, "other values of the same keys");
    settle(folder.path, more, 2, "");
    settle(folder.path, base, 2, "data.depth is 4 here and 3 there");
    settle(folder.path, keys, 3, "swept keys are objective.tau here and seed there");
    settle(folder.path, named, 3, ""); /* what it is called changes nothing */
    char *text = kit_read(folder.file, NULL);
    assert_contains(text, "name: other");
    free(text);
    assert_int_equal(unlink(folder.file), 0);
    assert_int_equal(rmdir(folder.path), 0);
}

static void a_folder_of_something_else_stays_as_it_is(void **state)
{
    (void)state;
    static const char text[] = "my: notes\n";
    const struct kit_folder folder = kit_folder_open("sweep.yaml", "");
    const char *arguments[] = {"seed=1,2"};
    struct sweep_plan plan;
    struct error err;
    char change[SWEEP_CHANGE];
    kit_write(folder.file, text, strlen(text));
    check_ok(sweep_plan_open(&plan, NULL, arguments, 1, NULL, 0, &err), &err);
    assert_int_equal(sweep_plan_settle(&plan, folder.path, true, change, &err), STATUS_INVALID);
    assert_contains(err.message, "this is no folder of a sweep");
    char *kept = kit_read(folder.file, NULL);
    assert_string_equal(kept, text);
    free(kept);
    sweep_plan_free(&plan);
    kit_folder_close(&folder);
}

static void a_point_is_found_by_its_hash(void **state)
{
    (void)state;
    const char *arguments[] = {"seed=1:40:1"};
    struct sweep_plan plan;
    struct error err;
    check_ok(sweep_plan_open(&plan, NULL, arguments, 1, NULL, 0, &err), &err);
    check_ok(sweep_plan_number(&plan, NULL, &err), &err);
    for (size_t i = 0; i < plan.count; i++)
        assert_int_equal(sweep_plan_find(&plan, plan.point[i].hash), i);
    assert_int_equal(sweep_plan_find(&plan, "0000000000000000"), plan.count);
    assert_int_equal(sweep_plan_find(&plan, "ffffffffffffffff"), plan.count);
    assert_int_equal(sweep_plan_find(&plan, ""), plan.count);
    sweep_plan_free(&plan);
}

/* ---- leases ---- */

static void leases(void **state)
{
    (void)state;
    static const char foreign[] = "elsewhere boot pid:[1] 1 1 0.2\n";
    const struct kit_folder folder = kit_folder_open(".point.lease", "");
    const char *path = folder.file;
    struct lessee mine;
    struct lease_sight sight = {0};
    struct error err;
    bool taken;
    lessee_open(&mine, folder.path);
    check_ok(lease_take(&mine, "point", &taken, &err), &err);
    assert_true(taken);
    check_ok(lease_take(&mine, "point", &taken, &err), &err);
    assert_false(taken); /* one at a time */
    assert_false(lease_look(&mine, "point", &sight));
    lease_release(&mine, "point");
    assert_int_equal(access(path, F_OK), -1);
    assert_true(lease_look(&mine, "point", &sight)); /* free */

    /* If its process on this machine has ended: at once. */
    pid_t pid = fork();
    if (pid == 0) {
        struct lessee other;
        lessee_open(&other, folder.path);
        _exit(lease_take(&other, "point", &taken, &err) || !taken);
    }
    int how;
    waitpid(pid, &how, 0);
    assert_int_equal(how, 0);
    lease_release(&mine, "point"); /* the lease of another process stays */
    assert_int_equal(access(path, F_OK), 0);
    sight = (struct lease_sight){0};
    assert_true(lease_look(&mine, "point", &sight));
    assert_int_equal(access(path, F_OK), -1);

    /* From another machine: after one term without renewal. */
    sight = (struct lease_sight){0};
    kit_write(path, foreign, strlen(foreign));
    assert_false(lease_look(&mine, "point", &sight));
    usleep(300000);
    kit_write(path, foreign, strlen(foreign));
    assert_false(lease_look(&mine, "point", &sight));
    usleep(300000);
    assert_true(lease_look(&mine, "point", &sight));
    assert_int_equal(rmdir(folder.path), 0);
}

/* Whether a lease of that text, which was seen first so many seconds ago, is over. */
static bool ends_after(const char *text, double seconds)
{
    const struct kit_folder folder = kit_folder_open(".point.lease", "");
    struct lessee mine;
    struct lease_sight sight = {0};
    lessee_open(&mine, folder.path);
    kit_write(folder.file, text, strlen(text));
    assert_false(lease_look(&mine, "point", &sight));
    sight.since = fmax(1e-9, sight.since - seconds);
    const bool over = lease_look(&mine, "point", &sight);
    assert_int_equal(kit_folder_close(&folder), 0);
    return over;
}

/* A damaged lease must not stop a sweep for ever. */
static void a_lease_ends_whatever_it_says(void **state)
{
    static const char *const terms[] = {"1e99",     "inf", "nan", "-1", "0",
                                        "99999999", "",    "x",   "120"};
    (void)state;
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++) {
        char text[64];
        snprintf(text, sizeof text, "elsewhere boot pid:[1] 1 1 %s\n", terms[i]);
        assert_false(ends_after(text, LEASE_TERM - 5));
        assert_true(ends_after(text, LEASE_TERM + 5));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_and_ranges),
        cmocka_unit_test(commas_in_brackets_do_not_part),
        cmocka_unit_test(empty_grids_are_refused),
        cmocka_unit_test(the_last_axis_varies_fastest),
        cmocka_unit_test(zipped_keys_go_together),
        cmocka_unit_test(cases_are_sets_of_overrides),
        cmocka_unit_test(arguments_replace_what_the_file_says),
        cmocka_unit_test(the_section_reads_back),
        cmocka_unit_test(the_section_is_no_part_of_the_run),
        cmocka_unit_test(an_override_can_have_a_place),
        cmocka_unit_test(equal_points_are_one),
        cmocka_unit_test(a_manifest_describes_the_last_sweep),
        cmocka_unit_test(a_folder_of_something_else_stays_as_it_is),
        cmocka_unit_test(a_point_is_found_by_its_hash),
        cmocka_unit_test(leases),
        cmocka_unit_test(a_lease_ends_whatever_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
