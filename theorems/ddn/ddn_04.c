/* DDN-4: the covariance operator is the population gradient of the simple loss */
#include "theorems/claims.h"
#include "theorems/ddn/dual.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

/* Hypotheses that are removed. */
struct without {
    bool no_bias, free_output, independence;
};

static enum status compare(const struct dual *d, const struct trial *trial, double beta,
                           bool same_point, double *error)
{
    size_t size = d->network.parameters;
    const struct simple_beta_settings settings = {beta};
    double *measured = calloc(2 * size, sizeof *measured), *predicted = measured + size;
    if (!measured)
        return error_memory(trial->err, "gradients");
    dual_operator(d, beta, predicted);
    enum status status =
        dual_descent(d, trial, &objective_simple_beta, &settings,
                     (struct ensemble_options){.same_point = same_point}, measured);
    *error = dual_error(d, measured, predicted);
    free(measured);
    return status;
}

/* The operator is made of the connections of the output before normalisation. */
static enum status measure_without(const struct trial *trial, struct without without, double *error)
{
    struct dual d;
    struct dual_wish wish = {.least_depth = 2,
                             .bias = without.no_bias,
                             .relu = without.no_bias ? YES : ANY,
                             .telling = without.no_bias};
    enum status status = dual_draw(&d, trial, wish);
    if (status)
        return status;
    d.network.normalize = without.free_output;
    status = compare(&d, trial, gsl_ran_flat(trial->rng, -0.5, 1), without.independence, error);
    dual_free(&d);
    return status;
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    bool removed = !trial->restored;
    const struct without controls[] = {
        {.independence = removed}, {.no_bias = removed}, {.free_output = removed}};
    enum status status = measure_without(trial, (struct without){0}, &reading->error);
    for (int c = 0; !status && c < 3; c++)
        status = measure_without(trial, controls[c], &reading->control[c]);
    return status;
}

static const struct part parts[] = {
    {.statement = "population gradient: -vec(grad_{W_l}) = 2 (V_x[mean K_l] - beta E_x "
                  "V_{x'|x}[K_l]) vec(W_l)",
     .measured = "Left: backpropagation through simple_beta over every combination of data point, "
                 "views and negative, weighted by its probability. Right: K of every view.",
     .controls = {"negatives drawn from the same data point", "biases added to a ReLU network",
                  "the output normalised"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.01},
     .measure = measure},
};

const struct claim claim_ddn_4 = {
    .about = {.name = "DDN-4",
              .doc = "With the loss (1 + beta) r_+ - r_- the population gradient of a layer is the "
                     "covariance operator, the part that survives augmentation less the part that "
                     "augmentation adds, times the layer's weights.",
              .source = "[DDN] Thm. 3",
              DUAL_SETTINGS},
    .title = "The covariance operator",
    .formula = "-vec(grad_{W_l}) = 2 (V_x[mean K_l(x)] - beta E_x V_{x'|x}[K_l(x')]) vec(W_l)",
    .hypotheses = "No biases; ReLU or linear; output not normalised; negatives independent of x; "
                  "gradients through all branches.",
    ALL_PARTS(parts),
};
