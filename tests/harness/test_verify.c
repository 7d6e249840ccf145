/* Protects harness/verify/verify.c, verdicts.c and report.c: the choice of claims, the verdicts
 * from their parts, and the written files. */
#include "harness/verify/verify.h"
#include "tests/kit/file.h"
#include "tests/kit/testing.h"

#include <unistd.h>

/* ---- claims with known measurements ---- */

struct toy {
    int64_t size;
    double factor;
};

static const struct param toy_params[] = {{.name = "size",
                                           .type = PARAM_INTEGER,
                                           .fallback = "4",
                                           .low = 2,
                                           .high = 8,
                                           .doc = "size",
                                           .offset = offsetof(struct toy, size)},
                                          {.name = "factor",
                                           .type = PARAM_REAL,
                                           .fallback = "1",
                                           .low = 0,
                                           .high = 1e9,
                                           .doc = "of the error",
                                           .offset = offsetof(struct toy, factor)},
                                          {0}};

static enum status measure_toy(const struct trial *trial, struct reading *reading)
{
    const struct toy *toy = trial->settings;
    reading->error = 1e-12 * toy->factor * (1 + gsl_rng_uniform(trial->rng));
    reading->control[0] = 1;
    return STATUS_OK;
}

static enum status measure_weak(const struct trial *trial, struct reading *reading)
{
    measure_toy(trial, reading);
    reading->control[0] = 1e-9;
    return STATUS_OK;
}

static enum status measure_never(const struct trial *trial, struct reading *reading)
{
    (void)reading;
    return trial->instance == 1 ? error_set(trial->err, STATUS_INVALID, "too small") : STATUS_OK;
}

static enum status measure_broken(const struct trial *trial, struct reading *reading)
{
    (void)reading;
    return error_set(trial->err, STATUS_SYSTEM, "no memory at all");
}

#define PART(function)                                                                             \
    {                                                                                              \
        .statement = "thing: a|b = c", .measured = "By hand.", .controls = {"no thing"},           \
        .plan = {.instances = 6, .quick = 2}, .measure = function                                  \
    }

static const struct part good[] = {PART(measure_toy)}, weak[] = {PART(measure_weak)},
                         never[] = {PART(measure_toy), PART(measure_never)},
                         broken[] = {PART(measure_broken)},
                         slow[] = {
                             {.statement = "slow", .plan.instances = 3, .measure = measure_toy},
                             PART(measure_toy)};

static const struct part bare[] = {
    {.statement = "slow", .plan.instances = 3, .measure = measure_toy},
    {.statement = "bare", .plan = {.instances = 3, .quick = 2}, .measure = measure_toy}};

#define CLAIM(id, its_parts)                                                                       \
    {                                                                                              \
        .about = {.name = id,                                                                      \
                  .doc = "Words.",                                                                 \
                  .params = toy_params,                                                            \
                  .settings_size = sizeof(struct toy)},                                            \
        .title = "A \"title\" \\ tab\t", .parts = its_parts,                                       \
        .part_count = sizeof its_parts / sizeof *its_parts                                         \
    }

static const struct claim toys[] = {CLAIM("TOY-1", good), CLAIM("TOY-10", weak),
                                    CLAIM("TOY-2", never), CLAIM("PLAY-1", slow)};
static const struct claim broken_claim = CLAIM("BAD-1", broken), bare_claim = CLAIM("BARE", bare);
static const struct descriptor *const entries[] = {&toys[0].about, &toys[1].about, &toys[2].about,
                                                   &toys[3].about, &broken_claim.about};
static const struct registry registry = {"claim", entries, 4}, with_broken = {"claim", entries, 5};

/* ---- helpers ---- */

static void verify_toys(struct verification *v, const struct verify_options *options)
{
    struct progress progress;
    struct error err = {0};
    progress_start(&progress, true);
    check_ok(verification_create(v, options, &registry, &err), &err);
    check_ok(verification_run(v, &progress, &err), &err);
}

static char *json_of(const struct verification *v)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    verdicts_json(out, v);
    fclose(out);
    return text;
}

static void expect_refusal(const struct verify_options *options, const char *words)
{
    struct verification v;
    struct error err = {0};
    assert_int_equal(verification_create(&v, options, &registry, &err), STATUS_INVALID);
    if (!strstr(err.message, words))
        fail_msg("'%s' is not in '%s'", words, err.message);
}

/* ---- tests ---- */

