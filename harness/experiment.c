#include "harness/experiment.h"

#include "core/linalg.h"
#include "hltm/exact.h"

#include <cblas.h>
#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- plan ---- */

int experiment_latent_levels(const struct experiment *e)
{
    return e->tree->depth;
}

static const struct train_settings *train_of(const struct experiment *e)
{
    return e->spec->settings[SECTION_TRAIN];
}

static const struct measure_settings *measure_of(const struct experiment *e)
{
    return e->spec->settings[SECTION_MEASURE];
}

static enum status check_settings(const struct experiment *e, struct error *err)
{
    const struct train_settings *train = train_of(e);
    const struct objective *objective = (const void *)e->spec->chosen[SECTION_OBJECTIVE];
    if (train->batch > train->samples)
        return error_key(err, "train.batch",
                         "train.batch %" PRId64 " is larger than train.samples %" PRId64
                         "; an epoch needs at least one batch",
                         train->batch, train->samples);
    if (objective->scope == OBJECTIVE_PAIRWISE && train->batch < 2)
        return error_key(err, "train.batch",
                         "objective %s compares the samples of a batch; train.batch must be at "
                         "least 2",
                         objective->about.name);
    return STATUS_OK;
}

/* The run measures before training, every `every` epochs and at the end. */
static bool is_point(const struct experiment *e, int64_t epoch)
{
    return epoch % measure_of(e)->every == 0 || epoch == train_of(e)->epochs;
}

static size_t count_points(const struct experiment *e)
{
    int64_t epochs = train_of(e)->epochs, every = measure_of(e)->every;
    return (size_t)(epochs / every + 1 + (epochs % every != 0));
}

static bool wants(const struct experiment *e, unsigned probe)
{
    return (measure_of(e)->probes & probe) != 0;
}

static void layout_series(struct experiment *e, struct arena *arena)
{
    const struct network *n = &e->network;
    struct series *s = &e->series;
    size_t points = e->points;
    *s = (struct series){.epoch = ARENA_TAKE(arena, double, points),
                         .loss = ARENA_TAKE(arena, double, points)};
    if (wants(e, PROBE_CORRELATION)) {
        size_t size = correlation_size(&e->measure.correlation_plan);
        s->correlation = ARENA_TAKE(arena, double, points *size);
        s->best = ARENA_TAKE(arena, double, points *(size_t)experiment_latent_levels(e));
    }
    for (int l = 0; l < n->levels; l++) {
        size_t nodes = n->level[l].nodes;
        s->weight_norm[l] = ARENA_TAKE(arena, double, points *nodes);
        if (wants(e, PROBE_COVOP)) {
            s->norm[l] = ARENA_TAKE(arena, double, points *nodes);
            s->trace[l] = ARENA_TAKE(arena, double, points *nodes);
        }
        if (wants(e, PROBE_SPECTRUM)) {
            size_t rank = operator_rank(measure_shape(&e->measure, l));
            s->eigenvalue[l] = ARENA_TAKE(arena, double, points *nodes *rank);
        }
    }
    e->initial = ARENA_TAKE(arena, double, n->parameters);
    e->ceiling = ARENA_TAKE(arena, double, e->tree->nodes);
}

static void layout(struct experiment *e, struct arena *arena)
{
    const struct spec *spec = e->spec;
    struct trainer_plan train = {.source = e->source,
                                 .world = e->world,
                                 .network = &e->network,
                                 .objective = (const void *)spec->chosen[SECTION_OBJECTIVE],
                                 .objective_settings = spec->settings[SECTION_OBJECTIVE],
                                 .optimiser = (const void *)spec->chosen[SECTION_OPTIMISER],
                                 .optimiser_settings = spec->settings[SECTION_OPTIMISER],
                                 .seed = spec->seed,
                                 .samples = (size_t)train_of(e)->samples,
                                 .batch = (size_t)train_of(e)->batch,
                                 .threads = e->threads};
    struct measure_plan measure = {.network = &e->network,
                                   .tree = e->tree,
                                   .columns = (size_t)measure_of(e)->samples,
                                   .correlation = wants(e, PROBE_CORRELATION),
                                   .covop = wants(e, PROBE_COVOP),
                                   .spectrum = wants(e, PROBE_SPECTRUM),
                                   .threads = e->threads,
                                   .source = e->source,
                                   .world = e->world};
    trainer_layout(&e->trainer, &train, arena);
    e->train_bytes = arena->used;
    measure_layout(&e->measure, &measure, arena);
    e->measure_bytes = arena->used - e->train_bytes;
    size_t before = arena->used;
    layout_series(e, arena);
    e->series_bytes = arena->used - before;
    e->ceiling_bytes = ceiling_memory(e->tree);
    /* The file is built in memory from the series and written from one copy of it. */
    e->file_bytes = 2 * (e->series_bytes + 2 * e->network.parameters * sizeof(double)) + (1 << 20);
}

