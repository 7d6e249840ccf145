#include "analysis/latent_measure.h"

#include "core/extreme.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* Samples of one label that wait until they fill a set of columns. */
struct pending {
    uint8_t *state; /* [node][COLUMNS] */
    double *weight; /* [COLUMNS] */
    size_t count;
};

struct latent_thread {
    struct pass pass;
    struct connection_work connection;
    uint16_t *pattern[NETWORK_MAX_LEVELS + 1]; /* [node][COLUMNS] of the boundary and below */
    struct pending *pending;                   /* [label] */
    uint8_t *block;                            /* [node][BLOCK] */
    void *scratch;                             /* of the source */
};

/* ---- plan ---- */

struct operator_shape latents_shape(const struct latent_measure *m, int level)
{
    return (struct operator_shape){.labels = (size_t)m->plan.tree->states,
                                   .outputs = (size_t)m->plan.network->level[0].width,
                                   .neurons = (size_t)m->plan.network->level[level].width,
                                   .inputs = (size_t)m->plan.network->level[level].fan_in};
}

static bool wants_operator(const struct latent_measure *m)
{
    return m->plan.covop || m->plan.spectrum;
}

static void layout_thread(struct latent_measure *m, struct latent_thread *t, struct arena *arena)
{
    const struct network *n = m->plan.network;
    const struct tree *tree = m->plan.tree;
    pass_layout(&t->pass, &m->tables, COLUMNS, true, false, arena);
    if (wants_operator(m))
        connection_layout(&t->connection, &m->connection_plan, arena);
    for (int l = m->tables.boundary; l <= n->levels; l++)
        t->pattern[l] = ARENA_TAKE(arena, uint16_t, nodes_of(n, l) * COLUMNS);
    size_t labels = (size_t)tree->states;
    struct pending *pending = ARENA_TAKE(arena, struct pending, labels);
    t->pending = pending;
    for (size_t s = 0; s < labels; s++) {
        uint8_t *state = ARENA_TAKE(arena, uint8_t, tree->nodes * COLUMNS);
        double *weight = ARENA_TAKE(arena, double, COLUMNS);
        if (arena->base)
            pending[s] = (struct pending){.state = state, .weight = weight};
    }
    t->block = ARENA_TAKE(arena, uint8_t, tree->nodes * BLOCK);
    if (m->plan.source)
        t->scratch = ARENA_TAKE(arena, uint8_t, m->plan.source->scratch_size(m->plan.world));
}

static void layout_results(struct latent_measure *m, struct arena *arena)
{
    const struct network *n = m->plan.network;
    m->correlation = ARENA_TAKE(arena, double, correlation_size(&m->correlation_plan));
    m->probability = ARENA_TAKE(arena, double, (size_t)m->plan.tree->states);
    if (!wants_operator(m))
        return;
    m->connection = ARENA_TAKE(arena, double, connection_size(&m->connection_plan));
    for (int l = 0; l < n->levels; l++) {
        struct operator_shape shape = latents_shape(m, l);
        size_t nodes = n->level[l].nodes, work = operator_work(shape);
        m->norm[l] = ARENA_TAKE(arena, double, nodes);
        m->trace[l] = ARENA_TAKE(arena, double, nodes);
        if (m->plan.spectrum)
            m->eigenvalue[l] = ARENA_TAKE(arena, double, nodes *operator_rank(shape));
        if (work > m->operator_work_size)
            m->operator_work_size = padded(work);
    }
    m->operator_work = ARENA_TAKE(arena, double, (size_t)m->plan.threads * m->operator_work_size);
}

/* Sums by pattern should not take more than a few MiB per group. */
static int measure_boundary(const struct latent_plan *plan)
{
    enum { BUCKET_DOUBLES = 1 << 19 };
    const struct network *n = plan->network;
    int l = boundary_level(n, plan->columns);
    for (; l < n->levels; l++) {
        size_t rows = (size_t)n->level[l - 1].width * (l == 2 ? 1 : (size_t)n->level[0].width);
        size_t bucket = nodes_of(n, l) * pattern_count(n, l) * (size_t)plan->tree->states * rows;
        size_t dense = 0; /* what the boundary saves: K of its parents and below, summed directly */
        for (int d = l - 1; d < n->levels; d++)
            dense += nodes_of(n, d) * (size_t)n->level[d].fan_in * (size_t)n->level[d].width *
                     (size_t)n->level[0].width * (size_t)plan->tree->states;
        if (bucket <= BUCKET_DOUBLES || bucket <= dense)
            break;
    }
    return l;
}

