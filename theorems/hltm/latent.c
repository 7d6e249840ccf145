#include "theorems/hltm/latent.h"

#include "theorems/draw.h"

#include "sim/net/pass.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct param latent_params[] = {
    INTEGER_PARAM(struct latent_settings, depth, "4", 2, 8,
                  "levels of a tree below its root, at most"),
    INTEGER_PARAM(struct latent_settings, children, "3", 2, 8, "children of a node, at most"),
    INTEGER_PARAM(struct latent_settings, width, "5", 3, 32, "neurons of a node, at most"),
    INTEGER_PARAM(struct latent_settings, leaves, "9", 4, 24,
                  "leaves of a tree, at most; 16 can be enumerated"),
    INTEGER_PARAM(struct latent_settings, nodes, "14", 8, 32,
                  "nodes of a binary tree whose joint distribution is "
                  "written out, at most; 22 can be enumerated"),
    INTEGER_PARAM(struct latent_settings, samples, "1048576", 65536, 1 << 30,
                  "samples that the sampler is judged by"),
    {0}};

/* ---- trees ---- */

struct shape {
    int depth;
    int64_t children[TREE_MAX_DEPTH];
    size_t count[TREE_MAX_DEPTH + 1], nodes;
};

static void count_nodes(struct shape *shape)
{
    shape->nodes = shape->count[0] = 1;
    for (int d = 0; d < shape->depth; d++)
        shape->nodes += shape->count[d + 1] = shape->count[d] * (size_t)shape->children[d];
}

/* Every level draws its own number of children; too large a shape is drawn again. */
static bool draw_shape(gsl_rng *rng, const struct latent_settings *s, struct tree_wish wish,
                       struct shape *shape)
{
    enum { TRIES = 10000 };
    size_t leaves = wish.leaves ? wish.leaves : (size_t)s->leaves;
    int least = wish.least_depth > 1 ? wish.least_depth : 1;
    for (int i = 0; i < TRIES; i++) {
        shape->depth = draw_between(rng, least, (int)s->depth > least ? (int)s->depth : least);
        for (int d = 0; d < shape->depth; d++)
            shape->children[d] = draw_between(rng, d < wish.forks ? 2 : 1, (int)s->children);
        count_nodes(shape);
        if (shape->count[shape->depth] >= 2 && shape->count[shape->depth] <= leaves &&
            (wish.nodes == 0 || shape->nodes <= wish.nodes))
            return true;
    }
    return false;
}

static enum status shape_tree(gsl_rng *rng, const struct shape *shape, int states, double low,
                              double high, struct tree **tree, struct error *err)
{
    double *rho = malloc(shape->nodes * sizeof *rho);
    if (!rho)
        return error_memory(err, "%zu polarities", shape->nodes);
    for (size_t i = 0; i < shape->nodes; i++) {
        rho[i] = gsl_ran_flat(rng, low, high);
        if (gsl_rng_uniform_int(rng, states == 2 ? 2 : 4) == 0)
            rho[i] /= 1 - states; /* -1 / (m - 1) is its lower limit */
    }
    const struct tree_settings settings = {
        .depth = shape->depth,
        .children = {.count = (size_t)shape->depth, .value = shape->children},
        .states = states,
        .polarity = {.rank = 2,
                     .rows = (size_t)shape->depth,
                     .length = shape->count + 1,
                     .value = rho},
    };
    enum status status = tree_create(tree, &settings, 0, err);
    free(rho);
    return status;
}

/* One edge at an end of its range and one at 0, which has siblings.  Not in a tree of depth 1,
 * where a leaf would then tell its root. */
static void draw_edges(gsl_rng *rng, struct tree *tree)
{
    size_t first = 1 + gsl_rng_uniform_int(rng, tree->nodes - 1), level = 0;
    if (tree->depth < 2)
        return;
    tree->polarity[first] = gsl_rng_uniform_int(rng, 2) == 0 ? 1 : 1.0 / (1 - tree->states);
    for (int d = 1; d <= tree->depth && level == 0; d++)
        level = tree->children[d - 1] > 1 ? (size_t)d : 0;
    if (level == 0)
        return;
    size_t second = tree->first[level] + gsl_rng_uniform_int(rng, tree->count[level]);
    if (second != first)
        tree->polarity[second] = 0;
}

