/* Protects every probe of the registry by its interface: small runs of every kind are laid out and
 * measured, and what each probe gives has to be what analysis/probe.h and core/quantity.h promise.
 * A probe that is put on the list is tested without a line here, if one of the runs has data that
 * it applies to. */
#include "analysis/probes/probes.h"
#include "harness/run/experiment.h"
#include "tests/kit/testing.h"

#define COMMON                                                                                     \
    "train: {epochs: 1, samples: 256, batch: 32}\n"                                                \
    "measure: {samples: 200, probe_samples: 300}\n"

/* Small runs: between them, they have everything that a probe can apply to. */
static const struct world {
    const char *what, *yaml;
} worlds[] = {
    {"a tree of two states", "data: {depth: 3}\nnetwork: {width: 3}\n" COMMON},
    {"a tree of three states, all levels kept",
     "data: {depth: 2, children: 3, states: 3, keep_level: 1}\nnetwork: {width: 2}\n" COMMON},
    {"a fully connected network with a linear predictor",
     "data: {depth: 3, keep_level: 1}\nnetwork: {kind: mlp, layers: [6, 4]}\n"
     "objective: {name: byol}\npredictor: {kind: linear}\n" COMMON},
    {"a predictor of two layers on numbers",
     "data: {source: gaussian, dimension: 5}\nnetwork: {kind: mlp, layers: [4]}\n"
     "objective: {name: simsiam}\npredictor: {kind: two_layers}\n" COMMON},
    {"sparse features", "data: {source: sparse_coding, dimension: 20, features: 6}\n"
                        "network: {kind: symmetric_relu, neurons: 8}\nobjective: {similarity: "
                        "inner_stopped}\n" COMMON},
    {"few labels", "data: {depth: 3, keep_level: 1}\nnetwork: {width: 3}\n"
                   "objective: {name: comatch, labels: 12}\n" COMMON},
    {"blocks", "data: {depth: 3}\nnetwork: {width: 3}\nobjective: {name: loco, block: 2}\n" COMMON},
    {"a flow of matrices", "data: {source: gaussian, dimension: 4}\n"
                           "network: {kind: mlp, layers: [3], bias: false, normalize: false}\n"
                           "objective: {name: byol}\npredictor: {kind: linear}\n"
                           "train: {trainer: flow, end: 1, points: 3}\n"},
    {"a flow of modes", "data: {source: gaussian, dimension: 4}\n"
                        "network: {kind: mlp, layers: [3], bias: false, normalize: false}\n"
                        "objective: {name: simsiam}\npredictor: {kind: linear, symmetric: true}\n"
                        "train: {trainer: flow, equations: modes, end: 1, points: 3}\n"},
};

enum { WORLDS = sizeof worlds / sizeof *worlds };

struct opened {
    struct spec spec;
    struct experiment e;
};

static struct opened *open_world(const struct world *w, const char *probes, int threads)
{
    struct opened *o = allocate(1, sizeof *o);
    struct error err = {0};
    const char *const overrides[] = {probes};
    check_ok(
        spec_parse(&o->spec, w->what, w->yaml, strlen(w->yaml), overrides, probes != NULL, &err),
        &err);
    check_ok(experiment_open(&o->e, &o->spec, threads, &err), &err);
    return o;
}

static void close_world(struct opened *o)
{
    experiment_free(&o->e);
    spec_free(&o->spec);
    free(o);
}

/* "measure.probes=[NAME]" with the name of entry i of the registry. */
static const char *naming(size_t i)
{
    static char text[64];
    snprintf(text, sizeof text, "measure.probes=[%s]", probe_registry.entries[i]->name);
    return text;
}

static const struct probe *probe_at(size_t i)
{
    return (const void *)probe_registry.entries[i];
}

