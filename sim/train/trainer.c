#include "sim/train/trainer.h"

#include "core/barrier.h"
#include "core/linalg.h"
#include "sim/train/ema_step.h"

#include <math.h>
#include <omp.h>
#include <stddef.h>
#include <string.h>

/* Columns of a chunk, more where a column is long. */
enum { CHUNK_COLUMNS = 128, CHUNK_LONG_COLUMNS = 256, LONG_COLUMN = 256 };
enum { PARTIAL_STRIDE = 8, SUPPLY_BYTES = 8 << 20 };

_Static_assert(_Alignof(struct trainer) <= _Alignof(max_align_t),
               "whoever has a trainer may allocate it with malloc");

/* ---- plan ---- */

/* Whether a chunk's gradient waits for the outputs of all chunks. */
static bool whole_batch(const struct trainer *t)
{
    return objective_whole_batch(t->plan.objective);
}

/* Whether the objective has labelled samples and a memory: `labelled` and `comatch`. */
static bool semi_supervised(const struct trainer *t)
{
    return t->plan.objective->scope == OBJECTIVE_SEMI_SUPERVISED;
}

/* Whether predictions are compared with a target's outputs. */
static bool predicts(const struct trainer *t)
{
    return t->plan.objective->target != TARGET_NONE;
}

/* Settings of a target network, or NULL. */
static const struct target_settings *target_network(const struct trainer *t)
{
    return t->plan.objective->target == TARGET_NETWORK ? t->plan.objective_settings : NULL;
}

static bool is_wide(const struct network *network)
{
    return network->leaf_states == 0 && network->leaves >= LONG_COLUMN;
}

/* The largest of 8, 16, 32, ... samples whose views fit the columns of a chunk. */
static size_t chunk_samples(const struct network *network, int views)
{
    const size_t columns = is_wide(network) ? CHUNK_LONG_COLUMNS : CHUNK_COLUMNS;
    size_t chunk = 8;
    while (2 * chunk * (size_t)views <= columns)
        chunk *= 2;
    return chunk;
}

static void plan_sizes(struct trainer *t)
{
    const struct trainer_plan *p = &t->plan;
    t->views = objective_views(p->objective, p->objective_settings);
    t->online_views = target_network(t) ? t->views - 1 : t->views;
    t->gradient_views = objective_gradient_views(p->objective, p->objective_settings);
    if (t->gradient_views > t->online_views)
        t->gradient_views = t->online_views;
    t->chunk = chunk_samples(p->network, t->views);
    t->chunks = (p->batch + t->chunk - 1) / t->chunk;
    t->shards =
        (t->chunks + 1) / 2; /* two chunks or more in each: threads read each other's sums */
    if (t->shards > TRAINER_SHARDS)
        t->shards = TRAINER_SHARDS;
    t->steps = p->samples / p->batch;
    t->parameter_stride = padded(p->network->parameters);
    t->blocks = blocks_of(blocks_cut(p->objective, p->objective_settings), p->network, t->block);
}

static int widest_block(const struct trainer *t)
{
    int width = 0;
    for (int b = 0; b < t->blocks; b++)
        width = t->block[b].width > width ? t->block[b].width : width;
    return width;
}

/* Outputs of the whole batch where the loss compares them all; else of one chunk a thread, so that
 * no two threads write near each other. */
static void layout_outputs(struct trainer *t, struct arena *arena)
{
    size_t sets = whole_batch(t) ? 1 : (size_t)t->plan.threads;
    size_t stride = whole_batch(t) ? padded(t->chunks * t->chunk) : t->chunk;
    size_t size = padded((size_t)t->online_views * (size_t)widest_block(t) * stride);
    double *f = ARENA_TAKE(arena, double, sets *size), *df = ARENA_TAKE(arena, double, sets *size);
    const size_t blocks = (size_t)t->blocks;
    t->outputs = ARENA_TAKE(arena, struct outputs, sets * blocks);
    for (size_t i = 0; arena->base && i < sets * blocks; i++)
        t->outputs[i] = (struct outputs){.samples = t->plan.batch,
                                         .stride = stride,
                                         .width = t->block[i % blocks].width,
                                         .views = t->online_views,
                                         .f = f + i / blocks * size,
                                         .df = df + i / blocks * size};
    t->scratch_size = padded(objective_scratch_size(t->plan.objective, t->views, stride));
    t->shared = ARENA_TAKE(arena, double, objective_shared_size(t->plan.objective, stride));
    t->scratch = ARENA_TAKE(arena, double, t->chunks * t->scratch_size);
    t->partial = ARENA_TAKE(arena, double, blocks * t->chunks * PARTIAL_STRIDE);
}