enum status latent_tree(gsl_rng *rng, const struct latent_settings *settings, struct tree_wish wish,
                        struct tree **tree, struct error *err)
{
    struct shape shape;
    *tree = NULL;
    if (!draw_shape(rng, settings, wish, &shape))
        return error_set(err, STATUS_INVALID,
                         "no tree with at most %lld leaves and %zu nodes was found; more of them, "
                         "or a smaller depth or number of children, leaves some",
                         (long long)(wish.leaves ? (int64_t)wish.leaves : settings->leaves),
                         wish.nodes);
    enum status status = shape_tree(rng, &shape, wish.states ? wish.states : 2,
                                    wish.low > 0 ? wish.low : 0.3, 0.95, tree, err);
    if (!status && wish.weak > 0)
        (*tree)->polarity[1] = wish.weak;
    if (!status && wish.edges)
        draw_edges(rng, *tree);
    return status;
}

enum status latent_even_tree(gsl_rng *rng, int depth, int children, double low, double high,
                             struct tree **tree, struct error *err)
{
    struct shape shape = {.depth = depth};
    for (int d = 0; d < depth; d++)
        shape.children[d] = children;
    count_nodes(&shape);
    return shape_tree(rng, &shape, 2, low, high, tree, err);
}

size_t latent_joint_nodes(const struct latent_settings *settings, int states)
{
    return (size_t)((double)settings->nodes / log2(states) + 1e-9);
}

double latent_shift(const struct tree *tree, size_t node)
{
    return tree->polarity[node] > 0 ? -0.05 : 0.05;
}

void latent_tilt(const struct tree *tree, double tilt, double *joint, size_t assignments)
{
    size_t each = assignments / (size_t)tree->states; /* the root is the first digit */
    for (size_t z = 0; z < assignments; z++)
        joint[z] *= z < each ? 1 + tilt : 1 - tilt / (tree->states - 1);
}

void latent_parents(const struct tree *tree, size_t *parent)
{
    for (int d = 1; d <= tree->depth; d++)
        for (size_t i = 0; i < tree->count[d]; i++)
            parent[tree->first[d] + i] = tree->first[d - 1] + tree_parent(tree, d, i);
}

double latent_path(const struct tree *tree, int level, size_t i)
{
    double product = 1;
    for (; level > 0; i = tree_parent(tree, level, i), level--)
        product *= tree->polarity[tree->first[level] + i];
    return product;
}

/* ---- sampled patterns ---- */

static enum status sampled_allocate(struct support **out, const struct tree *tree, size_t samples,
                                    struct error *err)
{
    struct support *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s)
        return error_memory(err, "samples");
    s->count = s->stride = (samples + BLOCK - 1) / BLOCK * BLOCK;
    s->leaf = malloc(tree_leaves(tree) * s->stride);
    s->probability = malloc(s->stride * sizeof *s->probability);
    s->posterior = malloc(tree->nodes * (size_t)tree->states * s->stride * sizeof *s->posterior);
    if (s->leaf && s->probability && s->posterior) {
        *out = s;
        return STATUS_OK;
    }
    support_free(s);
    return error_memory(err, "%zu samples", samples);
}

