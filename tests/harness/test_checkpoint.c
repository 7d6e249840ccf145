/* Protects runs that survive: whatever a registry can name trains to the same bytes when it is
 * stopped between any two slabs of samples, or steps of a flow, and goes on in another process on
 * another number of threads; and a checkpoint that is not of this run, or not sound, is not gone on
 * from. */
#include "core/build.h"
#include "harness/run/checkpoint.h"
#include "harness/run/result.h"
#include "sim/registry.h"
#include "sim/train/minibatch.h"
#include "tests/kit/file.h"
#include "tests/kit/spec.h"

#include <unistd.h>

static const char usual[] = "measure.every=3 measure.samples=64 measure.probe_samples=32";

/* Two slabs of samples in an epoch, and a measurement at its end or not. */
#define STEPS "train.epochs=4 train.samples=1300 train.batch=20 "
#define TREE "data.depth=2 network.width=3 "
#define BYOL TREE STEPS "objective.name=byol objective.ema=0.8 "
#define LINEAR "predictor.kind=linear "

struct place {
    struct kit_folder folder; /* file: the result; other: of the undisturbed run */
    char checkpoint[CHECKPOINT_PATH];
};

static int set_up(void **state)
{
    struct place *p = allocate(1, sizeof *p);
    p->folder = kit_folder_open("run.h5", "whole.h5");
    checkpoint_path(p->folder.file, p->checkpoint);
    *state = p;
    return 0;
}

/* ---- sessions ---- */

struct session {
    struct spec spec;
    struct experiment e;
};

static struct session *open_session(const char *keys, int threads)
{
    struct session *s = allocate(1, sizeof *s);
    struct error err = {0};
    check_ok(kit_spec(&s->spec, usual, keys, &err), &err);
    check_ok(experiment_open(&s->e, &s->spec, threads, &err), &err);
    return s;
}

static void close_session(struct session *s)
{
    experiment_free(&s->e);
    spec_free(&s->spec);
    free(s);
}

/* Goes on so many times. */
static bool count_down(void *context, const struct experiment *e, uint64_t step, uint64_t steps)
{
    (void)e, (void)step, (void)steps;
    return (*(int *)context)-- > 0;
}

/* A part of a run, from its checkpoint to the next. */
static enum status run_part(struct experiment *e, const char *result, int asks)
{
    struct error err = {0};
    const struct observer observer = {.training = count_down, .context = &asks};
    struct checkpointed run = {.result = result, .observer = &observer};
    const enum status status = checkpoint_run(e, &run, &err);
    if (status == STATUS_INTERRUPTED)
        assert_true(run.kept);
    else if (status && status != STATUS_DIVERGED)
        check_ok(status, &err);
    return status;
}

static void store(const struct experiment *e, const char *path)
{
    struct error err = {0};
    check_ok(experiment_store(e, path, &err), &err);
}

static void check_same_bytes(const struct place *p, const char *keys, const char *how)
{
    size_t size, wanted;
    char *is = kit_read(p->folder.file, &size), *should = kit_read(p->folder.other, &wanted);
    if (size != wanted || memcmp(is, should, size) != 0)
        fail_msg("%s: the bytes differ when %s", keys, how);
    free(is);
    free(should);
}

static void run_whole(const struct place *p, const char *keys)
{
    struct session *s = open_session(keys, 2);
    struct error err = {0};
    const enum status status = experiment_run(&s->e, NULL, &err);
    if (status != STATUS_DIVERGED)
        check_ok(status, &err);
    store(&s->e, p->folder.other);
    close_session(s);
}

/* Stopped at every `asks`th question and gone on with 1 and 2 threads in turn. */
static void run_in_parts(const struct place *p, const char *keys, int asks)
{
    enum status status = STATUS_INTERRUPTED;
    int parts = 0;
    for (; status == STATUS_INTERRUPTED; parts++) {
        struct session *s = open_session(keys, parts % 2 + 1);
        assert_true(parts < 2000);
        status = run_part(&s->e, p->folder.file, asks);
        store(&s->e, p->folder.file);
        close_session(s);
    }
    assert_in_range(parts, 3, 2000);
    checkpoint_remove(p->folder.file);
    check_same_bytes(p, keys, "it is stopped and goes on");
}

