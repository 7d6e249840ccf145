#include "sim/train/trainer_private.h"

#include "core/barrier.h"
#include "core/linalg.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* ---- what a thread owns ----
 *
 * A thread sums the gradient of its own parameters and steps them: a range of those above the
 * entry, and those of its entry nodes' subtrees, which nobody else reads.  So it can step,
 * and evaluate its tables anew, without waiting for the others. */

struct owned {
    size_t first_neuron, end_neuron; /* of a symmetric network, whose thresholds are set */
    struct {
        size_t first, end;
    } range[2 * NETWORK_MAX_LEVELS + 1]; /* of parameters; the first: those above the entry */
    int count;
    size_t first_node, end_node;   /* entry nodes */
    size_t first_child, end_child; /* that samples look up */
};

/* [first, end) of `count` things for thread `i` of `n` */
static void share(size_t count, int i, int n, size_t *first, size_t *end)
{
    *first = count * (size_t)i / (size_t)n;
    *end = count * ((size_t)i + 1) / (size_t)n;
}

void ema_step(size_t count, double gamma, const double *online, double *target)
{
    for (size_t i = 0; i < count; i++) /* gamma = 0 exactly: the sum below would round */
        target[i] = gamma == 0 ? online[i] : target[i] + (1 - gamma) * (online[i] - target[i]);
}

/* out[first..end) = scale times the sum over shards, in their order */
static void sum_shards(double *out, const double *shard, size_t shards, size_t stride, size_t first,
                       size_t end, double scale)
{
    for (size_t i = first; i < end; i++)
        out[i] = scale * shard[i];
    for (size_t g = 1; g < shards; g++)
        for (size_t i = first; i < end; i++)
            out[i] += scale * shard[g * stride + i];
}

/* The lookup rows of child `i`, counted over all entry nodes: their offset, and the doubles in use.
 */
static size_t lookup_range(const struct trainer *t, size_t i, size_t *first)
{
    const struct lookup *lookup = &t->tables.lookup;
    const size_t node = i / lookup->children, child = i % lookup->children;
    *first = lookup_offset(lookup, node, child);
    return pattern_tables_used(&t->tables, node, child);
}

static void clear_lookup(const struct trainer *t, double *delta_lookup)
{
    const struct lookup *lookup = &t->tables.lookup;
    for (size_t i = 0; t->lookup_stride > 0 && i < lookup->nodes * lookup->children; i++) {
        size_t first, count = lookup_range(t, i, &first);
        memset(delta_lookup + first, 0, count * sizeof *delta_lookup);
    }
}

/* The sums of a shard become 0. */
static void shard_clear(struct trainer *t, size_t shard)
{
    memset(t->shard_gradient + shard * t->gradient_stride, 0, t->gradient_stride * sizeof(double));
    clear_lookup(t, t->shard_lookup + shard * t->lookup_stride);
    if (predicts(t))
        memset(t->predictor_sums + shard * t->predictor_stride, 0,
               t->predictor_stride * sizeof(double));
}

static void own_range(struct owned *o, size_t first, size_t end)
{
    o->range[o->count].first = first;
    o->range[o->count++].end = end;
}

static struct owned owned_by(const struct trainer *t, int thread)
{
    const struct network *n = t->plan.network;
    const int entry = t->tables.entry;
    struct owned o = {.count = 0};
    size_t first, end;
    if (n->symmetric) {
        share((size_t)n->level[0].width, thread, t->team, &o.first_neuron, &o.end_neuron);
        own_range(&o, o.first_neuron * (size_t)n->level[0].fan_in,
                  o.end_neuron * (size_t)n->level[0].fan_in);
        return o;
    }
    share(upper_parameters(t), thread, t->team, &first, &end);
    own_range(&o, first, end);
    share(nodes_of(n, entry), thread, t->team, &o.first_node, &o.end_node);
    o.first_child = o.first_node * t->tables.lookup.children;
    o.end_child = o.end_node * t->tables.lookup.children;
    for (int l = entry; l < n->levels; l++) {
        size_t ratio = n->level[l].nodes / n->level[entry].nodes;
        first = o.first_node * ratio;
        end = o.end_node * ratio;
        own_range(&o, weight_offset(n, l, first), weight_offset(n, l, end));
        if (n->bias)
            own_range(&o, bias_offset(n, l, first), bias_offset(n, l, end));
    }
    return o;
}