enum status latent_sampled_support(struct support **out, const struct tree *tree, uint64_t seed,
                                   size_t samples, struct error *err)
{
    size_t rows = tree->nodes * (size_t)tree->states;
    void *states = malloc(sample_size(tree));
    double *work = malloc(2 * rows * BLOCK * sizeof *work);
    enum status status = sampled_allocate(out, tree, samples, err);
    if (!status && (!states || !work)) {
        support_free(*out);
        *out = NULL;
        status = error_memory(err, "%zu nodes", tree->nodes);
    }
    for (size_t at = 0; !status && at < (*out)->count; at += BLOCK) {
        struct support *s = *out;
        double *belief = work + rows * BLOCK;
        struct draw draw = {.seed = seed, .purpose = PURPOSE_CLAIM, .block = at / BLOCK};
        sample_tree(tree, draw, states);
        sample_unpack(tree, states, tree->first[tree->depth], tree_leaves(tree), s->leaf + at,
                      s->stride);
        belief_block(tree, s->leaf + at, s->stride, work, belief, NULL);
        for (size_t r = 0; r < rows; r++)
            memcpy(s->posterior + r * s->stride + at, belief + r * BLOCK, BLOCK * sizeof *belief);
        for (size_t x = at; x < at + BLOCK; x++)
            s->probability[x] = 1 / (double)s->count;
    }
    free(states);
    free(work);
    return status;
}

/* ---- networks ---- */

static void net_shape(struct latent_net *net, bool dense)
{
    const struct tree *tree = net->tree;
    struct network *n = &net->network;
    n->levels = tree->depth;
    n->mirrors_tree = !dense;
    for (int l = 0; l < n->levels; l++) {
        int below = l + 1 == n->levels ? net->width[l + 1] : 1; /* inputs of a leaf */
        n->level[l] = (struct level){
            .nodes = tree->count[l], .width = net->width[l], .children = tree->children[l] * below};
        if (dense)
            n->level[l] =
                (struct level){.nodes = 1,
                               .width = (int)tree->count[l] * net->width[l],
                               .children = l + 1 < n->levels ? 1 : (int)tree_leaves(tree) * below};
    }
    n->leaves = tree_leaves(tree) * (size_t)net->width[n->levels];
    n->leaf_states = 0;
    n->leaf_width = 1;
    network_finish(n);
}

/* ---- passes over the patterns, some at a time ---- */

struct sweep {
    struct arena arena;
    struct pattern_tables tables;
    struct pass pass;
    struct product outer[NETWORK_MAX_LEVELS], gram[NETWORK_MAX_LEVELS];
    double *parameters, *gradient, *scaled;
    size_t columns;
};

enum { SWEEP_COLUMNS = 512 };

static void sweep_layout(struct sweep *s, const struct latent_net *net, struct arena *arena)
{
    const struct network *n = &net->network;
    int widest = 1;
    s->columns = net->support->stride < SWEEP_COLUMNS ? net->support->stride : SWEEP_COLUMNS;
    for (int l = 0; l < n->levels; l++) {
        int width = net->width[l], columns = (int)s->columns, inputs = (int)latent_inputs(net, l);
        widest = width > widest ? width : widest;
        product_plan(&s->outer[l], PRODUCT_OUTER, width, inputs, columns, columns, inputs);
        product_plan(&s->gram[l], PRODUCT_OUTER, width, width, columns, columns, width);
    }
    pattern_tables_layout(&s->tables, n, n->levels, NULL, 1, arena);
    pass_layout(&s->pass, &s->tables, s->columns, true, true, arena);
    s->parameters = ARENA_TAKE(arena, double, padded(n->parameters));
    s->gradient = ARENA_TAKE(arena, double, padded(n->parameters));
    s->scaled = ARENA_TAKE(arena, double, (size_t)widest * s->columns);
}

static enum status sweep_open(struct sweep *s, const struct latent_net *net, struct error *err)
{
    struct arena count = {0};
    *s = (struct sweep){.columns = 0};
    sweep_layout(s, net, &count);
    struct arena arena;
    enum status status = arena_create(&arena, &count, err);
    if (status)
        return status;
    sweep_layout(s, net, &arena);
    s->arena = arena;
    memcpy(s->parameters, net->parameters, net->network.parameters * sizeof *s->parameters);
    return STATUS_OK;
}

