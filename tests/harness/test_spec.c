/* Protects the spec parser: valid specs, the messages about invalid ones, and the complete YAML
 * that a result file keeps. */

/* The parser has the real registries and one more data source with parameters of every type. */
#define source_registry sources_under_test
#include "harness/spec/sections.c"
#undef source_registry

#include "harness/spec/value.h"
#include "harness/spec/words.h"
#include "sim/data/sources/sources.h"
#include "tests/kit/file.h"
#include "tests/kit/testing.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

/* ---- a data source with parameters of every type ---- */

struct every {
    int64_t integer, needed;
    double real, positive, small;
    bool boolean;
    const char *text;
    int choice;
    unsigned choices;
    struct integers integers;
    struct reals reals;
};

#define FIELD(f) .offset = offsetof(struct every, f)
static const struct param every_params[] = {
    {.name = "integer",
     .type = PARAM_INTEGER,
     .fallback = "-3",
     .low = -UNBOUNDED,
     .high = UNBOUNDED,
     .doc = "any integer",
     FIELD(integer)},
    {.name = "needed",
     .type = PARAM_INTEGER,
     .low = 0,
     .high = 9,
     .doc = "has no default",
     FIELD(needed)},
    {.name = "real",
     .type = PARAM_REAL,
     .fallback = "0.5",
     .low = -UNBOUNDED,
     .high = UNBOUNDED,
     .doc = "any number",
     FIELD(real)},
    {.name = "positive",
     .type = PARAM_REAL,
     .fallback = "1",
     .low = POSITIVE,
     .high = UNBOUNDED,
     .doc = "above 0",
     FIELD(positive)},
    {.name = "small",
     .type = PARAM_REAL,
     .fallback = "0.25",
     .low = POSITIVE,
     .high = 0.5,
     .doc = "above 0, at most a half",
     FIELD(small)},
    {.name = "boolean",
     .type = PARAM_BOOLEAN,
     .fallback = "false",
     .doc = "yes or no",
     FIELD(boolean)},
    {.name = "text", .type = PARAM_TEXT, .fallback = "a b", .doc = "any text", FIELD(text)},
    {.name = "choice",
     .type = PARAM_CHOICE,
     .fallback = "green",
     .choices = "red green blue",
     .doc = "a colour",
     FIELD(choice)},
    {.name = "choices",
     .type = PARAM_CHOICES,
     .fallback = "[red, blue]",
     .choices = "red green blue",
     .doc = "colours",
     FIELD(choices)},
    {.name = "integers",
     .type = PARAM_INTEGERS,
     .fallback = "[2, 3]",
     .low = 1,
     .high = 8,
     .doc = "integers",
     FIELD(integers)},
    {.name = "reals",
     .type = PARAM_REALS,
     .fallback = "[[0.5], [-1, 1]]",
     .low = -1,
     .high = 1,
     .doc = "numbers",
     FIELD(reals)},
    {.name = NULL},
};

static const struct descriptor every_source = {
    .name = "every",
    .doc = "Parameters of every type.",
    .params = every_params,
    .settings_size = sizeof(struct every),
};

/* One whose list names entries of a registry, which have parameters of their own. */
struct disk {
    double radius;
    int64_t sides;
};

static const struct param disk_params[] = {
    {.name = "radius",
     .type = PARAM_REAL,
     .fallback = "1.5",
     .low = POSITIVE,
     .high = UNBOUNDED,
     .doc = "of the disk",
     .offset = offsetof(struct disk, radius)},
    {.name = "sides",
     .type = PARAM_INTEGER,
     .fallback = "6",
     .low = 3,
     .high = 9,
     .doc = "of its boundary",
     .offset = offsetof(struct disk, sides)},
    {.name = NULL},
};

static const struct descriptor disk = {
    .name = "disk", .doc = "Round.", .params = disk_params, .settings_size = sizeof(struct disk)};
static const struct descriptor point = {.name = "point", .doc = "Small."};
static const struct descriptor *const shapes[] = {&point, &disk};
static const struct registry shape_registry = {"shape", shapes, 2};

static const struct param shapes_params[] = {
    {.name = "shapes",
     .type = PARAM_CHOICES,
     .fallback = "[point]",
     .registry = &shape_registry,
     .doc = "some of them",
     .offset = 0},
    {.name = NULL},
};

static const struct descriptor shapes_source = {.name = "shapes",
                                                .doc = "Shapes by name.",
                                                .params = shapes_params,
                                                .settings_size = sizeof(unsigned)};

static const struct descriptor *const test_sources[] = {&source_hltm.about, &every_source,
                                                        &shapes_source};
const struct registry sources_under_test = {"data source", test_sources, 3};

/* ---- helpers ---- */

/* All tests run in a temporary folder, in which the parser leaves nothing. */
static int enter_folder(void **state)
{
    struct kit_folder *folder = allocate(1, sizeof *folder);
    *folder = kit_folder_open("s.yaml", "");
    *state = folder;
    return chdir(folder->path);
}

static int leave_folder(void **state)
{
    struct kit_folder *folder = *state;
    const bool left = unlink(folder->file) == 0 && chdir("/") == 0 && rmdir(folder->path) == 0;
    free(folder);
    return left ? 0 : -1;
}

/* Load `yaml` as s.yaml (NULL: no file) with the overrides, ended by NULL. */
static enum status try_spec(struct spec *spec, const char *yaml, const char *const *overrides,
                            struct error *err)
{
    size_t count = 0;
    while (overrides && overrides[count])
        count++;
    if (yaml)
        kit_write("s.yaml", yaml, strlen(yaml));
    return spec_load(spec, yaml ? "s.yaml" : NULL, overrides, count, err);
}

static struct spec good(const char *yaml, const char *const *overrides)
{
    struct spec spec;
    struct error err = {0};
    if (try_spec(&spec, yaml, overrides, &err) != STATUS_OK)
        fail_msg("refused: %s\n%s", err.message, yaml ? yaml : "(no file)");
    return spec;
}

/* Asserts that the message is one line "PLACE: wrong; right" with all `words`. */
static void check_message(const struct error *err, const char *place, const char *const *words)
{
    const char *message = err->message;
    size_t length = strlen(place);
    if (strncmp(message, place, length) != 0 || strncmp(message + length, ": ", 2) != 0)
        fail_msg("not at %s: %s", place, message);
    if (!strstr(message, "; ") || strchr(message, '\n'))
        fail_msg("not of the form `wrong; right`: %s", message);
    for (; *words; words++)
        if (!strstr(message, *words))
            fail_msg("no \"%s\" in: %s", *words, message);
}

