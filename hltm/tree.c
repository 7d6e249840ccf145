#include "hltm/tree.h"

#include "core/random.h"

#include <math.h>
#include <stdlib.h>

/* Past this many nodes a tree is a typing error, not an experiment. */
enum { MAX_NODES = 1 << 24 };

static enum status set_children(struct tree *tree, const struct tree_settings *settings,
                                struct error *err)
{
    const struct integers *children = &settings->children;
    if (!children->scalar && children->count != (size_t)tree->depth)
        return error_key(err, "data.children",
                         "data.children has %zu entries for a tree of depth %d; give one number, "
                         "or one entry per level from the root down (%d in all)",
                         children->count, tree->depth, tree->depth);
    tree->count[0] = 1;
    tree->nodes = 1;
    for (int d = 0; d < tree->depth; d++) {
        int64_t c = children->value[children->scalar ? 0 : d];
        if (c < 1)
            return error_key(err, "data.children",
                             "a node cannot have %lld children; every level needs at least 1",
                             (long long)c);
        if (c > MAX_NODES || tree->count[d] * (size_t)c > MAX_NODES - tree->nodes)
            return error_key(err, "data.children",
                             "the tree has more than %d nodes at level %d; fewer levels "
                             "(data.depth) or children make it fit",
                             MAX_NODES, d + 1);
        tree->children[d] = (int)c;
        tree->count[d + 1] = tree->count[d] * (size_t)c;
        tree->first[d + 1] = tree->nodes;
        tree->nodes += tree->count[d + 1];
    }
    return STATUS_OK;
}

/* P(same) and P(other) must be probabilities. */
static enum status check_polarity(const struct tree *tree, double rho, struct error *err)
{
    double lowest = -1.0 / (tree->states - 1);
    if (isfinite(rho) && rho >= lowest && rho <= 1)
        return STATUS_OK;
    return error_key(err, "data.polarity",
                     "polarity %g is impossible with %d states; it lies between %g and 1", rho,
                     tree->states, lowest);
}

static enum status draw_polarities(struct tree *tree, double lo, double hi, uint64_t seed,
                                   struct error *err)
{
    if (!(lo >= 0 && lo <= hi && hi <= 1))
        return error_key(err, "data.polarity",
                         "[%g, %g] is no range of |polarity|; give 0 <= lo <= hi <= 1", lo, hi);
    for (size_t node = 1; node < tree->nodes; node++) {
        struct stream stream;
        stream_open(&stream, seed, PURPOSE_TREE, 0, node);
        double rho = lo + (hi - lo) * stream_uniform(&stream);
        int negative = tree->states == 2 && (stream_word(&stream) & 1);
        tree->polarity[node] = negative ? -rho : rho;
    }
    return STATUS_OK;
}

static enum status copy_polarities(struct tree *tree, const struct reals *given, struct error *err)
{
    if (given->rows != (size_t)tree->depth)
        return error_key(err, "data.polarity",
                         "data.polarity lists %zu levels for a tree of depth %d; give one list for "
                         "each of the levels 1 to %d",
                         given->rows, tree->depth, tree->depth);
    const double *value = given->value;
    for (int d = 1; d <= tree->depth; d++) {
        if (given->length[d - 1] != tree->count[d])
            return error_key(err, "data.polarity",
                             "data.polarity has %zu entries for level %d, which has %zu nodes",
                             given->length[d - 1], d, tree->count[d]);
        for (size_t i = 0; i < tree->count[d]; i++, value++) {
            if (check_polarity(tree, *value, err))
                return STATUS_INVALID;
            tree->polarity[tree->first[d] + i] = *value;
        }
    }
    return STATUS_OK;
}

