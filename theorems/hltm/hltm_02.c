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

/* out[node][m][pattern] = P(z_node = s, leaves), summed over all assignments, where the root is
 * not uniform by `tilt` (latent_tilt). */
static enum status joint_with_leaves(const struct tree *tree, size_t patterns, double tilt,
                                     double *out, struct error *err)
{
    const size_t m = (size_t)tree->states;
    size_t assignments;
    double *joint;
    enum status status = joint_enumerate(tree, &joint, &assignments, err);
    if (status)
        return status;
    latent_tilt(tree, tilt, joint, assignments);
    memset(out, 0, tree->nodes * m * patterns * sizeof *out);
    for (size_t z = 0; z < assignments; z++) /* leaves are the last digits */
        for (size_t node = tree->nodes, rest = z; node-- > 0; rest /= m)
            out[(node * m + rest % m) * patterns + z % patterns] += joint[z];
    free(joint);
    return STATUS_OK;
}

/* P(z_node = s | leaves) from P(z_node = s, leaves), in place: Bayes' rule. */
static void condition(const struct tree *tree, size_t patterns, double *joint)
{
    const size_t m = (size_t)tree->states;
    for (size_t node = 0; node < tree->nodes; node++)
        for (size_t x = 0; x < patterns; x++) {
            double evidence = 0;
            for (size_t s = 0; s < m; s++)
                evidence += joint[(node * m + s) * patterns + x];
            for (size_t s = 0; s < m; s++)
                joint[(node * m + s) * patterns + x] /= evidence;
        }
}

/* P(z_node = s | leaves) by the upward and downward pass, [node][m][pattern]. */
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

/* Correlation of each node's posterior with the state that it is of, under the joint distribution
 * with the leaves; the largest over states, [node].  0 where the posterior is constant. */
static void posterior_correlations(const struct tree *tree, size_t patterns, const double *joint,
                                   const double *posterior, double *out)
{
    const size_t m = (size_t)tree->states;
    for (size_t node = 0; node < tree->nodes; node++) {
        out[node] = 0;
        for (size_t s = 0; s < m; s++) {
            const double *q = posterior + (node * m + s) * patterns;
            double mean = 0, square = 0, hit = 0, both = 0;
            for (size_t t = 0; t < m; t++)
                for (size_t x = 0; x < patterns; x++) {
                    double p = joint[(node * m + t) * patterns + x];
                    mean += p * q[x];
                    square += p * q[x] * q[x];
                    hit += t == s ? p : 0;
                    both += t == s ? p * q[x] : 0;
                }
            double variance = (square - mean * mean) * (hit - hit * hit);
            if (!(variance <= 1e-30))
                out[node] = larger(out[node], fabs(both - mean * hit) / sqrt(variance));
        }
    }
}

/* What a part compares: posteriors with Bayes' rule, or their correlations with the ceiling. */
struct compared {
    bool ceiling;
};

static enum status compare_posteriors(const struct trial *trial, const struct tree *tree,
                                      double tilt, double *error)
{
    const struct compared *compared = trial->argument;
    size_t patterns = pattern_count(tree), size = tree->nodes * (size_t)tree->states * patterns;
    double *belief = malloc((2 * size + 2 * tree->nodes) * sizeof *belief);
    if (!belief)
        return error_memory(trial->err, "posteriors");
    double *joint = belief + size, *measured = joint + size, *ceiling = measured + tree->nodes;
    enum status status = propagate(tree, patterns, belief, trial->err);
    if (!status)
        status = joint_with_leaves(tree, patterns, tilt, joint, trial->err);
    if (!status && compared->ceiling) {
        status = ceiling_measure(tree, trial->seed, 0, ceiling, trial->err);
        posterior_correlations(tree, patterns, joint, belief, measured);
        plant(trial, measured, tree->nodes);
        *error = relative_error(measured, ceiling, tree->nodes);
    } else if (!status) {
        condition(tree, patterns, joint);
        plant(trial, belief, size);
        *error = relative_error(belief, joint, size);
    }
    free(belief);
    return status;
}

static enum status measure_posteriors(const struct trial *trial, struct reading *reading)
{
    const struct latent_settings *s = trial->settings;
    int states = 2 + trial->instance % 3;
    struct tree_wish wish = {
        .states = states, .nodes = latent_joint_nodes(s, states), .edges = latent_at_edge(trial)};
    struct tree *tree;
    enum status status = latent_tree(trial->rng, s, wish, &tree, trial->err);
    if (status)
        return status;
    status = compare_posteriors(trial, tree, 0, &reading->error);
    if (!status)
        status = compare_posteriors(trial, tree, trial->restored ? 0 : 0.8, &reading->control[0]);
    tree_free(tree);
    return status;
}

/* ---- the ceiling ---- */

/* Correlation of g = f / sd(f) + sight 1(z = s) / sd(1(z = s)) with 1(z = s), summed over patterns
 * x and states z with P(x) P(z | x); 0 for a constant f.  P(z = s) = 1/m. */