void latents_layout(struct latent_measure *m, const struct latent_plan *plan, struct arena *arena)
{
    const struct network *n = plan->network;
    *m = (struct latent_measure){.plan = *plan};
    pattern_tables_layout(&m->tables, n, measure_boundary(plan), NULL, 0, arena);
    correlation_plan(&m->correlation_plan, n, plan->tree, &m->tables);
    connection_plan(&m->connection_plan, n, &m->tables, plan->tree->states);
    m->connection_start = padded(m->correlation_plan.size);
    m->stride = m->connection_start + (wants_operator(m) ? padded(m->connection_plan.size) : 0);
    m->sums = ARENA_TAKE(arena, double, LATENT_GROUPS * m->stride);
    for (int l = 0; l < n->levels; l++)
        m->shift[l] = ARENA_TAKE(arena, double, n->level[l].nodes *(size_t)n->level[l].width);
    m->thread = ARENA_TAKE(arena, struct latent_thread, (size_t)plan->threads);
    for (int i = 0; i < plan->threads; i++) {
        struct latent_thread thread = {0};
        layout_thread(m, &thread, arena);
        if (arena->base)
            m->thread[i] = thread;
    }
    layout_results(m, arena);
}

/* ---- accumulate ---- */

static void evaluate(struct latent_measure *m, struct latent_thread *t, double *parameters,
                     const uint8_t *leaf, size_t stride)
{
    int boundary = m->tables.boundary;
    pattern_index(m->plan.network, boundary, leaf, stride, COLUMNS, t->pattern[boundary], COLUMNS);
    pass_look_up(&t->pass, t->pattern[boundary], COLUMNS, 0, COLUMNS);
    pass_forward(&t->pass, parameters);
}

static void add_columns(struct latent_measure *m, struct latent_thread *t, double *parameters,
                        const struct columns *columns, double *sums)
{
    const struct network *n = m->plan.network;
    evaluate(m, t, parameters, columns->leaf, columns->stride);
    if (m->plan.correlation) {
        for (int l = m->tables.boundary + 1; n->mirrors_tree && l < n->levels; l++)
            pattern_index(n, l, columns->leaf, columns->stride, COLUMNS, t->pattern[l], COLUMNS);
        correlation_add(&m->correlation_plan, &t->pass, columns, m->shift, t->pattern, sums);
    }
    if (wants_operator(m))
        connection_add(&m->connection_plan, &t->connection, &t->pass, parameters, columns,
                       t->pattern[m->tables.boundary], sums + m->connection_start);
}

static void flush(struct latent_measure *m, struct latent_thread *t, double *parameters, int label,
                  double *sums)
{
    struct pending *p = &t->pending[label];
    const struct tree *tree = m->plan.tree;
    if (p->count == 0)
        return;
    for (size_t i = 0; i < COLUMNS; i++)
        p->weight[i] = i < p->count;
    struct columns columns = {.label = label,
                              .weight = p->weight,
                              .leaf = p->state + tree->first[tree->depth] * COLUMNS,
                              .latent = p->state,
                              .stride = COLUMNS};
    add_columns(m, t, parameters, &columns, sums);
    p->count = 0;
}

/* Sort the samples state[node][stride], `count` of them, by the state of the root. */
static void add_states(struct latent_measure *m, struct latent_thread *t, double *parameters,
                       const uint8_t *state, size_t stride, size_t count, double *sums)
{
    for (size_t s = 0; s < count; s++) {
        int label = state[s];
        struct pending *p = &t->pending[label];
        for (size_t node = 0; node < m->plan.tree->nodes; node++)
            p->state[node * COLUMNS + p->count] = state[node * stride + s];
        if (++p->count == COLUMNS)
            flush(m, t, parameters, label, sums);
    }
}

static void flush_all(struct latent_measure *m, struct latent_thread *t, double *parameters,
                      double *sums)
{
    for (int label = 0; label < m->plan.tree->states; label++)
        flush(m, t, parameters, label, sums);
}

/* ---- the three kinds of input: each adds blocks [first, end) of BLOCK columns to `sums` ---- */

struct input {
    double *parameters;
    size_t count; /* columns in all */
    void (*add)(struct latent_measure *, struct latent_thread *, const struct input *, size_t first,
                size_t end, double *sums);
    struct draw draw;              /* samples from the source */
    const struct support *support; /* a support */
    const uint8_t *state;          /* given samples */
    size_t stride;
};

static size_t block_count(const struct input *input, size_t block)
{
    size_t left = input->count - block * BLOCK;
    return left < BLOCK ? left : BLOCK;
}