static void check_refused(const char *yaml, const char *const *overrides, const char *place,
                          const char *const *words)
{
    struct spec spec;
    struct error err = {0};
    if (try_spec(&spec, yaml, overrides, &err) == STATUS_OK)
        fail_msg("accepted: %s", spec.yaml);
    assert_int_equal(err.status, STATUS_INVALID);
    check_message(&err, place, words);
    assert_null(spec.origin);
    assert_null(spec.yaml);
    spec_free(&spec);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define refused(yaml, place, ...) check_refused(yaml, NULL, place, WORDS(__VA_ARGS__))
#define refused_override(override, ...)                                                            \
    check_refused(NULL, WORDS(override), "command line: " override, WORDS(__VA_ARGS__))

/* Field of a section's settings by the name of its parameter. */
static const void *field(const struct spec *spec, enum spec_section section, const char *name)
{
    for (const struct param *p = spec->chosen[section]->params; p && p->name; p++)
        if (strcmp(p->name, name) == 0)
            return (const char *)spec->settings[section] + p->offset;
    fail_msg("no parameter %s", name);
    return NULL;
}

static int64_t integer_of(const struct spec *spec, enum spec_section section, const char *name)
{
    return *(const int64_t *)field(spec, section, name);
}

static const struct every *every_of(const struct spec *spec)
{
    return spec->settings[SECTION_DATA];
}

/* Reading the complete YAML again gives the same YAML and hash. */
static void check_round_trip(const struct spec *spec)
{
    struct spec again;
    struct error err = {0};
    if (spec_parse(&again, "again", spec->yaml, strlen(spec->yaml), NULL, 0, &err) != STATUS_OK)
        fail_msg("%s\n%s", err.message, spec->yaml);
    assert_string_equal(again.yaml, spec->yaml);
    assert_string_equal(again.hash, spec->hash);
    spec_free(&again);
}

/* ---- valid specs ---- */

static void an_empty_file_is_all_defaults(void **state)
{
    (void)state;
    static const char *const empty[] = {"",      "\n",  "# nothing\n",
                                        "---\n", "~\n", "data:\ntrain: {}\n"};
    static const char head[] =
        "name: run\nseed: 1\ndata: {source: hltm, depth: 5, children: 2, states: 2, "
        "polarity: [0.7, 1], keep_level: 0, label_level: 0, label_node: 0}\nnetwork: {kind: tree, "
        "width: 10, activation: relu, "
        "bias: true, normalize: true, norm_eps: 0.0001}\nobjective: {name: infonce, tau: 0.1, "
        "negatives: 1, similarity: distance}\npredictor: {kind: none}\noptimiser: {name: sgd, lr: ";
    static const char tail[] =
        "train: {trainer: minibatch, checkpoint: 600, epochs: 20, samples: 64000, batch: 128}\n"
        "measure: {every: 1, samples: 64000, probes: [correlation, covop, spectrum, alignment, "
        "linear, features], "
        "probe_samples: 10000, ridge: 1e-6}\n";
    struct spec defaults = good(NULL, NULL);
    assert_memory_equal(defaults.yaml, head, strlen(head));
    assert_string_equal(defaults.yaml + strlen(defaults.yaml) - strlen(tail), tail);
    assert_string_equal(defaults.name, "run");
    assert_int_equal(defaults.seed, 1);
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        struct spec spec = good(empty[i], NULL);
        assert_string_equal(spec.yaml, defaults.yaml);
        spec_free(&spec);
    }
    spec_free(&defaults);
}

/* The bit of a probe in measure.probes. */
static unsigned bit(const char *name)
{
    for (size_t i = 0; i < probe_registry.count; i++)
        if (strcmp(probe_registry.entries[i]->name, name) == 0)
            return 1u << i;
    fail_msg("no probe %s", name);
    return 0;
}

static void fixed_tables_fill_their_structs(void **state)
{
    (void)state;
    struct spec spec = good("train: {epochs: 0, samples: 1e12, batch: 64}\n"
                            "measure: {every: 7, samples: 10, probes: [spectrum, correlation]}\n",
                            NULL);
    const struct measure_settings *measure = spec.settings[SECTION_MEASURE];
    assert_int_equal(integer_of(&spec, SECTION_TRAIN, "epochs"), 0);
    assert_int_equal(integer_of(&spec, SECTION_TRAIN, "samples"), 1000000000000);
    assert_int_equal(integer_of(&spec, SECTION_TRAIN, "batch"), 64);
    assert_int_equal(measure->every, 7);
    assert_int_equal(measure->samples, 10);
    assert_int_equal(measure->probes, bit("correlation") | bit("spectrum"));
    assert_non_null(strstr(spec.yaml, "probes: [correlation, spectrum], "));
    spec_free(&spec);
    spec = good("measure: {probes: covop}\n", NULL);
    measure = spec.settings[SECTION_MEASURE];
    assert_int_equal(measure->probes, bit("covop"));
    spec_free(&spec);
    spec = good("measure: {probes: []}\n", NULL);
    measure = spec.settings[SECTION_MEASURE];
    assert_int_equal(measure->probes, 0);
    assert_non_null(strstr(spec.yaml, "probes: [], "));
    spec_free(&spec);
}

static void every_type_fills_its_field(void **state)
{
    (void)state;
    struct spec spec =
        good("data:\n  source: every\n  needed: 4\n  integer: -12\n  real: -2.5e-3\n"
             "  boolean: true\n  text: \"x\\ty\"\n  choice: blue\n  choices: [green]\n"
             "  integers:\n    - 8\n    - 1\n    - 2\n  reals: [[0.25, -1], [1]]\n",
             NULL);
    const struct every *every = every_of(&spec);
    assert_int_equal(every->needed, 4);
    assert_int_equal(every->integer, -12);
    assert_true(every->real == -2.5e-3);
    assert_true(every->positive == 1);
    assert_true(every->boolean);
    assert_string_equal(every->text, "x\ty");
    assert_int_equal(every->choice, 2);
    assert_int_equal(every->choices, 2);
    assert_false(every->integers.scalar);
    assert_int_equal(every->integers.count, 3);
    assert_int_equal(every->integers.value[2], 2);
    assert_int_equal(every->reals.rank, 2);
    assert_int_equal(every->reals.rows, 2);
    assert_int_equal(every->reals.length[0], 2);
    assert_int_equal(every->reals.length[1], 1);
    assert_true(every->reals.value[1] == -1 && every->reals.value[2] == 1);
    check_round_trip(&spec);
    spec_free(&spec);
}

static void a_bare_number_is_told_from_a_list_of_one(void **state)
{
    (void)state;
    struct spec spec = good("data: {source: every, needed: 0, integers: 5, reals: 0.5}\n", NULL);
    const struct every *every = every_of(&spec);
    assert_true(every->integers.scalar);
    assert_int_equal(every->integers.count, 1);
    assert_int_equal(every->integers.value[0], 5);
    assert_int_equal(every->reals.rank, 0);
    assert_int_equal(every->reals.rows, 1);
    assert_int_equal(every->reals.length[0], 1);
    assert_non_null(strstr(spec.yaml, "integers: 5, reals: 0.5}"));
    check_round_trip(&spec);
    spec_free(&spec);
    spec = good("data: {source: every, needed: 0, integers: [5], reals: [0.5]}\n", NULL);
    every = every_of(&spec);
    assert_false(every->integers.scalar);
    assert_int_equal(every->reals.rank, 1);
    assert_non_null(strstr(spec.yaml, "integers: [5], reals: [0.5]}"));
    check_round_trip(&spec);
    spec_free(&spec);
}

static void integers_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        uint64_t seed;
    } cases[] = {
        {"0", 0},
        {"-0", 0},
        {"007", 7},
        {"+5", 5},
        {"6.4e4", 64000},
        {"64000.0", 64000},
        {"1e18", 1000000000000000000},
        {"0.00012e5", 12},
        {"1200e-2", 12},
        {"0e99999999999999999999", 0},
        {"9007199254740993", 9007199254740993},
        {"9223372036854775807", INT64_MAX},
        {"9.223372036854775807e18", INT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[64];
        snprintf(yaml, sizeof yaml, "seed: %s\n", cases[i].yaml);
        struct spec spec = good(yaml, NULL);
        assert_int_equal(spec.seed, cases[i].seed);
        check_round_trip(&spec);
        spec_free(&spec);
    }
}