/* Patterns [start, start + the number returned) through the network. */
static size_t sweep_forward(struct sweep *s, const struct latent_net *net, size_t start)
{
    const struct support *support = net->support;
    size_t left = support->stride - start, count = left < s->columns ? left : s->columns;
    for (size_t i = 0; i < net->network.leaves; i++)
        memcpy(s->pass.act[net->network.levels] + i * s->columns,
               net->value[net->network.levels] + i * support->stride + start,
               count * sizeof(double));
    pass_forward(&s->pass, s->parameters);
    return count;
}

/* ---- activations ---- */

static enum status allocate_values(struct latent_net *net, struct error *err)
{
    const struct tree *tree = net->tree;
    for (int l = 0; l <= tree->depth; l++) {
        size_t rows = tree->count[l] * (size_t)net->width[l];
        net->value[l] = pool_take(&net->pool, rows * net->support->stride, sizeof(double));
        if (!net->value[l])
            return error_memory(err, "activations of %zu neurons", rows);
    }
    net->parameters = pool_take(&net->pool, padded(net->network.parameters), sizeof(double));
    return net->parameters ? STATUS_OK : error_memory(err, "a network");
}

/* A binary leaf enters as its state, another leaf as the indicators of its m states. */
static void leaf_values(const struct latent_net *net)
{
    const struct support *s = net->support;
    size_t width = (size_t)net->width[net->tree->depth];
    for (size_t i = 0; i < tree_leaves(net->tree); i++)
        for (size_t k = 0; k < width; k++)
            for (size_t x = 0; x < s->stride; x++) {
                size_t state = s->leaf[i * s->stride + x];
                net->value[net->tree->depth][(i * width + k) * s->stride + x] =
                    state == (width == 1 ? 1 : k);
            }
}

static enum status evaluate(struct latent_net *net, struct error *err)
{
    struct sweep sweep;
    enum status status = sweep_open(&sweep, net, err);
    if (status)
        return status;
    size_t stride = net->support->stride;
    for (size_t at = 0, count; at < stride; at += count) {
        count = sweep_forward(&sweep, net, at);
        for (int l = 0; l < net->network.levels; l++) {
            const double *from = l == 0 ? sweep.pass.pre[0] : sweep.pass.act[l];
            for (size_t r = 0; r < net->tree->count[l] * (size_t)net->width[l]; r++)
                memcpy(net->value[l] + r * stride + at, from + r * sweep.columns,
                       count * sizeof *from);
        }
    }
    arena_free(&sweep.arena);
    return STATUS_OK;
}

/* Whether every node has an informative input, whose mean depends on its latent: errors relative to
 * 0 mean nothing. */
static bool alive(const struct latent_net *net)
{
    for (int l = 0; l < net->network.levels; l++)
        for (size_t i = 0; i < net->tree->count[l]; i++) {
            double most = 0, size = 0;
            for (size_t j = 0; j < latent_inputs(net, l); j++) {
                const double *f = latent_input(net, l, i, j);
                size_t owner = latent_owner(net, l, i, j);
                double one = latent_mean(net->support, net->tree, f, owner, 1);
                double zero = latent_mean(net->support, net->tree, f, owner, 0);
                most = larger(most, fabs(one - zero));
                size = larger(size, larger(fabs(one), fabs(zero)));
            }
            if (!(most > 1e-2 * size))
                return false;
        }
    return true;
}

/* Lay the network out and draw its weights, again until every node has an informative input. */
static enum status draw_net(struct latent_net *net, bool dense, bool any_net, gsl_rng *rng,
                            struct error *err)
{
    enum { TRIES = 2000 };
    net_shape(net, dense);
    enum status status = allocate_values(net, err);
    if (!status)
        leaf_values(net);
    for (int i = 0; !status && i < TRIES; i++) {
        draw_parameters(rng, &net->network, 0.3, net->parameters);
        status = evaluate(net, err);
        if (!status && (any_net || alive(net)))
            return STATUS_OK;
    }
    latent_net_free(net);
    return status ? status
                  : error_set(err, STATUS_INVALID,
                              "no network of %d has informative inputs at every node", TRIES);
}

