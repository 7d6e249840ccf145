/* DDN-2: the gradient of a distance between two networks */
#include "core/extreme.h"
#include "theorems/claims.h"
#include "theorems/ddn/dual.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Two networks of one shape, and the connections of the same inputs under each. */
struct twins {
    struct dual first;
    double *parameters; /* of the second */
    struct sample_connection *second;
    struct network ungated; /* the first without gates: a planted fault */
};

static void twins_free(struct twins *t)
{
    dual_free(&t->first);
    free(t->parameters);
    sample_connection_free(t->second);
}

static enum status twins_draw(struct twins *t, const struct trial *trial, struct dual_wish wish)
{
    *t = (struct twins){.parameters = NULL};
    enum status status = dual_draw(&t->first, trial, wish);
    if (status)
        return status;
    const struct dual *d = &t->first;
    t->ungated = d->network;
    t->ungated.relu = false;
    status = dual_draw_parameters(trial->rng, &d->network, &t->parameters, trial->err);
    if (!status)
        status = sample_connection_create(&t->second, &d->network, t->parameters, d->data->x,
                                          d->data->points * d->data->views, true, trial->err);
    return status;
}

/* K_1 [K_1^T vec(W_1) - K_2^T vec(W_2)] of inputs a and b, layer by layer */
static void predict(const struct twins *t, int a, int b, double *out)
{
    enum { MAX_OUTPUTS = 64 };
    const struct dual *d = &t->first;
    size_t outputs = (size_t)d->view->outputs, first, end;
    const double *k1 = view_k(d, a);
    const double *k2 = t->second->k + (size_t)b * d->network.parameters * outputs;
    for (int l = 0; l < d->network.levels; l++) {
        double u[MAX_OUTPUTS] = {0};
        layer_weights(&d->network, l, &first, &end);
        for (size_t p = first; p < end; p++)
            for (size_t o = 0; o < outputs; o++)
                u[o] +=
                    k1[p * outputs + o] * d->parameters[p] - k2[p * outputs + o] * t->parameters[p];
        for (size_t p = first; p < end; p++)
            for (size_t o = 0; o < outputs; o++)
                out[p] += k1[p * outputs + o] * u[o];
    }
}

/* d r / d W_1, r = |f_1(a) - f_2(b)|^2 / 2, by the engine's backward pass */
static void backpropagate(const struct twins *t, const struct trial *trial, struct batch *batch,
                          double *parameters, int a, int b, double *gradient)
{
    const struct dual *d = &t->first;
    size_t leaves = d->network.leaves, outputs = (size_t)d->view->outputs;
    memcpy(parameters, d->parameters, d->network.parameters * sizeof *parameters);
    for (size_t i = 0; i < leaves; i++)
        batch_value(batch, 0, i)[0] = d->data->x[(size_t)a * leaves + i];
    batch_forward(batch, parameters);
    for (size_t o = 0; o < outputs; o++)
        batch->outputs.df[output_index(&batch->outputs, 0, (int)o, 0)] =
            batch->outputs.f[output_index(&batch->outputs, 0, (int)o, 0)] -
            t->second->f[(size_t)b * outputs + o];
    if (trial->fault == FAULT_GATE)
        batch->pass.network = &t->ungated;
    batch_backward(batch, parameters, gradient);
    batch->pass.network = &d->network;
    plant(trial, gradient, d->network.parameters);
}

struct room {
    struct batch batch;
    double *parameters, *measured, *predicted;
};

static void layout(struct room *r, const struct network *n, struct arena *arena)
{
    batch_layout_views(&r->batch, n, 1, 1, n->levels, arena);
    r->parameters = ARENA_TAKE(arena, double, padded(n->parameters));
    r->measured = ARENA_TAKE(arena, double, padded(n->parameters));
    r->predicted = ARENA_TAKE(arena, double, padded(n->parameters));
}

/* Sum over pairs of inputs: a view of one data point and a view of the next. */
static enum status gradient_error(const struct twins *t, const struct trial *trial, double *error)
{
    const struct dual *d = &t->first;
    struct room r;
    struct arena count = {0}, arena = {0};
    layout(&r, &d->network, &count);
    enum status status = arena_create(&arena, &count, trial->err);
    if (status)
        return status;
    layout(&r, &d->network, &arena);
    *error = 0;
    for (int a = 0; a < d->view->samples; a++) {
        int b = (a + d->data->views + 1) % d->view->samples;
        memset(r.predicted, 0, d->network.parameters * sizeof *r.predicted);
        predict(t, a, b, r.predicted);
        backpropagate(t, trial, &r.batch, r.parameters, a, b, r.measured);
        *error = larger(*error, dual_error(d, r.measured, r.predicted));
    }
    arena_free(&arena);
    return STATUS_OK;
}

/* The error of drawn twins with J_l as defined, and again with layer l's own gate in it or not. The
 * latter says something where gates are: not in linear networks, nor where a level is one neuron,
 * which is open wherever there is an output. */
static enum status measure_with(const struct trial *trial, bool bias, bool own_gate, double *error,
                                double *gate_error)
{
    struct twins t;
    enum status status = twins_draw(&t, trial, (struct dual_wish){.least_depth = 2, .bias = bias});
    if (!status)
        status = gradient_error(&t, trial, error);
    if (!status && gate_error && t.first.network.relu && !dual_at_edge(trial)) {
        status = dual_refresh(&t.first, own_gate, trial->err);
        if (!status)
            status = gradient_error(&t, trial, gate_error);
    }
    twins_free(&t);
    return status;
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    bool removed = !trial->restored;
    enum status status =
        measure_with(trial, false, !removed, &reading->error, &reading->control[1]);
    return status ? status : measure_with(trial, removed, true, &reading->control[0], NULL);
}

static const struct part parts[] = {
    {.statement = "gradient: vec(dr/dW_{1,l}) = K_{1,l} [K_{1,l}^T vec(W_{1,l}) - K_{2,l}^T "
                  "vec(W_{2,l})]",
     .measured = "Left: backpropagation of |f_1(a) - f_2(b)|^2 / 2 through the first network. "
                 "Right: connections of a under the first and of b under the second.",
     .controls = {"biases added", "J_l without layer l's own gate (ReLU)"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 60, .quick = 10, .cost = 0.004},
     .measure = measure},
};

const struct claim claim_ddn_2 = {
    .about = {.name = "DDN-2",
              .doc = "The gradient of the distance between the outputs of two networks of one "
                     "shape, with respect to a layer of the first, is that layer's connection "
                     "times the difference of both outputs, each as connection times weights.",
              .source = "[DDN] Thm. 1",
              DUAL_SETTINGS},
    .title = "Dual gradient",
    .formula = "vec(dr/dW_{1,l}) = K_{1,l} [K_{1,l}^T vec(W_{1,l}) - K_{2,l}^T vec(W_{2,l})]",
    .hypotheses = "No biases; ReLU or linear; fully connected or tree; J_l includes layer l's own "
                  "gate.",
    ALL_PARTS(parts),
};
