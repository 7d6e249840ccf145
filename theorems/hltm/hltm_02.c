/* HLTM-2: belief propagation, and the ceiling on correlations with a latent */
#include "theorems/claims.h"
#include "theorems/hltm/latent.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- posteriors ---- */

static size_t pattern_count(const struct tree *tree)
{
    size_t count = 1;
    for (size_t i = 0; i < tree_leaves(tree); i++)
        count *= (size_t)tree->states;
    return count;
}

/* out[node][m][pattern] = P(z_node = s | leaves), by Bayes' rule over all assignments. */
static enum status brute_force(const struct tree *tree, size_t patterns, double *out,
                               struct error *err)
{
    const size_t m = (size_t)tree->states;
    size_t assignments;
    double *joint;
    enum status status = joint_enumerate(tree, &joint, &assignments, err);
    if (status)
        return status;
    memset(out, 0, tree->nodes * m * patterns * sizeof *out);
    for (size_t z = 0; z < assignments; z++) /* leaves are the last digits */
        for (size_t node = tree->nodes, rest = z; node-- > 0; rest /= m)
            out[(node * m + rest % m) * patterns + z % patterns] += joint[z];
    for (size_t node = 0; node < tree->nodes; node++)
        for (size_t x = 0; x < patterns; x++) {
            double evidence = 0;
            for (size_t s = 0; s < m; s++)
                evidence += out[(node * m + s) * patterns + x];
            for (size_t s = 0; s < m; s++)
                out[(node * m + s) * patterns + x] /= evidence;
        }
    free(joint);
    return STATUS_OK;
}

/* The same by the upward and downward pass. */
static enum status propagate(const struct tree *tree, size_t patterns, double *out,
                             struct error *err)
{
    const size_t m = (size_t)tree->states, rows = tree->nodes * m, leaves = tree_leaves(tree);
    double *work = malloc(2 * rows * BLOCK * sizeof *work);
    uint8_t *leaf = malloc(leaves * BLOCK);
    enum status status = work && leaf ? STATUS_OK : error_memory(err, "beliefs");
    for (size_t at = 0; !status && at < patterns; at += BLOCK) {
        size_t count = patterns - at < BLOCK ? patterns - at : BLOCK;
        double *belief = work + rows * BLOCK;
        for (size_t lane = 0; lane < BLOCK; lane++)
            for (size_t i = leaves, rest = lane < count ? at + lane : 0; i-- > 0; rest /= m)
                leaf[i * BLOCK + lane] = (uint8_t)(rest % m);
        belief_block(tree, leaf, BLOCK, work, belief, NULL);
        for (size_t r = 0; r < rows; r++)
            memcpy(out + r * patterns + at, belief + r * BLOCK, count * sizeof *out);
    }
    free(work);
    free(leaf);
    return status;
}

static enum status compare_posteriors(const struct trial *trial, struct tree *tree,
                                      struct reading *reading)
{
    size_t patterns = pattern_count(tree), last = tree->nodes - 1;
    size_t size = tree->nodes * (size_t)tree->states * patterns;
    double *measured = malloc(2 * size * sizeof *measured), *predicted = measured + size;
    if (!measured)
        return error_memory(trial->err, "posteriors");
    enum status status = propagate(tree, patterns, measured, trial->err);
    if (!status)
        status = brute_force(tree, patterns, predicted, trial->err);
    if (!status) {
        plant(trial, measured, size);
        reading->error = relative_error(measured, predicted, size);
        tree->polarity[last] += latent_shift(tree, last);
        status = brute_force(tree, patterns, predicted, trial->err);
        reading->control[0] = relative_error(measured, predicted, size);
    }
    free(measured);
    return status;
}

static enum status measure_posteriors(const struct trial *trial, struct reading *reading)
{
    const struct latent_settings *s = trial->settings;
    int states = 2 + trial->instance % 3;
    struct tree_wish wish = {.states = states, .nodes = latent_joint_nodes(s, states)};
    struct tree *tree;
    enum status status = latent_tree(trial->rng, s, wish, &tree, trial->err);
    if (status)
        return status;
    status = compare_posteriors(trial, tree, reading);
    tree_free(tree);
    return status;
}

/* ---- the ceiling ---- */

/* Correlation of f + mix 1(z = s) with 1(z = s), both scaled to variance 1 before they are mixed;
 * 0 for a constant f.  P(z = s) = 1/m. */
static double correlation(const struct support *support, const struct tree *tree, const double *f,
                          size_t node, int s, double mix)
{
    double variance = latent_variance(support, f), square = 0, p = 1.0 / tree->states;
    for (size_t x = 0; x < support->stride; x++)
        square += support->probability[x] * f[x] * f[x];
    if (!(variance > 1e-8 * square))
        return 0;
    double given = latent_mean(support, tree, f, node, s), mean = 0;
    for (int t = 0; t < tree->states; t++)
        mean += p * latent_mean(support, tree, f, node, t);
    double c = p * (given - mean) / sqrt(variance * p * (1 - p));
    return (c + mix) / sqrt(1 + mix * mix + 2 * c * mix);
}

