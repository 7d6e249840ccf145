/* HLTM-3: the activations of a node's children vary along one direction */
#include "theorems/claims.h"
#include "theorems/hltm/latent.h"

#include <stdlib.h>

/* o a a^T of node i, o = rho_{0 mu}^2 ([DDN] Sec. 6) */
static void predict(const struct latent_net *net, int level, size_t i, double *a, double *out)
{
    size_t inputs = latent_inputs(net, level);
    double path = latent_path(net->tree, level, i), o = path * path;
    latent_selectivity(net, level, i, a);
    for (size_t j = 0; j < inputs; j++)
        for (size_t k = 0; k < inputs; k++)
            out[j * inputs + k] = o * a[j] * a[k];
}

/* Largest relative error over the nodes. */
static enum status compare(const struct trial *trial, const struct latent_net *net, double *worst)
{
    size_t most = latent_most_inputs(net);
    double *measured = malloc((2 * most + 1) * most * sizeof *measured);
    if (!measured)
        return error_memory(trial->err, "covariances of %zu neurons", most);
    double *predicted = measured + most * most, *a = predicted + most * most;
    bool centred = trial->fault != FAULT_CENTRING;
    *worst = 0;
    for (int l = 0; l < net->network.levels; l++)
        for (size_t i = 0; i < net->tree->count[l]; i++) {
            size_t size = latent_inputs(net, l) * latent_inputs(net, l);
            latent_root_covariance(net, l, i, centred, measured);
            predict(net, l, i, a, predicted);
            plant(trial, measured, size);
            double error = relative_error(measured, predicted, size);
            *worst = larger(error, *worst);
        }
    free(measured);
    return STATUS_OK;
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    return latent_tree_and_dense(trial, LATENT_FORKED, compare, reading);
}

static const struct part parts[] = {
    {.statement = "activation covariance: V_{z_0}[E[f of mu's children | z_0]] = o_mu a_mu a_mu^T "
                  "at every node mu",
     .measured = "Left: conditional means given the root. Right: polarities and conditional means "
                 "given each child. All are exact sums over leaf patterns; the largest error over "
                 "the nodes.",
     .controls = {"a fully connected network of the same widths"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 6, .cost = 0.0003},
     .measure = measure},
};

const struct claim claim_hltm_3 = {
    .about = {.name = "HLTM-3",
              .doc = "Given the root, the mean activations of the neurons below a node vary along "
                     "one direction only: the selectivity of each neuron for its own latent, times "
                     "the polarity of the edge to it, shrunk by the path from the root.",
              .source = "[DDN] Sec. 6, activation covariance in the latent tree",
              LATENT_SETTINGS},
    .title = "Activation covariance",
    .formula = "V_{z_0}[E[f_{ch(mu)} | z_0]] = o_mu a_mu a_mu^T, o_mu = rho_{0 mu}^2, "
               "a_mu = [rho_{mu nu(k)} s_k]",
    .hypotheses = "Binary symmetric tree, any depth; locally connected network that mirrors it, "
                  "ReLU or linear, with or without biases.",
    ALL_PARTS(parts),
};
