#include "sim/train/trainer_private.h"

#include <stddef.h>
#include <string.h>

/* Columns of a chunk, more where a column is long. */
enum { CHUNK_COLUMNS = 128, CHUNK_LONG_COLUMNS = 256, LONG_COLUMN = 256 };
enum { SUPPLY_BYTES = 8 << 20 };

_Static_assert(_Alignof(struct trainer) <= _Alignof(max_align_t),
               "whoever has a trainer may allocate it with malloc");

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
    const struct learner *p = &t->plan;
    t->needs = objective_needs(p->objective, p->objective_settings);
    t->online_views = target_network(t) ? t->needs.views - 1 : t->needs.views;
    t->gradient_views = t->needs.gradient_views;
    if (t->gradient_views > t->online_views)
        t->gradient_views = t->online_views;
    t->chunk = chunk_samples(p->network, t->needs.views);
    t->chunks = (p->batch + t->chunk - 1) / t->chunk;
    t->shards =
        (t->chunks + 1) / 2; /* two chunks or more in each: threads read each other's sums */
    if (t->shards > TRAINER_SHARDS)
        t->shards = TRAINER_SHARDS;
    t->steps = p->samples / p->batch;
    t->parameter_stride = padded(p->network->parameters);
    t->blocks = blocks_of(t->needs.cut, p->network, t->block);
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
    size_t sets = t->needs.whole_batch ? 1 : (size_t)t->plan.threads;
    size_t stride = t->needs.whole_batch ? padded(t->chunks * t->chunk) : t->chunk;
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
    t->partial = ARENA_TAKE(arena, double, blocks * t->chunks * PARTIAL_STRIDE);
}

static void layout_supply(struct trainer *t, struct arena *arena)
{
    const struct learner *p = &t->plan;
    const struct supply_plan plan = {.source = p->source,
                                     .world = p->world,
                                     .network = p->network,
                                     .level = t->tables.batch_patterns ? t->batch_patterns.level
                                                                       : t->tables.boundary,
                                     .batch_patterns = t->tables.batch_patterns,
                                     .seed = p->seed,
                                     .positives = t->needs.positives,
                                     .views = t->needs.views,
                                     .labels = t->needs.labels,
                                     .batch = p->batch,
                                     .chunk = t->chunk,
                                     .steps = t->steps,
                                     .threads = p->threads,
                                     .ring_bytes = SUPPLY_BYTES};
    supply_layout(&t->supply, &plan, arena);
}

/* Long columns are read where they were drawn, if every chunk lies within one block of them. */
static bool borrows(const struct trainer *t)
{
    const struct network *n = t->plan.network;
    return is_wide(n) && n->level[n->levels - 1].nodes == 1 && BLOCK % t->chunk == 0 &&
           t->plan.batch % t->chunk == 0;
}

/* A pass of the network in training: the views that it learns from, and the place of its inputs. */
static void limit_pass(const struct trainer *t, struct pass *pass, struct arena *arena)
{
    pass_limit(pass, t->chunk * (size_t)t->gradient_views);
    if (borrows(t))
        pass_borrow_layout(pass, t->chunk, BLOCK, arena);
}

/* `count` forward passes of `columns`. */
static struct pass *layout_passes(const struct trainer *t, const struct pattern_tables *tables,
                                  size_t count, size_t columns, struct arena *arena)
{
    struct pass *passes = ARENA_TAKE(arena, struct pass, count);
    for (size_t i = 0; i < count; i++) {
        struct pass pass;
        pass_layout(&pass, tables, columns, false, false, arena);
        if (tables == &t->tables)
            limit_pass(t, &pass, arena);
        if (arena->base)
            passes[i] = pass;
    }
    return passes;
}

