/* E5: the losses nce and subtract of the published code */
#include "core/extreme.h"
#include "sim/loss/objectives/objectives.h"
#include "theorems/claims.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct batch_settings {
    int64_t samples, outputs;
};

static const struct param batch_params[] = {
    INTEGER_PARAM(struct batch_settings, samples, "40", 3, 4096, "samples of a batch, at most"),
    INTEGER_PARAM(struct batch_settings, outputs, "8", 3, 256, "outputs of the network, at most"),
    {0}};

/* ---- a batch of outputs ---- */

enum { ANCHOR, POSITIVE_VIEW, NEGATIVE_VIEW, VIEWS };

/* f, df: [view][output][stride].  Loss and gradient of an objective are `values` numbers: the loss,
 * then [view][output][sample]. */
struct drawn_batch {
    size_t samples, stride, values;
    int width;
    double tau;
    double *block, *f, *df, *measured, *predicted;
};

static enum status draw_batch(struct drawn_batch *c, const struct trial *trial)
{
    const struct batch_settings *s = trial->settings;
    *c = (struct drawn_batch){
        .samples = 3 + gsl_rng_uniform_int(trial->rng, (unsigned long)s->samples - 2),
        .width = 3 + (int)gsl_rng_uniform_int(trial->rng, (unsigned long)s->outputs - 2),
        .tau = gsl_ran_flat(trial->rng, 0.1, 1)};
    c->stride = (c->samples + 7) / 8 * 8;
    size_t size = VIEWS * (size_t)c->width * c->stride;
    c->values = 1 + VIEWS * (size_t)c->width * c->samples;
    c->block = calloc(2 * size + 2 * c->values, sizeof *c->block);
    if (!c->block)
        return error_memory(trial->err, "a batch of %zu", c->samples);
    c->f = c->block;
    c->df = c->f + size;
    c->measured = c->df + size;
    c->predicted = c->measured + c->values;
    size_t view = (size_t)c->width * c->stride;
    for (size_t i = 0; i < view; i++) {
        c->f[i] = gsl_ran_gaussian(trial->rng, 0.7);
        c->f[POSITIVE_VIEW * view + i] = c->f[i] + gsl_ran_gaussian(trial->rng, 0.3);
        c->f[NEGATIVE_VIEW * view + i] = gsl_ran_gaussian(trial->rng, 0.7);
    }
    return STATUS_OK;
}

static double output(const struct drawn_batch *c, int view, int k, size_t s)
{
    return c->f[((size_t)view * (size_t)c->width + (size_t)k) * c->stride + s];
}

static double *slot(const struct drawn_batch *c, double *values, int view, int k, size_t s)
{
    return values + 1 + ((size_t)view * (size_t)c->width + (size_t)k) * c->samples + s;
}

static enum status run_objective(const struct drawn_batch *c, const struct objective *objective,
                                 const void *settings, double *values, struct error *err)
{
    const struct outputs outputs = {.samples = c->samples,
                                    .stride = c->stride,
                                    .width = c->width,
                                    .views = VIEWS,
                                    .f = c->f,
                                    .df = c->df};
    const struct loss_plan plan = {.objective = objective,
                                   .settings = settings,
                                   .width = c->width,
                                   .samples = c->samples,
                                   .stride = c->stride};
    enum status status = loss_once(&plan, &outputs, &values[0], err);
    for (int v = 0; v < VIEWS; v++)
        for (int k = 0; k < c->width; k++)
            for (size_t s = 0; s < c->samples; s++)
                *slot(c, values, v, k, s) = c->df[output_index(&outputs, v, k, s)];
    return status;
}

/* ---- in closed form ---- */

/* Mean squared difference of the outputs of anchor and another view, samples [begin, end). */
static double mean_square(const struct drawn_batch *c, int view, size_t begin, size_t end)
{
    double sum = 0;
    for (int k = 0; k < c->width; k++)
        for (size_t s = begin; s < end; s++)
            sum += pow(output(c, ANCHOR, k, s) - output(c, view, k, s), 2);
    return sum / (double)((end - begin) * (size_t)c->width);
}

/* Add the gradient of weight (P - N), P and N means over samples [begin, end). */
static void add_gradient(const struct drawn_batch *c, double weight, size_t begin, size_t end,
                         double *values)
{
    double scale = 2 * weight / (double)((end - begin) * (size_t)c->width);
    for (int k = 0; k < c->width; k++)
        for (size_t s = begin; s < end; s++) {
            double f = output(c, ANCHOR, k, s), plus = output(c, POSITIVE_VIEW, k, s);
            double minus = output(c, NEGATIVE_VIEW, k, s);
            *slot(c, values, ANCHOR, k, s) += scale * (minus - plus);
            *slot(c, values, POSITIVE_VIEW, k, s) += scale * (plus - f);
            *slot(c, values, NEGATIVE_VIEW, k, s) += scale * (f - minus);
        }
}

