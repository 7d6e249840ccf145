/* DDN-9: one linear layer is PCA of what survives augmentation */
#include "core/linalg.h"
#include "sim/flow/flow.h"
#include "theorems/claims.h"
#include "theorems/ddn/dual.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* V_x[mean view] (with `all` V[x], over data and views) of the data, [inputs][inputs] */
static void covariance(const struct population *data, bool all, double *out)
{
    size_t n = (size_t)data->inputs;
    double *mean = calloc((1 + (size_t)data->points) * n, sizeof *mean), *grand;
    memset(out, 0, n * n * sizeof *out);
    if (!mean)
        return;
    grand = mean + (size_t)data->points * n;
    population_mean_view(data, mean);
    for (int x = 0; x < data->points; x++)
        for (size_t i = 0; i < n; i++)
            grand[i] += data->p[x] * mean[(size_t)x * n + i];
    for (int x = 0; x < data->points; x++)
        for (int v = 0; v < (all ? data->views : 1); v++) {
            size_t c = (size_t)(x * data->views + v);
            double weight = data->p[x] * (all ? data->q[c] : 1);
            const double *value = all ? data->x + c * n : mean + (size_t)x * n;
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++)
                    out[i * n + j] += weight * (value[i] - grand[i]) * (value[j] - grand[j]);
        }
    free(mean);
}

/* ---- the operator ---- */

static enum status operator_error(const struct dual *d, const struct trial *trial, bool all,
                                  double *error)
{
    size_t n = d->network.leaves, rows = (size_t)d->network.level[0].width;
    double *v = calloc(n * n + 2 * rows * n, sizeof *v);
    if (!v)
        return error_memory(trial->err, "a covariance");
    double *measured = v + n * n, *predicted = measured + rows * n;
    covariance(d->data, all, v);
    for (size_t k = 0; k < rows; k++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                predicted[k * n + i] += 2 * d->parameters[k * n + j] * v[j * n + i];
    enum status status =
        dual_descent(d, trial, &objective_simple, NULL, (struct ensemble_options){0}, measured);
    *error = relative_error(measured, predicted, rows * n);
    free(v);
    return status;
}

static enum status measure_operator(const struct trial *trial, struct reading *reading)
{
    struct dual d;
    enum status status =
        dual_draw(&d, trial, (struct dual_wish){.most_depth = 1, .relu = NO, .tree = NO});
    if (status)
        return status;
    status = operator_error(&d, trial, false, &reading->error);
    if (!status)
        status = operator_error(&d, trial, true, &reading->control[0]);
    dual_free(&d);
    return status;
}

/* ---- the flow of one row ---- */

/* Spread views along one direction, with mean zero, by more than the data vary along any: it leads
 * V[x] and is absent from V_x[mean view]. */
static void spread_views(gsl_rng *rng, struct population *data)
{
    size_t n = (size_t)data->inputs;
    double direction[64], shift[16];
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

struct leading {
    double gap;          /* lambda_1 - lambda_2 of V_x[mean view] */
    double survives[64]; /* its leading eigenvector */
    double all[64];      /* leading eigenvector of V[x] */
    bool different;      /* the two differ clearly, and the gap is clear */
};

static enum status find_leading(const struct population *data, struct leading *l, struct error *err)
{
    size_t n = (size_t)data->inputs;
    double *v = malloc((n * n + n) * sizeof *v), along = 0;
    if (!v)
        return error_memory(err, "a covariance");
    covariance(data, false, v);
    enum status status = symmetric_eigen((int)n, v, v + n * n, 1, err);
    l->gap = v[n * n] - v[n * n + 1];
    l->different = l->gap > 0.3 * v[n * n];
    memcpy(l->survives, v, n * sizeof *v);
    covariance(data, true, v);
    if (!status)
        status = symmetric_eigen((int)n, v, v + n * n, 1, err);
    memcpy(l->all, v, n * sizeof *v);
    for (size_t i = 0; i < n; i++)
        along += l->survives[i] * l->all[i];
    l->different = l->different && fabs(along) < 0.9;
    free(v);
    return status;
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
        minus = fmax(minus, fabs(w[i] - v[i]));
        plus = fmax(plus, fabs(w[i] + v[i]));
    }
    return fmin(plus, minus);
}

static enum status run_row(const struct dual *d, const struct trial *trial,
                           const struct leading *leading, struct reading *reading)
{
    struct row_flow f = {.inputs = d->network.leaves};
    enum status status = ensemble_create(&f.ensemble, &d->network, d->data, &objective_simple, NULL,
                                         (struct ensemble_options){0}, trial->err);
    if (status)
        return status;
    struct flow flow = {.size = f.inputs, .context = &f, .rate = projected};
    struct flow_result result;
    double w[64];
    gsl_ran_dir_nd(trial->rng, f.inputs, w);
    status = flow_run(&flow, 0, 30 / leading->gap, 1e-12, 1, 1, NULL, w, &result, trial->err);
    plant(trial, w, f.inputs);
    reading->error = apart(w, leading->survives, f.inputs);
    reading->control[0] = apart(w, leading->all, f.inputs);
    ensemble_free(f.ensemble);
    return status;
}

static enum status measure_flow(const struct trial *trial, struct reading *reading)
{
    struct dual d;
    struct leading leading = {.different = false};
    enum status status = STATUS_OK;
    do {
        status = dual_draw(
            &d, trial, (struct dual_wish){.most_depth = 1, .relu = NO, .tree = NO, .outputs = 1});
        if (status)
            return status;
        spread_views(trial->rng, d.data);
        status = find_leading(d.data, &leading, trial->err);
        if (!status && leading.different)
            status = run_row(&d, trial, &leading, reading);
        dual_free(&d);
    } while (!status && !leading.different);
    return status;
}

static const struct part parts[] = {
    {.statement = "operator: with L = 1, OP = 2 V_x[mean x] (x) I",
     .measured = "Left: -grad of the simple loss for drawn rows. Right: 2 W V_x[mean view].",
     .controls = {"V[x], over data and views"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5},
     .measure = measure_operator},
    {.statement = "flow: one row of unit norm goes to the leading eigenvector of V_x[mean x]",
     .measured = "Projected gradient flow for 30 over the eigengap, on data whose views vary most "
                 "along a direction in which the data do not; distance of the row at the end.",
     .controls = {"the leading eigenvector of V[x]"},
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
