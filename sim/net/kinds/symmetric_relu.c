/* The network of [FD]: one layer of neurons with two thresholds. */
#include "sim/net/kinds/kinds.h"

#include <math.h>

struct symmetric_relu_settings {
    struct network_common common; /* not of this kind: no table fills it */
    int64_t neurons, warmup;
    double scale, bias_start, bias_growth, bias_cap;
};

/* sqrt(2 log d / d), [FD] */
static enum status find_start(const struct symmetric_relu_settings *s,
                              const struct dictionary *dictionary, double *start, struct error *err)
{
    const double d = dictionary ? (double)dictionary->features : 0;
    *start = s->bias_start;
    if (s->bias_start >= 0)
        return STATUS_OK;
    if (s->bias_start != -1)
        return error_key(err, "network.bias_start",
                         "network.bias_start is %g; give at least 0, or -1 for sqrt(2 log d / d)",
                         s->bias_start);
    if (d < 2)
        return error_key(err, "network.bias_start",
                         "network.bias_start is -1, for sqrt(2 log d / d), but the data have no "
                         "dictionary of d >= 2 features; give a number of at least 0");
    *start = sqrt(2 * log(d) / d);
    return STATUS_OK;
}

static enum status shape(const void *settings, const struct source *source, const void *world,
                         struct network *network, struct error *err)
{
    const struct symmetric_relu_settings *s = settings;
    double start;
    if (network->leaf_states > 0)
        return error_key(err, "network.kind",
                         "network.kind symmetric_relu needs real-valued data, such as "
                         "sparse_coding; use tree or mlp with this source");
    enum status status = find_start(s, source_dictionary(source, world), &start, err);
    if (status)
        return status;
    if (s->bias_cap < start)
        return error_key(err, "network.bias_cap",
                         "network.bias_cap %g is below network.bias_start %g; give at least as "
                         "much",
                         s->bias_cap, start);
    network->levels = 1;
    network->level[0] =
        (struct level){.nodes = 1, .width = (int)s->neurons, .children = (int)network->leaves};
    network->bias = network->symmetric = true;
    network->weight_scale = s->scale;
    network->schedule = (struct bias_schedule){.warmup = (uint64_t)s->warmup,
                                               .start = start,
                                               .growth = s->bias_growth,
                                               .cap = s->bias_cap};
    return STATUS_OK;
}

static const struct param params[] = {
    INTEGER_PARAM(struct symmetric_relu_settings, neurons, "50", 1, 16384, "m"),
    REAL_PARAM(struct symmetric_relu_settings, scale, "0.01", POSITIVE, UNBOUNDED,
               "sigma_0, standard deviation of the initial weights, which are normal"),
    INTEGER_PARAM(struct symmetric_relu_settings, warmup, "1000", 0, 1e15,
                  "steps of training with b = 0"),
    REAL_PARAM(struct symmetric_relu_settings, bias_start, "-1", -1, UNBOUNDED,
               "b_i / |w_i| after the warm-up; -1: sqrt(2 log d / d), d the features of the data"),
    REAL_PARAM(struct symmetric_relu_settings, bias_growth, "1e-4", 0, 1,
               "by which share of itself b_i / |w_i| then grows in a step"),
    REAL_PARAM(struct symmetric_relu_settings, bias_cap, "0.9", 0, UNBOUNDED,
               "where that growth ends; a neuron w_i = M_j answers to its feature below 1"),
    {0}};

const struct network_kind network_symmetric_relu = {
    .about = {.name = "symmetric_relu",
              .doc = "One layer of neurons h_i(x) = ReLU(<w_i, x> - b_i) - ReLU(-<w_i, x> - b_i). "
                     "The thresholds b_i are not trained: they are 0 during a warm-up, then a "
                     "share of |w_i| that grows with the number of steps.",
              .source = "[FD]",
              .params = params,
              .settings_size = sizeof(struct symmetric_relu_settings)},
    .shape = shape,
};
