#include "harness/verify/crosscheck.h"

#include "core/text.h"
#include "harness/command.h"

#include "analysis/latent_measure.h"
#include "sim/loss/noncontrastive_batch.h"
#include "sim/registry.h"
#include "sim/train/direct_predictor.h"

#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 256, MAX_BATCH = 1 << 20, MAX_WIDTH = 4096, MAX_NODES = 1 << 24 };

/* ---- reading ---- */

static size_t entries(struct extent extent)
{
    size_t count = 1;
    for (int i = 0; i < extent.rank; i++)
        count *= extent.length[i];
    return count;
}

/* "64 x 32", or "one number" */
static void extent_text(int rank, const size_t *length, char out[PATH])
{
    int used = snprintf(out, PATH, "%s", rank ? "" : "one number");
    for (int i = 0; i < rank && used < PATH; i++)
        used += snprintf(out + used, (size_t)(PATH - used), "%s%zu", i ? " x " : "", length[i]);
}

static enum status wrong_extent(const char *path, const char *found, struct extent extent,
                                struct error *err)
{
    char right[PATH];
    extent_text(extent.rank, extent.length, right);
    return error_set(err, STATUS_INVALID, "%s %s; the attributes of the file call for %s", path,
                     found, right);
}

static enum status check_extent(const struct store_file *file, const char *path,
                                struct extent extent, struct error *err)
{
    char shape[PATH], found[PATH + 16];
    struct store_info info;
    enum store_kind kind = store_kind(file, path);
    if (kind == STORE_NOTHING || kind == STORE_GROUP)
        return wrong_extent(path, kind == STORE_GROUP ? "is a group" : "is missing", extent, err);
    enum status status = store_describe(file, path, &info, err);
    if (status)
        return status;
    bool same = info.rank == extent.rank;
    for (int i = 0; same && i < extent.rank; i++)
        same = info.shape[i] == extent.length[i];
    if (!same) {
        extent_text(info.rank, info.shape, shape);
        snprintf(found, sizeof found, "has shape %s", shape);
        status = wrong_extent(path, found, extent, err);
    }
    store_info_free(&info);
    return status;
}

/* A dataset of finite numbers. */
static enum status get(const struct store_file *file, const char *path, struct extent extent,
                       struct store_array *array, struct error *err)
{
    enum status status = check_extent(file, path, extent, err);
    if (!status)
        status = store_get(file, path, array, err);
    if (status)
        return status;
    for (size_t i = 0; i < array->count; i++)
        if (!isfinite(array->values[i])) {
            status = error_set(err, STATUS_INVALID,
                               "%s is %g at entry %zu; all its entries must be finite", path,
                               array->values[i], i);
            store_array_free(array);
            return status;
        }
    return STATUS_OK;
}

/* [sample][leaf] states of a dataset as [leaf][sample], to be freed. */
static enum status get_states(const struct store_file *file, const char *path, struct extent extent,
                              uint8_t **out, struct error *err)
{
    struct store_array x;
    enum status status = get(file, path, extent, &x, err);
    if (status)
        return status;
    size_t samples = extent.length[0], leaves = x.count / samples;
    *out = malloc(x.count);
    if (!*out)
        status = error_set(err, STATUS_SYSTEM, "no memory for %s", path);
    for (size_t i = 0; !status && i < x.count; i++) {
        if (x.values[i] != 0 && x.values[i] != 1)
            status = error_set(err, STATUS_INVALID, "%s is %g at entry %zu; states are 0 or 1",
                               path, x.values[i], i);
        (*out)[i % leaves * samples + i / leaves] = x.values[i] == 1;
    }
    store_array_free(&x);
    return status;
}

/* A root attribute; `needed` says what it must be. */
static enum status get_number(const struct store_file *file, const char *name, const char *needed,
                              double *value, struct error *err)
{
    bool there = store_has_attribute(file, name);
    if (there && store_get_number(file, name, value, NULL) == STATUS_OK)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, "the attribute %s is %s; it must be %s", name,
                     there ? "not one number" : "missing", needed);
}

static enum status wrong_number(const char *name, double x, const char *needed, struct error *err)
{
    return error_set(err, STATUS_INVALID, "the attribute %s is %g; it must be %s", name, x, needed);
}

static bool is_whole(double x, int low, int high)
{
    return x >= low && x <= high && x == floor(x);
}

/* A whole number in [low, high]. */
static enum status get_size(const struct store_file *file, const char *name, int low, int high,
                            size_t *value, struct error *err)
{
    double x;
    char needed[64];
    if (low == high)
        snprintf(needed, sizeof needed, "%d", low);
    else
        snprintf(needed, sizeof needed, "a whole number from %d to %d", low, high);
    enum status status = get_number(file, name, needed, &x, err);
    if (!status && !is_whole(x, low, high))
        status = wrong_number(name, x, needed, err);
    if (!status)
        *value = (size_t)x;
    return status;
}

