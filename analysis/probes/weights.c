#include "analysis/probes/probes.h"
#include "sim/net/axes.h"

#include <cblas.h>
#include <math.h>

struct weights_state {
    const struct network *network;
    double *norm[NETWORK_MAX_LEVELS]; /* [node] */
};

static const char *applies(const struct subject *s)
{
    (void)s;
    return NULL;
}

static void layout(void *state, const struct subject *s, struct arena *arena)
{
    struct weights_state *w = state;
    w->network = s->network;
    for (int l = 0; l < s->network->levels; l++)
        w->norm[l] = ARENA_TAKE(arena, double, s->network->level[l].nodes);
}

static enum status measure(void *state, const struct snapshot *snapshot, struct error *err)
{
    struct weights_state *w = state;
    const struct network *n = w->network;
    (void)err;
    for (int l = 0; l < n->levels; l++) {
        const int weights = n->level[l].width * n->level[l].fan_in;
        for (size_t i = 0; i < n->level[l].nodes; i++)
            w->norm[l][i] =
                snapshot->parameters
                    ? cblas_dnrm2(weights, snapshot->parameters + weight_offset(n, l, i), 1)
                    : NAN;
    }
    return STATUS_OK;
}

static void quantities(const void *state, struct quantity_list *list)
{
    const struct weights_state *w = state;
    for (int l = 0; l < w->network->levels; l++) {
        struct quantity *q = quantity_add(list, "Frobenius norm of a node's weights",
                                          "/series/weight_norm/level_%d", l);
        add_nodes(q, w->network, l);
        q->value = w->norm[l];
    }
}

static const struct measurement measurement = {
    .size = sizeof(struct weights_state), .layout = layout, .measure = measure};

const struct probe probe_weights = {
    .about = {.name = "weights",
              .doc = "Frobenius norm of every node's weights; not a number where a flow no longer "
                     "says them. Measured wherever anything is."},
    .always = true,
    .applies = applies,
    .measurement = &measurement,
    .quantities = quantities,
};