static void reals_are_written_as_their_shortest_decimal(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *canonical;
    } cases[] = {
        {"1.0", "1"},
        {"-0.0", "0"},
        {".1", "0.1"},
        {"+1.", "1"},
        {"1e-3", "0.001"},
        {"6.4E4", "64000"},
        {"1e5", "100000"},
        {"1000000", "1e6"},
        {"1e-5", "0.00001"},
        {"0.000001", "1e-6"},
        {"0.1000000000000000055511151231257827", "0.1"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"0.3333333333333333", "0.3333333333333333"},
        {"123456789.125", "123456789.125"},
        {"9007199254740993", "9007199254740992"},
        {"1e22", "1e22"},
        {"5e-324", "5e-324"},
        {"-1.7976931348623157e308", "-1.7976931348623157e308"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[128], written[128];
        snprintf(yaml, sizeof yaml, "data: {source: every, needed: 1, real: %s}\n", cases[i].yaml);
        snprintf(written, sizeof written, " real: %s,", cases[i].canonical);
        struct spec spec = good(yaml, NULL);
        if (!strstr(spec.yaml, written))
            fail_msg("no \"%s\" in: %s", written, spec.yaml);
        assert_true(every_of(&spec)->real == strtod(cases[i].yaml, NULL));
        check_round_trip(&spec);
        spec_free(&spec);
    }
}

static void text_reads_back_whatever_it_looks_like(void **state)
{
    (void)state;
    static const char *const texts[] = {"\"true\"",
                                        "'12'",
                                        "\"\"",
                                        "\"~\"",
                                        "\"null\"",
                                        "a-b_c.d",
                                        "'it''s'",
                                        "\"a\\\\b\"",
                                        "\"[x]: #\"",
                                        "\"a|b>c\"",
                                        "\"\\x01\\x7f\\n\"",
                                        "\"\u03c1 = 1\"",
                                        "\"\\u0085\\u2028\"",
                                        "2024",
                                        "'-'",
                                        "''''''''''''''''''''",
                                        "' '"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char yaml[128];
        snprintf(yaml, sizeof yaml, "data: {source: every, needed: 1, text: %s, boolean: true}\n",
                 texts[i]);
        struct spec spec = good(yaml, NULL), again;
        check_round_trip(&spec);
        again = good(spec.yaml, NULL);
        assert_string_equal(every_of(&spec)->text, every_of(&again)->text);
        spec_free(&spec);
        spec_free(&again);
    }
}

static void complete_yaml_reads_back_the_same(void **state)
{
    (void)state;
    static const enum spec_section named[] = {SECTION_DATA, SECTION_NETWORK, SECTION_OBJECTIVE,
                                              SECTION_OPTIMISER};
    for (size_t k = 0; k < sizeof named / sizeof *named; k++) {
        const struct registry *registry = spec_sections[named[k]].registry;
        for (size_t i = 0; i < registry->count; i++) {
            char override[128];
            if (registry->entries[i] == &every_source)
                continue; /* needs a key */
            snprintf(override, sizeof override, "%s.%s=%s", spec_sections[named[k]].key,
                     spec_sections[named[k]].selector, registry->entries[i]->name);
            struct spec spec = good(NULL, WORDS(override));
            assert_ptr_equal(spec.chosen[named[k]], registry->entries[i]);
            check_round_trip(&spec);
            spec_free(&spec);
        }
    }
}

static void order_and_layout_do_not_change_the_hash(void **state)
{
    (void)state;
    struct spec a = good("name: x\nseed: 7\ndata: {depth: 3, children: [2, 3, 2]}\n", NULL);
    struct spec b = good("\xef\xbb\xbf# a comment -> with | signs\r\n---\r\ndata:\r\n"
                         "  children:  # one entry a level\r\n    - 2\r\n    - 3\r\n    - 2\r\n"
                         "  depth: 3.0\r\nseed: 7\r\nname: \"x\"\r\n...\r\n",
                         NULL);
    struct spec c = good("name: x\nseed: 8\ndata: {depth: 3, children: [2, 3, 2]}\n", NULL);
    assert_string_equal(a.yaml, b.yaml);
    assert_string_equal(a.hash, b.hash);
    assert_string_not_equal(a.hash, c.hash);
    spec_free(&a);
    spec_free(&b);
    spec_free(&c);
}

/* The rule that names all results: a change of it loses them. */
static void the_hash_is_fnv1a_of_sections_and_seed(void **state)
{
    (void)state;
    struct spec spec = good("name: hash\nseed: 12\n", NULL);
    const char *const sections = strstr(spec.yaml, "data: {"), aside[] = "checkpoint: 600, ";
    char *const at = strstr(sections, aside);
    assert_non_null(at);
    memmove(at, at + strlen(aside), strlen(at + strlen(aside)) + 1);
    const char *const text[] = {sections, "seed: 12\n"};
    const char *const found[] = {spec.kind, spec.hash};
    uint64_t hash = 14695981039346656037u;
    for (int part = 0; part < 2; part++) {
        char digits[17];
        for (const char *c = text[part]; *c; c++) {
            hash ^= (unsigned char)*c;
            hash *= 1099511628211u;
        }
        snprintf(digits, sizeof digits, "%016" PRIx64, hash);
        assert_string_equal(found[part], digits);
    }
    spec_free(&spec);
}

static void the_name_is_no_part_of_the_hash(void **state)
{
    (void)state;
    struct spec a = good("name: a\nseed: 3\n", NULL), b = good("name: b\nseed: 3\n", NULL),
                c = good("name: a\nseed: 4\n", NULL), d = good("data: {depth: 3}\n", NULL);
    assert_string_equal(a.hash, b.hash);
    assert_string_not_equal(a.yaml, b.yaml);
    assert_string_not_equal(a.hash, c.hash);
    assert_string_equal(a.kind, c.kind);
    assert_string_not_equal(a.kind, d.kind);
    spec_free(&a);
    spec_free(&b);
    spec_free(&c);
    spec_free(&d);
}

/* ---- invalid specs ---- */

static void unknown_keys_get_the_nearest_known_one(void **state)
{
    (void)state;
    refused("seed: 1\nobjectve: {}\n", "s.yaml:2:1", "'objectve'", "nearest is objective");
    refused("zzzz: 1\n", "s.yaml:1:1", "the keys are name, seed, data, network", "measure");
    refused("data: {dpeth: 7}\n", "s.yaml:1:8", "data.dpeth of data source hltm",
            "nearest is depth");
    refused("data:\n  depth: 3\n  Polarty: 1\n", "s.yaml:3:3", "nearest is polarity");
    refused("data: {zzzz: 7}\n", "s.yaml:1:8", "the keys are source, depth, children");
    refused("train: {epoch: 7}\n", "s.yaml:1:9", "train.epoch", "nearest is epochs");
    refused("objective: {name: simple, tau: 1}\n", "s.yaml:1:27",
            "objective.tau of objective simple", "the keys are name");
    refused("data.depth: 7\n", "s.yaml:1:1", "'data.depth'");
    refused("[a]: 1\n", "s.yaml:1:1", "a list in place of a key");
    refused("{: 1}\n", "s.yaml:1:1", "nothing in place of a key");
}

