#include "tests/kit/trained.h"

#include "hltm/tree.h"
#include "sim/data/sources/sources.h"
#include "sim/net/kinds/kinds.h"

void *kit_open_tree(const struct kit_tree *tree)
{
    int64_t children[4];
    const double range[] = {tree->low, tree->high};
    const size_t length = 2;
    for (int d = 0; d < 4; d++)
        children[d] = tree->children[d] ? tree->children[d] : tree->children[0];
    struct tree_settings settings = {
        .depth = tree->depth,
        .children = {.scalar = tree->children[1] == 0,
                     .count = tree->children[1] ? (size_t)tree->depth : 1,
                     .value = children},
        .states = tree->states ? tree->states : 2,
        .polarity = {.rank = 1, .rows = 1, .length = &length, .value = range},
        .keep_level = tree->keep_level,
        .label_level = tree->label_level,
        .label_node = tree->label_node};
    if (tree->low == 0)
        settings.polarity = (struct reals){.rank = 0, .rows = 1, .value = range + 1};
    void *world;
    struct error err;
    check_ok(source_hltm.open(&settings, tree->seed, &world, &err), &err);
    return world;
}

size_t kit_no_scratch(const void *world)
{
    (void)world;
    return 0;
}

struct network kit_network(struct network network, const int *width)
{
    const bool tree = network.mirrors_tree;
    for (int l = 0; l < network.levels; l++) {
        const bool last = l + 1 == network.levels;
        network.level[l] = (struct level){.nodes = tree ? (size_t)1 << l : 1,
                                          .width = width[l],
                                          .children = tree   ? 2
                                                      : last ? (int)network.leaves
                                                             : 1};
    }
    network_finish(&network);
    return network;
}

void kit_build(struct network *network, const struct kit_shape *shape, struct kit_options options)
{
    const struct network_kind *kind = shape->width ? &network_tree : &network_mlp;
    const struct integers layers = {.count = (size_t)shape->layer_count, .value = shape->layers};
    struct tree tree = {.depth = shape->depth, .states = shape->states, .count = {1}};
    union kit_settings settings;
    struct error err;
    for (int d = 0; d < tree.depth; d++) {
        tree.children[d] = shape->children[d];
        tree.count[d + 1] = tree.count[d] * (size_t)shape->children[d];
    }
    kit_defaults(&kind->about, &settings);
    kit_set(&kind->about, &settings, "activation", options.linear);
    kit_set(&kind->about, &settings, "bias", options.bias);
    kit_set(&kind->about, &settings, "normalize", options.normalize);
    if (shape->width)
        kit_set(&kind->about, &settings, "width", (double)shape->width);
    else
        memcpy(settings.bytes + descriptor_param(&kind->about, "layers")->offset, &layers,
               sizeof layers);
    check_ok(network_build(network, kind, &settings, &source_hltm, &tree, &err), &err);
}

void kit_set(const struct descriptor *about, union kit_settings *settings, const char *name,
             double value)
{
    const struct param *p = descriptor_param(about, name);
    if (!p)
        fail_msg("%s has no setting %s", about->name, name);
    const int64_t integer = (int64_t)value;
    const int choice = (int)value;
    const bool flag = value != 0;
    unsigned char *at = settings->bytes + p->offset;
    if (p->type == PARAM_INTEGER)
        memcpy(at, &integer, sizeof integer);
    else if (p->type == PARAM_CHOICE)
        memcpy(at, &choice, sizeof choice);
    else if (p->type == PARAM_BOOLEAN)
        memcpy(at, &flag, sizeof flag);
    else
        memcpy(at, &value, sizeof value);
}

void kit_defaults(const struct descriptor *about, union kit_settings *settings)
{
    assert_true(about->settings_size <= sizeof settings->bytes);
    memset(settings, 0, sizeof *settings);
    for (const struct param *p = about->params; p && p->name; p++)
        if (p->type == PARAM_INTEGER || p->type == PARAM_REAL)
            kit_set(about, settings, p->name, strtod(p->fallback, NULL));
        else if (p->type == PARAM_BOOLEAN)
            kit_set(about, settings, p->name, strcmp(p->fallback, "true") == 0);
}
