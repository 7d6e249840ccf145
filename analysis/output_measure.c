#include "analysis/output_measure.h"

#include "analysis/readout.h"
#include "core/linalg.h"
#include "sim/net/batch.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <string.h>

enum { COUNT = 4 * BLOCK, MOMENTS = 3 }; /* samples of a batch */

struct output_work {
    struct batch online, target; /* x_1 and x_2; x_2 */
    struct views views;
    double *fit, *weights;
};

static size_t width_of_output(const struct output_measure *r)
{
    return (size_t)r->plan.network->level[0].width;
}

static size_t square(const struct output_measure *r)
{
    return width_of_output(r) * width_of_output(r);
}

const struct tree *outputs_tree(const struct output_measure *r)
{
    return source_tree(r->plan.source, r->plan.world);
}

bool outputs_has_matrix(const struct output_measure *r)
{
    return r->plan.predictor && r->plan.predictor->kind == PREDICTOR_LINEAR;
}

/* ---- plan ---- */

static size_t kept_latents(const struct tree *tree)
{
    size_t count = 0;
    for (int d = 0; tree && d <= tree->keep_level && d < tree->depth; d++)
        count += tree->count[d];
    return count;
}

static void layout_work(struct output_measure *r, struct output_work *w, struct arena *arena)
{
    const struct output_plan *p = &r->plan;
    const struct tree *tree = outputs_tree(r);
    batch_layout_views(&w->online, p->network, 2, COUNT, 0, arena);
    batch_layout_views(&w->target, p->network, 1, COUNT, 0, arena);
    w->views = (struct views){.source = p->source,
                              .world = p->world,
                              .positives = 1,
                              .count = 2,
                              .latents = r->latents > 0};
    views_layout(&w->views, arena);
    if (r->latents == 0)
        return;
    w->fit = ARENA_TAKE(arena, double, readout_work(width_of_output(r), tree->states));
    w->weights = ARENA_TAKE(arena, double, readout_weights(width_of_output(r), tree->states));
}

static void layout_alignment(struct output_measure *r, struct arena *arena)
{
    const size_t n = width_of_output(r);
    double **arrays[] = {&r->alignment.f_value, &r->alignment.p_value, &r->alignment.predictor,
                         &r->alignment.cosine};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        *arrays[i] = ARENA_TAKE(arena, double, n);
    r->balance = ARENA_TAKE(arena, double, square(r));
    r->scratch = ARENA_TAKE(arena, double, alignment_work(n) + 2 * square(r) + n);
}

void outputs_layout(struct output_measure *r, const struct output_plan *plan, struct arena *arena)
{
    *r = (struct output_measure){.plan = *plan};
    r->latents = plan->probe_samples ? kept_latents(outputs_tree(r)) : 0;
    r->work = ARENA_TAKE(arena, struct output_work, (size_t)plan->threads);
    for (int i = 0; i < plan->threads; i++) {
        struct output_work counted = {0}; /* it points into itself: laid out in place */
        layout_work(r, arena->base ? &r->work[i] : &counted, arena);
    }
    r->sums = ARENA_TAKE(arena, double, OUTPUT_GROUPS *MOMENTS *square(r));
    r->c = ARENA_TAKE(arena, double, square(r));
    r->f = ARENA_TAKE(arena, double, square(r));
    r->d = ARENA_TAKE(arena, double, square(r));
    layout_alignment(r, arena);
    if (r->latents == 0)
        return;
    r->feature_stride = (plan->probe_samples + COUNT - 1) / COUNT * COUNT;
    r->feature = ARENA_TAKE(arena, double, width_of_output(r) * r->feature_stride);
    r->label = ARENA_TAKE(arena, uint8_t, r->latents * r->feature_stride);
    r->accuracy = ARENA_TAKE(arena, double, r->latents);
}

/* ---- outputs ---- */

/* One measurement's arguments. */
struct evaluation {
    double *parameters, *target;
    uint64_t seed, epoch;
};

