/* DDN-6: the weighted operator for triplet and infonce, with residual */
#include "theorems/ddn/ddn_06.h"
#include "core/extreme.h"
#include "theorems/claims.h"
#include "theorems/ddn/dual.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SCALES = DDN_6_SCALES };

/* Standard deviation of views about their point at scale 1.  Views are drawn at the smallest scale,
 * 2^-9, so that the network is alive there. */
static const double spread = 0.5, smallest = 1.0 / 512;

/* Temperature and margin are in units of the mean r between data points: were all of them many tau
 * apart, there would be no gradient. */
static struct chosen_loss draw_loss(gsl_rng *rng, const struct dual *d, enum loss_kind kind)
{
    const int points = d->data->points, outputs = d->view->outputs;
    double tau = gsl_ran_flat(rng, 0.3, 1), margin = gsl_ran_flat(rng, -0.5, 0.5), unit = 0;
    for (int x = 0; x < points; x++)
        for (int y = 0; y < points; y++)
            unit += half_square(d->mean_f + x * outputs, d->mean_f + y * outputs, outputs) /
                    (points * (points - 1));
    return loss_of(kind, tau * unit, kind == LOSS_TRIPLET ? margin * unit : 0, 1);
}

/* xi(x, x') = dL/dr_+ at r_+ = 0, r_- = |E f_L(x) - E f_L(x')|^2 / 2 */
static void residual_weight(const struct dual *d, const struct chosen_loss *loss, double *xi)
{
    int points = d->data->points, outputs = d->view->outputs;
    for (int x = 0; x < points; x++)
        for (int y = 0; y < points; y++) {
            double r = half_square(d->mean_f + x * outputs, d->mean_f + y * outputs, outputs);
            loss_weights(loss, 0, &r, &xi[x * points + y]);
        }
}

static double distance(const double *a, const double *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum);
}

static enum status residuals(const struct dual *d, const struct trial *trial,
                             const struct chosen_loss *loss, struct ddn_6_residual *out)
{
    size_t size = d->network.parameters, pairs = (size_t)(d->data->points * d->data->points);
    double *measured = calloc(2 * size + pairs, sizeof *measured);
    if (!measured)
        return error_memory(trial->err, "gradients");
    double *predicted = measured + size, *xi = predicted + size;
    enum status status = dual_descent(d, trial, loss->objective, &loss->settings,
                                      (struct ensemble_options){0}, measured);
    out->gradient = distance(measured, predicted, size); /* from 0 */
    residual_weight(d, loss, xi);
    dual_weighted_operator(d, xi, predicted);
    out->with_weight = distance(measured, predicted, size);
    for (size_t i = 0; i < pairs; i++)
        xi[i] = 1;
    dual_weighted_operator(d, xi, predicted);
    out->without = distance(measured, predicted, size);
    free(measured);
    return status;
}

/* Views at `scale` times their drawn distance from their mean. */
static void rescale(struct population *data, const double *original, const double *mean,
                    double scale)
{
    size_t inputs = (size_t)data->inputs;
    for (int c = 0; c < data->points * data->views; c++)
        for (size_t i = 0; i < inputs; i++) {
            double centre = mean[(size_t)(c / data->views) * inputs + i];
            double x = original[(size_t)c * inputs + i];
            data->x[(size_t)c * inputs + i] = centre + scale * (x - centre);
        }
}

/* Gates of hidden ReLUs that differ between views of one point. */
static int split_gates(const struct dual *d)
{
    const struct sample_connection *view = d->view;
    int split = 0;
    for (size_t i = 0; i < view->neurons && d->network.relu; i++) {
        bool found = false;
        for (int c = 0; c < view->samples; c++) {
            int first = c / d->data->views * d->data->views; /* view of the same point */
            found |= view->gate[(size_t)c * view->neurons + i] !=
                     view->gate[(size_t)first * view->neurons + i];
        }
        split += found;
    }
    return split;
}

/* Residuals at scales 1/4, 1/8, ... */
static enum status sweep(struct dual *d, const struct trial *trial, const struct chosen_loss *loss,
                         struct ddn_6_sweep *out)
{
    struct population *data = d->data;
    size_t count = (size_t)(data->points * data->views) * (size_t)data->inputs;
    double *original = malloc(2 * count * sizeof *original), *mean = original + count;
    if (!original)
        return error_memory(trial->err, "data");
    memcpy(original, data->x, count * sizeof *original);
    population_mean_view(data, mean);
    enum status status = STATUS_OK;
    for (int i = 0; i < SCALES && !status; i++) {
        out->scale[i] = pow(2, -2 - i);
        rescale(data, original, mean, out->scale[i] / smallest);
        status = dual_refresh(d, true, trial->err);
        if (!status)
            status = residuals(d, trial, loss, &out->residual[i]);
        out->split[i] = status ? 0 : split_gates(d);
    }
    free(original);
    return status;
}

