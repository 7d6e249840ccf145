#include "harness/run/experiment.h"
#include "core/processors.h"

#include "core/linalg.h"
#include "sim/net/predictor_kind.h"
#include "sim/train/trainer.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { TRAINING, MEASURING }; /* parts of the record */

/* ---- what does not go together ---- */

static bool predicts(const struct experiment *e)
{
    return e->learner.needs.target != TARGET_NONE;
}

static enum status check_predictor(const struct experiment *e, struct error *err)
{
    const struct objective *objective = e->learner.objective;
    const struct predictor_descriptor *predictor = (const void *)e->spec->chosen[SECTION_PREDICTOR];
    if (predictor->none && predicts(e))
        return error_key(err, "predictor.kind",
                         "objective.name %s compares a prediction with a target, but "
                         "predictor.kind is none; give linear, two_layers or identity",
                         objective->about.name);
    if (!predictor->none && !predicts(e))
        return error_key(err, "predictor.kind",
                         "predictor.kind is %s, but objective.name %s predicts nothing; give none, "
                         "or one of the objectives byol, simsiam, no_stopgrad, byol_cosine",
                         predictor->about.name, objective->about.name);
    return STATUS_OK;
}

static enum status check_labels(const struct experiment *e, struct error *err)
{
    const struct learner *l = &e->learner;
    if (!needs_labels(&l->needs) || source_classes(l->source, e->world) > 0)
        return STATUS_OK;
    return error_key(err, "objective.name",
                     "objective.name %s compares labels, but data.source %s has none; give the "
                     "source hltm, or the objective ntxent",
                     l->objective->about.name, l->source->about.name);
}

/* The run is named by what the spec's files held when they were hashed. */
static enum status check_content(const struct experiment *e, struct error *err)
{
    const struct source *source = e->learner.source;
    if (!source->content || source->content(e->world) == e->spec->content[SECTION_DATA])
        return STATUS_OK;
    return error_key(err, "data.path",
                     "data.path: the file has changed since the run was named by what it holds; "
                     "leave it as it is until the run has begun, and start again");
}

/* ---- the parts ---- */

/* No more threads than have work, than OpenMP would give, or than BLAS can stand. */
static int usable_threads(int asked)
{
    const int most = (int)PROBE_THREADS < (int)TRAINER_SHARDS ? PROBE_THREADS : TRAINER_SHARDS;
    int threads = asked > 0 ? asked : processors_threads();
    if (!linalg_threads_are_safe())
        return 1;
    if (threads > omp_get_thread_limit())
        threads = omp_get_thread_limit();
    return threads < most ? threads : most;
}

static struct learner learner_of(const struct experiment *e)
{
    const struct spec *spec = e->spec;
    const struct measure_settings *measure = spec->settings[SECTION_MEASURE];
    const struct objective *objective = (const void *)spec->chosen[SECTION_OBJECTIVE];
    const void *objective_settings = spec->settings[SECTION_OBJECTIVE];
    return (struct learner){.source = (const void *)spec->chosen[SECTION_DATA],
                            .network = &e->network,
                            .objective = objective,
                            .objective_settings = objective_settings,
                            .needs = objective_needs(objective, objective_settings),
                            .optimiser = (const void *)spec->chosen[SECTION_OPTIMISER],
                            .optimiser_settings = spec->settings[SECTION_OPTIMISER],
                            .predictor = &e->predictor,
                            .predictor_optimiser =
                                (const void *)spec->chosen[SECTION_PREDICTOR_OPTIMISER],
                            .predictor_settings = spec->settings[SECTION_PREDICTOR_OPTIMISER],
                            .every = measure->every,
                            .seed = spec->seed,
                            .threads = e->threads};
}