/* No more threads than have work, than OpenMP would give, or than BLAS can stand. */
static int usable_threads(int asked)
{
    int threads = asked > 0 ? asked : omp_get_max_threads();
    if (!linalg_threads_are_safe())
        return 1;
    if (threads > omp_get_thread_limit())
        threads = omp_get_thread_limit();
    int most = (int)MEASURE_GROUPS < (int)TRAINER_SHARDS ? MEASURE_GROUPS : TRAINER_SHARDS;
    return threads < most ? threads : most;
}

enum status experiment_open(struct experiment *e, const struct spec *spec, int threads,
                            struct error *err)
{
    *e = (struct experiment){.spec = spec, .threads = usable_threads(threads)};
    e->source = (const void *)spec->chosen[SECTION_DATA];
    omp_set_dynamic(0);
    enum status status = check_settings(e, err);
    if (!status)
        status = e->source->open(spec->settings[SECTION_DATA], spec->seed, &e->world, err);
    if (status)
        return status;
    e->tree = e->source->tree(e->world);
    struct observed observed = e->source->observed(e->world);
    status = network_build(&e->network, (const void *)spec->chosen[SECTION_NETWORK],
                           spec->settings[SECTION_NETWORK], &observed, err);
    if (status)
        return status;
    e->points = count_points(e);
    struct arena count = {0};
    layout(e, &count);
    status = arena_create(&e->arena, &count, err);
    if (!status)
        layout(e, &e->arena);
    return status;
}

void experiment_free(struct experiment *e)
{
    arena_free(&e->arena);
    if (e->source && e->world)
        e->source->close(e->world);
    *e = (struct experiment){0};
}

/* ---- run ---- */

static void keep_correlation(struct experiment *e, size_t point)
{
    const struct correlation_plan *plan = &e->measure.correlation_plan;
    size_t size = correlation_size(plan);
    memcpy(e->series.correlation + point * size, e->measure.correlation, size * sizeof(double));
    int levels = experiment_latent_levels(e);
    for (int d = 0; d < levels; d++) {
        size_t width = (size_t)correlation_width(plan, d);
        const double *r = e->measure.correlation + correlation_offset(plan, d);
        double sum = 0;
        for (size_t i = 0; i < e->tree->count[d]; i++) {
            double best = 0;
            for (size_t k = 0; k < width; k++)
                best = fmax(best, fabs(r[i * width + k]));
            sum += best;
        }
        e->series.best[point * (size_t)levels + (size_t)d] = sum / (double)e->tree->count[d];
    }
}

static void keep_operators(struct experiment *e, size_t point)
{
    const struct network *n = &e->network;
    struct series *s = &e->series;
    for (int l = 0; l < n->levels; l++) {
        size_t nodes = n->level[l].nodes, rank = operator_rank(measure_shape(&e->measure, l));
        size_t weights = (size_t)n->level[l].width * (size_t)n->level[l].fan_in;
        for (size_t i = 0; i < nodes; i++)
            s->weight_norm[l][point * nodes + i] =
                cblas_dnrm2((int)weights, e->trainer.parameters + weight_offset(n, l, i), 1);
        if (s->norm[l]) {
            memcpy(s->norm[l] + point * nodes, e->measure.norm[l], nodes * sizeof(double));
            memcpy(s->trace[l] + point * nodes, e->measure.trace[l], nodes * sizeof(double));
        }
        if (s->eigenvalue[l])
            memcpy(s->eigenvalue[l] + point * nodes * rank, e->measure.eigenvalue[l],
                   nodes * rank * sizeof(double));
    }
}

