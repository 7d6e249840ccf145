#include "harness/verify/crosscheck/subject.h"

#include "sim/loss/batch_loss.h"
#include "sim/registry.h"

#include <stdlib.h>
#include <string.h>

/* Settings of an objective, to be freed: real numbers are the file's attributes of that name,
 * others keep their defaults (the files have one negative a sample). */
static void *get_settings(struct crosscheck *check, const struct objective *objective)
{
    char *settings =
        crosscheck_take(check, objective->about.settings_size + 1, 1, objective->about.name);
    for (const struct param *p = objective->about.params; settings && p && p->name; p++) {
        double value = strtod(p->fallback, NULL);
        int64_t whole = (int64_t)value;
        if (p->type == PARAM_REAL) {
            value = reference_real(check, p->name, p->low, p->high);
            memcpy(settings + p->offset, &value, sizeof value);
        }
        if (p->type == PARAM_INTEGER)
            memcpy(settings + p->offset, &whole, sizeof whole);
    }
    return settings;
}

void compare_gradient(struct crosscheck *check, const struct subject *s, const char *name)
{
    for (int l = 0; l < s->network.levels; l++)
        for (int bias = 0; bias < 1 + s->network.bias; bias++) {
            const struct part_of_level part = part_of_level(&s->network, l, bias);
            crosscheck_compare(check, s->gradient + part.offset, part.extent, "%s/grad/%s/%s",
                               s->root, name, part.path);
        }
}

/* f and pre-activations of x, from a pass in which every sample has its own columns. */
static void compare_forward(struct crosscheck *check, const struct subject *s,
                            const struct batch *batch)
{
    const struct network *n = &s->network;
    const struct extent f = {2, {s->samples, (size_t)n->level[0].width}};
    char path[REFERENCE_PATH];
    snprintf(path, sizeof path, "%s/f", s->root);
    compare_rows(check, batch->outputs.f, batch->outputs.stride, f, path);
    for (int l = 0; n->mirrors_tree && l < n->levels; l++) {
        const struct extent pre = {3, {s->samples, n->level[l].nodes, (size_t)n->level[l].width}};
        snprintf(path, sizeof path, "%s/preact/level_%d", s->root, l);
        compare_rows(check, batch->pass.pre[l], batch->pass.columns, pre, path);
    }
}

static void compare_batch(struct crosscheck *check, const struct subject *s,
                          const struct objective *objective, const void *settings, bool forward)
{
    const char *name = objective->about.name;
    struct arena count = {0}, arena;
    struct batch_loss batch;
    int boundary = forward ? s->network.levels : 0;
    batch_loss_layout(&batch, &s->network, objective, settings, s->samples, boundary, &count);
    check->status = arena_create(&arena, &count, check->err);
    if (check->status)
        return;
    batch_loss_layout(&batch, &s->network, objective, settings, s->samples, boundary, &arena);
    subject_set_views(s, &batch.batch);
    batch.batch.outputs.label = s->label;
    double loss = batch_loss(&batch, s->parameters, forward ? NULL : s->gradient);
    if (forward) {
        compare_forward(check, s, &batch.batch);
    } else {
        crosscheck_compare(check, &loss, (struct extent){0}, "%s/loss/%s", s->root, name);
        compare_gradient(check, s, name);
    }
    arena_free(&arena);
}

static void compare_objective(struct crosscheck *check, const struct subject *s,
                              const struct objective *objective, bool forward)
{
    void *settings = get_settings(check, objective);
    if (!check->status)
        compare_batch(check, s, objective, settings, forward);
    free(settings);
}

bool crosscheck_predicts(const struct objective *objective)
{
    return objective_needs(objective, NULL).target != TARGET_NONE;
}

bool mlp_expects(const struct crosscheck *check, bool (*which)(const struct objective *objective))
{
    for (size_t i = 0; i < objective_registry.count; i++) {
        const struct objective *objective = (const void *)objective_registry.entries[i];
        if (which(objective) &&
            (crosscheck_expects(check, "/expect/relu", objective->about.name) ||
             crosscheck_expects(check, "/expect/linear", objective->about.name)))
            return true;
    }
    return false;
}

/* Whether the outputs of a batch are all that its loss is of. */
static bool compares_outputs(const struct objective *objective)
{
    return !crosscheck_predicts(objective) && objective_needs(objective, NULL).labelled.batch == 0;
}

void compare_objectives(struct crosscheck *check, const struct subject *s)
{
    compare_objective(check, s, (const void *)objective_registry.entries[0], true);
    for (size_t i = 0; !check->status && i < objective_registry.count; i++) {
        const struct objective *objective = (const void *)objective_registry.entries[i];
        if (compares_outputs(objective) &&
            crosscheck_expects(check, s->root, objective->about.name))
            compare_objective(check, s, objective, false);
    }
}
