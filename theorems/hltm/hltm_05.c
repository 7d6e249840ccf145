/* HLTM-5: operators shrink with the path from the root */
#include "theorems/claims.h"
#include "theorems/hltm/latent.h"

#include "analysis/covariance_operator.h"

#include <math.h>
#include <stdlib.h>

/* ---- the bound ---- */

/* o_mu sum_k rho_{mu nu(k)}^2 Var[f_k].
 *
 * With any number m of states E[f_k | z_0 = s] - E f_k = rho_{0 mu} rho_{mu nu} (E[f_k | z_nu = s]
 * - E f_k), since transition matrices are rho I + (1 - rho) / m.  So the trace of the covariance is
 * o_mu sum_k rho_{mu nu(k)}^2 V_s[E[f_k | z_nu = s]], which bounds its norm, and the variance of a
 * conditional mean is at most the variance. */
static double bound(const struct latent_net *net, int level, size_t i)
{
    double path = latent_path(net->tree, level, i), sum = 0;
    for (size_t k = 0; k < latent_inputs(net, level); k++) {
        double rho = net->tree->polarity[latent_owner(net, level, i, k)];
        sum += rho * rho * latent_variance(net->support, latent_input(net, level, i, k));
    }
    return path * path * sum;
}

/* Sum of the variances of a node's inputs. */
static double input_variance(const struct latent_net *net, int level, size_t i)
{
    double sum = 0;
    for (size_t k = 0; k < latent_inputs(net, level); k++)
        sum += latent_variance(net->support, latent_input(net, level, i, k));
    return sum;
}

/* Largest relative violation over the nodes whose children are neurons.  Where an edge of the path
 * has rho = 0, nothing comes through, in units of the inputs' variance. */
static enum status violation(const struct trial *trial, const struct latent_net *net, double *worst)
{
    size_t most = latent_most_inputs(net);
    double *covariance = malloc(most * most * sizeof *covariance);
    if (!covariance)
        return error_memory(trial->err, "covariances of %zu neurons", most);
    *worst = -1;
    for (int l = 0; l + 1 < net->network.levels; l++)
        for (size_t i = 0; i < net->tree->count[l]; i++) {
            size_t size = latent_inputs(net, l) * latent_inputs(net, l);
            double most_allowed = bound(net, l, i);
            double unit = most_allowed > 0 ? most_allowed : input_variance(net, l, i);
            latent_root_covariance(net, l, i, trial->fault != FAULT_CENTRING, covariance);
            plant(trial, covariance, size);
            *worst = larger(*worst, (frobenius(covariance, size) - most_allowed) / unit);
        }
    free(covariance);
    return STATUS_OK;
}

/* Trees on which the path from the root shrinks what some nodes see. */
static enum status measure(const struct trial *trial, struct reading *reading)
{
    static const size_t leaves[] = {0, 6, 5}; /* some 1,000 patterns */
    const int more = trial->instance % 3;
    const struct tree_wish wish = {
        .states = 2 + more, .least_depth = 3, .forks = 1, .leaves = leaves[more], .weak = 0.1};
    return latent_tree_and_dense(trial, wish, violation, reading);
}

/* ---- level by level, of a deep tree ---- */

/* 2 |V_{z_0}[E[K | z_0]]|_F of node i */
static enum status operator_norm(const struct latent_connection *c, const struct latent_net *net,
                                 int level, size_t i, double *norm, struct error *err)
{
    struct operator_shape shape = {c->labels, c->outputs, (size_t)net->width[level],
                                   latent_inputs(net, level)};
    static const double half[2] = {0.5, 0.5};
    struct operator_summary summary;
    double *work = malloc(operator_work(shape) * sizeof *work);
    if (!work)
        return error_memory(err, "an operator");
    enum status status =
        covariance_operator(shape, latent_k(c, net, level, i), half, work, &summary, NULL, err);
    *norm = 2 * summary.norm;
    free(work);
    return status;
}

/* Means over the nodes of a level: o; |V_{z_0}[E f]| and its bound as shares of the inputs'
 * variance; |OP|. */