static void add_samples(struct latent_measure *m, struct latent_thread *t,
                        const struct input *input, size_t first, size_t end, double *sums)
{
    for (size_t b = first; b < end; b++) {
        struct draw draw = input->draw;
        draw.block = b;
        m->plan.source->latents->draw(m->plan.world, draw, t->scratch, t->block);
        add_states(m, t, input->parameters, t->block, BLOCK, block_count(input, b), sums);
    }
    flush_all(m, t, input->parameters, sums);
}

static void add_given(struct latent_measure *m, struct latent_thread *t, const struct input *input,
                      size_t first, size_t end, double *sums)
{
    for (size_t b = first; b < end; b++)
        add_states(m, t, input->parameters, input->state + b * BLOCK, input->stride,
                   block_count(input, b), sums);
    flush_all(m, t, input->parameters, sums);
}

static void add_support(struct latent_measure *m, struct latent_thread *t,
                        const struct input *input, size_t first, size_t end, double *sums)
{
    const struct support *s = input->support;
    for (size_t b = first; b < end; b++)
        for (int label = 0; label < m->plan.tree->states; label++) {
            double weight[COLUMNS];
            const double *root = s->posterior + (size_t)label * s->stride + b * BLOCK;
            for (size_t i = 0; i < COLUMNS; i++)
                weight[i] = s->probability[b * BLOCK + i] * root[i];
            struct columns columns = {.label = label,
                                      .weight = weight,
                                      .leaf = s->leaf + b * BLOCK,
                                      .posterior = s->posterior + b * BLOCK,
                                      .stride = s->stride};
            add_columns(m, t, input->parameters, &columns, sums);
        }
}

/* ---- a measurement ---- */

/* Pre-activations where every leaf has state 0, as the sums will meet them. */
static void set_shift(struct latent_measure *m, double *parameters)
{
    const struct network *n = m->plan.network;
    struct latent_thread *t = &m->thread[0];
    memset(t->block, 0, m->plan.tree->nodes * BLOCK);
    evaluate(m, t, parameters, t->block, BLOCK);
    for (int l = 0; l < n->levels; l++)
        for (size_t row = 0; row < n->level[l].nodes * (size_t)n->level[l].width; row++)
            m->shift[l][row] = l < m->tables.boundary ? t->pass.pre[l][row * COLUMNS]
                                                      : m->tables.pre[l][row * m->tables.stride[l]];
}

static void run_groups(struct latent_measure *m, const struct input *input)
{
    size_t blocks = (input->count + BLOCK - 1) / BLOCK;
#pragma omp parallel for num_threads(m->plan.threads) schedule(dynamic)
    for (size_t g = 0; g < LATENT_GROUPS; g++) {
        double *sums = m->sums + g * m->stride;
        memset(sums, 0, m->stride * sizeof *sums);
        input->add(m, &m->thread[omp_get_thread_num()], input, blocks * g / LATENT_GROUPS,
                   blocks * (g + 1) / LATENT_GROUPS, sums);
    }
#pragma omp parallel for num_threads(m->plan.threads) schedule(static)
    for (size_t i = 0; i < m->stride; i++)
        for (size_t g = 1; g < LATENT_GROUPS; g++)
            m->sums[i] += m->sums[g * m->stride + i];
}

static void finish_connections(struct latent_measure *m, double *parameters)
{
    const struct connection_plan *plan = &m->connection_plan;
    const double *sums = m->sums + m->connection_start;
    double total = 0;
    for (size_t s = 0; s < plan->labels; s++)
        total += sums[plan->weight + s];
    for (size_t s = 0; s < plan->labels; s++)
        m->probability[s] = sums[plan->weight + s] / total;
    connection_finish_upper(plan, parameters, sums, m->connection);
    if (m->tables.boundary == m->plan.network->levels)
        return;
    size_t nodes = nodes_of(m->plan.network, m->tables.boundary);
#pragma omp parallel for num_threads(m->plan.threads) schedule(static)
    for (size_t i = 0; i < nodes; i++)
        connection_finish_subtree(plan, &m->thread[omp_get_thread_num()].connection, parameters,
                                  sums, i, m->connection);
}

static size_t labels_met(const struct latent_measure *m)
{
    size_t met = 0;
    for (size_t s = 0; s < m->connection_plan.labels; s++)
        met += m->probability[s] > 0;
    return met;
}

