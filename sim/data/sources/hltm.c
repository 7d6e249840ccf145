/* Data from a hierarchical latent tree model, [DDN]. */
#include "sim/data/sources/sources.h"

static enum status open_world(const void *settings, uint64_t seed, void **world, struct error *err)
{
    struct tree *tree = NULL;
    enum status status = tree_create(&tree, settings, seed, err);
    *world = tree;
    return status;
}

static void close_world(void *world)
{
    tree_free(world);
}

static struct observed observed(const void *world)
{
    const struct tree *tree = world;
    return (struct observed){.leaves = tree_leaves(tree), .states = tree->states};
}

static const struct tree *tree_of(const void *world)
{
    return world;
}

static size_t scratch_size(const void *world)
{
    return 2 * sample_size(world);
}

/* View 0 is the sample; the positives keep its upper latents; the rest are samples of their own. */
static void draw_views(const void *world, struct draw draw, int positives, int views, void *scratch,
                       struct samples block)
{
    const struct tree *tree = world;
    const size_t first = tree->first[tree->depth], leaves = tree_leaves(tree);
    void *kept = scratch, *other = (char *)scratch + sample_size(tree);
    for (int view = 0; view < views; view++) {
        void *states = view == 0 ? kept : other;
        draw.view = (uint64_t)view;
        if (view_is_new(view, positives))
            sample_tree(tree, draw, states);
        else
            sample_view(tree, draw, kept, states);
        sample_unpack(tree, states, first, leaves, block.state + (size_t)view * leaves * BLOCK,
                      BLOCK);
    }
}

static void draw_latents(const void *world, struct draw draw, void *scratch, uint8_t *states)
{
    const struct tree *tree = world;
    sample_tree(tree, draw, scratch);
    sample_unpack(tree, scratch, 0, tree->nodes, states, BLOCK);
}

/* A latent below what views keep is not theirs to share. */
static int classes(const void *world)
{
    const struct tree *tree = world;
    return tree->label_level <= tree->keep_level ? tree->states : 0;
}

static void draw_labels(const void *world, struct draw draw, uint8_t *label)
{
    const struct tree *tree = world;
    draw.view = 0;
    sample_latent(tree, draw, tree->label_level, tree->label_node, label);
}

/* ---- moments ---- */

/* Product of polarities along the path between leaf i of one view and leaf j of another that shares
 * the latents of levels 0..keep with it: up to the first latent above both that is shared.  0 where
 * there is none. */
static double path_polarity(const struct tree *tree, int keep, size_t i, size_t j)
{
    double product = 1;
    for (int d = tree->depth; d > keep || i != j; d--) {
        if (d == 0)
            return 0;
        product *= tree->polarity[tree->first[d] + i] * tree->polarity[tree->first[d] + j];
        i = tree_parent(tree, d, i);
        j = tree_parent(tree, d, j);
    }
    return product;
}

/* E[1(x_i = a) 1(x_j = b)] of leaves along whose path the polarity is rho */
static double joint(const struct tree *tree, double rho, int a, int b)
{
    const double m = tree->states;
    return (rho * (a == b) + (1 - rho) / m) / m;
}

/* One number, the state, stands for a leaf of two states; m indicators for one of more. */
static void moments(const void *world, double *x, double *x_prime)
{
    const struct tree *tree = world;
    const size_t leaves = tree_leaves(tree), width = tree->states > 2 ? (size_t)tree->states : 1;
    for (size_t i = 0; i < leaves; i++)
        for (size_t j = 0; j < leaves; j++) {
            double across = path_polarity(tree, tree->keep_level, i, j);
            double within = path_polarity(tree, tree->depth, i, j);
            for (size_t a = 0; a < width; a++)
                for (size_t b = 0; b < width; b++) {
                    size_t at = (i * width + a) * leaves * width + j * width + b;
                    x[at] = joint(tree, across, (int)a, (int)b);
                    x_prime[at] = joint(tree, within, (int)a, (int)b) - x[at];
                }
        }
}

static const struct param params[] = {
    INTEGER_PARAM(struct tree_settings, depth, "5", 1, TREE_MAX_DEPTH,
                  "L: levels below the root; the leaves are level L"),
    NUMBER_PARAM("children", PARAM_INTEGERS, struct tree_settings, children, "2", 1, 1 << 24,
                 "c: children of a node, or a list with one entry a level"),
    INTEGER_PARAM(struct tree_settings, states, "2", 2, TREE_MAX_STATES,
                  "m: states of every variable"),
    NUMBER_PARAM(
        "polarity", PARAM_REALS, struct tree_settings, polarity, "[0.7, 1.0]", -1, 1,
        "rho of the edges: one number for all; [lo, hi] to draw |rho| uniformly, with a random "
        "sign where m = 2; or a list of lists, one row for each of the levels 1 to L"),
    INTEGER_PARAM(struct tree_settings, keep_level, "0", 0, TREE_MAX_DEPTH,
                  "a view keeps the latents of levels 0 to keep_level and draws the rest anew"),
    INTEGER_PARAM(struct tree_settings, label_level, "0", 0, TREE_MAX_DEPTH,
                  "level of the latent whose state labels a sample, 0 to keep_level; 0: the root"),
    INTEGER_PARAM(struct tree_settings, label_node, "0", 0, 1 << 24,
                  "... and its number within that level"),
    {0}};

const struct source source_hltm = {
    .about = {.name = "hltm",
              .doc =
                  "Hierarchical latent tree model. A uniform root, children that copy their "
                  "parent through symmetric channels, leaves that are observed; a view keeps the "
                  "upper latents and draws everything below anew.",
              .source = "[DDN]",
              .params = params,
              .settings_size = sizeof(struct tree_settings),
              .example = "data: {source: hltm, depth: 2, states: 3, polarity: [0.4, 0.9], "
                         "keep_level: 1, label_level: 1}"},
    .open = open_world,
    .close = close_world,
    .observed = observed,
    .scratch_size = scratch_size,
    .draw = draw_views,
    .latents = &(const struct source_latents){.tree = tree_of, .draw = draw_latents},
    .labels = &(const struct source_labels){.classes = classes, .draw = draw_labels},
    .moments = moments,
};
