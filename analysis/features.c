#include "analysis/features.h"

#include "analysis/readout.h"
#include "core/extreme.h"
#include "core/norm.h"
#include "core/normal.h"
#include "sim/net/batch.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 3, NO_LABEL = 2 }; /* x, M z and xi: the views of a batch */

struct features_work {
    struct batch batch;
    double *z, *part; /* [feature][BLOCK]; [PARTS][input][BLOCK] */
    double *product;  /* [feature][BLOCK] M^T x */
    void *scratch;
};

static const struct dictionary *dictionary_of(const struct features *f)
{
    return source_dictionary(f->plan.source, f->plan.world);
}

static size_t outputs_of(const struct features *f)
{
    return (size_t)f->plan.network->level[0].width;
}

static const struct level *lowest_level(const struct features *f)
{
    return &f->plan.network->level[f->plan.network->levels - 1];
}

static size_t most(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* ---- plan ---- */

static void layout_work(const struct features *f, struct features_work *w, struct arena *arena)
{
    const struct dictionary *d = dictionary_of(f);
    batch_layout_views(&w->batch, f->plan.network, PARTS, BLOCK, 0, arena);
    w->z = ARENA_TAKE(arena, double, d->features *BLOCK);
    w->product = ARENA_TAKE(arena, double, d->features *BLOCK);
    w->part = ARENA_TAKE(arena, double, PARTS * d->inputs * BLOCK);
    w->scratch = ARENA_TAKE(arena, uint8_t, f->plan.source->scratch_size(f->plan.world));
}

void features_layout(struct features *f, const struct features_plan *plan, struct arena *arena)
{
    *f = (struct features){.plan = *plan};
    f->neurons = (size_t)lowest_level(f)->width;
    f->count = dictionary_of(f)->features;
    f->stride = (plan->samples + BLOCK - 1) / BLOCK * BLOCK;
    f->cosine = ARENA_TAKE(arena, double, f->neurons * f->count);
    f->columns = ARENA_TAKE(arena, double, f->neurons);
    f->learners = ARENA_TAKE(arena, double, f->count);
    f->outside = ARENA_TAKE(arena, double, f->neurons);
    f->work = ARENA_TAKE(arena, struct features_work, (size_t)plan->threads);
    for (int i = 0; i < plan->threads; i++) {
        struct features_work counted = {0}; /* it points into itself: laid out in place */
        layout_work(f, arena->base ? &f->work[i] : &counted, arena);
    }
    const size_t widest = most(outputs_of(f), f->count);
    f->readout = ARENA_TAKE(arena, double, f->count);
    f->output = ARENA_TAKE(arena, double, outputs_of(f) * f->stride);
    f->posterior = ARENA_TAKE(arena, double, f->count * f->stride);
    f->signal_cosines = ARENA_TAKE(arena, double, f->stride);
    f->noise_cosines = ARENA_TAKE(arena, double, f->stride);
    f->fit = ARENA_TAKE(arena, double, readout_weights(widest, 2) + readout_work(widest, 2));
    f->label = ARENA_TAKE(arena, uint8_t, f->stride);
    if (arena->base)
        normal_once(plan->seed, ONCE_READOUT, f->count, f->readout);
}

/* ---- weights ---- */

static int descending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* How many of `share`, which is sorted, make up 90% of their sum. */
static size_t carriers(size_t count, double *share)
{
    double sum = 0, carried = 0;
    size_t k = 0;
    qsort(share, count, sizeof *share, descending);
    for (size_t j = 0; j < count; j++)
        sum += share[j];
    while (k < count && carried < 0.9 * sum)
        carried += share[k++];
    return k;
}

/* share: work, [feature] */
static void find_neuron(struct features *f, const double *w, size_t i, double *share)
{
    const struct dictionary *d = dictionary_of(f);
    const double norm = cblas_dnrm2((int)d->inputs, w, 1);
    double inside = 0;
    for (size_t j = 0; j < f->count; j++) {
        const double along = cblas_ddot((int)d->inputs, w, 1, d->column + j * d->inputs, 1);
        const double cosine = norm > 0 ? fabs(along) / norm : 0;
        f->cosine[i * f->count + j] = cosine;
        share[j] = cosine * cosine;
        inside += share[j];
        f->learners[j] += share[j] > 0.5;
    }
    f->outside[i] = norm > 0 ? fmax(0, 1 - inside) : 0;
    f->columns[i] = (double)carriers(f->count, share);
}

static double mean_of(const double *value, size_t count)
{
    double sum = 0, counted = 0;
    for (size_t i = 0; i < count; i++)
        if (!isnan(value[i])) {
            sum += value[i];
            counted++;
        }
    return counted > 0 ? sum / counted : NAN;
}

static void summarise_weights(struct features *f)
{
    f->share_of_columns = mean_of(f->columns, f->neurons) / (double)f->count;
    f->inside = 1 - mean_of(f->outside, f->neurons);
    f->best_cosine = f->learned = 0;
    for (size_t j = 0; j < f->count; j++) {
        double best = 0;
        for (size_t i = 0; i < f->neurons; i++)
            best = larger(best, f->cosine[i * f->count + j]);
        f->best_cosine += best / (double)f->count;
        f->learned += (f->learners[j] > 0) / (double)f->count;
    }
}

static void find_weights(struct features *f, const double *parameters)
{
    const struct level *level = lowest_level(f);
    memset(f->learners, 0, f->count * sizeof *f->learners);
    for (size_t i = 0; i < f->neurons; i++)
        find_neuron(f, parameters + level->weights + i * (size_t)level->fan_in, i, f->fit);
    summarise_weights(f);
}

/* ---- outputs ---- */

/* E[z | y] for y = z + noise, normal with this variance */
static double posterior_mean(const struct dictionary *d, double y)
{
    if (d->noise == 0)
        return y > 0.5 ? 1 : y < -0.5 ? -1 : 0;
    /* odds of z = 1 and z = -1 against 0, over those at y = 0 */
    const double plus = log(d->sparsity / 2) + (y - 0.5) / d->noise;
    const double minus = log(d->sparsity / 2) - (y + 0.5) / d->noise;
    const double none = log1p(-d->sparsity), top = fmax(none, fmax(plus, minus));
    const double up = exp(plus - top), down = exp(minus - top);
    return (up - down) / (up + down + exp(none - top));
}

/* x, M z and xi of a block into the views of the thread's batch, and M^T x. */
static void draw_block(const struct features *f, struct features_work *w, uint64_t epoch,
                       size_t block)
{
    const struct dictionary *d = dictionary_of(f);
    const size_t size = d->inputs * BLOCK;
    const struct draw draw = {
        .seed = f->plan.seed, .purpose = PURPOSE_MEASURE, .epoch = epoch, .block = block};
    double *x = w->part, *signal = x + size, *noise = signal + size;
    f->plan.source->features->draw(f->plan.world, draw, w->scratch, w->z, signal, noise);
    for (size_t i = 0; i < size; i++)
        x[i] = signal[i] + noise[i];
    for (int view = 0; view < PARTS; view++)
        batch_set_values(&w->batch, view, w->part + (size_t)view * size, BLOCK);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)d->features, BLOCK, (int)d->inputs,
                1, d->column, (int)d->inputs, x, BLOCK, 0, w->product, BLOCK);
}