/* Samples [batch * COUNT, ...) into the batches of a thread, and the latents that they had. */
static void draw_samples(const struct output_measure *r, struct output_work *w,
                         const struct evaluation *e, size_t batch)
{
    const struct draw draw = {.seed = e->seed, .purpose = PURPOSE_MEASURE, .epoch = e->epoch};
    const size_t first = batch * COUNT;
    struct rows rows[4] = {batch_rows(&w->online, 0), batch_rows(&w->online, 1)};
    size_t kinds = 2;
    if (e->target) {
        rows[kinds] = batch_rows(&w->target, 0);
        rows[kinds++].view = 1;
    }
    if (first < r->feature_stride)
        rows[kinds++] = (struct rows){
            .latent = r->label + first, .nodes = r->latents, .stride = r->feature_stride};
    views_fill(&w->views, draw, first, COUNT, rows, kinds);
}

/* sums += f f^T, f_+ f^T, f_a f^T over `count` samples */
static void add_moments(const struct output_measure *r, const double *f, const double *f_plus,
                        const double *f_a, size_t count, double *sums)
{
    const int n = (int)width_of_output(r);
    const double *left[MOMENTS] = {f, f_plus, f_a};
    for (size_t i = 0; i < MOMENTS; i++)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, (int)count, 1, left[i], COUNT, f,
                    COUNT, 1, sums + i * square(r), n);
}

static void add_batch(struct output_measure *r, struct output_work *w, const struct evaluation *e,
                      size_t batch, double *sums)
{
    const size_t view = width_of_output(r) * COUNT, first = batch * COUNT;
    draw_samples(r, w, e, batch);
    batch_forward(&w->online, e->parameters);
    if (e->target)
        batch_forward(&w->target, e->target);
    const double *f = w->online.outputs.f;
    if (first < r->plan.samples) {
        const size_t left = r->plan.samples - first;
        add_moments(r, f, f + view, e->target ? w->target.outputs.f : f + view,
                    left < COUNT ? left : COUNT, sums);
    }
    if (r->latents == 0 || first >= r->feature_stride)
        return;
    for (size_t k = 0; k < width_of_output(r); k++)
        memcpy(r->feature + k * r->feature_stride + first, f + k * COUNT, COUNT * sizeof *f);
}

static void find_moments(struct output_measure *r, const struct evaluation *e)
{
    const size_t size = MOMENTS * square(r);
    const size_t count = r->plan.samples > r->feature_stride ? r->plan.samples : r->feature_stride;
    const size_t batches = (count + COUNT - 1) / COUNT;
    memset(r->sums, 0, OUTPUT_GROUPS * size * sizeof *r->sums);
#pragma omp parallel for num_threads(r->plan.threads) schedule(dynamic)
    for (size_t g = 0; g < OUTPUT_GROUPS; g++)
        for (size_t b = batches * g / OUTPUT_GROUPS; b < batches * (g + 1) / OUTPUT_GROUPS; b++)
            add_batch(r, &r->work[omp_get_thread_num()], e, b, r->sums + g * size);
    double *moment[MOMENTS] = {r->c, r->f, r->d};
    for (size_t i = 0; i < size; i++) {
        double sum = 0;
        for (size_t g = 0; g < OUTPUT_GROUPS; g++)
            sum += r->sums[g * size + i];
        moment[i / square(r)][i % square(r)] = sum / (double)r->plan.samples;
    }
    for (size_t i = 0; i < MOMENTS; i++)
        matrix_symmetrise(width_of_output(r), moment[i]);
}

/* ---- results ---- */

static enum status find_k(struct output_measure *r, const double *w_p, struct error *err)
{
    const struct output_plan *p = &r->plan;
    const size_t n = width_of_output(r);
    double *k = r->scratch, *value = r->scratch + square(r);
    for (size_t i = 0; i < square(r); i++)
        k[i] = p->alpha_p / 2 * r->c[i] - r->tau * w_p[i];
    for (size_t i = 0; i < n; i++)
        k[i * n + i] += p->eta_p / 2 + p->eta_s;
    matrix_product(PLAIN, PLAIN, n, n, n, 1 + r->sigma2, w_p, w_p, 1, k);
    matrix_symmetrise(n, k);
    enum status status = symmetric_eigen((int)n, k, value, 0, err);
    r->k_least = status ? NAN : value[n - 1];
    return status;
}

