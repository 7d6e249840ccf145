/* DDN-9: one linear layer is PCA of what survives augmentation */
#include "core/extreme.h"
#include "core/linalg.h"
#include "sim/flow/flow.h"
#include "theorems/claims.h"
#include "theorems/ddn/dual.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* V_x[mean view] of the data, [inputs][inputs] */
static enum status covariance(const struct population *data, double *out, struct error *err)
{
    size_t n = (size_t)data->inputs;
    double *mean = calloc((1 + (size_t)data->points) * n, sizeof *mean), *grand;
    memset(out, 0, n * n * sizeof *out);
    if (!mean)
        return error_memory(err, "mean views");
    grand = mean + (size_t)data->points * n;
    population_mean_view(data, mean);
    for (int x = 0; x < data->points; x++)
        for (size_t i = 0; i < n; i++)
            grand[i] += data->p[x] * mean[(size_t)x * n + i];
    for (int x = 0; x < data->points; x++) {
        const double *value = mean + (size_t)x * n;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                out[i * n + j] += data->p[x] * (value[i] - grand[i]) * (value[j] - grand[j]);
    }
    free(mean);
    return STATUS_OK;
}

/* The same inputs with the same probabilities, where every view is a data point of its own: x_1 and
 * x_+ are equal, and nothing is averaged. */
static enum status split_views(const struct population *data, struct population **out,
                               struct error *err)
{
    const int points = data->points * data->views;
    enum status status = population_create(out, points, 1, data->inputs, err);
    if (status)
        return status;
    for (int c = 0; c < points; c++) {
        (*out)->p[c] = data->p[c / data->views] * data->q[c];
        (*out)->q[c] = 1;
    }
    memcpy((*out)->x, data->x, (size_t)points * (size_t)data->inputs * sizeof *data->x);
    return STATUS_OK;
}

/* ---- the operator ---- */

