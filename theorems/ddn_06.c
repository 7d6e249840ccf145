/* DDN-6: the weighted operator for triplet and infonce, with residual */
#include "sim/objectives/objectives.h"
#include "theorems/claims.h"
#include "theorems/dual.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCALES = 8 };

/* Standard deviation of views about their point at scale 1; the smallest scale, 2^-9, is drawn, so
 * that the network is alive there. */
static const double spread = 0.5, smallest = 1.0 / 512;

struct loss {
    const struct objective *objective;
    union {
        struct triplet_settings triplet;
        struct infonce_settings infonce;
    } settings;
};

static struct loss draw_loss(gsl_rng *rng, bool infonce)
{
    double tau = gsl_ran_flat(rng, 0.3, 1), margin = gsl_ran_flat(rng, -0.5, 0.5);
    if (infonce)
        return (struct loss){&objective_infonce, {.infonce = {tau, 1}}};
    return (struct loss){&objective_triplet, {.triplet = {tau, margin}}};
}

/* xi(x, x') = dL/dr_+ at r_+ = 0, r_- = |E f_L(x) - E f_L(x')|^2 / 2 */
static void residual_weight(const struct dual *d, const struct loss *loss, double *xi)
{
    int points = d->data->points, outputs = d->view->outputs;
    for (int x = 0; x < points; x++)
        for (int y = 0; y < points; y++) {
            double d_minus,
                r = half_square(d->mean_f + x * outputs, d->mean_f + y * outputs, outputs);
            loss->objective->loss(&loss->settings, 1, 0, &r, &xi[x * points + y], &d_minus);
        }
}

static double distance(const double *a, const double *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum);
}

struct residuals {
    double with_weight, without; /* |-grad - operator vec(W)|, xi as it should be and xi = 1 */
};

static enum status residuals(const struct dual *d, const struct trial *trial,
                             const struct loss *loss, struct residuals *out, struct error *err)
{
    size_t size = d->network.parameters, pairs = (size_t)(d->data->points * d->data->points);
    double *measured = calloc(2 * size + pairs, sizeof *measured);
    if (!measured)
        return error_set(err, STATUS_SYSTEM, "no memory for gradients");
    double *predicted = measured + size, *xi = predicted + size;
    enum status status = dual_descent(d, trial, loss->objective, &loss->settings,
                                      (struct ensemble_options){0}, measured, err);
    residual_weight(d, loss, xi);
    dual_weighted_operator(d, xi, predicted);
    out->with_weight = distance(measured, predicted, size);
    for (size_t i = 0; i < pairs; i++)
        xi[i] = 1;
    dual_weighted_operator(d, xi, predicted);
    out->without = distance(measured, predicted, size);
    free(measured);
    return status;
}

/* Views at `scale` times their drawn distance from their mean. */
static void rescale(struct population *data, const double *original, const double *mean,
                    double scale)
{
    size_t inputs = (size_t)data->inputs;
    for (int c = 0; c < data->points * data->views; c++)
        for (size_t i = 0; i < inputs; i++) {
            double centre = mean[(size_t)(c / data->views) * inputs + i];
            double x = original[(size_t)c * inputs + i];
            data->x[(size_t)c * inputs + i] = centre + scale * (x - centre);
        }
}

/* Residuals at scales 1/4, 1/8, ... */
static enum status sweep(struct dual *d, const struct trial *trial, const struct loss *loss,
                         double *scale, struct residuals *out, struct error *err)
{
    struct population *data = d->data;
    size_t count = (size_t)(data->points * data->views) * (size_t)data->inputs;
    double *original = malloc(2 * count * sizeof *original), *mean = original + count;
    if (!original)
        return error_set(err, STATUS_SYSTEM, "no memory for data");
    memcpy(original, data->x, count * sizeof *original);
    population_mean_view(data, mean);
    enum status status = STATUS_OK;
    for (int i = 0; i < SCALES && !status; i++) {
        scale[i] = pow(2, -2 - i);
        rescale(data, original, mean, scale[i] / smallest);
        status = dual_refresh(d, true, err);
        if (!status)
            status = residuals(d, trial, loss, &out[i], err);
    }
    free(original);
    return status;
}

