#include "harness/verify/crosscheck/subject.h"

#include "analysis/latent_measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NODES = 1 << 24 };

/* Measured quantities of each node of a level, by the name of their dataset. */
static enum status compare_operators(struct crosscheck *check, struct latent_measure *m, int l,
                                     struct error *err)
{
    static const char *const name[] = {"covop_norm", "covop_trace", "covop_top_eigenvalue",
                                       "published_covop_norm"};
    struct operator_shape shape = latents_shape(m, l);
    size_t nodes = m->plan.network->level[l].nodes, rank = operator_rank(shape);
    double *value = calloc(nodes, sizeof *value);
    enum status status = value ? STATUS_OK : error_memory(err, "operators of %zu nodes", nodes);
    for (int what = 0; !status && what < 4; what++) {
        char path[REFERENCE_PATH];
        snprintf(path, sizeof path, "/expect/%s/level_%d", name[what], l);
        for (size_t i = 0; i < nodes; i++) {
            const double *k = m->connection + connection_offset(&m->connection_plan, l, i, 0);
            value[i] = what == 0   ? m->norm[l][i]
                       : what == 1 ? m->trace[l][i]
                       : what == 2
                           ? m->eigenvalue[l][i * rank]
                           : published_operator_norm(shape, k, m->probability, m->operator_work);
        }
        status = crosscheck_compare(check, path, (struct extent){1, {nodes}}, value, err);
    }
    free(value);
    return status;
}

static enum status compare_measurement(struct crosscheck *check, const struct subject *s,
                                       const struct tree *tree, struct error *err)
{
    struct latent_plan plan = {.network = &s->network,
                               .tree = tree,
                               .columns = s->samples,
                               .correlation = true,
                               .covop = true,
                               .spectrum = true,
                               .threads = 1};
    struct arena count = {0}, arena;
    struct latent_measure m;
    latents_layout(&m, &plan, &count);
    enum status status = arena_create(&arena, &count, err);
    if (status)
        return status;
    latents_layout(&m, &plan, &arena);
    status = latents_from_given(&m, s->parameters, s->label, s->samples, s->samples, err);
    if (status == STATUS_DIVERGED)
        status = error_set(err, STATUS_INVALID,
                           "with these /weights the covariance operators overflow; smaller ones "
                           "are needed");
    for (int l = 0; !status && l < s->network.levels; l++) {
        char path[REFERENCE_PATH];
        snprintf(path, sizeof path, "/expect/correlation/level_%d", l);
        status =
            crosscheck_compare(check, path, neuron_extent(&s->network, l),
                               m.correlation + correlation_offset(&m.correlation_plan, l), err);
        if (!status)
            status = compare_operators(check, &m, l, err);
    }
    arena_free(&arena);
    return status;
}

static enum status read_sizes(const struct store_file *file, struct subject *s, size_t *depth,
                              size_t *children, struct error *err)
{
    size_t width = 0, bias = 0, nodes = 1, total = 1;
    enum status status = reference_size(file, "depth", 1, NETWORK_MAX_LEVELS, depth, err);
    if (!status)
        status = reference_size(file, "children", 1, REFERENCE_MAX_WIDTH, children, err);
    if (!status)
        status = reference_size(file, "width", 1, REFERENCE_MAX_WIDTH, &width, err);
    if (!status)
        status = reference_size(file, "bias", 0, 1, &bias, err);
    if (!status)
        status = reference_size(file, "batch", 1, REFERENCE_MAX_BATCH, &s->samples, err);
    if (status)
        return status;
    s->network = (struct network){.levels = (int)*depth,
                                  .leaf_states = 2,
                                  .relu = true,
                                  .bias = bias,
                                  .normalize = true,
                                  .mirrors_tree = true};
    for (size_t l = 0; l < *depth; l++) {
        s->network.level[l] =
            (struct level){.nodes = nodes, .width = (int)width, .children = (int)*children};
        nodes *= *children;
        total += nodes;
        if (total > MAX_NODES)
            return error_set(err, STATUS_INVALID,
                             "the attributes depth %zu and children %zu make a tree of more than "
                             "%d nodes; smaller ones are needed",
                             *depth, *children, MAX_NODES);
    }
    s->network.leaves = nodes;
    network_finish(&s->network);
    return STATUS_OK;
}