static void unknown_names_get_the_nearest_and_the_list(void **state)
{
    (void)state;
    refused("objective: {name: infonse}\n", "s.yaml:1:19", "'infonse', an unknown objective",
            "nearest is infonce", "`duet list objectives`");
    refused("network:\n  kind: convolution\n", "s.yaml:2:9", "unknown network", "tree, mlp",
            "`duet list networks`");
    refused("data: {source: [hltm]}\n", "s.yaml:1:16", "data.source is a list", "`duet list data`");
    refused("optimiser: {name: }\n", "s.yaml:1:13", "optimiser.name is empty",
            "`duet list optimisers`");
}

static void a_key_may_be_written_once(void **state)
{
    (void)state;
    refused("seed: 1\nname: a\nseed: 2\n", "s.yaml:3:1", "seed is written twice", "in line 1");
    refused("data:\n  depth: 2\n  depth: 2\n", "s.yaml:3:3", "data.depth is written twice",
            "in line 2", "keep one");
    refused("data: {}\ntrain: {}\ndata: {}\n", "s.yaml:3:1", "data is written twice", "in line 1");
    refused_override("data={depth: 1, depth: 2}", "data.depth is written twice");
}

static void wrong_types_say_where_and_what_would_be_right(void **state)
{
    (void)state;
    refused("data:\n  depth: seven\n", "s.yaml:2:10", "data.depth is 'seven'", "an integer in 1..");
    refused("seed: 64_000\n", "s.yaml:1:7", "'64_000'", "an integer, at least 0");
    refused("seed: 0x10\n", "s.yaml:1:7", "'0x10'", "an integer");
    refused("seed: 1.5\n", "s.yaml:1:7", "not a whole number");
    refused("seed: \"5\"\n", "s.yaml:1:7", "'5', text in quotes");
    refused("seed:\nname: a\n", "s.yaml:1:1", "seed is empty");
    refused("seed: ~\n", "s.yaml:1:7", "seed is empty");
    refused("seed: [1]\n", "s.yaml:1:7", "seed is a list");
    refused("seed: {a: 1}\n", "s.yaml:1:7", "seed is a mapping");
    refused("objective: {tau: 0.1.2}\n", "s.yaml:1:18", "'0.1.2'", "a number, above 0");
    refused("objective: {tau: '1'}\n", "s.yaml:1:18", "text in quotes");
    refused("objective: {tau: [1]}\n", "s.yaml:1:18", "objective.tau is a list");
    refused("network: {bias: yes}\n", "s.yaml:1:17", "'yes'", "one of true, false");
    refused("network: {bias: True}\n", "s.yaml:1:17", "'True'", "one of true, false");
    refused("network: {bias: 'true'}\n", "s.yaml:1:17", "text in quotes");
    refused("name: [a]\n", "s.yaml:1:7", "name is a list", "must be text");
    refused("name: null\n", "s.yaml:1:7", "name is empty");
    refused("data: 5\n", "s.yaml:1:7", "data is '5'", "a mapping such as {source: hltm}");
    refused("train:\n  - 5\n", "s.yaml:2:3", "train is a list", "{trainer: minibatch}");
    refused("measure: ''\n", "s.yaml:1:10", "measure is ''");
}

static void ranges_are_enforced_and_told(void **state)
{
    (void)state;
    refused("data: {states: 257}\n", "s.yaml:1:16", "'257', out of range", "2..256");
    refused("data: {states: 1}\n", "s.yaml:1:16", "out of range", "2..256");
    refused("seed: -1\n", "s.yaml:1:7", "'-1', out of range", "at least 0");
    refused("train: {epochs: 1000001}\n", "s.yaml:1:17", "out of range", "0..1e6");
    refused("train: {samples: 0}\n", "s.yaml:1:18", "1..1e12");
    refused("train: {batch: 1000000001}\n", "s.yaml:1:16", "1..1e9");
    refused("measure: {every: 0}\n", "s.yaml:1:18", "1..1e6");
    refused("objective: {tau: 0}\n", "s.yaml:1:18", "'0', out of range", "above 0");
    refused("objective: {tau: 1e-400}\n", "s.yaml:1:18", "out of range", "above 0");
    refused("data: {source: every, needed: 1, small: 0.6}\n", "s.yaml:1:41", "out of range",
            "above 0, at most 0.5");
    refused("data: {polarity: -1.5}\n", "s.yaml:1:18", "'-1.5', out of range", "-1..1");
    struct spec spec = good("objective: {tau: 5e-324}\ndata: {states: 256}\n", NULL);
    assert_int_equal(integer_of(&spec, SECTION_DATA, "states"), 256);
    spec_free(&spec);
}

static void numbers_are_finite_and_fit(void **state)
{
    (void)state;
    static const char *const words[] = {".nan", ".inf", "-.inf", "nan", "inf", "-Infinity", ".NaN"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char yaml[64];
        snprintf(yaml, sizeof yaml, "objective: {tau: %s}\n", words[i]);
        refused(yaml, "s.yaml:1:18", words[i], "not finite");
        snprintf(yaml, sizeof yaml, "seed: %s\n", words[i]);
        refused(yaml, "s.yaml:1:7", words[i], "not finite");
    }
    refused("objective: {tau: 1e309}\n", "s.yaml:1:18", "'1e309', too large");
    refused("seed: 9223372036854775808\n", "s.yaml:1:7", "beyond 2^63 - 1");
    refused("seed: 18446744073709551617\n", "s.yaml:1:7", "beyond 2^63 - 1");
    refused("seed: 1e19\n", "s.yaml:1:7", "beyond 2^63 - 1");
    refused("seed: 1e99999999999999999999\n", "s.yaml:1:7", "beyond 2^63 - 1");
    refused("seed: 1e-99999999999999999999\n", "s.yaml:1:7", "not a whole number");
}

static void lists_are_checked_entry_by_entry(void **state)
{
    (void)state;
    refused("data: {children: []}\n", "s.yaml:1:18", "an empty list",
            "an integer or a list of integers");
    refused("data:\n  children:\n    - 2\n    - 0\n", "s.yaml:4:7",
            "an entry of data.children is '0'", "out of range", "an integer in 1..");
    refused("data: {children: [2, x]}\n", "s.yaml:1:22", "an entry of data.children is 'x'");
    refused("data: {children: [2, ]}\nseed: [\n", "s.yaml:3:1", "invalid YAML");
    refused("data: {children: [2, ~]}\n", "s.yaml:1:22", "is empty");
    refused("data: {children: [2, [3]]}\n", "s.yaml:1:22", "an entry of data.children is a list");
    refused("data: {children: {a: 2}}\n", "s.yaml:1:18", "data.children is a mapping");
    refused("data: {polarity: []}\n", "s.yaml:1:18", "an empty list");
    refused("data: {polarity: [[0.5], []]}\n", "s.yaml:1:26", "an empty list", "a list of numbers");
    refused("data: {polarity: [[0.5], [0.5, 2]]}\n", "s.yaml:1:32", "'2', out of range");
    refused("data: {polarity: [[0.5], 1]}\n", "s.yaml:1:26", "a number among lists");
    refused("data: {polarity: [0.5, [1]]}\n", "s.yaml:1:24", "is a list", "a number in -1..1");
    refused("data: {polarity: [[0.5], [[1]]]}\n", "s.yaml:1:27", "is a list");
    refused("data: {polarity: [[0.5], {a: 1}]}\n", "s.yaml:1:26", "is a mapping");
}

