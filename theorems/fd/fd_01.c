/* FD-1: masks decouple dense features */
#include "core/extreme.h"
#include "sim/data/sources/sources.h"
#include "theorems/claims.h"
#include "theorems/draw.h"
#include "theorems/fd/fd.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 12, MOST_NOISE = 7, NEURONS = 6, MOST_FEATURES = 6 };

/* Neurons and one sample, x = M z + noise. */
struct instance {
    int inputs;
    double w[NEURONS][MOST], signal[MOST], noise[MOST], sd;
};

/* `features` random orthonormal columns of length `inputs`, by Gram and Schmidt. */
static void draw_columns(gsl_rng *rng, int features, int inputs, double column[][MOST])
{
    for (int j = 0; j < features; j++) {
        draw_normal(rng, 1, (size_t)inputs, column[j]);
        for (int turn = 0; turn < 2; turn++)
            for (int other = 0; other < j; other++) {
                double dot = 0;
                for (int i = 0; i < inputs; i++)
                    dot += column[j][i] * column[other][i];
                for (int i = 0; i < inputs; i++)
                    column[j][i] -= dot * column[other][i];
            }
        double square = 0;
        for (int i = 0; i < inputs; i++)
            square += column[j][i] * column[j][i];
        for (int i = 0; i < inputs; i++)
            column[j][i] /= sqrt(square);
    }
}

/* Some instances have one input. */
static struct instance draw_instance(const struct trial *trial, int most)
{
    gsl_rng *rng = trial->rng;
    struct instance d = {.inputs = trial->instance % 5 == 4 ? 1 : draw_between(rng, 2, most),
                         .sd = gsl_ran_flat(rng, 0.2, 1)};
    double column[MOST_FEATURES][MOST];
    const int features = draw_between(rng, 1, d.inputs < MOST_FEATURES ? d.inputs : MOST_FEATURES);
    draw_columns(rng, features, d.inputs, column);
    for (int j = 0; j < features; j++) {
        const double z = j == 0 ? 1 : draw_between(rng, -1, 1); /* one feature at least */
        for (int i = 0; i < d.inputs; i++)
            d.signal[i] += z * column[j][i];
    }
    draw_normal(rng, d.sd, (size_t)d.inputs, d.noise);
    for (int n = 0; n < NEURONS; n++)
        draw_normal(rng, 1, (size_t)d.inputs, d.w[n]);
    return d;
}

/* <w, 2 D x>, D the bits of `mask` */
static double masked(int inputs, const double *w, const double *x, unsigned mask)
{
    double sum = 0;
    for (int i = 0; i < inputs; i++)
        sum += mask >> i & 1 ? 2 * w[i] * x[i] : 0;
    return sum;
}

static double product(int inputs, const double *w, const double *x)
{
    double sum = 0;
    for (int i = 0; i < inputs; i++)
        sum += w[i] * x[i];
    return sum;
}

/* <w, x>^2 - sum_i w_i^2 x_i^2, without cancellation: the sum over pairs of different inputs */
static double of_pairs(int inputs, const double *w, const double *x)
{
    double sum = 0;
    for (int i = 0; i < inputs; i++)
        for (int k = 0; k < i; k++)
            sum += 2 * w[i] * x[i] * w[k] * x[k];
    return sum;
}

/* E_D[<w, 2 D x><w, 2 (I - D) x>] */
static double complementary(int inputs, const double *w, const double *x)
{
    const unsigned masks = 1u << inputs;
    double sum = 0;
    for (unsigned mask = 0; mask < masks; mask++)
        sum += masked(inputs, w, x, mask) * masked(inputs, w, x, ~mask) / masks;
    return sum;
}

/* E_{D, D'}[<w, 2 D x><w, 2 D' x>] */
static double independent(int inputs, const double *w, const double *x)
{
    const unsigned masks = 1u << inputs;
    double sum = 0;
    for (unsigned mask = 0; mask < masks; mask++)
        sum += masked(inputs, w, x, mask) / masks;
    return sum * sum;
}

/* No mask: both views are x. */
static double unmasked(int inputs, const double *w, const double *x)
{
    const double sum = product(inputs, w, x);
    return sum * sum;
}

typedef double correlation(int inputs, const double *w, const double *x);

static correlation *const kinds[] = {complementary, independent, unmasked};

enum { COMPLEMENTARY, INDEPENDENT, UNMASKED, KINDS = sizeof kinds / sizeof *kinds };

/* The views of control k - 1, which keep the masks complementary where hypotheses are restored. */
static correlation *kind_of(const struct trial *trial, int k)
{
    return kinds[trial->restored ? COMPLEMENTARY : k];
}

