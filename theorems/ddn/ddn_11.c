/* DDN-11: normalised outputs */
#include "core/extreme.h"
#include "theorems/claims.h"
#include "theorems/ddn/descent.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

static struct chosen_loss draw_loss(const struct trial *trial)
{
    double tau = gsl_ran_flat(trial->rng, 0.3, 1);
    return loss_of((enum loss_kind)(trial->instance % LOSS_KINDS), tau, 0.5, 1);
}

/* max over layers of |<W_l, grad_l>| / |W_l|, over the largest |grad_l|.  (Not over the layer's own
 * gradient: where only one neuron is open above it, the loss does not depend on the layer.) */
static double inner_product(const struct dual *d, const double *gradient)
{
    double worst = 0, largest = 0;
    for (int l = 0; l < d->network.levels; l++) {
        const double *w = d->parameters;
        double along = fabs(layer_product(d, l, w, gradient)) / sqrt(layer_product(d, l, w, w));
        largest = larger(largest, sqrt(layer_product(d, l, gradient, gradient)));
        worst = larger(worst, along);
    }
    return worst / largest;
}

static enum status gradient_error(const struct dual *d, const struct trial *trial,
                                  const struct chosen_loss *loss, double *error)
{
    double *gradient = malloc(d->network.parameters * sizeof *gradient);
    if (!gradient)
        return error_memory(trial->err, "gradients");
    enum status status = dual_descent(d, trial, loss->objective, &loss->settings,
                                      (struct ensemble_options){0}, gradient);
    *error = inner_product(d, gradient);
    free(gradient);
    return status;
}

/* No edge case: on a line and through two neurons directions hardly vary, and what is left of the
 * gradients is rounding, up to 7e-11 of them. */
static const struct dual_wish wish = {
    .least_depth = 2, .normalize = true, .outputs = 3, .points = 3, .inside = true};

/* Largest relative change of any |W_l|^2 along a flow, halved. */
static double norm_change(const struct dual *d, const struct trial *trial, const double *state,
                          int count)
{
    size_t size = d->network.parameters;
    double worst = 0, norm[NETWORK_MAX_LEVELS];
    for (int i = 1; i < count; i++) {
        const double *now = state + (size_t)i * size;
        for (int l = 0; l < d->network.levels; l++)
            norm[l] = layer_product(d, l, now, now);
        plant(trial, norm, (size_t)d->network.levels);
        for (int l = 0; l < d->network.levels; l++)
            worst = larger(worst, fabs(norm[l] / layer_product(d, l, state, state) - 1) / 2);
    }
    return worst;
}

static enum status flow_error(const struct dual *d, const struct trial *trial,
                              const struct chosen_loss *loss, double *error)
{
    double *state;
    int count;
    enum status status =
        descent_record(d, loss->objective, &loss->settings, 0.5, &count, &state, trial->err);
    if (!status)
        *error = norm_change(d, trial, state, count);
    free(state);
    return status;
}

/* The argument of a part: the error of a network and a loss. */
struct error_of {
    enum status (*measure)(const struct dual *, const struct trial *, const struct chosen_loss *,
                           double *);
};

/* A drawn network with its output normalised, and for the controls without or with an epsilon. */
static enum status measure(const struct trial *trial, struct reading *reading)
{
    const struct error_of *error_of = trial->argument;
    struct dual d;
    enum status status = dual_draw(&d, trial, wish);
    if (status)
        return status;
    struct chosen_loss loss = draw_loss(trial);
    status = error_of->measure(&d, trial, &loss, &reading->error);
    d.network.normalize = trial->restored;
    if (!status)
        status = error_of->measure(&d, trial, &loss, &reading->control[0]);
    d.network.normalize = true;
    d.network.norm_eps = trial->restored ? 0 : 0.5;
    if (!status)
        status = error_of->measure(&d, trial, &loss, &reading->control[1]);
    dual_free(&d);
    return status;
}

static const struct part parts[] = {
    {.statement = "gradient: <W_l, grad_{W_l}> = 0 for every layer l",
     .measured = "Backpropagation of simple, triplet, infonce and exact_cov in turn through f_L / "
                 "|f_L|; the "
                 "inner product over the product of the norms.",
     .controls = {"the output not normalised", "f_L / (|f_L| + 0.5)"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 60, .quick = 9, .cost = 0.01},
     .measure = measure,
     .argument = &(const struct error_of){gradient_error}},
    {.statement = "flow: |W_l| is constant",
     .measured =
         "Gradient flow up to the first switch of a gate; largest relative change of |W_l|.",
     .controls = {"the output not normalised", "f_L / (|f_L| + 0.5)"},
     .kind = PART_FLOW,
     .plan = {.instances = 20, .quick = 3, .cost = 0.3},
     .measure = measure,
     .argument = &(const struct error_of){flow_error}},
};

const struct claim claim_ddn_11 = {
    .about = {.name = "DDN-11",
              .doc = "With an output divided by its norm the loss does not depend on the norm of "
                     "any layer, so that gradients are orthogonal to weights and gradient flow "
                     "keeps the norms.",
              .source = "[DDN], normalised outputs",
              DUAL_SETTINGS},
    .title = "l2-normalised outputs",
    .formula = "<W_l, grad_{W_l}> = 0",
    .hypotheses = "No biases; f_L / |f_L| on top, without an added epsilon.",
    ALL_PARTS(parts),
};