/* The cosine of two columns whose squares overflow or vanish. */
static double cosine_of_any_size(size_t width, const double *a, const double *b, size_t stride)
{
    const double of_a = inverse_of_norm(norm_of(width, a, stride));
    const double of_b = inverse_of_norm(norm_of(width, b, stride));
    double cosine = 0;
    for (size_t k = 0; k < width; k++)
        cosine += a[k * stride] * of_a * (b[k * stride] * of_b);
    return cosine;
}

/* Cosine of the outputs for x and for another part of sample s; 0 where one vanishes. */
static double output_cosine(const struct outputs *o, int view, size_t s)
{
    double dot = 0, first = 0, second = 0;
    for (int k = 0; k < o->width; k++) {
        const double a = o->f[output_index(o, 0, k, s)], b = o->f[output_index(o, view, k, s)];
        dot += a * b;
        first += a * a;
        second += b * b;
    }
    if (square_is_safe(first) && square_is_safe(second))
        return dot / (sqrt(first) * sqrt(second));
    return cosine_of_any_size((size_t)o->width, o->f + output_index(o, 0, 0, s),
                              o->f + output_index(o, view, 0, s), o->stride);
}

static void keep_sample(struct features *f, const struct features_work *w, size_t s, size_t at)
{
    double projection = 0;
    bool some = false;
    for (size_t j = 0; j < f->count; j++) {
        projection += f->readout[j] * w->z[j * BLOCK + s];
        some |= w->z[j * BLOCK + s] != 0;
    }
    f->label[at] = projection > 0 ? 1 : projection < 0 ? 0 : NO_LABEL;
    f->signal_cosines[at] = some ? output_cosine(&w->batch.outputs, 1, s) : NAN;
    f->noise_cosines[at] = some ? output_cosine(&w->batch.outputs, 2, s) : NAN;
}

