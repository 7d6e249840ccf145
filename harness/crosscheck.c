#include "harness/crosscheck.h"

#include "analysis/measure.h"
#include "harness/command.h"
#include "sim/batch.h"
#include "sim/registry.h"

#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 256, MAX_BATCH = 1 << 20 };

/* ---- comparing ---- */

enum status crosscheck_compare(struct crosscheck *check, const char *path, size_t count,
                               const double *measured, struct error *err)
{
    struct store_array expected;
    enum status status = store_get(check->file, path, &expected, err);
    if (status)
        return status;
    if (expected.count != count) {
        store_array_free(&expected);
        return error_set(err, STATUS_INVALID, "%s has %zu entries; the file's sizes call for %zu",
                         path, expected.count, count);
    }
    double difference = 0, largest = 0;
    bool finite = true;
    for (size_t i = 0; i < count; i++) {
        difference = fmax(difference, fabs(measured[i] - expected.values[i]));
        largest = fmax(largest, fabs(expected.values[i]));
        finite &= isfinite(measured[i]) && isfinite(expected.values[i]);
    }
    store_array_free(&expected);
    double error = !finite ? INFINITY : largest > 0 ? difference / largest : difference;
    bool passed = error <= CROSSCHECK_TOLERANCE;
    check->passed += passed;
    check->failed += !passed;
    check->worst = fmax(check->worst, error);
    if (check->out)
        fprintf(check->out, "%-44s %9.2e  %s\n", path, error, passed ? "ok" : "FAILS");
    return STATUS_OK;
}

/* ---- reading ---- */

static enum status get(const struct store_file *file, const char *path, size_t count,
                       struct store_array *array, struct error *err)
{
    enum status status = store_get(file, path, array, err);
    if (status)
        return status;
    if (array->count == count)
        return STATUS_OK;
    size_t found = array->count;
    store_array_free(array);
    return error_set(err, STATUS_INVALID, "%s has %zu entries; the file's sizes call for %zu", path,
                     found, count);
}

/* A whole number in [low, high] from a root attribute. */
static enum status get_size(const struct store_file *file, const char *name, double low,
                            double high, size_t *value, struct error *err)
{
    double x;
    enum status status = store_get_number(file, name, &x, err);
    if (status)
        return status;
    if (!(x >= low && x <= high) || x != floor(x))
        return error_set(err, STATUS_INVALID,
                         "attribute %s is %g; it must be a whole number from %g to %g", name, x,
                         low, high);
    *value = (size_t)x;
    return STATUS_OK;
}

/* [sample][leaf] states of a dataset as [leaf][sample]. */
static enum status get_states(const struct store_file *file, const char *path, size_t samples,
                              size_t leaves, uint8_t *out, struct error *err)
{
    struct store_array x;
    enum status status = get(file, path, samples * leaves, &x, err);
    if (status)
        return status;
    for (size_t s = 0; !status && s < samples; s++)
        for (size_t i = 0; i < leaves; i++) {
            double value = x.values[s * leaves + i];
            if (value != 0 && value != 1)
                status = error_set(err, STATUS_INVALID, "%s has the entry %g; states are 0 or 1",
                                   path, value);
            out[i * samples + s] = (uint8_t)(value == 1);
        }
    store_array_free(&x);
    return status;
}

/* Settings of an objective: the file's attribute of that name, else the default. */
static void *objective_settings(const struct objective *objective, const struct store_file *file)
{
    char *settings = calloc(1, objective->about.settings_size + 1);
    for (const struct param *p = objective->about.params; settings && p && p->name; p++) {
        double value = strtod(p->fallback, NULL);
        if (store_has_attribute(file, p->name))
            store_get_number(file, p->name, &value, NULL);
        if (p->type == PARAM_REAL)
            memcpy(settings + p->offset, &value, sizeof value);
        if (p->type == PARAM_INTEGER) {
            int64_t whole = (int64_t)value;
            memcpy(settings + p->offset, &whole, sizeof whole);
        }
    }
    return settings;
}

