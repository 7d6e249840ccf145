/* Protects what names a run: of two specs that compute the same, each finds the other's results.
 * Keys that are aside (core/descriptor.h) change neither the name of a run nor its numbers. */
#include "harness/run/experiment.h"
#include "harness/spec/spec.h"
#include "harness/sweep/sweep_plan.h"
#include "store/store.h"
#include "tests/kit/file.h"
#include "tests/kit/source.h"
#include "tests/kit/testing.h"

#include <unistd.h>

/* A value of the parameter that is not its default; false where none is known. */
static bool other_value(const struct param *p, char *text, size_t size)
{
    const double is = p->fallback ? strtod(p->fallback, NULL) : 0;
    switch (p->type) {
    case PARAM_INTEGER:
    case PARAM_REAL:
        snprintf(text, size, "%.17g", is + 1 <= p->high ? is + 1 : is - 1);
        return true;
    case PARAM_BOOLEAN:
        snprintf(text, size, "%s", strcmp(p->fallback, "true") == 0 ? "false" : "true");
        return true;
    case PARAM_TEXT: /* the path of a file of the same content */
        snprintf(text, size, "other.h5");
        return true;
    default:
        return false;
    }
}

enum { MOST_KEYS = 12 };

/* The keys of a small run, by steps or by a flow; ended by NULL. */
static const char *const small_run[MOST_KEYS] = {"train.epochs=1",           "train.samples=128",
                                                 "train.batch=32",           "measure.samples=64",
                                                 "measure.probe_samples=64", "network.kind=mlp"};
static const char *const small_flow[MOST_KEYS] = {
    "train.end=1",         "train.points=2",       "data.source=gaussian",
    "data.dimension=3",    "network.kind=mlp",     "network.activation=linear",
    "network.bias=false",  "network.layers=3",     "network.normalize=false",
    "objective.name=byol", "predictor.kind=linear"};

/* A small run that names the entry and gives one of its keys the value. */
static struct spec spec_with(const struct section *section, const struct descriptor *entry,
                             const struct param *p, const char *value)
{
    char choice[128], key[256];
    const char *overrides[MOST_KEYS + 2];
    size_t count = 0;
    const bool flow = strcmp(entry->name, "flow") == 0;
    for (const char *const *small = flow ? small_flow : small_run; *small; small++)
        overrides[count++] = *small;
    overrides[count++] = key;
    if (section->selector)
        overrides[count++] = choice;
    struct spec spec;
    struct error err;
    snprintf(key, sizeof key, "%s.%s=%s", section->key, p->name, value);
    snprintf(choice, sizeof choice, "%s.%s=%s", section->key,
             section->selector ? section->selector : "", entry->name);
    check_ok(spec_load(&spec, NULL, overrides, count, &err), &err);
    return spec;
}

static void run_into(const char *path, const struct spec *spec)
{
    struct experiment e;
    struct error err;
    check_ok(experiment_open(&e, spec, 1, &err), &err);
    check_ok(experiment_run(&e, NULL, &err), &err);
    check_ok(experiment_store(&e, path, &err), &err);
    experiment_free(&e);
}

struct pair {
    struct store_file *file[2];
    size_t compared;
};

static enum status compare_dataset(const char *path, void *context, struct error *err)
{
    struct pair *pair = context;
    struct store_array array[2];
    for (int k = 0; k < 2; k++)
        check_ok(store_get(pair->file[k], path, &array[k], err), err);
    assert_int_equal(array[0].count, array[1].count);
    assert_memory_equal(array[0].values, array[1].values, array[0].count * sizeof(double));
    pair->compared++;
    for (int k = 0; k < 2; k++)
        store_array_free(&array[k]);
    return STATUS_OK;
}

static enum status compare_attribute(const char *name, void *context, struct error *err)
{
    struct pair *pair = context;
    char *text[2];
    if (strcmp(name, "spec") == 0 || strcmp(name, "digest") == 0)
        return STATUS_OK;
    for (int k = 0; k < 2; k++)
        check_ok(store_show_attribute(pair->file[k], name, &text[k], err), err);
    assert_string_equal(text[0], text[1]);
    free(text[0]);
    free(text[1]);
    return STATUS_OK;
}

/* The runs of both specs give the same file, except that it keeps its own spec. */
static void check_runs(const struct spec *usual, const struct spec *other)
{
    struct pair pair = {.compared = 0};
    struct error err;
    run_into("usual.result", usual);
    run_into("other.result", other);
    check_ok(store_open(&pair.file[0], "usual.result", &err), &err);
    check_ok(store_open(&pair.file[1], "other.result", &err), &err);
    check_ok(store_visit(pair.file[0], "/", compare_dataset, &pair, &err), &err);
    check_ok(store_visit_attributes(pair.file[0], compare_attribute, &pair, &err), &err);
    assert_true(pair.compared > 5);
    store_close(pair.file[0]);
    store_close(pair.file[1]);
}

