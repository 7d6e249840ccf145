/* DDN-5: the weighted covariance operator, exact */
#include "theorems/claims.h"
#include "theorems/ddn/dual.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* xi(x, x') = e^{-r/tau} / (tau (1 + e^{-r/tau})), r between the outputs of un-augmented data,
 * taken to be the mean views.  `tau` is in units of the mean r: if all data were many tau apart,
 * the pairs (x, x) would have all the weight, and they add 0 only after cancellation. */
static void weight_of_distances(const double *r, int points, double tau, double *xi)
{
    double mean = 0;
    for (int i = 0; i < points * points; i++)
        mean += r[i] / (points * (points - 1));
    tau *= mean > 0 ? mean : 1; /* 0: the mean views shut all ReLUs; then xi is constant */
    for (int i = 0; i < points * points; i++)
        xi[i] = logistic(-r[i] / tau) / tau;
}

static enum status exact_weight(const struct dual *d, double tau, double *xi, struct error *err)
{
    int points = d->data->points;
    double *mean = malloc((size_t)points * (d->network.leaves + (size_t)points) * sizeof *mean);
    struct sample_connection *c = NULL;
    if (!mean)
        return error_memory(err, "data");
    double *r = mean + (size_t)points * d->network.leaves;
    population_mean_view(d->data, mean);
    enum status status =
        sample_connection_create(&c, &d->network, d->parameters, mean, points, true, err);
    for (int x = 0; !status && x < points; x++)
        for (int y = 0; y < points; y++)
            r[x * points + y] =
                half_square(c->f + x * c->outputs, c->f + y * c->outputs, c->outputs);
    if (!status)
        weight_of_distances(r, points, tau, xi);
    sample_connection_free(c);
    free(mean);
    return status;
}

/* -grad of a loss, with the pairs weighted by `pair_weight` (NULL: 1), against the operator. */
static enum status compare(const struct dual *d, const struct trial *trial,
                           const struct objective *objective, const void *settings,
                           const double *pair_weight, const double *xi, double *error)
{
    size_t size = d->network.parameters;
    double *measured = calloc(2 * size, sizeof *measured);
    if (!measured)
        return error_memory(trial->err, "gradients");
    dual_weighted_operator(d, xi, measured + size);
    enum status status =
        dual_descent(d, trial, objective, settings,
                     (struct ensemble_options){.pair_weight = pair_weight}, measured);
    *error = dual_error(d, measured, measured + size);
    free(measured);
    return status;
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    struct dual d;
    enum status status = dual_draw(&d, trial, (struct dual_wish){.least_depth = 1});
    if (status)
        return status;
    int points = d.data->points;
    double *xi = malloc((size_t)(points * points) * sizeof *xi);
    if (!xi)
        status = error_memory(trial->err, "weights");
    if (!status)
        status = exact_weight(&d, gsl_ran_flat(trial->rng, 0.3, 2), xi, trial->err);
    if (!status)
        status = compare(&d, trial, &objective_simple, NULL, xi, xi, &reading->error);
    for (int i = 0; !status && i < points * points; i++) {
        double skew = gsl_ran_flat(trial->rng, 0.2, 1.8); /* another one for (x', x) */
        xi[i] *= trial->restored ? 1 : skew;
    }
    if (!status)
        status = compare(&d, trial, &objective_simple, NULL, xi, xi, &reading->control[0]);
    free(xi);
    dual_free(&d);
    return status;
}

/* ---- the loss exact_cov ---- */

/* exact_cov with the gradient through its weight: d/dr_- of w (r_+ - r_-), w = xi(r_-) */
static double live_weight(const void *settings, int64_t negatives, const double *r_plus,
                          const double *r_minus, double *d_plus, double *d_minus)
{
    (void)negatives;
    const double tau = ((const struct temperature_settings *)settings)->tau;
    double share = logistic(-r_minus[0] / tau), weight = share / tau;
    *d_plus = weight;
    d_minus[0] = -weight - weight * (1 - share) / tau * (r_plus[0] - r_minus[0]);
    return weight * (r_plus[0] - r_minus[0]);
}

static const struct objective not_constant = {
    .about = {.name = "exact_cov, its weight not held constant"},
    .form = &form_per_sample,
    .of = &(const struct per_sample){.loss = live_weight},
};

/* A data point has one view, so that a pair of views has the weight of its data points. */
static enum status measure_loss(const struct trial *trial, struct reading *reading)
{
    struct dual d;
    enum status status = dual_draw(&d, trial, (struct dual_wish){.least_depth = 1, .views = 1});
    if (status)
        return status;
    int points = d.data->points, outputs = d.view->outputs;
    struct chosen_loss loss = loss_of(LOSS_EXACT_COV, gsl_ran_flat(trial->rng, 0.3, 2), 0, 1);
    double *xi = malloc((size_t)(points * points) * sizeof *xi);
    if (!xi)
        status = error_memory(trial->err, "weights");
    for (int i = 0; !status && i < points * points; i++) {
        double r = half_square(d.view->f + i / points * outputs, d.view->f + i % points * outputs,
                               outputs);
        loss_weights(&loss, 0, &r, &xi[i]);
    }
    if (!status)
        status = compare(&d, trial, loss.objective, &loss.settings, NULL, xi, &reading->error);
    if (!status)
        status = compare(&d, trial, trial->restored ? loss.objective : &not_constant,
                         &loss.settings, NULL, xi, &reading->control[0]);
    free(xi);
    dual_free(&d);
    return status;
}

static const struct part parts[] = {
    {.statement = "weighted operator: -vec(grad_{W_l}) = E_{x,x'}[xi (mean K_l(x) - mean K_l(x'))"
                  "(mean K_l(x) - mean K_l(x'))^T] vec(W_l)",
     .measured = "Left: backpropagation through xi (r_+ - r_-), xi held constant, over every "
                 "combination. Right: mean connections. xi(x, x') = e^{-r/tau} / (tau (1 + "
                 "e^{-r/tau})), r between the outputs of the mean views.",
     .controls = {"an asymmetric xi"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.01},
     .measure = measure},
    {.statement = "exact_cov: without augmentation its gradient is the same operator, xi(x, x') = "
                  "e^{-r/tau} / (tau (1 + e^{-r/tau})), r between the outputs",
     .measured = "Left: backpropagation through exact_cov over all pairs of data with one view "
                 "each. Right: connections, xi by its formula.",
     .controls = {"the weight not held constant for the gradient"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.002},
     .measure = measure_loss},
};

const struct claim claim_ddn_5 = {
    .about = {.name = "DDN-5",
              .doc = "With a symmetric weight on pairs of un-augmented data, through which no "
                     "gradient flows, the population gradient is exactly a weighted covariance "
                     "operator of mean connections times the weights.",
              .source = "[DDN] Thm. 4, the loss exact_cov",
              DUAL_SETTINGS},
    .title = "Weighted operator, exact",
    .formula = "-vec(grad_{W_l}) = E_{x,x'}[xi (mean K_l(x) - mean K_l(x'))(mean K_l(x) - mean "
               "K_l(x'))^T] vec(W_l)",
    .hypotheses = "xi(x, x') = xi(x', x), constant for the gradient; no biases.",
    ALL_PARTS(parts),
};
