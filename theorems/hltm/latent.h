/* Instances of the claims on the hierarchical latent tree model: a drawn tree, its leaf patterns
 * with their weights, a network that mirrors it, and exact conditional means. */
#pragma once

#include "core/extreme.h"
#include "core/pool.h"
#include "hltm/exact.h"
#include "sim/net/network.h"
#include "theorems/claim.h"

/* Sizes of the instances: the settings of every such claim. */
struct latent_settings {
    int64_t depth, children, width, leaves, nodes, samples;
};

extern const struct param latent_params[];

/* The fields that these claims share in their `about`. */
#define LATENT_SETTINGS .params = latent_params, .settings_size = sizeof(struct latent_settings)

/* ---- trees ---- */

/* Choices of a claim; 0 means the value in the comment. */
struct tree_wish {
    int states;      /* 2 */
    int least_depth; /* 1 */
    size_t leaves;   /* at most; as the settings say */
    size_t nodes;    /* at most; no limit */
    double low;      /* smallest |rho|: 0.3; the largest is 0.95 */
    double weak;     /* rho of the first edge below the root; as the others */
    int forks;       /* levels from the root down with two children or more; 0: none */
    /* Draw an edge case: the polarity of one edge is 1 or as low as can be, and of another, which
     * has siblings, 0; in trees of depth 2 or more. */
    bool edges;
};

/* Every fifth instance: such a tree, and one neuron per node. */
static inline bool latent_at_edge(const struct trial *trial)
{
    return trial->instance % 5 == 4;
}

/* A tree with drawn depth, numbers of children and polarities.  For m = 2 polarities have random
 * signs; for m > 2 some are below 0 too, as far as they can be. */
enum status latent_tree(gsl_rng *rng, const struct latent_settings *settings, struct tree_wish wish,
                        struct tree **tree, struct error *err);

/* A tree of this shape with m = 2 and `children` children per node, polarities as above. */
enum status latent_even_tree(gsl_rng *rng, int depth, int children, double low, double high,
                             struct tree **tree, struct error *err);

/* The largest number of nodes of m = `states` states whose joint distribution is enumerated:
 * m^nodes <= 2^settings->nodes. */
size_t latent_joint_nodes(const struct latent_settings *settings, int states);

/* -0.05 or 0.05: a shift of the polarity of the edge towards 0. */
double latent_shift(const struct tree *tree, size_t node);

/* The joint distribution of all nodes with a root that is not uniform: P(z_0 = 0) is 1 + tilt times
 * what it was, and the other states share the rest. */
void latent_tilt(const struct tree *tree, double tilt, double *joint, size_t assignments);

/* parent[node] of all nodes except the root. */
void latent_parents(const struct tree *tree, size_t *parent);

/* Product of polarities along the path from the root, of node i of a level. */
double latent_path(const struct tree *tree, int level, size_t i);

/* ---- a support made of samples ---- */

/* Each sample is a pattern of weight 1 / samples; the posteriors are exact. */
enum status latent_sampled_support(struct support **support, const struct tree *tree, uint64_t seed,
                                   size_t samples, struct error *err);

/* ---- networks ---- */

struct net_wish {
    bool relu, bias;
    int width;    /* of all nodes; 0: drawn for each level */
    bool any_net; /* also a network with a node without informative inputs */
};

/* A network on the tree of `support`, and its activations f at every pattern. */
struct latent_net {
    const struct tree *tree;
    const struct support *support;
    struct pool pool;       /* of the arrays */
    struct network network; /* inputs of a leaf: 0 or 1, or m indicators */
    double *parameters;
    int width[NETWORK_MAX_LEVELS + 1];     /* neurons per node; inputs per leaf */
    double *value[NETWORK_MAX_LEVELS + 1]; /* [node][width][stride]; the output's is f~ */
};

enum status latent_net_draw(struct latent_net *net, const struct tree *tree,
                            const struct support *support, gsl_rng *rng,
                            const struct latent_settings *settings, struct net_wish wish,
                            struct error *err);

/* The initial weights of a training run with this seed, in place of the drawn ones.  In every node
 * of the top level all neurons get the weights of the first where `one_row` says so. */
enum status latent_net_init(struct latent_net *net, uint64_t seed, bool one_row, struct error *err);

/* A fully connected network of the same tree, widths and activation, with its own weights: node i
 * of a level owns as many neurons, but each of them sees the whole level below. */