/* A drawn network, or a ReLU network where differences of outputs depend on biases. */
static const struct dual_wish drawn = {.least_depth = 2},
                              biased = {
                                  .least_depth = 2, .bias = true, .telling = true, .relu = YES};

static enum status sweep_with(const struct trial *trial, struct dual_wish wish,
                              struct ddn_6_sweep *out)
{
    struct dual d;
    wish.spread = spread * smallest;
    enum status status = dual_draw(&d, trial, wish);
    if (status)
        return status;
    out->infonce = trial->instance % 2 == 0;
    out->relu = d.network.relu;
    struct chosen_loss loss = draw_loss(trial->rng, &d, out->infonce ? LOSS_INFONCE : LOSS_TRIPLET);
    status = sweep(&d, trial, &loss, out);
    dual_free(&d);
    return status;
}

enum status ddn_6_sweep(const struct trial *trial, struct ddn_6_sweep *out)
{
    return sweep_with(trial, (struct dual_wish){.least_depth = 2, .inside = true}, out);
}

struct slope ddn_6_slope(const struct ddn_6_sweep *sweep, bool weighted)
{
    double value[SCALES];
    for (int i = 0; i < SCALES; i++)
        value[i] = weighted ? sweep->residual[i].with_weight : sweep->residual[i].without;
    return log_log_slope(sweep->scale, value, SCALES);
}

/* Drawn again where a gate has views of one point on both sides even at the smallest strength: how
 * fast the residual falls then depends on how far the kink is, and a slope says nothing.  The bound
 * below holds there too. */
static enum status sweep_to_limit(const struct trial *trial, struct dual_wish wish,
                                  struct ddn_6_sweep *out)
{
    for (int made = 0;;) {
        enum status status = sweep_with(trial, wish, out);
        if (status || out->split[SCALES - 1] == 0)
            return status;
        status = claim_redraw(trial, &made, "network whose gates are whole at s = 1/512");
        if (status)
            return status;
    }
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    struct ddn_6_sweep sweep, control;
    enum status status = sweep_to_limit(trial, drawn, &sweep);
    if (!status)
        status = sweep_to_limit(trial, trial->restored ? drawn : biased, &control);
    if (!status)
        reading_slopes(reading, ddn_6_slope(&sweep, true), ddn_6_slope(&control, true));
    return status;
}

/* ---- the bound, with its constant ---- */

/* Half the greatest difference of xi over that of r_+ or r_-: a logistic function rises by at most
 * 1/4 per unit. */
static double steepness(const struct chosen_loss *loss)
{
    return (loss->kind == LOSS_TRIPLET ? 1 : 1 / loss->tau) / (4 * loss->tau);
}

/* |(K_1 - K_-)(f_1 - f_-) - (K_1 - K_+)(f_1 - f_+)| of one combination, each term as connection
 * times weights; `work`: [parameters] */
static double one_gradient(const struct dual *d, int one, int plus, int minus, double *work)
{
    memset(work, 0, d->network.parameters * sizeof *work);
    dual_add(d, 1, view_k(d, one), view_k(d, minus), work);
    dual_add(d, -1, view_k(d, one), view_k(d, plus), work);
    return frobenius(work, d->network.parameters);
}

/* The largest of any combination of views */
static double largest_gradient(const struct dual *d, double *work)
{
    const int views = d->data->views, columns = d->data->points * views;
    double most = 0;
    for (int one = 0; one < columns; one++)
        for (int v = 0; v < views; v++)
            for (int minus = 0; minus < columns; minus++)
                most = larger(most, one_gradient(d, one, one / views * views + v, minus, work));
    return most;
}

/* tr V_{x'|x}[f_L] of data point x */
static double output_variance(const struct dual *d, int x)
{
    const int views = d->data->views, outputs = d->view->outputs;
    double sum = 0;
    for (int c = x * views; c < (x + 1) * views; c++)
        sum += 2 * d->data->q[c] *
               half_square(d->view->f + c * outputs, d->mean_f + x * outputs, outputs);
    return sum;
}

/* E |xi(r_+, r_-) - xi(0, r)| <= steepness (E sqrt(2 r) (sqrt V(x) + sqrt V(x')) + 3 E V), V = tr
 * V_{x'|x}[f_L]: r_+ and |r_- - r| depend on the differences of the outputs from their means. */
static double weight_error(const struct dual *d, const struct chosen_loss *loss)
{
    const int outputs = d->view->outputs;
    double cross = 0, own = 0;
    for (int x = 0; x < d->data->points; x++) {
        double v = output_variance(d, x);
        own += d->data->p[x] * v;
        for (int y = 0; y < d->data->points; y++) {
            double r = half_square(d->mean_f + x * outputs, d->mean_f + y * outputs, outputs);
            cross += d->data->p[x] * d->data->p[y] * sqrt(2 * r) *
                     (sqrt(v) + sqrt(output_variance(d, y)));
        }
    }
    return steepness(loss) * (cross + 3 * own);
}