static bool real_values(const struct trainer *t)
{
    return t->plan.network->leaf_states == 0;
}

static void layout_supply(struct trainer *t, struct arena *arena)
{
    const struct trainer_plan *p = &t->plan;
    const struct supply_plan plan = {
        .source = p->source,
        .world = p->world,
        .network = p->network,
        .level = t->tables.occurring ? t->occurring.level : t->tables.boundary,
        .occurring = t->tables.occurring,
        .seed = p->seed,
        .positives = objective_positives(p->objective, p->objective_settings),
        .views = t->views,
        .labels = objective_labelled(p->objective),
        .batch = p->batch,
        .chunk = t->chunk,
        .steps = t->steps,
        .threads = p->threads,
        .ring_bytes = SUPPLY_BYTES};
    supply_layout(&t->supply, &plan, arena);
}

/* `count` forward passes of `columns`. */
static struct pass *layout_passes(const struct tables *tables, size_t count, size_t columns,
                                  struct arena *arena)
{
    struct pass *passes = ARENA_TAKE(arena, struct pass, count);
    for (size_t i = 0; i < count; i++) {
        struct pass pass;
        pass_layout(&pass, tables, columns, false, false, arena);
        if (arena->base)
            passes[i] = pass;
    }
    return passes;
}

/* Long columns are read where they were drawn, if every chunk lies within one block of them. */
static bool lends(const struct trainer *t)
{
    const struct network *n = t->plan.network;
    return is_wide(n) && n->level[n->levels - 1].nodes == 1 && BLOCK % t->chunk == 0 &&
           t->plan.batch % t->chunk == 0;
}

/* What the pass learns from, and where its inputs are. */
static void limit_pass(struct trainer *t, size_t i, struct arena *arena)
{
    struct pass counted = {.network = t->plan.network, .tables = &t->tables};
    struct pass *pass = arena->base ? &t->pass[i] : &counted;
    counted.columns = padded(t->chunk * (size_t)t->online_views);
    pass_limit(pass, t->chunk * (size_t)t->gradient_views);
    if (lends(t))
        pass_lend_layout(pass, t->chunk, BLOCK, arena);
}

static void layout_semi_supervised(struct trainer *t, struct arena *arena)
{
    const struct trainer_plan *p = &t->plan;
    const struct comatch_settings *settings = p->objective_settings;
    const size_t batch = comatch_labelled_batch(settings);
    const struct labelled_plan labelled = {.source = p->source,
                                           .world = p->world,
                                           .network = p->network,
                                           .tables = &t->tables,
                                           .seed = p->seed,
                                           .count = (size_t)settings->labels,
                                           .batch = batch};
    const struct comatch_plan comatch = {.settings = settings,
                                         .width = p->network->level[0].width,
                                         .classes = source_classes(p->source, p->world),
                                         .samples = p->batch,
                                         .stride = padded(t->chunks * t->chunk),
                                         .labelled_samples = batch,
                                         .labelled_stride = padded(batch),
                                         .optimiser = p->optimiser,
                                         .optimiser_settings = p->optimiser_settings};
    labelled_layout(&t->labelled, &labelled, arena);
    comatch_layout(&t->comatch, &comatch, arena);
}

