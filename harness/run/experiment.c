#include "harness/run/experiment.h"

#include "core/linalg.h"
#include "harness/run/experiment_flow.h"
#include "hltm/exact.h"
#include "sim/net/predictor_kind.h"

#include <cblas.h>
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- plan ---- */

int experiment_latent_levels(const struct experiment *e)
{
    return e->tree ? e->tree->depth : 0;
}

const struct objective *experiment_objective(const struct experiment *e)
{
    return (const void *)e->spec->chosen[SECTION_OBJECTIVE];
}

static struct needs needs_of(const struct experiment *e)
{
    return objective_needs(experiment_objective(e), e->spec->settings[SECTION_OBJECTIVE]);
}

bool experiment_predicts(const struct experiment *e)
{
    return needs_of(e).target != TARGET_NONE;
}

bool experiment_semi_supervised(const struct experiment *e)
{
    return needs_of(e).labelled.batch > 0;
}

static const struct train_settings *train_of(const struct experiment *e)
{
    return e->spec->settings[SECTION_TRAIN];
}

static const struct measure_settings *measure_of(const struct experiment *e)
{
    return e->spec->settings[SECTION_MEASURE];
}

static enum status check_settings(const struct experiment *e, struct error *err)
{
    const struct train_settings *train = train_of(e);
    const struct objective *objective = experiment_objective(e);
    const struct predictor_descriptor *predictor = (const void *)e->spec->chosen[SECTION_PREDICTOR];
    if (predictor->none && experiment_predicts(e))
        return error_key(err, "predictor.kind",
                         "objective.name %s compares a prediction with a target, but "
                         "predictor.kind is none; give linear, two_layers or identity",
                         objective->about.name);
    if (!predictor->none && !experiment_predicts(e))
        return error_key(err, "predictor.kind",
                         "predictor.kind is %s, but objective.name %s predicts nothing; give none, "
                         "or one of the objectives byol, simsiam, no_stopgrad, byol_cosine",
                         predictor->about.name, objective->about.name);
    if (e->flows)
        return STATUS_OK;
    if (train->batch > train->samples)
        return error_key(err, "train.batch",
                         "train.batch %" PRId64 " is larger than train.samples %" PRId64
                         "; an epoch needs at least one batch",
                         train->batch, train->samples);
    return objective_check(objective, e->spec->settings[SECTION_OBJECTIVE], train->samples,
                           train->batch, err);
}

/* What needs the source's world to be known. */
static enum status check_labels(const struct experiment *e, struct error *err)
{
    const struct objective *objective = experiment_objective(e);
    const struct needs needs = needs_of(e);
    if (!needs_labels(&needs) || source_classes(e->source, e->world) > 0)
        return STATUS_OK;
    return error_key(err, "objective.name",
                     "objective.name %s compares labels, but data.source %s has none; give the "
                     "source hltm, or the objective ntxent",
                     objective->about.name, e->source->about.name);
}

/* What needs the network's levels to be known. */
static enum status check_blocks(const struct experiment *e, struct error *err)
{
    return blocks_check(needs_of(e).cut, &e->network, err);
}

/* The run measures before training, every `every` epochs and at the end. */
static bool is_point(const struct experiment *e, int64_t epoch)
{
    return epoch % measure_of(e)->every == 0 || epoch == train_of(e)->epochs;
}

static size_t count_points(const struct experiment *e)
{
    if (e->flows)
        return experiment_flow_points(e);
    int64_t epochs = train_of(e)->epochs, every = measure_of(e)->every;
    return (size_t)(epochs / every + 1 + (epochs % every != 0));
}

/* A flow measures the representation alone. */
static bool wants(const struct experiment *e, unsigned probe)
{
    return (measure_of(e)->probes & probe) != 0 && (!e->flows || probe == PROBE_ALIGNMENT);
}

/* Doubles of a quantity at one point in time. */
static size_t values_of(const struct experiment *e, const struct representation_quantity *q)
{
    const size_t width = (size_t)e->network.level[0].width;
    return q->rank == 0 ? 1 : q->rank == 1 ? width : width * width;
}