static bool always(void *context)
{
    (void)context;
    return true;
}

static enum status save_there(void *context, const struct experiment *e, struct error *err)
{
    const struct place *p = context;
    return checkpoint_save(e, p->checkpoint, err);
}

static void run_saving(const struct place *p, const char *keys)
{
    struct session *s = open_session(keys, 2);
    struct error err = {0};
    const struct observer observer = {.context = (void *)p, .due = always, .save = save_there};
    const enum status status = experiment_run(&s->e, &observer, &err);
    if (status != STATUS_DIVERGED)
        check_ok(status, &err);
    assert_int_equal(access(p->checkpoint, F_OK), 0);
    store(&s->e, p->folder.file);
    close_session(s);
    checkpoint_remove(p->folder.file);
    check_same_bytes(p, keys, "its state is saved on the way");
}

static void check_survives(const struct place *p, const char *keys, int asks)
{
    run_whole(p, keys);
    run_in_parts(p, keys, asks);
    run_saving(p, keys);
}

/* ---- everything that registries name ---- */

static bool opens(const char *keys)
{
    struct session s = {.e = {0}};
    struct error err = {0};
    enum status status = kit_spec(&s.spec, usual, keys, &err);
    if (status)
        return false;
    status = experiment_open(&s.e, &s.spec, 1, &err);
    experiment_free(&s.e);
    spec_free(&s.spec);
    return !status;
}

/* The first of the ways in which it opens; one that has none needs a line here. */
static const char *way_to_open(const char *name, const char *const *way)
{
    static char keys[1024];
    for (; *way; way++) {
        snprintf(keys, sizeof keys, "%s %s", name, *way);
        if (opens(keys))
            return keys;
    }
    fail_msg("%s: say in test_checkpoint.c with which keys it trains", name);
    return NULL;
}

static void every_objective_survives(void **state)
{
    static const char *const way[] = {
        "optimiser.momentum=0.5 data.keep_level=1",
        "optimiser.momentum=0.5 data.keep_level=1 predictor.kind=linear",
        "optimiser.momentum=0.5 data.keep_level=1 objective.labels=9 objective.labelled_batch=5 "
        "objective.bank=100",
        NULL};
    for (size_t i = 0; i < objective_registry.count; i++) {
        char name[256];
        snprintf(name, sizeof name, TREE STEPS "objective.name=%s",
                 objective_registry.entries[i]->name);
        check_survives(*state, way_to_open(name, way), 2);
    }
    check_survives(*state,
                   TREE STEPS
                   "objective.name=comatch objective.labels=9 objective.labelled_batch=5 "
                   "objective.bank=100 optimiser.name=adam network.kind=mlp",
                   2);
}

static void every_optimiser_survives(void **state)
{
    static const char *const way[] = {"optimiser.momentum=0.9 optimiser.weight_decay=0.01",
                                      "optimiser.weight_decay=0.01", "", NULL};
    for (size_t i = 0; i < optimiser_registry.count; i++) {
        char name[256];
        snprintf(name, sizeof name, BYOL LINEAR "optimiser.name=%s",
                 optimiser_registry.entries[i]->name);
        check_survives(*state, way_to_open(name, way), 2);
    }
}

static void every_predictor_and_its_optimiser_survives(void **state)
{
    static const char *const way[] = {"predictor_optimiser.freq=7 optimiser.momentum=0.5",
                                      "optimiser.momentum=0.5", NULL};
    char name[256];
    for (size_t i = 0; i < predictor_optimiser_registry.count; i++) {
        snprintf(name, sizeof name, BYOL LINEAR "predictor_optimiser.name=%s",
                 predictor_optimiser_registry.entries[i]->name);
        check_survives(*state, way_to_open(name, way), 2);
    }
    for (size_t i = 0; i < predictor_registry.count; i++) {
        const char *kind = predictor_registry.entries[i]->name;
        if (strcmp(kind, "none") == 0)
            continue;
        snprintf(name, sizeof name, BYOL "predictor.kind=%s", kind);
        check_survives(*state, way_to_open(name, way), 2);
    }
    for (int start = 0; start < 3; start++) {
        static const char *const word[] = {"online", "random", "zero"};
        snprintf(name, sizeof name, BYOL LINEAR "objective.start=%s", word[start]);
        check_survives(*state, name, 2);
    }
}

