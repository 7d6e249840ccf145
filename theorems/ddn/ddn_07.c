/* DDN-7: H negatives */
#include "theorems/claims.h"
#include "theorems/ddn/dual.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

enum { MAX_NEGATIVES = 4, POINTS = 3, VIEWS = 2, CASES = 7 };

static struct chosen_loss draw_loss(const struct trial *trial)
{
    static const enum loss_kind kind[CASES] = {LOSS_INFONCE, LOSS_INFONCE, LOSS_INFONCE,
                                               LOSS_INFONCE, LOSS_TRIPLET, LOSS_EXACT_COV,
                                               LOSS_SIMPLE};
    static const int negatives[CASES] = {1, 2, 3, MAX_NEGATIVES, 1, 1, 1};
    const int at = trial->instance % CASES;
    double tau = gsl_ran_flat(trial->rng, 0.3, 1), margin = gsl_ran_flat(trial->rng, -0.5, 0.5);
    return loss_of(kind[at], tau, margin, negatives[at]);
}

/* xi_k by its formula, at the distances of a combination of views. */
static void weights(const struct dual *d, const int *column, const struct chosen_loss *loss,
                    double xi[MAX_NEGATIVES])
{
    int outputs = d->view->outputs;
    double r[1 + MAX_NEGATIVES] = {0};
    for (int k = 0; k <= loss->negatives; k++)
        r[k] = half_square(d->view->f + column[0] * outputs, d->view->f + column[1 + k] * outputs,
                           outputs);
    loss_weights(loss, r[0], r + 1, xi);
}

/* E[sum_k xi_k ((K_1-K_{k-})(K_1-K_{k-})^T - (K_1-K_+)(K_1-K_+)^T)] vec(W) */
static enum status predict(const struct dual *d, const struct chosen_loss *loss, double *out,
                           struct error *err)
{
    struct ensemble *e;
    enum status status = ensemble_create(&e, &d->network, d->data, loss->objective, &loss->settings,
                                         (struct ensemble_options){0}, err);
    if (status)
        return status;
    for (size_t s = 0; s < e->loss.batch.samples; s++) {
        const int *column = e->column + s * (size_t)(2 + loss->negatives);
        const double p = e->probability[s], *k1 = view_k(d, column[0]);
        double xi[MAX_NEGATIVES] = {0}, sum = 0;
        weights(d, column, loss, xi);
        for (int k = 0; k < loss->negatives; k++) {
            dual_add(d, p * xi[k], k1, view_k(d, column[2 + k]), out);
            sum += xi[k];
        }
        dual_add(d, -p * sum, k1, view_k(d, column[1]), out);
    }
    ensemble_free(e);
    return STATUS_OK;
}

/* Hypotheses that are removed. */
struct without {
    bool no_bias, free_output;
};

static enum status measure_without(const struct trial *trial, struct without without, double *error)
{
    struct dual d;
    struct dual_wish wish = {.least_depth = 2,
                             .points = POINTS,
                             .views = VIEWS,
                             .bias = without.no_bias,
                             .relu = without.no_bias ? YES : ANY,
                             .telling = without.no_bias};
    enum status status = dual_draw(&d, trial, wish);
    if (status)
        return status;
    size_t size = d.network.parameters;
    const struct chosen_loss loss = draw_loss(trial);
    double *measured = calloc(2 * size, sizeof *measured);
    status = measured ? predict(&d, &loss, measured + size, trial->err)
                      : error_memory(trial->err, "gradients");
    d.network.normalize = without.free_output; /* only of what the engine does */
    if (!status)
        status = dual_descent(&d, trial, loss.objective, &loss.settings,
                              (struct ensemble_options){0}, measured);
    if (!status)
        *error = dual_error(&d, measured, measured + size);
    free(measured);
    dual_free(&d);
    return status;
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    bool removed = !trial->restored;
    enum status status = measure_without(trial, (struct without){0}, &reading->error);
    if (!status)
        status = measure_without(trial, (struct without){.no_bias = removed}, &reading->control[0]);
    if (!status)
        status =
            measure_without(trial, (struct without){.free_output = removed}, &reading->control[1]);
    return status;
}

static const struct part parts[] = {
    {.statement = "H negatives: -vec(grad) = E[sum_k xi_k ((K_1-K_{k-})(K_1-K_{k-})^T - "
                  "(K_1-K_+)(K_1-K_+)^T)] vec(W_l), xi_k = -dL/dr_{k-}",
     .measured = "Left: backpropagation through infonce with H = 1, 2, 3, 4, triplet, exact_cov "
                 "and simple in turn, over every combination of 3 data points with 2 views. Right: "
                 "connections of the views, xi_k by the formulas of DDN-3.",
     .controls = {"biases added to a ReLU network", "the output normalised"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 28, .quick = 7, .cost = 0.3},
     .measure = measure},
};

const struct claim claim_ddn_7 = {
    .about = {.name = "DDN-7",
              .doc = "With H negatives the population gradient is a sum over negatives of weighted "
                     "outer products of differences of connections.",
              .source = "[DDN], appendix, H > 1",
              DUAL_SETTINGS},
    .title = "H negatives",
    .formula =
        "-vec(grad_{W_l}) = E[sum_k xi_k ((K_1-K_{k-})(K_1-K_{k-})^T - (K_1-K_+)(K_1-K_+)^T)]"
        " vec(W_l)",
    .hypotheses = "No biases; output not normalised; gradients through all branches, weights of "
                  "exact_cov held constant.",
    ALL_PARTS(parts),
};