static struct subject subject_of(const struct experiment *e)
{
    const struct spec *spec = e->spec;
    const struct learner *l = &e->learner;
    const struct predictor_step *step = l->predictor_settings;
    return (struct subject){
        .source = l->source,
        .world = e->world,
        .tree = source_tree(l->source, e->world),
        .network = &e->network,
        .predictor = predicts(e) ? &e->predictor : NULL,
        .class_head = e->kind->weights(e->training).class_head_size > 0,
        .exact = e->kind->exact,
        .alpha_p = step->lr_ratio,
        .eta_p = step->lr_ratio * step->weight_decay, /* the step is lr_ratio times as long */
        .eta_s = *descriptor_real(spec->chosen[SECTION_OPTIMISER],
                                  spec->settings[SECTION_OPTIMISER], "weight_decay"),
        .settings = spec->settings[SECTION_MEASURE],
        .seed = spec->seed,
        .threads = e->threads};
}

static enum status open_predictor(struct experiment *e, struct error *err)
{
    const struct spec *spec = e->spec;
    if (!predicts(e))
        return STATUS_OK;
    enum status status =
        predictor_from_settings(&e->predictor, (const void *)spec->chosen[SECTION_PREDICTOR],
                                spec->settings[SECTION_PREDICTOR], e->network.level[0].width, err);
    return status ? status
                  : predictor_check_optimiser(&e->predictor, e->learner.predictor_optimiser, err);
}

/* Data, network and predictor, and whether the trainer can do with them. */
static enum status open_learner(struct experiment *e, struct error *err)
{
    const struct spec *spec = e->spec;
    struct learner *l = &e->learner;
    enum status status = check_predictor(e, err);
    if (!status)
        status = l->source->open(spec->settings[SECTION_DATA], spec->seed, &e->world, err);
    l->world = e->world;
    if (!status)
        status = check_content(e, err);
    if (!status)
        status = check_labels(e, err);
    if (status)
        return status;
    status = network_build(&e->network, (const void *)spec->chosen[SECTION_NETWORK],
                           spec->settings[SECTION_NETWORK], l->source, e->world, err);
    if (!status)
        status = open_predictor(e, err);
    return status ? status : e->kind->check(l, spec->settings[SECTION_TRAIN], err);
}

/* ---- plan ---- */

static double *take_copy(const double *weights, size_t count, struct arena *arena)
{
    double *copy = count ? ARENA_TAKE(arena, double, count) : NULL;
    if (copy)
        memcpy(copy, weights, count * sizeof *copy);
    return copy;
}

static void layout_training(struct experiment *e, struct arena *arena)
{
    e->kind->layout(e->training, &e->learner, e->spec->settings[SECTION_TRAIN], arena);
    const struct snapshot first = e->kind->weights(e->training);
    const size_t of_predictor = predicts(e) ? e->predictor.parameters : 0;
    e->initial =
        (struct snapshot){.parameters = take_copy(first.parameters, e->network.parameters, arena),
                          .predictor = take_copy(first.predictor, of_predictor, arena),
                          .class_head = take_copy(first.class_head, first.class_head_size, arena),
                          .class_head_size = first.class_head_size};
    e->train_bytes = arena->used;
}

static void layout_probes(struct experiment *e, struct arena *arena)
{
    probe_set_layout(&e->probes, arena);
    e->measure_bytes = arena->used - e->train_bytes;
}

static enum status open_record(struct experiment *e, struct error *err)
{
    const struct quantity_source part[RECORD_PARTS] = {
        [TRAINING] = {e->training, e->kind->quantities},
        [MEASURING] = {&e->probes, probe_set_quantities}};
    e->record.time_path = e->kind->time;
    e->record.time_name = e->kind->time_name;
    e->record.whole_times = e->kind->whole_times;
    return record_open(&e->record, e->kind->points(&e->learner, e->spec->settings[SECTION_TRAIN]),
                       part, err);
}

enum status experiment_open(struct experiment *e, const struct spec *spec, int threads,
                            struct error *err)
{
    *e = (struct experiment){.spec = spec, .threads = usable_threads(threads)};
    e->kind = (const void *)spec->chosen[SECTION_TRAIN];
    e->learner = learner_of(e);
    omp_set_dynamic(0);
    enum status status = linalg_reserve(e->threads, err);
    if (!status)
        status = open_learner(e, err);
    if (status)
        return status;
    struct arena count = {0};
    e->training = calloc(1, e->kind->size);
    if (!e->training)
        return error_memory(err, "the trainer");
    layout_training(e, &count);
    e->subject = subject_of(e);
    status = probes_choose(&e->subject, (const void *const *)spec->tables[SECTION_MEASURE],
                           !spec_is_default(spec, SECTION_MEASURE, "probes"), err);
    if (!status)
        status = probe_set_open(&e->probes, &e->subject, err);
    if (status)
        return status;
    layout_probes(e, &count);
    status = arena_create(&e->arena, &count, err);
    if (status)
        return status;
    layout_training(e, &e->arena);
    layout_probes(e, &e->arena);
    if (e->kind->open)
        status = e->kind->open(e->training, err);
    return status ? status : open_record(e, err);
}

