#include "sim/train/minibatch.h"

#include <inttypes.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* ---- plan ---- */

static enum status check(const struct learner *l, const void *settings, struct error *err)
{
    const struct minibatch_settings *s = settings;
    if (s->batch > s->samples)
        return error_key(err, "train.batch",
                         "train.batch %" PRId64 " is larger than train.samples %" PRId64
                         "; an epoch needs at least one batch",
                         s->batch, s->samples);
    enum status status =
        objective_check(l->objective, l->objective_settings, s->samples, s->batch, err);
    return status ? status : blocks_check(l->needs.cut, l->network, err);
}

/* Before training, every `every` epochs and at the end. */
static bool is_point(const struct minibatch *m, int64_t epoch)
{
    return epoch % m->learner->every == 0 || epoch == m->settings->epochs;
}

static size_t points(const struct learner *l, const void *settings)
{
    const int64_t epochs = ((const struct minibatch_settings *)settings)->epochs;
    return (size_t)(epochs / l->every + 1 + (epochs % l->every != 0));
}

static struct snapshot weights(const void *state)
{
    const struct minibatch *m = state;
    const struct trainer *t = &m->trainer;
    const bool predicts = m->learner->needs.target != TARGET_NONE;
    struct snapshot s = {.parameters = t->parameters,
                         .target = t->target,
                         .predictor = predicts ? t->predictor.parameters : NULL};
    s.class_head = (double *)trainer_class_head(t, &s.class_head_size);
    return s;
}

static void layout(void *state, const struct learner *l, const void *settings, struct arena *arena)
{
    struct minibatch *m = state;
    *m = (struct minibatch){.learner = l, .settings = settings};
    struct learner plan = *l;
    plan.samples = (size_t)m->settings->samples;
    plan.batch = (size_t)m->settings->batch;
    trainer_layout(&m->trainer, &plan, arena);
    const struct snapshot now = weights(m);
    m->taken = (struct snapshot){.class_head_size = now.class_head_size};
    m->taken.parameters = ARENA_TAKE(arena, double, l->network->parameters);
    if (l->needs.target != TARGET_NONE)
        m->taken.predictor = ARENA_TAKE(arena, double, l->predictor->parameters);
    if (l->needs.target == TARGET_NETWORK)
        m->taken.target = ARENA_TAKE(arena, double, l->network->parameters);
    if (now.class_head_size > 0)
        m->taken.class_head = ARENA_TAKE(arena, double, now.class_head_size);
}

static void copy(double *to, const double *from, size_t count)
{
    if (to && from)
        memcpy(to, from, count * sizeof *to);
}

static void take_snapshot(struct minibatch *m, uint64_t epoch, int threads)
{
    const struct learner *l = m->learner;
    const struct snapshot now = weights(m);
    copy(m->taken.parameters, now.parameters, l->network->parameters);
    copy(m->taken.target, now.target, l->network->parameters);
    copy(m->taken.predictor, now.predictor, l->predictor->parameters);
    copy(m->taken.class_head, now.class_head, now.class_head_size);
    m->taken.epoch = epoch;
    m->taken.threads = threads;
}

/* ---- measuring beside training ---- */

struct measuring {
    struct minibatch *minibatch;
    const struct watch *watch;
    pthread_t thread;
    bool beside;          /* on a thread of its own, not yet joined */
    atomic_bool over;     /* everything is written */
    uint64_t epoch, step; /* of training, when the snapshot was taken */
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
    m->status = m->watch->measure(m->watch->context, &m->minibatch->taken, &m->err);
    if (m->beside)
        supply_visit(&m->minibatch->trainer.supply);
    atomic_store(&m->over, true);
    return NULL;
}

/* A run at work. */
struct training {
    struct minibatch *minibatch;
    const struct watch *watch;
    char *detail;
    uint64_t before, step, steps; /* steps of earlier epochs; of this one; of the run */
    enum going going;             /* the last answer */
    uint64_t after;               /* the step after the last one at which the state was saved */
    struct measuring measuring;
    enum status status; /* of a measurement beside training */
    struct error *err;
};

static enum status diverge(struct training *t, uint64_t step, uint64_t epoch, const char *why)
{
    snprintf(t->detail, TRAINER_DETAIL, "step %" PRIu64 " (epoch %" PRIu64 "): %s", step, epoch,
             why);
    return error_set(t->err, STATUS_DIVERGED, "the run diverged at %s", t->detail);
}