static void find_balance(struct output_measure *r, const double *parameters, const double *w_p)
{
    const struct level *top = &r->plan.network->level[0];
    const size_t n = (size_t)top->width;
    const double *w = parameters + top->weights;
    matrix_product(TRANSPOSED, PLAIN, n, n, n, -1 / r->plan.alpha_p, w_p, w_p, 0, r->balance);
    matrix_product(PLAIN, TRANSPOSED, n, n, (size_t)top->fan_in, 1, w, w, 1, r->balance);
}

static double cosine(size_t count, const double *a, const double *b)
{
    double norms = cblas_dnrm2((int)count, a, 1) * cblas_dnrm2((int)count, b, 1);
    return norms > 0 ? cblas_ddot((int)count, a, 1, b, 1) / norms : 0;
}

static enum status find_alignment(struct output_measure *r, const double *parameters,
                                  const double *w_p, struct error *err)
{
    const size_t n = width_of_output(r);
    enum status status =
        alignment_measure(n, r->c, w_p, r->scratch + 2 * square(r), &r->alignment, err);
    if (!status)
        status = find_k(r, w_p, err);
    if (!status && parameters && r->plan.alpha_p > 0)
        find_balance(r, parameters, w_p);
    return status;
}

/* Eigenvalues of C and its rank alone, by a W_p of 0. */
static enum status find_spectrum(struct output_measure *r, struct error *err)
{
    memset(r->scratch, 0, square(r) * sizeof *r->scratch);
    return alignment_measure(width_of_output(r), r->c, r->scratch, r->scratch + 2 * square(r),
                             &r->alignment, err);
}

static enum status find_accuracy(struct output_measure *r, struct error *err)
{
    const size_t fitted = r->plan.probe_samples / 2, held_out = r->plan.probe_samples - fitted;
    enum status status = STATUS_OK;
#pragma omp parallel for num_threads(r->plan.threads) schedule(dynamic)
    for (size_t z = 0; z < r->latents; z++) {
        struct output_work *w = &r->work[omp_get_thread_num()];
        const uint8_t *label = r->label + z * r->feature_stride;
        struct error own;
        struct readout readout = {.features = width_of_output(r),
                                  .states = outputs_tree(r)->states,
                                  .ridge = r->plan.ridge,
                                  .weights = w->weights};
        if (!readout_fit(&readout, fitted, r->feature, r->feature_stride, label, w->fit, &own))
            r->accuracy[z] = readout_accuracy(&readout, held_out, r->feature + fitted,
                                              r->feature_stride, label + fitted);
        else
#pragma omp critical
            status = error_set(err, own.status, "%s", own.message);
    }
    r->mean_accuracy = 0;
    for (size_t z = 0; z < r->latents; z++)
        r->mean_accuracy += r->accuracy[z] / (double)r->latents;
    return status;
}

enum status outputs_from_moments(struct output_measure *r, const double *parameters,
                                 const double *target, const double *predictor, struct error *err)
{
    const size_t n = width_of_output(r);
    const double shared = matrix_trace(n, r->f);
    r->sigma2 = shared != 0 ? matrix_trace(n, r->c) / shared - 1 : 0;
    r->tau = shared != 0 ? matrix_trace(n, r->d) / shared : 0;
    r->target_cosine =
        parameters ? cosine(r->plan.network->parameters, target ? target : parameters, parameters)
                   : NAN;
    for (size_t i = 0; i < square(r); i++)
        r->balance[i] = NAN;
    return outputs_has_matrix(r) ? find_alignment(r, parameters, predictor, err)
                                 : find_spectrum(r, err);
}

enum status outputs_measure(struct output_measure *r, double *parameters, double *target,
                            const double *predictor, uint64_t seed, uint64_t epoch,
                            struct error *err)
{
    const struct evaluation e = {
        .parameters = parameters, .target = target, .seed = seed, .epoch = epoch};
    find_moments(r, &e);
    enum status status = outputs_from_moments(r, parameters, target, predictor, err);
    return status ? status : find_accuracy(r, err);
}
