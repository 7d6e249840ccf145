/* HLTM-4: the covariance operator at a node of the tree */
#include "theorems/hltm/hltm_04.h"
#include "theorems/claims.h"
#include "theorems/hltm/latent.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- prediction ---- */

/* J of node i of a level of a linear network: the weights along the path from the output; [output]
 * [neuron].  The path is walked down from the output, `work` is as large as `out`. */
static void linear_jacobian(const struct latent_net *net, int level, size_t i, double *work,
                            double *out)
{
    size_t outputs = (size_t)net->width[0], at[NETWORK_MAX_LEVELS];
    at[level] = i;
    for (int l = level; l > 0; l--)
        at[l - 1] = tree_parent(net->tree, l, at[l]);
    for (size_t k = 0; k < outputs * outputs; k++)
        out[k] = k / outputs == k % outputs;
    for (int l = 1; l <= level; l++) {
        size_t above = (size_t)net->width[l - 1], width = (size_t)net->width[l];
        size_t fan_in = latent_inputs(net, l - 1);
        size_t first = at[l] % (size_t)net->tree->children[l - 1] * width;
        const double *w = net->parameters + weight_offset(&net->network, l - 1, at[l - 1]);
        memcpy(work, out, outputs * above * sizeof *work);
        for (size_t o = 0; o < outputs; o++)
            for (size_t k = 0; k < width; k++) {
                out[o * width + k] = 0;
                for (size_t j = 0; j < above; j++)
                    out[o * width + k] += work[o * above + j] * w[j * fan_in + first + k];
            }
    }
}

/* J^T J */
static void gram_of(size_t outputs, size_t width, const double *jacobian, double *gram)
{
    for (size_t k = 0; k < width; k++)
        for (size_t q = 0; q < width; q++) {
            gram[k * width + q] = 0;
            for (size_t o = 0; o < outputs; o++)
                gram[k * width + q] += jacobian[o * width + k] * jacobian[o * width + q];
        }
}

/* 2 o (J^T J) (x) (a a^T): rows of vec(W) as the network has them, (neuron, input) */
static void predict(const struct latent_net *net, int level, size_t i, const double *gram,
                    double *a, double *out)
{
    size_t inputs = latent_inputs(net, level), width = (size_t)net->width[level];
    double path = latent_path(net->tree, level, i);
    latent_selectivity(net, level, i, a);
    for (size_t k = 0; k < width; k++)
        for (size_t p = 0; p < inputs; p++)
            for (size_t q = 0; q < width; q++)
                for (size_t r = 0; r < inputs; r++)
                    out[((k * inputs + p) * width + q) * inputs + r] =
                        2 * path * path * a[p] * a[r] * gram[k * width + q];
}

/* ---- all nodes of a network ---- */

/* Arrays for the largest node. */
struct room {
    double *block, *measured, *predicted, *a, *gram, *jacobian, *work;
};

static enum status room_create(struct room *room, const struct latent_net *net, struct error *err)
{
    size_t side = 0, widest = 0, inputs = latent_most_inputs(net);
    for (int l = 0; l < net->network.levels; l++) {
        size_t here = (size_t)net->width[l] * latent_inputs(net, l);
        side = here > side ? here : side;
        widest = (size_t)net->width[l] > widest ? (size_t)net->width[l] : widest;
    }
    *room = (struct room){
        .block = malloc((2 * side * side + inputs + 3 * widest * widest) * sizeof(double))};
    if (!room->block)
        return error_memory(err, "operators of %zu weights", side);
    room->measured = room->block;
    room->predicted = room->measured + side * side;
    room->a = room->predicted + side * side;
    room->work = room->a + inputs;
    room->jacobian = room->work + widest * widest;
    room->gram = room->jacobian + widest * widest;
    return STATUS_OK;
}