static enum status set_polarities(struct tree *tree, const struct reals *given, uint64_t seed,
                                  struct error *err)
{
    if (given->rank == 2)
        return copy_polarities(tree, given, err);
    if (given->rank == 1 && given->length[0] == 2)
        return draw_polarities(tree, given->value[0], given->value[1], seed, err);
    if (given->rank == 1)
        return error_key(err, "data.polarity",
                         "data.polarity is a list of %zu numbers; give one number, a range [lo, "
                         "hi], or a list of lists with one row per level",
                         given->length[0]);
    if (check_polarity(tree, given->value[0], err))
        return STATUS_INVALID;
    for (size_t node = 1; node < tree->nodes; node++)
        tree->polarity[node] = given->value[0];
    return STATUS_OK;
}

static enum status check_settings(const struct tree_settings *settings, struct error *err)
{
    if (settings->depth < 1)
        return error_key(err, "data.depth",
                         "a tree of depth %lld has leaves only; the depth is at least 1",
                         (long long)settings->depth);
    if (settings->depth > TREE_MAX_DEPTH)
        return error_key(err, "data.depth", "depth %lld is too deep; it is at most %d",
                         (long long)settings->depth, TREE_MAX_DEPTH);
    if (settings->states < 2 || settings->states > TREE_MAX_STATES)
        return error_key(err, "data.states", "%lld states do not fit; give 2 to %d",
                         (long long)settings->states, TREE_MAX_STATES);
    if (settings->keep_level < 0 || settings->keep_level > settings->depth)
        return error_key(err, "data.keep_level",
                         "data.keep_level is %lld in a tree of depth %lld; it is 0 (keep the root "
                         "only) to %lld (keep everything)",
                         (long long)settings->keep_level, (long long)settings->depth,
                         (long long)settings->depth);
    if (settings->label_level < 0 || settings->label_level > settings->keep_level)
        return error_key(err, "data.label_level",
                         "data.label_level is %lld with data.keep_level %lld; all views of a "
                         "sample share its label, so it is a latent of a level that they keep, 0 "
                         "to %lld",
                         (long long)settings->label_level, (long long)settings->keep_level,
                         (long long)settings->keep_level);
    return STATUS_OK;
}

static enum status set_label(struct tree *tree, const struct tree_settings *settings,
                             struct error *err)
{
    const size_t nodes = tree->count[settings->label_level];
    if (settings->label_node < 0 || (size_t)settings->label_node >= nodes)
        return error_key(err, "data.label_node",
                         "data.label_node is %lld, but level data.label_level %lld has %zu nodes; "
                         "give 0 to %zu",
                         (long long)settings->label_node, (long long)settings->label_level, nodes,
                         nodes - 1);
    tree->label_level = (int)settings->label_level;
    tree->label_node = (size_t)settings->label_node;
    return STATUS_OK;
}

enum status tree_create(struct tree **out, const struct tree_settings *settings, uint64_t seed,
                        struct error *err)
{
    *out = NULL;
    enum status status = check_settings(settings, err);
    if (status)
        return status;
    struct tree *tree = calloc(1, sizeof *tree);
    if (!tree)
        return error_memory(err, "the tree");
    tree->depth = (int)settings->depth;
    tree->states = (int)settings->states;
    tree->keep_level = (int)settings->keep_level;
    status = set_children(tree, settings, err);
    if (!status) {
        tree->polarity = calloc(tree->nodes, sizeof *tree->polarity);
        if (!tree->polarity)
            status = error_memory(err, "%zu nodes", tree->nodes);
    }
    if (!status)
        status = set_label(tree, settings, err);
    if (!status)
        status = set_polarities(tree, &settings->polarity, seed, err);
    if (status)
        tree_free(tree);
    else
        *out = tree;
    return status;
}

void tree_free(struct tree *tree)
{
    if (!tree)
        return;
    free(tree->polarity);
    free(tree);
}

double tree_transition(const struct tree *tree, size_t node, int a, int b)
{
    const double rho = tree->polarity[node], m = tree->states;
    if (a != b)
        return (1 - rho) / m;
    /* (1 + (m - 1) rho) / m, rounded once: rho + (1 - rho) / m has no digits left near its least
     * rho, where this is small; not below 0 where that rho itself was rounded */
    return fmax(0, fma(m - 1, rho, 1)) / m;
}
