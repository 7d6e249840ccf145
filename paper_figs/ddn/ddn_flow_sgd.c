/* ddn_flow_sgd: stochastic gradient descent against the gradient flow of the population loss. */
#include "core/extreme.h"
#include "paper_figs/figures.h"
#include "paper_figs/kit/series.h"

#include "analysis/statistics.h"
#include "harness/run/progress.h"
#include "hltm/exact.h"
#include "sim/data/sources/sources.h"
#include "sim/flow/flow.h"
#include "sim/loss/ensemble.h"
#include "sim/loss/objectives/objectives.h"
#include "sim/net/kinds/kinds.h"
#include "sim/optimisers/optimisers.h"
#include "sim/train/trainer.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 2, WIDTH = 4, TIMES = 25, BATCHES = 6, RATES = 6, SHOWN_RATE = 0 };

/* Batches 64, 256, ...; rates time / 25, time / 50, ... */
static const int first_batch = 64, batch_factor = 4, first_steps = 25, steps_factor = 2;

struct settings {
    int64_t runs, batches, rates, seed;
    double time, tau;
};

static const struct param params[] = {
    INTEGER_SETTING(runs, "16", 2, 1000, "runs of SGD per batch and learning rate"),
    INTEGER_SETTING(batches, "5", 3, BATCHES, "sizes of a batch: 64, 256, 1024, ..."),
    INTEGER_SETTING(rates, "5", 3, RATES, "learning rates: time / 25, time / 50, ..."),
    INTEGER_SETTING(seed, "1", 0, UNBOUNDED, "of the tree, the first weights and the samples"),
    REAL_SETTING(time, "1", POSITIVE, 1000, "time of the flow; steps times learning rate of SGD"),
    REAL_SETTING(tau, "0.5", POSITIVE, UNBOUNDED, "temperature of InfoNCE with one negative"),
    {0},
};

static int batch_of(int i)
{
    return first_batch * (int)lround(pow(batch_factor, i));
}

static int steps_of(int i)
{
    return first_steps * (int)lround(pow(steps_factor, i));
}

/* ---- the world: a small tree, every view of it, and a network ---- */

struct world {
    const struct settings *settings;
    struct infonce_settings loss;
    struct tree *tree;
    struct population *population; /* a data point is a value of the root, a view a leaf pattern */
    struct network network, real;  /* of leaf states; of the same leaves as real numbers */
    struct ensemble *ensemble;     /* of `real` */
    double *start;                 /* [parameters] */
};

static void close_world(struct world *w)
{
    ensemble_free(w->ensemble);
    population_free(w->population);
    tree_free(w->tree);
    free(w->start);
}

/* Two data points, the values of the root; P(pattern | root) from its posterior. */
static enum status enumerate(struct world *w, struct error *err)
{
    struct support *s;
    const int leaves = (int)tree_leaves(w->tree);
    enum status status = support_create(&s, w->tree, err);
    if (status)
        return status;
    status = population_create(&w->population, 2, (int)s->count, leaves, err);
    for (size_t z = 0; z < 2 && !status; z++) {
        w->population->p[z] = 0.5;
        for (size_t v = 0; v < s->count; v++) {
            size_t column = z * s->count + v;
            w->population->q[column] = 2 * s->probability[v] * s->posterior[z * s->stride + v];
            for (int i = 0; i < leaves; i++)
                w->population->x[column * (size_t)leaves + (size_t)i] =
                    s->leaf[(size_t)i * s->stride + v];
        }
    }
    support_free(s);
    return status;
}