/* Largest relative error over the nodes; of a ReLU network with E[J^T J] in the formula. */
static enum status compare(const struct trial *trial, const struct latent_net *net, double *worst)
{
    struct latent_connection c;
    struct room room;
    enum status status = latent_connection_create(&c, net, trial->err);
    if (status)
        return status;
    status = room_create(&room, net, trial->err);
    *worst = 0;
    for (int l = 0; !status && l < net->network.levels; l++)
        for (size_t i = 0; i < net->tree->count[l]; i++) {
            size_t width = (size_t)net->width[l], side = width * latent_inputs(net, l);
            const double *gram = c.gram[l] + i * width * width;
            if (!net->network.relu) {
                linear_jacobian(net, l, i, room.work, room.jacobian);
                gram_of(c.outputs, width, room.jacobian, room.gram);
                gram = room.gram;
            }
            latent_operator(&c, net, l, i, trial->fault != FAULT_CENTRING, room.measured);
            plant(trial, room.measured, side * side);
            predict(net, l, i, gram, room.a, room.predicted);
            *worst = larger(*worst, relative_error(room.measured, room.predicted, side * side));
        }
    free(room.block);
    latent_connection_free(&c);
    return status;
}

/* The ReLU network has no biases, so that every neuron is shut on the pattern of zeros.  At an edge
 * it may be linear where it is not 0, and the control is left out. */
static enum status measure(const struct trial *trial, struct reading *reading)
{
    struct latent_case c;
    struct tree_wish tree = LATENT_FORKED;
    tree.edges = latent_at_edge(trial);
    enum status status = latent_case_open(&c, trial, tree);
    struct net_wish linear = {.bias = gsl_rng_uniform_int(trial->rng, 2) == 0};
    struct net_wish relu = {.relu = true};
    if (!status)
        status = latent_case_draw(&c, trial, linear);
    if (!status)
        status = compare(trial, &c.net, &reading->error);
    if (!status && !latent_at_edge(trial)) {
        status = latent_case_draw(&c, trial, trial->restored ? linear : relu);
        if (!status)
            status = compare(trial, &c.net, &reading->control[0]);
    }
    latent_case_free(&c);
    return status;
}

/* ---- ReLU: how far the factors are from the operator ---- */

/* |OP - P|_F / |OP|_F, all nodes below the root taken together. */
static enum status both_errors(const struct latent_net *net, double error[HLTM_4_FACTORS],
                               struct error *err)
{
    struct latent_connection c;
    struct room room;
    double difference[HLTM_4_FACTORS] = {0}, size = 0;
    enum status status = latent_connection_create(&c, net, err);
    if (status)
        return status;
    status = room_create(&room, net, err);
    for (int l = 1; !status && l < net->network.levels; l++)
        for (size_t i = 0; i < net->tree->count[l]; i++) {
            size_t width = (size_t)net->width[l], side = width * latent_inputs(net, l);
            gram_of(c.outputs, width, c.jacobian[l] + i * c.outputs * width, room.gram);
            const double *gram[] = {c.gram[l] + i * width * width, room.gram};
            latent_operator(&c, net, l, i, true, room.measured);
            for (size_t k = 0; k < side * side; k++)
                size += room.measured[k] * room.measured[k];
            for (int factor = 0; factor < HLTM_4_FACTORS; factor++) {
                predict(net, l, i, gram[factor], room.a, room.predicted);
                for (size_t k = 0; k < side * side; k++)
                    difference[factor] += pow(room.measured[k] - room.predicted[k], 2);
            }
        }
    for (int factor = 0; factor < HLTM_4_FACTORS; factor++)
        error[factor] = sqrt(difference[factor] / size);
    free(room.block);
    latent_connection_free(&c);
    return status;
}

enum status hltm_4_errors(gsl_rng *rng, const struct latent_settings *settings,
                          struct hltm_4_kind kind, double error[HLTM_4_FACTORS], struct error *err)
{
    struct latent_case c = {.tree = NULL};
    struct net_wish wish = {.relu = !kind.linear, .width = kind.width};
    enum status status =
        latent_even_tree(rng, kind.depth, 2, kind.polarity, kind.polarity, &c.tree, err);
    if (!status)
        status = support_create(&c.support, c.tree, err);
    if (!status)
        status = latent_net_draw(&c.net, c.tree, c.support, rng, settings, wish, err);
    if (!status)
        status = both_errors(&c.net, error, err);
    latent_case_free(&c);
    return status;
}

/* A curve: random ReLU networks on binary trees. */
struct curve {
    int depth, width, nets;
    enum hltm_4_factor factor;
    const char *name;
};