/* Wait for the measurement beside training, if there is one. */
static enum status finish_measuring(struct training *t)
{
    struct measuring *m = &t->measuring;
    if (m->beside)
        pthread_join(m->thread, NULL);
    m->beside = false;
    if (m->status == STATUS_DIVERGED) /* a decomposition met NaN */
        return diverge(t, m->step, m->epoch, "what is measured is no longer finite");
    if (m->status) {
        *t->err = m->err;
        return m->status;
    }
    t->watch->kept(t->watch->context, t->before + t->step, t->steps, true);
    return STATUS_OK;
}

/* Measure the weights as they are; beside training where that goes on and there are threads. */
static enum status start_measuring(struct training *t, uint64_t epoch, double loss, bool goes_on)
{
    struct minibatch *b = t->minibatch;
    struct measuring *m = &t->measuring;
    const int threads = b->learner->threads;
    const bool beside = goes_on && threads > 1;
    b->loss = loss;
    t->watch->reached(t->watch->context, (double)epoch);
    take_snapshot(b, epoch, beside ? (threads + 1) / 2 : threads);
    *m = (struct measuring){.minibatch = b,
                            .watch = t->watch,
                            .beside = beside,
                            .epoch = epoch,
                            .step = b->trainer.step};
    atomic_init(&m->over, false);
    if (beside) {
        omp_pause_resource_all(omp_pause_soft); /* threads that trained may still spin */
        if (pthread_create(&m->thread, NULL, measure, m) == 0)
            return STATUS_OK;
        m->beside = false;
    }
    measure(m);
    return finish_measuring(t);
}

/* Whether a measurement is at work, whose end a save without hurry waits for. */
static bool is_measuring(const struct training *t)
{
    return t->measuring.beside && !atomic_load(&t->measuring.over);
}

static bool keep_going(void *context, size_t step)
{
    struct training *t = context;
    t->step = step;
    if (t->status)
        return false;
    if (t->before + step + 1 == t->after) /* not again */
        return true;
    t->going = t->watch->going(t->watch->context, t->before + step, t->steps);
    return t->going == GO_ON || (t->going == SAVE && is_measuring(t));
}

/* Threads that may train now. */
static int free_threads(void *context)
{
    struct training *t = context;
    const struct measuring *m = &t->measuring;
    if (m->beside && atomic_load(&m->over))
        t->status = finish_measuring(t);
    return t->minibatch->learner->threads - (m->beside ? t->minibatch->taken.threads : 0);
}

/* ---- run ---- */

/* Do what the last answer was, SAVE, STOP or both, while the weights stand still. */
static enum status obey(struct training *t)
{
    const struct minibatch *m = t->minibatch;
    if (t->going == SAVE || t->going == SAVE_AND_STOP) {
        enum status status = t->watch->save(t->watch->context, t->err);
        t->after = t->before + t->step + 1;
        if (status || t->going == SAVE)
            return status;
    }
    snprintf(t->detail, TRAINER_DETAIL, "interrupted in epoch %" PRIu64 " of %" PRId64,
             m->epoch + (m->epoch < (uint64_t)m->settings->epochs), m->settings->epochs);
    return error_set(t->err, STATUS_INTERRUPTED, "%s", t->detail);
}

/* One epoch more.  At its end, too, there is a moment to save: a measurement that takes longer than
 * an epoch leaves no other. */
static enum status train_epoch(struct training *t)
{
    struct minibatch *m = t->minibatch;
    const uint64_t epoch = m->epoch + 1, epochs = (uint64_t)m->settings->epochs;
    const struct trainer_watch watch = {
        .keep_going = keep_going, .threads = free_threads, .context = t, .goes_on = epoch < epochs};
    struct epoch_result result;
    enum status status = STATUS_OK;
    do {
        t->going = GO_ON;
        t->before = m->trainer.step;
        result = trainer_epoch(&m->trainer, epoch, &watch);
        t->step = result.steps - t->before;
        status = t->measuring.beside ? finish_measuring(t) : t->status;
        if (!status && result.diverged)
            status =
                diverge(t, m->trainer.step, epoch, "the loss or a parameter is no longer finite");
        if (!status && result.stopped)
            status = t->going == GO_ON
                         ? error_set(t->err, STATUS_SYSTEM, "the machine has no more locks to give")
                         : obey(t);
    } while (!status && result.stopped);
    if (status)
        return status;
    m->epoch = epoch;
    m->settled = 0;
    return keep_going(t, m->trainer.steps) ? STATUS_OK : obey(t);
}