/* The shards' sums, times `scale`, become the gradient of the thread's parameters. */
static void owned_gradient(struct trainer *t, const struct owned *o, double scale, int thread)
{
    sum_shards(t->gradient, t->shard_gradient, t->shards, t->gradient_stride, o->range[0].first,
               o->range[0].end, scale);
    for (size_t i = o->first_child; t->lookup_stride > 0 && i < o->end_child; i++) {
        size_t first, count = lookup_range(t, i, &first);
        sum_shards(t->shard_lookup, t->shard_lookup, t->shards, t->lookup_stride, first,
                   first + count, scale);
    }
    for (int i = 1; i < o->count; i++)
        memset(t->gradient + o->range[i].first, 0,
               (o->range[i].end - o->range[i].first) * sizeof(double));
    pattern_tables_backward(&t->tables, t->shard_lookup, t->parameters, t->gradient, o->first_node,
                            o->end_node, thread);
}

/* Tables of the thread's subtrees, for the batch that lies at `place`. */
static void owned_tables(struct trainer *t, const struct owned *o, struct batch_place place)
{
    if (t->tables.batch_patterns)
        batch_patterns_take(&t->batch_patterns, supply_numbering(&t->supply, place), o->first_child,
                            o->end_child);
    pattern_tables_forward(&t->tables, t->parameters, o->first_node, o->end_node);
    if (t->target)
        pattern_tables_forward(&t->target_tables, t->target, o->first_node, o->end_node);
}

/* Step number `step` of the predictor; false if a weight is no longer finite. */
static bool predictor_step_of(struct trainer *t, uint64_t step)
{
    sum_shards(t->predictor_sums, t->predictor_sums, t->shards, t->predictor_stride, 0,
               t->predictor_stride, 1);
    return predictor_trainer_step(&t->predictor, step, t->plan.batch, t->predictor_sums);
}

/* The thresholds of the thread's neurons after `step` steps. */
static void set_biases(struct trainer *t, const struct owned *o, uint64_t step)
{
    network_set_biases(t->plan.network, step, o->first_neuron, o->end_neuron, t->parameters);
    if (t->target)
        network_set_biases(t->plan.network, step, o->first_neuron, o->end_neuron, t->target);
}

/* Step number `step` of the thread's parameters, and of the target's; false if one is no longer
 * finite. */
static bool owned_step(struct trainer *t, const struct owned *o, uint64_t step)
{
    bool finite = true;
    for (int i = 0; i < o->count; i++) {
        size_t first = o->range[i].first, end = o->range[i].end;
        t->plan.optimiser->update(t->plan.optimiser_settings, step, end - first,
                                  t->parameters + first, t->gradient + first, t->state + first,
                                  t->parameter_stride);
        finite &= are_finite(end - first, t->parameters + first);
        if (t->target)
            ema_step(end - first, target_network(t)->ema, t->parameters + first, t->target + first);
    }
    if (t->plan.network->symmetric)
        set_biases(t, o, step);
    return finite;
}

/* ---- a step ---- */

struct epoch_run {
    struct trainer *trainer;
    uint64_t epoch;
    size_t steps;
    size_t first, end; /* of the stretch at work: whole slabs, or up to the last step */
    bool learn;        /* false: only evaluate */
    struct trainer_watch watch;
    struct epoch_result result;
    size_t left; /* the step at which it was stopped */
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
    if (w->thread == 0 && watch->keep_going && step % t->supply.slab_steps == 0) {
        w->run->result.stopped = !watch->keep_going(watch->context, step);
        w->run->left = step;
    }
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
static void run_stretches(struct epoch_run *run, size_t begin)
{
    struct trainer *t = run->trainer;
    const struct trainer_watch *watch = &run->watch;
    for (run->first = begin; run->first < run->steps; run->first = run->end) {
        int threads = watch->threads ? watch->threads(watch->context) : t->plan.threads;
        size_t left = run->steps - run->first, stretch = t->supply.slab_steps;
        if (threads >= t->plan.threads || stretch > left)
            stretch = left;
        run->end = run->first + stretch;
        if (run_stretch(run, threads < t->plan.threads ? threads : t->plan.threads)) {
            run->result.stopped = true; /* the machine has no more locks to give */
            run->left = run->first;
        }
        run->result.diverged |= !all_finite(run);
        if (run->result.stopped || run->result.diverged)
            return;
    }
}

/* From the slab at which it was left, or from its beginning. */
static struct epoch_result run_epoch(struct epoch_run *run)
{
    struct trainer *t = run->trainer;
    const size_t slab = run->learn ? (size_t)t->slab : 0, begin = slab * t->supply.slab_steps;
    if (slab == 0)
        memset(t->block_loss, 0, sizeof t->block_loss);
    run->result = (struct epoch_result){.loss = t->block_loss[0], .steps = begin};
    supply_open(&t->supply, run->epoch, slab, run->steps, run->watch.goes_on);
    run_stretches(run, begin);
    supply_close(&t->supply);
    const bool left = run->result.stopped && !run->result.diverged;
    if (run->learn) {
        t->slab = left ? run->left / t->supply.slab_steps : 0;
        t->step += left ? 0 : run->result.steps;
    }
    run->result.steps = t->step + (left ? run->left : 0);
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