/* With every probe that applies, also those that the default list leaves out. */
static struct opened *open_with_all(const struct world *w, int threads)
{
    char text[1024] = "measure.probes=[";
    struct opened *o = open_world(w, NULL, 1);
    for (size_t i = 0; i < probe_registry.count; i++)
        if (!probe_at(i)->applies(&o->e.subject)) {
            assert_true(strlen(text) + strlen(probe_registry.entries[i]->name) + 3 < sizeof text);
            strcat(strcat(text, probe_registry.entries[i]->name), ",");
        }
    close_world(o);
    text[strlen(text) - 1] = ']';
    return open_world(w, text, threads);
}

static void every_probe_says_what_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < probe_registry.count; i++) {
        const struct probe *p = probe_at(i);
        assert_true(p->about.doc && *p->about.doc);
        assert_non_null(p->applies);
        assert_non_null(p->measurement);
        assert_non_null(p->quantities);
        /* Its parameters are in the spec of a run that names it. */
        assert_false(p->always && p->about.params);
    }
}

static void every_probe_applies_to_a_world(void **state)
{
    (void)state;
    for (size_t i = 0; i < probe_registry.count; i++) {
        size_t applied = 0;
        for (size_t w = 0; w < WORLDS; w++) {
            struct opened *o = open_world(&worlds[w], NULL, 1);
            const char *why = probe_at(i)->applies(&o->e.subject);
            assert_true(!why || *why);
            applied += !why;
            close_world(o);
        }
        if (applied == 0)
            fail_msg("%s applies to none of the worlds: add one", probe_registry.entries[i]->name);
    }
}

/* One that is named where it does not apply is refused with the reason. */
static void a_named_probe_that_does_not_apply_is_refused(void **state)
{
    (void)state;
    size_t refused = 0;
    for (size_t i = 0; i < probe_registry.count; i++)
        for (size_t w = 0; w < WORLDS; w++) {
            struct opened *o = open_world(&worlds[w], NULL, 1);
            const char *why = probe_at(i)->applies(&o->e.subject);
            close_world(o);
            if (!why)
                continue;
            struct spec spec;
            struct experiment e;
            struct error err = {0};
            const char *const overrides[] = {naming(i)};
            check_ok(
                spec_parse(&spec, "w", worlds[w].yaml, strlen(worlds[w].yaml), overrides, 1, &err),
                &err);
            assert_int_equal(experiment_open(&e, &spec, 1, &err), STATUS_INVALID);
            assert_string_equal(err.key, "measure.probes");
            assert_non_null(strstr(err.message, why));
            assert_non_null(strstr(err.message, probe_registry.entries[i]->name));
            assert_non_null(strstr(err.message, "weights")); /* which applies to all runs */
            experiment_free(&e);
            spec_free(&spec);
            refused++;
        }
    assert_true(refused > probe_registry.count);
}

static void check_quantity(const struct world *w, const struct quantity *q)
{
    const bool series = strncmp(q->path, "/series/", 8) == 0;
    if (q->path[0] != '/' || series == q->constant)
        fail_msg("%s: %s is neither a series nor a constant", w->what, q->path);
    assert_true(q->long_name && *q->long_name);
    assert_non_null(q->value);
    assert_true(quantity_size(q) > 0);
    assert_true(!q->headline || (*q->headline && q->rank <= 1));
    assert_true(!q->limit || (q->headline && q->rank == 1));
    for (int i = 0; i < q->rank; i++) {
        assert_true(q->axis[i].path[0] == '/' && !strchr(q->axis[i].path + 1, '/'));
        assert_true(q->axis[i].long_name && *q->axis[i].long_name);
    }
}