static void measure_block(struct features *f, struct features_work *w, double *parameters,
                          uint64_t epoch, size_t block)
{
    const size_t first = block * BLOCK;
    draw_block(f, w, epoch, block);
    batch_forward(&w->batch, parameters);
    for (size_t s = 0; s < BLOCK; s++)
        keep_sample(f, w, s, first + s);
    for (size_t k = 0; k < outputs_of(f); k++)
        memcpy(f->output + k * f->stride + first,
               w->batch.outputs.f + output_index(&w->batch.outputs, 0, (int)k, 0),
               BLOCK * sizeof *f->output);
    for (size_t j = 0; j < f->count; j++)
        for (size_t s = 0; s < BLOCK; s++)
            f->posterior[j * f->stride + first + s] =
                posterior_mean(dictionary_of(f), w->product[j * BLOCK + s]);
}

/* ---- readouts ---- */

/* Move the samples that have a label to the front; returns how many there are. */
static size_t keep_labelled(struct features *f)
{
    size_t kept = 0;
    for (size_t s = 0; s < f->plan.samples; s++) {
        if (f->label[s] == NO_LABEL)
            continue;
        for (size_t k = 0; k < outputs_of(f); k++)
            f->output[k * f->stride + kept] = f->output[k * f->stride + s];
        for (size_t j = 0; j < f->count; j++)
            f->posterior[j * f->stride + kept] = f->posterior[j * f->stride + s];
        f->label[kept++] = f->label[s];
    }
    return kept;
}

static double sum_of_squares(size_t rows, size_t stride, size_t samples, const double *value)
{
    double square = 0;
    for (size_t k = 0; k < rows; k++)
        for (size_t s = 0; s < samples; s++)
            square += value[k * stride + s] * value[k * stride + s];
    return square;
}

/* So that the squares neither overflow nor vanish; NaN where a value is not finite. */
static void divide_by_largest(size_t rows, size_t stride, size_t samples, double *value)
{
    double largest = 0;
    for (size_t k = 0; k < rows; k++)
        for (size_t s = 0; s < samples; s++)
            largest = larger(largest, fabs(value[k * stride + s]));
    for (size_t k = 0; k < rows; k++)
        for (size_t s = 0; s < samples && largest != 0; s++)
            value[k * stride + s] /= largest;
}

/* Divide by the root of the mean square, so that the ridge means the same for all networks. */
static void scale(size_t rows, size_t stride, size_t samples, double *value)
{
    double square = sum_of_squares(rows, stride, samples, value);
    if (!square_is_safe(square)) {
        divide_by_largest(rows, stride, samples, value);
        square = sum_of_squares(rows, stride, samples, value);
    }
    const double factor = square > 0 ? sqrt((double)(rows * samples) / square) : 1;
    for (size_t k = 0; k < rows; k++)
        for (size_t s = 0; s < samples; s++)
            value[k * stride + s] *= factor;
}

/* Fit on the first half of `samples`, try on the rest. */
static enum status read_out(const struct features *f, size_t rows, double *value, size_t samples,
                            double *accuracy, struct error *err)
{
    const size_t half = samples / 2;
    struct readout readout = {
        .features = rows, .states = 2, .ridge = f->plan.ridge, .weights = f->fit};
    scale(rows, f->stride, samples, value);
    enum status status = readout_fit(&readout, half, value, f->stride, f->label,
                                     f->fit + readout_weights(rows, 2), err);
    *accuracy = status ? NAN
                       : readout_accuracy(&readout, samples - half, value + half, f->stride,
                                          f->label + half);
    return status;
}

static enum status find_accuracies(struct features *f, struct error *err)
{
    const size_t labelled = keep_labelled(f), half = labelled / 2;
    size_t positive = 0;
    f->accuracy = f->oracle = f->chance = f->readout_share = NAN;
    if (half == 0)
        return STATUS_OK;
    for (size_t s = half; s < labelled; s++)
        positive += f->label[s];
    const double share = (double)positive / (double)(labelled - half);
    f->chance = fmax(share, 1 - share);
    enum status status = read_out(f, outputs_of(f), f->output, labelled, &f->accuracy, err);
    if (!status)
        status = read_out(f, f->count, f->posterior, labelled, &f->oracle, err);
    f->readout_share =
        f->oracle > f->chance ? (f->accuracy - f->chance) / (f->oracle - f->chance) : NAN;
    return status;
}

enum status features_measure(struct features *f, double *parameters, uint64_t epoch,
                             struct error *err)
{
    find_weights(f, parameters);
#pragma omp parallel for num_threads(f->plan.threads) schedule(dynamic)
    for (size_t block = 0; block < f->stride / BLOCK; block++)
        measure_block(f, &f->work[omp_get_thread_num()], parameters, epoch, block);
    f->signal_cosine = mean_of(f->signal_cosines, f->plan.samples);
    f->noise_cosine = mean_of(f->noise_cosines, f->plan.samples);
    return find_accuracies(f, err);
}
