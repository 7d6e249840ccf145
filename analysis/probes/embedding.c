/* embedding: how many directions the outputs fill, and whether they differ at all. */
#include "analysis/alignment.h"
#include "analysis/probes/probes.h"
#include "core/linalg.h"
#include "sim/net/axes.h"
#include "sim/net/batch.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>

enum {
    COUNT = 4 * BLOCK, /* samples that are evaluated at once */
    GROUPS = 8,        /* sums that are added in order, for any number of threads */
};

struct embedding_work {
    struct batch batch; /* x_1 */
    struct views views;
};

struct embedding_state {
    const struct subject *subject;
    size_t samples, width, group_size;
    struct embedding_work *work; /* [thread] */
    double *shift;               /* [width] output of the first sample, taken off all */
    double *sums;                /* [group]: of f f^T, [width][width], then of f, [width] */
    double *moment, *covariance; /* [width][width] */
    double *moment_value, *covariance_value; /* [width] their eigenvalues, largest first */
    double effective_rank;
};

static const char *applies(const struct subject *s)
{
    return s->exact ? "a flow draws no samples" : NULL;
}

/* ---- plan ---- */

static void layout_work(const struct subject *s, struct embedding_work *w, struct arena *arena)
{
    batch_layout_views(&w->batch, s->network, 1, COUNT, 0, arena);
    w->views = (struct views){.source = s->source, .world = s->world, .count = 1};
    views_layout(&w->views, arena);
}

static void layout(void *state, const struct subject *s, struct arena *arena)
{
    struct embedding_state *e = state;
    const size_t n = (size_t)s->network->level[0].width;
    *e = (struct embedding_state){.subject = s,
                                  .samples = (size_t)s->settings->probe_samples,
                                  .width = n,
                                  .group_size = n * n + n};
    e->work = ARENA_TAKE(arena, struct embedding_work, (size_t)s->threads);
    for (int i = 0; i < s->threads; i++) {
        struct embedding_work counted = {0}; /* it points into itself: laid out in place */
        layout_work(s, arena->base ? &e->work[i] : &counted, arena);
    }
    e->shift = ARENA_TAKE(arena, double, n);
    e->sums = ARENA_TAKE(arena, double, GROUPS * e->group_size);
    e->moment = ARENA_TAKE(arena, double, n *n);
    e->covariance = ARENA_TAKE(arena, double, n *n);
    e->moment_value = ARENA_TAKE(arena, double, n);
    e->covariance_value = ARENA_TAKE(arena, double, n);
}

/* ---- sums ---- */

/* Outputs of the samples [batch * COUNT, ...). */
static double *evaluate(const struct embedding_state *e, struct embedding_work *w,
                        const struct snapshot *now, size_t batch)
{
    const struct draw draw = {
        .seed = e->subject->seed, .purpose = PURPOSE_MEASURE, .epoch = now->epoch};
    const struct rows rows[] = {batch_rows(&w->batch, 0)};
    views_fill(&w->views, draw, batch * COUNT, COUNT, rows, 1);
    batch_forward(&w->batch, now->parameters);
    return (double *)w->batch.outputs.f;
}

static void set_shift(struct embedding_state *e, const struct snapshot *now)
{
    const double *f = evaluate(e, &e->work[0], now, 0);
    for (size_t k = 0; k < e->width; k++)
        e->shift[k] = f[k * e->work[0].batch.stride];
}

static void add_batch(const struct embedding_state *e, struct embedding_work *w,
                      const struct snapshot *now, size_t batch, double *sums)
{
    const size_t left = e->samples - batch * COUNT, count = left < COUNT ? left : COUNT;
    const size_t n = e->width, stride = w->batch.stride;
    double *f = evaluate(e, w, now, batch), *sum = sums + n * n;
    for (size_t k = 0; k < n; k++)
        for (size_t s = 0; s < count; s++)
            sum[k] += f[k * stride + s] -= e->shift[k];
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, (int)n, (int)count, 1, f,
                (int)stride, f, (int)stride, 1, sums, (int)n);
}

