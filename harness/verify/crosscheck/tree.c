#include "harness/verify/crosscheck/subject.h"

#include "analysis/latent_measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NODES = 1 << 24 };

/* Measured quantities of each node of a level, by the name of their dataset. */
static void compare_operators(struct crosscheck *check, struct latent_measure *m, int l)
{
    static const char *const name[] = {"covop_norm", "covop_trace", "covop_top_eigenvalue",
                                       "published_covop_norm"};
    struct operator_shape shape = latents_shape(m, l);
    size_t nodes = m->plan.network->level[l].nodes, rank = operator_rank(shape);
    double *value = crosscheck_take(check, nodes, sizeof *value, "operators of the nodes");
    for (int what = 0; value && what < 4; what++) {
        for (size_t i = 0; i < nodes; i++) {
            const double *k = m->connection + connection_offset(&m->connection_plan, l, i, 0);
            value[i] = what == 0   ? m->norm[l][i]
                       : what == 1 ? m->trace[l][i]
                       : what == 2
                           ? m->eigenvalue[l][i * rank]
                           : published_operator_norm(shape, k, m->probability, m->operator_work);
        }
        crosscheck_compare(check, value, (struct extent){1, {nodes}}, "/expect/%s/level_%d",
                           name[what], l);
    }
    free(value);
}

static void compare_measurement(struct crosscheck *check, const struct subject *s,
                                const struct tree *tree)
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
    check->status = arena_create(&arena, &count, check->err);
    if (check->status)
        return;
    latents_layout(&m, &plan, &arena);
    check->status =
        latents_from_given(&m, s->parameters, s->label, s->samples, s->samples, check->err);
    if (check->status == STATUS_DIVERGED)
        check->status = error_set(
            check->err, STATUS_INVALID,
            "with these /weights the covariance operators overflow; smaller ones are needed");
    for (int l = 0; !check->status && l < s->network.levels; l++) {
        crosscheck_compare(check, m.correlation + correlation_offset(&m.correlation_plan, l),
                           part_of_level(&s->network, l, true).extent,
                           "/expect/correlation/level_%d", l);
        compare_operators(check, &m, l);
    }
    arena_free(&arena);
}

static void read_sizes(struct crosscheck *check, struct subject *s)
{
    const size_t depth = reference_size(check, "depth", 1, NETWORK_MAX_LEVELS),
                 children = reference_size(check, "children", 1, REFERENCE_MAX_WIDTH),
                 width = reference_size(check, "width", 1, REFERENCE_MAX_WIDTH);
    size_t nodes = 1, total = 1;
    s->network = (struct network){.levels = (int)depth,
                                  .leaf_states = 2,
                                  .relu = true,
                                  .bias = reference_size(check, "bias", 0, 1),
                                  .normalize = true,
                                  .mirrors_tree = true};
    s->samples = reference_size(check, "batch", 1, REFERENCE_MAX_BATCH);
    for (size_t l = 0; l < depth && total <= MAX_NODES; l++) {
        s->network.level[l] =
            (struct level){.nodes = nodes, .width = (int)width, .children = (int)children};
        nodes *= children;
        total += nodes;
    }
    if (total > MAX_NODES)
        crosscheck_fail(check,
                        "the attributes depth %zu and children %zu make a tree of more than "
                        "%d nodes; smaller ones are needed",
                        depth, children, MAX_NODES);
    s->network.leaves = nodes;
    if (!check->status)
        network_finish(&s->network);
}

static struct tree *read_tree(struct crosscheck *check, struct subject *s)
{
    static const char *const activations[] = {"relu", "linear", NULL};
    struct tree *tree = NULL;
    size_t one = 1;
    read_sizes(check, s);
    s->network.norm_eps = reference_real(check, "norm_eps", 0, UNBOUNDED);
    if (!check->status && store_has_attribute(check->file, "activation"))
        s->network.relu = reference_word(check, "activation", activations) == 0;
    if (check->status)
        return NULL;
    int64_t children = s->network.level[0].children;
    double rho = 0; /* the samples are given: polarities do not matter */
    struct tree_settings settings = {
        .depth = s->network.levels,
        .children = {.scalar = true, .count = 1, .value = &children},
        .states = 2,
        .polarity = {.rank = 0, .rows = 1, .length = &one, .value = &rho}};
    check->status = tree_create(&tree, &settings, 0, check->err);
    return tree;
}

/* A file that says something twice must say the same. */
static void check_same(struct crosscheck *check, const char *path, const char *other, size_t count,
                       const uint8_t *a, const uint8_t *b)
{
    if (!check->status && memcmp(a, b, count) != 0)
        crosscheck_fail(check, "%s differs from %s; they must be the same", path, other);
}

/* The latents of all levels; the root is the label and the leaves are x. */
static void read_latents(struct crosscheck *check, const struct subject *s, const struct tree *tree)
{
    for (int d = 0; !check->status && d <= tree->depth; d++) {
        char path[REFERENCE_PATH];
        uint8_t *label = NULL;
        const size_t size = tree->count[d] * s->samples;
        snprintf(path, sizeof path, "/batch/latent/level_%d", d);
        uint8_t *level =
            reference_states(check, (struct extent){2, {s->samples, tree->count[d]}}, path);
        if (d == 0) {
            label = reference_states(check, (struct extent){1, {s->samples}}, "/batch/label");
            check_same(check, "/batch/label", path, size, label, level);
        }
        if (d == tree->depth)
            check_same(check, path, view_path[0], size, level, s->states[0]);
        if (!check->status)
            memcpy(s->label + tree->first[d] * s->samples, level, size);
        free(level);
        free(label);
    }
}

static void read_tree_batch(struct crosscheck *check, struct subject *s, const struct tree *tree)
{
    for (int v = 0; v < 3; v++)
        s->states[v] = reference_states(check, (struct extent){2, {s->samples, s->network.leaves}},
                                        view_path[v]);
    if (check->status)
        return;
    s->label = crosscheck_take(check, tree->nodes * s->samples, 1, "the latents");
    read_latents(check, s, tree);
}

void check_tree(struct crosscheck *check)
{
    struct subject s = {.root = "/expect"};
    struct tree *tree = read_tree(check, &s);
    if (!check->status)
        s.parameters = subject_read_network(check, &s, "/weights");
    s.gradient = crosscheck_take(check, s.network.parameters, sizeof(double), "the gradient");
    read_tree_batch(check, &s, tree);
    if (!check->status)
        compare_objectives(check, &s);
    if (!check->status)
        compare_measurement(check, &s, tree);
    tree_free(tree);
    subject_free(&s);
}