static void every_network_survives(void **state)
{
    static const char *const way[] = {
        "data.depth=2", "data.source=sparse_coding data.features=4 data.dimension=9", NULL};
    for (size_t i = 0; i < network_registry.count; i++) {
        char name[256];
        snprintf(name, sizeof name, STEPS "network.kind=%s", network_registry.entries[i]->name);
        check_survives(*state, way_to_open(name, way), 2);
    }
}

/* Of flows every kind of equations.  A trainer of another kind needs lines here. */
static void every_trainer_survives(void **state)
{
    for (size_t i = 0; i < trainer_registry.count; i++) {
        const struct descriptor *about = trainer_registry.entries[i];
        const struct param *equations = descriptor_param(about, "equations");
        char words[128], keys[512];
        if (!equations)
            assert_string_equal(about->name, "minibatch");
        snprintf(words, sizeof words, "%s", equations ? equations->choices : "");
        for (char *save, *word = strtok_r(words, " ", &save); word;
             word = strtok_r(NULL, " ", &save)) {
            snprintf(keys, sizeof keys,
                     "train.trainer=%s train.equations=%s train.end=9 train.points=5 "
                     "data.source=gaussian data.dimension=4 network.kind=mlp network.layers=[4] "
                     "network.bias=false network.normalize=false network.activation=linear "
                     "objective.name=byol objective.ema=0.9 predictor.kind=linear "
                     "predictor.symmetric=true",
                     about->name, word);
            check_survives(*state, keys, 7);
        }
    }
}

/* ---- a run that diverges, and one whose epochs are slabs ---- */

static void a_run_that_diverges_survives(void **state)
{
    check_survives(*state,
                   TREE STEPS "objective.name=simple network.normalize=false optimiser.lr=3 "
                              "optimiser.momentum=0.9",
                   1);
}

static void short_epochs_survive(void **state)
{
    check_survives(*state, TREE "train.samples=120 train.batch=60 train.epochs=9 measure.every=2",
                   1);
}

/* ---- checkpoints that are not gone on from ---- */

#define SMALL TREE STEPS "objective.name=byol predictor.kind=linear"

/* A run that was stopped on the way, with its checkpoint. */
static struct session *stopped(const struct place *p)
{
    struct session *s = open_session(SMALL, 1);
    assert_int_equal(run_part(&s->e, p->folder.file, 2), STATUS_INTERRUPTED);
    return s;
}

static enum status load(const struct place *p, const char *keys, enum checkpoint_found *found,
                        struct error *err)
{
    struct session *s = open_session(keys, 1);
    const enum status status = checkpoint_load(&s->e, p->checkpoint, found, err);
    close_session(s);
    return status;
}

static void another_spec_is_refused_and_the_key_named(void **state)
{
    const struct place *p = *state;
    enum checkpoint_found found;
    struct error err = {0};
    close_session(stopped(p));
    assert_int_equal(load(p, SMALL " optimiser.lr=0.25", &found, &err), STATUS_INVALID);
    assert_contains(err.message, "another spec: optimiser.lr is 0.25 here and 0.1 there;");
    assert_int_equal(access(p->checkpoint, F_OK), 0);
    check_ok(load(p, SMALL " name=other train.checkpoint=5", &found, &err), &err);
    assert_int_equal(found, CHECKPOINT_LOADED);
}