static void layout_heads(struct trainer *t, struct arena *arena)
{
    const struct trainer_plan *p = &t->plan;
    const struct predictor_plan predictor = {.predictor = p->predictor,
                                             .optimiser = p->predictor_optimiser,
                                             .optimiser_settings = p->predictor_settings,
                                             .trunk_optimiser = p->optimiser,
                                             .trunk_settings = p->optimiser_settings,
                                             .seed = p->seed};
    predictor_trainer_layout(&t->predictor, &predictor, arena);
    t->head = ARENA_TAKE(arena, struct head, (size_t)p->threads);
    for (int i = 0; i < p->threads; i++) {
        struct head head;
        head_layout(&head, p->predictor, p->objective, p->network->level[0].width, p->batch,
                    t->chunk, arena);
        if (arena->base)
            t->head[i] = head;
    }
    t->predictor_stride = padded(predictor_sums_size(&t->predictor));
    t->predictor_sums = ARENA_TAKE(arena, double, t->shards * t->predictor_stride);
}

static void layout_target(struct trainer *t, struct arena *arena)
{
    const struct trainer_plan *p = &t->plan;
    const size_t threads = (size_t)p->threads;
    t->target = ARENA_TAKE(arena, double, t->parameter_stride);
    tables_layout(&t->target_tables, p->network, t->tables.boundary, t->tables.occurring, 0, arena);
    t->target_pass = layout_passes(&t->target_tables, threads, t->chunk, arena);
    t->target_output =
        ARENA_TAKE(arena, double, threads *(size_t)p->network->level[0].width * t->chunk);
    if (!arena->base)
        return;
    if (target_network(t)->start == START_ONLINE)
        memcpy(t->target, t->parameters, t->parameter_stride * sizeof *t->target);
    else if (target_network(t)->start == START_RANDOM)
        network_init(p->network, p->seed, PURPOSE_TARGET, t->target);
}

/* Blocks are evaluated once a sample, and labelled samples bring patterns of their own. */
static void layout_tables(struct trainer *t, struct arena *arena)
{
    const struct trainer_plan *p = &t->plan;
    const struct network *n = p->network;
    const size_t columns = p->batch * (size_t)t->views;
    const int boundary = t->blocks > 1 ? n->levels : boundary_level(n, columns);
    const bool occurring = boundary < n->levels && boundary > 1 && !semi_supervised(t) &&
                           occurring_pays(n, boundary - 1, columns);
    if (occurring)
        occurring_layout(&t->occurring, n, boundary - 1, t->views, t->chunks * t->chunk, arena);
    tables_layout(&t->tables, n, boundary, occurring ? &t->occurring : NULL, p->threads, arena);
}

/* First parameter that is not above the entry. */
static size_t upper_parameters(const struct trainer *t)
{
    const struct network *n = t->plan.network;
    return t->tables.entry < n->levels ? n->level[t->tables.entry].weights : n->parameters;
}

void trainer_layout(struct trainer *t, const struct trainer_plan *plan, struct arena *arena)
{
    *t = (struct trainer){.plan = *plan};
    plan_sizes(t);
    const struct network *n = plan->network;
    const size_t columns = t->chunk * (size_t)t->online_views;
    t->parameters = ARENA_TAKE(arena, double, t->parameter_stride);
    t->gradient = ARENA_TAKE(arena, double, t->parameter_stride);
    t->state = ARENA_TAKE(arena, double, (size_t)plan->optimiser->slots * t->parameter_stride);
    layout_tables(t, arena);
    t->pass = layout_passes(&t->tables, whole_batch(t) ? t->chunks : (size_t)plan->threads, columns,
                            arena);
    for (size_t i = 0; i < (whole_batch(t) ? t->chunks : (size_t)plan->threads); i++)
        limit_pass(t, i, arena);
    t->delta = ARENA_TAKE(arena, struct pass, (size_t)plan->threads);
    for (int i = 0; i < plan->threads; i++) {
        struct pass pass = {.network = n, .tables = &t->tables, .columns = padded(columns)};
        pass_layout_delta(&pass, arena);
        if (arena->base)
            t->delta[i] = pass;
    }
    t->gradient_stride = padded(upper_parameters(t));
    t->lookup_stride = padded(tables_lookup_size(&t->tables));
    t->shard_gradient = ARENA_TAKE(arena, double, t->shards * t->gradient_stride);
    t->shard_lookup = ARENA_TAKE(arena, double, t->shards * t->lookup_stride);
    layout_outputs(t, arena);
    layout_supply(t, arena);
    if (arena->base)
        network_init(n, plan->seed, PURPOSE_WEIGHTS, t->parameters);
    if (predicts(t))
        layout_heads(t, arena);
    else if (semi_supervised(t))
        layout_semi_supervised(t, arena);
    if (target_network(t))
        layout_target(t, arena);
}