/* The counting list and the filled one agree; paths are unique; an axis has one length. */
static void quantities_are_as_they_are_described(void **state)
{
    (void)state;
    for (size_t w = 0; w < WORLDS; w++) {
        struct opened *o = open_with_all(&worlds[w], 2);
        const struct record *r = &o->e.record;
        struct quantity_list count = {0};
        o->e.kind->quantities(o->e.training, &count);
        const size_t of_training = count.count;
        probe_set_quantities(&o->e.probes, &count);
        assert_int_equal(count.count, r->count);
        assert_true(of_training > 0 && r->count > of_training);
        for (size_t i = 0; i < r->count; i++) {
            check_quantity(&worlds[w], &r->quantity[i]);
            for (size_t j = 0; j < i; j++) {
                const struct quantity *a = &r->quantity[i], *b = &r->quantity[j];
                assert_string_not_equal(a->path, b->path);
                for (int k = 0; k < a->rank * b->rank; k++) {
                    const struct axis *x = &a->axis[k / b->rank], *y = &b->axis[k % b->rank];
                    if (strcmp(x->path, y->path) == 0 && x->length != y->length)
                        fail_msg("%s: %s is %zu and %zu", worlds[w].what, x->path, x->length,
                                 y->length);
                }
            }
        }
        close_world(o);
    }
}

/* ---- measured ---- */

static void run_world(struct opened *o)
{
    struct error err = {0};
    check_ok(experiment_run(&o->e, NULL, &err), &err);
    assert_int_equal(o->e.record.measured, o->e.record.points);
}

static bool is_finite_somewhere(const double *value, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (isfinite(value[i]))
            return true;
    return false;
}

/* Something of every probe is a number, and all numbers are the same from one thread and from
 * three. */
static void measurements_are_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    for (size_t w = 0; w < WORLDS; w++) {
        struct opened *one = open_with_all(&worlds[w], 1);
        struct opened *three = open_with_all(&worlds[w], 3);
        run_world(one);
        run_world(three);
        const struct record *a = &one->e.record, *b = &three->e.record;
        assert_int_equal(a->count, b->count);
        for (size_t i = 0; i < a->count; i++) {
            const char *path = a->quantity[i].path;
            const size_t size =
                quantity_size(&a->quantity[i]) * (a->quantity[i].constant ? 1 : a->measured);
            const double *x = record_find(a, path, NULL), *y = record_find(b, path, NULL);
            if (memcmp(x, y, size * sizeof *x) != 0)
                fail_msg("%s: %s depends on the number of threads", worlds[w].what, path);
        }
        close_world(one);
        close_world(three);
    }
}

/* By itself a probe gives what it gives among all others, and something of it is a number in some
 * world. */
static void a_probe_alone_gives_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < probe_registry.count; i++) {
        bool finite = false;
        for (size_t w = 0; w < WORLDS; w++) {
            struct opened *all = open_with_all(&worlds[w], 1);
            if (probe_at(i)->applies(&all->e.subject)) {
                close_world(all);
                continue;
            }
            struct opened *alone = open_world(&worlds[w], naming(i), 1);
            run_world(all);
            run_world(alone);
            struct quantity own[256];
            struct quantity_list list = {.entry = own};
            const struct probe *p = probe_at(i);
            p->quantities(probe_set_state(&alone->e.probes, p->measurement), &list);
            assert_true(list.count > 0 && list.count <= 256);
            for (size_t k = 0; k < list.count; k++) {
                const double *x = record_find(&alone->e.record, own[k].path, NULL);
                const double *y = record_find(&all->e.record, own[k].path, NULL);
                const size_t size =
                    quantity_size(&own[k]) * (own[k].constant ? 1 : alone->e.record.measured);
                assert_non_null(x);
                if (!y || memcmp(x, y, size * sizeof *x) != 0)
                    fail_msg("%s: %s is not the same alone", worlds[w].what, own[k].path);
                finite = finite || is_finite_somewhere(x, size);
            }
            close_world(all);
            close_world(alone);
        }
        if (!finite)
            fail_msg("%s gives no number in any world", probe_registry.entries[i]->name);
    }
}

/* An empty list leaves the loss over time, and what training itself gives. */
static void an_empty_list_measures_nothing(void **state)
{
    (void)state;
    for (size_t w = 0; w < WORLDS; w++) {
        struct opened *o = open_world(&worlds[w], "measure.probes=[]", 2);
        struct quantity_list of_training = {0};
        run_world(o);
        o->e.kind->quantities(o->e.training, &of_training);
        assert_int_equal(o->e.probes.count, 0);
        assert_int_equal(o->e.record.count, of_training.count);
        const double *loss = record_find(&o->e.record, "/series/loss", NULL);
        assert_non_null(loss);
        assert_true(isfinite(loss[o->e.record.measured - 1]));
        close_world(o);
    }
}

