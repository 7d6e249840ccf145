#include "analysis/probes/probes.h"
#include "hltm/exact.h"
#include "sim/net/axes.h"

struct ceiling_state {
    const struct subject *subject;
    double *ceiling; /* [node of the tree] */
    uint64_t known;  /* 1: measured, with the first point */
};

static void layout(void *state, const struct subject *s, struct arena *arena)
{
    struct ceiling_state *c = state;
    c->subject = s;
    c->ceiling = ARENA_TAKE(arena, double, s->tree->nodes);
}

static enum status measure(void *state, const struct snapshot *snapshot, struct error *err)
{
    struct ceiling_state *c = state;
    const struct subject *s = c->subject;
    (void)snapshot;
    if (c->known)
        return STATUS_OK;
    c->known = 1;
    return ceiling_measure(s->tree, s->seed, (size_t)s->settings->samples, c->ceiling, err);
}

static void lasting(void *state, struct state_list *list)
{
    struct ceiling_state *c = state;
    state_natural(list, &c->known, 1, "ceiling/known");
    state_reals(list, c->subject->tree->nodes, c->ceiling, "ceiling/nodes");
}

static size_t memory(const struct subject *s)
{
    return ceiling_memory(s->tree);
}

static void add(struct quantity_list *list, const struct tree *tree, int level, const double *value,
                const char *long_name, const char *path)
{
    struct quantity *q = quantity_add(list, long_name, "%s/level_%d", path, level);
    add_latents(q, tree->count[level], level);
    q->value = value + tree->first[level];
    q->constant = true;
}

static void quantities(const void *state, struct quantity_list *list)
{
    const struct ceiling_state *c = state;
    const struct tree *tree = c->subject->tree;
    for (int d = 0; d < tree->depth; d++)
        add(list, tree, d, c->ceiling,
            "largest |correlation| that a function of the leaves can have with the latent",
            "/ceiling");
    for (int d = 1; d <= tree->depth; d++)
        add(list, tree, d, tree->polarity, "polarity of the edge from the parent",
            "/tree/polarity");
}

static const struct measurement measurement = {.size = sizeof(struct ceiling_state),
                                               .layout = layout,
                                               .measure = measure,
                                               .lasting = lasting,
                                               .memory = memory};

const struct probe probe_ceiling = {
    .about = {.name = "ceiling",
              .doc = "Largest |correlation| that a function of the leaves can have with each "
                     "latent, by belief propagation; and the polarities of the tree. Measured "
                     "once, wherever anything is.",
              .source = "[DDN]"},
    .always = true,
    .applies = needs_tree,
    .measurement = &measurement,
    .quantities = quantities,
};
