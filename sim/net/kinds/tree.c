/* The tree network of [DDN]: one node of neurons for each latent of the tree. */
#include "sim/net/kinds/kinds.h"

struct tree_network_settings {
    struct network_common common;
    int64_t width;
};

static enum status shape(const void *settings, const struct source *source, const void *world,
                         struct network *network, struct error *err)
{
    const struct tree_network_settings *s = settings;
    const struct tree *tree = source_tree(source, world);
    if (!tree)
        return error_key(err, "network.kind",
                         "network.kind tree needs data made by a tree; use mlp with this source");
    network->levels = tree->depth;
    network->mirrors_tree = true;
    size_t nodes = 1;
    for (int l = 0; l < network->levels; l++) {
        network->level[l] =
            (struct level){.nodes = nodes, .width = (int)s->width, .children = tree->children[l]};
        nodes *= (size_t)tree->children[l];
    }
    return STATUS_OK;
}

static const struct param params[] = {INTEGER_PARAM(struct tree_network_settings, width, "10", 1,
                                                    4096, "neurons of every node, |N_mu|"),
                                      NETWORK_COMMON_PARAMS,
                                      {0}};

const struct network_kind network_tree = {
    .about = {.name = "tree",
              .doc = "Locally connected network that mirrors the tree of the data. The node of a "
                     "latent sees the neurons of the latent's children and nothing else.",
              .source = "[DDN]",
              .params = params,
              .settings_size = sizeof(struct tree_network_settings)},
    .shape = shape,
};