/* ---- one thread's part of a step ---- */

/* [first, end) of `count` things for thread `i` of `n` */
static void share(size_t count, int i, int n, size_t *first, size_t *end)
{
    *first = count * (size_t)i / (size_t)n;
    *end = count * ((size_t)i + 1) / (size_t)n;
}

/* First chunk of a shard (or the end of all chunks). */
static size_t shard_chunk(const struct trainer *t, size_t shard)
{
    return t->chunks * shard / t->shards;
}

static struct pass *pass_of(const struct trainer *t, size_t chunk, int thread)
{
    return &t->pass[whole_batch(t) ? chunk : (size_t)thread];
}

static size_t chunk_end(const struct trainer *t, size_t chunk)
{
    size_t end = (chunk + 1) * t->chunk;
    return end < t->plan.batch ? end : t->plan.batch;
}

/* The outputs of a chunk: samples [begin, begin + chunk) of `all`. */
struct chunk_outputs {
    struct outputs *all;
    size_t begin, end; /* end: of the samples that the batch has */
};

static struct chunk_outputs outputs_of(const struct trainer *t, int block, size_t chunk, int thread)
{
    size_t count = chunk_end(t, chunk) - chunk * t->chunk;
    size_t begin = whole_batch(t) ? chunk * t->chunk : 0;
    return (struct chunk_outputs){
        .all = &t->outputs[(whole_batch(t) ? 0 : thread) * t->blocks + block],
        .begin = begin,
        .end = begin + count};
}

/* What the objective compares of a chunk: predictions and targets, or the outputs themselves. */
static const struct outputs *compared_by(const struct trainer *t, const struct chunk_outputs *o,
                                         int thread)
{
    return predicts(t) ? &t->head[thread].compared : o->all;
}

/* f of a block's top level in a pass, before it is normalised. */
static double *block_values(const struct pass *pass, const struct block *block)
{
    return block->top > 0 ? pass->act[block->top] : pass->pre[0];
}

/* The outputs of a block in a pass from `column` on become out[width][stride], normalised where the
 * network is. */
static void chunk_output(const struct trainer *t, const struct block *block,
                         const struct pass *pass, size_t column, size_t stride, double *out)
{
    const struct network *n = t->plan.network;
    const double *in = block_values(pass, block) + column;
    for (size_t k = 0; k < (size_t)block->width; k++)
        memcpy(out + k * stride, in + k * pass->columns, t->chunk * sizeof *out);
    if (n->normalize)
        normalize_forward(block->width, t->chunk, stride, n->norm_eps, out, out);
}

/* ... of all views, where the objective finds them. */
static void block_outputs(const struct trainer *t, int block, size_t chunk, int thread)
{
    const struct pass *pass = pass_of(t, chunk, thread);
    struct chunk_outputs o = outputs_of(t, block, chunk, thread);
    for (int view = 0; view < t->online_views; view++)
        chunk_output(t, &t->block[block], pass, (size_t)view * t->chunk, o.all->stride,
                     (double *)o.all->f + output_index(o.all, view, 0, o.begin));
}

/* What a view's samples from `first` on look up, [node][*stride]. */
static const uint16_t *view_patterns(const struct trainer *t, int view, struct place place,
                                     size_t first, size_t *stride)
{
    if (t->tables.occurring) {
        *stride = t->occurring.stride;
        return numbering_columns(supply_numbering(&t->supply, place), &t->occurring, view, first);
    }
    *stride = t->supply.slab_stride;
    return supply_patterns(&t->supply, view, place, first);
}