static void choices_get_the_nearest_word(void **state)
{
    (void)state;
    refused("network: {activation: rellu}\n", "s.yaml:1:23", "'rellu'", "near relu",
            "one of relu, linear");
    refused("network: {activation: tanh}\n", "s.yaml:1:23", "an unknown word;",
            "one of relu, linear");
    refused("network: {activation: }\n", "s.yaml:1:11", "is empty");
    refused("measure: {probes: [covop, corelation]}\n", "s.yaml:1:27",
            "an entry of measure.probes is 'corelation'", "near correlation");
    refused("measure: {probes: [covop, covop]}\n", "s.yaml:1:27", "listed twice");
    refused("measure: {probes: [[covop]]}\n", "s.yaml:1:20", "is a list");
}

/* ---- tables within a section ---- */

static const struct disk *disk_of(const struct spec *spec)
{
    assert_non_null(spec->tables[SECTION_DATA]);
    assert_null(spec->tables[SECTION_DATA][0]); /* a point has no parameters */
    return spec->tables[SECTION_DATA][1];
}

static void named_entries_have_keys_of_their_own(void **state)
{
    (void)state;
    struct spec spec = good("data: {source: shapes}\n", NULL);
    assert_null(disk_of(&spec));
    assert_non_null(strstr(spec.yaml, "data: {source: shapes, shapes: [point]}\n"));
    spec_free(&spec);
    spec = good("data: {source: shapes, shapes: [disk, point]}\n", NULL);
    assert_true(disk_of(&spec)->radius == 1.5 && disk_of(&spec)->sides == 6);
    assert_non_null(strstr(spec.yaml, "shapes: [point, disk], disk: {radius: 1.5, sides: 6}}\n"));
    check_round_trip(&spec);
    spec_free(&spec);
    spec = good("data:\n  source: shapes\n  shapes: disk\n  disk: {radius: 2}\n",
                WORDS("data.disk.sides=4"));
    assert_true(disk_of(&spec)->radius == 2 && disk_of(&spec)->sides == 4);
    assert_non_null(strstr(spec.written, "disk.radius: 2, disk.sides: 4"));
    struct spec again = good(spec.written, NULL);
    assert_string_equal(again.yaml, spec.yaml);
    spec_free(&again);
    spec_free(&spec);
    spec = good("data: {source: shapes, shapes: disk}\n", WORDS("data.disk={sides: 5}"));
    assert_int_equal(disk_of(&spec)->sides, 5);
    spec_free(&spec);
}

static void keys_of_named_entries_are_checked(void **state)
{
    (void)state;
    refused("data: {source: shapes, shapes: disk, disk: {sides: 2}}\n", "s.yaml:1:52",
            "data.disk.sides is '2', out of range", "an integer in 3..9");
    refused("data: {source: shapes, shapes: disk, disk: {side: 4}}\n", "s.yaml:1:45",
            "unknown key data.disk.side of shape disk", "the nearest is sides");
    refused("data: {source: shapes, point: {x: 4}}\n", "s.yaml:1:32",
            "unknown key data.point.x of shape point", "it has no keys");
    refused("data: {source: shapes, disk: {sides: 4}}\n", "s.yaml:1:31", "data.disk.sides",
            "shape disk", "data.shapes does not name");
    refused("data: {source: shapes, disk: 4}\n", "s.yaml:1:30", "data.disk is '4'", "a mapping");
    refused("data: {source: shapes, dusk: {sides: 4}}\n", "s.yaml:1:24", "unknown key data.dusk");
    refused("data: {source: shapes, shapes: [dsk]}\n", "s.yaml:1:33", "near disk",
            "one of point, disk");
    refused("measure: {linear: {x: 1}}\n", "s.yaml:1:20", "unknown key measure.linear.x of probe");
    refused("data: {source: shapes, shapes: disk, disk: {sides: 4, sides: 5}}\n", "s.yaml:1:55",
            "data.disk.sides is written twice");
}

static void a_default_is_known_however_it_is_written(void **state)
{
    (void)state;
    const char *fallback = descriptor_param(measure_registry.entries[0], "probes")->fallback;
    struct spec spec = good("", NULL);
    assert_true(spec_is_default(&spec, SECTION_MEASURE, "probes"));
    assert_true(spec_is_default(&spec, SECTION_MEASURE, "every"));
    struct spec again = good(spec.yaml, NULL);
    assert_true(spec_is_default(&again, SECTION_MEASURE, "probes"));
    assert_non_null(strstr(spec.yaml, fallback));
    spec_free(&again);
    spec_free(&spec);
    spec = good("measure: {probes: [covop], every: 2}\n", NULL);
    assert_false(spec_is_default(&spec, SECTION_MEASURE, "probes"));
    assert_false(spec_is_default(&spec, SECTION_MEASURE, "every"));
    assert_true(spec_is_default(&spec, SECTION_MEASURE, "samples"));
    spec_free(&spec);
}

static void a_key_without_default_must_be_given(void **state)
{
    (void)state;
    refused("seed: 1\ndata: {source: every}\n", "s.yaml:2:8", "data.needed is missing",
            "an integer in 0..9");
    refused_override("data.source=every", "data.needed is missing");
    check_refused("seed: 1\n", WORDS("data.source=every"), "command line: data.source=every",
                  WORDS("data.needed is missing"));
}

static void names_make_safe_folders(void **state)
{
    (void)state;
    static const char *const bad[] = {"\"\"",       ".",   "..",       ".hidden", "-rf",  "a/b",
                                      "\"a\\\\b\"", "a b", "\"a\\n\"", "\u00e9",  "'a*'", "'~'"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char yaml[64];
        snprintf(yaml, sizeof yaml, "name: %s\n", bad[i]);
        refused(yaml, "s.yaml:1:7", "name is '", "letters, digits");
    }
    char yaml[300] = "name: ";
    memset(yaml + 6, 'a', 201);
    refused(yaml, "s.yaml:1:7", "1 to 200");
    yaml[6 + 200] = '\0';
    struct spec spec = good(yaml, NULL);
    assert_int_equal(strlen(spec.name), 200);
    spec_free(&spec);
    spec = good("name: _A-z.0\n", NULL);
    assert_string_equal(spec.name, "_A-z.0");
    spec_free(&spec);
}

static void syntax_errors_have_a_place(void **state)
{
    (void)state;
    refused("seed: 1\ndata: {depth: 5\n", "s.yaml:3:1", "invalid YAML", "close brackets");
    refused("seed: 1\nname: \"abc\n", "s.yaml:2:8", "invalid YAML", "close brackets and quotes");
    refused("a: b: c\n", "s.yaml:1:5", "invalid YAML");
    refused("data:\n\tdepth: 5\n", "s.yaml:2:1", "invalid YAML", "tab", "indent with spaces");
    refused("data: {children: [2, 3}\n", "s.yaml:1:23", "invalid YAML");
}

static void syntax_errors_print_nothing(void **state)
{
    (void)state;
    struct spec spec;
    struct error problem = {0};
    struct kit_capture capture = kit_capture_begin(KIT_BOTH);
    enum status status = try_spec(&spec, "a: [1, {b: c\n", NULL, &problem);
    char *said = kit_capture_end(&capture);
    assert_int_equal(status, STATUS_INVALID);
    assert_string_equal(said, "");
    free(said);
}

static void a_spec_is_one_mapping(void **state)
{
    (void)state;
    refused("seed: 1\n---\nseed: 2\n", "s.yaml:2:1", "a second YAML document");
    refused("- 1\n- 2\n", "s.yaml:1:1", "the document is a list", "a mapping");
    refused("hello\n", "s.yaml:1:1", "the document is 'hello'");
    refused("[[[[[[[[[[1]]]]]]]]]]\n", "s.yaml:1:9", "nested more than 8 deep");
    char yaml[2048] = "data: {";
    for (int i = 0; i < 65; i++)
        append_text(yaml, sizeof yaml, "k%d: 1, ", i);
    append_text(yaml, sizeof yaml, "}\n");
    refused(yaml, "s.yaml:1:510", "more than 64 keys");
}