static size_t check_aside(const struct section *section, const struct descriptor *entry)
{
    size_t count = 0;
    for (const struct param *p = entry->params; p && p->name; p++) {
        char value[64];
        if (!p->aside)
            continue;
        assert_true(other_value(p, value, sizeof value));
        struct spec usual = spec_with(section, entry, p,
                                      p->type == PARAM_TEXT ? "usual.h5" : p->fallback),
                    other = spec_with(section, entry, p, value);
        assert_string_equal(usual.hash, other.hash);
        assert_string_equal(usual.kind, other.kind);
        assert_string_not_equal(usual.yaml, other.yaml); /* the file keeps which it was */
        check_runs(&usual, &other);
        spec_free(&usual);
        spec_free(&other);
        count++;
    }
    return count;
}

static void keys_that_are_aside_change_neither_hash_nor_numbers(void **state)
{
    const struct kit_folder *folder = *state;
    size_t count = 0;
    assert_int_equal(chdir(folder->path), 0);
    put_example("usual.h5", example_x[0], example_y);
    put_example("other.h5", example_x[0], example_y);
    for (int s = 0; s < SECTION_COUNT; s++)
        for (size_t i = 0; i < spec_sections[s].registry->count; i++)
            count += check_aside(&spec_sections[s], spec_sections[s].registry->entries[i]);
    assert_true(count > 0);
    assert_int_equal(chdir("/"), 0);
}

/* ---- files that a run reads ---- */

/* Between naming and reading, the file changes: the run would have a name that is not its own. */
static void a_file_that_changes_under_a_run_is_noticed(void **state)
{
    const struct kit_folder *folder = *state;
    const char *overrides[] = {"data.source=file", "data.path=rows.h5", "network.kind=mlp"};
    double x[EXAMPLE_ROWS][EXAMPLE_INPUTS];
    struct spec spec;
    struct experiment e;
    struct error err;
    memcpy(x, example_x, sizeof x);
    assert_int_equal(chdir(folder->path), 0);
    put_example("rows.h5", x[0], example_y);
    check_ok(spec_load(&spec, NULL, overrides, 3, &err), &err);
    check_ok(experiment_open(&e, &spec, 1, &err), &err);
    experiment_free(&e);
    x[1][1] += 1e-6;
    put_example("rows.h5", x[0], example_y);
    assert_int_equal(experiment_open(&e, &spec, 1, &err), STATUS_INVALID);
    assert_string_equal(err.key, "data.path");
    assert_contains(err.message, "has changed");
    experiment_free(&e);
    spec_free(&spec);
    assert_int_equal(chdir("/"), 0);
}

/* A point of a sweep is named by the file as it was when the sweep was planned. */
static void a_file_that_changes_under_a_sweep_is_noticed(void **state)
{
    const struct kit_folder *folder = *state;
    const char *arguments[] = {"data.source=file", "data.path=rows.h5", "seed=1,2"};
    double x[EXAMPLE_ROWS][EXAMPLE_INPUTS];
    struct sweep_plan plan;
    struct spec spec;
    struct error err;
    memcpy(x, example_x, sizeof x);
    assert_int_equal(chdir(folder->path), 0);
    put_example("rows.h5", x[0], example_y);
    check_ok(sweep_plan_open(&plan, NULL, arguments, 3, NULL, 0, &err), &err);
    check_ok(sweep_plan_number(&plan, NULL, &err), &err);
    check_ok(sweep_plan_spec(&plan, 1, &spec, &err), &err);
    assert_string_equal(spec.hash, plan.point[1].hash);
    spec_free(&spec);
    x[2][0] -= 1e-6;
    put_example("rows.h5", x[0], example_y);
    assert_int_equal(sweep_plan_spec(&plan, 1, &spec, &err), STATUS_INVALID);
    assert_contains(err.message, "has changed since the sweep was planned");
    spec_free(&spec);
    sweep_plan_free(&plan);
    assert_int_equal(chdir("/"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, kit_folder_tear_down)

static int set_up(void **state)
{
    struct kit_folder *folder = allocate(1, sizeof *folder);
    *folder = kit_folder_open("a", "b");
    *state = folder;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_that_are_aside_change_neither_hash_nor_numbers),
        TEST(a_file_that_changes_under_a_run_is_noticed),
        TEST(a_file_that_changes_under_a_sweep_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