/* Measure after the last epoch, or before the first, if there is anything to measure. */
static enum status settle(struct training *t)
{
    enum { LOSS_BATCHES = 64 }; /* that the loss before training is taken from */
    struct minibatch *m = t->minibatch;
    const int64_t epoch = (int64_t)m->epoch;
    const double loss =
        epoch > 0 ? m->trainer.block_loss[0] : trainer_evaluate(&m->trainer, LOSS_BATCHES);
    m->settled = 1;
    return is_point(m, epoch) ? start_measuring(t, m->epoch, loss, epoch < m->settings->epochs)
                              : STATUS_OK;
}

static enum status run(void *state, const struct watch *watch, char detail[TRAINER_DETAIL],
                       struct error *err)
{
    struct minibatch *m = state;
    const uint64_t epochs = (uint64_t)m->settings->epochs;
    struct training t = {.minibatch = m,
                         .watch = watch,
                         .detail = detail,
                         .before = m->trainer.step,
                         .steps = epochs * m->trainer.steps,
                         .err = err};
    enum status status = m->settled ? STATUS_OK : settle(&t);
    while (!status && m->epoch < epochs) {
        status = train_epoch(&t);
        if (!status)
            status = settle(&t);
    }
    return status;
}

/* ---- the state ---- */

static void list_state(void *state, struct state_list *list)
{
    struct minibatch *m = state;
    state_natural(list, &m->epoch, (uint64_t)m->settings->epochs, "minibatch/epoch");
    state_natural(list, &m->settled, 1, "minibatch/settled");
    trainer_state(&m->trainer, list);
}

static size_t measured(const void *state)
{
    const struct minibatch *m = state;
    const uint64_t epoch = m->epoch, every = (uint64_t)m->learner->every;
    const bool is_last = epoch == (uint64_t)m->settings->epochs && epoch % every > 0;
    const uint64_t reached = epoch / every + 1 + is_last;
    return (size_t)(reached - (!m->settled && is_point(m, (int64_t)epoch)));
}

static uint64_t steps_done(const void *state, uint64_t *steps)
{
    const struct minibatch *m = state;
    const struct trainer *t = &m->trainer;
    *steps = (uint64_t)m->settings->epochs * t->steps;
    return t->step + t->slab * t->supply.slab_steps;
}

/* ---- the kind ---- */

static void quantities(const void *state, struct quantity_list *list)
{
    const struct minibatch *m = state;
    add_loss(list, &trainer_minibatch, &m->loss);
    trainer_quantities(&m->trainer, list);
}

static int describe_work(const void *state, char *text, size_t size)
{
    const struct minibatch *m = state;
    const struct network *n = m->learner->network;
    return snprintf(
        text, size,
        "%zu inputs, %zu parameters, %" PRId64 " epochs of %zu steps of %" PRId64 " samples",
        n->leaves, n->parameters + m->learner->predictor->parameters + m->taken.class_head_size,
        m->settings->epochs, m->trainer.steps, m->settings->batch);
}

static int describe_time(const void *state, double time, char *text, size_t size)
{
    const struct minibatch *m = state;
    return snprintf(text, size, "epoch %.0f of %" PRId64, time, m->settings->epochs);
}

static void remarks(const void *state, struct remarks *remarks)
{
    const struct minibatch *m = state;
    const int64_t samples = m->settings->samples, batch = m->settings->batch;
    if (samples % batch && m->settings->epochs > 0)
        remark(remarks,
               "left out: the last %" PRId64 " of train.samples %" PRId64
               " in every epoch, fewer than train.batch %" PRId64,
               samples % batch, samples, batch);
    trainer_remarks(&m->trainer, remarks);
}

static const struct param params[] = {
    TRAINER_PARAMS,
    INTEGER_PARAM(struct minibatch_settings, epochs, "20", 0, 1e6,
                  "passes over `samples` fresh samples"),
    INTEGER_PARAM(struct minibatch_settings, samples, "64000", 1, 1e12, "samples of an epoch"),
    INTEGER_PARAM(struct minibatch_settings, batch, "128", 1, 1e9, "samples of an update"),
    {.name = NULL},
};

const struct trainer_kind trainer_minibatch = {
    .about = {.name = "minibatch",
              .doc = "Steps of the optimiser on batches of fresh samples.",
              .params = params,
              .settings_size = sizeof(struct minibatch_settings)},
    .time = "/series/epoch",
    .time_name = "epochs of training",
    .whole_times = true,
    .loss_name = "mean loss over the epoch",
    .size = sizeof(struct minibatch),
    .check = check,
    .points = points,
    .layout = layout,
    .run = run,
    .state = list_state,
    .measured = measured,
    .steps_done = steps_done,
    .quantities = quantities,
    .weights = weights,
    .describe_work = describe_work,
    .describe_time = describe_time,
    .remarks = remarks,
};