static void layout_representation_series(struct experiment *e, struct arena *arena)
{
    struct representation_quantity quantity[REPRESENTATION_QUANTITIES];
    const size_t count = representation_quantities(&e->representation, quantity);
    for (size_t i = 0; wants(e, PROBE_ALIGNMENT) && experiment_predicts(e) && i < count; i++)
        e->series.quantity[i] = ARENA_TAKE(arena, double, e->points *values_of(e, &quantity[i]));
    if (e->representation.latents > 0)
        e->series.accuracy = ARENA_TAKE(arena, double, e->points * e->representation.latents);
}

static void layout_features_series(struct experiment *e, struct arena *arena)
{
    struct features_quantity quantity[FEATURES_QUANTITIES];
    features_quantities(&e->features, quantity);
    for (size_t i = 0; i < FEATURES_QUANTITIES; i++)
        e->series.feature[i] = ARENA_TAKE(arena, double, e->points *quantity[i].size);
}

static size_t class_head_size(const struct experiment *e)
{
    return class_head_parameters(&e->classification.head);
}

static void layout_class_series(struct experiment *e, struct arena *arena)
{
    for (int i = 0; i < COMATCH_TERMS; i++)
        e->series.term[i] = ARENA_TAKE(arena, double, e->points);
    e->series.class_accuracy = ARENA_TAKE(arena, double, e->points);
    e->initial_class_head = ARENA_TAKE(arena, double, class_head_size(e));
}

static void layout_series(struct experiment *e, struct arena *arena)
{
    const struct network *n = &e->network;
    struct series *s = &e->series;
    size_t points = e->points;
    *s = (struct series){.time = ARENA_TAKE(arena, double, points),
                         .loss = ARENA_TAKE(arena, double, points)};
    if (!e->flows && e->trainer.blocks > 1)
        s->block_loss = ARENA_TAKE(arena, double, points *(size_t)e->trainer.blocks);
    if (e->tree && wants(e, PROBE_CORRELATION)) {
        size_t size = correlation_size(&e->measure.correlation_plan);
        s->correlation = ARENA_TAKE(arena, double, points *size);
        s->best = ARENA_TAKE(arena, double, points *(size_t)experiment_latent_levels(e));
    }
    for (int l = 0; l < n->levels; l++) {
        size_t nodes = n->level[l].nodes;
        s->weight_norm[l] = ARENA_TAKE(arena, double, points *nodes);
        if (e->tree && wants(e, PROBE_COVOP)) {
            s->norm[l] = ARENA_TAKE(arena, double, points *nodes);
            s->trace[l] = ARENA_TAKE(arena, double, points *nodes);
        }
        if (e->tree && wants(e, PROBE_SPECTRUM)) {
            size_t rank = operator_rank(measure_shape(&e->measure, l));
            s->eigenvalue[l] = ARENA_TAKE(arena, double, points *nodes *rank);
        }
    }
    e->initial = ARENA_TAKE(arena, double, n->parameters);
    if (e->tree)
        e->ceiling = ARENA_TAKE(arena, double, e->tree->nodes);
    if (experiment_predicts(e))
        e->initial_predictor = ARENA_TAKE(arena, double, e->predictor.parameters);
    if (e->has_representation)
        layout_representation_series(e, arena);
    if (e->has_features)
        layout_features_series(e, arena);
    if (experiment_semi_supervised(e))
        layout_class_series(e, arena);
}

static void layout_trainer(struct experiment *e, struct arena *arena)
{
    const struct spec *spec = e->spec;
    const struct trainer_plan plan = {
        .source = e->source,
        .world = e->world,
        .network = &e->network,
        .objective = experiment_objective(e),
        .objective_settings = spec->settings[SECTION_OBJECTIVE],
        .optimiser = (const void *)spec->chosen[SECTION_OPTIMISER],
        .optimiser_settings = spec->settings[SECTION_OPTIMISER],
        .predictor = &e->predictor,
        .predictor_optimiser = (const void *)spec->chosen[SECTION_PREDICTOR_OPTIMISER],
        .predictor_settings = spec->settings[SECTION_PREDICTOR_OPTIMISER],
        .seed = spec->seed,
        .samples = (size_t)train_of(e)->samples,
        .batch = (size_t)train_of(e)->batch,
        .threads = e->threads};
    trainer_layout(&e->trainer, &plan, arena);
    e->parameters = e->trainer.parameters;
    e->predictor_parameters = e->trainer.predictor.parameters;
    e->target = e->trainer.target;
    e->seen.parameters = ARENA_TAKE(arena, double, e->network.parameters);
    e->seen.predictor = ARENA_TAKE(arena, double, e->predictor.parameters);
    e->seen.target = needs_of(e).target == TARGET_NETWORK
                         ? ARENA_TAKE(arena, double, e->network.parameters)
                         : NULL;
}

