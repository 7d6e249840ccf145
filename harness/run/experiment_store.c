#include "harness/run/experiment.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the file is built; after a first failure nothing more is put. */
struct writer {
    struct store *store;
    const struct experiment *e;
    const char *time; /* path of the axis of all series */
    enum status status;
    struct error *err;
};

static void put_axis(struct writer *w, const char *path, size_t length, const double *values,
                     const char *long_name)
{
    if (!w->status)
        w->status = store_put_axis(w->store, path, length, values, long_name, "1", w->err);
}

static void put(struct writer *w, const char *path, int rank, const size_t *shape,
                const char *const *axes, const double *values, const char *long_name)
{
    if (!w->status)
        w->status = store_put(w->store, path, rank, shape, axes, values, long_name, "1", w->err);
}

enum { PATH = 128 };

/* A path, into `out`, which is returned. */
__attribute__((format(printf, 2, 3))) static const char *path_of(char out[PATH], const char *format,
                                                                 ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(out, PATH, format, args);
    va_end(args);
    return out;
}

/* Path of the node axis of a network level. */
static const char *node_axis(const struct experiment *e, char out[PATH], int level)
{
    return e->network.mirrors_tree ? path_of(out, "/level_%d_node", level) : "/single_node";
}

static void put_axes(struct writer *w)
{
    const struct experiment *e = w->e;
    const struct network *n = &e->network;
    char path[PATH];
    put_axis(w, w->time, e->measured, e->series.time,
             e->flows ? "time of the flow" : "epochs of training");
    if (e->tree)
        put_axis(w, "/level", (size_t)e->tree->depth, NULL, "level of the tree, 0 the root");
    for (int d = 0; e->tree && d <= e->tree->depth; d++)
        put_axis(w, path_of(path, "/level_%d_node", d), e->tree->count[d], NULL,
                 "node of the level, in order");
    if (!n->mirrors_tree)
        put_axis(w, "/single_node", 1, NULL, "the one node of a fully connected level");
    if (experiment_predicts(e) && e->predictor.layers > 1)
        put_axis(w, "/predictor_hidden", (size_t)e->predictor.layer[0].outputs, NULL,
                 "neuron between the predictor's layers");
    if (e->series.block_loss)
        put_axis(w, "/block", (size_t)e->trainer.blocks, NULL,
                 "block of levels that is trained by its own loss, 0 the top one");
    for (int l = 0; l < n->levels; l++) {
        put_axis(w, path_of(path, "/level_%d_neuron", l), (size_t)n->level[l].width, NULL,
                 "neuron of a node");
        put_axis(w, path_of(path, "/level_%d_input", l), (size_t)n->level[l].fan_in, NULL,
                 "input of a node: the children's neurons in order");
        if (e->series.eigenvalue[l])
            put_axis(w, path_of(path, "/level_%d_rank", l),
                     operator_rank(measure_shape(&e->measure, l)), NULL,
                     "eigenvalues, largest first");
    }
}

/* Cut [point][size] blocks of each level out of [point][total]. */
static double *gather(const double *series, size_t points, size_t total, size_t offset, size_t size)
{
    double *out = malloc(points * size * sizeof *out + 1);
    for (size_t t = 0; out && t < points; t++)
        memcpy(out + t * size, series + t * total + offset, size * sizeof *out);
    return out;
}

static void put_correlation(struct writer *w)
{
    const struct experiment *e = w->e;
    const struct correlation_plan *plan = &e->measure.correlation_plan;
    for (int d = 0; d < e->tree->depth; d++) {
        char path[PATH], node[PATH], neuron[PATH];
        size_t width = (size_t)correlation_width(plan, d);
        size_t shape[] = {e->measured, e->tree->count[d], width};
        const char *axes[] = {w->time, path_of(node, "/level_%d_node", d),
                              path_of(neuron, "/level_%d_neuron", e->network.mirrors_tree ? d : 0)};
        double *values = gather(e->series.correlation, e->measured, correlation_size(plan),
                                correlation_offset(plan, d), shape[1] * width);
        if (!values && !w->status)
            w->status = error_set(w->err, STATUS_SYSTEM, "no memory to write the correlations");
        put(w, path_of(path, "/series/correlation/level_%d", d), 3, shape, axes, values,
            "correlation of a neuron's pre-activation with its node's latent");
        free(values);
    }
    size_t shape[] = {e->measured, (size_t)e->tree->depth};
    const char *axes[] = {w->time, "/level"};
    put(w, "/series/best_correlation", 2, shape, axes, e->series.best,
        "mean over nodes of the largest |correlation| among the neurons");
}