/* A real number in [low, high], with POSITIVE and UNBOUNDED as for parameters. */
static enum status get_real(const struct store_file *file, const char *name, double low,
                            double high, double *value, struct error *err)
{
    char needed[64] = "a finite number";
    if (high < UNBOUNDED)
        snprintf(needed, sizeof needed, "a number from %g to %g", low, high);
    else if (low == POSITIVE)
        snprintf(needed, sizeof needed, "a finite number above 0");
    else if (low > -UNBOUNDED)
        snprintf(needed, sizeof needed, "a finite number from %g on", low);
    enum status status = get_number(file, name, needed, value, err);
    if (!status && !(*value >= low && *value <= high))
        status = wrong_number(name, *value, needed, err);
    return status;
}

/* An attribute that holds one of two words: which. */
static enum status get_word(const struct store_file *file, const char *name, const char *first,
                            const char *second, bool *is_first, struct error *err)
{
    char *text;
    bool there = store_has_attribute(file, name);
    if (!there || store_get_text(file, name, &text, NULL))
        return error_set(err, STATUS_INVALID, "the attribute %s is %s; it must be %s or %s", name,
                         there ? "not one text" : "missing", first, second);
    enum status status = STATUS_OK;
    *is_first = strcmp(text, first) == 0;
    if (!*is_first && strcmp(text, second) != 0)
        status = error_set(err, STATUS_INVALID, "the attribute %s is '%.60s'; it must be %s or %s",
                           name, text, first, second);
    free(text);
    return status;
}

/* ---- comparing ---- */

static enum status remember(struct crosscheck *check, const char *path, struct error *err)
{
    char *longer;
    if (asprintf(&longer, "%s%s\n", check->compared ? check->compared : "\n", path) < 0)
        return error_set(err, STATUS_SYSTEM, "no memory for the name of %s", path);
    free(check->compared);
    check->compared = longer;
    return STATUS_OK;
}

static bool was_compared(const struct crosscheck *check, const char *path)
{
    char line[PATH];
    int length = snprintf(line, sizeof line, "\n%s\n", path);
    return length < PATH && check->compared && strstr(check->compared, line);
}

enum status crosscheck_compare(struct crosscheck *check, const char *path, struct extent extent,
                               const double *measured, struct error *err)
{
    struct store_array expected;
    enum status status = get(check->file, path, extent, &expected, err);
    if (status)
        return status;
    double difference = 0, largest = 0;
    bool finite = true;
    for (size_t i = 0; i < expected.count; i++) {
        difference = fmax(difference, fabs(measured[i] - expected.values[i]));
        largest = fmax(largest, fabs(expected.values[i]));
        finite &= isfinite(measured[i]) != 0;
    }
    store_array_free(&expected);
    double scale = fmax(largest, CROSSCHECK_ROUNDING / CROSSCHECK_TOLERANCE);
    double error = finite ? difference / scale : INFINITY;
    bool passed = error <= CROSSCHECK_TOLERANCE;
    check->passed += passed;
    check->failed += !passed;
    check->worst = fmax(check->worst, error);
    if (check->out)
        fprintf(check->out, "%-48s %9.2e  %s\n", path, error, passed ? "ok" : "FAILS");
    return remember(check, path, err);
}

/* Settings of an objective, to be freed: real numbers are the file's attributes of that name,
 * others keep their defaults (the files have one negative a sample). */
static enum status get_settings(const struct objective *objective, const struct store_file *file,
                                void **out, struct error *err)
{
    char *settings = calloc(1, objective->about.settings_size + 1);
    *out = settings;
    if (!settings)
        return error_set(err, STATUS_SYSTEM, "no memory for the settings of %s",
                         objective->about.name);
    enum status status = STATUS_OK;
    for (const struct param *p = objective->about.params; !status && p && p->name; p++) {
        double value = strtod(p->fallback, NULL);
        int64_t whole = (int64_t)value;
        if (p->type == PARAM_REAL)
            status = get_real(file, p->name, p->low, p->high, &value, err);
        if (p->type == PARAM_REAL)
            memcpy(settings + p->offset, &value, sizeof value);
        if (p->type == PARAM_INTEGER)
            memcpy(settings + p->offset, &whole, sizeof whole);
    }
    return status;
}

/* ---- what both kinds share: losses and gradients under `root` ---- */

struct subject {
    struct network network;
    double *parameters, *gradient;
    size_t samples;
    uint8_t *states[3]; /* x, x_pos, x_neg as [leaf][sample], or */
    double *values[3];
    const uint8_t *label; /* [sample] for objectives that compare labels, or NULL; borrowed */
    const char *root;     /* "/expect" */
    /* what an mlp file may hold besides, or NULL */
    double *target; /* parameters of the target network */
    struct predictor predictor;
    double *predictor_parameters, *predictor_gradient;
};

static void free_subject(struct subject *s)
{
    free(s->parameters);
    free(s->gradient);
    free(s->target);
    free(s->predictor_parameters);
    free(s->predictor_gradient);
    for (int v = 0; v < 3; v++) {
        free(s->states[v]);
        free(s->values[v]);
    }
}