/* A view's samples of a chunk go into the columns of a pass from `column` on. */
static void load_view(const struct trainer *t, struct pass *pass, int view, struct place place,
                      size_t chunk, size_t column)
{
    size_t stride;
    if (real_values(t)) {
        supply_load_values(&t->supply, pass, view, place, chunk * t->chunk, t->chunk, column);
        return;
    }
    const uint16_t *pattern = view_patterns(t, view, place, chunk * t->chunk, &stride);
    pass_look_up(pass, pattern, stride, column, t->chunk);
}

/* From the online outputs to predictions and targets. */
static void chunk_predict(struct trainer *t, const struct chunk_outputs *o, size_t chunk,
                          struct place place, int thread)
{
    const size_t view = (size_t)t->plan.network->level[0].width * t->chunk;
    const double *target = o->all->f + view;
    if (t->target) {
        struct pass *pass = &t->target_pass[thread];
        double *out = t->target_output + (size_t)thread * view;
        load_view(t, pass, 1, place, chunk, 0);
        pass_forward(pass, t->target);
        chunk_output(t, &t->block[0], pass, 0, t->chunk, out);
        target = out;
    }
    head_forward(&t->head[thread], t->predictor.parameters, (double *)o->all->f, target);
}

/* The pass of a chunk, and the outputs of the top block. */
static void chunk_forward(struct trainer *t, size_t chunk, struct place place, int thread)
{
    struct pass *pass = pass_of(t, chunk, thread);
    struct chunk_outputs o = outputs_of(t, 0, chunk, thread);
    for (int view = 0; view < t->online_views; view++)
        if (pass->lent)
            pass_lend(pass, (size_t)view, supply_values(&t->supply, view, place, chunk * t->chunk));
        else
            load_view(t, pass, view, place, chunk, (size_t)view * t->chunk);
    pass_forward(pass, t->parameters);
    block_outputs(t, 0, chunk, thread);
    if (predicts(t))
        chunk_predict(t, &o, chunk, place, thread);
}

static void chunk_rows(struct trainer *t, size_t chunk, int thread)
{
    struct chunk_outputs o = outputs_of(t, 0, chunk, thread);
    objective_rows(t->plan.objective, t->plan.objective_settings, o.all, o.begin, o.end, t->shared,
                   t->scratch + chunk * t->scratch_size);
}

static double *partial_of(const struct trainer *t, int block, size_t chunk)
{
    return t->partial + ((size_t)block * t->chunks + chunk) * PARTIAL_STRIDE;
}

static void chunk_gradient(struct trainer *t, int block, size_t chunk, int thread)
{
    struct chunk_outputs o = outputs_of(t, block, chunk, thread);
    if (semi_supervised(t)) /* comatch_loss has found it */
        return;
    objective_gradient(t->plan.objective, t->plan.objective_settings, compared_by(t, &o, thread),
                       o.begin, o.end, t->shared, t->scratch + chunk * t->scratch_size,
                       partial_of(t, block, chunk));
}

/* A block's mean loss of the batch, and what all gradients are yet to be multiplied by. */
static double batch_loss_of(const struct trainer *t, int block, double *force)
{
    double totals[OBJECTIVE_PARTIALS] = {0};
    if (semi_supervised(t))
        return t->comatch.loss;
    for (size_t c = 0; c < t->chunks; c++)
        for (int i = 0; i < OBJECTIVE_PARTIALS; i++)
            totals[i] += partial_of(t, block, c)[i];
    return objective_finish(t->plan.objective, t->plan.objective_settings, &t->outputs[0], totals,
                            force);
}