/* The error of each kind of views against the prediction for complementary ones. */
static void compare(const struct trial *trial, double measured[KINDS][NEURONS],
                    const double *predicted, struct reading *reading)
{
    plant(trial, measured[0], NEURONS);
    reading->error = relative_error(measured[0], predicted, NEURONS);
    for (int k = 1; k < KINDS; k++)
        reading->control[k - 1] = relative_error(measured[k], predicted, NEURONS);
}

static enum status measure_sample(const struct trial *trial, struct reading *reading)
{
    const struct instance d = draw_instance(trial, MOST);
    double x[MOST], measured[KINDS][NEURONS], predicted[NEURONS];
    for (int i = 0; i < d.inputs; i++)
        x[i] = d.signal[i] + d.noise[i];
    for (int n = 0; n < NEURONS; n++) {
        for (int k = 0; k < KINDS; k++)
            measured[k][n] = kind_of(trial, k)(d.inputs, d.w[n], x);
        predicted[n] = of_pairs(d.inputs, d.w[n], x);
    }
    compare(trial, measured, predicted, reading);
    return STATUS_OK;
}

/* E over noise of entries +-sd, whose first and second moments equal the normal's. */
static double over_noise(const struct instance *d, const double *w, correlation *views)
{
    const unsigned signs = 1u << d->inputs;
    double sum = 0, x[MOST];
    for (unsigned sign = 0; sign < signs; sign++) {
        for (int i = 0; i < d->inputs; i++)
            x[i] = d->signal[i] + (sign >> i & 1 ? d->sd : -d->sd);
        sum += views(d->inputs, w, x) / signs;
    }
    return sum;
}

static enum status measure_dense(const struct trial *trial, struct reading *reading)
{
    const struct instance d = draw_instance(trial, MOST_NOISE);
    double measured[KINDS][NEURONS], predicted[NEURONS];
    for (int n = 0; n < NEURONS; n++) {
        for (int k = 0; k < KINDS; k++)
            measured[k][n] = over_noise(&d, d.w[n], kind_of(trial, k));
        predicted[n] = of_pairs(d.inputs, d.w[n], d.signal);
    }
    compare(trial, measured, predicted, reading);
    return STATUS_OK;
}

/* The dense part without complementary masks, sigma_xi^2 |w|^2, which those remove. */
static enum status measure_without(const struct trial *trial, struct reading *reading)
{
    const struct instance d = draw_instance(trial, MOST_NOISE);
    double measured[KINDS][NEURONS], predicted[NEURONS];
    for (int n = 0; n < NEURONS; n++) {
        struct instance dense = d;
        memset(dense.signal, 0, sizeof dense.signal);
        for (int k = 0; k < KINDS; k++)
            measured[k][n] =
                over_noise(&dense, d.w[n], kinds[trial->restored && k == 0 ? INDEPENDENT : k]);
        predicted[n] = d.sd * d.sd * product(d.inputs, d.w[n], d.w[n]);
    }
    plant(trial, measured[2], NEURONS);
    reading->error = larger(relative_error(measured[1], predicted, NEURONS),
                            relative_error(measured[2], predicted, NEURONS));
    reading->control[0] = relative_error(measured[0], predicted, NEURONS);
    return STATUS_OK;
}

/* ---- the bound ---- */

/* Square sums for w: sum_i w_i^2 s_i^2 over |w|^2 times `size`, less 1. */
static double violation(const struct trial *trial, size_t n, const double *w, const double *s,
                        double size)
{
    double kept = 0, norm = 0;
    for (size_t i = 0; i < n; i++) {
        kept += w[i] * w[i] * s[i] * s[i];
        norm += w[i] * w[i];
    }
    plant(trial, &kept, 1);
    return kept / (norm * size) - 1;
}

/* For the samples of a block with features: w normal, w = M z (a neuron that has learned them), and
 * w where M z is largest, for which the bound is tight. */
static void measure_block(const struct trial *trial, size_t n, const double *signal,
                          struct reading *reading)
{
    double w[400], s[400];
    for (size_t sample = 0; sample < BLOCK; sample++) {
        double largest = 0, mean = 0;
        size_t where = 0;
        for (size_t i = 0; i < n; i++) {
            s[i] = signal[i * BLOCK + sample];
            mean += s[i] * s[i] / (double)n;
            if (s[i] * s[i] > largest) {
                largest = s[i] * s[i];
                where = i;
            }
        }
        if (largest == 0)
            continue;
        draw_normal(trial->rng, 1, n, w);
        reading->error =
            larger(violation(trial, n, w, s, largest), violation(trial, n, s, s, largest));
        reading->control[0] = violation(trial, n, s, s, trial->restored ? largest : mean);
        memset(w, 0, n * sizeof *w);
        w[where] = 1;
        reading->error = larger(reading->error, violation(trial, n, w, s, largest));
        return;
    }
}

