/* The fully connected network of [DDN]: one node a level. */
#include "sim/net/kinds/kinds.h"

struct mlp_settings {
    struct network_common common;
    struct integers layers;
};

static enum status shape(const void *settings, const struct source *source, const void *world,
                         struct network *network, struct error *err)
{
    const struct mlp_settings *s = settings;
    (void)source, (void)world;
    if (s->layers.count > NETWORK_MAX_LEVELS)
        return error_key(err, "network.layers", "network.layers has %zu entries; at most %d fit",
                         s->layers.count, NETWORK_MAX_LEVELS);
    network->levels = (int)s->layers.count;
    for (int l = 0; l < network->levels; l++) {
        size_t layer = s->layers.count - 1 - (size_t)l; /* layers count from the input */
        network->level[l] = (struct level){
            .nodes = 1,
            .width = (int)s->layers.value[layer],
            .children = layer == 0 ? (int)network->leaves : 1,
        };
    }
    return STATUS_OK;
}

static const struct param params[] = {
    NUMBER_PARAM(
        "layers", PARAM_INTEGERS, struct mlp_settings, layers, "[64, 32, 10]", 1, 4096,
        "neurons of each layer from the first hidden one to the output; the input's size comes "
        "from the data"),
    NETWORK_COMMON_PARAMS,
    {0}};

const struct network_kind network_mlp = {
    .about = {.name = "mlp",
              .doc = "Fully connected network. Every layer sees the whole layer below.",
              .source = "[DDN]",
              .params = params,
              .settings_size = sizeof(struct mlp_settings)},
    .shape = shape,
};
