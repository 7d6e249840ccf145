#include "analysis/latent_measure.h"
#include "analysis/probes/probes.h"
#include "sim/net/axes.h"

static void quantities(const void *state, struct quantity_list *list)
{
    const struct latent_measure *m = state;
    for (int l = 0; l < m->plan.network->levels; l++) {
        struct quantity *q = quantity_add(list, "eigenvalues of the covariance operator",
                                          "/series/covop/level_%d/eigenvalues", l);
        add_nodes(q, m->plan.network, l);
        quantity_axis(q, operator_rank(latents_shape(m, l)), "eigenvalues, largest first",
                      "/level_%d_rank", l);
        q->value = m->eigenvalue[l];
    }
}

const struct probe probe_spectrum = {
    .about = {.name = "spectrum",
              .doc = "Eigenvalues of the covariance operator of every node.",
              .source = "[DDN]"},
    .applies = needs_tree,
    .measurement = &measurement_of_latents,
    .quantities = quantities,
};