enum status latent_net_dense(struct latent_net *net, const struct latent_net *model, gsl_rng *rng,
                             struct error *err);
void latent_net_free(struct latent_net *net);

/* Inputs of a node of a level: neurons of its children. */
static inline size_t latent_inputs(const struct latent_net *net, int level)
{
    return (size_t)net->tree->children[level] * (size_t)net->width[level + 1];
}

/* f of input j of node i of a level, [pattern], and the node that owns it. */
static inline const double *latent_input(const struct latent_net *net, int level, size_t i,
                                         size_t j)
{
    return net->value[level + 1] + (i * latent_inputs(net, level) + j) * net->support->stride;
}

static inline size_t latent_owner(const struct latent_net *net, int level, size_t i, size_t j)
{
    return net->tree->first[level + 1] + i * (size_t)net->tree->children[level] +
           j / (size_t)net->width[level + 1];
}

/* ---- instances ---- */

/* A tree, all its leaf patterns, and a network on it.  Zeroed at first; free it also after an
 * error. */
struct latent_case {
    struct tree *tree;
    struct support *support;
    struct latent_net net;
};

/* A drawn tree and its patterns. */
enum status latent_case_open(struct latent_case *c, const struct trial *trial,
                             struct tree_wish wish);

/* A drawn network on it, in place of an earlier one. */
enum status latent_case_draw(struct latent_case *c, const struct trial *trial,
                             struct net_wish wish);
void latent_case_free(struct latent_case *c);

/* A tree of depth 2 or more whose root has two children or more. */
#define LATENT_FORKED                                                                              \
    (struct tree_wish)                                                                             \
    {                                                                                              \
        .least_depth = 2, .forks = 1                                                               \
    }

/* The error of a network against a claim. */
typedef enum status latent_error(const struct trial *trial, const struct latent_net *net,
                                 double *error);

/* Set reading->error by a drawn network on such a tree (LATENT_FORKED or more), ReLU in every other
 * instance, with or without biases, and control[0] by a fully connected network of the same widths,
 * where the trial does not restore the tree.  At an edge a node may see nothing, and the control is
 * left out. */
enum status latent_tree_and_dense(const struct trial *trial, struct tree_wish wish,
                                  latent_error *error, struct reading *reading);

/* ---- exact sums over the patterns ---- */

/* E[f | z_node = s] */
double latent_mean(const struct support *support, const struct tree *tree, const double *f,
                   size_t node, int s);
double latent_variance(const struct support *support, const double *f);

/* V_{z_0}[E[f of the inputs of node i | z_0]], [inputs][inputs]; z_0 uniform.  Not centred: the
 * second moment in place of the covariance. */
void latent_root_covariance(const struct latent_net *net, int level, size_t i, bool centred,
                            double *out);

/* a of node i ([DDN]): rho_{mu nu(k)} s_k of its inputs. */
void latent_selectivity(const struct latent_net *net, int level, size_t i, double *a);

/* Largest number of inputs of a node. */
size_t latent_most_inputs(const struct latent_net *net);

/* ---- connections ---- */

/* E[K | z_0 = s], E[J^T J] and E[J] of all nodes, by the passes that training uses. */
struct latent_connection {
    struct pool pool; /* of the arrays */
    size_t outputs, labels;
    double *mean[NETWORK_MAX_LEVELS];     /* [node][label][output][neuron][input] */
    double *gram[NETWORK_MAX_LEVELS];     /* [node][neuron][neuron] */
    double *jacobian[NETWORK_MAX_LEVELS]; /* [node][output][neuron] */
};

enum status latent_connection_create(struct latent_connection *connection,
                                     const struct latent_net *net, struct error *err);
void latent_connection_free(struct latent_connection *connection);

/* E[K | z_0] of node i: [label][output][neuron][input] */
static inline const double *latent_k(const struct latent_connection *c,
                                     const struct latent_net *net, int level, size_t i)
{
    return c->mean[level] +
           i * c->labels * c->outputs * (size_t)net->width[level] * latent_inputs(net, level);
}

/* OP = 2 V_{z_0}[E[K | z_0]] of node i, rows (neuron, input): [width inputs][width inputs] */
void latent_operator(const struct latent_connection *connection, const struct latent_net *net,
                     int level, size_t i, bool centred, double *out);