static enum status measure_bound(const struct trial *trial, struct reading *reading)
{
    void *world;
    const int64_t features = draw_between(trial->rng, 3, 20);
    const int64_t dimension = features * draw_between(trial->rng, 1, 20);
    enum status status = fd_open_source(features, dimension, 0.3, "complementary",
                                        gsl_rng_get(trial->rng), &world, trial->err);
    if (status)
        return status;
    const struct dictionary *d = source_dictionary(&source_sparse_coding, world);
    const size_t size = d->inputs * BLOCK, bytes = source_sparse_coding.scratch_size(world);
    double *signal = malloc((2 * size + d->features * BLOCK) * sizeof *signal + bytes);
    if (!signal)
        status = error_memory(trial->err, "a block of samples");
    else {
        double *noise = signal + size, *z = noise + size;
        const struct draw draw = {.seed = trial->seed, .purpose = PURPOSE_CLAIM};
        source_sparse_coding.features->draw(world, draw, z + d->features * BLOCK, z, signal, noise);
        reading->error = reading->control[0] = -1;
        measure_block(trial, d->inputs, signal, reading);
    }
    free(signal);
    source_sparse_coding.close(world);
    return status;
}

static const struct part parts[] = {
    {.statement = "one sample: E_D[<w, 2 D x><w, 2 (I - D) x>] = <w, x>^2 - sum_i w_i^2 x_i^2",
     .measured = "Left: the mean over all 2^d_1 masks, d_1 = 1 ... 12, for six neurons and one x = "
                 "M z + xi. Relative error of the six.",
     .controls = {"masks that are independent", "no augmentation: both views are x"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.001},
     .measure = measure_sample},
    {.statement = "dense noise: E_{D,xi}[<w, 2 D x><w, 2 (I - D) x>] = <w, M z>^2 - sum_i w_i^2 "
                  "(M z)_i^2, nothing of xi",
     .measured = "Left: the mean over all masks and over noise of entries +-sigma_xi, which has "
                 "the normal's first and second moments; no others enter.",
     .controls = {"masks that are independent", "no augmentation: both views are x"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.01},
     .measure = measure_dense},
    {.statement = "without decoupling: the dense part of independent masks and of x itself is "
                  "sigma_xi^2 |w|^2",
     .measured = "The same means with z = 0.",
     .controls = {"complementary masks"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.01},
     .measure = measure_without},
    {.statement = "lost part: sum_i w_i^2 (M z)_i^2 <= |w|^2 max_i (M z)_i^2",
     .measured = "M z of the data source, d = 3 ... 20, d_1 up to 20 d; w normal, w = M z, and w "
                 "where |M z| is largest, where both sides are equal. The violation is left over "
                 "right minus 1.",
     .controls = {"the mean of (M z)_i^2 in place of the largest, w = M z"},
     .kind = PART_BOUND,
     .plan = {.instances = 1000, .quick = 20, .cost = 0.0005},
     .measure = measure_bound},
    {.statement = "views: x_1 = 2 D x and x_+ = 2 (I - D) x, D diagonal of 0 and 1",
     .measured = "4096 samples of the source sparse_coding, drawn as training draws them, and the "
                 "same samples without masks: x_1 + x_+ against 2 x, and x_1 (2 x - x_1), entry by "
                 "entry, against 0.",
     .controls = {"masks that are independent", "no augmentation: both views are x"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 20, .quick = 2, .cost = 0.002},
     .measure = fd_measure_views},
    {.statement = "drawn: the source's views have E[<w, x_1><w, x_+>] = E[<w, x>^2 - sum_i w_i^2 "
                  "x_i^2]",
     .measured = "The same samples and six neurons: the largest distance from 0, in standard "
                 "errors, of the means of the difference and of its product with the right side, "
                 "as a p-value.",
     .controls = {"masks that are independent", "no augmentation: both views are x"},
     .kind = PART_TEST,
     .plan = {.instances = 10, .quick = 2, .cost = 0.005},
     .measure = fd_measure_drawn},
};

const struct claim claim_fd_1 = {
    .about = {.name = "FD-1",
              .doc = "With complementary masks a neuron's responses to two views of one sample "
                     "correlate through pairs of different inputs only: dense noise, which is "
                     "independent from input to input, contributes nothing, and a sparse feature "
                     "that is spread over many inputs keeps nearly all.",
              .source = "[FD], the principle of feature decoupling"},
    .title = "Decoupling",
    .formula = "E_D[<w, 2 D x><w, 2 (I - D) x>] = <w, x>^2 - sum_i w_i^2 x_i^2",
    .hypotheses = "D diagonal with independent entries 0 or 1 of probability 1/2; noise of "
                  "independent entries with mean 0.",
    ALL_PARTS(parts),
};