/* |correlation| of every neuron with its latent, the largest over states: [neuron], and their
 * number. */
static size_t correlations(const struct latent_net *net, double mix, double *out)
{
    size_t count = 0;
    for (int l = 0; l < net->network.levels; l++)
        for (size_t k = 0; k < net->tree->count[l] * (size_t)net->width[l]; k++, count++) {
            size_t node = net->tree->first[l] + k / (size_t)net->width[l];
            const double *f = net->value[l] + k * net->support->stride;
            out[count] = 0;
            for (int s = 0; s < net->tree->states; s++)
                out[count] =
                    fmax(out[count], fabs(correlation(net->support, net->tree, f, node, s, mix)));
        }
    return count;
}

/* Largest relative violation of the ceiling. */
static double violation(const struct latent_net *net, const double *correlation_of,
                        const double *ceiling)
{
    double worst = -1;
    size_t at = 0;
    for (int l = 0; l < net->network.levels; l++)
        for (size_t k = 0; k < net->tree->count[l] * (size_t)net->width[l]; k++, at++) {
            double most = ceiling[net->tree->first[l] + k / (size_t)net->width[l]];
            worst = fmax(worst, correlation_of[at] / most - 1);
        }
    return worst;
}

static enum status compare_ceiling(const struct trial *trial, const struct latent_net *net,
                                   struct reading *reading)
{
    size_t most = net->network.parameters; /* a weight per neuron at least */
    double *ceiling = malloc((net->tree->nodes + most) * sizeof *ceiling);
    if (!ceiling)
        return error_memory(trial->err, "correlations");
    double *measured = ceiling + net->tree->nodes;
    enum status status = ceiling_measure(net->tree, trial->seed, 0, ceiling, trial->err);
    if (!status) {
        plant(trial, measured, correlations(net, 0, measured));
        reading->error = violation(net, measured, ceiling);
        correlations(net, 3, measured);
        reading->control[0] = violation(net, measured, ceiling);
    }
    free(ceiling);
    return status;
}

static enum status measure_ceiling(const struct trial *trial, struct reading *reading)
{
    int states = trial->instance % 4 == 3 ? 3 : 2;
    struct tree_wish wish = {.states = states, .leaves = states == 2 ? 0 : 5};
    struct net_wish net_wish = {.relu = gsl_rng_uniform_int(trial->rng, 2) == 0,
                                .bias = gsl_rng_uniform_int(trial->rng, 2) == 0,
                                .any_net = true};
    struct latent_case c;
    enum status status = latent_case_open(&c, trial, wish);
    if (!status)
        status = latent_case_draw(&c, trial, net_wish);
    if (!status)
        status = compare_ceiling(trial, &c.net, reading);
    latent_case_free(&c);
    return status;
}

/* ---- the claim ---- */

static const struct part parts[] = {
    {.statement = "posteriors: P(z_mu | leaves) by the upward and downward pass is Bayes' rule; "
                  "m = 2, 3, 4",
     .measured = "Beliefs of every node at every leaf pattern, against sums over the joint "
                 "distribution of all nodes.",
     .controls = {"the polarity of one leaf's edge changed by 0.05"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 42, .quick = 6, .cost = 0.0003},
     .measure = measure_posteriors},
    {.statement = "ceiling: |corr(f, z_mu)| <= sqrt(Var E[z_mu | leaves]) / sd(z_mu) for every "
                  "neuron f of mu",
     .measured = "Correlations of the neurons of random networks with their latents, ReLU and "
                 "linear, with and without biases, m = 2 and 3 (the indicator of each state), by "
                 "exact sums over leaf patterns.",
     .controls = {"a neuron that sees the latent itself beside its leaves"},
     .kind = PART_BOUND,
     .plan = {.instances = 1000, .quick = 100, .cost = 0.0002},
     .measure = measure_ceiling},
};

const struct claim claim_hltm_2 = {
    .about = {.name = "HLTM-2",
              .doc = "Belief propagation on the tree gives the exact posterior of every latent. It "
                     "yields the largest correlation that any function of the leaves can have with "
                     "the latent, which no neuron exceeds.",
              .source = "[DDN] Sec. 6; belief propagation: Pearl 1988, ch. 4",
              LATENT_SETTINGS},
    .title = "Belief propagation and the ceiling",
    .formula = "|corr(f(leaves), z_mu)| <= sqrt(Var E[z_mu | leaves]) / sd(z_mu)",
    .hypotheses = "Uniform root, symmetric channels; f is a function of the leaves.",
    ALL_PARTS(parts),
};