static void another_build_is_refused_and_the_fact_named(void **state)
{
    const struct place *p = *state;
    struct session *s = stopped(p);
    struct build_fact fact[BUILD_FACTS];
    struct store *file;
    struct error err = {0};
    enum checkpoint_found found;
    build_facts(fact);
    check_ok(store_create(&file, &err), &err);
    check_ok(store_put_text(file, "spec", s->spec.yaml, &err), &err);
    check_ok(store_put_text(file, "spec_hash", s->spec.hash, &err), &err);
    for (size_t i = 0; i < BUILD_FACTS; i++) {
        const bool other = strcmp(fact[i].name, "commit") == 0;
        check_ok(store_put_text(file, fact[i].name, other ? "0123abcd" : fact[i].value, &err),
                 &err);
    }
    check_ok(store_commit(file, p->checkpoint, &err), &err);
    store_free(file);
    close_session(s);
    assert_int_equal(load(p, SMALL, &found, &err), STATUS_INVALID);
    assert_contains(err.message, "another build: commit is ");
    assert_contains(err.message, "0123abcd there");
    assert_int_equal(access(p->checkpoint, F_OK), 0);
}

/* A state that no run can have, saved and found out. */
static void check_forged(const struct place *p, const struct session *s, const char *why)
{
    enum checkpoint_found found;
    struct error err = {0};
    char aside[CHECKPOINT_PATH + 16];
    check_ok(checkpoint_save(&s->e, p->checkpoint, &err), &err);
    check_ok(load(p, SMALL, &found, &err), &err);
    assert_int_equal(found, CHECKPOINT_DAMAGED);
    assert_contains(err.message, why);
    snprintf(aside, sizeof aside, "%s.damaged", p->checkpoint);
    assert_int_equal(unlink(aside), 0);
    assert_int_not_equal(access(p->checkpoint, F_OK), 0);
}

static void a_state_that_no_run_can_have_is_damage(void **state)
{
    const struct place *p = *state;
    struct session *s = stopped(p);
    struct minibatch *m = s->e.training;
    const uint64_t epoch = m->epoch, slab = m->trainer.slab, measured = s->e.record.measured;
    m->epoch = 5;
    check_forged(p, s, "no sound minibatch/epoch");
    m->epoch = epoch;
    m->trainer.slab = 2;
    check_forged(p, s, "no sound trainer/slab");
    m->trainer.slab = slab;
    s->e.record.measured = measured + 1;
    check_forged(p, s, "do not fit together");
    close_session(s);
}

/* An experiment of which a part was filled before the damage was met trains as a new one. */
static void after_damage_a_run_starts_anew(void **state)
{
    const struct place *p = *state;
    struct session *s = stopped(p);
    struct error err = {0};
    enum checkpoint_found found;
    s->e.record.measured++;
    check_ok(checkpoint_save(&s->e, p->checkpoint, &err), &err);
    close_session(s);
    run_whole(p, SMALL);
    s = open_session(SMALL, 1);
    check_ok(checkpoint_load(&s->e, p->checkpoint, &found, &err), &err);
    assert_int_equal(found, CHECKPOINT_DAMAGED);
    check_ok(experiment_run(&s->e, NULL, &err), &err);
    store(&s->e, p->folder.file);
    close_session(s);
    check_same_bytes(p, SMALL, "a damaged checkpoint was set aside");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(every_objective_survives, set_up, kit_folder_tear_down),
    cmocka_unit_test_setup_teardown(every_optimiser_survives, set_up, kit_folder_tear_down),
    cmocka_unit_test_setup_teardown(every_predictor_and_its_optimiser_survives, set_up,
                                    kit_folder_tear_down),
    cmocka_unit_test_setup_teardown(every_network_survives, set_up, kit_folder_tear_down),
    cmocka_unit_test_setup_teardown(every_trainer_survives, set_up, kit_folder_tear_down),
    cmocka_unit_test_setup_teardown(a_run_that_diverges_survives, set_up, kit_folder_tear_down),
    cmocka_unit_test_setup_teardown(short_epochs_survive, set_up, kit_folder_tear_down),
    cmocka_unit_test_setup_teardown(another_spec_is_refused_and_the_key_named, set_up,
                                    kit_folder_tear_down),
    cmocka_unit_test_setup_teardown(another_build_is_refused_and_the_fact_named, set_up,
                                    kit_folder_tear_down),
    cmocka_unit_test_setup_teardown(a_state_that_no_run_can_have_is_damage, set_up,
                                    kit_folder_tear_down),
    cmocka_unit_test_setup_teardown(after_damage_a_run_starts_anew, set_up, kit_folder_tear_down),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