static enum status open_world(struct world *w, const struct settings *settings, struct error *err)
{
    static const double range[] = {0.7, 1.0};
    static const int64_t children = 2;
    static const size_t length = 2;
    const struct tree_settings tree = {
        .depth = DEPTH,
        .children = {.scalar = true, .count = 1, .value = &children},
        .states = 2,
        .polarity = {.rank = 1, .rows = 1, .length = &length, .value = range}};
    *w = (struct world){.settings = settings, .loss = {.tau = settings->tau, .negatives = 1}};
    w->network = (struct network){.levels = DEPTH,
                                  .leaves = 1 << DEPTH,
                                  .leaf_states = 2,
                                  .relu = true,
                                  .bias = true,
                                  .normalize = true,
                                  .norm_eps = 1e-4,
                                  .mirrors_tree = true};
    for (int l = 0; l < DEPTH; l++)
        w->network.level[l] =
            (struct level){.nodes = (size_t)1 << l, .width = WIDTH, .children = 2};
    network_finish(&w->network);
    w->real = w->network;
    w->real.leaf_states = 0;
    w->start = calloc(padded(w->network.parameters), sizeof *w->start);
    if (!w->start)
        return error_memory(err, "a network");
    network_init(&w->network, (uint64_t)settings->seed, PURPOSE_WEIGHTS, w->start);
    enum status status = tree_create(&w->tree, &tree, (uint64_t)settings->seed, err);
    if (!status)
        status = enumerate(w, err);
    return status ? status
                  : ensemble_create(&w->ensemble, &w->real, w->population, &objective_infonce,
                                    &w->loss, (struct ensemble_options){0}, err);
}

/* ---- the flow, and gradient descent on the population loss ---- */

static void rate(const struct world *w, double t, const double *state, double *out)
{
    (void)t;
    ensemble_loss(w->ensemble, state, out);
    for (size_t i = 0; i < w->network.parameters; i++)
        out[i] = -out[i];
}

/* The loss at equal times along the flow. */
struct watch {
    struct world *world;
    double *loss;
};

static void watched_rate(void *context, double t, const double *state, double *out)
{
    rate(((struct watch *)context)->world, t, state, out);
}

static bool watch_loss(void *context, double t, const double *state)
{
    struct watch *w = context;
    (void)t;
    *w->loss++ = ensemble_loss(w->world->ensemble, state, NULL);
    return true;
}

/* Take `state` from the start to the end of the flow. */
static enum status run_flow(struct world *w, double *state, double loss[TIMES + 1],
                            struct error *err)
{
    struct watch watch = {w, loss};
    const struct flow flow = {
        .size = w->network.parameters, .context = &watch, .rate = watched_rate};
    struct flow_result result;
    memcpy(state, w->start, w->network.parameters * sizeof *state);
    return flow_run(&flow, 0, w->settings->time, 1e-8, 1, TIMES, watch_loss, state, &result, err);
}

static void descend(struct world *w, int steps, double *state, double *room)
{
    const double lr = w->settings->time / steps;
    memcpy(state, w->start, w->network.parameters * sizeof *state);
    for (int step = 0; step < steps; step++) {
        ensemble_loss(w->ensemble, state, room);
        for (size_t i = 0; i < w->network.parameters; i++)
            state[i] -= lr * room[i];
    }
}

/* ---- stochastic gradient descent, by the trainer ---- */

struct sgd_run {
    int steps, batch;
    uint64_t seed;
    double *path; /* [TIMES + 1][parameters], or NULL: the last one only, in `end` */
    double *end;  /* [parameters] */
    enum status status;
    struct error err;
};

static void train(const struct world *w, struct sgd_run *run)
{
    const size_t size = w->network.parameters, steps = (size_t)(run->steps / TIMES);
    const struct sgd_settings sgd = {.lr = w->settings->time / run->steps};
    const struct learner plan = {.source = &source_hltm,
                                 .world = w->tree,
                                 .network = &w->network,
                                 .objective = &objective_infonce,
                                 .objective_settings = &w->loss,
                                 .optimiser = &optimiser_sgd,
                                 .optimiser_settings = &sgd,
                                 .seed = run->seed,
                                 .samples = steps * (size_t)run->batch,
                                 .batch = (size_t)run->batch,
                                 .threads = 1};
    struct arena count = {0}, arena;
    struct trainer trainer;
    trainer_layout(&trainer, &plan, &count);
    run->status = arena_create(&arena, &count, &run->err);
    if (run->status)
        return;
    trainer_layout(&trainer, &plan, &arena);
    memcpy(trainer.parameters, w->start, size * sizeof *w->start);
    for (uint64_t i = 0; i <= TIMES && !run->status; i++) {
        if (i > 0 && trainer_epoch(&trainer, i, NULL).diverged)
            run->status = error_set(&run->err, STATUS_DIVERGED, "SGD diverged: lr %g", sgd.lr);
        if (run->path)
            memcpy(run->path + i * size, trainer.parameters, size * sizeof *run->path);
    }
    memcpy(run->end, trainer.parameters, size * sizeof *run->end);
    arena_free(&arena);
}

