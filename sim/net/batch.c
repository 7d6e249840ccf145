#include "sim/net/batch.h"

#include <string.h>

void batch_layout_views(struct batch *b, const struct network *network, int views, size_t samples,
                        int boundary, struct arena *arena)
{
    *b = (struct batch){.network = network, .samples = samples, .stride = padded(samples)};
    if (boundary == 0)
        boundary = boundary_level(network, samples * (size_t)views);
    pattern_tables_layout(&b->tables, network, boundary, NULL, 1, arena);
    pass_layout(&b->pass, &b->tables, b->stride * (size_t)views, true, true, arena);
    size_t size = b->pass.columns * (size_t)network->level[0].width;
    double *f = ARENA_TAKE(arena, double, size);
    b->gradient_views = views;
    b->outputs = (struct outputs){.samples = samples,
                                  .stride = b->stride,
                                  .width = network->level[0].width,
                                  .views = views,
                                  .f = f,
                                  .df = ARENA_TAKE(arena, double, size)};
    b->pattern =
        ARENA_TAKE(arena, uint16_t, (size_t)views * nodes_of(network, boundary) * b->stride);
    b->delta_lookup = ARENA_TAKE(arena, double, pattern_tables_lookup_size(&b->tables));
}

void batch_limit(struct batch *b, int gradient_views)
{
    b->gradient_views = gradient_views;
    pass_limit(&b->pass, b->stride * (size_t)gradient_views);
}

static uint16_t *view_pattern(struct batch *b, int view)
{
    return b->pattern + (size_t)view * nodes_of(b->network, b->tables.boundary) * b->stride;
}

void batch_set_states(struct batch *b, int view, const uint8_t *leaf, size_t stride)
{
    pattern_index(b->network, b->tables.boundary, leaf, stride, b->samples, view_pattern(b, view),
                  b->stride);
}

void batch_set_values(struct batch *b, int view, const double *x, size_t stride)
{
    pass_load(&b->pass, x, stride, (size_t)view * b->stride, b->samples);
}

struct rows batch_rows(struct batch *b, int view)
{
    if (b->network->leaf_states == 0)
        return (struct rows){
            .view = view, .stride = b->pass.columns, .value = batch_value(b, view, 0)};
    return (struct rows){.view = view,
                         .stride = b->stride,
                         .pattern = view_pattern(b, view),
                         .network = b->network,
                         .level = b->tables.boundary};
}

void batch_forward(struct batch *b, double *parameters)
{
    const struct network *n = b->network;
    pattern_tables_forward(&b->tables, parameters, 0, nodes_of(n, b->tables.entry));
    for (int view = 0; n->leaf_states > 0 && view < b->outputs.views; view++)
        pass_look_up(&b->pass, view_pattern(b, view), b->stride, (size_t)view * b->stride,
                     b->samples);
    pass_forward(&b->pass, parameters);
    for (int view = 0; view < b->outputs.views; view++)
        pass_outputs(&b->pass, 0, (size_t)view * b->stride, b->stride, b->stride,
                     (double *)b->outputs.f + output_index(&b->outputs, view, 0, 0));
}

void batch_backward(struct batch *b, double *parameters, double *gradient)
{
    const struct network *n = b->network;
    for (int view = 0; view < b->gradient_views; view++)
        pass_take_gradient(&b->pass, 0, (size_t)view * b->stride, b->stride,
                           b->outputs.df + output_index(&b->outputs, view, 0, 0), b->stride,
                           b->samples);
    memset(gradient, 0, n->parameters * sizeof *gradient);
    pass_backward(&b->pass, parameters, gradient);
    memset(b->delta_lookup, 0, pattern_tables_lookup_size(&b->tables) * sizeof *b->delta_lookup);
    for (int view = 0; n->leaf_states > 0 && view < b->gradient_views; view++)
        pass_scatter(&b->pass, view_pattern(b, view), b->stride, (size_t)view * b->stride,
                     b->samples, b->delta_lookup);
    pattern_tables_backward(&b->tables, b->delta_lookup, parameters, gradient, 0,
                            nodes_of(n, b->tables.entry), 0);
}