static void test_selection(void **state)
{
    (void)state;
    assert_true(verify_selects("DDN-1", "DDN-1"));
    assert_true(verify_selects("ddn-1", "DDN-1"));
    assert_true(verify_selects("DDN", "DDN-1"));
    assert_true(verify_selects("DDN-", "DDN-1"));
    assert_true(verify_selects("DDN-1", "DDN-1b"));
    assert_false(verify_selects("DDN-1", "DDN-10"));
    assert_false(verify_selects("D", "DDN-1"));
    assert_false(verify_selects("DDN-10", "DDN-1"));
    assert_false(verify_selects("", "DDN-1"));
}

static void test_order_is_the_registry(void **state)
{
    (void)state;
    struct verify_options options = {.ids = {"PLAY", "TOY-1", "toy"}, .id_count = 3, .seed = 1};
    struct verification v;
    struct error err = {0};
    check_ok(verification_create(&v, &options, &registry, &err), &err);
    assert_int_equal(v.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_ptr_equal(v.outcome[i].claim, &toys[i]);
    verification_free(&v);
}

static void test_refusals(void **state)
{
    (void)state;
    expect_refusal(&(struct verify_options){.ids = {"TOX-1"}, .id_count = 1}, "TOY-1");
    expect_refusal(&(struct verify_options){.overrides = {"sise=3"}, .override_count = 1}, "size");
    expect_refusal(&(struct verify_options){.overrides = {"siz=3"}, .override_count = 1}, "size");
    expect_refusal(&(struct verify_options){.overrides = {"size=9"}, .override_count = 1},
                   "size is '9', out of range; it must be an integer in 2..8");
    expect_refusal(&(struct verify_options){.overrides = {"size=2.5"}, .override_count = 1},
                   "size is '2.5'");
    expect_refusal(&(struct verify_options){.overrides = {"factor=-1"}, .override_count = 1},
                   "0..1e9");
}

static void test_settings(void **state)
{
    (void)state;
    struct verify_options options = {
        .overrides = {"size=7", "factor=1e3", "size=8"}, .override_count = 3, .seed = 1};
    struct verification v;
    struct error err = {0};
    check_ok(verification_create(&v, &options, &registry, &err), &err);
    const struct toy *toy = v.outcome[2].settings;
    assert_int_equal(toy->size, 8);
    assert_true(toy->factor == 1e3);
    verification_free(&v);
}

static void test_verdicts(void **state)
{
    (void)state;
    struct verify_options options = {.seed = 1, .jobs = 2};
    struct verification v;
    char count[VERDICTS_COUNT];
    verify_toys(&v, &options);
    assert_int_equal(v.outcome[0].verdict, VERDICT_HOLDS);
    assert_int_equal(v.outcome[1].verdict, VERDICT_NO_CONTROL);
    assert_int_equal(v.outcome[2].verdict, VERDICT_NOT_REFUTED); /* one of two was measured */
    assert_int_equal(v.outcome[2].parts_measured, 1);
    assert_ptr_equal(v.outcome[2].worst, &v.outcome[2].part[0]);
    assert_int_equal(v.outcome[2].part[1].verdict, VERDICT_NOT_CHECKED);
    assert_string_equal(v.outcome[2].part[1].why, "too small");
    assert_int_equal(v.outcome[3].instances, 9);
    assert_int_equal(v.outcome[3].parts_measured, 2);
    assert_int_equal(v.outcome[3].verdict, VERDICT_HOLDS);
    assert_int_equal(verification_status(&v), STATUS_FAILED);
    verdicts_count(&v, count, sizeof count);
    assert_string_equal(count,
                        "4 claims: 2 measured in full and holding, 1 measured in part and not "
                        "refuted, 1 with a control that did not fail, none refuted");
    verification_free(&v);
}

static void test_quick(void **state)
{
    (void)state;
    struct verify_options options = {.ids = {"PLAY"}, .id_count = 1, .quick = true, .seed = 1};
    struct verification v;
    verify_toys(&v, &options);
    assert_true(v.outcome[0].left_out[0]);
    assert_int_equal(v.outcome[0].instances, 2);
    assert_int_equal(v.outcome[0].worst->instances, 2);
    assert_int_equal(v.outcome[0].parts_measured, 1);
    assert_int_equal(v.outcome[0].verdict, VERDICT_NOT_REFUTED);
    assert_int_equal(verification_status(&v), STATUS_OK);
    verification_free(&v);
}

static void test_an_error_ends_it(void **state)
{
    (void)state;
    struct verify_options options = {.seed = 1, .jobs = 2};
    struct verification v;
    struct progress progress;
    struct error err = {0};
    progress_start(&progress, true);
    check_ok(verification_create(&v, &options, &with_broken, &err), &err);
    assert_int_equal(verification_run(&v, &progress, &err), STATUS_SYSTEM);
    assert_non_null(strstr(err.message, "BAD-1"));
    assert_non_null(strstr(err.message, "no memory at all"));
    verification_free(&v);
}

static void test_json(void **state)
{
    (void)state;
    struct verify_options options = {.seed = 1};
    struct verification v;
    verify_toys(&v, &options);
    v.outcome[0].seconds = 0.5;
    char *text = json_of(&v);
    const char *start = "[\n {\"id\": \"TOY-1\", \"title\": \"A \\\"title\\\" \\\\ tab\\u0009\", "
                        "\"kind\": \"Identity\", \"instances\": 6, \"error\": ";
    assert_memory_equal(text, start, strlen(start));
    assert_non_null(strstr(text, "\"tolerance\": 1e-10, \"control\": 1, \"verdict\": \"holds\", "
                                 "\"parts_measured\": 1, \"parts\": 1, \"seconds\": 0.500000},\n"));
    assert_non_null(strstr(text, "\"verdict\": \"not refuted\", \"parts_measured\": 1, "
                                 "\"parts\": 2, "));
    free(text);
    verification_free(&v);
}

static void test_threads_do_not_matter(void **state)
{
    (void)state;
    char *text[2];
    for (int t = 0; t < 2; t++) {
        struct verify_options options = {.seed = 5, .jobs = 1 + 2 * t};
        struct verification v;
        verify_toys(&v, &options);
        for (size_t i = 0; i < v.count; i++)
            v.outcome[i].seconds = 0;
        text[t] = json_of(&v);
        verification_free(&v);
    }
    assert_string_equal(text[0], text[1]);
    free(text[0]);
    free(text[1]);
}

static void test_report(void **state)
{
    (void)state;
    const struct kit_folder folder = kit_folder_open("r.md", "");
    struct verify_options options = {.seed = 1, .report = folder.file};
    struct verification v;
    struct error err = {0};
    verify_toys(&v, &options);
    check_ok(report_write(&v, folder.file, &err), &err);
    char *text = kit_read(folder.file, NULL);
    assert_non_null(strstr(text, "## TOY-10: "));
    assert_non_null(strstr(text, "| thing: `a\\|b = c` | Identity | 6 | "));
    assert_non_null(strstr(text, "not checked | too small |"));
    assert_non_null(strstr(text, "- no thing\n"));
    verification_free(&v);
    free(text);
    assert_int_equal(unlink(folder.file), 0);
    assert_int_equal(rmdir(folder.path), 0);
}

/* A part that --quick leaves out does not decide the claim, whether others have controls or not. */
static void test_what_is_left_out_stands_for_nothing(void **state)
{
    (void)state;
    static const struct descriptor *const entry[] = {&bare_claim.about};
    static const struct registry one = {"claim", entry, 1};
    const struct verify_options options = {.seed = 1, .quick = true};
    struct verification v;
    struct progress progress;
    struct error err = {0};
    progress_start(&progress, true);
    check_ok(verification_create(&v, &options, &one, &err), &err);
    check_ok(verification_run(&v, &progress, &err), &err);
    assert_ptr_equal(v.outcome[0].worst, &v.outcome[0].part[1]);
    assert_true(v.outcome[0].worst->error > 0);
    verification_free(&v);
}

/* Nothing that was asked for has a quick measurement. */
static void test_nothing_checked_is_no_success(void **state)
{
    (void)state;
    static const struct part only[] = {
        {.statement = "slow", .plan.instances = 3, .measure = measure_toy}};
    static const struct claim claim = CLAIM("SLOW", only);
    static const struct descriptor *const entry[] = {&claim.about, &toys[0].about};
    for (size_t count = 1; count <= 2; count++) {
        const struct registry some = {"claim", entry, count};
        const struct verify_options options = {.seed = 1, .quick = true};
        struct verification v;
        struct progress progress;
        struct error err = {0};
        progress_start(&progress, true);
        check_ok(verification_create(&v, &options, &some, &err), &err);
        check_ok(verification_run(&v, &progress, &err), &err);
        assert_int_equal(v.outcome[0].verdict, VERDICT_NOT_CHECKED);
        assert_int_equal(v.outcome[0].parts_measured, 0);
        assert_non_null(strstr(v.outcome[0].part[0].why, "quick"));
        assert_int_equal(verification_status(&v), count == 1 ? STATUS_FAILED : STATUS_OK);
        verification_free(&v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selection),
        cmocka_unit_test(test_order_is_the_registry),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_quick),
        cmocka_unit_test(test_an_error_ends_it),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_threads_do_not_matter),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_what_is_left_out_stands_for_nothing),
        cmocka_unit_test(test_nothing_checked_is_no_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
