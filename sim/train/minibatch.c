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

static bool keep_going(void *context, size_t step)
{
    struct training *t = context;
    t->step = step;
    return !t->status && t->watch->keep_going(t->watch->context, t->before + step, t->steps);
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

static enum status train_epoch(struct training *t, int64_t epoch)
{
    struct minibatch *m = t->minibatch;
    const int64_t epochs = m->settings->epochs;
    const struct trainer_watch watch = {
        .keep_going = keep_going, .threads = free_threads, .context = t, .goes_on = epoch < epochs};
    const struct epoch_result result = trainer_epoch(&m->trainer, (uint64_t)epoch, &watch);
    t->before = result.steps;
    t->step = 0;
    if (t->measuring.beside)
        t->status = finish_measuring(t);
    if (t->status)
        return t->status;
    if (result.stopped)
        return error_set(t->err, STATUS_INTERRUPTED,
                         "interrupted in epoch %" PRId64 " of %" PRId64 "; nothing was written",
                         epoch, epochs);
    if (result.diverged)
        return diverge(t, m->trainer.step, (uint64_t)epoch,
                       "the loss or a parameter is no longer finite");
    return is_point(m, epoch) ? start_measuring(t, (uint64_t)epoch, result.loss, epoch < epochs)
                              : STATUS_OK;
}

static enum status run(void *state, const struct watch *watch, char detail[TRAINER_DETAIL],
                       struct error *err)
{
    enum { LOSS_BATCHES = 64 }; /* that the loss before training is taken from */
    struct minibatch *m = state;
    const int64_t epochs = m->settings->epochs;
    struct training t = {.minibatch = m,
                         .watch = watch,
                         .detail = detail,
                         .steps = (uint64_t)epochs * m->trainer.steps,
                         .err = err};
    enum status status =
        start_measuring(&t, 0, trainer_evaluate(&m->trainer, LOSS_BATCHES), epochs > 0);
    for (int64_t epoch = 1; !status && epoch <= epochs; epoch++)
        status = train_epoch(&t, epoch);
    return status;
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

static int describe_step(const void *state, uint64_t step, char *text, size_t size)
{
    const struct minibatch *m = state;
    return snprintf(text, size, "epoch %" PRIu64 " of %" PRId64,
                    m->trainer.steps ? step / m->trainer.steps : 0, m->settings->epochs);
}

static const struct param params[] = {
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
    .quantities = quantities,
    .weights = weights,
    .describe_work = describe_work,
    .describe_step = describe_step,
};