/* ---- what both kinds share: losses and gradients under `root` ---- */

struct subject {
    struct network network;
    double *parameters, *gradient;
    size_t samples;
    uint8_t *states[3]; /* x, x_pos, x_neg as [leaf][sample], or */
    double *values[3];
    const char *root;  /* "/expect" */
    const char *level; /* "level_%d" or "layer_%d" */
};

static void free_subject(struct subject *s)
{
    free(s->parameters);
    free(s->gradient);
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

static enum status compare_gradient(struct crosscheck *check, const struct subject *s,
                                    const char *name, struct error *err)
{
    const struct network *n = &s->network;
    enum status status = STATUS_OK;
    for (int l = 0; !status && l < n->levels; l++) {
        char level[32], path[PATH];
        const struct level *at = &n->level[l];
        level_name(s, l, level, sizeof level);
        snprintf(path, sizeof path, "%s/grad/%s/%s/W", s->root, name, level);
        status = crosscheck_compare(check, path, at->nodes * (size_t)at->width * (size_t)at->fan_in,
                                    s->gradient + at->weights, err);
        snprintf(path, sizeof path, "%s/grad/%s/%s/b", s->root, name, level);
        if (!status && n->bias)
            status = crosscheck_compare(check, path, at->nodes * (size_t)at->width,
                                        s->gradient + at->biases, err);
    }
    return status;
}

/* f and pre-activations of x, from a pass in which every sample has its own columns. */
static enum status compare_forward(struct crosscheck *check, const struct subject *s,
                                   const struct batch *batch, struct error *err)
{
    const struct network *n = &s->network;
    enum status status = STATUS_OK;
    for (int l = -1; !status && l < n->levels; l++) { /* -1: f */
        char path[PATH];
        size_t rows =
            l < 0 ? (size_t)n->level[0].width : n->level[l].nodes * (size_t)n->level[l].width;
        const double *in = l < 0 ? batch->outputs.f : batch->pass.pre[l];
        size_t stride = l < 0 ? batch->outputs.stride : batch->pass.columns;
        if (l < 0)
            snprintf(path, sizeof path, "%s/f", s->root);
        else
            snprintf(path, sizeof path, "%s/preact/level_%d", s->root, l);
        if (!store_has(check->file, path))
            continue;
        double *out = malloc(rows * s->samples * sizeof *out + 1);
        if (!out)
            return error_set(err, STATUS_SYSTEM, "no memory for %s", path);
        for (size_t sample = 0; sample < s->samples; sample++)
            for (size_t row = 0; row < rows; row++)
                out[sample * rows + row] = in[row * stride + sample];
        status = crosscheck_compare(check, path, rows * s->samples, out, err);
        free(out);
    }
    return status;
}

static enum status compare_objective(struct crosscheck *check, const struct subject *s,
                                     const struct objective *objective, bool forward,
                                     struct error *err)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/loss/%s", s->root, objective->about.name);
    if (!forward && !store_has(check->file, path))
        return STATUS_OK;
    void *settings = objective_settings(objective, check->file);
    struct arena count = {0}, arena;
    struct batch batch;
    int boundary = forward ? s->network.levels : 0;
    batch_layout(&batch, &s->network, objective, settings, s->samples, boundary, &count);
    enum status status = arena_create(&arena, &count, err);
    if (!status) {
        batch_layout(&batch, &s->network, objective, settings, s->samples, boundary, &arena);
        set_views(s, &batch);
        double loss = batch_loss(&batch, s->parameters, forward ? NULL : s->gradient);
        if (forward) {
            status = compare_forward(check, s, &batch, err);
        } else {
            status = crosscheck_compare(check, path, 1, &loss, err);
            if (!status)
                status = compare_gradient(check, s, objective->about.name, err);
        }
        arena_free(&arena);
    }
    free(settings);
    return status;
}