static void layout_measure(struct experiment *e, struct arena *arena)
{
    struct measure_plan measure = {.network = &e->network,
                                   .tree = e->tree,
                                   .columns = (size_t)measure_of(e)->samples,
                                   .correlation = wants(e, PROBE_CORRELATION),
                                   .covop = wants(e, PROBE_COVOP),
                                   .spectrum = wants(e, PROBE_SPECTRUM),
                                   .threads = e->threads,
                                   .source = e->source,
                                   .world = e->world};
    measure_layout(&e->measure, &measure, arena);
}

static void layout_representation(struct experiment *e, struct arena *arena)
{
    const struct measure_settings *m = measure_of(e);
    const struct predictor_step *step = e->spec->settings[SECTION_PREDICTOR_OPTIMISER];
    const bool alignment = experiment_predicts(e) && wants(e, PROBE_ALIGNMENT);
    const struct representation_plan plan = {
        .network = &e->network,
        .source = e->source,
        .world = e->world,
        .predictor = experiment_predicts(e) ? &e->predictor : NULL,
        .samples = alignment ? (size_t)m->samples : 1,
        .probe_samples = wants(e, PROBE_LINEAR) ? (size_t)m->probe_samples : 0,
        .ridge = m->ridge,
        .alpha_p = step->lr_ratio,
        .eta_p = step->lr_ratio * step->weight_decay, /* the step is lr_ratio times as long */
        .eta_s = *descriptor_real(e->spec->chosen[SECTION_OPTIMISER],
                                  e->spec->settings[SECTION_OPTIMISER], "weight_decay"),
        .threads = e->flows ? 0 : e->threads};
    e->has_representation = e->flows || alignment || (e->tree && wants(e, PROBE_LINEAR));
    if (e->has_representation)
        representation_layout(&e->representation, &plan, arena);
}

static void layout_features(struct experiment *e, struct arena *arena)
{
    const struct measure_settings *m = measure_of(e);
    const struct features_plan plan = {.network = &e->network,
                                       .source = e->source,
                                       .world = e->world,
                                       .seed = e->spec->seed,
                                       .samples = (size_t)m->probe_samples,
                                       .ridge = m->ridge,
                                       .threads = e->threads};
    e->has_features = e->source->features && wants(e, PROBE_FEATURES);
    if (e->has_features)
        features_layout(&e->features, &plan, arena);
}

static void layout_classification(struct experiment *e, struct arena *arena)
{
    const struct classification_plan plan = {.network = &e->network,
                                             .source = e->source,
                                             .world = e->world,
                                             .samples = (size_t)measure_of(e)->probe_samples,
                                             .threads = e->threads};
    if (!experiment_semi_supervised(e))
        return;
    classification_layout(&e->classification, &plan, arena);
    e->seen.class_head = ARENA_TAKE(arena, double, class_head_size(e));
}

static void layout(struct experiment *e, struct arena *arena)
{
    if (e->flows)
        experiment_flow_layout(e, arena);
    else
        layout_trainer(e, arena);
    e->train_bytes = arena->used;
    if (e->tree && !e->flows)
        layout_measure(e, arena);
    layout_representation(e, arena);
    layout_features(e, arena);
    layout_classification(e, arena);
    e->measure_bytes = arena->used - e->train_bytes;
    size_t before = arena->used;
    layout_series(e, arena);
    e->series_bytes = arena->used - before;
    e->ceiling_bytes = e->tree ? ceiling_memory(e->tree) : 0;
    /* The file is built in memory from the series and written from one copy of it. */
    e->file_bytes = 2 * (e->series_bytes + 2 * e->network.parameters * sizeof(double)) + (1 << 20);
}

