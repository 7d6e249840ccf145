/* Locally connected networks: the tree network and, as its special case, the fully connected one.
 *
 * Level 0 is the output, level `levels` the observed leaves.  A level has `nodes` nodes of `width`
 * neurons; node i of level l sees the neurons of nodes c i ... c i + c - 1 of level l + 1 and
 * nothing else, c = children.  A tree network mirrors the tree of the data; a fully connected one
 * has one node a level.  Theory counts layers from the input: layer L - l is level l here.
 *
 *     f~_l = W_l f_{l+1} + b_l,   f_l = psi(f~_l) for l > 0,   f_0 = f~_0
 *
 * psi is ReLU, with gate 1[f~ > 0], or the identity.  Leaves enter as they are: a binary leaf as
 * the number 0 or 1, a leaf with m > 2 states as m indicators, a real-valued one as itself.  With
 * `normalize` the network returns f_0 / (|f_0| + norm_eps).  With `symmetric`, [FD], it is
 *
 *     f_0 = ReLU(f~_0 - b_0) - ReLU(-f~_0 - b_0),   f~_0 = W_0 f_1,   b_0 >= 0,
 *
 * and b_0 is no parameter that is trained: it follows a schedule.
 *
 * All parameters are one flat array, level by level from the output: W [node][neuron][fan_in] of
 * the level, then b [node][neuron]. */
#pragma once

#include "core/descriptor.h"
#include "core/error.h"
#include "core/random.h"
#include "sim/data/source.h"

enum { NETWORK_MAX_LEVELS = 24 };

struct level {
    size_t nodes;
    int width;      /* neurons of a node */
    int children;   /* nodes (or leaves) below a node */
    int fan_in;     /* children * their width */
    size_t weights; /* offset of W in the parameters */
    size_t biases;  /* offset of b; meaningless without bias */
};

/* The threshold b_i of a symmetric neuron after so many steps of training, over |w_i|: 0 before
 * `warmup` steps, then start (1 + growth)^(steps - warmup), but no more than `cap`, [FD]. */
struct bias_schedule {
    uint64_t warmup;
    double start, growth, cap;
};

double bias_over_norm(const struct bias_schedule *schedule, uint64_t steps);

struct network {
    int levels;                             /* L */
    struct level level[NETWORK_MAX_LEVELS]; /* [levels] */
    size_t leaves;                          /* observed variables */
    int leaf_states;                        /* m, or 0 where leaves are real numbers */
    int leaf_width;                         /* numbers that a leaf enters as */
    bool relu, bias, normalize;
    double norm_eps;
    bool symmetric; /* psi of the output, see above; one level, whose biases follow `schedule` */
    struct bias_schedule schedule;
    double weight_scale; /* standard deviation of normal initial weights; 0: they are uniform */
    bool mirrors_tree;   /* node i of level l stands for latent i of level l of the data's tree */
    size_t parameters;   /* doubles */
};

/* Settings that all kinds share: the first member of each kind's settings struct. */
struct network_common {
    int activation; /* 0 relu, 1 linear */
    bool bias, normalize;
    double norm_eps;
};

/* A kind of network; network.kind in a spec. */
struct network_kind {
    struct descriptor about;
    /* Fill levels, nodes, width and children of every level, for the leaves that `network` has. */
    enum status (*shape)(const void *settings, const struct source *source, const void *world,
                         struct network *network, struct error *err);
};

/* Their lines of a kind's parameter table. */
#define NETWORK_COMMON_PARAMS                                                                      \
    CHOICE_PARAM(struct network_common, activation, "relu", "relu linear",                         \
                 "nonlinearity below the output"),                                                 \
        BOOLEAN_PARAM(struct network_common, bias, "true", "whether neurons have a bias"),         \
        BOOLEAN_PARAM(struct network_common, normalize, "true",                                    \
                      "divide the output by its norm + norm_eps"),                                 \
        REAL_PARAM(struct network_common, norm_eps, "1e-4", 0, UNBOUNDED,                          \
                   "added to the norm before dividing")

/* A network for the data of a source. */
enum status network_build(struct network *network, const struct network_kind *kind,
                          const void *settings, const struct source *source, const void *world,
                          struct error *err);

/* Compute offsets and the number of parameters once the shape is filled in. */
void network_finish(struct network *network);

/* Initial parameters at (seed, purpose), PURPOSE_WEIGHTS for the network in training: weights and
 * biases uniform in [-1, 1] / sqrt(fan_in), as in the published code; of a symmetric network
 * weights normal with standard deviation weight_scale, biases as scheduled. */
void network_init(const struct network *network, uint64_t seed, enum purpose purpose,
                  double *parameters);

/* The biases of neurons [first, end) of a symmetric network as they are after `steps` steps with
 * these weights. */
void network_set_biases(const struct network *network, uint64_t steps, size_t first, size_t end,
                        double *parameters);

/* Whether leaves are real numbers, and not states. */
static inline bool network_is_real(const struct network *n)
{
    return n->leaf_states == 0;
}

/* Offset of W and b of one node. */
static inline size_t weight_offset(const struct network *n, int level, size_t node)
{
    const struct level *l = &n->level[level];
    return l->weights + node * (size_t)l->width * (size_t)l->fan_in;
}

static inline size_t bias_offset(const struct network *n, int level, size_t node)
{
    return n->level[level].biases + node * (size_t)n->level[level].width;
}

/* Width of what a node of `level` is to its parent: neurons, or numbers of a leaf. */
static inline int width_of(const struct network *n, int level)
{
    return level < n->levels ? n->level[level].width : n->leaf_width;
}

/* Number of nodes of `level`, leaves included. */
static inline size_t nodes_of(const struct network *n, int level)
{
    return level < n->levels ? n->level[level].nodes : n->leaves;
}

/* y = f / (|f| + eps) for `samples` columns, a multiple of 8, of [width][stride]; f and y may be
 * the same array. */
void normalize_forward(int width, size_t samples, size_t stride, double eps, const double *f,
                       double *y);

/* d loss / d f from d loss / d y; may be the same array. */
void normalize_backward(int width, size_t samples, size_t stride, double eps, const double *f,
                        const double *dy, double *df);
