/* DDN-11: normalised outputs */
#include "theorems/claims.h"
#include "theorems/ddn/descent.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

static struct chosen_loss draw_loss(const struct trial *trial)
{
    double tau = gsl_ran_flat(trial->rng, 0.3, 1);
    switch (trial->instance % 3) {
    case 0:
        return (struct chosen_loss){.objective = &objective_simple};
    case 1:
        return (struct chosen_loss){&objective_triplet, {.triplet = {tau, 0.5}}};
    default:
        return (struct chosen_loss){&objective_infonce, {.infonce = {.tau = tau, .negatives = 1}}};
    }
}

/* max over layers of |<W_l, grad_l>| / |W_l|, over the largest |grad_l|.  (Not over the layer's own
 * gradient: where only one neuron is open above it, the loss does not depend on the layer.) */
static double inner_product(const struct dual *d, const struct trial *trial, double *gradient)
{
    double worst = 0, largest = 0;
    if (trial->fault == FAULT_SIGN)
        plant(trial, gradient, d->network.parameters);
    for (int l = 0; l < d->network.levels; l++) {
        const double *w = d->parameters;
        largest = fmax(largest, sqrt(layer_product(d, l, gradient, gradient)));
        worst =
            fmax(worst, fabs(layer_product(d, l, w, gradient)) / sqrt(layer_product(d, l, w, w)));
    }
    return worst / largest;
}

static enum status gradient_error(const struct dual *d, const struct trial *trial,
                                  const struct chosen_loss *loss, double *error)
{
    double *gradient = malloc(d->network.parameters * sizeof *gradient);
    if (!gradient)
        return error_memory(trial->err, "gradients");
    struct trial plain = *trial;
    plain.fault = trial->fault == FAULT_GATE ? FAULT_GATE : FAULT_NONE;
    enum status status = dual_descent(d, &plain, loss->objective, &loss->settings,
                                      (struct ensemble_options){0}, gradient);
    *error = inner_product(d, trial, gradient);
    free(gradient);
    return status;
}

static const struct dual_wish wish = {
    .least_depth = 2, .normalize = true, .outputs = 3, .points = 3};

/* Largest relative change of any |W_l| along a flow. */
static double norm_change(const struct dual *d, const struct trial *trial, const double *state,
                          int count)
{
    size_t size = d->network.parameters;
    double worst = 0;
    for (int l = 0; l < d->network.levels; l++) {
        const double start = layer_product(d, l, state, state);
        for (int i = 0; i < count; i++) {
            const double *now = state + (size_t)i * size;
            double norm = layer_product(d, l, now, now);
            norm *= trial->fault == FAULT_FACTOR && i > 0 ? 2 : 1;
            worst = fmax(worst, fabs(sqrt(norm / start) - 1));
        }
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

/* A drawn network with its output normalised, and for the control without. */
static enum status measure(const struct trial *trial, struct reading *reading)
{
    const struct error_of *error_of = trial->argument;
    struct dual d;
    enum status status = dual_draw(&d, trial, wish);
    if (status)
        return status;
    struct chosen_loss loss = draw_loss(trial);
    status = error_of->measure(&d, trial, &loss, &reading->error);
    d.network.normalize = false;
    if (!status)
        status = error_of->measure(&d, trial, &loss, &reading->control[0]);
    dual_free(&d);
    return status;
}

static const struct part parts[] = {
    {.statement = "gradient: <W_l, grad_{W_l}> = 0 for every layer l",
     .measured = "Backpropagation of simple, triplet and infonce in turn through f_L / |f_L|; the "
                 "inner product over the product of the norms.",
     .controls = {"the output not normalised"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 60, .quick = 9, .cost = 0.01},
     .measure = measure,
     .argument = &(const struct error_of){gradient_error}},
    {.statement = "flow: |W_l| is constant",
     .measured =
         "Gradient flow up to the first switch of a gate; largest relative change of |W_l|.",
     .controls = {"the output not normalised"},
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