/* No more threads than have work, than OpenMP would give, or than BLAS can stand. */
static int usable_threads(int asked)
{
    int threads = asked > 0 ? asked : omp_get_max_threads();
    if (!linalg_threads_are_safe())
        return 1;
    if (threads > omp_get_thread_limit())
        threads = omp_get_thread_limit();
    int most = (int)MEASURE_GROUPS < (int)TRAINER_SHARDS ? MEASURE_GROUPS : TRAINER_SHARDS;
    return threads < most ? threads : most;
}

static enum status open_predictor(struct experiment *e, struct error *err)
{
    const struct spec *spec = e->spec;
    if (!experiment_predicts(e))
        return STATUS_OK;
    enum status status =
        predictor_from_settings(&e->predictor, (const void *)spec->chosen[SECTION_PREDICTOR],
                                spec->settings[SECTION_PREDICTOR], e->network.level[0].width, err);
    return status
               ? status
               : predictor_check_optimiser(
                     &e->predictor, (const void *)spec->chosen[SECTION_PREDICTOR_OPTIMISER], err);
}

enum status experiment_open(struct experiment *e, const struct spec *spec, int threads,
                            struct error *err)
{
    *e = (struct experiment){.spec = spec, .threads = usable_threads(threads)};
    e->source = (const void *)spec->chosen[SECTION_DATA];
    e->flows = spec->chosen[SECTION_TRAIN] == registry_find(&trainer_registry, "flow");
    omp_set_dynamic(0);
    enum status status = check_settings(e, err);
    if (!status)
        status = e->source->open(spec->settings[SECTION_DATA], spec->seed, &e->world, err);
    if (!status)
        status = check_labels(e, err);
    if (status)
        return status;
    e->tree = source_tree(e->source, e->world);
    status = network_build(&e->network, (const void *)spec->chosen[SECTION_NETWORK],
                           spec->settings[SECTION_NETWORK], e->source, e->world, err);
    if (!status)
        status = check_blocks(e, err);
    if (!status)
        status = open_predictor(e, err);
    if (!status && e->flows)
        status = experiment_flow_check(e, err);
    if (status)
        return status;
    e->points = count_points(e);
    struct arena count = {0};
    layout(e, &count);
    status = arena_create(&e->arena, &count, err);
    if (!status)
        layout(e, &e->arena);
    if (!status && e->flows)
        status = experiment_flow_open(e, err);
    return status;
}

void experiment_free(struct experiment *e)
{
    if (e->flows)
        experiment_flow_close(e);
    arena_free(&e->arena);
    if (e->source && e->world)
        e->source->close(e->world);
    *e = (struct experiment){0};
}

/* ---- run ---- */

static void keep_correlation(struct experiment *e, size_t point)
{
    const struct correlation_plan *plan = &e->measure.correlation_plan;
    size_t size = correlation_size(plan);
    memcpy(e->series.correlation + point * size, e->measure.correlation, size * sizeof(double));
    int levels = experiment_latent_levels(e);
    for (int d = 0; d < levels; d++) {
        size_t width = (size_t)correlation_width(plan, d);
        const double *r = e->measure.correlation + correlation_offset(plan, d);
        double sum = 0;
        for (size_t i = 0; i < e->tree->count[d]; i++) {
            double best = 0;
            for (size_t k = 0; k < width; k++)
                best = fmax(best, fabs(r[i * width + k]));
            sum += best;
        }
        e->series.best[point * (size_t)levels + (size_t)d] = sum / (double)e->tree->count[d];
    }
}

