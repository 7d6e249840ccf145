/* DDN-8: growth and layer balance */
#include "core/extreme.h"
#include "core/linalg.h"
#include "theorems/claims.h"
#include "theorems/ddn/descent.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* 2 tr V_x[E_{x'|x} f_L] */
static double twice_output_variance(const struct dual *d)
{
    int outputs = d->view->outputs;
    double sum = 0;
    for (int x = 0; x < d->data->points; x++)
        for (int y = 0; y < d->data->points; y++)
            sum += 2 * d->data->p[x] * d->data->p[y] *
                   half_square(d->mean_f + x * outputs, d->mean_f + y * outputs, outputs);
    return sum;
}

/* ---- the quadratic form ---- */

/* <W_l, -grad_l> of every layer against 2 tr V_x[E f_L]. */
static enum status form_error(const struct dual *d, const struct trial *trial, double beta,
                              double *error)
{
    double form[NETWORK_MAX_LEVELS], predicted[NETWORK_MAX_LEVELS];
    double *descent = malloc(d->network.parameters * sizeof *descent);
    if (!descent)
        return error_memory(trial->err, "gradients");
    const struct simple_beta_settings settings = {beta};
    struct trial plain = *trial; /* faults go into the forms, except for the gate */
    plain.fault = trial->fault == FAULT_GATE ? FAULT_GATE : FAULT_NONE;
    enum status status = dual_descent(d, &plain, &objective_simple_beta, &settings,
                                      (struct ensemble_options){0}, descent);
    for (int l = 0; l < d->network.levels; l++) {
        form[l] = layer_product(d, l, d->parameters, descent);
        predicted[l] = twice_output_variance(d);
    }
    plant(trial, form, (size_t)d->network.levels);
    *error = relative_error(form, predicted, (size_t)d->network.levels);
    free(descent);
    return status;
}

/* Biases of a linear network cancel in differences of outputs, and so do those of a ReLU network
 * whose gates are all alike. */
static struct dual_wish wish_for(bool biased)
{
    return (struct dual_wish){
        .least_depth = 2, .bias = biased, .relu = biased ? YES : ANY, .telling = biased};
}

static enum status form_with(const struct trial *trial, double beta, bool biased, double *error)
{
    struct dual d;
    enum status status = dual_draw(&d, trial, wish_for(biased));
    if (!status)
        status = form_error(&d, trial, beta, error);
    dual_free(&d);
    return status;
}

static enum status measure_form(const struct trial *trial, struct reading *reading)
{
    bool removed = !trial->restored;
    double beta = gsl_ran_flat(trial->rng, 1, 3);
    enum status status = form_with(trial, 0, false, &reading->error);
    if (!status)
        status = form_with(trial, removed ? beta : 0, false, &reading->control[0]);
    if (!status)
        status = form_with(trial, 0, removed, &reading->control[1]);
    return status;
}

/* ---- definiteness ---- */

/* matrix += weight (A - B)(A - B)^T over the rows [first, first + n) of K */
static void add_outer(const struct dual *d, size_t first, size_t n, double weight, const double *a,
                      const double *b, double *matrix)
{
    size_t outputs = (size_t)d->view->outputs;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            for (size_t o = 0; o < outputs; o++)
                matrix[i * n + j] += weight *
                                     (a[(first + i) * outputs + o] - b[(first + i) * outputs + o]) *
                                     (a[(first + j) * outputs + o] - b[(first + j) * outputs + o]);
}

/* V_x[mean K_l] - beta E V[K_l] from the connections; [n][n] */
static enum status operator_of_connections(const struct dual *d, int l, double beta, double *matrix,
                                           struct error *err)
{
    size_t first, end, outputs = (size_t)d->view->outputs;
    layer_weights(&d->network, l, &first, &end);
    double *mean = calloc(d->network.parameters * outputs, sizeof *mean);
    if (!mean)
        return error_memory(err, "an operator");
    const struct population *data = d->data;
    for (int x = 0; x < data->points; x++)
        for (size_t i = 0; i < d->network.parameters * outputs; i++)
            mean[i] += data->p[x] * point_k(d, x)[i];
    for (int x = 0; x < data->points; x++) {
        add_outer(d, first, end - first, data->p[x], point_k(d, x), mean, matrix);
        for (int v = 0; v < data->views && beta != 0; v++)
            add_outer(d, first, end - first, -beta * data->p[x] * data->q[x * data->views + v],
                      view_k(d, x * data->views + v), point_k(d, x), matrix);
    }
    free(mean);
    return STATUS_OK;
}

/* The same of a linear network, twice: column i is -grad of the loss where W_l is the unit vector
 * e_i and the other layers are as drawn. */
static enum status operator_of_gradients(struct dual *d, const struct trial *trial, int l,
                                         double beta, double *matrix)
{
    size_t first, end;
    layer_weights(&d->network, l, &first, &end);
    size_t n = end - first, size = d->network.parameters;
    double *descent = malloc(2 * size * sizeof *descent), *kept = descent + size;
    if (!descent)
        return error_memory(trial->err, "gradients");
    const struct simple_beta_settings settings = {beta};
    enum status status = STATUS_OK;
    memcpy(kept, d->parameters, size * sizeof *kept);
    for (size_t i = 0; i < n && !status; i++) {
        memset(d->parameters + first, 0, n * sizeof *kept);
        d->parameters[first + i] = 1;
        struct trial plain = *trial; /* faults go into the operator */
        plain.fault = FAULT_NONE;
        status = dual_descent(d, &plain, &objective_simple_beta, &settings,
                              (struct ensemble_options){0}, descent);
        for (size_t k = 0; k < n; k++)
            matrix[k * n + i] = descent[first + k];
    }
    memcpy(d->parameters, kept, size * sizeof *kept);
    free(descent);
    return status;
}