static enum status measure_point(struct experiment *e, uint64_t epoch, double loss,
                                 struct error *err)
{
    size_t point = e->measured;
    enum status status = measure_samples(&e->measure, e->trainer.parameters, e->spec->seed, epoch,
                                         (size_t)measure_of(e)->samples, err);
    if (status)
        return status;
    e->series.epoch[point] = (double)epoch;
    e->series.loss[point] = loss;
    if (e->series.correlation)
        keep_correlation(e, point);
    keep_operators(e, point);
    e->measured++;
    return STATUS_OK;
}

/* What the trainer asks now and then, with the observer's answer. */
struct asking {
    const struct experiment *experiment;
    const struct observer *observer;
    uint64_t before, steps; /* steps of earlier epochs; of the run */
};

static bool keep_going(void *context, size_t step)
{
    struct asking *a = context;
    if (!a->observer || !a->observer->training)
        return true;
    return a->observer->training(a->observer->context, a->experiment, a->before + step, a->steps);
}

static void tell(const struct asking *a)
{
    if (a->observer && a->observer->measured)
        a->observer->measured(a->observer->context, a->experiment, a->before, a->steps);
}

static enum status diverge(struct experiment *e, uint64_t epoch, const char *what,
                           struct error *err)
{
    e->diverged = true;
    snprintf(e->detail, sizeof e->detail, "step %" PRIu64 " (epoch %" PRIu64 "): %s",
             e->trainer.step, epoch, what);
    return error_set(err, STATUS_DIVERGED, "the run diverged at %s", e->detail);
}

static enum status measure_or_diverge(struct experiment *e, uint64_t epoch, double loss,
                                      struct error *err)
{
    enum status status = measure_point(e, epoch, loss, err);
    if (status == STATUS_DIVERGED) /* a decomposition met NaN */
        return diverge(e, epoch, "an operator is no longer finite", err);
    return status;
}

enum status experiment_run(struct experiment *e, const struct observer *observer, struct error *err)
{
    enum { LOSS_BATCHES = 64 }; /* that the loss before training is taken from */
    const int64_t epochs = train_of(e)->epochs;
    struct asking ask = {
        .experiment = e, .observer = observer, .steps = (uint64_t)epochs * e->trainer.steps};
    memcpy(e->initial, e->trainer.parameters, e->network.parameters * sizeof *e->initial);
    enum status status =
        ceiling_measure(e->tree, e->spec->seed, (size_t)measure_of(e)->samples, e->ceiling, err);
    if (!status)
        status = measure_or_diverge(e, 0, trainer_evaluate(&e->trainer, LOSS_BATCHES), err);
    for (int64_t epoch = 1; !status && epoch <= epochs; epoch++) {
        if (epoch == 1 || is_point(e, epoch - 1))
            tell(&ask);
        struct epoch_result result = trainer_epoch(&e->trainer, (uint64_t)epoch, keep_going, &ask);
        ask.before = result.steps;
        if (result.stopped)
            return error_set(err, STATUS_INTERRUPTED,
                             "interrupted in epoch %" PRId64 " of %" PRId64 "; nothing was written",
                             epoch, epochs);
        if (result.diverged)
            return diverge(e, (uint64_t)epoch, "the loss or a parameter is no longer finite", err);
        if (is_point(e, epoch))
            status = measure_or_diverge(e, (uint64_t)epoch, result.loss, err);
    }
    if (!status)
        tell(&ask);
    return status;
}

/* ---- store ---- */

/* Where the file is built; after a first failure nothing more is put. */
struct writer {
    struct store *store;
    const struct experiment *e;
    enum status status;
    struct error *err;
};

static void put_axis(struct writer *w, const char *path, size_t length, const double *values,
                     const char *long_name)
{
    if (!w->status)
        w->status = store_put_axis(w->store, path, length, values, long_name, "1", w->err);
}

