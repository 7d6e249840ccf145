/* E6: the norm of the covariance operator in the published code */
#include "analysis/covariance_operator.h"
#include "core/extreme.h"
#include "theorems/claims.h"
#include "theorems/hltm/latent.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* |V|_F of the matrix V[(a, o)][(b, q)] = sum_s p_s sum_k D_s[o][k][a] D_s[q][k][b],
 * D_s = E[K | s] - E[K], with p_s = 1/2: rows (input, output), the neurons summed over. */
static enum status flattened_norm(struct operator_shape shape, const double *k, bool centred,
                                  double *norm, struct error *err)
{
    size_t n = shape.neurons, m = shape.inputs, side = shape.outputs * m;
    size_t size = shape.outputs * n * m;
    double *v = calloc(side * side, sizeof *v);
    if (!v)
        return error_memory(err, "a covariance of %zu rows", side);
    for (int s = 0; s < 2; s++)
        for (size_t row = 0; row < side; row++)
            for (size_t column = 0; column < side; column++)
                for (size_t j = 0; j < n; j++) {
                    size_t p = (row % shape.outputs * n + j) * m + row / shape.outputs;
                    size_t q = (column % shape.outputs * n + j) * m + column / shape.outputs;
                    double mean_p = centred ? (k[p] + k[size + p]) / 2 : 0;
                    double mean_q = centred ? (k[q] + k[size + q]) / 2 : 0;
                    const double *given = k + (s ? size : 0);
                    v[row * side + column] += (given[p] - mean_p) * (given[q] - mean_q) / 2;
                }
    *norm = frobenius(v, side * side);
    free(v);
    return STATUS_OK;
}

/* Norms at one node: as the code reports it, as its flattening implies, and of the operator. */
struct norms {
    double published, flattened, operator_norm;
};

static enum status node_norms(const struct trial *trial, const struct latent_connection *c,
                              const struct latent_net *net, int level, size_t i,
                              struct norms *norms)
{
    static const double half[2] = {0.5, 0.5};
    struct operator_shape shape = {c->labels, c->outputs, (size_t)net->width[level],
                                   latent_inputs(net, level)};
    const double *k = latent_k(c, net, level, i);
    struct operator_summary summary;
    double *work = malloc(operator_work(shape) * sizeof *work);
    if (!work)
        return error_memory(trial->err, "an operator");
    enum status status = covariance_operator(shape, k, half, work, &summary, NULL, trial->err);
    norms->operator_norm = summary.norm;
    norms->published = published_operator_norm(shape, k, half, work);
    free(work);
    if (!status && trial->fault == FAULT_CENTRING)
        status = flattened_norm(shape, k, false, &norms->published, trial->err);
    plant(trial, &norms->published, 1);
    if (!status)
        status = flattened_norm(shape, k, true, &norms->flattened, trial->err);
    return status;
}

/* The largest errors over the nodes. */
static enum status compare(const struct trial *trial, const struct latent_net *net,
                           struct reading *reading)
{
    struct latent_connection c;
    enum status status = latent_connection_create(&c, net, trial->err);
    reading->control[0] = 0;
    for (int l = 0; !status && l < net->network.levels; l++)
        for (size_t i = 0; !status && i < net->tree->count[l]; i++) {
            struct norms norms = {0};
            status = node_norms(trial, &c, net, l, i, &norms);
            if (status || norms.operator_norm < 1e-12)
                continue; /* the node's gates are shut */
            const double *other = trial->restored ? &norms.published : &norms.operator_norm;
            reading->error =
                larger(reading->error, relative_error(&norms.published, &norms.flattened, 1));
            reading->control[0] =
                larger(reading->control[0], relative_error(other, &norms.flattened, 1));
        }
    /* Where all neurons of a node that are ever open are open on the same leaf patterns, both
     * flattenings agree, as in a linear network. */
    if (reading->control[0] < 1e-6 && !trial->restored)
        reading->control[0] = NOT_MEASURED;
    latent_connection_free(&c);
    return status;
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    struct latent_case c;
    struct net_wish wish = {.relu = true, .bias = gsl_rng_uniform_int(trial->rng, 2) == 0};
    enum status status =
        latent_case_open(&c, trial, (struct tree_wish){.least_depth = 2, .forks = TREE_MAX_DEPTH});
    if (!status)
        status = latent_case_draw(&c, trial, wish);
    if (!status)
        status = compare(trial, &c.net, reading);
    latent_case_free(&c);
    return status;
}

static const struct part parts[] = {
    {.statement = "published norm: the Frobenius norm of V_{z_0}[E[K_mu | z_0]] with K_mu as a "
                  "matrix (input, output) x neuron, at every node mu",
     .measured = "The published norm as measured in training, against the covariance matrix "
                 "written out entry by entry; ReLU networks, exact sums over leaf patterns; the "
                 "largest error over the nodes.",
     .controls = {"the norm of the operator of [DDN], K_mu as (input, neuron) x output"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 6, .cost = 0.0003},
     .measure = measure},
};

const struct claim claim_e6 = {
    .about = {.name = "E6",
              .doc = "The published code reports the norm of another matrix as the norm of the "
                     "covariance operator: it flattens the connection as (input, output) x neuron "
                     "in place of (input, neuron) x output. For linear networks, and at the root "
                     "of every binary tree, both norms are the same; below the root of a ReLU "
                     "network they differ.",
              .source = "code published with [DDN]; erratum E6",
              LATENT_SETTINGS},
    .title = "The published operator norm",
    .formula = "published norm = |sum_s p_s sum_k D_s[., k, .] D_s[., k, .]^T|_F, "
               "D_s = E[K | z_0 = s] - E[K]",
    .hypotheses = "Binary tree, uniform root; locally connected ReLU network.",
    ALL_PARTS(parts),
};