/* The largest of -lambda_min and half the asymmetry, over the largest |lambda|; NaN where an entry
 * is lost. */
static enum status indefiniteness(size_t n, double *matrix, double *out, struct error *err)
{
    double asymmetry = 0, *value = matrix + n * n;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k <= i; k++)
            asymmetry = larger(asymmetry, fabs(matrix[i * n + k] - matrix[k * n + i]) / 2);
    *out = NAN;
    if (isnan(asymmetry))
        return STATUS_OK;
    enum status status = symmetric_eigen((int)n, matrix, value, 0, err);
    *out = larger(asymmetry, -value[n - 1]) / larger(fabs(value[0]), fabs(value[n - 1]));
    return status;
}

static enum status definiteness_with(struct dual *d, const struct trial *trial, int l, double beta,
                                     double *out)
{
    size_t first, end;
    layer_weights(&d->network, l, &first, &end);
    size_t n = end - first;
    double *matrix = calloc(n * n + n, sizeof *matrix);
    if (!matrix)
        return error_memory(trial->err, "an operator");
    enum status status = d->network.relu ? operator_of_connections(d, l, beta, matrix, trial->err)
                                         : operator_of_gradients(d, trial, l, beta, matrix);
    plant(trial, matrix, n * n);
    if (!status)
        status = indefiniteness(n, matrix, out, trial->err);
    free(matrix);
    return status;
}

static enum status measure_definiteness(const struct trial *trial, struct reading *reading)
{
    struct dual d;
    enum status status = dual_draw(&d, trial, (struct dual_wish){.tree = NO});
    if (status)
        return status;
    int l = (int)gsl_rng_uniform_int(trial->rng, (unsigned long)d.network.levels);
    status = definiteness_with(&d, trial, l, 0, &reading->error);
    if (!status)
        status = definiteness_with(&d, trial, l, trial->restored ? 0 : 3, &reading->control[0]);
    dual_free(&d);
    return status;
}

/* ---- along the flow ---- */

/* The largest difference between the growths of |W_l|^2 of two layers, over the largest growth. */
static double unequal_growth(const struct dual *d, const struct trial *trial, const double *state,
                             int count)
{
    size_t size = d->network.parameters;
    double worst = 0, largest = 0, growth[NETWORK_MAX_LEVELS];
    for (int i = 0; i < count; i++) {
        for (int l = 0; l < d->network.levels; l++) {
            const double *now = state + (size_t)i * size;
            growth[l] = layer_product(d, l, now, now) - layer_product(d, l, state, state);
        }
        plant(trial, growth, trial->fault == FAULT_FACTOR ? 1 : (size_t)d->network.levels);
        for (int l = 0; l < d->network.levels; l++) {
            worst = larger(worst, fabs(growth[l] - growth[0]));
            largest = larger(largest, fabs(growth[l]));
        }
    }
    return worst / largest;
}

static enum status flow_error(const struct trial *trial, bool bias, double *error)
{
    struct dual d;
    double *state;
    int count;
    struct dual_wish wish = {
        .relu = YES, .least_depth = 2, .bias = bias, .telling = bias, .points = 3};
    enum status status = dual_draw(&d, trial, wish);
    if (status)
        return status;
    status = descent_record(&d, &objective_simple, NULL, 0.5, &count, &state, trial->err);
    if (!status)
        *error = unequal_growth(&d, trial, state, count);
    free(state);
    dual_free(&d);
    return status;
}

static enum status measure_flow(const struct trial *trial, struct reading *reading)
{
    enum status status = flow_error(trial, false, &reading->error);
    return status ? status : flow_error(trial, !trial->restored, &reading->control[0]);
}

static const struct part parts[] = {
    {.statement = "form: vec(W_l)^T OP_l vec(W_l) = 2 tr V_x[E_{x'|x} f_L] for every layer l",
     .measured = "Left: <W_l, -grad_l> by backpropagation through the simple loss. Right: outputs.",
     .controls = {"beta between 1 and 3", "biases added to a ReLU network"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.01},
     .measure = measure_form},
    {.statement = "definiteness: OP_l is positive semi-definite",
     .measured = "Linear networks: the operator of a layer, column by column, as -grad of the "
                 "simple loss at unit vectors W_l; ReLU networks: V_x[mean K_l]. The violation is "
                 "-lambda_min or the asymmetry, over the largest eigenvalue. Slack is 0 wherever "
                 "the operator is singular, which is nearly always, since data points are few.",
     .controls = {"beta = 3"},
     .kind = PART_BOUND,
     .plan = {.instances = 1000, .quick = 60, .cost = 0.002},
     .measure = measure_definiteness},
    {.statement = "flow: all |W_l|^2 grow at one rate",
     .measured = "Gradient flow of the simple loss in a ReLU network, up to the first switch of a "
                 "gate: largest difference of growth between layers over the largest growth.",
     .controls = {"biases added"},
     .kind = PART_FLOW,
     .plan = {.instances = 20, .quick = 3, .cost = 0.3},
     .measure = measure_flow},
};

const struct claim claim_ddn_8 = {
    .about = {.name = "DDN-8",
              .doc = "Without penalty on augmentation the operator of every layer is positive "
                     "semi-definite and its quadratic form in the layer's weights is the same for "
                     "all layers, so that under gradient flow the squared norms of all layers "
                     "grow at one rate.",
              .source = "[DDN] Thm. 3, consequences",
              DUAL_SETTINGS},
    .title = "Growth and layer balance",
    .formula = "vec(W_l)^T OP_l vec(W_l) = 2 tr V_x[E_{x'|x} f_L]; d|W_l|^2/dt the same for all l",
    .hypotheses = "beta = 0; no biases; output not normalised.",
    ALL_PARTS(parts),
};