static enum status level_row(const struct latent_net *net, const struct latent_connection *c,
                             int level, double row[5], struct error *err)
{
    size_t nodes = net->tree->count[level], inputs = latent_inputs(net, level);
    double *covariance = malloc(inputs * inputs * sizeof *covariance), norm = 0;
    enum status status = covariance ? STATUS_OK : error_memory(err, "covariances");
    row[0] = level;
    for (size_t i = 0; !status && i < nodes; i++) {
        double path = latent_path(net->tree, level, i), total = input_variance(net, level, i);
        latent_root_covariance(net, level, i, true, covariance);
        status = operator_norm(c, net, level, i, &norm, err);
        row[1] += path * path / (double)nodes;
        row[2] += frobenius(covariance, inputs * inputs) / total / (double)nodes;
        row[3] += bound(net, level, i) / total / (double)nodes;
        row[4] += norm / (double)nodes;
    }
    free(covariance);
    return status;
}

static enum status level_rows(const struct latent_net *net, struct curves *curves,
                              struct error *err)
{
    struct latent_connection c;
    enum status status = latent_connection_create(&c, net, err);
    for (int l = 0; !status && l < net->tree->depth; l++) {
        double row[5] = {0};
        status = level_row(net, &c, l, row, err);
        if (!status)
            status = curves_add(curves, row, err);
    }
    latent_connection_free(&c);
    return status;
}

static enum status draw(const struct trial *trial, struct curves *curves)
{
    enum { SAMPLES = 1 << 14 };
    struct latent_case c = {.tree = NULL};
    *curves = (struct curves){
        .title = "Operators of a deep tree",
        .x_label = "level below the root",
        .y_label = "mean over the nodes of a level",
        .caption = "A random binary tree of depth 6 with |rho| uniform in [0.6, 0.95] and a random "
                   "ReLU network of width 10 on it, from 16384 samples of its leaves with their "
                   "exact posteriors. The covariance and the bound of it are shares of the summed "
                   "variance of a node's inputs; at the lowest level they are equal up to sampling "
                   "noise. The bound is one of the covariance alone: o_mu, and the norm of the "
                   "operator in units of its own, stand beside it to show that all of them fade.",
        .log_y = true,
        .columns = 5,
        .name = {"level", "o_μ", "|V[E f]| / sum Var f", "bound of |V[E f]| / sum Var f",
                 "|OP_μ|, which has no bound here"},
    };
    enum status status = latent_even_tree(trial->rng, 6, 2, 0.6, 0.95, &c.tree, trial->err);
    if (!status)
        status = latent_sampled_support(&c.support, c.tree, gsl_rng_get(trial->rng), SAMPLES,
                                        trial->err);
    if (!status)
        status = latent_case_draw(&c, trial, (struct net_wish){.relu = true, .width = 10});
    if (!status)
        status = level_rows(&c.net, curves, trial->err);
    latent_case_free(&c);
    return status;
}

/* ---- the claim ---- */

static const struct part parts[] = {
    {.statement = "bound: |V_{z_0}[E[f of mu's children | z_0]]|_F <= o_mu sum_k rho_{mu nu(k)}^2 "
                  "Var[f_k] at every node mu, m = 2, 3, 4",
     .measured = "Both sides by exact sums over leaf patterns, at the nodes whose children are "
                 "neurons (where they are leaves s_k^2 = Var[f_k] and both sides are equal); the "
                 "least slack of a network on a tree of depth 3 or more.",
     .controls = {"a fully connected network of the same widths"},
     .kind = PART_BOUND,
     .plan = {.instances = 1000, .quick = 60, .cost = 0.003},
     .measure = measure},
};

const struct claim claim_hltm_5 = {
    .about = {.name = "HLTM-5",
              .doc = "The covariance of a node's inputs that is due to the root is at most their "
                     "own variance, shrunk by the squared polarities of the path: the operator "
                     "fades from the root to the leaves. For two states this follows from HLTM-3; "
                     "for more, where HLTM-3 says nothing, the covariance has a higher rank and "
                     "is bounded by its trace.",
              .source = "[DDN] Sec. 6, activation covariance in the latent tree",
              LATENT_SETTINGS},
    .title = "Operators fade with depth",
    .formula = "|V_{z_0}[E[f_{ch(mu)} | z_0]]| <= o_mu sum_k rho_{mu nu(k)}^2 Var[f_k], o_mu = "
               "rho_{0 mu}^2",
    .hypotheses = "Symmetric tree of m states, any depth; locally connected network that mirrors "
                  "it, ReLU or linear, with or without biases.",
    ALL_PARTS(parts),
    .draw = draw,
};