static enum status train_all(const struct world *w, struct sgd_run *run, size_t count,
                             const struct figure_job *job, struct error *err)
{
    struct progress progress;
    uint64_t done = 0;
    progress_start(&progress, job->quiet);
#pragma omp parallel for schedule(dynamic, 1) num_threads(job->threads)
    for (size_t i = 0; i < count; i++) {
        train(w, &run[count - 1 - i]); /* the longest first */
#pragma omp critical(ddn_flow_sgd)
        progress_update(&progress, ++done, count, "runs");
    }
    progress_end(&progress);
    for (size_t i = 0; i < count; i++)
        if (run[i].status) {
            *err = run[i].err;
            return run[i].status;
        }
    return STATUS_OK;
}

/* ---- distances ---- */

static double distance(const double *a, const double *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum);
}

/* All numbers of the figure; distances are relative to the length |W(T) - W(0)| of the flow. */
struct distances {
    double loss[TIMES + 1], sgd_loss[2][TIMES + 1]; /* flow; smallest and largest batch shown */
    double covered;                                 /* |W(T) - W(0)| of the flow */
    double to_flow[RATES][BATCHES], to_descent[RATES][BATCHES]; /* root mean square over runs */
    double descent[RATES]; /* from descent on the population loss to the flow */
};

static void summarise(const struct world *w, const struct sgd_run *run, const double *flow,
                      const double *descent, struct distances *out)
{
    const size_t size = w->network.parameters, runs = (size_t)w->settings->runs;
    for (int r = 0; r < (int)w->settings->rates; r++) {
        const double *full = descent + (size_t)r * size;
        out->descent[r] = distance(full, flow, size) / out->covered;
        for (int b = 0; b < (int)w->settings->batches; b++) {
            double flow_square = 0, descent_square = 0;
            for (size_t i = 0; i < runs; i++, run++) {
                flow_square += pow(distance(run->end, flow, size), 2) / (double)runs;
                descent_square += pow(distance(run->end, full, size), 2) / (double)runs;
            }
            out->to_flow[r][b] = sqrt(flow_square) / out->covered;
            out->to_descent[r][b] = sqrt(descent_square) / out->covered;
        }
    }
}

/* The runs, rate by rate, batch by batch; the last two are drawn over time. */
static void list_runs(const struct world *w, struct sgd_run *run, double *ends, double *paths)
{
    const size_t size = w->network.parameters;
    const uint64_t seed = (uint64_t)w->settings->seed;
    size_t count = 0;
    for (int r = 0; r < (int)w->settings->rates; r++)
        for (int b = 0; b < (int)w->settings->batches; b++)
            for (int i = 0; i < (int)w->settings->runs; i++, count++)
                run[count] = (struct sgd_run){.steps = steps_of(r),
                                              .batch = batch_of(b),
                                              .seed = seed + (uint64_t)i,
                                              .end = ends + count * size};
    for (size_t i = 0; i < 2; i++, count++)
        run[count] = (struct sgd_run){.steps = steps_of(SHOWN_RATE),
                                      .batch = batch_of(i == 0 ? 0 : (int)w->settings->batches - 1),
                                      .seed = seed,
                                      .path = paths + i * (TIMES + 1) * size,
                                      .end = ends + count * size};
}