void experiment_remarks(const struct experiment *e, struct remarks *remarks)
{
    char left_out[512];
    remarks_join(remarks, &e->spec->remarks);
    if (e->kind->remarks)
        e->kind->remarks(e->training, remarks);
    probes_left_out(&e->subject, left_out, sizeof left_out);
    if (*left_out)
        remark(remarks, "not measured: %s", left_out);
}

void experiment_free(struct experiment *e)
{
    if (e->training && e->kind->close)
        e->kind->close(e->training);
    record_free(&e->record);
    probe_set_free(&e->probes);
    arena_free(&e->arena);
    free(e->training);
    if (e->world)
        e->learner.source->close(e->world);
    *e = (struct experiment){0};
}

size_t experiment_series_bytes(const struct experiment *e)
{
    return e->record.arena.size;
}

/* Result or checkpoint, whichever is larger. */
size_t experiment_file_bytes(const struct experiment *e)
{
    const size_t weights = 2 * e->network.parameters * sizeof(double);
    struct state_list state = {0};
    if (e->arena.base) /* it was opened */
        experiment_state(e, &state);
    const size_t reals = state.reals * sizeof(double);
    return 2 * (experiment_series_bytes(e) + (reals > weights ? reals : weights)) + (1 << 20);
}

size_t experiment_bytes(const struct experiment *e)
{
    return e->arena.size + experiment_series_bytes(e) + probe_set_memory(&e->probes) +
           experiment_file_bytes(e);
}

/* ---- run ---- */

static void reached(void *context, double time)
{
    struct experiment *e = context;
    e->record.time[e->record.measured] = time;
    record_keep(&e->record, TRAINING);
}

static enum status measure(void *context, const struct snapshot *snapshot, struct error *err)
{
    struct experiment *e = context;
    enum status status = probe_set_measure(&e->probes, snapshot, err);
    if (!status)
        record_keep(&e->record, MEASURING);
    return status;
}

static void kept(void *context, uint64_t step, uint64_t steps, bool milestone)
{
    struct experiment *e = context;
    e->record.measured++;
    if (milestone && e->observer && e->observer->measured)
        e->observer->measured(e->observer->context, e, step, steps);
}

static enum going going(void *context, uint64_t step, uint64_t steps)
{
    const struct experiment *e = context;
    const struct observer *o = e->observer;
    const bool goes_on = !o || !o->training || o->training(o->context, e, step, steps);
    if (!o || !o->save)
        return goes_on ? GO_ON : STOP;
    return !goes_on ? SAVE_AND_STOP : o->due && o->due(o->context) ? SAVE : GO_ON;
}

static enum status save(void *context, struct error *err)
{
    const struct experiment *e = context;
    const struct observer *o = e->observer;
    return o && o->save ? o->save(o->context, e, err) : STATUS_OK;
}

enum status experiment_run(struct experiment *e, const struct observer *observer, struct error *err)
{
    const struct watch watch = {e, reached, measure, kept, going, save};
    e->observer = observer;
    e->outcome = e->kind->run(e->training, &watch, e->detail, err);
    e->observer = NULL;
    return e->outcome;
}

/* ---- the state ---- */

void experiment_state(const struct experiment *e, struct state_list *list)
{
    struct record *record = (struct record *)&e->record;
    e->kind->state(e->training, list);
    record_state(record, list);
    if (record->measured > 0)
        probe_set_lasting(&e->probes, list);
}

bool experiment_is_sound(const struct experiment *e)
{
    return e->kind->measured(e->training) == e->record.measured;
}