static enum status draw_and_sweep(const struct trial *trial, double *scale, struct residuals *out,
                                  struct error *err)
{
    struct dual d;
    enum status status = dual_draw(
        &d, trial, (struct dual_wish){.least_depth = 2, .spread = spread * smallest}, err);
    if (status)
        return status;
    struct loss loss = draw_loss(trial->rng, trial->instance % 2 == 0);
    status = sweep(&d, trial, &loss, scale, out, err);
    dual_free(&d);
    return status;
}

static enum status measure(const struct trial *trial, struct reading *reading, struct error *err)
{
    double scale[SCALES], with_weight[SCALES], without[SCALES];
    struct residuals residual[SCALES];
    enum status status = draw_and_sweep(trial, scale, residual, err);
    if (status)
        return status;
    for (int i = 0; i < SCALES; i++) {
        with_weight[i] = residual[i].with_weight;
        without[i] = residual[i].without;
    }
    struct slope s = log_log_slope(scale, with_weight, SCALES);
    reading->error = s.slope;
    reading->uncertainty = s.error;
    reading->control[0] = log_log_slope(scale, without, SCALES).slope;
    return STATUS_OK;
}

static enum status draw(const struct trial *trial, struct curves *curves, struct error *err)
{
    double scale[SCALES];
    struct residuals residual[2][SCALES];
    *curves = (struct curves){
        .title = "Residual of the weighted covariance operator",
        .x_label = "augmentation strength s",
        .y_label = "|-grad - OP vec(W)|",
        .caption = "Two drawn networks. With the weight of DDN-6 the residual "
                   "falls with the augmentation, by s^2, or by s where a ReLU gate has views on "
                   "both sides; with xi = 1 it stays.",
        .log_x = true,
        .log_y = true,
        .columns = 5,
        .name = {"s", "infonce", "triplet", "infonce, xi = 1", "triplet, xi = 1"}};
    for (int i = 0; i < 2; i++) {
        struct trial one = *trial;
        one.instance = i;
        enum status status = draw_and_sweep(&one, scale, residual[i], err);
        if (status)
            return status;
    }
    for (int i = 0; i < SCALES; i++) {
        double row[] = {scale[i], residual[0][i].with_weight, residual[1][i].with_weight,
                        residual[0][i].without, residual[1][i].without};
        enum status status = curves_add(curves, row, err);
        if (status)
            return status;
    }
    return STATUS_OK;
}

static const struct part parts[] = {
    {.statement = "residual: |-vec(grad_{W_l}) - OP_l vec(W_l)| = O(s) at least, s the strength of "
                  "augmentation",
     .measured = "Slope of the log of the residual against log s over 8 scales (1/4 to 1/512), "
                 "triplet and infonce with H = 1 in turn, views scaled about their mean.",
     .controls = {"xi = 1 in place of the weight"},
     .kind = PART_RATE,
     .tolerance = 0.05,
     .least = 1,
     .instances = 30,
     .quick = 4,
     .cost = 0.05,
     .measure = measure},
};

const struct claim claim_ddn_6 = {
    .about = {.name = "DDN-6",
              .doc = "For triplet and infonce with one negative the population gradient is the "
                     "weighted operator, with the weight taken at the mean outputs, up to a "
                     "residual that vanishes with the augmentation.",
              .source = "[DDN] Thm. 4",
              .params = dual_params,
              .settings_size = sizeof(struct dual_settings)},
    .title = "Weighted operator, with residual",
    .formula = "xi = dL/dr_+ at r_+ = 0, r_- = |E f_L(x) - E f_L(x')|^2 / 2; residual O(E sqrt(r "
               "tr V_{x'|x}[f_L]) + E tr V_{x'|x}[f_L])",
    .hypotheses = "H = 1; no biases; small augmentation.",
    .parts = parts,
    .part_count = sizeof parts / sizeof *parts,
    .draw = draw,
};
