#include "analysis/output_measure.h"
#include "analysis/probes/probes.h"
#include "sim/net/axes.h"

static void quantities(const void *state, struct quantity_list *list)
{
    const struct output_measure *m = state;
    const struct tree *tree = outputs_tree(m);
    struct quantity *mean =
        quantity_add(list, "mean accuracy of the linear probes over all latents that a view keeps",
                     "/series/probe/mean");
    mean->value = &m->mean_accuracy;
    mean->headline = "accuracy of the linear probes";
    for (int d = 0; d <= tree->keep_level && d < tree->depth; d++) {
        struct quantity *q =
            quantity_add(list, "accuracy of a linear probe of the latent on held-out samples",
                         "/series/probe/level_%d", d);
        add_latents(q, tree->count[d], d);
        q->value = m->accuracy + tree->first[d];
    }
}

const struct probe probe_linear = {
    .about = {.name = "linear",
              .doc = "Accuracy, on held-out samples, of a linear readout of each latent that a "
                     "view keeps, from the outputs for un-augmented samples."},
    .applies = needs_tree,
    .measurement = &measurement_of_outputs,
    .quantities = quantities,
};