static void layout_labelled(struct trainer *t, struct arena *arena)
{
    const struct learner *p = &t->plan;
    const struct labelled_plan plan = {.source = p->source,
                                       .world = p->world,
                                       .network = p->network,
                                       .tables = &t->tables,
                                       .seed = p->seed,
                                       .count = t->needs.labelled.count,
                                       .batch = t->needs.labelled.batch};
    labelled_layout(&t->labelled, &plan, arena);
}

static void layout_loss(struct trainer *t, struct arena *arena)
{
    const struct learner *p = &t->plan;
    const struct loss_plan plan = {.objective = p->objective,
                                   .settings = p->objective_settings,
                                   .width = p->network->level[0].width,
                                   .samples = p->batch,
                                   .stride = padded(t->chunks * t->chunk),
                                   .chunk = t->chunk,
                                   .workers = p->threads,
                                   .labelled = &t->labelled.outputs,
                                   .classes = source_classes(p->source, p->world),
                                   .optimiser = p->optimiser,
                                   .optimiser_settings = p->optimiser_settings};
    loss_layout(&t->loss, &plan, arena);
}

static void layout_heads(struct trainer *t, struct arena *arena)
{
    const struct learner *p = &t->plan;
    predictor_trainer_layout(&t->predictor, &t->plan, arena);
    t->prediction = ARENA_TAKE(arena, struct prediction, (size_t)p->threads);
    for (int i = 0; i < p->threads; i++) {
        struct prediction prediction;
        prediction_layout(&prediction, p->predictor, &t->needs, p->batch, t->chunk, arena);
        if (arena->base)
            t->prediction[i] = prediction;
    }
    t->predictor_stride = padded(predictor_sums_size(&t->predictor));
    t->predictor_sums = ARENA_TAKE(arena, double, t->shards * t->predictor_stride);
}

static void layout_target(struct trainer *t, struct arena *arena)
{
    const struct learner *p = &t->plan;
    const size_t threads = (size_t)p->threads;
    t->target = ARENA_TAKE(arena, double, t->parameter_stride);
    pattern_tables_layout(&t->target_tables, p->network, t->tables.boundary,
                          t->tables.batch_patterns, 0, arena);
    t->target_pass = layout_passes(t, &t->target_tables, threads, t->chunk, arena);
    t->target_output =
        ARENA_TAKE(arena, double, threads *(size_t)p->network->level[0].width * t->chunk);
    if (!arena->base)
        return;
    if (target_network(t)->start == START_ONLINE)
        memcpy(t->target, t->parameters, t->parameter_stride * sizeof *t->target);
    else if (target_network(t)->start == START_RANDOM)
        network_init(p->network, p->seed, PURPOSE_TARGET, t->target);
}

/* Blocks are evaluated once per sample, and labelled samples bring patterns of their own. */
static void layout_tables(struct trainer *t, struct arena *arena)
{
    const struct learner *p = &t->plan;
    const struct network *n = p->network;
    const size_t columns = p->batch * (size_t)t->needs.views;
    const int boundary = t->blocks > 1 ? n->levels : boundary_level(n, columns);
    const bool numbered = boundary < n->levels && boundary > 1 && t->needs.labelled.batch == 0 &&
                          batch_patterns_pays(n, boundary - 1, columns);
    if (numbered)
        batch_patterns_layout(&t->batch_patterns, n, boundary - 1, t->needs.views,
                              t->chunks * t->chunk, arena);
    pattern_tables_layout(&t->tables, n, boundary, numbered ? &t->batch_patterns : NULL, p->threads,
                          arena);
}