static void put_operators(struct writer *w)
{
    const struct experiment *e = w->e;
    for (int l = 0; l < e->network.levels; l++) {
        char path[PATH], node[PATH], rank[PATH];
        size_t shape[] = {e->measured, e->network.level[l].nodes,
                          e->series.eigenvalue[l] ? operator_rank(measure_shape(&e->measure, l))
                                                  : 0};
        const char *axes[] = {w->time, node_axis(e, node, l), path_of(rank, "/level_%d_rank", l)};
        put(w, path_of(path, "/series/weight_norm/level_%d", l), 2, shape, axes,
            e->series.weight_norm[l], "Frobenius norm of a node's weights");
        if (e->series.norm[l]) {
            put(w, path_of(path, "/series/covop/level_%d/norm", l), 2, shape, axes,
                e->series.norm[l], "Frobenius norm of the covariance operator");
            put(w, path_of(path, "/series/covop/level_%d/trace", l), 2, shape, axes,
                e->series.trace[l], "trace of the covariance operator");
        }
        if (e->series.eigenvalue[l])
            put(w, path_of(path, "/series/covop/level_%d/eigenvalues", l), 3, shape, axes,
                e->series.eigenvalue[l], "eigenvalues of the covariance operator");
    }
}

/* Axes of representations: their modes, and rows and columns of matrices. */
static void put_representation(struct writer *w)
{
    const struct experiment *e = w->e;
    const struct representation *r = &e->representation;
    const size_t width = (size_t)e->network.level[0].width;
    struct representation_quantity quantity[REPRESENTATION_QUANTITIES];
    const size_t count = representation_quantities(r, quantity);
    if (!e->series.quantity[0])
        return;
    put_axis(w, "/mode", width, NULL, "eigenvector of E[f f^T], in the order of its eigenvalues");
    for (size_t i = 0; i < count; i++) {
        char path[PATH];
        const char *output = "/level_0_neuron";
        const char *axes[] = {w->time, quantity[i].rank == 2 ? output : "/mode", output};
        const size_t shape[] = {e->measured, width, width};
        const bool alignment = strcmp(quantity[i].name, "alignment") == 0;
        path_of(path, alignment ? "/series/%s" : "/series/predictor/%s", quantity[i].name);
        put(w, path, 1 + quantity[i].rank, shape, axes, e->series.quantity[i],
            quantity[i].long_name);
    }
}

/* [point], the mean of [point][count] */
static void put_mean(struct writer *w, const char *path, const double *series, size_t count,
                     const char *long_name)
{
    const size_t points = w->e->measured;
    double *mean = calloc(points + 1, sizeof *mean);
    if (!mean && !w->status)
        w->status = error_set(w->err, STATUS_SYSTEM, "no memory to write %s", path);
    for (size_t i = 0; mean && i < points * count; i++)
        mean[i / count] += series[i] / (double)count;
    put(w, path, 1, &points, &w->time, mean, long_name);
    free(mean);
}

/* What the exact flow keeps: a matrix, or one number a mode. */
static void put_invariant(struct writer *w)
{
    const struct experiment *e = w->e;
    const size_t width = (size_t)e->network.level[0].width;
    const size_t many = e->flow.flow.dynamics.invariants;
    const bool matrix = e->flow.flow.plan.equations == FLOW_MATRIX;
    const size_t shape[] = {e->measured, matrix ? width : many, width};
    const char *axes[] = {w->time, matrix ? "/level_0_neuron" : "/flow_mode", "/level_0_neuron"};
    if (many > 0 && !matrix)
        put_axis(w, "/flow_mode", many, NULL, "mode of the flow, in the order of the beginning");
    if (matrix)
        put(w, "/series/predictor/invariant", 3, shape, axes, e->flow.invariant,
            "exp(2 eta t) (W W^T - W_p^T W_p / alpha_p), constant where both decay alike");
    else if (many > 0)
        put(w, "/series/predictor/invariant", 2, shape, axes, e->flow.invariant,
            "exp(2 eta t) (s - p^2 / alpha_p) of a mode, constant where both decay alike");
}

static void put_probes(struct writer *w)
{
    const struct experiment *e = w->e;
    const size_t total = e->representation.latents;
    if (e->series.accuracy)
        put_mean(w, "/series/probe/mean", e->series.accuracy, total,
                 "mean accuracy of the linear probes over all latents that a view keeps");
    for (int d = 0; e->series.accuracy && d <= e->tree->keep_level && d < e->tree->depth; d++) {
        char path[PATH], node[PATH];
        const size_t shape[] = {e->measured, e->tree->count[d]};
        const char *axes[] = {w->time, path_of(node, "/level_%d_node", d)};
        double *values =
            gather(e->series.accuracy, e->measured, total, e->tree->first[d], shape[1]);
        if (!values && !w->status)
            w->status = error_set(w->err, STATUS_SYSTEM, "no memory to write the accuracies");
        put(w, path_of(path, "/series/probe/level_%d", d), 2, shape, axes, values,
            "accuracy of a linear probe of the latent on held-out samples");
        free(values);
    }
}

