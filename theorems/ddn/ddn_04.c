/* DDN-4: the covariance operator is the population gradient of the simple loss */
#include "theorems/claims.h"
#include "theorems/ddn/dual.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

enum { DESCENT, PREDICTED, VIEWS_NOT_AVERAGED, SAME_POINT, ARRAYS };

/* V of K itself: 2 V_{x, x'}[K] instead of 2 V_x[mean K]. */
static void views_not_averaged(const struct dual *d, double beta, double *out)
{
    const struct population *data = d->data;
    dual_operator(d, beta, out);
    for (int x = 0; x < data->points; x++)
        for (int v = 0; v < data->views; v++)
            dual_add(d, 2 * data->p[x] * data->q[x * data->views + v],
                     view_k(d, x * data->views + v), point_k(d, x), out);
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    struct dual d;
    enum status status = dual_draw(&d, trial, (struct dual_wish){.least_depth = 2});
    if (status)
        return status;
    size_t size = d.network.parameters;
    const struct simple_beta_settings settings = {gsl_ran_flat(trial->rng, -0.5, 1)};
    double *array = calloc(ARRAYS * size, sizeof *array);
    if (!array)
        status = error_memory(trial->err, "gradients");
    if (!status)
        status = dual_descent(&d, trial, &objective_simple_beta, &settings,
                              (struct ensemble_options){0}, array);
    if (!status)
        status =
            dual_descent(&d, trial, &objective_simple_beta, &settings,
                         (struct ensemble_options){.same_point = true}, array + SAME_POINT * size);
    if (!status) {
        dual_operator(&d, settings.beta, array + PREDICTED * size);
        views_not_averaged(&d, settings.beta, array + VIEWS_NOT_AVERAGED * size);
        reading->error = dual_error(&d, array, array + PREDICTED * size);
        reading->control[0] = dual_error(&d, array, array + VIEWS_NOT_AVERAGED * size);
        reading->control[1] = dual_error(&d, array + SAME_POINT * size, array + PREDICTED * size);
    }
    free(array);
    dual_free(&d);
    return status;
}

static const struct part parts[] = {
    {.statement = "population gradient: -vec(grad_{W_l}) = 2 (V_x[mean K_l] - beta E_x "
                  "V_{x'|x}[K_l]) vec(W_l)",
     .measured = "Left: backpropagation through simple_beta over every combination of data point, "
                 "views and negative, weighted by its probability. Right: K of every view.",
     .controls = {"the views not averaged (V of K_l in place of V of its mean)",
                  "negatives drawn from the same data point"},
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
