#include "harness/verify/crosscheck/subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const view_path[3] = {"/batch/x", "/batch/x_pos", "/batch/x_neg"};

void subject_free(struct subject *s)
{
    free(s->parameters);
    free(s->gradient);
    free(s->target);
    free(s->label);
    free(s->predictor_parameters);
    free(s->predictor_gradient);
    for (int v = 0; v < 3; v++) {
        free(s->states[v]);
        free(s->values[v]);
    }
}

void subject_level_name(const struct subject *s, int l, char *out, size_t size)
{
    if (s->network.mirrors_tree)
        snprintf(out, size, "level_%d", l);
    else
        snprintf(out, size, "layer_%d", s->network.levels - l);
}

void subject_set_views(const struct subject *s, struct batch *batch)
{
    for (int v = 0; v < batch->outputs.views; v++)
        if (s->states[v])
            batch_set_states(batch, v, s->states[v], s->samples);
        else
            batch_set_values(batch, v, s->values[v], s->samples);
}

struct extent weight_extent(const struct network *n, int l)
{
    const struct level *at = &n->level[l];
    size_t width = (size_t)at->width, fan_in = (size_t)at->fan_in;
    return n->mirrors_tree ? (struct extent){3, {at->nodes, width, fan_in}}
                           : (struct extent){2, {width, fan_in}};
}

struct extent neuron_extent(const struct network *n, int l)
{
    return (struct extent){2, {n->level[l].nodes, (size_t)n->level[l].width}};
}

/* W (part 0) or b (part 1) of a level under `folder`: check that it fits, or, with `parameters`,
 * copy it there. */
static enum status read_part(const struct store_file *file, const struct subject *s,
                             const char *folder, int l, int part, double *parameters,
                             struct error *err)
{
    const struct network *n = &s->network;
    char level[32], path[REFERENCE_PATH];
    subject_level_name(s, l, level, sizeof level);
    snprintf(path, sizeof path, "%s/%s/%s", folder, level, part ? "b" : "W");
    struct extent extent = part ? neuron_extent(n, l) : weight_extent(n, l);
    if (!parameters)
        return reference_check_extent(file, path, extent, err);
    struct store_array array;
    enum status status = reference_get(file, path, extent, &array, err);
    if (status)
        return status;
    memcpy(parameters + (part ? n->level[l].biases : n->level[l].weights), array.values,
           array.count * sizeof *array.values);
    store_array_free(&array);
    return STATUS_OK;
}

static enum status read_parts(const struct store_file *file, const struct subject *s,
                              const char *folder, double *parameters, struct error *err)
{
    enum status status = STATUS_OK;
    for (int l = 0; !status && l < s->network.levels; l++)
        for (int part = 0; !status && part < 1 + s->network.bias; part++)
            status = read_part(file, s, folder, l, part, parameters, err);
    return status;
}

enum status take_zeros(size_t count, double **out, struct error *err)
{
    *out = calloc(padded(count), sizeof **out);
    return *out ? STATUS_OK : error_memory(err, "%zu parameters", count);
}

enum status subject_read_network(const struct store_file *file, const struct subject *s,
                                 const char *folder, double **parameters, struct error *err)
{
    enum status status = read_parts(file, s, folder, NULL, err);
    if (!status)
        status = take_zeros(s->network.parameters, parameters, err);
    if (!status)
        status = read_parts(file, s, folder, *parameters, err);
    return status;
}

enum status subject_read_weights(const struct store_file *file, struct subject *s,
                                 struct error *err)
{
    enum status status = subject_read_network(file, s, "/weights", &s->parameters, err);
    if (!status)
        status = take_zeros(s->network.parameters, &s->gradient, err);
    return status;
}