/* What neurons and outputs have of the features of a dictionary, and the dictionary. */
static void put_features(struct writer *w)
{
    const struct experiment *e = w->e;
    const struct dictionary *d = source_dictionary(e->source, e->world);
    struct features_quantity quantity[FEATURES_QUANTITIES];
    char neuron[PATH], input[PATH];
    path_of(neuron, "/level_%d_neuron", e->network.levels - 1);
    path_of(input, "/level_%d_input", e->network.levels - 1);
    put_axis(w, "/feature", d->features, NULL, "feature, column of the dictionary");
    features_quantities(&e->features, quantity);
    for (size_t i = 0; i < FEATURES_QUANTITIES; i++) {
        const struct features_quantity *q = &quantity[i];
        char path[PATH];
        size_t shape[3] = {e->measured};
        const char *axes[3] = {w->time};
        int rank = 1;
        if (q->axes & FEATURES_NEURON) {
            shape[rank] = e->features.neurons;
            axes[rank++] = neuron;
        }
        if (q->axes & FEATURES_FEATURE) {
            shape[rank] = d->features;
            axes[rank++] = "/feature";
        }
        put(w, path_of(path, "/series/features/%s", q->name), rank, shape, axes,
            e->series.feature[i], q->long_name);
    }
    put(w, "/dictionary", 2, (size_t[]){d->features, d->inputs},
        (const char *[]){"/feature", input}, d->column, "columns of the dictionary");
}

static void put_tree(struct writer *w)
{
    const struct experiment *e = w->e;
    for (int d = 0; d <= e->tree->depth; d++) {
        char path[PATH], node[PATH];
        size_t shape[] = {e->tree->count[d]};
        const char *axes[] = {path_of(node, "/level_%d_node", d)};
        if (d < e->tree->depth)
            put(w, path_of(path, "/ceiling/level_%d", d), 1, shape, axes,
                e->ceiling + e->tree->first[d],
                "largest |correlation| that a function of the leaves can have with the latent");
        if (d > 0)
            put(w, path_of(path, "/tree/polarity/level_%d", d), 1, shape, axes,
                e->tree->polarity + e->tree->first[d], "polarity of the edge from the parent");
    }
}

static void put_weights(struct writer *w, const char *root, const char *when,
                        const double *parameters)
{
    const struct network *n = &w->e->network;
    for (int l = 0; l < n->levels; l++) {
        char path[PATH], name[PATH], node[PATH], neuron[PATH], input[PATH];
        size_t shape[] = {n->level[l].nodes, (size_t)n->level[l].width, (size_t)n->level[l].fan_in};
        const char *axes[] = {node_axis(w->e, node, l), path_of(neuron, "/level_%d_neuron", l),
                              path_of(input, "/level_%d_input", l)};
        snprintf(path, sizeof path, "%s/level_%d/W", root, l);
        snprintf(name, sizeof name, "weights %s", when);
        put(w, path, 3, shape, axes, parameters + n->level[l].weights, name);
        snprintf(path, sizeof path, "%s/level_%d/b", root, l);
        snprintf(name, sizeof name, "biases %s", when);
        if (n->bias)
            put(w, path, 2, shape, axes, parameters + n->level[l].biases, name);
    }
}

/* The predictor: W and b, or those of layer_0, on the outputs of the network, and layer_1. */
static void put_predictor(struct writer *w, const char *root, const char *when,
                          const double *parameters)
{
    const struct predictor *p = &w->e->predictor;
    for (int l = 0; l < p->layers; l++) {
        char path[PATH], name[PATH], layer[PATH] = "";
        const size_t shape[] = {(size_t)p->layer[l].outputs, (size_t)p->layer[l].inputs};
        const char *output = "/level_0_neuron", *hidden = "/predictor_hidden";
        const char *axes[] = {l < p->layers - 1 ? hidden : output, l > 0 ? hidden : output};
        if (p->layers > 1)
            path_of(layer, "/layer_%d", l);
        snprintf(name, sizeof name, "weights of the predictor %s", when);
        put(w, path_of(path, "%s%s/W", root, layer), 2, shape, axes,
            parameters + p->layer[l].weights, name);
        snprintf(name, sizeof name, "biases of the predictor %s", when);
        if (p->bias)
            put(w, path_of(path, "%s%s/b", root, layer), 1, shape, axes,
                parameters + p->layer[l].biases, name);
    }
}

