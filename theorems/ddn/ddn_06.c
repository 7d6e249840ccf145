/* DDN-6: the weighted operator for triplet and infonce, with residual */
#include "theorems/ddn/ddn_06.h"
#include "theorems/claims.h"
#include "theorems/ddn/dual.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCALES = DDN_6_SCALES };

/* Standard deviation of views about their point at scale 1.  Views are drawn at the smallest scale,
 * 2^-9, so that the network is alive there. */
static const double spread = 0.5, smallest = 1.0 / 512;

static struct chosen_loss draw_loss(gsl_rng *rng, bool infonce)
{
    double tau = gsl_ran_flat(rng, 0.3, 1), margin = gsl_ran_flat(rng, -0.5, 0.5);
    if (infonce)
        return (struct chosen_loss){&objective_infonce, {.infonce = {.tau = tau, .negatives = 1}}};
    return (struct chosen_loss){&objective_triplet, {.triplet = {tau, margin}}};
}

/* xi(x, x') = dL/dr_+ at r_+ = 0, r_- = |E f_L(x) - E f_L(x')|^2 / 2 */
static void residual_weight(const struct dual *d, const struct chosen_loss *loss, double *xi)
{
    int points = d->data->points, outputs = d->view->outputs;
    for (int x = 0; x < points; x++)
        for (int y = 0; y < points; y++) {
            double r_plus = 0, d_minus,
                   r = half_square(d->mean_f + x * outputs, d->mean_f + y * outputs, outputs);
            sample_loss(loss->objective, &loss->settings, 1, &r_plus, &r, &xi[x * points + y],
                        &d_minus);
        }
}

static double distance(const double *a, const double *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum);
}

static enum status residuals(const struct dual *d, const struct trial *trial,
                             const struct chosen_loss *loss, struct ddn_6_residual *out)
{
    size_t size = d->network.parameters, pairs = (size_t)(d->data->points * d->data->points);
    double *measured = calloc(2 * size + pairs, sizeof *measured);
    if (!measured)
        return error_memory(trial->err, "gradients");
    double *predicted = measured + size, *xi = predicted + size;
    enum status status = dual_descent(d, trial, loss->objective, &loss->settings,
                                      (struct ensemble_options){0}, measured);
    out->gradient = distance(measured, predicted, size); /* from 0 */
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

/* Gates of hidden ReLUs that differ between views of one point. */
static int split_gates(const struct dual *d)
{
    const struct sample_connection *view = d->view;
    int split = 0;
    for (size_t i = 0; i < view->neurons && d->network.relu; i++) {
        bool found = false;
        for (int c = 0; c < view->samples; c++) {
            int first = c / d->data->views * d->data->views; /* view of the same point */
            found |= view->gate[(size_t)c * view->neurons + i] !=
                     view->gate[(size_t)first * view->neurons + i];
        }
        split += found;
    }
    return split;
}

/* Residuals at scales 1/4, 1/8, ... */
static enum status sweep(struct dual *d, const struct trial *trial, const struct chosen_loss *loss,
                         struct ddn_6_sweep *out)
{
    struct population *data = d->data;
    size_t count = (size_t)(data->points * data->views) * (size_t)data->inputs;
    double *original = malloc(2 * count * sizeof *original), *mean = original + count;
    if (!original)
        return error_memory(trial->err, "data");
    memcpy(original, data->x, count * sizeof *original);
    population_mean_view(data, mean);
    enum status status = STATUS_OK;
    for (int i = 0; i < SCALES && !status; i++) {
        out->scale[i] = pow(2, -2 - i);
        rescale(data, original, mean, out->scale[i] / smallest);
        status = dual_refresh(d, true, trial->err);
        if (!status)
            status = residuals(d, trial, loss, &out->residual[i]);
        out->split[i] = status ? 0 : split_gates(d);
    }
    free(original);
    return status;
}

enum status ddn_6_sweep(const struct trial *trial, struct ddn_6_sweep *out)
{
    struct dual d;
    enum status status =
        dual_draw(&d, trial, (struct dual_wish){.least_depth = 2, .spread = spread * smallest});
    if (status)
        return status;
    out->infonce = trial->instance % 2 == 0;
    out->relu = d.network.relu;
    struct chosen_loss loss = draw_loss(trial->rng, out->infonce);
    status = sweep(&d, trial, &loss, out);
    dual_free(&d);
    return status;
}

struct slope ddn_6_slope(const struct ddn_6_sweep *sweep, bool weighted)
{
    double value[SCALES];
    for (int i = 0; i < SCALES; i++)
        value[i] = weighted ? sweep->residual[i].with_weight : sweep->residual[i].without;
    return log_log_slope(sweep->scale, value, SCALES);
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    struct ddn_6_sweep sweep;
    enum status status = ddn_6_sweep(trial, &sweep);
    if (status)
        return status;
    reading_slopes(reading, ddn_6_slope(&sweep, true), ddn_6_slope(&sweep, false));
    return STATUS_OK;
}

static enum status draw(const struct trial *trial, struct curves *curves)
{
    struct ddn_6_sweep sweep[2];
    *curves = (struct curves){
        .title = "Residual of the weighted covariance operator",
        .x_label = "augmentation strength s",
        .y_label = "|-grad - OP vec(W)|",
        .caption = "Two drawn networks. With the weight of DDN-6 the residual falls with the "
                   "augmentation, by s^2, or by s where a ReLU gate differs between views of one "
                   "point; with xi = 1 it stays.",
        .log_x = true,
        .log_y = true,
        .columns = 5,
        .name = {"s", "infonce", "triplet", "infonce, xi = 1", "triplet, xi = 1"}};
    for (int i = 0; i < 2; i++) {
        struct trial one = *trial;
        one.instance = i;
        enum status status = ddn_6_sweep(&one, &sweep[i]);
        if (status)
            return status;
    }
    for (int i = 0; i < SCALES; i++) {
        const struct ddn_6_residual *one = &sweep[0].residual[i], *two = &sweep[1].residual[i];
        double row[] = {sweep[0].scale[i], one->with_weight, two->with_weight, one->without,
                        two->without};
        enum status status = curves_add(curves, row, trial->err);
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
     .plan = {.instances = 30, .quick = 4, .cost = 0.05},
     .measure = measure},
};

const struct claim claim_ddn_6 = {
    .about = {.name = "DDN-6",
              .doc = "For triplet and infonce with one negative the population gradient is the "
                     "weighted operator, with the weight taken at the mean outputs, up to a "
                     "residual that vanishes with the augmentation.",
              .source = "[DDN] Thm. 4",
              DUAL_SETTINGS},
    .title = "Weighted operator, with residual",
    .formula = "xi = dL/dr_+ at r_+ = 0, r_- = |E f_L(x) - E f_L(x')|^2 / 2; residual O(E sqrt(r "
               "tr V_{x'|x}[f_L]) + E tr V_{x'|x}[f_L])",
    .hypotheses = "H = 1; no biases; small augmentation.",
    ALL_PARTS(parts),
    .draw = draw,
};