/* Probes that the default list leaves out are named, with the reason. */
static void the_plan_says_what_is_left_out(void **state)
{
    (void)state;
    char text[512];
    struct opened *o = open_world(&worlds[0], NULL, 1);
    probes_left_out(&o->e.subject, text, sizeof text);
    assert_string_equal(text, "alignment (no predictor), features (no dictionary in the data)");
    close_world(o);
    o = open_world(&worlds[0], "measure.probes=[correlation]", 1);
    probes_left_out(&o->e.subject, text, sizeof text);
    assert_string_equal(text, "");
    close_world(o);
}

#define TEST(name) cmocka_unit_test(name)

/* Runs whose weights stay as they are, and series that are means over samples. */
static const struct still {
    const char *yaml, *series[6];
} stills[] = {
    {"data: {depth: 5}\nnetwork: {width: 2}\n"
     "measure: {samples: 640, probe_samples: 640, probes: [correlation, covop, linear]}\n",
     {"/series/loss", "/series/best_correlation", "/series/covop/level_1/norm",
      "/series/probe/mean"}},
    {"data: {source: gaussian, dimension: 4}\nnetwork: {kind: mlp, layers: [3]}\n"
     "measure: {samples: 640, probes: [sphere]}\n",
     {"/series/loss", "/series/embedding/alignment", "/series/embedding/uniformity"}},
    {"data: {source: sparse_coding, dimension: 20, features: 6}\n"
     "network: {kind: symmetric_relu, neurons: 8}\nobjective: {similarity: inner_stopped}\n"
     "measure: {samples: 640, probes: [features]}\n",
     {"/series/loss", "/series/features/signal_cosine", "/series/features/accuracy"}},
};

static void every_epoch_is_measured_on_samples_of_its_own(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof stills / sizeof *stills; k++) {
        const char *const overrides[] = {"train.epochs=2", "train.samples=640", "train.batch=64",
                                         "optimiser.lr=0"};
        struct opened *o = allocate(1, sizeof *o);
        struct error err = {0};
        check_ok(spec_parse(&o->spec, "still", stills[k].yaml, strlen(stills[k].yaml), overrides, 4,
                            &err),
                 &err);
        check_ok(experiment_open(&o->e, &o->spec, 1, &err), &err);
        check_ok(experiment_run(&o->e, NULL, &err), &err);
        assert_int_equal(o->e.record.measured, 3);
        for (const char *const *path = stills[k].series; *path; path++) {
            const struct quantity *q;
            const double *value = record_find(&o->e.record, *path, &q);
            if (!value)
                fail_msg("no %s", *path);
            const size_t size = quantity_size(q);
            /* before training, the loss is the loss of the first epoch's batches */
            const size_t first = strcmp(*path, "/series/loss") == 0;
            for (size_t a = first; a < 3; a++)
                for (size_t b = first; b < a; b++)
                    if (memcmp(value + a * size, value + b * size, size * sizeof *value) == 0)
                        fail_msg("%s: points %zu and %zu are the same", *path, a, b);
        }
        close_world(o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_probe_says_what_it_is),
        TEST(every_probe_applies_to_a_world),
        TEST(a_named_probe_that_does_not_apply_is_refused),
        TEST(quantities_are_as_they_are_described),
        TEST(measurements_are_the_same_bits_for_any_number_of_threads),
        TEST(a_probe_alone_gives_the_same),
        TEST(an_empty_list_measures_nothing),
        TEST(the_plan_says_what_is_left_out),
        cmocka_unit_test(every_epoch_is_measured_on_samples_of_its_own),
    };
    return cmocka_run_group_tests_name("probes", tests, NULL, NULL);
}