/* What a semi-supervised objective is made of, and how often its class head is right. */
static void put_comatch(struct writer *w)
{
    static const char *const term[COMATCH_TERMS][2] = {
        [COMATCH_LABELLED] = {"labelled_loss", "cross entropy of the labelled samples"},
        [COMATCH_PSEUDO] = {"pseudo_label_loss",
                            "cross entropy with confident pseudo-labels, before lambda_cls"},
        [COMATCH_GRAPH] = {"graph_loss",
                           "cross entropy of the graphs of pseudo-labels and of embeddings, before "
                           "lambda_ctr"},
        [COMATCH_CONFIDENT] = {"confident",
                               "share of unlabelled samples whose pseudo-label is confident"},
    };
    const struct experiment *e = w->e;
    const size_t shape[] = {e->measured};
    char path[PATH];
    for (int i = 0; i < COMATCH_TERMS; i++)
        put(w, path_of(path, "/series/comatch/%s", term[i][0]), 1, shape, &w->time,
            e->series.term[i], term[i][1]);
    put(w, "/series/comatch/accuracy", 1, shape, &w->time, e->series.class_accuracy,
        "share of samples that were not trained on whose label the class head chooses");
    put_axis(w, "/class", (size_t)e->classification.head.classes, NULL,
             "class, a state of the latent that labels samples");
}

static void put_class_head(struct writer *w, const char *root, const char *when,
                           const double *parameters)
{
    const struct class_head *head = &w->e->classification.head;
    const size_t shape[] = {(size_t)head->classes, (size_t)head->width};
    const char *axes[] = {"/class", "/level_0_neuron"};
    char path[PATH], name[PATH];
    snprintf(name, sizeof name, "weights of the class head %s", when);
    put(w, path_of(path, "%s/W", root), 2, shape, axes, parameters, name);
    snprintf(name, sizeof name, "biases of the class head %s", when);
    put(w, path_of(path, "%s/b", root), 1, shape, axes, parameters + class_head_weights(head),
        name);
}

static void put_attributes(struct writer *w)
{
    const struct experiment *e = w->e;
    const char *const text[][2] = {
        {"duet_version", DUET_VERSION},
        {"commit", DUET_COMMIT},
        {"spec", e->spec->yaml},
        {"spec_hash", e->spec->hash},
        {"status", e->diverged ? "diverged" : "complete"},
        {"status_detail", e->detail},
    };
    for (size_t i = 0; i < sizeof text / sizeof *text && !w->status; i++)
        w->status = store_put_text(w->store, text[i][0], text[i][1], w->err);
    if (!w->status)
        w->status = store_put_integer(w->store, "seed", e->spec->seed, w->err);
}

enum status experiment_store(const struct experiment *e, const char *path, struct error *err)
{
    struct writer w = {.e = e, .time = e->flows ? "/series/time" : "/series/epoch", .err = err};
    w.status = store_create(&w.store, err);
    if (w.status)
        return w.status;
    put_attributes(&w);
    put_axes(&w);
    size_t shape[] = {e->measured, (size_t)e->trainer.blocks};
    const char *axes[] = {w.time, "/block"};
    put(&w, "/series/loss", 1, shape, axes, e->series.loss,
        e->flows ? "loss" : "mean loss over the epoch");
    if (e->series.block_loss)
        put(&w, "/series/block_loss", 2, shape, axes, e->series.block_loss,
            "mean loss of each block over the epoch");
    if (e->series.correlation)
        put_correlation(&w);
    put_operators(&w);
    if (e->has_representation) {
        put_representation(&w);
        put_probes(&w);
    }
    if (e->has_features)
        put_features(&w);
    if (experiment_semi_supervised(e))
        put_comatch(&w);
    if (e->flows)
        put_invariant(&w);
    if (e->tree && !e->flows)
        put_tree(&w);
    const bool weights = !e->flows || e->flow.flow.plan.equations == FLOW_MATRIX;
    if (weights)
        put_weights(&w, "/weights", "at the end", e->parameters);
    put_weights(&w, "/initial/weights", "before training", e->initial);
    if (weights && e->target)
        put_weights(&w, "/weights/target", "of the target at the end", e->target);
    if (experiment_predicts(e)) {
        put_predictor(&w, "/weights/predictor", "at the end", e->predictor_parameters);
        put_predictor(&w, "/initial/weights/predictor", "before training", e->initial_predictor);
    }
    if (experiment_semi_supervised(e)) {
        put_class_head(&w, "/weights/class_head", "at the end",
                       trainer_class_head(&e->trainer, &(size_t){0}));
        put_class_head(&w, "/initial/weights/class_head", "before training", e->initial_class_head);
    }
    if (!w.status)
        w.status = store_commit(w.store, path, err);
    store_free(w.store);
    return w.status;
}
