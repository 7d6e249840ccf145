#include "harness/verify/crosscheck/subject.h"

#include "sim/loss/batch_loss.h"
#include "sim/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Settings of an objective, to be freed: real numbers are the file's attributes of that name,
 * others keep their defaults (the files have one negative a sample). */
static enum status get_settings(const struct objective *objective, const struct store_file *file,
                                void **out, struct error *err)
{
    char *settings = calloc(1, objective->about.settings_size + 1);
    *out = settings;
    if (!settings)
        return error_memory(err, "the settings of %s", objective->about.name);
    enum status status = STATUS_OK;
    for (const struct param *p = objective->about.params; !status && p && p->name; p++) {
        double value = strtod(p->fallback, NULL);
        int64_t whole = (int64_t)value;
        if (p->type == PARAM_REAL)
            status = reference_real(file, p->name, p->low, p->high, &value, err);
        if (p->type == PARAM_REAL)
            memcpy(settings + p->offset, &value, sizeof value);
        if (p->type == PARAM_INTEGER)
            memcpy(settings + p->offset, &whole, sizeof whole);
    }
    return status;
}

enum status compare_gradient(struct crosscheck *check, const struct subject *s, const char *name,
                             struct error *err)
{
    const struct network *n = &s->network;
    enum status status = STATUS_OK;
    for (int l = 0; !status && l < n->levels; l++) {
        char level[32], path[REFERENCE_PATH];
        subject_level_name(s, l, level, sizeof level);
        snprintf(path, sizeof path, "%s/grad/%s/%s/W", s->root, name, level);
        status = crosscheck_compare(check, path, weight_extent(n, l),
                                    s->gradient + n->level[l].weights, err);
        snprintf(path, sizeof path, "%s/grad/%s/%s/b", s->root, name, level);
        if (!status && n->bias)
            status = crosscheck_compare(check, path, neuron_extent(n, l),
                                        s->gradient + n->level[l].biases, err);
    }
    return status;
}

/* f and pre-activations of x, from a pass in which every sample has its own columns. */
static enum status compare_forward(struct crosscheck *check, const struct subject *s,
                                   const struct batch *batch, struct error *err)
{
    const struct network *n = &s->network;
    char path[REFERENCE_PATH];
    snprintf(path, sizeof path, "%s/f", s->root);
    struct extent f = {2, {s->samples, (size_t)n->level[0].width}};
    enum status status = compare_rows(check, path, f, batch->outputs.f, batch->outputs.stride, err);
    for (int l = 0; !status && n->mirrors_tree && l < n->levels; l++) {
        struct extent pre = {3, {s->samples, n->level[l].nodes, (size_t)n->level[l].width}};
        snprintf(path, sizeof path, "%s/preact/level_%d", s->root, l);
        status = compare_rows(check, path, pre, batch->pass.pre[l], batch->pass.columns, err);
    }
    return status;
}

static enum status compare_batch(struct crosscheck *check, const struct subject *s,
                                 const struct objective *objective, const void *settings,
                                 bool forward, struct error *err)
{
    struct arena count = {0}, arena;
    struct batch_loss batch;
    int boundary = forward ? s->network.levels : 0;
    batch_loss_layout(&batch, &s->network, objective, settings, s->samples, boundary, &count);
    enum status status = arena_create(&arena, &count, err);
    if (status)
        return status;
    batch_loss_layout(&batch, &s->network, objective, settings, s->samples, boundary, &arena);
    subject_set_views(s, &batch.batch);
    batch.batch.outputs.label = s->label;
    double loss = batch_loss(&batch, s->parameters, forward ? NULL : s->gradient);
    if (forward) {
        status = compare_forward(check, s, &batch.batch, err);
    } else {
        char path[REFERENCE_PATH];
        snprintf(path, sizeof path, "%s/loss/%s", s->root, objective->about.name);
        status = crosscheck_compare(check, path, (struct extent){0}, &loss, err);
        if (!status)
            status = compare_gradient(check, s, objective->about.name, err);
    }
    arena_free(&arena);
    return status;
}

static enum status compare_objective(struct crosscheck *check, const struct subject *s,
                                     const struct objective *objective, bool forward,
                                     struct error *err)
{
    if (!forward && !crosscheck_expects(check, s->root, objective->about.name))
        return STATUS_OK;
    void *settings;
    enum status status = get_settings(objective, check->file, &settings, err);
    if (!status)
        status = compare_batch(check, s, objective, settings, forward, err);
    free(settings);
    return status;
}

bool crosscheck_predicts(const struct descriptor *about)
{
    return objective_needs((const void *)about, NULL).target != TARGET_NONE;
}

/* Whether the outputs of a batch are all that its loss is of. */
static bool compares_outputs(const struct descriptor *about)
{
    return !crosscheck_predicts(about) &&
           objective_needs((const void *)about, NULL).labelled.batch == 0;
}

enum status compare_objectives(struct crosscheck *check, const struct subject *s, struct error *err)
{
    const struct descriptor *first = objective_registry.entries[0];
    enum status status = compare_objective(check, s, (const void *)first, true, err);
    for (size_t i = 0; !status && i < objective_registry.count; i++)
        if (compares_outputs(objective_registry.entries[i]))
            status = compare_objective(check, s, (const void *)objective_registry.entries[i], false,
                                       err);
    return status;
}