/* 2 W V, V: [inputs][inputs] */
static void predict(const struct dual *d, const double *v, double *out)
{
    size_t n = d->network.leaves, rows = (size_t)d->network.level[0].width;
    memset(out, 0, rows * n * sizeof *out);
    for (size_t k = 0; k < rows; k++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                out[k * n + i] += 2 * d->parameters[k * n + j] * v[j * n + i];
}

/* -grad of (1 + beta) r_+ - r_- on `trained` against 2 W V_x[mean view] of the drawn data. */
static enum status operator_error(struct dual *d, const struct trial *trial,
                                  struct population *trained, double beta, double *error)
{
    size_t n = d->network.leaves, size = d->network.parameters;
    struct population *drawn = d->data;
    const struct simple_beta_settings settings = {beta};
    double *v = calloc(n * n + 2 * size, sizeof *v);
    if (!v)
        return error_memory(trial->err, "a covariance");
    double *measured = v + n * n, *predicted = measured + size;
    enum status status = covariance(drawn, v, trial->err);
    predict(d, v, predicted);
    d->data = trained;
    if (!status)
        status = dual_descent(d, trial, &objective_simple_beta, &settings,
                              (struct ensemble_options){0}, measured);
    d->data = drawn;
    *error = relative_error(measured, predicted, size);
    free(v);
    return status;
}

static enum status measure_operator(const struct trial *trial, struct reading *reading)
{
    struct dual d;
    struct population *split;
    bool removed = !trial->restored;
    enum status status =
        dual_draw(&d, trial, (struct dual_wish){.most_depth = 1, .relu = NO, .tree = NO});
    if (status)
        return status;
    double beta = gsl_ran_flat(trial->rng, 0.5, 2);
    status = operator_error(&d, trial, d.data, 0, &reading->error);
    if (!status)
        status = split_views(d.data, &split, trial->err);
    if (!status) {
        status = operator_error(&d, trial, removed ? split : d.data, 0, &reading->control[0]);
        population_free(split);
    }
    if (!status)
        status = operator_error(&d, trial, d.data, removed ? beta : 0, &reading->control[1]);
    dual_free(&d);
    return status;
}

/* ---- the flow of one row ---- */

/* Spread views along one direction, with mean zero, by more than the data vary along any: it leads
 * V[x] and is absent from V_x[mean view]. */
static void spread_views(gsl_rng *rng, struct population *data)
{
    size_t n = (size_t)data->inputs;
    double direction[DUAL_INPUTS], shift[16];
    gsl_ran_dir_nd(rng, n, direction);
    for (int x = 0; x < data->points; x++) {
        const double *q = data->q + (size_t)(x * data->views);
        double mean = 0;
        for (int v = 0; v < data->views; v++)
            mean += q[v] * (shift[v] = gsl_ran_gaussian(rng, 4));
        for (int v = 0; v < data->views; v++)
            for (size_t i = 0; i < n; i++)
                data->x[(size_t)(x * data->views + v) * n + i] += (shift[v] - mean) * direction[i];
    }
}

/* lambda_1 - lambda_2 of V_x[mean view], and its leading eigenvector. */
struct leading {
    double gap, largest;
    double vector[DUAL_INPUTS];
};

static enum status find_leading(const struct population *data, struct leading *l, struct error *err)
{
    size_t n = (size_t)data->inputs;
    double *v = malloc((n * n + n) * sizeof *v);
    if (!v)
        return error_memory(err, "a covariance");
    enum status status = covariance(data, v, err);
    if (!status)
        status = symmetric_eigen((int)n, v, v + n * n, 1, err);
    l->largest = v[n * n];
    l->gap = v[n * n] - v[n * n + 1];
    memcpy(l->vector, v, n * sizeof *v);
    free(v);
    return status;
}

/* Whether the gap of the data is clear, and their leading eigenvector clearly another one than
 * where every view is a data point. */
static bool clear(const struct leading *data, const struct leading *split, size_t n)
{
    double along = 0;
    for (size_t i = 0; i < n; i++)
        along += data->vector[i] * split->vector[i];
    return data->gap > 0.3 * data->largest && fabs(along) < 0.9;
}

struct row_flow {
    struct ensemble *ensemble;
    size_t inputs;
};

/* -grad, less its part along w: |w| = 1 is kept */
static void projected(void *context, double t, const double *w, double *rate)
{
    struct row_flow *f = context;
    double along = 0, norm = 0;
    (void)t;
    ensemble_loss(f->ensemble, w, rate);
    for (size_t i = 0; i < f->inputs; i++) {
        along += w[i] * rate[i];
        norm += w[i] * w[i];
    }
    for (size_t i = 0; i < f->inputs; i++)
        rate[i] = along / norm * w[i] - rate[i];
}

/* max |w -+ v|, whichever sign is nearer */
static double apart(const double *w, const double *v, size_t n)
{
    double plus = 0, minus = 0;
    for (size_t i = 0; i < n; i++) {
        minus = larger(minus, fabs(w[i] - v[i]));
        plus = larger(plus, fabs(w[i] + v[i]));
    }
    return smaller(plus, minus);
}

/* Distance of the row at the end of a flow on `data` from an eigenvector. */
static enum status run_row(const struct dual *d, const struct trial *trial,
                           const struct population *data, const struct leading *leading,
                           double *error)
{
    struct row_flow f = {.inputs = d->network.leaves};
    enum status status = ensemble_create(&f.ensemble, &d->network, data, &objective_simple, NULL,
                                         (struct ensemble_options){0}, trial->err);
    if (status)
        return status;
    struct flow flow = {.size = f.inputs, .context = &f, .rate = projected};
    struct flow_result result;
    double w[DUAL_INPUTS];
    gsl_ran_dir_nd(trial->rng, f.inputs, w);
    status = flow_run(&flow, 0, 30 / leading->gap, 1e-12, 1, 1, NULL, w, &result, trial->err);
    plant(trial, w, f.inputs);
    *error = apart(w, leading->vector, f.inputs);
    ensemble_free(f.ensemble);
    return status;
}

/* Data, and the same with every view a data point, whose leading eigenvectors differ. */
static enum status draw_rows(const struct trial *trial, struct dual *d, struct population **split,
                             struct leading *leading)
{
    const struct dual_wish wish = {.most_depth = 1, .relu = NO, .tree = NO, .outputs = 1};
    for (int made = 0;;) {
        struct leading other = {.gap = 0};
        enum status status = dual_draw(d, trial, wish);
        if (status)
            return status;
        spread_views(trial->rng, d->data);
        status = split_views(d->data, split, trial->err);
        if (!status)
            status = find_leading(d->data, leading, trial->err);
        if (!status)
            status = find_leading(*split, &other, trial->err);
        if (!status && clear(leading, &other, d->network.leaves))
            return STATUS_OK;
        population_free(*split);
        dual_free(d);
        if (!status)
            status = claim_redraw(trial, &made, "data whose views lead another eigenvector");
        if (status)
            return status;
    }
}

static enum status measure_flow(const struct trial *trial, struct reading *reading)
{
    struct dual d;
    struct population *split = NULL;
    struct leading leading = {.gap = 0};
    enum status status = draw_rows(trial, &d, &split, &leading);
    if (status)
        return status;
    status = run_row(&d, trial, d.data, &leading, &reading->error);
    if (!status)
        status =
            run_row(&d, trial, trial->restored ? d.data : split, &leading, &reading->control[0]);
    population_free(split);
    dual_free(&d);
    return status;
}

static const struct part parts[] = {
    {.statement = "operator: with L = 1, OP = 2 V_x[mean x] (x) I",
     .measured = "Left: -grad of the simple loss for drawn rows. Right: 2 W V_x[mean view].",
     .controls = {"every view a data point of its own", "simple_beta with beta != 0"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5},
     .measure = measure_operator},
    {.statement = "flow: one row of unit norm goes to the leading eigenvector of V_x[mean x]",
     .measured = "Projected gradient flow for 30 over the eigengap, on data whose views vary most "
                 "along a direction in which the data do not; distance of the row at the end.",
     .controls = {"every view a data point of its own"},
     .kind = PART_FLOW,
     .plan = {.instances = 20, .quick = 3, .cost = 0.2},
     .measure = measure_flow},
};

const struct claim claim_ddn_9 = {
    .about = {.name = "DDN-9",
              .doc = "One linear layer does principal component analysis of the mean views, the "
                     "part of the data that survives augmentation, and not of the data.",
              .source = "[DDN], one linear layer",
              DUAL_SETTINGS},
    .title = "One linear layer is PCA of what survives augmentation",
    .formula = "OP = 2 V_x[mean x] (x) I; w -> leading eigenvector of V_x[mean x]",
    .hypotheses = "L = 1, linear, simple loss, rows of unit norm; simple leading eigenvalue.",
    ALL_PARTS(parts),
};