enum status latent_net_draw(struct latent_net *net, const struct tree *tree,
                            const struct support *support, gsl_rng *rng,
                            const struct latent_settings *settings, struct net_wish wish,
                            struct error *err)
{
    *net = (struct latent_net){.tree = tree, .support = support};
    net->network = (struct network){.relu = wish.relu, .bias = wish.bias};
    for (int l = 0; l < tree->depth; l++)
        net->width[l] = wish.width ? wish.width : draw_between(rng, 3, (int)settings->width);
    net->width[tree->depth] = tree->states == 2 ? 1 : tree->states;
    return draw_net(net, false, wish.any_net, rng, err);
}

enum status latent_net_dense(struct latent_net *net, const struct latent_net *model, gsl_rng *rng,
                             struct error *err)
{
    *net = (struct latent_net){.tree = model->tree, .support = model->support};
    net->network = (struct network){.relu = model->network.relu, .bias = model->network.bias};
    memcpy(net->width, model->width, sizeof net->width);
    return draw_net(net, true, false, rng, err);
}

enum status latent_net_init(struct latent_net *net, uint64_t seed, bool one_row, struct error *err)
{
    const struct level *top = &net->network.level[0];
    double *w = net->parameters + weight_offset(&net->network, 0, 0);
    network_init(&net->network, seed, PURPOSE_WEIGHTS, net->parameters);
    for (int k = 1; one_row && k < top->width; k++)
        memcpy(w + k * top->fan_in, w, (size_t)top->fan_in * sizeof *w);
    return evaluate(net, err);
}

void latent_net_free(struct latent_net *net)
{
    pool_free(&net->pool);
}

size_t latent_most_inputs(const struct latent_net *net)
{
    size_t most = 0;
    for (int l = 0; l < net->network.levels; l++)
        if (latent_inputs(net, l) > most)
            most = latent_inputs(net, l);
    return most;
}

/* ---- sums over the patterns ---- */

double latent_mean(const struct support *s, const struct tree *tree, const double *f, size_t node,
                   int state)
{
    const double *posterior =
        s->posterior + (node * (size_t)tree->states + (size_t)state) * s->stride;
    double sum = 0, total = 0;
    for (size_t x = 0; x < s->stride; x++) {
        double weight = s->probability[x] * posterior[x];
        total += weight;
        sum += weight * f[x];
    }
    return sum / total;
}

double latent_variance(const struct support *s, const double *f)
{
    double mean = 0, square = 0, total = 0;
    for (size_t x = 0; x < s->stride; x++) {
        total += s->probability[x];
        mean += s->probability[x] * f[x];
    }
    mean /= total;
    for (size_t x = 0; x < s->stride; x++)
        square += s->probability[x] * (f[x] - mean) * (f[x] - mean);
    return square / total;
}

/* All states of z_0 have the same probability. */
void latent_root_covariance(const struct latent_net *net, int level, size_t i, bool centred,
                            double *out)
{
    enum { MOST = 512 };
    const int m = net->tree->states;
    size_t inputs = latent_inputs(net, level);
    double given[MOST], mean[MOST] = {0};
    for (size_t j = 0; j < inputs && centred; j++)
        for (int z = 0; z < m; z++)
            mean[j] +=
                latent_mean(net->support, net->tree, latent_input(net, level, i, j), 0, z) / m;
    memset(out, 0, inputs * inputs * sizeof *out);
    for (int z = 0; z < m; z++) {
        for (size_t j = 0; j < inputs; j++)
            given[j] = latent_mean(net->support, net->tree, latent_input(net, level, i, j), 0, z) -
                       mean[j];
        for (size_t j = 0; j < inputs; j++)
            for (size_t k = 0; k < inputs; k++)
                out[j * inputs + k] += given[j] * given[k] / m;
    }
}

/* a = [rho_{mu nu(k)} s_k], s_k = (E[f_k | z_nu = 1] - E[f_k | z_nu = 0]) / 2, [DDN] Sec. 6 */
void latent_selectivity(const struct latent_net *net, int level, size_t i, double *a)
{
    for (size_t j = 0; j < latent_inputs(net, level); j++) {
        const double *f = latent_input(net, level, i, j);
        size_t owner = latent_owner(net, level, i, j);
        a[j] = net->tree->polarity[owner] *
               (latent_mean(net->support, net->tree, f, owner, 1) -
                latent_mean(net->support, net->tree, f, owner, 0)) /
               2;
    }
}

