#include "sim/train/trainer_private.h"

#include "core/barrier.h"

#include <math.h>
#include <omp.h>
#include <string.h>

struct epoch_run {
    struct trainer *trainer;
    uint64_t epoch;
    size_t steps;
    size_t first, end; /* of the stretch at work: whole slabs, or up to the last step */
    bool learn;        /* false: only evaluate */
    struct trainer_watch watch;
    struct epoch_result result;
    struct barrier barrier;
    bool not_finite[TRAINER_SHARDS]; /* by thread: its parameters after the last step */
};

/* A thread at work; while it waits for the others it draws samples. */
struct worker {
    struct epoch_run *run;
    int thread;
    size_t step;
};

static bool draw_meanwhile(void *worker)
{
    const struct worker *w = worker;
    return supply_draw_next(&w->run->trainer->supply, w->step, w->thread);
}

static void meet(struct worker *w)
{
    barrier_wait(&w->run->barrier, draw_meanwhile, w);
}

/* The labelled samples go with the last shard: they are its owner's. */
static bool owns_labelled(const struct trainer *t, int thread)
{
    return t->needs.labelled.batch > 0 && thread == t->team - 1;
}

/* Where the loss needs the whole batch: the outputs of all, and what it finds before any gradient.
 */
static void step_batch(struct worker *w, struct batch_place place, size_t first, size_t end)
{
    struct trainer *t = w->run->trainer;
    const struct form *form = t->plan.objective->form;
    for (size_t c = first; c < end; c++) {
        chunk_forward(t, c, place, w->thread);
        chunk_phase(t, c, w->thread, form->chunk);
    }
    if (owns_labelled(t, w->thread))
        labelled_forward(&t->labelled, t->step + w->step, t->parameters);
    meet(w);
    for (size_t c = first; form->rows && c < end; c++)
        chunk_phase(t, c, w->thread, form->rows);
    if (form->rows)
        meet(w);
    if (form->whole && w->thread == 0)
        form->whole(&t->loss, &t->outputs[0], w->step);
    if (form->whole)
        meet(w);
}

/* Outputs, loss and gradient sums of this thread's chunks. */
static void step_chunks(struct worker *w, struct batch_place place)
{
    struct trainer *t = w->run->trainer;
    int thread = w->thread;
    size_t first, end;
    share(t->shards, thread, t->team, &first, &end);
    if (t->needs.whole_batch)
        step_batch(w, place, shard_chunk(t, first), shard_chunk(t, end));
    for (size_t g = first; g < end; g++) {
        shard_clear(t, g);
        for (size_t c = shard_chunk(t, g); c < shard_chunk(t, g + 1); c++) {
            if (!t->needs.whole_batch)
                chunk_forward(t, c, place, thread);
            for (int b = 0; b < t->blocks; b++) {
                if (b > 0)
                    chunk_outputs(t, b, c, thread);
                chunk_gradient(t, b, c, thread);
                if (w->run->learn)
                    chunk_backward(t, b, g, c, place, thread);
            }
        }
    }
    if (w->run->learn && owns_labelled(t, thread))
        labelled_backward(&t->labelled, t->step + w->step, t->parameters,
                          t->shard_gradient + (t->shards - 1) * t->gradient_stride,
                          t->shard_lookup + (t->shards - 1) * t->lookup_stride);
    meet(w);
}

static bool all_finite(const struct epoch_run *run)
{
    bool finite = true;
    for (int i = 0; i < TRAINER_SHARDS; i++)
        finite &= !run->not_finite[i];
    return finite;
}

static struct batch_place enter_step(struct worker *w, size_t step)
{
    struct trainer *t = w->run->trainer;
    const struct trainer_watch *watch = &w->run->watch;
    w->step = step;
    if (w->thread == 0 && watch->keep_going && step % t->supply.slab_steps == 0)
        w->run->result.stopped = !watch->keep_going(watch->context, step);
    struct batch_place place = supply_enter(&t->supply, step, w->thread);
    if (w->thread == 0) /* the others meet it before they look */
        t->outputs[0].label = supply_labels(&t->supply, place);
    return place;
}