static void keep_operators(struct experiment *e, size_t point)
{
    const struct network *n = &e->network;
    struct series *s = &e->series;
    for (int l = 0; l < n->levels; l++) {
        size_t nodes = n->level[l].nodes;
        size_t rank = s->eigenvalue[l] ? operator_rank(measure_shape(&e->measure, l)) : 0;
        size_t weights = (size_t)n->level[l].width * (size_t)n->level[l].fan_in;
        for (size_t i = 0; i < nodes; i++)
            s->weight_norm[l][point * nodes + i] =
                cblas_dnrm2((int)weights, e->seen.parameters + weight_offset(n, l, i), 1);
        if (s->norm[l]) {
            memcpy(s->norm[l] + point * nodes, e->measure.norm[l], nodes * sizeof(double));
            memcpy(s->trace[l] + point * nodes, e->measure.trace[l], nodes * sizeof(double));
        }
        if (s->eigenvalue[l])
            memcpy(s->eigenvalue[l] + point * nodes * rank, e->measure.eigenvalue[l],
                   nodes * rank * sizeof(double));
    }
}

const double *experiment_effective_rank(const struct experiment *e)
{
    struct representation_quantity quantity[REPRESENTATION_QUANTITIES];
    const size_t count =
        e->has_representation ? representation_quantities(&e->representation, quantity) : 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(quantity[i].name, "effective_rank") == 0)
            return e->series.quantity[i];
    return NULL;
}

void experiment_keep_representation(struct experiment *e, size_t point)
{
    const struct representation *r = &e->representation;
    struct representation_quantity quantity[REPRESENTATION_QUANTITIES];
    const size_t count = representation_quantities(r, quantity);
    for (size_t i = 0; i < count; i++) {
        const size_t size = values_of(e, &quantity[i]);
        if (e->series.quantity[i])
            memcpy(e->series.quantity[i] + point * size, quantity[i].value, size * sizeof(double));
    }
    if (e->series.accuracy)
        memcpy(e->series.accuracy + point * r->latents, r->accuracy, r->latents * sizeof(double));
}

static void keep_features(struct experiment *e, size_t point)
{
    struct features_quantity quantity[FEATURES_QUANTITIES];
    features_quantities(&e->features, quantity);
    for (size_t i = 0; i < FEATURES_QUANTITIES; i++)
        memcpy(e->series.feature[i] + point * quantity[i].size, quantity[i].value,
               quantity[i].size * sizeof(double));
}

static void measure_classes(struct experiment *e, size_t point, uint64_t epoch)
{
    for (int i = 0; i < COMATCH_TERMS; i++)
        e->series.term[i][point] = e->seen.term[i];
    e->series.class_accuracy[point] = classification_accuracy(
        &e->classification, e->seen.parameters, e->seen.class_head, e->spec->seed, epoch);
}

/* The weights as they are now become what a measurement sees. */
static void take_sight(struct experiment *e)
{
    const size_t size = e->network.parameters * sizeof *e->seen.parameters;
    memcpy(e->seen.parameters, e->parameters, size);
    if (experiment_predicts(e))
        memcpy(e->seen.predictor, e->predictor_parameters,
               e->predictor.parameters * sizeof *e->seen.predictor);
    if (e->seen.target)
        memcpy(e->seen.target, e->target, size);
    memcpy(e->seen.block_loss, e->trainer.block_loss, sizeof e->seen.block_loss);
    if (experiment_semi_supervised(e)) {
        const struct comatch *comatch = e->trainer.loss.state;
        memcpy(e->seen.term, comatch->epoch_term, sizeof e->seen.term);
        memcpy(e->seen.class_head, comatch->parameters,
               class_head_size(e) * sizeof *e->seen.class_head);
    }
}

/* Measure what was seen as the next point of the series, on so many threads. */
static enum status measure_point(struct experiment *e, uint64_t epoch, double loss, int threads,
                                 struct error *err)
{
    size_t point = e->measured;
    enum status status = STATUS_OK;
    e->measure.plan.threads = e->representation.plan.threads = threads;
    e->features.plan.threads = e->classification.plan.threads = threads;
    if (e->tree)
        status = measure_samples(&e->measure, e->seen.parameters, e->spec->seed, epoch,
                                 (size_t)measure_of(e)->samples, err);
    if (!status && e->has_representation)
        status = representation_measure(&e->representation, e->seen.parameters, e->seen.target,
                                        e->seen.predictor, e->spec->seed, epoch, err);
    if (!status && e->has_features)
        status = features_measure(&e->features, e->seen.parameters, epoch, err);
    if (status)
        return status;
    if (e->has_features)
        keep_features(e, point);
    if (experiment_semi_supervised(e))
        measure_classes(e, point, epoch);
    if (e->has_representation)
        experiment_keep_representation(e, point);
    e->series.time[point] = (double)epoch;
    e->series.loss[point] = loss;
    if (e->series.block_loss)
        memcpy(e->series.block_loss + point * (size_t)e->trainer.blocks, e->seen.block_loss,
               (size_t)e->trainer.blocks * sizeof(double));
    if (e->series.correlation)
        keep_correlation(e, point);
    keep_operators(e, point);
    return STATUS_OK;
}

