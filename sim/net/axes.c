#include "sim/net/axes.h"

void add_latents(struct quantity *q, size_t count, int level)
{
    quantity_axis(q, count, "node of the level, in order", "/level_%d_node", level);
}

void add_nodes(struct quantity *q, const struct network *n, int level)
{
    if (n->mirrors_tree)
        add_latents(q, n->level[level].nodes, level);
    else
        quantity_axis(q, 1, "the one node of a fully connected level", "/single_node");
}

void add_neurons(struct quantity *q, const struct network *n, int level)
{
    quantity_axis(q, (size_t)n->level[level].width, "neuron of a node", "/level_%d_neuron", level);
}

void add_inputs(struct quantity *q, const struct network *n, int level)
{
    quantity_axis(q, (size_t)n->level[level].fan_in,
                  "input of a node: the children's neurons in order", "/level_%d_input", level);
}