static enum status compare_objectives(struct crosscheck *check, const struct subject *s,
                                      struct error *err)
{
    const struct descriptor *first = objective_registry.entries[0];
    enum status status = compare_objective(check, s, (const void *)first, true, err);
    for (size_t i = 0; !status && i < objective_registry.count; i++)
        status =
            compare_objective(check, s, (const void *)objective_registry.entries[i], false, err);
    return status;
}

/* What no code has been built for: losses that are not in the registry, DirectPred. */
struct leftover {
    struct crosscheck *check;
    char last[PATH];
};

static void visit_leftover(const char *path, void *context)
{
    struct leftover *left = context;
    char name[PATH];
    const char *loss = strstr(path, "/loss/"), *extra = strstr(path, "/directpred/");
    if (loss) {
        if (registry_find(&objective_registry, loss + 6))
            return;
        snprintf(name, sizeof name, "%s", path);
    } else if (extra) {
        snprintf(name, sizeof name, "%.*s", (int)(extra - path + 11), path);
    } else {
        return;
    }
    if (strcmp(name, left->last) == 0)
        return;
    snprintf(left->last, sizeof left->last, "%s", name);
    left->check->not_built++;
    if (left->check->out)
        fprintf(left->check->out, "%-44s %9s  not built yet\n", name, "-");
}

/* ---- kind = mlp ---- */

static enum status read_layers(const struct store_file *file, struct network *n, struct error *err)
{
    int layers = 0;
    char path[PATH];
    while (snprintf(path, sizeof path, "/weights/layer_%d/W", layers + 1),
           store_has(file, path) && layers < NETWORK_MAX_LEVELS)
        layers++;
    if (layers == 0)
        return error_set(err, STATUS_INVALID, "there is no /weights/layer_1/W");
    n->levels = layers;
    for (int layer = 1; layer <= layers; layer++) {
        struct store_array w;
        snprintf(path, sizeof path, "/weights/layer_%d/W", layer);
        enum status status = store_get(file, path, &w, err);
        if (status)
            return status;
        size_t rows = w.shape[0], columns = w.rank == 2 ? w.shape[1] : 0;
        store_array_free(&w);
        if (rows < 1 || rows > 4096 || columns < 1 || columns > 4096)
            return error_set(err, STATUS_INVALID,
                             "%s must be a matrix with 1 to 4096 rows and columns", path);
        int l = layers - layer;
        if (layer == 1)
            n->leaves = columns;
        else if ((size_t)n->level[l + 1].width != columns)
            return error_set(err, STATUS_INVALID, "%s has %zu columns; the layer below has %d rows",
                             path, columns, n->level[l + 1].width);
        n->level[l] = (struct level){
            .nodes = 1, .width = (int)rows, .children = layer == 1 ? (int)columns : 1};
    }
    network_finish(n);
    return STATUS_OK;
}

/* Copy `path` into the parameters at `offset`. */
static enum status read_parameters(const struct store_file *file, const char *path, size_t count,
                                   double *out, struct error *err)
{
    struct store_array array;
    enum status status = get(file, path, count, &array, err);
    if (status)
        return status;
    memcpy(out, array.values, count * sizeof *out);
    store_array_free(&array);
    return STATUS_OK;
}

static enum status read_weights(const struct store_file *file, struct subject *s, struct error *err)
{
    const struct network *n = &s->network;
    s->parameters = calloc(padded(n->parameters), sizeof *s->parameters);
    s->gradient = calloc(padded(n->parameters), sizeof *s->gradient);
    if (!s->parameters || !s->gradient)
        return error_set(err, STATUS_SYSTEM, "no memory for %zu parameters", n->parameters);
    enum status status = STATUS_OK;
    for (int l = 0; !status && l < n->levels; l++) {
        char level[32], path[PATH];
        const struct level *at = &n->level[l];
        level_name(s, l, level, sizeof level);
        snprintf(path, sizeof path, "/weights/%s/W", level);
        status = read_parameters(file, path, at->nodes * (size_t)at->width * (size_t)at->fan_in,
                                 s->parameters + at->weights, err);
        snprintf(path, sizeof path, "/weights/%s/b", level);
        if (!status && n->bias)
            status = read_parameters(file, path, at->nodes * (size_t)at->width,
                                     s->parameters + at->biases, err);
    }
    return status;
}