/* -e^{-P/tau} / (e^{-P/tau} + e^{-N/tau}) of each group of `group` samples, then their mean. */
static void softmax_weight(const struct drawn_batch *c, size_t group, double *values)
{
    memset(values, 0, c->values * sizeof *values);
    for (size_t begin = 0; begin < c->samples; begin += group) {
        double share = (double)group / (double)c->samples;
        double p = exp(-mean_square(c, POSITIVE_VIEW, begin, begin + group) / c->tau);
        double n = exp(-mean_square(c, NEGATIVE_VIEW, begin, begin + group) / c->tau);
        values[0] -= share * p / (p + n);
        add_gradient(c, share * p * n / ((p + n) * (p + n) * c->tau), begin, begin + group, values);
    }
}

/* P - N of the whole batch */
static void difference(const struct drawn_batch *c, double *values)
{
    memset(values, 0, c->values * sizeof *values);
    values[0] =
        mean_square(c, POSITIVE_VIEW, 0, c->samples) - mean_square(c, NEGATIVE_VIEW, 0, c->samples);
    add_gradient(c, 1, 0, c->samples, values);
}

/* ---- measurements ---- */

/* The larger of the errors of the loss and of the gradient. */
static double error_of(const struct drawn_batch *c, const double *measured, const double *predicted)
{
    return larger(relative_error(measured, predicted, 1),
                  relative_error(measured + 1, predicted + 1, c->values - 1));
}

static void plant_both(const struct drawn_batch *c, const struct trial *trial)
{
    plant(trial, c->measured, 1);
    plant(trial, c->measured + 1, c->values - 1);
}

static enum status measure_nce(const struct trial *trial, struct reading *reading)
{
    struct drawn_batch c;
    enum status status = draw_batch(&c, trial);
    if (status)
        return status;
    const struct temperature_settings settings = {c.tau};
    const struct infonce_settings one_negative = {.tau = c.tau, .negatives = 1};
    const bool keep = trial->restored;
    softmax_weight(&c, c.samples, c.predicted);
    status = run_objective(&c, &objective_reference_nce, &settings, c.measured, trial->err);
    plant_both(&c, trial);
    reading->error = error_of(&c, c.measured, c.predicted);
    if (!status)
        status =
            run_objective(&c, keep ? &objective_reference_nce : &objective_infonce,
                          keep ? (const void *)&settings : &one_negative, c.measured, trial->err);
    reading->control[0] = error_of(&c, c.measured, c.predicted);
    softmax_weight(&c, keep ? c.samples : 1, c.measured);
    reading->control[1] = error_of(&c, c.measured, c.predicted);
    free(c.block);
    return status;
}

static enum status measure_subtract(const struct trial *trial, struct reading *reading)
{
    struct drawn_batch c;
    enum status status = draw_batch(&c, trial);
    if (status)
        return status;
    difference(&c, c.predicted);
    status = run_objective(&c, &objective_reference_subtract, NULL, c.measured, trial->err);
    plant_both(&c, trial);
    reading->error = error_of(&c, c.measured, c.predicted);
    if (!status)
        status =
            run_objective(&c, trial->restored ? &objective_reference_subtract : &objective_simple,
                          NULL, c.measured, trial->err);
    reading->control[0] = error_of(&c, c.measured, c.predicted);
    free(c.block);
    return status;
}

static const struct part parts[] = {
    {.statement = "nce: loss = -e^{-P/tau} / (e^{-P/tau} + e^{-N/tau}), P and N mean squared "
                  "differences over the batch and the outputs",
     .measured = "Loss and gradient with respect to the outputs of reference_nce, as training "
                 "computes them, against the formula and its derivative.",
     .controls = {"infonce with one negative: the logarithm, and distances of each sample",
                  "the weight of each sample's own distances, then averaged"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 6, .cost = 0.0002},
     .measure = measure_nce},
    {.statement = "subtract: loss = P - N, which is 2 / outputs times the simple loss",
     .measured = "Loss and gradient with respect to the outputs of reference_subtract, as training "
                 "computes them, against the formula and its derivative.",
     .controls = {"the simple loss r_+ - r_- itself"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 6, .cost = 0.0002},
     .measure = measure_subtract},
};

const struct claim claim_e5 = {
    .about = {.name = "E5",
              .doc = "The loss that the published code calls nce is minus the softmax weight of "
                     "the positive, without the logarithm, of distances averaged over the whole "
                     "batch and the outputs: it is not InfoNCE. Its subtract is the simple loss up "
                     "to a factor.",
              .source = "code published with [DDN]; erratum E5",
              .params = batch_params,
              .settings_size = sizeof(struct batch_settings)},
    .title = "The published losses",
    .formula = "nce = -logistic((N - P) / tau), subtract = P - N; P = mean |f_1 - f_+|^2 over "
               "batch and outputs, N the same with f_-",
    .hypotheses = "Any batch of outputs, normalised or not.",
    ALL_PARTS(parts),
};