void trainer_layout(struct trainer *t, const struct learner *plan, struct arena *arena)
{
    *t = (struct trainer){.plan = *plan};
    plan_sizes(t);
    const struct network *n = plan->network;
    const size_t columns = t->chunk * (size_t)t->online_views;
    t->parameters = ARENA_TAKE(arena, double, t->parameter_stride);
    t->gradient = ARENA_TAKE(arena, double, t->parameter_stride);
    t->state = ARENA_TAKE(arena, double, (size_t)plan->optimiser->slots * t->parameter_stride);
    layout_tables(t, arena);
    t->pass = layout_passes(t, &t->tables, t->needs.whole_batch ? t->chunks : (size_t)plan->threads,
                            columns, arena);
    t->delta = ARENA_TAKE(arena, struct pass, (size_t)plan->threads);
    for (int i = 0; i < plan->threads; i++) {
        struct pass pass = {.network = n, .tables = &t->tables, .columns = padded(columns)};
        pass_layout_delta(&pass, arena);
        if (arena->base)
            t->delta[i] = pass;
    }
    t->gradient_stride = padded(upper_parameters(t));
    t->lookup_stride = padded(pattern_tables_lookup_size(&t->tables));
    t->shard_gradient = ARENA_TAKE(arena, double, t->shards * t->gradient_stride);
    t->shard_lookup = ARENA_TAKE(arena, double, t->shards * t->lookup_stride);
    layout_outputs(t, arena);
    layout_supply(t, arena);
    if (arena->base)
        network_init(n, plan->seed, PURPOSE_WEIGHTS, t->parameters);
    if (predicts(t))
        layout_heads(t, arena);
    if (t->needs.labelled.batch > 0)
        layout_labelled(t, arena);
    layout_loss(t, arena);
    if (target_network(t))
        layout_target(t, arena);
}

double trainer_flops(const struct trainer *trainer)
{
    double of_pass = pass_flops(&trainer->pass[0], false);
    for (int b = 0; b < trainer->blocks; b++)
        of_pass +=
            pass_backward_flops(&trainer->pass[0], trainer->block[b].top, trainer->block[b].bottom);
    double flops = (double)trainer->chunks * of_pass + pattern_tables_flops(&trainer->tables, true);
    if (trainer->needs.labelled.batch > 0)
        flops += pass_flops(&trainer->labelled.pass, true);
    if (trainer->target)
        flops += (double)trainer->chunks * pass_flops(&trainer->target_pass[0], false) +
                 pattern_tables_flops(&trainer->target_tables, false);
    return flops;
}

void trainer_quantities(const struct trainer *t, struct quantity_list *list)
{
    const struct form *form = t->plan.objective->form;
    if (t->blocks > 1) {
        struct quantity *q =
            quantity_add(list, "mean loss of each block over the epoch", "/series/block_loss");
        quantity_axis(q, (size_t)t->blocks,
                      "block of levels that is trained by its own loss, 0 the top one", "/block");
        q->value = t->block_loss;
    }
    if (form->quantities)
        form->quantities(&t->loss, list);
}

/* "0, 3, 4", as far as it fits. */
static void list_missing(const size_t *count, size_t classes, char *text, size_t size)
{
    size_t used = 0;
    *text = '\0';
    for (size_t y = 0; y < classes && used < size; y++)
        if (count[y] == 0)
            used += (size_t)snprintf(text + used, size - used, "%s%zu", used ? ", " : "", y);
}

void trainer_remarks(const struct trainer *t, struct remarks *remarks)
{
    size_t count[256], missing = 0;
    char list[160];
    const struct learner *p = &t->plan;
    if (t->needs.labelled.count == 0 || p->samples == 0)
        return;
    const size_t classes = (size_t)source_classes(p->source, p->world);
    labelled_count(&t->labelled, count);
    for (size_t y = 0; y < classes; y++)
        missing += count[y] == 0;
    list_missing(count, classes, list, sizeof list);
    if (missing > 0)
        remark(remarks,
               "not learned: %zu of %zu classes have no labelled sample among objective.labels "
               "%zu: %s; give more labels, or another seed",
               missing, classes, t->needs.labelled.count, list);
}

const double *trainer_class_head(const struct trainer *t, size_t *count)
{
    const struct form *form = t->plan.objective->form;
    *count = 0;
    return form->class_head ? form->class_head(&t->loss, count) : NULL;
}