/* Name of network level l in the file: layers count from 1 at the input. */
static void level_name(const struct subject *s, int l, char *out, size_t size)
{
    if (s->network.mirrors_tree)
        snprintf(out, size, "level_%d", l);
    else
        snprintf(out, size, "layer_%d", s->network.levels - l);
}

static void set_views(const struct subject *s, struct batch *batch)
{
    for (int v = 0; v < batch->outputs.views; v++)
        if (s->states[v])
            batch_set_states(batch, v, s->states[v], s->samples);
        else
            batch_set_values(batch, v, s->values[v], s->samples);
}

static struct extent weight_extent(const struct network *n, int l)
{
    const struct level *at = &n->level[l];
    size_t width = (size_t)at->width, fan_in = (size_t)at->fan_in;
    return n->mirrors_tree ? (struct extent){3, {at->nodes, width, fan_in}}
                           : (struct extent){2, {width, fan_in}};
}

static struct extent neuron_extent(const struct network *n, int l)
{
    return (struct extent){2, {n->level[l].nodes, (size_t)n->level[l].width}};
}

static enum status compare_gradient(struct crosscheck *check, const struct subject *s,
                                    const char *name, struct error *err)
{
    const struct network *n = &s->network;
    enum status status = STATUS_OK;
    for (int l = 0; !status && l < n->levels; l++) {
        char level[32], path[PATH];
        level_name(s, l, level, sizeof level);
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

/* Rows [row][stride] of the batch's first view against a dataset [sample][row]. */
static enum status compare_rows(struct crosscheck *check, const char *path, struct extent extent,
                                const double *in, size_t stride, struct error *err)
{
    size_t samples = extent.length[0], rows = entries(extent) / samples;
    double *out = malloc(rows * samples * sizeof *out);
    if (!out)
        return error_set(err, STATUS_SYSTEM, "no memory for %s", path);
    for (size_t sample = 0; sample < samples; sample++)
        for (size_t row = 0; row < rows; row++)
            out[sample * rows + row] = in[row * stride + sample];
    enum status status = crosscheck_compare(check, path, extent, out, err);
    free(out);
    return status;
}

/* f and pre-activations of x, from a pass in which every sample has its own columns. */
static enum status compare_forward(struct crosscheck *check, const struct subject *s,
                                   const struct batch *batch, struct error *err)
{
    const struct network *n = &s->network;
    char path[PATH];
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
    struct batch batch;
    int boundary = forward ? s->network.levels : 0;
    batch_layout(&batch, &s->network, objective, settings, s->samples, boundary, &count);
    enum status status = arena_create(&arena, &count, err);
    if (status)
        return status;
    batch_layout(&batch, &s->network, objective, settings, s->samples, boundary, &arena);
    set_views(s, &batch);
    batch.outputs.label = s->label;
    double loss = batch_loss(&batch, s->parameters, forward ? NULL : s->gradient);
    if (forward) {
        status = compare_forward(check, s, &batch, err);
    } else {
        char path[PATH];
        snprintf(path, sizeof path, "%s/loss/%s", s->root, objective->about.name);
        status = crosscheck_compare(check, path, (struct extent){0}, &loss, err);
        if (!status)
            status = compare_gradient(check, s, objective->about.name, err);
    }
    arena_free(&arena);
    return status;
}

/* An objective that the file says something about needs a loss and all its gradients. */
static bool is_expected(const struct crosscheck *check, const char *root, const char *name)
{
    char loss[PATH], gradient[PATH];
    snprintf(loss, sizeof loss, "%s/loss/%s", root, name);
    snprintf(gradient, sizeof gradient, "%s/grad/%s", root, name);
    return store_kind(check->file, loss) != STORE_NOTHING ||
           store_kind(check->file, gradient) != STORE_NOTHING;
}

static enum status compare_objective(struct crosscheck *check, const struct subject *s,
                                     const struct objective *objective, bool forward,
                                     struct error *err)
{
    if (!forward && !is_expected(check, s->root, objective->about.name))
        return STATUS_OK;
    void *settings;
    enum status status = get_settings(objective, check->file, &settings, err);
    if (!status)
        status = compare_batch(check, s, objective, settings, forward, err);
    free(settings);
    return status;
}

/* Whether this objective has a predictor and a target, and no negatives. */
static bool predicts(const struct descriptor *about)
{
    return ((const struct objective *)(const void *)about)->target != TARGET_NONE;
}

/* Whether the outputs of a batch are all that its loss is of. */
static bool compares_outputs(const struct descriptor *about)
{
    return !predicts(about) && objective_of_outputs((const struct objective *)(const void *)about);
}

static enum status compare_objectives(struct crosscheck *check, const struct subject *s,
                                      struct error *err)
{
    const struct descriptor *first = objective_registry.entries[0];
    enum status status = compare_objective(check, s, (const void *)first, true, err);
    for (size_t i = 0; !status && i < objective_registry.count; i++)
        if (compares_outputs(objective_registry.entries[i]))
            status = compare_objective(check, s, (const void *)objective_registry.entries[i], false,
                                       err);
    return status;
}

/* What no code has been built for: everything under /expect that was not compared. */
struct leftover {
    struct crosscheck *check;
    char last[PATH];
};

/* Gradients are listed with their loss. */
static bool name_leftover(const struct crosscheck *check, const char *path, char name[PATH])
{
    const char *gradient = strstr(path, "/grad/");
    snprintf(name, PATH, "%s", path);
    if (gradient) {
        const char *objective = gradient + 6;
        char loss[PATH];
        snprintf(loss, sizeof loss, "%.*s/loss/%.*s", (int)(gradient - path), path,
                 (int)strcspn(objective, "/"), objective);
        return was_compared(check, loss) || !store_has(check->file, loss);
    }
    return true;
}

static void visit_leftover(const char *path, void *context)
{
    struct leftover *left = context;
    char name[PATH];
    if (was_compared(left->check, path) || !name_leftover(left->check, path, name) ||
        strcmp(name, left->last) == 0)
        return;
    snprintf(left->last, sizeof left->last, "%s", name);
    left->check->not_built++;
    if (!left->check->out)
        return;
    print_plain(left->check->out, name);
    fprintf(left->check->out, "%*s %9s  not built yet\n",
            strlen(name) < 48 ? 48 - (int)strlen(name) : 0, "", "-");
}

/* ---- kind = mlp ---- */

/* Sizes from the input to the output make layers of fully connected neurons. */
static enum status set_layers(struct network *n, const struct store_array *sizes, struct error *err)
{
    if (sizes->rank != 1 || sizes->count < 2 || sizes->count > NETWORK_MAX_LEVELS + 1)
        return error_set(err, STATUS_INVALID,
                         "the attribute sizes has %zu values; it must be a list of 2 to %d, from "
                         "the inputs to the outputs",
                         sizes->count, NETWORK_MAX_LEVELS + 1);
    for (size_t i = 0; i < sizes->count; i++)
        if (!is_whole(sizes->values[i], 1, MAX_WIDTH))
            return error_set(err, STATUS_INVALID,
                             "the attribute sizes has the entry %g; all must be whole numbers from "
                             "1 to %d",
                             sizes->values[i], MAX_WIDTH);
    n->levels = (int)sizes->count - 1;
    n->leaves = (size_t)sizes->values[0];
    for (int layer = 1; layer <= n->levels; layer++)
        n->level[n->levels - layer] = (struct level){.nodes = 1,
                                                     .width = (int)sizes->values[layer],
                                                     .children = layer == 1 ? (int)n->leaves : 1};
    network_finish(n);
    return STATUS_OK;
}

static enum status read_layers(const struct store_file *file, struct subject *s, struct error *err)
{
    struct store_array sizes;
    size_t bias = 0;
    enum status status = get_size(file, "batch", 1, MAX_BATCH, &s->samples, err);
    if (!status && store_has_attribute(file, "bias"))
        status = get_size(file, "bias", 0, 0, &bias, err);
    if (status)
        return status;
    if (store_get_numbers(file, "sizes", &sizes, NULL))
        return error_set(err, STATUS_INVALID,
                         "the attribute sizes is %s; it must be a list of whole numbers",
                         store_has_attribute(file, "sizes") ? "not numbers" : "missing");
    status = set_layers(&s->network, &sizes, err);
    store_array_free(&sizes);
    return status;
}

/* W (part 0) or b (part 1) of a level under `folder`: check that it fits, or, with `parameters`,
 * copy it there. */
static enum status read_part(const struct store_file *file, const struct subject *s,
                             const char *folder, int l, int part, double *parameters,
                             struct error *err)
{
    const struct network *n = &s->network;
    char level[32], path[PATH];
    level_name(s, l, level, sizeof level);
    snprintf(path, sizeof path, "%s/%s/%s", folder, level, part ? "b" : "W");
    struct extent extent = part ? neuron_extent(n, l) : weight_extent(n, l);
    if (!parameters)
        return check_extent(file, path, extent, err);
    struct store_array array;
    enum status status = get(file, path, extent, &array, err);
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

/* Zeros, to be freed. */
static enum status take(size_t count, double **out, struct error *err)
{
    *out = calloc(padded(count), sizeof **out);
    return *out ? STATUS_OK : error_set(err, STATUS_SYSTEM, "no memory for %zu parameters", count);
}

/* Memory is taken once all extents are known to fit: attributes may claim anything. */
static enum status read_network(const struct store_file *file, const struct subject *s,
                                const char *folder, double **parameters, struct error *err)
{
    enum status status = read_parts(file, s, folder, NULL, err);
    if (!status)
        status = take(s->network.parameters, parameters, err);
    if (!status)
        status = read_parts(file, s, folder, *parameters, err);
    return status;
}

static enum status read_weights(const struct store_file *file, struct subject *s, struct error *err)
{
    enum status status = read_network(file, s, "/weights", &s->parameters, err);
    if (!status)
        status = take(s->network.parameters, &s->gradient, err);
    return status;
}

static const char *const view_path[3] = {"/batch/x", "/batch/x_pos", "/batch/x_neg"};

static enum status read_values(const struct store_file *file, struct subject *s, struct error *err)
{
    size_t samples = s->samples, leaves = s->network.leaves;
    for (int v = 0; v < 3; v++) {
        struct store_array x;
        enum status status =
            get(file, view_path[v], (struct extent){2, {samples, leaves}}, &x, err);
        if (status)
            return status;
        s->values[v] = malloc(x.count * sizeof(double));
        for (size_t i = 0; s->values[v] && i < x.count; i++)
            s->values[v][i % leaves * samples + i / leaves] = x.values[i];
        store_array_free(&x);
        if (!s->values[v])
            return error_set(err, STATUS_SYSTEM, "no memory for %s", view_path[v]);
    }
    return STATUS_OK;
}

/* ---- labels ---- */

/* Labels may be any numbers; samples with the same number get the same of 0, 1, ... */
static enum status number_labels(const struct store_array *given, uint8_t *label, struct error *err)
{
    size_t first[UINT8_MAX + 1], classes = 0; /* the sample that a class was first seen at */
    for (size_t i = 0; i < given->count; i++) {
        size_t k = 0;
        while (k < classes && given->values[first[k]] != given->values[i])
            k++;
        if (k > UINT8_MAX)
            return error_set(err, STATUS_INVALID,
                             "/batch/label has more than %d different labels; fewer are needed",
                             UINT8_MAX + 1);
        if (k == classes)
            first[classes++] = i;
        label[i] = (uint8_t)k;
    }
    return STATUS_OK;
}

/* Labels must be there if an objective that compares them is expected; `label` is to be freed. */
static enum status read_labels(const struct crosscheck *check, const struct subject *s,
                               uint8_t **label, struct error *err)
{
    bool expected = false;
    struct store_array given;
    for (size_t i = 0; i < objective_registry.count; i++) {
        const struct objective *objective = (const void *)objective_registry.entries[i];
        const char *name = objective->about.name;
        expected |= objective_labelled(objective) && (is_expected(check, "/expect/relu", name) ||
                                                      is_expected(check, "/expect/linear", name));
    }
    if (!expected)
        return STATUS_OK;
    enum status status =
        get(check->file, "/batch/label", (struct extent){1, {s->samples}}, &given, err);
    if (status)
        return status;
    *label = malloc(s->samples);
    status = *label ? number_labels(&given, *label, err)
                    : error_set(err, STATUS_SYSTEM, "no memory for /batch/label");
    store_array_free(&given);
    return status;
}

/* ---- without negatives: target network, linear predictor without bias, DirectPred ---- */

static struct extent predictor_extent(const struct subject *s)
{
    size_t width = (size_t)s->network.level[0].width;
    return (struct extent){2, {width, width}};
}

static enum status read_predictor(const struct store_file *file, struct subject *s,
                                  struct error *err)
{
    struct store_array array;
    int width = s->network.level[0].width;
    enum status status =
        predictor_build(&s->predictor, PREDICTOR_LINEAR, width, 0, false, false, err);
    if (!status)
        status = get(file, "/predictor/W", predictor_extent(s), &array, err);
    if (status)
        return status;
    status = take(s->predictor.parameters, &s->predictor_parameters, err);
    if (!status)
        status = take(s->predictor.parameters, &s->predictor_gradient, err);
    if (!status)
        memcpy(s->predictor_parameters, array.values, array.count * sizeof *array.values);
    store_array_free(&array);
    return status;
}

/* Target and predictor must be there if one of their objectives is expected. */
static enum status read_noncontrastive(const struct crosscheck *check, struct subject *s,
                                       struct error *err)
{
    bool expected = false;
    for (size_t i = 0; i < objective_registry.count; i++) {
        const struct descriptor *about = objective_registry.entries[i];
        expected |= predicts(about) && (is_expected(check, "/expect/relu", about->name) ||
                                        is_expected(check, "/expect/linear", about->name));
    }
    if (!expected)
        return STATUS_OK;
    enum status status = read_network(check->file, s, "/target", &s->target, err);
    if (!status)
        status = read_predictor(check->file, s, err);
    return status;
}

static void set_noncontrastive_views(const struct subject *s, struct noncontrastive_batch *batch)
{
    for (int v = 0; v < 2; v++) {
        int at;
        struct batch *holder = noncontrastive_batch_view(batch, v, &at);
        batch_set_values(holder, at, s->values[v], s->samples);
    }
}

static enum status compare_noncontrastive(struct crosscheck *check, const struct subject *s,
                                          const struct objective *objective, struct error *err)
{
    const char *name = objective->about.name;
    struct arena count = {0}, arena;
    struct noncontrastive_batch batch;
    char path[PATH];
    noncontrastive_batch_layout(&batch, &s->network, &s->predictor, objective, NULL, s->samples, 0,
                                &count);
    enum status status = arena_create(&arena, &count, err);
    if (status)
        return status;
    noncontrastive_batch_layout(&batch, &s->network, &s->predictor, objective, NULL, s->samples, 0,
                                &arena);
    set_noncontrastive_views(s, &batch);
    struct noncontrastive_parameters parameters = {
        .trunk = s->parameters, .predictor = s->predictor_parameters, .target = s->target};
    double loss =
        noncontrastive_batch_loss(&batch, &parameters, s->gradient, s->predictor_gradient);
    arena_free(&arena);
    snprintf(path, sizeof path, "%s/loss/%s", s->root, name);
    status = crosscheck_compare(check, path, (struct extent){0}, &loss, err);
    if (!status)
        status = compare_gradient(check, s, name, err);
    snprintf(path, sizeof path, "%s/grad/%s/predictor/W", s->root, name);
    if (!status)
        status = crosscheck_compare(check, path, predictor_extent(s), s->predictor_gradient, err);
    return status;
}

static enum status compare_all_noncontrastive(struct crosscheck *check, const struct subject *s,
                                              struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; !status && i < objective_registry.count; i++) {
        const struct descriptor *about = objective_registry.entries[i];
        if (predicts(about) && is_expected(check, s->root, about->name))
            status = compare_noncontrastive(check, s, (const void *)about, err);
    }
    return status;
}

/* F of the outputs for x, begun at I. */
static enum status online_correlation(const struct subject *s, double rho, double *correlation,
                                      double *moment, struct error *err)
{
    struct arena count = {0}, arena;
    struct batch batch;
    batch_layout_views(&batch, &s->network, 1, s->samples, 0, &count);
    enum status status = arena_create(&arena, &count, err);
    if (status)
        return status;
    batch_layout_views(&batch, &s->network, 1, s->samples, 0, &arena);
    batch_set_values(&batch, 0, s->values[0], s->samples);
    batch_forward(&batch, s->parameters);
    const double *f = batch.outputs.f;
    int width = batch.outputs.width;
    second_moment(width, s->samples, batch.outputs.stride, f, f, moment);
    arena_free(&arena);
    for (size_t i = 0; i < (size_t)width; i++)
        correlation[i * (size_t)width + i] = 1;
    correlation_update(width, rho, moment, correlation);
    return STATUS_OK;
}

static enum status set_and_compare(struct crosscheck *check, const struct subject *s,
                                   const struct direct_rule *rule, double rho, double *scratch,
                                   struct error *err)
{
    int width = s->network.level[0].width;
    size_t size = (size_t)width * (size_t)width;
    double *correlation = scratch, *w = scratch + size, *rest = scratch + 2 * size;
    char path[PATH];
    enum status status = online_correlation(s, rho, correlation, w, err);
    if (!status)
        status = direct_predictor(rule, width, correlation, w, rest, err);
    if (status == STATUS_DIVERGED)
        status = error_set(err, STATUS_INVALID,
                           "with these /weights the correlation of the outputs overflows; smaller "
                           "ones are needed");
    snprintf(path, sizeof path, "%s/directpred/correlation", s->root);
    if (!status)
        status = crosscheck_compare(check, path, predictor_extent(s), correlation, err);
    snprintf(path, sizeof path, "%s/directpred/W", s->root);
    if (!status)
        status = crosscheck_compare(check, path, predictor_extent(s), w, err);
    return status;
}

static enum status compare_direct(struct crosscheck *check, const struct subject *s,
                                  struct error *err)
{
    struct direct_rule rule = {.power = 0.5};
    double rho = 0, *scratch = NULL;
    int width = s->network.level[0].width;
    char path[PATH];
    snprintf(path, sizeof path, "%s/directpred", s->root);
    if (store_kind(check->file, path) == STORE_NOTHING)
        return STATUS_OK;
    enum status status = get_real(check->file, "rho", 0, 1, &rho, err);
    if (!status)
        status = get_real(check->file, "epsilon", 0, UNBOUNDED, &rule.epsilon, err);
    if (!status)
        status =
            take(2 * (size_t)width * (size_t)width + direct_scratch_size(width), &scratch, err);
    if (!status)
        status = set_and_compare(check, s, &rule, rho, scratch, err);
    free(scratch);
    return status;
}

/* ---- the whole of an mlp file ---- */

static enum status check_mlp(struct crosscheck *check, struct error *err)
{
    struct subject s = {0};
    uint8_t *label = NULL;
    enum status status = read_layers(check->file, &s, err);
    if (!status)
        status = read_weights(check->file, &s, err);
    if (!status)
        status = read_values(check->file, &s, err);
    if (!status)
        status = read_labels(check, &s, &label, err);
    s.label = label;
    if (!status)
        status = read_noncontrastive(check, &s, err);
    for (int linear = 0; !status && linear < 2; linear++) {
        s.root = linear ? "/expect/linear" : "/expect/relu";
        s.network.relu = !linear;
        if (!store_has(check->file, s.root))
            continue;
        status = compare_objectives(check, &s, err);
        if (!status)
            status = compare_all_noncontrastive(check, &s, err);
        if (!status)
            status = compare_direct(check, &s, err);
    }
    if (!status && !check->compared)
        status = error_set(err, STATUS_INVALID,
                           "there is neither /expect/relu nor /expect/linear; an mlp file has "
                           "at least one of them");
    free(label);
    free_subject(&s);
    return status;
}

/* ---- kind = tree ---- */

/* Measured quantities of each node of a level, by the name of their dataset. */
static enum status compare_operators(struct crosscheck *check, struct latent_measure *m, int l,
                                     struct error *err)
{
    static const char *const name[] = {"covop_norm", "covop_trace", "covop_top_eigenvalue",
                                       "published_covop_norm"};
    struct operator_shape shape = latents_shape(m, l);
    size_t nodes = m->plan.network->level[l].nodes, rank = operator_rank(shape);
    double *value = calloc(nodes, sizeof *value);
    enum status status = value ? STATUS_OK : error_set(err, STATUS_SYSTEM, "no memory");
    for (int what = 0; !status && what < 4; what++) {
        char path[PATH];
        snprintf(path, sizeof path, "/expect/%s/level_%d", name[what], l);
        for (size_t i = 0; i < nodes; i++) {
            const double *k = m->connection + connection_offset(&m->connection_plan, l, i, 0);
            value[i] = what == 0   ? m->norm[l][i]
                       : what == 1 ? m->trace[l][i]
                       : what == 2
                           ? m->eigenvalue[l][i * rank]
                           : published_operator_norm(shape, k, m->probability, m->operator_work);
        }
        status = crosscheck_compare(check, path, (struct extent){1, {nodes}}, value, err);
    }
    free(value);
    return status;
}

static enum status compare_measurement(struct crosscheck *check, const struct subject *s,
                                       const struct tree *tree, const uint8_t *state,
                                       struct error *err)
{
    struct latent_plan plan = {.network = &s->network,
                               .tree = tree,
                               .columns = s->samples,
                               .correlation = true,
                               .covop = true,
                               .spectrum = true,
                               .threads = 1};
    struct arena count = {0}, arena;
    struct latent_measure m;
    latents_layout(&m, &plan, &count);
    enum status status = arena_create(&arena, &count, err);
    if (status)
        return status;
    latents_layout(&m, &plan, &arena);
    status = latents_from_given(&m, s->parameters, state, s->samples, s->samples, err);
    if (status == STATUS_DIVERGED)
        status = error_set(err, STATUS_INVALID,
                           "with these /weights the covariance operators overflow; smaller ones "
                           "are needed");
    for (int l = 0; !status && l < s->network.levels; l++) {
        char path[PATH];
        snprintf(path, sizeof path, "/expect/correlation/level_%d", l);
        status =
            crosscheck_compare(check, path, neuron_extent(&s->network, l),
                               m.correlation + correlation_offset(&m.correlation_plan, l), err);
        if (!status)
            status = compare_operators(check, &m, l, err);
    }
    arena_free(&arena);
    return status;
}

static enum status read_sizes(const struct store_file *file, struct subject *s, size_t *depth,
                              size_t *children, struct error *err)
{
    size_t width = 0, bias = 0, nodes = 1, total = 1;
    enum status status = get_size(file, "depth", 1, NETWORK_MAX_LEVELS, depth, err);
    if (!status)
        status = get_size(file, "children", 1, MAX_WIDTH, children, err);
    if (!status)
        status = get_size(file, "width", 1, MAX_WIDTH, &width, err);
    if (!status)
        status = get_size(file, "bias", 0, 1, &bias, err);
    if (!status)
        status = get_size(file, "batch", 1, MAX_BATCH, &s->samples, err);
    if (status)
        return status;
    s->network = (struct network){.levels = (int)*depth,
                                  .leaf_states = 2,
                                  .relu = true,
                                  .bias = bias,
                                  .normalize = true,
                                  .mirrors_tree = true};
    for (size_t l = 0; l < *depth; l++) {
        s->network.level[l] =
            (struct level){.nodes = nodes, .width = (int)width, .children = (int)*children};
        nodes *= *children;
        total += nodes;
        if (total > MAX_NODES)
            return error_set(err, STATUS_INVALID,
                             "the attributes depth %zu and children %zu make a tree of more than "
                             "%d nodes; smaller ones are needed",
                             *depth, *children, MAX_NODES);
    }
    s->network.leaves = nodes;
    network_finish(&s->network);
    return STATUS_OK;
}

static enum status read_tree(const struct store_file *file, struct subject *s, struct tree **tree,
                             struct error *err)
{
    size_t depth = 0, children = 0, one = 1;
    enum status status = read_sizes(file, s, &depth, &children, err);
    if (!status)
        status = get_real(file, "norm_eps", 0, UNBOUNDED, &s->network.norm_eps, err);
    if (!status && store_has_attribute(file, "activation"))
        status = get_word(file, "activation", "relu", "linear", &s->network.relu, err);
    if (status)
        return status;
    int64_t count = (int64_t)children;
    double rho = 0; /* the samples are given: polarities do not matter */
    struct tree_settings settings = {
        .depth = (int64_t)depth,
        .children = {.scalar = true, .count = 1, .value = &count},
        .states = 2,
        .polarity = {.rank = 0, .rows = 1, .length = &one, .value = &rho}};
    return tree_create(tree, &settings, 0, err);
}

/* What a file says twice must be the same. */
static enum status check_same(const char *path, const char *other, size_t count, const uint8_t *a,
                              const uint8_t *b, struct error *err)
{
    if (memcmp(a, b, count) == 0)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID, "%s differs from %s; they must be the same", path, other);
}

/* The latents of all levels; the root is the label and the leaves are x. */
static enum status read_latents(const struct store_file *file, const struct subject *s,
                                const struct tree *tree, uint8_t *state, struct error *err)
{
    enum status status = STATUS_OK;
    for (int d = 0; !status && d <= tree->depth; d++) {
        char path[PATH];
        uint8_t *level = NULL, *label = NULL;
        size_t size = tree->count[d] * s->samples;
        snprintf(path, sizeof path, "/batch/latent/level_%d", d);
        status =
            get_states(file, path, (struct extent){2, {s->samples, tree->count[d]}}, &level, err);
        if (!status && d == 0)
            status =
                get_states(file, "/batch/label", (struct extent){1, {s->samples}}, &label, err);
        if (!status && d == 0)
            status = check_same("/batch/label", path, size, label, level, err);
        if (!status && d == tree->depth)
            status = check_same(path, view_path[0], size, level, s->states[0], err);
        if (!status)
            memcpy(state + tree->first[d] * s->samples, level, size);
        free(level);
        free(label);
    }
    return status;
}

static enum status read_tree_batch(const struct store_file *file, struct subject *s,
                                   const struct tree *tree, uint8_t **state, struct error *err)
{
    enum status status = STATUS_OK;
    struct extent extent = {2, {s->samples, s->network.leaves}};
    for (int v = 0; !status && v < 3; v++)
        status = get_states(file, view_path[v], extent, &s->states[v], err);
    if (status)
        return status;
    *state = malloc(tree->nodes * s->samples);
    if (!*state)
        return error_set(err, STATUS_SYSTEM, "no memory for the latents");
    return read_latents(file, s, tree, *state, err);
}

static enum status check_tree(struct crosscheck *check, struct error *err)
{
    struct subject s = {.root = "/expect"};
    struct tree *tree = NULL;
    uint8_t *state = NULL;
    enum status status = read_tree(check->file, &s, &tree, err);
    if (!status)
        status = read_weights(check->file, &s, err);
    if (!status)
        status = read_tree_batch(check->file, &s, tree, &state, err);
    s.label = state; /* of the root */
    if (!status)
        status = compare_objectives(check, &s, err);
    if (!status)
        status = compare_measurement(check, &s, tree, state, err);
    free(state);
    tree_free(tree);
    free_subject(&s);
    return status;
}

/* ---- the file and the command ---- */

static enum status check_kind(struct crosscheck *check, struct error *err)
{
    bool tree = false;
    enum status status = get_word(check->file, "kind", "tree", "mlp", &tree, err);
    if (!status)
        status = tree ? check_tree(check, err) : check_mlp(check, err);
    struct leftover left = {.check = check};
    if (!status)
        status = store_visit(check->file, "/expect", visit_leftover, &left, err);
    return status;
}

enum status crosscheck_file(struct crosscheck *check, const char *path, struct error *err)
{
    struct store_file *file = NULL;
    size_t length = strlen(path);
    enum status status = store_open(&file, path, err);
    if (status)
        return status;
    check->file = file;
    status = check_kind(check, err);
    if (status && err && !(strncmp(err->message, path, length) == 0 && err->message[length] == ':'))
        error_context(err, "%s", path);
    free(check->compared);
    check->compared = NULL;
    check->file = NULL;
    store_close(file);
    return status;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    const char **path = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num > 0)
            argp_error(state, "one FILE.h5 at a time; '%s' is too many", arg);
        *path = arg;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "no FILE.h5 given");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int command_crosscheck(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse,
        .args_doc = "FILE.h5",
        .doc =
            "Compare the engine with an autodiff reference file.\v"
            "Prints the largest relative error of each quantity in the file and fails (exit 1) "
            "if one is above 1e-9; differences below 1e-14 are rounding. Quantities that nothing "
            "has been built for yet are listed as such and do not count as passed.",
    };
    const char *path = NULL;
    argp_parse(&argp, argc, argv, 0, NULL, &path);
    struct crosscheck check = {.out = stdout};
    struct error err = {0};
    if (crosscheck_file(&check, path, &err))
        return command_fail(&err);
    printf("%d passed, %d failed, %d not built yet; largest relative error %.2e, tolerance %.0e\n",
           check.passed, check.failed, check.not_built, check.worst, CROSSCHECK_TOLERANCE);
    int code = print_finish(0);
    return code ? code : error_exit_code(check.failed ? STATUS_FAILED : STATUS_OK);
}