static const char *const view_path[3] = {"/batch/x", "/batch/x_pos", "/batch/x_neg"};

static enum status read_values(const struct store_file *file, struct subject *s, struct error *err)
{
    for (int v = 0; v < 3; v++) {
        struct store_array x;
        size_t leaves = s->network.leaves;
        enum status status = get(file, view_path[v], s->samples * leaves, &x, err);
        if (status)
            return status;
        s->values[v] = malloc(s->samples * leaves * sizeof(double));
        for (size_t i = 0; s->values[v] && i < leaves; i++)
            for (size_t sample = 0; sample < s->samples; sample++)
                s->values[v][i * s->samples + sample] = x.values[sample * leaves + i];
        store_array_free(&x);
        if (!s->values[v])
            return error_set(err, STATUS_SYSTEM, "no memory for %s", view_path[v]);
    }
    return STATUS_OK;
}

static enum status check_mlp(struct crosscheck *check, struct error *err)
{
    struct subject s = {0};
    enum status status = get_size(check->file, "batch", 1, MAX_BATCH, &s.samples, err);
    if (!status)
        status = read_layers(check->file, &s.network, err);
    if (!status)
        status = read_weights(check->file, &s, err);
    if (!status)
        status = read_values(check->file, &s, err);
    for (int linear = 0; !status && linear < 2; linear++) {
        s.root = linear ? "/expect/linear" : "/expect/relu";
        s.network.relu = !linear;
        char path[PATH];
        snprintf(path, sizeof path, "%s/f", s.root);
        if (store_has(check->file, path))
            status = compare_objectives(check, &s, err);
    }
    free_subject(&s);
    return status;
}

/* ---- kind = tree ---- */

/* Measured quantities of each node of a level, by the name of their dataset. */
static enum status compare_operators(struct crosscheck *check, struct measure *m, int l,
                                     struct error *err)
{
    static const char *const name[] = {"covop_norm", "covop_trace", "covop_top_eigenvalue",
                                       "published_covop_norm"};
    struct operator_shape shape = measure_shape(m, l);
    size_t nodes = m->plan.network->level[l].nodes, rank = operator_rank(shape);
    double *value = malloc(nodes * sizeof *value);
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
        status = crosscheck_compare(check, path, nodes, value, err);
    }
    free(value);
    return status;
}

static enum status compare_measurement(struct crosscheck *check, const struct subject *s,
                                       const struct tree *tree, const uint8_t *state,
                                       struct error *err)
{
    struct measure_plan plan = {.network = &s->network,
                                .tree = tree,
                                .columns = s->samples,
                                .correlation = true,
                                .covop = true,
                                .spectrum = true,
                                .threads = 1};
    struct arena count = {0}, arena;
    struct measure m;
    measure_layout(&m, &plan, &count);
    enum status status = arena_create(&arena, &count, err);
    if (status)
        return status;
    measure_layout(&m, &plan, &arena);
    status = measure_given(&m, s->parameters, state, s->samples, s->samples, err);
    for (int l = 0; !status && l < s->network.levels; l++) {
        char path[PATH];
        snprintf(path, sizeof path, "/expect/correlation/level_%d", l);
        status = crosscheck_compare(
            check, path, s->network.level[l].nodes * (size_t)s->network.level[l].width,
            m.correlation + correlation_offset(&m.correlation_plan, l), err);
        if (!status)
            status = compare_operators(check, &m, l, err);
    }
    arena_free(&arena);
    return status;
}

