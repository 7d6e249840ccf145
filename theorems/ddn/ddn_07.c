/* DDN-7: H negatives */
#include "theorems/claims.h"
#include "theorems/ddn/dual.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

enum { MAX_NEGATIVES = 4, POINTS = 3, VIEWS = 2 };

/* Distances of a combination of views; their weights xi_k = -dL/dr_{k-}. */
static void weights(const struct dual *d, const int *column,
                    const struct infonce_settings *settings, double xi[MAX_NEGATIVES])
{
    int outputs = d->view->outputs, negatives = (int)settings->negatives;
    double r[1 + MAX_NEGATIVES] = {0}, d_plus;
    for (int k = 0; k <= negatives; k++)
        r[k] = half_square(d->view->f + column[0] * outputs, d->view->f + column[1 + k] * outputs,
                           outputs);
    sample_loss(&objective_infonce, settings, negatives, r, r + 1, &d_plus, xi);
    for (int k = 0; k < negatives; k++)
        xi[k] = -xi[k];
}

/* E[sum_k xi_k ((K_1-K_{k-})(K_1-K_{k-})^T - (K_1-K_+)(K_1-K_+)^T)] vec(W); with xi_k = 1/H in
 * `unweighted`. */
static enum status predict(const struct dual *d, const struct infonce_settings *settings,
                           double *out, double *unweighted, struct error *err)
{
    struct ensemble *e;
    enum status status = ensemble_create(&e, &d->network, d->data, &objective_infonce, settings,
                                         (struct ensemble_options){0}, err);
    if (status)
        return status;
    int negatives = (int)settings->negatives;
    for (size_t s = 0; s < e->loss.batch.samples; s++) {
        const int *column = e->column + s * (size_t)(2 + negatives);
        const double p = e->probability[s], *k1 = view_k(d, column[0]);
        double xi[MAX_NEGATIVES] = {0}, sum = 0;
        weights(d, column, settings, xi);
        for (int k = 0; k < negatives; k++) {
            dual_add(d, p * xi[k], k1, view_k(d, column[2 + k]), out);
            dual_add(d, p / negatives, k1, view_k(d, column[2 + k]), unweighted);
            sum += xi[k];
        }
        dual_add(d, -p * sum, k1, view_k(d, column[1]), out);
        dual_add(d, -p, k1, view_k(d, column[1]), unweighted);
    }
    ensemble_free(e);
    return STATUS_OK;
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    struct dual d;
    enum status status = dual_draw(
        &d, trial, (struct dual_wish){.least_depth = 2, .points = POINTS, .views = VIEWS});
    if (status)
        return status;
    size_t size = d.network.parameters;
    const struct infonce_settings settings = {.tau = gsl_ran_flat(trial->rng, 0.3, 1),
                                              .negatives = 1 + trial->instance % MAX_NEGATIVES};
    double *measured = calloc(3 * size, sizeof *measured);
    if (!measured)
        status = error_memory(trial->err, "gradients");
    if (!status)
        status = dual_descent(&d, trial, &objective_infonce, &settings,
                              (struct ensemble_options){0}, measured);
    if (!status)
        status = predict(&d, &settings, measured + size, measured + 2 * size, trial->err);
    if (!status) {
        reading->error = dual_error(&d, measured, measured + size);
        reading->control[0] = dual_error(&d, measured, measured + 2 * size);
    }
    free(measured);
    dual_free(&d);
    return status;
}

static const struct part parts[] = {
    {.statement = "H negatives: -vec(grad) = E[sum_k xi_k ((K_1-K_{k-})(K_1-K_{k-})^T - "
                  "(K_1-K_+)(K_1-K_+)^T)] vec(W_l), xi_k = -dL/dr_{k-}",
     .measured = "Left: backpropagation through infonce with H = 1, 2, 3, 4 in turn, over every "
                 "combination of 3 data points with 2 views. Right: connections of the views.",
     .controls = {"xi_k = 1/H in place of the weights"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 24, .quick = 4, .cost = 0.3},
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
    .hypotheses = "No biases; negatives independent of x and of each other.",
    ALL_PARTS(parts),
};