static void put(struct writer *w, const char *path, int rank, const size_t *shape,
                const char *const *axes, const double *values, const char *long_name)
{
    if (!w->status)
        w->status = store_put(w->store, path, rank, shape, axes, values, long_name, "1", w->err);
}

enum { PATH = 128 };

/* A path, into `out`, which is returned. */
__attribute__((format(printf, 2, 3))) static const char *path_of(char out[PATH], const char *format,
                                                                 ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(out, PATH, format, args);
    va_end(args);
    return out;
}

/* Path of the node axis of a network level. */
static const char *node_axis(const struct experiment *e, char out[PATH], int level)
{
    return e->network.mirrors_tree ? path_of(out, "/level_%d_node", level) : "/single_node";
}

static void put_axes(struct writer *w)
{
    const struct experiment *e = w->e;
    const struct network *n = &e->network;
    char path[PATH];
    put_axis(w, "/series/epoch", e->measured, e->series.epoch, "epochs of training");
    put_axis(w, "/level", (size_t)e->tree->depth, NULL, "level of the tree, 0 the root");
    for (int d = 0; d <= e->tree->depth; d++)
        put_axis(w, path_of(path, "/level_%d_node", d), e->tree->count[d], NULL,
                 "node of the level, in order");
    if (!n->mirrors_tree)
        put_axis(w, "/single_node", 1, NULL, "the one node of a fully connected level");
    for (int l = 0; l < n->levels; l++) {
        put_axis(w, path_of(path, "/level_%d_neuron", l), (size_t)n->level[l].width, NULL,
                 "neuron of a node");
        put_axis(w, path_of(path, "/level_%d_input", l), (size_t)n->level[l].fan_in, NULL,
                 "input of a node: the children's neurons in order");
        if (e->series.eigenvalue[l])
            put_axis(w, path_of(path, "/level_%d_rank", l),
                     operator_rank(measure_shape(&e->measure, l)), NULL,
                     "eigenvalues, largest first");
    }
}

/* Cut [point][size] blocks of each level out of [point][total]. */
static double *gather(const double *series, size_t points, size_t total, size_t offset, size_t size)
{
    double *out = malloc(points * size * sizeof *out + 1);
    for (size_t t = 0; out && t < points; t++)
        memcpy(out + t * size, series + t * total + offset, size * sizeof *out);
    return out;
}

static void put_correlation(struct writer *w)
{
    const struct experiment *e = w->e;
    const struct correlation_plan *plan = &e->measure.correlation_plan;
    for (int d = 0; d < e->tree->depth; d++) {
        char path[PATH], node[PATH], neuron[PATH];
        size_t width = (size_t)correlation_width(plan, d);
        size_t shape[] = {e->measured, e->tree->count[d], width};
        const char *axes[] = {"/series/epoch", path_of(node, "/level_%d_node", d),
                              path_of(neuron, "/level_%d_neuron", e->network.mirrors_tree ? d : 0)};
        double *values = gather(e->series.correlation, e->measured, correlation_size(plan),
                                correlation_offset(plan, d), shape[1] * width);
        if (!values && !w->status)
            w->status = error_set(w->err, STATUS_SYSTEM, "no memory to write the correlations");
        put(w, path_of(path, "/series/correlation/level_%d", d), 3, shape, axes, values,
            "correlation of a neuron's pre-activation with its node's latent");
        free(values);
    }
    size_t shape[] = {e->measured, (size_t)e->tree->depth};
    const char *axes[] = {"/series/epoch", "/level"};
    put(w, "/series/best_correlation", 2, shape, axes, e->series.best,
        "mean over nodes of the largest |correlation| among the neurons");
}