static void yaml_beyond_plain_values_is_refused(void **state)
{
    (void)state;
    refused("seed: &a 1\n", "s.yaml:1:7", "'&' outside quotes", "no anchors");
    refused("seed: *a\n", "s.yaml:1:7", "'*' outside quotes", "aliases");
    refused("name: x\nseed: !!int \"1\"\n", "s.yaml:2:7", "'!' outside quotes", "tags");
    refused("data: {<<: 1}\n", "s.yaml:1:8", "data.<<");
    refused("%YAML 1.2\n---\nseed: 1\n", "s.yaml:1:1", "'%' outside quotes", "directives");
    refused("seed: 1\nname: |\n  x\n", "s.yaml:2:7", "'|' outside quotes", "block text");
    refused("name: >-\n  x\n", "s.yaml:1:7", "'>' outside quotes", "block text");
    refused("? name\n: x\n", "s.yaml:1:1", "'?' outside quotes", "`?` keys");
    refused("# |\n\"\\\"|\": 'it''s |' # |\n\xcf\x81: \"\xcf\x81\" |\n", "s.yaml:3:8", "'|'");
    refused("a: {\"b\":\"|\", 'c':'|'}\nd: [\"|\",'|']\n- - '|'\nx\"|\n", "s.yaml:4:3", "'|'");
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    (void)state;
    refused("seed: 1\nname: a\x01\n", "s.yaml:2:8", "0x01", "UTF-8");
    refused("name: \x7f\n", "s.yaml:1:7", "0x7f");
    refused("name: \xff\n", "s.yaml:1:7", "0xff");
    refused("# \u03c1 \xc3\n", "s.yaml:1:5", "0xc3");
    refused("# \xc0\x80\n", "s.yaml:1:3", "0xc0");
    refused("# \xe0\x9f\xbf\n", "s.yaml:1:3", "0xe0");
    refused("# \xf0\x8f\xbf\xbf\n", "s.yaml:1:3", "0xf0");
    refused("# \xed\xa0\x80\n", "s.yaml:1:3", "0xed");
    refused("# \xf4\x90\x80\x80\n", "s.yaml:1:3", "0xf4");
    refused("name: \"a\\0b\"\n", "s.yaml:1:7", "NUL");
    struct spec spec;
    struct error err = {0};
    kit_write("s.yaml", "seed: 1\0x\n", 10);
    assert_int_equal(spec_load(&spec, "s.yaml", NULL, 0, &err), STATUS_INVALID);
    check_message(&err, "s.yaml:1:8", WORDS("0x00"));
}

static void files_must_be_readable_and_small(void **state)
{
    (void)state;
    struct spec spec;
    struct error err = {0};
    assert_int_equal(spec_load(&spec, "none.yaml", NULL, 0, &err), STATUS_SYSTEM);
    check_message(&err, "none.yaml", WORDS("No such file"));
    assert_int_equal(spec_load(&spec, ".", NULL, 0, &err), STATUS_SYSTEM);
    check_message(&err, ".", WORDS("Is a directory"));
    size_t limit = 1 << 20;
    char *bytes = malloc(limit + 1);
    assert_non_null(bytes);
    memset(bytes, '#', limit + 1);
    kit_write("s.yaml", bytes, limit + 1);
    assert_int_equal(spec_load(&spec, "s.yaml", NULL, 0, &err), STATUS_INVALID);
    check_message(&err, "s.yaml", WORDS("larger than 1 MiB"));
    kit_write("s.yaml", bytes, limit);
    assert_int_equal(spec_load(&spec, "s.yaml", NULL, 0, &err), STATUS_OK);
    spec_free(&spec);
    free(bytes);
}

/* ---- overrides ---- */

static void overrides_win_over_the_file_and_later_ones_over_earlier(void **state)
{
    (void)state;
    struct spec spec = good("name: x\nseed: 5\ndata: {depth: 2, states: 3}\n",
                            WORDS("data.depth=7", "seed=6.4e4", "data.depth=4"));
    assert_string_equal(spec.name, "x");
    assert_int_equal(spec.seed, 64000);
    assert_int_equal(integer_of(&spec, SECTION_DATA, "depth"), 4);
    assert_int_equal(integer_of(&spec, SECTION_DATA, "states"), 3);
    struct spec same = good("name: x\nseed: 64000\ndata: {depth: 4, states: 3}\n", NULL);
    assert_string_equal(spec.yaml, same.yaml);
    spec_free(&spec);
    spec_free(&same);
}

static void override_values_are_yaml(void **state)
{
    (void)state;
    struct spec spec = good(NULL, WORDS("data.children=[2, 3, 2, 2, 2]", "name=\"2024\"",
                                        "network={kind: mlp, bias: false}", "measure.probes=covop",
                                        "data.polarity= 0.5 # all of them"));
    const struct integers *children = field(&spec, SECTION_DATA, "children");
    const struct reals *polarity = field(&spec, SECTION_DATA, "polarity");
    assert_int_equal(children->count, 5);
    assert_int_equal(children->value[1], 3);
    assert_int_equal(polarity->rank, 0);
    assert_string_equal(spec.name, "2024");
    assert_string_equal(spec.chosen[SECTION_NETWORK]->name, "mlp");
    assert_false(*(const bool *)field(&spec, SECTION_NETWORK, "bias"));
    check_round_trip(&spec);
    spec_free(&spec);
}

static void a_section_override_replaces_the_whole_section(void **state)
{
    (void)state;
    struct spec spec = good("objective: {name: infonce, tau: 0.2, negatives: 3}\n",
                            WORDS("objective.negatives=4", "objective={name: triplet, tau: 1}"));
    assert_string_equal(spec.chosen[SECTION_OBJECTIVE]->name, "triplet");
    assert_true(*(const double *)field(&spec, SECTION_OBJECTIVE, "tau") == 1);
    spec_free(&spec);
    spec = good("data: {depth: 2}\n", WORDS("data={states: 3}", "data.keep_level=1"));
    assert_int_equal(integer_of(&spec, SECTION_DATA, "depth"), 5);
    assert_int_equal(integer_of(&spec, SECTION_DATA, "states"), 3);
    assert_int_equal(integer_of(&spec, SECTION_DATA, "keep_level"), 1);
    spec_free(&spec);
}

/* Naming another descriptor drops the keys of the old one, and says so; a key that is nobody's, or
 * that is written after the name, is an error. */
