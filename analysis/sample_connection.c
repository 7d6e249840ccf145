#include "analysis/sample_connection.h"

#include <stdlib.h>
#include <string.h>

void layer_weights(const struct network *n, int level, size_t *first, size_t *end)
{
    *first = weight_offset(n, level, 0);
    *end = weight_offset(n, level, n->level[level].nodes);
}

struct workspace {
    struct pattern_tables tables;
    struct pass pass;
    double *parameters, *gradient;
};

static void layout(struct workspace *w, const struct network *n, int samples, struct arena *arena)
{
    pattern_tables_layout(&w->tables, n, n->levels, NULL, 1, arena);
    pass_layout(&w->pass, &w->tables, (size_t)samples, true, true, arena);
    w->parameters = ARENA_TAKE(arena, double, padded(n->parameters));
    w->gradient = ARENA_TAKE(arena, double, padded(n->parameters));
}

static size_t neurons_below_output(const struct network *n)
{
    size_t count = 0;
    for (int l = 1; l < n->levels; l++)
        count += n->level[l].nodes * (size_t)n->level[l].width;
    return count;
}

static enum status allocate(struct sample_connection **out, const struct network *n, int samples,
                            struct error *err)
{
    struct sample_connection *c = calloc(1, sizeof *c);
    size_t s = (size_t)samples, outputs = (size_t)n->level[0].width;
    if (!c)
        return error_memory(err, "connections");
    *c = (struct sample_connection){.network = n,
                                    .samples = samples,
                                    .outputs = (int)outputs,
                                    .parameters = n->parameters,
                                    .neurons = neurons_below_output(n)};
    c->k = calloc(s * n->parameters * outputs, sizeof *c->k);
    c->f = calloc(s * outputs, sizeof *c->f);
    c->gate = calloc(s * c->neurons + 1, sizeof *c->gate);
    if (c->k && c->f && c->gate) {
        *out = c;
        return STATUS_OK;
    }
    sample_connection_free(c);
    return error_memory(err, "connections of %d samples", samples);
}

void sample_connection_free(struct sample_connection *c)
{
    if (!c)
        return;
    free(c->k);
    free(c->f);
    free(c->gate);
    free(c);
}

/* d f_0[o] / d f_l of neuron (node, k) of level l: its derivative before its own gate. */
static double before_gate(const struct workspace *w, int l, size_t node, size_t k, size_t s)
{
    const struct network *n = w->pass.network;
    const struct level *above = &n->level[l - 1];
    size_t children = (size_t)above->children, parent = node / children;
    size_t input = node % children * (size_t)n->level[l].width + k;
    const double *weights = w->parameters + weight_offset(n, l - 1, parent);
    double sum = 0;
    for (size_t j = 0; j < (size_t)above->width; j++)
        sum += weights[j * (size_t)above->fan_in + input] *
               w->pass.delta[l - 1][(parent * (size_t)above->width + j) * w->pass.columns + s];
    return sum;
}

/* Column o of K, from the derivatives of output o. */
static void fill_output(struct sample_connection *c, const struct workspace *w, int o, int l,
                        bool own_gate)
{
    const struct network *n = c->network;
    const struct level *level = &n->level[l];
    size_t width = (size_t)level->width, fan_in = (size_t)level->fan_in, columns = w->pass.columns;
    for (size_t s = 0; s < (size_t)c->samples; s++)
        for (size_t node = 0; node < level->nodes; node++)
            for (size_t k = 0; k < width; k++) {
                double j = own_gate || l == 0 ? w->pass.delta[l][(node * width + k) * columns + s]
                                              : before_gate(w, l, node, k, s);
                const double *input = w->pass.act[l + 1] + node * fan_in * columns + s;
                size_t row = weight_offset(n, l, node) + k * fan_in;
                double *out = c->k + (s * c->parameters + row) * (size_t)c->outputs + (size_t)o;
                for (size_t a = 0; a < fan_in; a++)
                    out[a * (size_t)c->outputs] = j * input[a * columns];
            }
}

static void fill_outputs_and_gates(struct sample_connection *c, const struct workspace *w)
{
    const struct network *n = c->network;
    for (size_t s = 0; s < (size_t)c->samples; s++) {
        bool *gate = c->gate + s * c->neurons;
        for (size_t o = 0; o < (size_t)c->outputs; o++)
            c->f[s * (size_t)c->outputs + o] = w->pass.pre[0][o * w->pass.columns + s];
        for (int l = 1; l < n->levels; l++)
            for (size_t i = 0; i < n->level[l].nodes * (size_t)n->level[l].width; i++)
                *gate++ = w->pass.pre[l][i * w->pass.columns + s] > 0;
    }
}

static void fill(struct sample_connection *c, struct workspace *w, const double *parameters,
                 const double *x, bool own_gate)
{
    const struct network *n = c->network;
    size_t columns = w->pass.columns, outputs = (size_t)c->outputs;
    memcpy(w->parameters, parameters, n->parameters * sizeof *parameters);
    for (size_t s = 0; s < (size_t)c->samples; s++)
        for (size_t i = 0; i < n->leaves; i++)
            w->pass.act[n->levels][i * columns + s] = x[s * n->leaves + i];
    pass_forward(&w->pass, w->parameters);
    fill_outputs_and_gates(c, w);
    for (size_t o = 0; o < outputs; o++) {
        memset(w->pass.delta[0], 0, outputs * columns * sizeof(double));
        for (size_t s = 0; s < (size_t)c->samples; s++)
            w->pass.delta[0][o * columns + s] = 1;
        pass_backward(&w->pass, w->parameters, w->gradient);
        for (int l = 0; l < n->levels; l++)
            fill_output(c, w, (int)o, l, own_gate);
    }
}

enum status sample_connection_create(struct sample_connection **out, const struct network *network,
                                     const double *parameters, const double *x, int samples,
                                     bool own_gate, struct error *err)
{
    struct workspace w;
    struct arena count = {0}, arena = {0};
    layout(&w, network, samples, &count);
    enum status status = arena_create(&arena, &count, err);
    if (status)
        return status;
    layout(&w, network, samples, &arena);
    status = allocate(out, network, samples, err);
    if (!status)
        fill(*out, &w, parameters, x, own_gate);
    arena_free(&arena);
    return status;
}