static double correlation(const struct support *support, const struct tree *tree, const double *f,
                          size_t node, int s, double sight)
{
    const size_t m = (size_t)tree->states;
    double variance = latent_variance(support, f), scale = 0, p = 1.0 / tree->states;
    for (size_t x = 0; x < support->stride; x++)
        scale += support->probability[x] * f[x] * f[x];
    if (variance <= 1e-8 * scale)
        return 0;
    double mean = 0, square = 0, both = 0;
    for (size_t z = 0; z < m; z++)
        for (size_t x = 0; x < support->stride; x++) {
            double weight =
                support->probability[x] * support->posterior[(node * m + z) * support->stride + x];
            double g = f[x] / sqrt(variance) + (z == (size_t)s ? sight / sqrt(p - p * p) : 0);
            mean += weight * g;
            square += weight * g * g;
            both += z == (size_t)s ? weight * g : 0;
        }
    return (both - p * mean) / sqrt((square - mean * mean) * (p - p * p));
}

/* Correlation of every neuron with its latent, the largest in size over states: [neuron], and their
 * number. */
static size_t correlations(const struct latent_net *net, double sight, double *out)
{
    size_t count = 0;
    for (int l = 0; l < net->network.levels; l++)
        for (size_t k = 0; k < net->tree->count[l] * (size_t)net->width[l]; k++, count++) {
            size_t node = net->tree->first[l] + k / (size_t)net->width[l];
            const double *f = net->value[l] + k * net->support->stride;
            out[count] = 0;
            for (int s = 0; s < net->tree->states; s++) {
                double c = correlation(net->support, net->tree, f, node, s, sight);
                out[count] = fabs(c) > fabs(out[count]) || isnan(c) ? c : out[count];
            }
        }
    return count;
}

/* Largest relative violation of the ceiling; of a ceiling of 0, absolute. */
static double violation(const struct latent_net *net, const double *measured, const double *ceiling)
{
    double worst = -1;
    size_t at = 0;
    for (int l = 0; l < net->network.levels; l++)
        for (size_t k = 0; k < net->tree->count[l] * (size_t)net->width[l]; k++, at++) {
            double most = ceiling[net->tree->first[l] + k / (size_t)net->width[l]];
            worst = larger(worst, (fabs(measured[at]) - most) / (most > 0 ? most : 1));
        }
    return worst;
}

/* `sight`: how much of its latent a neuron sees beside the leaves. */
static enum status compare_ceiling(const struct trial *trial, const struct latent_net *net,
                                   double sight, double *error)
{
    size_t most = net->network.parameters; /* a weight per neuron at least */
    double *ceiling = malloc((net->tree->nodes + most) * sizeof *ceiling);
    if (!ceiling)
        return error_memory(trial->err, "correlations");
    double *measured = ceiling + net->tree->nodes;
    enum status status = ceiling_measure(net->tree, trial->seed, 0, ceiling, trial->err);
    if (!status) {
        plant(trial, measured, correlations(net, sight, measured));
        *error = violation(net, measured, ceiling);
    }
    free(ceiling);
    return status;
}

static enum status measure_ceiling(const struct trial *trial, struct reading *reading)
{
    int states = trial->instance % 4 == 3 ? 3 : 2;
    struct tree_wish wish = {
        .states = states, .leaves = states == 2 ? 0 : 5, .edges = latent_at_edge(trial)};
    struct net_wish net_wish = {.relu = gsl_rng_uniform_int(trial->rng, 2) == 0,
                                .bias = gsl_rng_uniform_int(trial->rng, 2) == 0,
                                .any_net = true};
    struct latent_case c;
    enum status status = latent_case_open(&c, trial, wish);
    if (!status)
        status = latent_case_draw(&c, trial, net_wish);
    if (!status)
        status = compare_ceiling(trial, &c.net, 0, &reading->error);
    if (!status)
        status = compare_ceiling(trial, &c.net, trial->restored ? 0 : 3, &reading->control[0]);
    latent_case_free(&c);
    return status;
}

/* ---- the claim ---- */

static const struct part parts[] = {
    {.statement = "posteriors: P(z_mu | leaves) by the upward and downward pass is Bayes' rule; "
                  "m = 2, 3, 4",
     .measured = "Beliefs of every node at every leaf pattern, against sums over the joint "
                 "distribution of all nodes.",
     .controls = {"a root that is not uniform"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 42, .quick = 6, .cost = 0.0003},
     .measure = measure_posteriors,
     .argument = &(const struct compared){.ceiling = false}},
    {.statement = "attained: the posterior of z_mu has the correlation sqrt(Var E[z_mu | leaves]) "
                  "/ sd(z_mu) with it; m = 2, 3, 4",
     .measured = "Correlation of beliefs with states, summed over the joint distribution of all "
                 "nodes, against the ceiling that the program reports.",
     .controls = {"a root that is not uniform"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 42, .quick = 6, .cost = 0.0003},
     .measure = measure_posteriors,
     .argument = &(const struct compared){.ceiling = true}},
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