/* ---- connections ---- */

static enum status allocate_connection(struct latent_connection *c, const struct latent_net *net,
                                       struct error *err)
{
    *c = (struct latent_connection){.outputs = (size_t)net->width[0],
                                    .labels = (size_t)net->tree->states};
    for (int l = 0; l < net->network.levels; l++) {
        size_t nodes = net->tree->count[l], width = (size_t)net->width[l];
        size_t entries = nodes * c->outputs * width;
        c->mean[l] =
            pool_take(&c->pool, entries * c->labels * latent_inputs(net, l), sizeof(double));
        c->gram[l] = pool_take(&c->pool, nodes * width * width, sizeof(double));
        c->jacobian[l] = pool_take(&c->pool, entries, sizeof(double));
        if (!c->mean[l] || !c->gram[l] || !c->jacobian[l])
            return error_memory(err, "connections");
    }
    return STATUS_OK;
}

void latent_connection_free(struct latent_connection *c)
{
    pool_free(&c->pool);
}

/* scaled[k][x] = delta[k][x] P(x) factor[x] of `count` patterns, 0 past them; factor NULL: 1 */
static void scale_delta(struct sweep *s, size_t rows, size_t count, const double *delta,
                        const double *probability, const double *factor)
{
    for (size_t k = 0; k < rows; k++)
        for (size_t x = 0; x < s->columns; x++)
            s->scaled[k * s->columns + x] =
                x >= count ? 0
                           : delta[k * s->columns + x] * probability[x] * (factor ? factor[x] : 1);
}

/* Add patterns [start, start + count) through output o: J_{ok} f_a of every node, by label. */
static void add_output(struct latent_connection *c, const struct latent_net *net, struct sweep *s,
                       size_t start, size_t count, size_t o)
{
    const struct support *support = net->support;
    const double *probability = support->probability + start;
    for (int l = 0; l < net->network.levels; l++)
        for (size_t i = 0; i < net->tree->count[l]; i++) {
            size_t width = (size_t)net->width[l], inputs = latent_inputs(net, l);
            double *delta = s->pass.delta[l] + i * width * s->columns;
            double *input = s->pass.act[l + 1] + i * inputs * s->columns;
            scale_delta(s, width, count, delta, probability, NULL);
            for (size_t k = 0; k < width * s->columns; k++)
                c->jacobian[l][(i * c->outputs + o) * width + k / s->columns] += s->scaled[k];
            product_run(&s->gram[l], c->gram[l] + i * width * width, delta, s->scaled);
            for (size_t z = 0; z < c->labels; z++) {
                const double *root = support->posterior + z * support->stride + start;
                double *out = c->mean[l] + ((i * c->labels + z) * c->outputs + o) * width * inputs;
                scale_delta(s, width, count, delta, probability, root);
                product_run(&s->outer[l], out, input, s->scaled);
            }
        }
}

/* From sums over z_0 = s to means: every state of the root has the same probability. */
static void divide_by_labels(struct latent_connection *c, const struct latent_net *net)
{
    const struct support *support = net->support;
    for (size_t z = 0; z < c->labels; z++) {
        double total = 0;
        for (size_t x = 0; x < support->stride; x++)
            total += support->probability[x] * support->posterior[z * support->stride + x];
        for (int l = 0; l < net->network.levels; l++) {
            size_t size = c->outputs * (size_t)net->width[l] * latent_inputs(net, l);
            for (size_t i = 0; i < net->tree->count[l]; i++)
                for (size_t k = 0; k < size; k++)
                    c->mean[l][(i * c->labels + z) * size + k] /= total;
        }
    }
}