/* From the gradient of predictions and targets to that of the online outputs. */
static void chunk_backward_head(struct trainer *t, size_t shard, const struct chunk_outputs *o,
                                int thread)
{
    struct head *head = &t->head[thread];
    const size_t view = (size_t)o->all->width * t->chunk, count = o->end - o->begin;
    double *sums = t->predictor_sums + shard * t->predictor_stride;
    head_backward(head, t->predictor.parameters, (double *)o->all->f, count, sums, o->all->df,
                  t->target ? NULL : o->all->df + view);
    predictor_sums_add(&t->predictor, count, t->chunk, o->all->f, head->raw + view, sums);
}

static void chunk_backward(struct trainer *t, int block, size_t shard, size_t chunk,
                           struct place place, int thread)
{
    struct pass *pass = pass_of(t, chunk, thread);
    const struct network *n = t->plan.network;
    const struct block *levels = &t->block[block];
    struct chunk_outputs o = outputs_of(t, block, chunk, thread);
    size_t count = o.end - o.begin;
    memcpy(pass->delta, t->delta[thread].delta, sizeof pass->delta);
    if (predicts(t))
        chunk_backward_head(t, shard, &o, thread);
    for (int view = 0; view < t->gradient_views; view++) {
        const double *in = o.all->df + output_index(o.all, view, 0, o.begin);
        double *out = pass->delta[levels->top] + (size_t)view * t->chunk;
        for (size_t k = 0; k < (size_t)o.all->width; k++) {
            memcpy(out + k * pass->columns, in + k * o.all->stride, count * sizeof *out);
            memset(out + k * pass->columns + count, 0, (t->chunk - count) * sizeof *out);
        }
    }
    if (n->normalize)
        normalize_backward(o.all->width, pass->learning, pass->columns, n->norm_eps,
                           block_values(pass, levels), pass->delta[levels->top],
                           pass->delta[levels->top]);
    pass_backward_levels(pass, t->parameters, t->shard_gradient + shard * t->gradient_stride,
                         levels->top, levels->bottom);
    for (int view = 0; !real_values(t) && view < t->gradient_views; view++) {
        size_t stride;
        const uint16_t *pattern = view_patterns(t, view, place, chunk * t->chunk, &stride);
        pass_scatter(pass, pattern, stride, (size_t)view * t->chunk, count,
                     t->shard_lookup + shard * t->lookup_stride);
    }
}

/* out[first..end) = force times the sum over shards, in their order */
static void sum_shards(double *out, const double *shard, size_t shards, size_t stride, size_t first,
                       size_t end, double force)
{
    for (size_t i = first; i < end; i++)
        out[i] = force * shard[i];
    for (size_t g = 1; g < shards; g++)
        for (size_t i = first; i < end; i++)
            out[i] += force * shard[g * stride + i];
}

/* What samples look up of child `i` of all entry nodes: where it begins, and how much is in use. */
static size_t lookup_range(const struct trainer *t, size_t i, size_t *first)
{
    const struct lookup *lookup = &t->tables.lookup;
    const size_t node = i / lookup->children, child = i % lookup->children;
    *first = lookup_offset(lookup, node, child);
    return tables_used(&t->tables, node, child);
}

static void clear_lookup(const struct trainer *t, double *delta_lookup)
{
    const struct lookup *lookup = &t->tables.lookup;
    for (size_t i = 0; t->lookup_stride > 0 && i < lookup->nodes * lookup->children; i++) {
        size_t first, count = lookup_range(t, i, &first);
        memset(delta_lookup + first, 0, count * sizeof *delta_lookup);
    }
}

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

/* The shards' sums become the gradient of the thread's parameters. */
static void collect_gradient(struct trainer *t, const struct owned *o, double force, int thread)
{
    sum_shards(t->gradient, t->shard_gradient, t->shards, t->gradient_stride, o->range[0].first,
               o->range[0].end, force);
    for (size_t i = o->first_child; t->lookup_stride > 0 && i < o->end_child; i++) {
        size_t first, count = lookup_range(t, i, &first);
        sum_shards(t->shard_lookup, t->shard_lookup, t->shards, t->lookup_stride, first,
                   first + count, force);
    }
    for (int i = 1; i < o->count; i++)
        memset(t->gradient + o->range[i].first, 0,
               (o->range[i].end - o->range[i].first) * sizeof(double));
    tables_backward(&t->tables, t->shard_lookup, t->parameters, t->gradient, o->first_node,
                    o->end_node, thread);
}