static void add_all(struct embedding_state *e, const struct snapshot *now)
{
    const size_t batches = (e->samples + COUNT - 1) / COUNT;
    memset(e->sums, 0, GROUPS * e->group_size * sizeof *e->sums);
#pragma omp parallel for num_threads(now->threads) schedule(dynamic)
    for (size_t g = 0; g < GROUPS; g++)
        for (size_t b = batches * g / GROUPS; b < batches * (g + 1) / GROUPS; b++)
            add_batch(e, &e->work[omp_get_thread_num()], now, b, e->sums + g * e->group_size);
    for (size_t i = 0; i < e->group_size; i++) {
        for (size_t g = 1; g < GROUPS; g++)
            e->sums[i] += e->sums[g * e->group_size + i];
        e->sums[i] /= (double)e->samples;
    }
}

/* ---- results ---- */

/* Second moment and covariance, from the means about `shift`. */
static void find_moments(struct embedding_state *e)
{
    const size_t n = e->width;
    const double *square = e->sums, *mean = e->sums + n * n, *c = e->shift;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++) {
            const double about = square[i * n + k];
            e->moment[i * n + k] = about + c[i] * mean[k] + mean[i] * c[k] + c[i] * c[k];
            e->covariance[i * n + k] = about - mean[i] * mean[k];
        }
    matrix_symmetrise(n, e->moment);
    matrix_symmetrise(n, e->covariance);
}

static enum status measure(void *state, const struct snapshot *now, struct error *err)
{
    /* Outputs that are apart by rounding alone are equal. */
    const double rounding = 1e-13;
    struct embedding_state *e = state;
    const size_t n = e->width;
    set_shift(e, now);
    add_all(e, now);
    find_moments(e);
    const double all = matrix_trace(n, e->moment), spread = matrix_trace(n, e->covariance);
    enum status status = symmetric_eigen((int)n, e->moment, e->moment_value, 0, err);
    if (!status)
        status = symmetric_eigen((int)n, e->covariance, e->covariance_value, 0, err);
    if (status)
        return error_context(err, "covariance of the outputs");
    e->effective_rank =
        spread > rounding * rounding * all ? effective_rank(n, e->covariance_value) : 0;
    return STATUS_OK;
}

static void add_values(struct quantity_list *list, const struct embedding_state *e,
                       const char *name, const char *long_name, const double *value)
{
    struct quantity *q = quantity_add(list, long_name, "/series/embedding/%s", name);
    quantity_axis(q, e->width, "eigenvalue of the outputs, largest first", "/embedding_mode");
    q->value = value;
}

static void quantities(const void *state, struct quantity_list *list)
{
    const struct embedding_state *e = state;
    struct quantity *rank = quantity_add(
        list, "effective rank of the covariance of the outputs; 0 where they are constant",
        "/series/embedding/effective_rank");
    rank->value = &e->effective_rank;
    rank->headline = "rank of the centred outputs";
    rank->at_zero = "The outputs are constant: all samples have the same output, and nothing can "
                    "be read off it.";
    add_values(list, e, "eigenvalues", "eigenvalues of E[f f^T], f the outputs, largest first",
               e->moment_value);
    add_values(list, e, "covariance_eigenvalues",
               "eigenvalues of the covariance of the outputs, largest first", e->covariance_value);
}

static const struct measurement measurement = {
    .size = sizeof(struct embedding_state), .layout = layout, .measure = measure};

const struct probe probe_embedding = {
    .about = {.name = "embedding",
              .doc = "Eigenvalues of the second moment and of the covariance of the outputs, on "
                     "measure.probe_samples samples, and the effective rank of the covariance: the "
                     "exponential of the entropy of its eigenvalues as shares; 0 where the outputs "
                     "are constant, as with a network whose neurons are all dead. Measured "
                     "wherever anything is.",
              .source = "Roy and Vetterli 2007"},
    .always = true,
    .applies = applies,
    .measurement = &measurement,
    .quantities = quantities,
};