static void another_name_drops_the_keys_of_the_old_one(void **state)
{
    (void)state;
    static const char dropped[] = "not used: objective.negatives, which ntxent does not have\n";
    static const char infonce[] = "objective: {name: infonce, tau: 0.25, negatives: 3}\n";
    struct spec spec = good(infonce, WORDS("objective.name=ntxent"));
    assert_string_equal(spec.chosen[SECTION_OBJECTIVE]->name, "ntxent");
    assert_true(*(const double *)field(&spec, SECTION_OBJECTIVE, "tau") == 0.25);
    assert_string_equal(spec.remarks.text, dropped);
    assert_null(strstr(spec.written, "negatives"));
    check_round_trip(&spec);
    spec_free(&spec);
    spec = good("objective: {negatives: 3}\n", WORDS("objective.name=ntxent")); /* of the default */
    assert_string_equal(spec.remarks.text, dropped);
    spec_free(&spec);
    spec = good("{}", WORDS("objective.negatives=3", "objective.name=ntxent"));
    assert_string_equal(spec.remarks.text, dropped);
    spec_free(&spec);
    spec = good(infonce, WORDS("objective.name=infonce"));
    assert_string_equal(spec.remarks.text, "");
    assert_int_equal(integer_of(&spec, SECTION_OBJECTIVE, "negatives"), 3);
    spec_free(&spec);
    spec = good("measure: {probes: [sphere], sphere: {t: 3}}\n", WORDS("measure.probes=[weights]"));
    assert_string_equal(spec.remarks.text,
                        "not used: measure.sphere.t, which measure.probes does not name\n");
    spec_free(&spec);
    check_refused("objective: {name: infonce, negative: 3}\n", WORDS("objective.name=ntxent"),
                  "s.yaml:1:28",
                  WORDS("unknown key objective.negative of objective ntxent",
                        "'objective={name: ntxent}' replaces the whole section"));
    check_refused("objective: {name: ntxent, negatives: 3}\n", WORDS("objective.name=ntxent"),
                  "s.yaml:1:27", WORDS("unknown key objective.negatives of objective ntxent"));
    check_refused(infonce, WORDS("objective.name=ntxent", "objective.negatives=4"),
                  "command line: objective.negatives=4",
                  WORDS("unknown key objective.negatives of objective ntxent"));
}

/* Characters that cannot be seen are named with their code and place; within quotes and comments
 * they are text. */
static void invisible_characters_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *place, *name;
    } cases[] = {
        {"seed:\u00a05\n", "s.yaml:1:6", "U+00A0 (no-break space)"},
        {"seed: 1\n\u00a0 name: a\n", "s.yaml:2:1", "U+00A0 (no-break space)"},
        {"# \u00fc\nname: \u00fc\u200b\n", "s.yaml:2:8", "U+200B (zero-width space)"},
        {"seed: 5\u2028\n", "s.yaml:1:8", "U+2028 (separator of lines)"},
        {"seed: \u202e5\n", "s.yaml:1:7", "U+202E (mark of direction)"},
        {"data: {depth: 3,\u3000states: 2}\n", "s.yaml:1:17", "U+3000 (ideographic space)"},
        {"seed: 1\n\ufeffname: a\n", "s.yaml:2:1", "U+FEFF (byte order mark)"},
        {"seed: 1\U000e0020\n", "s.yaml:1:8", "U+E0020 (tag)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cases[i].yaml, cases[i].place, "an invisible character", cases[i].name,
                "write a plain space");
    check_refused(NULL, WORDS("seed=5\u00a0"), "command line: seed=5<U+00A0>",
                  WORDS("U+00A0 (no-break space)"));
    check_refused(NULL, WORDS("data.\u00a0depth=5"), "command line: data.<U+00A0>depth=5",
                  WORDS("unknown key data.<U+00A0>depth"));
    refused("name: \"a\u00a0b\"\n", "s.yaml:1:7", "name is 'a<U+00A0>b'; it must be");
    struct spec spec = good("seed: 5 # a\u00a0comment\n", NULL);
    assert_int_equal(spec.seed, 5);
    spec_free(&spec);
}

static void ranges_outside_a_sweep_are_explained(void **state)
{
    (void)state;
    static const char *const tries[] = {
        "seed=1:5",   "seed=1:5:1",          "seed=1..5",        "data.keep_level=0:3",
        "seed=log:1", "optimiser.lr=1e-3:1", "data.children=2:4"};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        char said[64];
        snprintf(said, sizeof said, "command line: %s", tries[i]);
        check_refused(NULL, WORDS(tries[i]), said,
                      WORDS("`duet sweep` takes ranges, a:b:step such as 1:5:1"));
    }
    check_refused("seed: 1:5\n", NULL, "s.yaml:1:7", WORDS("takes ranges, a:b:step"));
    struct spec spec;
    struct error err;
    assert_int_equal(spec_parse(&spec, NULL, "", 0, WORDS("seed=five"), 1, &err), STATUS_INVALID);
    assert_null(strstr(err.message, "ranges")); /* it does not look like one */
}

static void bad_overrides_are_named(void **state)
{
    (void)state;
    refused_override("data.depth=seven", "data.depth is 'seven'", "an integer");
    refused_override("data.states=1", "out of range", "2..256");
    refused_override("data.depth", "no '='", "KEY=VALUE");
    refused_override("=5", "no key", "KEY=VALUE");
    refused_override("data.depth=", "no value");
    refused_override("data=", "no value");
    refused_override("data=~", "no value");
    refused_override("data.dpeth=7", "nearest is depth");
    refused_override("dta.depth=7", "nearest is data");
    refused_override("data.=7", "the keys are");
    refused_override("seed.x=7", "seed has no keys", "seed=VALUE");
    refused_override("objective=triplet", "objective is 'triplet'", "{name: infonce}");
    refused_override("objective.name=tripel", "nearest is triplet", "`duet list objectives`");
    refused_override("data.polarity=[0.5, 1", "invalid YAML");
    refused_override("data.polarity=0.5,1", "'0.5,1'", "a list of numbers", "[A, B]");
    refused_override("measure.probes=weights,sphere", "'weights,sphere'", "[A, B]");
    refused_override("data.children=[]", "an empty list");
    refused_override("seed=*a", "aliases");
    check_refused("seed: 1\n", WORDS("seed=2", "seed=-1"), "command line: seed=-1",
                  WORDS("out of range"));
    check_refused(NULL, WORDS("seed=a\nb\033[m"), "command line: seed=a b [m", WORDS("0x1b"));
}

/* ---- places of errors that are detected later ---- */

static void check_located(const struct spec *spec, const char *key, const char *expected)
{
    struct error err;
    error_key(&err, key, "wrong; right");
    spec_locate(spec, &err);
    assert_string_equal(err.message, expected);
    assert_int_equal(err.status, STATUS_INVALID);
}

static void later_errors_find_the_place_of_their_key(void **state)
{
    (void)state;
    struct spec spec = good("seed: 3\ndata:\n  children: [2]\n", WORDS("data.depth=3", "name=x"));
    check_located(&spec, "data.children", "s.yaml:3:3: wrong; right");
    check_located(&spec, "seed", "s.yaml:1:1: wrong; right");
    check_located(&spec, "data", "s.yaml:2:1: wrong; right");
    check_located(&spec, "data.depth", "command line: data.depth=3: wrong; right");
    check_located(&spec, "name", "command line: name=x: wrong; right");
    check_located(&spec, "data.states", "s.yaml: data.states: wrong; right");
    check_located(&spec, "train.batch", "s.yaml: train.batch: wrong; right");
    check_located(&spec, "", "wrong; right");
    spec_locate(&spec, NULL);
    spec_free(&spec);
    spec = good(NULL, NULL);
    check_located(&spec, "data.states", "data.states: wrong; right");
    spec_free(&spec);
}

/* ---- words ---- */

