/* Files of kind outputs: any objective as a function of given outputs, one case a group below
 * /expect. */
#include "harness/verify/crosscheck/subject.h"

#include "harness/spec/spec.h"
#include "sim/loss/objective.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_VIEWS = 1 + 64 + 4096, MAX_CLASSES = 256 };

/* The outputs of a file. */
struct given {
    struct crosscheck *check;
    size_t samples, width, positives, negatives;
    double *outputs; /* [view][sample][width] */
    uint8_t *label;  /* [sample] */
};

static struct extent extent_of(const struct given *g)
{
    return (struct extent){3, {1 + g->positives + g->negatives, g->samples, g->width}};
}

static void read_labels(struct crosscheck *check, struct given *g)
{
    double *label = reference_get(check, (struct extent){1, {g->samples}}, "/label");
    g->label = crosscheck_take(check, g->samples, 1, "/label");
    for (size_t i = 0; label && g->label && i < g->samples; i++)
        if (!is_whole(label[i], 0, MAX_CLASSES - 1))
            crosscheck_fail(check,
                            "/label is %g at entry %zu; labels are whole numbers from 0 to %d",
                            label[i], i, MAX_CLASSES - 1);
        else
            g->label[i] = (uint8_t)label[i];
    free(label);
}

static void read_given(struct crosscheck *check, struct given *g)
{
    g->samples = reference_size(check, "batch", 2, REFERENCE_MAX_BATCH);
    g->width = reference_size(check, "width", 1, REFERENCE_MAX_WIDTH);
    g->positives = reference_size(check, "positives", 1, MAX_VIEWS);
    g->negatives = reference_size(check, "negatives", 0, MAX_VIEWS);
    g->outputs = reference_get(check, extent_of(g), "/outputs");
    read_labels(check, g);
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
static void evaluate(const struct given *g, const struct objective *objective, const void *settings,
                     double *loss, double *all)
{
    struct crosscheck *check = g->check;
    const struct needs needs = objective_needs(objective, settings);
    const size_t stride = padded(g->samples), size = (size_t)needs.views * g->width * stride;
    double *f = crosscheck_take(check, 2 * size, sizeof *f, "outputs");
    if (!f)
        return;
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
    check->status = loss_once(&plan, &o, loss, check->err);
    for (int view = 0; !check->status && view < needs.gradient_views; view++)
        for (size_t s = 0; s < g->samples; s++)
            for (size_t k = 0; k < g->width; k++)
                all[(view_of(g, &needs, view) * g->samples + s) * g->width + k] =
                    o.df[output_index(&o, view, (int)k, s)];
    free(f);
}

static void compare_case(const struct given *g, const char *group,
                         const struct objective *objective, const void *settings)
{
    double loss = 0, *gradient = crosscheck_take(g->check, extent_entries(extent_of(g)),
                                                 sizeof *gradient, "the gradient");
    if (gradient)
        evaluate(g, objective, settings, &loss, gradient);
    crosscheck_compare(g->check, &loss, (struct extent){0}, "%s/loss", group);
    crosscheck_compare(g->check, gradient, extent_of(g), "%s/grad", group);
    free(gradient);
}

/* A case whose objective no spec can name yet, or that needs more than outputs, is left over. */
static void try_case(const struct given *g, const char *group)
{
    struct crosscheck *check = g->check;
    char *text, *key;
    struct spec spec;
    check->status = store_get_text_of(check->file, group, "objective", &text, check->err);
    if (check->status)
        return;
    if (asprintf(&key, "objective=%s", text) < 0)
        key = NULL;
    free(text);
    if (!key)
        check->status = error_memory(check->err, "an objective");
    else if (!spec_load(&spec, NULL, (const char *const[]){key}, 1, NULL)) {
        const struct objective *objective = (const void *)spec.chosen[SECTION_OBJECTIVE];
        const void *settings = spec.settings[SECTION_OBJECTIVE];
        const struct needs needs = objective_needs(objective, settings);
        if (!has_views(g, &needs))
            crosscheck_fail(
                check, "%s needs %d positives and %d negatives; the file has %zu and %zu", group,
                needs.positives, needs.views - 1 - needs.positives, g->positives, g->negatives);
        else if (needs.target == TARGET_NONE && needs.labelled.batch == 0)
            compare_case(g, group, objective, settings);
        spec_free(&spec);
    }
    free(key);
}

static enum status visit(const char *path, void *context, struct error *err)
{
    const struct given *g = context;
    const size_t length = strlen(path), end = strlen("/loss");
    char group[REFERENCE_PATH - 8]; /* with room for /loss and /grad */
    (void)err;                      /* of the crosscheck, as all are */
    if (length <= end || strcmp(path + length - end, "/loss") != 0)
        return STATUS_OK;
    if (snprintf(group, sizeof group, "%.*s", (int)(length - end), path) < (int)sizeof group)
        try_case(g, group);
    return g->check->status;
}

void check_outputs(struct crosscheck *check)
{
    struct given g = {.check = check};
    read_given(check, &g);
    if (!check->status)
        check->status = store_visit(check->file, "/expect", visit, &g, check->err);
    free(g.outputs);
    free(g.label);
}