enum status latent_connection_create(struct latent_connection *c, const struct latent_net *net,
                                     struct error *err)
{
    struct sweep s;
    *c = (struct latent_connection){.outputs = 0};
    enum status status = sweep_open(&s, net, err);
    if (status)
        return status;
    status = allocate_connection(c, net, err);
    for (size_t at = 0, count; !status && at < net->support->stride; at += count) {
        count = sweep_forward(&s, net, at);
        for (size_t o = 0; o < c->outputs; o++) {
            memset(s.pass.delta[0], 0, c->outputs * s.columns * sizeof(double));
            for (size_t x = 0; x < s.columns; x++)
                s.pass.delta[0][o * s.columns + x] = 1;
            pass_backward(&s.pass, s.parameters, s.gradient);
            add_output(c, net, &s, at, count, o);
        }
    }
    if (status)
        latent_connection_free(c);
    else
        divide_by_labels(c, net);
    arena_free(&s.arena);
    return status;
}

void latent_operator(const struct latent_connection *c, const struct latent_net *net, int level,
                     size_t i, bool centred, double *out)
{
    size_t side = (size_t)net->width[level] * latent_inputs(net, level);
    size_t size = c->outputs * side;
    const double *zero = latent_k(c, net, level, i), *one = zero + size;
    memset(out, 0, side * side * sizeof *out);
    for (size_t o = 0; o < c->outputs; o++)
        for (size_t p = 0; p < side; p++)
            for (size_t q = 0; q < side; q++)
                for (int z = 0; z < 2; z++) {
                    size_t at_p = o * side + p, at_q = o * side + q;
                    double mean_p = centred ? (zero[at_p] + one[at_p]) / 2 : 0;
                    double mean_q = centred ? (zero[at_q] + one[at_q]) / 2 : 0;
                    const double *k = z ? one : zero;
                    /* 2 V, both states of the root with 1/2 */
                    out[p * side + q] += (k[at_p] - mean_p) * (k[at_q] - mean_q);
                }
}

/* ---- instances ---- */

enum status latent_case_open(struct latent_case *c, const struct trial *trial,
                             struct tree_wish wish)
{
    *c = (struct latent_case){.tree = NULL};
    enum status status = latent_tree(trial->rng, trial->settings, wish, &c->tree, trial->err);
    return status ? status : support_create(&c->support, c->tree, trial->err);
}

enum status latent_case_draw(struct latent_case *c, const struct trial *trial, struct net_wish wish)
{
    latent_net_free(&c->net);
    if (latent_at_edge(trial) && wish.width == 0)
        wish.width = 1;
    return latent_net_draw(&c->net, c->tree, c->support, trial->rng, trial->settings, wish,
                           trial->err);
}

void latent_case_free(struct latent_case *c)
{
    latent_net_free(&c->net);
    support_free(c->support);
    tree_free(c->tree);
}

/* The error of one more network, on the tree or fully connected. */
static enum status control_error(const struct latent_case *c, const struct trial *trial,
                                 struct net_wish wish, latent_error *error, double *out)
{
    struct latent_net net;
    enum status status = trial->restored ? latent_net_draw(&net, c->tree, c->support, trial->rng,
                                                           trial->settings, wish, trial->err)
                                         : latent_net_dense(&net, &c->net, trial->rng, trial->err);
    if (status)
        return status;
    status = error(trial, &net, out);
    latent_net_free(&net);
    return status;
}

enum status latent_tree_and_dense(const struct trial *trial, struct tree_wish wish,
                                  latent_error *error, struct reading *reading)
{
    struct latent_case c;
    wish.edges = latent_at_edge(trial);
    enum status status = latent_case_open(&c, trial, wish);
    struct net_wish net = {.relu = trial->instance % 2 == 0,
                           .bias = gsl_rng_uniform_int(trial->rng, 2) == 0};
    if (!status)
        status = latent_case_draw(&c, trial, net);
    if (!status)
        status = error(trial, &c.net, &reading->error);
    if (!status && !latent_at_edge(trial))
        status = control_error(&c, trial, net, error, &reading->control[0]);
    latent_case_free(&c);
    return status;
}