static enum status read_tree(const struct store_file *file, struct subject *s, struct tree **tree,
                             struct error *err)
{
    size_t depth = 0, children = 0, width = 0, bias = 0;
    double eps;
    enum status status = get_size(file, "depth", 1, NETWORK_MAX_LEVELS, &depth, err);
    if (!status)
        status = get_size(file, "children", 1, 4096, &children, err);
    if (!status)
        status = get_size(file, "width", 1, 4096, &width, err);
    if (!status)
        status = get_size(file, "bias", 0, 1, &bias, err);
    if (!status)
        status = get_size(file, "batch", 1, MAX_BATCH, &s->samples, err);
    if (!status)
        status = store_get_number(file, "norm_eps", &eps, err);
    if (status)
        return status;
    int64_t count = (int64_t)children;
    double rho = 0; /* the samples are given: polarities do not matter */
    size_t one = 1;
    struct tree_settings settings = {
        .depth = (int64_t)depth,
        .children = {.scalar = true, .count = 1, .value = &count},
        .states = 2,
        .polarity = {.rank = 0, .rows = 1, .length = &one, .value = &rho}};
    status = tree_create(tree, &settings, 0, err);
    if (status)
        return status;
    s->network = (struct network){.levels = (int)depth,
                                  .leaves = tree_leaves(*tree),
                                  .leaf_states = 2,
                                  .relu = true,
                                  .bias = bias,
                                  .normalize = true,
                                  .norm_eps = eps,
                                  .mirrors_tree = true};
    for (int l = 0; l < (int)depth; l++)
        s->network.level[l] = (struct level){
            .nodes = (*tree)->count[l], .width = (int)width, .children = (int)children};
    network_finish(&s->network);
    return STATUS_OK;
}

static enum status read_tree_batch(const struct store_file *file, struct subject *s,
                                   const struct tree *tree, uint8_t **state, struct error *err)
{
    enum status status = STATUS_OK;
    for (int v = 0; !status && v < 3; v++) {
        s->states[v] = malloc(s->samples * s->network.leaves);
        if (!s->states[v])
            return error_set(err, STATUS_SYSTEM, "no memory for %s", view_path[v]);
        status = get_states(file, view_path[v], s->samples, s->network.leaves, s->states[v], err);
    }
    *state = malloc(tree->nodes * s->samples);
    if (!status && !*state)
        return error_set(err, STATUS_SYSTEM, "no memory for the latents");
    for (int d = 0; !status && d <= tree->depth; d++) {
        char path[PATH];
        snprintf(path, sizeof path, "/batch/latent/level_%d", d);
        status = get_states(file, path, s->samples, tree->count[d],
                            *state + tree->first[d] * s->samples, err);
    }
    return status;
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

enum status crosscheck_file(struct crosscheck *check, const char *path, struct error *err)
{
    struct store_file *file = NULL;
    char *kind = NULL;
    enum status status = store_open(&file, path, err);
    if (status)
        return status;
    check->file = file;
    status = store_get_text(file, "kind", &kind, err);
    if (!status && strcmp(kind, "tree") == 0)
        status = check_tree(check, err);
    else if (!status && strcmp(kind, "mlp") == 0)
        status = check_mlp(check, err);
    else if (!status)
        status =
            error_set(err, STATUS_INVALID, "attribute kind is '%s'; it must be tree or mlp", kind);
    struct leftover left = {.check = check};
    if (!status)
        status = store_visit(file, "/expect", visit_leftover, &left, err);
    if (status && !strstr(err->message, path))
        error_context(err, "%s", path);
    free(kind);
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
        .doc = "Compare the engine with an autodiff reference file.\v"
               "Prints the largest relative error of each quantity in the file and fails (exit 1) "
               "if one is above 1e-9. Quantities that nothing has been built for yet are listed as "
               "such and do not count as passed.",
    };
    const char *path = NULL;
    argp_parse(&argp, argc, argv, 0, NULL, &path);
    struct crosscheck check = {.out = stdout};
    struct error err = {0};
    if (crosscheck_file(&check, path, &err))
        return command_fail(&err);
    printf("%d passed, %d failed, %d not built yet; largest relative error %.2e, tolerance %.0e\n",
           check.passed, check.failed, check.not_built, check.worst, CROSSCHECK_TOLERANCE);
    return check.failed > 0 || check.passed == 0 ? 1 : 0;
}
