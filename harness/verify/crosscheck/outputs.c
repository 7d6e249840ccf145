/* Files of kind outputs: any objective as a function of given outputs, one case a group below
 * /expect. */
#include "harness/verify/crosscheck/subject.h"

#include "harness/spec/spec.h"
#include "sim/loss/objective.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VIEWS = 1 + 64 + 4096, MAX_CLASSES = 256 };

/* The outputs of a file. */
struct given {
    struct crosscheck *check;
    size_t samples, width, positives, negatives;
    double *outputs; /* [view][sample][width] */
    uint8_t *label;  /* [sample] */
    enum status status;
    struct error *err;
};

static size_t views_of(const struct given *g)
{
    return 1 + g->positives + g->negatives;
}

static enum status read_sizes(const struct store_file *file, struct given *g, struct error *err)
{
    enum status status = reference_size(file, "batch", 2, REFERENCE_MAX_BATCH, &g->samples, err);
    if (!status)
        status = reference_size(file, "width", 1, REFERENCE_MAX_WIDTH, &g->width, err);
    if (!status)
        status = reference_size(file, "positives", 1, MAX_VIEWS, &g->positives, err);
    if (!status)
        status = reference_size(file, "negatives", 0, MAX_VIEWS, &g->negatives, err);
    return status;
}

static enum status read_labels(const struct store_file *file, struct given *g, struct error *err)
{
    struct store_array label;
    enum status status =
        reference_get(file, "/label", (struct extent){1, {g->samples}}, &label, err);
    if (status)
        return status;
    g->label = malloc(g->samples);
    if (!g->label)
        status = error_memory(err, "/label");
    for (size_t i = 0; !status && i < g->samples; i++) {
        if (!is_whole(label.values[i], 0, MAX_CLASSES - 1))
            status = error_set(err, STATUS_INVALID,
                               "/label is %g at entry %zu; labels are whole numbers from 0 to %d",
                               label.values[i], i, MAX_CLASSES - 1);
        else
            g->label[i] = (uint8_t)label.values[i];
    }
    store_array_free(&label);
    return status;
}

static enum status read_given(const struct store_file *file, struct given *g, struct error *err)
{
    struct store_array outputs;
    enum status status = read_sizes(file, g, err);
    const struct extent extent = {3, {views_of(g), g->samples, g->width}};
    if (!status)
        status = reference_get(file, "/outputs", extent, &outputs, err);
    if (status)
        return status;
    g->outputs = outputs.values;
    return read_labels(file, g, err);
}

/* ---- one case ---- */

/* The file's view in the place of an objective's view: it may have more positives. */
static size_t view_of(const struct given *g, const struct needs *needs, int view)
{
    return (size_t)view + (view > needs->positives ? g->positives - (size_t)needs->positives : 0);
}

static bool has_views(const struct given *g, const struct needs *needs)
{
    return (size_t)needs->positives <= g->positives &&
           (size_t)(needs->views - 1 - needs->positives) <= g->negatives;
}

/* Loss and gradient; `all` is the gradient as /outputs, 0 at first. */
static enum status evaluate(const struct given *g, const struct objective *objective,
                            const void *settings, double *loss, double *all, struct error *err)
{
    const struct needs needs = objective_needs(objective, settings);
    const size_t stride = padded(g->samples), size = (size_t)needs.views * g->width * stride;
    double *f = calloc(2 * size, sizeof *f);
    if (!f)
        return error_memory(err, "outputs");
    const struct outputs o = {.samples = g->samples,
                              .stride = stride,
                              .width = (int)g->width,
                              .views = needs.views,
                              .f = f,
                              .df = f + size,
                              .label = g->label};
    for (int view = 0; view < needs.views; view++)
        for (size_t s = 0; s < g->samples; s++)
            for (size_t k = 0; k < g->width; k++)
                f[output_index(&o, view, (int)k, s)] =
                    g->outputs[(view_of(g, &needs, view) * g->samples + s) * g->width + k];
    const struct loss_plan plan = {.objective = objective,
                                   .settings = settings,
                                   .width = o.width,
                                   .samples = o.samples,
                                   .stride = stride};
    enum status status = loss_once(&plan, &o, loss, err);
    for (int view = 0; !status && view < needs.gradient_views; view++)
        for (size_t s = 0; s < g->samples; s++)
            for (size_t k = 0; k < g->width; k++)
                all[(view_of(g, &needs, view) * g->samples + s) * g->width + k] =
                    o.df[output_index(&o, view, (int)k, s)];
    free(f);
    return status;
}

static enum status compare_case(const struct given *g, const char *group,
                                const struct objective *objective, const void *settings,
                                struct error *err)
{
    const struct extent extent = {3, {views_of(g), g->samples, g->width}};
    char path[REFERENCE_PATH];
    double loss, *gradient;
    enum status status = take_zeros(views_of(g) * g->samples * g->width, &gradient, err);
    if (!status)
        status = evaluate(g, objective, settings, &loss, gradient, err);
    snprintf(path, sizeof path, "%s/loss", group);
    if (!status)
        status = crosscheck_compare(g->check, path, (struct extent){0}, &loss, err);
    snprintf(path, sizeof path, "%s/grad", group);
    if (!status)
        status = crosscheck_compare(g->check, path, extent, gradient, err);
    free(gradient);
    return status;
}

/* A case whose objective no spec can name yet, or that needs more than outputs, is left over. */
static enum status try_case(const struct given *g, const char *group, struct error *err)
{
    char *text, *key;
    struct spec spec;
    enum status status = store_get_text_of(g->check->file, group, "objective", &text, err);
    if (status)
        return status;
    if (asprintf(&key, "objective=%s", text) < 0)
        key = NULL;
    free(text);
    if (!key)
        return error_memory(err, "an objective");
    if (!spec_load(&spec, NULL, (const char *const[]){key}, 1, NULL)) {
        const struct objective *objective = (const void *)spec.chosen[SECTION_OBJECTIVE];
        const void *settings = spec.settings[SECTION_OBJECTIVE];
        const struct needs needs = objective_needs(objective, settings);
        if (!has_views(g, &needs))
            status = error_set(err, STATUS_INVALID,
                               "%s needs %d positives and %d negatives; the file has %zu and %zu",
                               group, needs.positives, needs.views - 1 - needs.positives,
                               g->positives, g->negatives);
        else if (needs.target == TARGET_NONE && needs.labelled.batch == 0)
            status = compare_case(g, group, objective, settings, err);
        spec_free(&spec);
    }
    free(key);
    return status;
}

static void visit(const char *path, void *context)
{
    struct given *g = context;
    const size_t length = strlen(path), end = strlen("/loss");
    char group[REFERENCE_PATH - 8]; /* with room for /loss and /grad */
    if (g->status || length <= end || strcmp(path + length - end, "/loss") != 0)
        return;
    if (snprintf(group, sizeof group, "%.*s", (int)(length - end), path) < (int)sizeof group)
        g->status = try_case(g, group, g->err);
}

enum status check_outputs(struct crosscheck *check, struct error *err)
{
    struct given g = {.check = check, .err = err};
    enum status status = read_given(check->file, &g, err);
    if (!status)
        status = store_visit(check->file, "/expect", visit, &g, err);
    free(g.outputs);
    free(g.label);
    return status ? status : g.status;
}