static void the_nearest_word_is_near(void **state)
{
    (void)state;
    static const char *const words[] = {"depth", "children", "states", "lr", "tau", "momentum"};
    static const struct {
        const char *word, *nearest;
    } cases[] = {
        {"depth", "depth"},       {"dpeth", "depth"},  {"DEPTH", "depth"}, {"childern", "children"},
        {"chidrn", "children"},   {"state", "states"}, {"tua", "tau"},     {"l", "lr"},
        {"momentun", "momentum"}, {"", NULL},          {"x", NULL},        {"polarity", NULL},
        {"xyzzy", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *nearest = nearest_word(cases[i].word, words, sizeof words / sizeof *words);
        if (!cases[i].nearest && nearest)
            fail_msg("%s is near %s", cases[i].word, nearest);
        if (cases[i].nearest)
            assert_string_equal(nearest, cases[i].nearest);
    }
    char lengthy[5000];
    memset(lengthy, 'a', sizeof lengthy);
    lengthy[sizeof lengthy - 1] = '\0';
    assert_null(nearest_word(lengthy, words, 6));
    assert_null(nearest_word("a", words, 0));
    assert_null(nearest_word("x", WORDS("y"), 1));
}

static void ranges_have_words(void **state)
{
    (void)state;
    static const struct {
        struct param param;
        const char *range;
    } cases[] = {
        {{.type = PARAM_INTEGER, .low = 2, .high = 256}, "2..256"},
        {{.type = PARAM_INTEGERS, .low = 1, .high = UNBOUNDED}, "at least 1"},
        {{.type = PARAM_REAL, .low = -UNBOUNDED, .high = 0.5}, "at most 0.5"},
        {{.type = PARAM_REAL, .low = -UNBOUNDED, .high = UNBOUNDED}, ""},
        {{.type = PARAM_REAL, .low = POSITIVE, .high = UNBOUNDED}, "above 0"},
        {{.type = PARAM_REALS, .low = POSITIVE, .high = 1e12}, "above 0, at most 1e12"},
        {{.type = PARAM_CHOICE, .choices = "relu linear"}, "relu, linear"},
        {{.type = PARAM_BOOLEAN}, "true, false"},
        {{.type = PARAM_TEXT}, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char range[64];
        param_range(&cases[i].param, range, sizeof range);
        assert_string_equal(range, cases[i].range);
    }
}

/* ---- hostile input ---- */

static uint64_t draw(uint64_t *state, uint64_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 33) % below;
}

/* Change, remove or insert a few bytes. */
static size_t mutate(char *yaml, size_t length, size_t size, uint64_t *state)
{
    static const char bytes[] = "[]{}:,-#\"'|>&*!%?~\\\n\t 0.1e-truedatanull\xff\xc3";
    for (uint64_t n = 1 + draw(state, 4); n > 0 && length > 1 && length + 1 < size; n--) {
        size_t at = (size_t)draw(state, length);
        char byte = bytes[draw(state, sizeof bytes)];
        uint64_t what = draw(state, 3);
        if (what == 0) {
            yaml[at] = byte;
        } else if (what == 1) {
            memmove(yaml + at, yaml + at + 1, --length - at);
        } else {
            memmove(yaml + at + 1, yaml + at, length++ - at);
            yaml[at] = byte;
        }
    }
    return length;
}

static void damaged_specs_end_in_a_spec_or_a_message(void **state)
{
    (void)state;
    static const char *const whole[] = {
        "name: x\ndata: {source: every, needed: 1, reals: [[0.5, 1e-3], [.25]], text: \"a b\"}\n",
        "seed: 6.4e4\nnetwork:\n  kind: mlp\n  layers:\n    - 64\n    - 3\nobjective: {tau: 1.}\n"};
    uint64_t random = 1;
    int accepted = 0;
    for (int i = 0; i < 6000; i++) {
        char yaml[256];
        size_t length = strlen(whole[i % 2]);
        memcpy(yaml, whole[i % 2], length);
        length = mutate(yaml, length, sizeof yaml, &random);
        struct spec spec;
        struct error err = {0};
        if (spec_parse(&spec, "m", yaml, length, NULL, 0, &err) == STATUS_OK) {
            check_round_trip(&spec);
            spec_free(&spec);
            accepted++;
            continue;
        }
        assert_int_equal(err.status, STATUS_INVALID);
        if (strncmp(err.message, "m:", 2) != 0 || !strstr(err.message, "; ") ||
            strchr(err.message, '\n'))
            fail_msg("%s", err.message);
    }
    assert_in_range(accepted, 50, 5500);
}

static void long_hostile_lines_are_answered_at_once(void **state)
{
    (void)state;
    static const char bytes[] = "%[{&*!\"'-?:#,|> a\n";
    size_t length = 1 << 18;
    char *yaml = malloc(length);
    assert_non_null(yaml);
    for (const char *c = bytes; *c; c++) {
        memset(yaml, *c, length);
        struct spec spec;
        struct error err = {0};
        clock_t start = clock();
        spec_parse(&spec, "m", yaml, length, NULL, 0, &err);
        if (clock() - start > 10 * CLOCKS_PER_SEC)
            fail_msg("a line of %c took %g s", *c, (double)(clock() - start) / CLOCKS_PER_SEC);
        spec_free(&spec);
    }
    free(yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_is_all_defaults),
        cmocka_unit_test(fixed_tables_fill_their_structs),
        cmocka_unit_test(every_type_fills_its_field),
        cmocka_unit_test(a_bare_number_is_told_from_a_list_of_one),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(reals_are_written_as_their_shortest_decimal),
        cmocka_unit_test(text_reads_back_whatever_it_looks_like),
        cmocka_unit_test(complete_yaml_reads_back_the_same),
        cmocka_unit_test(order_and_layout_do_not_change_the_hash),
        cmocka_unit_test(the_hash_is_fnv1a_of_sections_and_seed),
        cmocka_unit_test(the_name_is_no_part_of_the_hash),
        cmocka_unit_test(unknown_keys_get_the_nearest_known_one),
        cmocka_unit_test(unknown_names_get_the_nearest_and_the_list),
        cmocka_unit_test(a_key_may_be_written_once),
        cmocka_unit_test(wrong_types_say_where_and_what_would_be_right),
        cmocka_unit_test(ranges_are_enforced_and_told),
        cmocka_unit_test(numbers_are_finite_and_fit),
        cmocka_unit_test(lists_are_checked_entry_by_entry),
        cmocka_unit_test(choices_get_the_nearest_word),
        cmocka_unit_test(named_entries_have_keys_of_their_own),
        cmocka_unit_test(keys_of_named_entries_are_checked),
        cmocka_unit_test(a_default_is_known_however_it_is_written),
        cmocka_unit_test(a_key_without_default_must_be_given),
        cmocka_unit_test(names_make_safe_folders),
        cmocka_unit_test(syntax_errors_have_a_place),
        cmocka_unit_test(syntax_errors_print_nothing),
        cmocka_unit_test(a_spec_is_one_mapping),
        cmocka_unit_test(yaml_beyond_plain_values_is_refused),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(files_must_be_readable_and_small),
        cmocka_unit_test(overrides_win_over_the_file_and_later_ones_over_earlier),
        cmocka_unit_test(override_values_are_yaml),
        cmocka_unit_test(a_section_override_replaces_the_whole_section),
        cmocka_unit_test(another_name_drops_the_keys_of_the_old_one),
        cmocka_unit_test(bad_overrides_are_named),
        cmocka_unit_test(invisible_characters_are_named),
        cmocka_unit_test(ranges_outside_a_sweep_are_explained),
        cmocka_unit_test(later_errors_find_the_place_of_their_key),
        cmocka_unit_test(the_nearest_word_is_near),
        cmocka_unit_test(ranges_have_words),
        cmocka_unit_test(damaged_specs_end_in_a_spec_or_a_message),
        cmocka_unit_test(long_hostile_lines_are_answered_at_once),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