/* Samples of one label alone have no variance over labels: nothing was measured. */
static void lose_operators(struct latent_measure *m)
{
    for (int l = 0; l < m->plan.network->levels; l++) {
        const size_t rank = operator_rank(latents_shape(m, l));
        for (size_t node = 0; node < m->plan.network->level[l].nodes; node++) {
            m->norm[l][node] = m->trace[l][node] = NAN;
            for (size_t i = 0; m->plan.spectrum && i < rank; i++)
                m->eigenvalue[l][node * rank + i] = NAN;
        }
    }
}

static enum status finish_operators(struct latent_measure *m, struct error *err)
{
    enum status result = STATUS_OK;
    if (labels_met(m) < 2) {
        lose_operators(m);
        return STATUS_OK;
    }
    for (int l = 0; l < m->plan.network->levels; l++) {
        struct operator_shape shape = latents_shape(m, l);
        size_t nodes = m->plan.network->level[l].nodes, rank = operator_rank(shape);
#pragma omp parallel for num_threads(m->plan.threads) schedule(dynamic)
        for (size_t node = 0; node < nodes; node++) {
            struct error problem = {0};
            struct operator_summary summary;
            double *work = m->operator_work + (size_t)omp_get_thread_num() * m->operator_work_size;
            double *value = m->plan.spectrum ? m->eigenvalue[l] + node * rank : NULL;
            enum status status = covariance_operator(
                shape, m->connection + connection_offset(&m->connection_plan, l, node, 0),
                m->probability, work, &summary, value, &problem);
            m->norm[l][node] = summary.norm;
            m->trace[l][node] = summary.trace;
            if (status) {
#pragma omp critical
                {
                    result = status;
                    if (err)
                        *err = problem;
                }
            }
        }
    }
    return result;
}

/* Of every level, the mean over its nodes of the best neuron's correlation. */
static void find_best(struct latent_measure *m)
{
    const struct tree *tree = m->plan.tree;
    for (int d = 0; d < tree->depth; d++) {
        const size_t width = (size_t)correlation_width(&m->correlation_plan, d);
        const double *r = m->correlation + correlation_offset(&m->correlation_plan, d);
        double sum = 0;
        for (size_t i = 0; i < tree->count[d]; i++) {
            double best = 0;
            for (size_t k = 0; k < width; k++)
                best = larger(best, fabs(r[i * width + k]));
            sum += best;
        }
        m->best[d] = sum / (double)tree->count[d];
    }
}

static enum status measure_input(struct latent_measure *m, const struct input *input,
                                 struct error *err)
{
    size_t nodes = nodes_of(m->plan.network, m->tables.entry);
#pragma omp parallel for num_threads(m->plan.threads) schedule(static)
    for (size_t i = 0; i < nodes; i++)
        pattern_tables_forward(&m->tables, input->parameters, i, i + 1);
    set_shift(m, input->parameters);
    run_groups(m, input);
    if (m->plan.correlation) {
        correlation_finish(&m->correlation_plan, m->shift, m->sums, m->correlation,
                           m->plan.threads);
        find_best(m);
    }
    if (!wants_operator(m))
        return STATUS_OK;
    finish_connections(m, input->parameters);
    return finish_operators(m, err);
}

enum status latents_from_samples(struct latent_measure *m, double *parameters, uint64_t seed,
                                 uint64_t epoch, size_t samples, struct error *err)
{
    struct input input = {.parameters = parameters,
                          .count = samples,
                          .add = add_samples,
                          .draw = {.seed = seed, .purpose = PURPOSE_MEASURE, .epoch = epoch}};
    return measure_input(m, &input, err);
}

enum status latents_from_support(struct latent_measure *m, double *parameters,
                                 const struct support *support, struct error *err)
{
    struct input input = {
        .parameters = parameters, .count = support->count, .add = add_support, .support = support};
    return measure_input(m, &input, err);
}

enum status latents_from_given(struct latent_measure *m, double *parameters, const uint8_t *state,
                               size_t stride, size_t count, struct error *err)
{
    struct input input = {.parameters = parameters,
                          .count = count,
                          .add = add_given,
                          .state = state,
                          .stride = stride};
    return measure_input(m, &input, err);
}

double latents_flops(const struct latent_measure *m, size_t samples)
{
    const struct connection_plan *plan = &m->connection_plan;
    double columns = (double)samples / COLUMNS, flops = pass_flops(&m->thread[0].pass, false);
    for (int l = 1; wants_operator(m) && l < m->tables.boundary; l++) {
        double nodes = (double)m->plan.network->level[l].nodes;
        flops += nodes * product_flops(&plan->outer[l]); /* 0 where it has none */
        if (l > 1)
            flops += nodes * (double)plan->outputs * product_flops(&plan->jacobian[l]);
    }
    return columns * flops + pattern_tables_flops(&m->tables, false);
}
