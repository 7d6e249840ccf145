#include "analysis/latent_measure.h"
#include "analysis/probes/probes.h"
#include "sim/net/axes.h"

static void quantities(const void *state, struct quantity_list *list)
{
    const struct latent_measure *m = state;
    const struct tree *tree = m->plan.tree;
    const struct network *n = m->plan.network;
    for (int d = 0; d < tree->depth; d++) {
        struct quantity *q =
            quantity_add(list, "correlation of a neuron's pre-activation with its node's latent",
                         "/series/correlation/level_%d", d);
        add_latents(q, tree->count[d], d);
        add_neurons(q, n, n->mirrors_tree ? d : 0);
        q->value = m->correlation + correlation_offset(&m->correlation_plan, d);
    }
    struct quantity *best =
        quantity_add(list, "mean over nodes of the largest |correlation| among the neurons",
                     "/series/best_correlation");
    quantity_axis(best, (size_t)tree->depth, "level of the tree, 0 the root", "/level");
    best->value = m->best;
    best->headline = "best |correlation|, mean over the nodes of a level (0 is the root)";
    best->brief = "best |correlation| at the root";
    best->limit = "/ceiling/level";
}

const struct probe probe_correlation = {
    .about = {.name = "correlation",
              .doc = "Signed correlation of every neuron's pre-activation with its node's latent, "
                     "and the best of each node, a mean over each level.",
              .source = "[DDN]"},
    .applies = needs_tree,
    .measurement = &measurement_of_latents,
    .quantities = quantities,
};
