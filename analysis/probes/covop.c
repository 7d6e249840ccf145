#include "analysis/latent_measure.h"
#include "analysis/probes/probes.h"
#include "sim/net/axes.h"

static void quantities(const void *state, struct quantity_list *list)
{
    const struct latent_measure *m = state;
    for (int l = 0; l < m->plan.network->levels; l++) {
        struct quantity *norm = quantity_add(list, "Frobenius norm of the covariance operator",
                                             "/series/covop/level_%d/norm", l);
        add_nodes(norm, m->plan.network, l);
        norm->value = m->norm[l];
        struct quantity *trace = quantity_add(list, "trace of the covariance operator",
                                              "/series/covop/level_%d/trace", l);
        add_nodes(trace, m->plan.network, l);
        trace->value = m->trace[l];
    }
}

const struct probe probe_covop = {
    .about = {.name = "covop",
              .doc = "Norm and trace of the covariance operator V[E[K | z_0]] of every node.",
              .source = "[DDN]"},
    .applies = needs_tree,
    .measurement = &measurement_of_latents,
    .quantities = quantities,
};