/* Tables of the thread's subtrees, for the batch that lies at `place`. */
static void evaluate_tables(struct trainer *t, const struct owned *o, struct place place)
{
    if (t->tables.occurring)
        occurring_take(&t->occurring, supply_numbering(&t->supply, place), o->first_child,
                       o->end_child);
    tables_forward(&t->tables, t->parameters, o->first_node, o->end_node);
    if (t->target)
        tables_forward(&t->target_tables, t->target, o->first_node, o->end_node);
}

/* Step number `step` of the predictor; false if a weight is no longer finite. */
static bool update_predictor(struct trainer *t, uint64_t step)
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
static bool update(struct trainer *t, const struct owned *o, uint64_t step)
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

/* ---- the epoch ---- */

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
    return semi_supervised(t) && thread == t->team - 1;
}

/* Where the loss compares the samples of a batch: the outputs of all, and what all chunks share. */
static void step_batch(struct worker *w, struct place place, size_t first, size_t end)
{
    struct trainer *t = w->run->trainer;
    for (size_t c = first; c < end; c++)
        chunk_forward(t, c, place, w->thread);
    if (owns_labelled(t, w->thread))
        labelled_forward(&t->labelled, t->step + w->step, t->parameters);
    meet(w);
    if (!semi_supervised(t)) {
        for (size_t c = first; c < end; c++)
            chunk_rows(t, c, w->thread);
    } else if (w->thread == 0) {
        comatch_pseudo_labels(&t->comatch, &t->outputs[0], &t->labelled.outputs);
        comatch_loss(&t->comatch, &t->outputs[0], &t->labelled.outputs);
    }
    meet(w);
}

