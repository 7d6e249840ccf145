#include "sim/train/trainer_private.h"

#include "core/linalg.h"
#include "sim/train/ema_step.h"

#include <string.h>

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

/* The lookup rows of child `i`, counted over all entry nodes: their offset, and how many doubles
 * are in use. */
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

void shard_clear(struct trainer *t, size_t shard)
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

struct owned owned_by(const struct trainer *t, int thread)
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

void owned_gradient(struct trainer *t, const struct owned *o, double scale, int thread)
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

void owned_tables(struct trainer *t, const struct owned *o, struct batch_place place)
{
    if (t->tables.batch_patterns)
        batch_patterns_take(&t->batch_patterns, supply_numbering(&t->supply, place), o->first_child,
                            o->end_child);
    pattern_tables_forward(&t->tables, t->parameters, o->first_node, o->end_node);
    if (t->target)
        pattern_tables_forward(&t->target_tables, t->target, o->first_node, o->end_node);
}

bool predictor_step_of(struct trainer *t, uint64_t step)
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

bool owned_step(struct trainer *t, const struct owned *o, uint64_t step)
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