static enum status read_tree(const struct store_file *file, struct subject *s, struct tree **tree,
                             struct error *err)
{
    static const char *const activations[] = {"relu", "linear", NULL};
    size_t depth = 0, children = 0, one = 1;
    int activation = 0;
    enum status status = read_sizes(file, s, &depth, &children, err);
    if (!status)
        status = reference_real(file, "norm_eps", 0, UNBOUNDED, &s->network.norm_eps, err);
    if (!status && store_has_attribute(file, "activation"))
        status = reference_word(file, "activation", activations, &activation, err);
    if (status)
        return status;
    s->network.relu = activation == 0;
    int64_t count = (int64_t)children;
    double rho = 0; /* the samples are given: polarities do not matter */
    struct tree_settings settings = {
        .depth = (int64_t)depth,
        .children = {.scalar = true, .count = 1, .value = &count},
        .states = 2,
        .polarity = {.rank = 0, .rows = 1, .length = &one, .value = &rho}};
    return tree_create(tree, &settings, 0, err);
}

/* A file that says something twice must say the same. */
static enum status check_same(const char *path, const char *other, size_t count, const uint8_t *a,
                              const uint8_t *b, struct error *err)
{
    if (memcmp(a, b, count) == 0)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, "%s differs from %s; they must be the same", path, other);
}

/* The latents of all levels; the root is the label and the leaves are x. */
static enum status read_latents(const struct store_file *file, const struct subject *s,
                                const struct tree *tree, struct error *err)
{
    enum status status = STATUS_OK;
    for (int d = 0; !status && d <= tree->depth; d++) {
        char path[REFERENCE_PATH];
        uint8_t *level = NULL, *label = NULL;
        size_t size = tree->count[d] * s->samples;
        snprintf(path, sizeof path, "/batch/latent/level_%d", d);
        status = reference_states(file, path, (struct extent){2, {s->samples, tree->count[d]}},
                                  &level, err);
        if (!status && d == 0)
            status = reference_states(file, "/batch/label", (struct extent){1, {s->samples}},
                                      &label, err);
        if (!status && d == 0)
            status = check_same("/batch/label", path, size, label, level, err);
        if (!status && d == tree->depth)
            status = check_same(path, view_path[0], size, level, s->states[0], err);
        if (!status)
            memcpy(s->label + tree->first[d] * s->samples, level, size);
        free(level);
        free(label);
    }
    return status;
}

static enum status read_tree_batch(const struct store_file *file, struct subject *s,
                                   const struct tree *tree, struct error *err)
{
    enum status status = STATUS_OK;
    struct extent extent = {2, {s->samples, s->network.leaves}};
    for (int v = 0; !status && v < 3; v++)
        status = reference_states(file, view_path[v], extent, &s->states[v], err);
    if (status)
        return status;
    s->label = malloc(tree->nodes * s->samples);
    return s->label ? read_latents(file, s, tree, err) : error_memory(err, "the latents");
}

enum status check_tree(struct crosscheck *check, struct error *err)
{
    struct subject s = {.root = "/expect"};
    struct tree *tree = NULL;
    enum status status = read_tree(check->file, &s, &tree, err);
    if (!status)
        status = subject_read_weights(check->file, &s, err);
    if (!status)
        status = read_tree_batch(check->file, &s, tree, err);
    if (!status)
        status = compare_objectives(check, &s, err);
    if (!status)
        status = compare_measurement(check, &s, tree, err);
    tree_free(tree);
    subject_free(&s);
    return status;
}