static enum status measure(struct world *w, const struct figure_job *job, struct sgd_run *run,
                           size_t count, double *room, struct distances *out, struct error *err)
{
    const size_t size = w->network.parameters;
    double *flow = room, *spare = flow + size, *descent = spare + size;
    double *paths = descent + RATES * size, *ends = paths + (size_t)2 * (TIMES + 1) * size;
    enum status status = run_flow(w, flow, out->loss, err);
    if (status)
        return status;
    out->covered = distance(flow, w->start, size);
    for (int r = 0; r < (int)w->settings->rates; r++)
        descend(w, steps_of(r), descent + (size_t)r * size, spare);
    list_runs(w, run, ends, paths);
    status = train_all(w, run, count, job, err);
    if (status)
        return status;
    summarise(w, run, flow, descent, out);
    for (size_t i = 0; i < 2; i++)
        for (size_t t = 0; t <= TIMES; t++)
            out->sgd_loss[i][t] =
                ensemble_loss(w->ensemble, paths + (i * (TIMES + 1) + t) * size, NULL);
    return STATUS_OK;
}

/* ---- storing ---- */

static void put_axes(struct sheet *sheet, const struct settings *s)
{
    double lr[RATES], batch[BATCHES], time[TIMES + 1];
    for (int r = 0; r < (int)s->rates; r++)
        lr[r] = s->time / steps_of(r);
    for (int b = 0; b < (int)s->batches; b++)
        batch[b] = batch_of(b);
    for (int t = 0; t <= TIMES; t++)
        time[t] = s->time * t / TIMES;
    sheet_axis(sheet, "lr", (size_t)s->rates, lr, "learning rate alpha", "1");
    sheet_axis(sheet, "batch", (size_t)s->batches, batch, "batch size B", "samples");
    sheet_axis(sheet, "time", TIMES + 1, time, "time t, steps times learning rate", "1");
}

/* pack rows of BATCHES into rows of the batches in use */
static void put_distances(struct sheet *sheet, const struct settings *s, const char *name,
                          const double value[RATES][BATCHES], const char *long_name)
{
    const size_t rates = (size_t)s->rates, batches = (size_t)s->batches;
    double packed[RATES * BATCHES];
    for (size_t r = 0; r < rates; r++)
        memcpy(packed + r * batches, value[r], batches * sizeof *packed);
    sheet_put(sheet, name, "lr batch", packed, long_name, "1");
}

static void put(struct sheet *sheet, const struct settings *s, const struct distances *o)
{
    put_axes(sheet, s);
    put_distances(sheet, s, "to_flow", o->to_flow,
                  "root mean square of |W_SGD - W_flow| / |W_flow - W(0)|");
    put_distances(sheet, s, "to_descent", o->to_descent,
                  "root mean square of |W_SGD - W_GD| / |W_flow - W(0)|, GD on the population loss "
                  "at the same learning rate");
    sheet_put(sheet, "descent", "lr", o->descent, "|W_GD - W_flow| / |W_flow - W(0)|", "1");
    sheet_put(sheet, "loss/flow", "time", o->loss, "population loss along the flow", "1");
    sheet_put(sheet, "loss/smallest_batch", "time", o->sgd_loss[0],
              "population loss along SGD, smallest batch", "1");
    sheet_put(sheet, "loss/largest_batch", "time", o->sgd_loss[1],
              "population loss along SGD, largest batch", "1");
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    const struct settings *s = job->settings;
    const size_t count = (size_t)(s->rates * s->batches * s->runs) + 2;
    struct world w;
    struct distances outcome = {.covered = 0};
    struct sheet sheet = {.store = store, .err = err};
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    sheet.status = open_world(&w, s, err);
    struct sgd_run *run = sheet_room(&sheet, count, sizeof *run);
    double *room =
        sheet_numbers(&sheet, (2 + RATES + 2 * (TIMES + 1) + count) * w.network.parameters);
    if (!sheet.status)
        sheet.status = measure(&w, job, run, count, room, &outcome, err);
    put(&sheet, s, &outcome);
    gsl_set_error_handler(handler);
    close_world(&w);
    return sheet_close(&sheet);
}