/* ---- measuring beside training ----
 *
 * A measurement needs the weights as they were, so the next epoch is trained meanwhile: half of the
 * threads measure and then draw what the rest of the epoch and the beginning of the one after it
 * need, the others train, and all train when that is done.  That is faster than all at one and then
 * all at the other, since the threads of a training step have to wait for one another.  No number
 * depends on it. */

struct measuring {
    struct experiment *e;
    pthread_t thread;
    bool beside;          /* on a thread of its own, not yet joined */
    atomic_bool over;     /* all is written */
    uint64_t epoch, step; /* of training, when the weights were seen */
    double loss;
    int threads;
    enum status status;
    struct error err;
};

/* With OMP_PROC_BIND a thread inherits the place of the one that made it, which trains there, and
 * OpenMP puts it on the first place at its first parallel region: after that let it go to the
 * others, at once, or to all where there are no others. */
static void leave_place(void)
{
    cpu_set_t own, others, all;
    CPU_ZERO(&others);
    CPU_ZERO(&all);
    if (pthread_getaffinity_np(pthread_self(), sizeof own, &own) != 0)
        CPU_ZERO(&own);
#pragma omp parallel num_threads(1)
    (void)omp_get_thread_num();
    for (int place = 0; place < omp_get_num_places(); place++) {
        int processor[CPU_SETSIZE];
        const int count = omp_get_place_num_procs(place);
        if (count > CPU_SETSIZE)
            return;
        omp_get_place_proc_ids(place, processor);
        for (int i = 0; i < count; i++) {
            CPU_SET((size_t)processor[i], &all);
            if (!CPU_ISSET((size_t)processor[i], &own))
                CPU_SET((size_t)processor[i], &others);
        }
    }
    if (CPU_COUNT(&all) > 0)
        pthread_setaffinity_np(pthread_self(), sizeof all, CPU_COUNT(&others) ? &others : &all);
}

static void *measure(void *context)
{
    struct measuring *m = context;
    if (m->beside)
        leave_place();
    m->status = measure_point(m->e, m->epoch, m->loss, m->threads, &m->err);
    if (m->beside)
        supply_visit(&m->e->trainer.supply);
    atomic_store(&m->over, true);
    return NULL;
}

/* A run at work. */
struct training {
    struct experiment *e;
    const struct observer *observer;
    uint64_t before, step, steps; /* steps of earlier epochs; of this one; of the run */
    struct measuring measuring;
    enum status status; /* of a measurement beside training */
    struct error *err;
};

static enum status diverge(struct experiment *e, uint64_t step, uint64_t epoch, const char *what,
                           struct error *err)
{
    e->diverged = true;
    snprintf(e->detail, sizeof e->detail, "step %" PRIu64 " (epoch %" PRIu64 "): %s", step, epoch,
             what);
    return error_set(err, STATUS_DIVERGED, "the run diverged at %s", e->detail);
}

/* Wait for the measurement beside training, if there is one; its point joins the series. */
static enum status finish_measuring(struct training *t, struct error *err)
{
    struct measuring *m = &t->measuring;
    const struct observer *o = t->observer;
    if (m->beside)
        pthread_join(m->thread, NULL);
    m->beside = false;
    if (m->status == STATUS_DIVERGED) /* a decomposition met NaN */
        return diverge(t->e, m->step, m->epoch, "what is measured is no longer finite", err);
    if (m->status) {
        *err = m->err;
        return m->status;
    }
    t->e->measured++;
    if (o && o->measured)
        o->measured(o->context, t->e, t->before + t->step, t->steps);
    return STATUS_OK;
}