/* Outputs, loss and gradient sums of this thread's chunks. */
static void step_chunks(struct worker *w, struct place place)
{
    struct trainer *t = w->run->trainer;
    int thread = w->thread;
    size_t first, end;
    share(t->shards, thread, t->team, &first, &end);
    if (whole_batch(t))
        step_batch(w, place, shard_chunk(t, first), shard_chunk(t, end));
    for (size_t g = first; g < end; g++) {
        memset(t->shard_gradient + g * t->gradient_stride, 0, t->gradient_stride * sizeof(double));
        clear_lookup(t, t->shard_lookup + g * t->lookup_stride);
        if (predicts(t))
            memset(t->predictor_sums + g * t->predictor_stride, 0,
                   t->predictor_stride * sizeof(double));
        for (size_t c = shard_chunk(t, g); c < shard_chunk(t, g + 1); c++) {
            if (!whole_batch(t))
                chunk_forward(t, c, place, thread);
            for (int b = 0; b < t->blocks; b++) {
                if (b > 0)
                    block_outputs(t, b, c, thread);
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

static struct place enter_step(struct worker *w, size_t step)
{
    struct trainer *t = w->run->trainer;
    const struct trainer_watch *watch = &w->run->watch;
    w->step = step;
    if (w->thread == 0 && watch->keep_going && step % t->supply.slab_steps == 0)
        w->run->result.stopped = !watch->keep_going(watch->context, step);
    struct place place = supply_enter(&t->supply, step, w->thread);
    if (w->thread == 0) /* the others meet it before they look */
        t->outputs[0].label = supply_labels(&t->supply, place);
    return place;
}

/* Losses of all blocks, `force` as in batch_loss_of; false if one is not finite. */
static bool batch_losses(const struct trainer *t, double loss[NETWORK_MAX_LEVELS], double *force)
{
    bool finite = true;
    for (int b = 0; b < t->blocks; b++) {
        loss[b] = batch_loss_of(t, b, force);
        finite &= isfinite(loss[b]) != 0;
    }
    return finite;
}

static void keep_losses(struct epoch_run *run, size_t step, const double *loss, bool finite)
{
    struct trainer *t = run->trainer;
    for (int b = 0; b < t->blocks; b++) /* means so far */
        t->block_loss[b] += (loss[b] - t->block_loss[b]) / (double)(step + 1);
    for (int i = 0; i < COMATCH_TERMS; i++)
        t->term[i] += (t->comatch.term[i] - t->term[i]) / (double)(step + 1);
    run->result.loss = t->block_loss[0];
    run->result.steps = step + 1;
    run->result.diverged = !finite;
}

/* All threads take the same turns: what they decide on was written before a barrier and is not
 * written again before the next. */
static void run_thread(struct epoch_run *run, int thread)
{
    struct trainer *t = run->trainer;
    struct worker worker = {.run = run, .thread = thread};
    struct owned owned = owned_by(t, thread);
    for (size_t step = run->first; step < run->end; step++) {
        struct place place = enter_step(&worker, step);
        evaluate_tables(t, &owned, place);
        meet(&worker);
        if (run->result.stopped || !all_finite(run))
            break;
        step_chunks(&worker, place);
        double force = 1, loss[NETWORK_MAX_LEVELS];
        const bool finite = batch_losses(t, loss, &force);
        if (thread == 0)
            keep_losses(run, step, loss, finite);
        if (!finite)
            break;
        if (run->learn) {
            collect_gradient(t, &owned, force, thread);
            run->not_finite[thread] = !update(t, &owned, t->step + step + 1);
            if (thread == 0 && predicts(t))
                run->not_finite[thread] |= !update_predictor(t, t->step + step + 1);
            if (thread == 0 && semi_supervised(t))
                run->not_finite[thread] |=
                    !comatch_learn(&t->comatch, t->step + step + 1, t->labelled.batch_label);
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
    memset(t->term, 0, sizeof t->term);
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

double trainer_flops(const struct trainer *trainer)
{
    double of_pass = pass_flops(&trainer->pass[0], false);
    for (int b = 0; b < trainer->blocks; b++)
        of_pass +=
            pass_backward_flops(&trainer->pass[0], trainer->block[b].top, trainer->block[b].bottom);
    double flops = (double)trainer->chunks * of_pass + tables_flops(&trainer->tables, true);
    if (semi_supervised(trainer))
        flops += pass_flops(&trainer->labelled.pass, true);
    if (trainer->target)
        flops += (double)trainer->chunks * pass_flops(&trainer->target_pass[0], false) +
                 tables_flops(&trainer->target_tables, false);
    return flops;
}

void trainer_quantities(const struct trainer *t, struct quantity_list *list)
{
    static const char *const term[COMATCH_TERMS][2] = {
        [COMATCH_LABELLED] = {"labelled_loss", "cross entropy of the labelled samples"},
        [COMATCH_PSEUDO] = {"pseudo_label_loss",
                            "cross entropy with confident pseudo-labels, before lambda_cls"},
        [COMATCH_GRAPH] = {"graph_loss",
                           "cross entropy of the graphs of pseudo-labels and of embeddings, before "
                           "lambda_ctr"},
        [COMATCH_CONFIDENT] = {"confident",
                               "share of unlabelled samples whose pseudo-label is confident"},
    };
    if (t->blocks > 1) {
        struct quantity *q =
            quantity_add(list, "mean loss of each block over the epoch", "/series/block_loss");
        quantity_axis(q, (size_t)t->blocks,
                      "block of levels that is trained by its own loss, 0 the top one", "/block");
        q->value = t->block_loss;
    }
    for (int i = 0; semi_supervised(t) && i < COMATCH_TERMS; i++)
        quantity_add(list, term[i][1], "/series/comatch/%s", term[i][0])->value = &t->term[i];
}

const double *trainer_class_head(const struct trainer *t, size_t *count)
{
    *count = semi_supervised(t) ? class_head_parameters(&t->comatch.head) : 0;
    return semi_supervised(t) ? t->comatch.parameters : NULL;
}