/* The mean over networks, the same ones for every polarity (except those drawn again). */
static enum status mean_error(const struct trial *trial, const struct curve *curve, double polarity,
                              double *mean)
{
    gsl_rng *rng = gsl_rng_clone(trial->rng);
    enum status status = rng ? STATUS_OK : error_memory(trial->err, "a random stream");
    *mean = 0;
    for (int n = 0; !status && n < curve->nets; n++) {
        struct hltm_4_kind kind = {curve->depth, curve->width, polarity, false};
        double error[HLTM_4_FACTORS] = {0};
        status = hltm_4_errors(rng, trial->settings, kind, error, trial->err);
        *mean += error[curve->factor] / curve->nets;
    }
    if (rng)
        gsl_rng_free(rng);
    return status;
}

static enum status draw(const struct trial *trial, struct curves *curves)
{
    enum { POLARITIES = 8, CURVES = 7 };
    static const struct curve drawn[CURVES] = {
        {2, 10, 20, HLTM_4_MEAN_OF_GRAM, "depth 2, width 10"},
        {3, 10, 20, HLTM_4_MEAN_OF_GRAM, "depth 3, width 10"},
        {4, 10, 3, HLTM_4_MEAN_OF_GRAM, "depth 4, width 10"},
        {3, 4, 20, HLTM_4_MEAN_OF_GRAM, "depth 3, width 4"},
        {3, 20, 5, HLTM_4_MEAN_OF_GRAM, "depth 3, width 20"},
        {2, 10, 20, HLTM_4_GRAM_OF_MEAN, "depth 2, width 10, E[J]^T E[J]"},
        {3, 10, 20, HLTM_4_GRAM_OF_MEAN, "depth 3, width 10, E[J]^T E[J]"}};
    *curves = (struct curves){
        .title = "Factorised operator of ReLU networks",
        .x_label = "|polarity| of every edge",
        .y_label = "relative error",
        .caption = "Relative Frobenius error of 2 o_mu a_mu a_mu^T (x) E[J_mu^T J_mu] against "
                   "OP_mu over all nodes below the root, the mean over random ReLU networks of "
                   "binary trees without biases, by exact sums over leaf patterns; also with "
                   "E[J_mu]^T E[J_mu] in its place. A linear network has error 0.",
        .columns = 1 + CURVES,
        .name = {"|polarity|"},
    };
    enum status status = STATUS_OK;
    for (int c = 0; c < CURVES; c++)
        curves->name[1 + c] = drawn[c].name;
    for (int p = 0; !status && p < POLARITIES; p++) {
        double row[1 + CURVES] = {0.3 + 0.65 * p / (POLARITIES - 1)};
        for (int c = 0; !status && c < CURVES; c++)
            status = mean_error(trial, &drawn[c], row[0], &row[1 + c]);
        if (!status)
            status = curves_add(curves, row, trial->err);
    }
    return status;
}

/* ---- the claim ---- */

static const struct part parts[] = {
    {.statement = "operator, linear: OP_mu = 2 o_mu (a_mu a_mu^T) (x) (J_mu^T J_mu) at every node",
     .measured = "Left: 2 V_{z_0}[E[K_mu | z_0]], K from backpropagation at every leaf pattern, "
                 "exact sums. Right: polarities, conditional means and products of weights; the "
                 "largest error over the nodes.",
     .controls = {"a ReLU network, with E[J_mu^T J_mu] in the formula"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 6, .cost = 0.0006},
     .measure = measure},
};

const struct claim claim_hltm_4 = {
    .about = {.name = "HLTM-4",
              .doc = "In a linear network the covariance operator of a node factorises: the one "
                     "direction along which its inputs vary, times the Gram matrix of the layers "
                     "above. In a ReLU network the gates prevent this; the curve shows by how "
                     "much.",
              .source = "[DDN] Sec. 6, activation covariance in the latent tree",
              LATENT_SETTINGS},
    .title = "The operator at a node",
    .formula = "OP_mu = 2 V_{z_0}[E[K_mu | z_0]] = 2 o_mu (a_mu a_mu^T) (x) (J_mu^T J_mu)",
    .hypotheses = "Binary symmetric tree; locally connected linear network, with or without "
                  "biases; the augmentation keeps the root and resamples the rest.",
    ALL_PARTS(parts),
    .draw = draw,
};