/* Measure the weights as they are; beside training where that goes on and there are threads. */
static enum status start_measuring(struct training *t, uint64_t epoch, double loss, bool goes_on,
                                   struct error *err)
{
    struct experiment *e = t->e;
    struct measuring *m = &t->measuring;
    const bool beside = goes_on && e->threads > 1;
    take_sight(e);
    *m = (struct measuring){.e = e,
                            .epoch = epoch,
                            .step = e->trainer.step,
                            .loss = loss,
                            .beside = beside,
                            .threads = beside ? (e->threads + 1) / 2 : e->threads};
    atomic_init(&m->over, false);
    if (beside) {
        omp_pause_resource_all(omp_pause_soft); /* threads that trained may still spin */
        if (pthread_create(&m->thread, NULL, measure, m) == 0)
            return STATUS_OK;
        m->beside = false;
    }
    measure(m);
    return finish_measuring(t, err);
}

static bool keep_going(void *context, size_t step)
{
    struct training *t = context;
    const struct observer *o = t->observer;
    t->step = step;
    return !t->status &&
           (!o || !o->training || o->training(o->context, t->e, t->before + step, t->steps));
}

/* Threads that may train now. */
static int free_threads(void *context)
{
    struct training *t = context;
    const struct measuring *m = &t->measuring;
    if (m->beside && atomic_load(&m->over))
        t->status = finish_measuring(t, t->err);
    return t->e->threads - (m->beside ? m->threads : 0);
}

static enum status train_epoch(struct training *t, uint64_t epoch, struct error *err)
{
    struct experiment *e = t->e;
    const int64_t epochs = train_of(e)->epochs;
    const struct trainer_watch watch = {.keep_going = keep_going,
                                        .threads = free_threads,
                                        .context = t,
                                        .goes_on = (int64_t)epoch < epochs};
    struct epoch_result result = trainer_epoch(&e->trainer, epoch, &watch);
    t->before = result.steps;
    t->step = 0;
    if (t->measuring.beside)
        t->status = finish_measuring(t, err);
    if (t->status)
        return t->status;
    if (result.stopped)
        return error_set(err, STATUS_INTERRUPTED,
                         "interrupted in epoch %" PRIu64 " of %" PRId64 "; nothing was written",
                         epoch, epochs);
    if (result.diverged)
        return diverge(e, e->trainer.step, epoch, "the loss or a parameter is no longer finite",
                       err);
    return is_point(e, (int64_t)epoch)
               ? start_measuring(t, epoch, result.loss, (int64_t)epoch < epochs, err)
               : STATUS_OK;
}

static enum status run_trainer(struct experiment *e, const struct observer *observer,
                               struct error *err)
{
    enum { LOSS_BATCHES = 64 }; /* that the loss before training is taken from */
    const int64_t epochs = train_of(e)->epochs;
    struct training t = {
        .e = e, .observer = observer, .steps = (uint64_t)epochs * e->trainer.steps, .err = err};
    memcpy(e->initial, e->parameters, e->network.parameters * sizeof *e->initial);
    if (experiment_predicts(e))
        memcpy(e->initial_predictor, e->predictor_parameters,
               e->predictor.parameters * sizeof *e->initial_predictor);
    if (experiment_semi_supervised(e))
        memcpy(e->initial_class_head, trainer_class_head(&e->trainer, &(size_t){0}),
               class_head_size(e) * sizeof *e->initial_class_head);
    enum status status = STATUS_OK;
    if (e->tree)
        status = ceiling_measure(e->tree, e->spec->seed, (size_t)measure_of(e)->samples, e->ceiling,
                                 err);
    if (!status)
        status =
            start_measuring(&t, 0, trainer_evaluate(&e->trainer, LOSS_BATCHES), epochs > 0, err);
    for (int64_t epoch = 1; !status && epoch <= epochs; epoch++)
        status = train_epoch(&t, (uint64_t)epoch, err);
    return status;
}

enum status experiment_run(struct experiment *e, const struct observer *observer, struct error *err)
{
    return e->flows ? experiment_flow_run(e, observer, err) : run_trainer(e, observer, err);
}