static enum status violation(const struct trial *trial, struct dual_wish wish, double *error)
{
    static const enum loss_kind kind[] = {LOSS_INFONCE, LOSS_TRIPLET, LOSS_EXACT_COV};
    struct ddn_6_residual residual;
    struct dual d;
    wish.spread = pow(2, gsl_ran_flat(trial->rng, -17, -3));
    enum status status = dual_draw(&d, trial, wish);
    if (status)
        return status;
    struct chosen_loss loss = draw_loss(trial->rng, &d, kind[trial->instance % 3]);
    double *work = malloc(d.network.parameters * sizeof *work);
    status = work ? residuals(&d, trial, &loss, &residual) : error_memory(trial->err, "gradients");
    if (!status)
        *error = residual.with_weight / (largest_gradient(&d, work) * weight_error(&d, &loss)) - 1;
    free(work);
    dual_free(&d);
    return status;
}

static enum status measure_bound(const struct trial *trial, struct reading *reading)
{
    enum status status = violation(trial, drawn, &reading->error);
    return status ? status
                  : violation(trial, trial->restored ? drawn : biased, &reading->control[0]);
}

static enum status draw(const struct trial *trial, struct curves *curves)
{
    struct ddn_6_sweep sweep[2];
    *curves = (struct curves){
        .title = "Residual of the weighted covariance operator",
        .x_label = "augmentation strength s",
        .y_label = "|-grad - OP vec(W)|",
        .caption = "Two drawn networks. With the weight of DDN-6 the residual falls with the "
                   "augmentation, by s^2, or by s where a ReLU gate differs between views of one "
                   "point; with xi = 1 it stays.",
        .log_x = true,
        .log_y = true,
        .columns = 5,
        .name = {"s", "infonce", "triplet", "infonce, xi = 1", "triplet, xi = 1"}};
    for (int i = 0; i < 2; i++) {
        struct trial one = *trial;
        one.instance = i;
        enum status status = ddn_6_sweep(&one, &sweep[i]);
        if (status)
            return status;
    }
    for (int i = 0; i < SCALES; i++) {
        const struct ddn_6_residual *one = &sweep[0].residual[i], *two = &sweep[1].residual[i];
        double row[] = {sweep[0].scale[i], one->with_weight, two->with_weight, one->without,
                        two->without};
        enum status status = curves_add(curves, row, trial->err);
        if (status)
            return status;
    }
    return STATUS_OK;
}

static const struct part parts[] = {
    {.statement = "residual: |-vec(grad_{W_l}) - OP_l vec(W_l)| = O(s) at least, s the strength of "
                  "augmentation",
     .measured = "Slope of the log of the residual against log s over 8 scales (1/4 to 1/512), "
                 "triplet and infonce with H = 1 in turn, views scaled about their mean; networks "
                 "without a ReLU gate between views of one point at s = 1/512.",
     .controls = {"biases added to a ReLU network"},
     .kind = PART_RATE,
     .tolerance = 0.05,
     .least = 1,
     .plan = {.instances = 30, .quick = 4, .cost = 0.05},
     .measure = measure},
    {.statement = "bound: |-vec(grad_W) - OP vec(W)| <= M c (E sqrt(2 r) (sqrt V(x) + sqrt V(x')) "
                  "+ 3 E V(x)), V = tr V_{x'|x}[f_L], M = max |(K_1 - K_-)(f_1 - f_-) - (K_1 - "
                  "K_+)(f_1 - f_+)|, c = 1/(4 tau) for triplet, 1/(4 tau^2) for infonce and "
                  "exact_cov",
     .measured =
         "The residual of all layers against the bound that its proof gives, at strengths "
         "from 2^-17 to 2^-3, triplet, infonce and exact_cov in turn; M over all combinations "
         "of views.",
     .controls = {"biases added to a ReLU network"},
     .kind = PART_BOUND,
     .plan = {.instances = 1000, .quick = 60, .cost = 0.003},
     .measure = measure_bound},
};

const struct claim claim_ddn_6 = {
    .about = {.name = "DDN-6",
              .doc = "For triplet and infonce with one negative the population gradient is the "
                     "weighted operator, with the weight taken at the mean outputs, up to a "
                     "residual that vanishes with the augmentation. The same is true of "
                     "exact_cov, which has the weight of infonce.",
              .source = "[DDN] Thm. 4",
              DUAL_SETTINGS},
    .title = "Weighted operator, with residual",
    .formula = "xi = dL/dr_+ at r_+ = 0, r_- = |E f_L(x) - E f_L(x')|^2 / 2; residual O(E sqrt(r "
               "tr V_{x'|x}[f_L]) + E tr V_{x'|x}[f_L])",
    .hypotheses = "H = 1; no biases; small augmentation.",
    ALL_PARTS(parts),
    .draw = draw,
};