/* Losses of all blocks, `scale` as in block_loss_of; false if one is not finite. */
static bool batch_losses(const struct trainer *t, double loss[NETWORK_MAX_LEVELS], double *scale)
{
    bool finite = true;
    for (int b = 0; b < t->blocks; b++) {
        loss[b] = block_loss_of(t, b, scale);
        finite &= isfinite(loss[b]) != 0;
    }
    return finite;
}

static void keep_losses(struct epoch_run *run, size_t step, const double *loss, bool finite)
{
    struct trainer *t = run->trainer;
    for (int b = 0; b < t->blocks; b++) /* means so far */
        t->block_loss[b] += (loss[b] - t->block_loss[b]) / (double)(step + 1);
    run->result.loss = t->block_loss[0];
    run->result.steps = step + 1;
    run->result.diverged = !finite;
}

/* All threads take the same turns: what they decide on was written before a barrier and is not
 * written again before the next. */
static void run_thread(struct epoch_run *run, int thread)
{
    struct trainer *t = run->trainer;
    const struct form *form = t->plan.objective->form;
    struct worker worker = {.run = run, .thread = thread};
    struct owned owned = owned_by(t, thread);
    for (size_t step = run->first; step < run->end; step++) {
        struct batch_place place = enter_step(&worker, step);
        owned_tables(t, &owned, place);
        meet(&worker);
        if (run->result.stopped || !all_finite(run))
            break;
        step_chunks(&worker, place);
        double scale = 1, loss[NETWORK_MAX_LEVELS];
        const bool finite = batch_losses(t, loss, &scale);
        if (thread == 0)
            keep_losses(run, step, loss, finite);
        if (!finite)
            break;
        if (run->learn) {
            owned_gradient(t, &owned, scale, thread);
            run->not_finite[thread] = !owned_step(t, &owned, t->step + step + 1);
            if (thread == 0 && predicts(t))
                run->not_finite[thread] |= !predictor_step_of(t, t->step + step + 1);
            if (thread == 0 && form->learn)
                run->not_finite[thread] |= !form->learn(&t->loss, t->step + step + 1);
        }
    }
}

/* The steps of the stretch on up to `threads` threads. */
static enum status run_stretch(struct epoch_run *run, int threads)
{
    struct trainer *t = run->trainer;
    enum status status = STATUS_OK;
#pragma omp parallel num_threads(threads)
    {
#pragma omp single
        {
            t->team = omp_get_num_threads(); /* OpenMP may give fewer than were asked for */
            status = barrier_create(&run->barrier, t->team, NULL);
        }
        if (!status)
            run_thread(run, omp_get_thread_num());
    }
    if (!status)
        barrier_free(&run->barrier);
    return status;
}

/* Stretch by stretch: a slab each while not all threads may work, so that the others can join. */
static struct epoch_result run_epoch(struct epoch_run *run)
{
    struct trainer *t = run->trainer;
    const struct trainer_watch *watch = &run->watch;
    memset(t->block_loss, 0, sizeof t->block_loss);
    supply_open(&t->supply, run->epoch, run->steps, watch->goes_on);
    for (run->first = 0; run->first < run->steps; run->first = run->end) {
        int threads = watch->threads ? watch->threads(watch->context) : t->plan.threads;
        size_t left = run->steps - run->first, stretch = t->supply.slab_steps;
        if (threads >= t->plan.threads || stretch > left)
            stretch = left;
        run->end = run->first + stretch;
        if (run_stretch(run, threads < t->plan.threads ? threads : t->plan.threads))
            run->result.stopped = true; /* the machine has no more locks to give */
        run->result.diverged |= !all_finite(run);
        if (run->result.stopped || run->result.diverged)
            break;
    }
    supply_close(&t->supply);
    if (run->learn)
        t->step += run->result.steps;
    run->result.steps = t->step;
    return run->result;
}

struct epoch_result trainer_epoch(struct trainer *trainer, uint64_t epoch,
                                  const struct trainer_watch *watch)
{
    return run_epoch(
        &(struct epoch_run){.trainer = trainer,
                            .epoch = epoch,
                            .steps = trainer->steps,
                            .learn = true,
                            .watch = watch ? *watch : (struct trainer_watch){.context = NULL}});
}

double trainer_evaluate(struct trainer *trainer, size_t steps)
{
    if (steps > trainer->steps)
        steps = trainer->steps;
    return run_epoch(&(struct epoch_run){.trainer = trainer, .epoch = 1, .steps = steps}).loss;
}