static void put_operators(struct writer *w)
{
    const struct experiment *e = w->e;
    for (int l = 0; l < e->network.levels; l++) {
        char path[PATH], node[PATH], rank[PATH];
        size_t shape[] = {e->measured, e->network.level[l].nodes,
                          operator_rank(measure_shape(&e->measure, l))};
        const char *axes[] = {"/series/epoch", node_axis(e, node, l),
                              path_of(rank, "/level_%d_rank", l)};
        put(w, path_of(path, "/series/weight_norm/level_%d", l), 2, shape, axes,
            e->series.weight_norm[l], "Frobenius norm of a node's weights");
        if (e->series.norm[l]) {
            put(w, path_of(path, "/series/covop/level_%d/norm", l), 2, shape, axes,
                e->series.norm[l], "Frobenius norm of the covariance operator");
            put(w, path_of(path, "/series/covop/level_%d/trace", l), 2, shape, axes,
                e->series.trace[l], "trace of the covariance operator");
        }
        if (e->series.eigenvalue[l])
            put(w, path_of(path, "/series/covop/level_%d/eigenvalues", l), 3, shape, axes,
                e->series.eigenvalue[l], "eigenvalues of the covariance operator");
    }
}

static void put_tree(struct writer *w)
{
    const struct experiment *e = w->e;
    for (int d = 0; d <= e->tree->depth; d++) {
        char path[PATH], node[PATH];
        size_t shape[] = {e->tree->count[d]};
        const char *axes[] = {path_of(node, "/level_%d_node", d)};
        if (d < e->tree->depth)
            put(w, path_of(path, "/ceiling/level_%d", d), 1, shape, axes,
                e->ceiling + e->tree->first[d],
                "largest |correlation| that a function of the leaves can have with the latent");
        if (d > 0)
            put(w, path_of(path, "/tree/polarity/level_%d", d), 1, shape, axes,
                e->tree->polarity + e->tree->first[d], "polarity of the edge from the parent");
    }
}

static void put_weights(struct writer *w, const char *root, const char *when,
                        const double *parameters)
{
    const struct network *n = &w->e->network;
    for (int l = 0; l < n->levels; l++) {
        char path[PATH], name[PATH], node[PATH], neuron[PATH], input[PATH];
        size_t shape[] = {n->level[l].nodes, (size_t)n->level[l].width, (size_t)n->level[l].fan_in};
        const char *axes[] = {node_axis(w->e, node, l), path_of(neuron, "/level_%d_neuron", l),
                              path_of(input, "/level_%d_input", l)};
        snprintf(path, sizeof path, "%s/level_%d/W", root, l);
        snprintf(name, sizeof name, "weights %s", when);
        put(w, path, 3, shape, axes, parameters + n->level[l].weights, name);
        snprintf(path, sizeof path, "%s/level_%d/b", root, l);
        snprintf(name, sizeof name, "biases %s", when);
        if (n->bias)
            put(w, path, 2, shape, axes, parameters + n->level[l].biases, name);
    }
}

static void put_attributes(struct writer *w)
{
    const struct experiment *e = w->e;
    const char *const text[][2] = {
        {"duet_version", DUET_VERSION},
        {"commit", DUET_COMMIT},
        {"spec", e->spec->yaml},
        {"spec_hash", e->spec->hash},
        {"status", e->diverged ? "diverged" : "complete"},
        {"status_detail", e->detail},
    };
    for (size_t i = 0; i < sizeof text / sizeof *text && !w->status; i++)
        w->status = store_put_text(w->store, text[i][0], text[i][1], w->err);
    if (!w->status)
        w->status = store_put_integer(w->store, "seed", e->spec->seed, w->err);
}

enum status experiment_store(const struct experiment *e, const char *path, struct error *err)
{
    struct writer w = {.e = e, .err = err};
    w.status = store_create(&w.store, err);
    if (w.status)
        return w.status;
    put_attributes(&w);
    put_axes(&w);
    size_t shape[] = {e->measured};
    const char *axes[] = {"/series/epoch"};
    put(&w, "/series/loss", 1, shape, axes, e->series.loss, "mean loss over the epoch");
    if (e->series.correlation)
        put_correlation(&w);
    put_operators(&w);
    put_tree(&w);
    put_weights(&w, "/weights", "at the end", e->trainer.parameters);
    put_weights(&w, "/initial/weights", "before training", e->initial);
    if (!w.status)
        w.status = store_commit(w.store, path, err);
    store_free(w.store);
    return w.status;
}
