#include "harness/verify/crosscheck/subject.h"

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

void subject_set_views(const struct subject *s, struct batch *batch)
{
    for (int v = 0; v < batch->outputs.views; v++)
        if (s->states[v])
            batch_set_states(batch, v, s->states[v], s->samples);
        else
            batch_set_values(batch, v, s->values[v], s->samples);
}

struct part_of_level part_of_level(const struct network *n, int l, bool bias)
{
    const struct level *at = &n->level[l];
    const size_t width = (size_t)at->width, fan_in = (size_t)at->fan_in;
    struct part_of_level part = {.offset = bias ? at->biases : at->weights};
    if (bias)
        part.extent = (struct extent){2, {at->nodes, width}};
    else if (n->mirrors_tree)
        part.extent = (struct extent){3, {at->nodes, width, fan_in}};
    else
        part.extent = (struct extent){2, {width, fan_in}};
    snprintf(part.path, sizeof part.path, "%s_%d/%s", n->mirrors_tree ? "level" : "layer",
             n->mirrors_tree ? l : n->levels - l, bias ? "b" : "W");
    return part;
}

double *subject_read_network(struct crosscheck *check, const struct subject *s, const char *folder)
{
    const struct network *n = &s->network;
    double *values[NETWORK_MAX_LEVELS][2] = {{NULL}};
    for (int l = 0; l < n->levels; l++)
        for (int bias = 0; bias < 1 + n->bias; bias++) {
            const struct part_of_level part = part_of_level(n, l, bias);
            values[l][bias] = reference_get(check, part.extent, "%s/%s", folder, part.path);
        }
    double *parameters =
        crosscheck_take(check, n->parameters, sizeof *parameters, "the parameters");
    for (int l = 0; l < n->levels; l++)
        for (int bias = 0; bias < 1 + n->bias; bias++) {
            const struct part_of_level part = part_of_level(n, l, bias);
            if (parameters)
                memcpy(parameters + part.offset, values[l][bias],
                       extent_entries(part.extent) * sizeof *parameters);
            free(values[l][bias]);
        }
    return parameters;
}