/* ---- checks ---- */

struct arrays {
    struct store_array lr, batch, to_flow, to_descent, descent, flow, largest;
};

static void read_arrays(struct reader *r, struct arrays *a)
{
    a->lr = reader_get(r, 0, 1, "/lr");
    a->batch = reader_get(r, 0, 1, "/batch");
    const size_t rates = a->lr.count, batches = a->batch.count;
    a->to_flow = reader_get(r, rates, batches, "/to_flow");
    a->to_descent = reader_get(r, rates, batches, "/to_descent");
    a->descent = reader_get(r, rates, 1, "/descent");
    a->flow = reader_get(r, 0, 1, "/loss/flow");
    a->largest = reader_get(r, a->flow.count, 1, "/loss/largest_batch");
    if (!r->status && (rates < 3 || rates > RATES))
        r->status = error_set(r->err, STATUS_INVALID, "the distances differ in length");
}

static void judge(const struct arrays *a, struct sights *sights)
{
    const size_t rates = a->lr.count, batches = a->batch.count;
    double low = INFINITY, high = -INFINITY, mean = 0, noise[RATES], fall = 0;
    for (size_t r = 0; r < rates; r++) {
        double slope =
            log_log_slope(a->batch.values, a->to_descent.values + r * batches, batches).slope;
        low = smaller(low, slope);
        high = larger(high, slope);
        mean += slope / (double)rates;
        noise[r] = a->to_descent.values[r * batches];
    }
    const double *finest = a->to_flow.values + (rates - 1) * batches;
    const double with_rate = log_log_slope(a->lr.values, noise, rates).slope;
    const double bias = log_log_slope(a->lr.values, a->descent.values, rates).slope;
    for (size_t t = 0; t < a->flow.count; t++)
        fall = larger(fall, fabs(a->largest.values[t] - a->flow.values[t]));
    sight(sights, fabs(mean + 0.5) < 0.15 && low > -0.7 && high < -0.3,
          "SGD falls towards descent on the population loss as B^-1/2 (slopes %.2f to %.2f)", low,
          high);
    sight(sights, fabs(with_rate - 0.5) < 0.25,
          "at the smallest batch the noise grows as lr^1/2 (slope %.2f)", with_rate);
    sight(sights, fabs(bias - 1) < 0.15, "descent falls towards the flow as lr (slope %.2f)", bias);
    sight(sights, finest[batches - 1] < 0.25 * finest[0] && finest[batches - 1] < 0.05,
          "the distance from SGD to the flow falls to %.1f %% of the flow's length, from %.0f %%",
          100 * finest[batches - 1], 100 * finest[0]);
    sight(sights, fall < 0.1 * (a->flow.values[0] - a->flow.values[a->flow.count - 1]),
          "with the largest batch the loss equals the flow's loss, to %.4f", fall);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct arrays a;
    struct reader r = {.file = file, .err = err};
    read_arrays(&r, &a);
    if (!r.status)
        judge(&a, sights);
    return reader_close(&r);
}

const struct figure figure_ddn_flow_sgd = {
    .about = {.name = "ddn_flow_sgd",
              .doc =
                  "Stochastic gradient descent against the gradient flow of the population loss, "
                  "which is an exact sum over all views of a small latent tree: ReLU network with "
                  "biases and normalised output, InfoNCE with one negative. The final distance of "
                  "the weights, relative to the length of the flow, falls as B^{-1/2} with the "
                  "batch size, down to the distance of gradient descent on the population loss, "
                  "which is proportional to the learning rate. The noise grows as the square root "
                  "of the learning rate.",
              .source = "[DDN]",
              .params = params,
              .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"runs=8", "batches=4", "rates=3", NULL},
    .compute = compute,
    .script = "paper_figs/ddn/ddn_flow_sgd.gp",
    .check = check,
};
