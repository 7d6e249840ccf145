#include "theorems/ddn/dual.h"

#include "core/extreme.h"
#include "theorems/draw.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct param dual_params[] = {
    INTEGER_PARAM(struct dual_settings, points, "4", 2, 64, "data points of a distribution"),
    INTEGER_PARAM(struct dual_settings, views, "3", 2, 16, "views of a data point"),
    INTEGER_PARAM(struct dual_settings, depth, "4", 2, 8, "layers of a network, at most"),
    INTEGER_PARAM(struct dual_settings, width, "6", 3, 32, "neurons of a layer or node, at most"),
    {0}};

/* ---- networks ---- */

static bool draw_choice(gsl_rng *rng, enum choice wish)
{
    bool coin = gsl_rng_uniform_int(rng, 2) == 1; /* always drawn: later draws stay the same */
    return wish == ANY ? coin : wish == YES;
}

/* Fully connected: one node per level.  Tree: 2 children per node, 2^levels leaves. */
static void draw_shape(const struct trial *trial, bool edge, struct dual_wish wish,
                       struct network *n)
{
    const struct dual_settings *s = trial->settings;
    gsl_rng *rng = trial->rng;
    int least = wish.least_depth > 1 ? wish.least_depth : 1;
    int most = wish.most_depth > 0 ? wish.most_depth : (int)s->depth;
    int deepest = most > least ? most : least;
    bool tree = draw_choice(rng, wish.tree);
    if (tree && deepest > 3)
        deepest = least > 3 ? least : 3; /* 8 leaves, 7 nodes */
    n->levels = draw_between(rng, least, deepest);
    n->mirrors_tree = tree;
    const int leaves = tree ? 1 << n->levels : draw_between(rng, 4, 8);
    for (int l = 0; l < n->levels; l++)
        n->level[l] = (struct level){.nodes = tree ? (size_t)1 << l : 1,
                                     .width = draw_between(rng, 3, (int)s->width),
                                     .children = tree                ? 2
                                                 : l + 1 < n->levels ? 1
                                                                     : leaves};
    for (int l = 1; edge && l < n->levels; l++) /* of one neuron no direction can vary */
        n->level[l].width = wish.normalize ? 2 : 1;
    if (wish.outputs > 0)
        n->level[0].width = wish.outputs;
    n->leaves = (size_t)leaves;
    n->leaf_states = 0;
    n->leaf_width = 1;
    network_finish(n);
}

enum status dual_draw_parameters(gsl_rng *rng, const struct network *n, double **parameters,
                                 struct error *err)
{
    *parameters = calloc(padded(n->parameters), sizeof **parameters);
    if (!*parameters)
        return error_memory(err, "a network");
    draw_parameters(rng, n, 0.5, *parameters);
    return STATUS_OK;
}

/* ---- data ---- */

/* One share twenty times each other. */
static void uneven_shares(int count, double *share)
{
    for (int i = 0; i < count; i++)
        share[i] = (i == 0 ? 20.0 : 1.0) / (19 + count);
}

/* Data and views on a line, which does not pass through the origin. */
static void put_on_a_line(gsl_rng *rng, struct population *d)
{
    double direction[DUAL_INPUTS], offset[DUAL_INPUTS];
    gsl_ran_dir_nd(rng, (size_t)d->inputs, direction);
    draw_normal(rng, 0.5, (size_t)d->inputs, offset);
    for (int c = 0; c < d->points * d->views; c++) {
        double *row = d->x + (size_t)c * (size_t)d->inputs, along = row[0];
        for (int i = 0; i < d->inputs; i++)
            row[i] = offset[i] + along * sqrt(d->inputs) * direction[i];
    }
}

static enum status draw_data(const struct trial *trial, bool edge, int points, int views,
                             int inputs, double spread, struct population **data)
{
    gsl_rng *rng = trial->rng;
    enum status status = population_create(data, points, views, inputs, trial->err);
    if (status)
        return status;
    struct population *d = *data;
    draw_shares(rng, points, d->p);
    if (edge)
        uneven_shares(points, d->p);
    for (int x = 0; x < points; x++) {
        double *row = d->x + (size_t)x * (size_t)views * (size_t)inputs;
        draw_shares(rng, views, d->q + (size_t)x * (size_t)views);
        for (int i = 0; i < inputs; i++) {
            double centre = gsl_ran_gaussian(rng, 1);
            for (int v = 0; v < views; v++)
                row[(size_t)v * (size_t)inputs + (size_t)i] =
                    centre + gsl_ran_gaussian(rng, spread);
        }
    }
    if (edge)
        put_on_a_line(rng, d);
    return STATUS_OK;
}

/* ---- both ---- */

static enum status allocate_means(struct dual *d, struct error *err)
{
    size_t outputs = (size_t)d->network.level[0].width;
    d->mean_k =
        malloc((size_t)d->data->points * d->network.parameters * outputs * sizeof *d->mean_k);
    d->mean_f = malloc((size_t)d->data->points * outputs * sizeof *d->mean_f);
    return d->mean_k && d->mean_f ? STATUS_OK : error_memory(err, "connections");
}

/* mean[x] = sum_v q[x][v] value[x][v], `size` doubles each */
static void mean_over_views(const struct population *data, const double *value, size_t size,
                            double *mean)
{
    memset(mean, 0, (size_t)data->points * size * sizeof *mean);
    for (int x = 0; x < data->points; x++)
        for (int v = 0; v < data->views; v++) {
            size_t column = (size_t)(x * data->views + v);
            for (size_t i = 0; i < size; i++)
                mean[(size_t)x * size + i] += data->q[column] * value[column * size + i];
        }
}

enum status dual_refresh(struct dual *d, bool own_gate, struct error *err)
{
    sample_connection_free(d->view);
    d->view = NULL;
    enum status status = sample_connection_create(&d->view, &d->network, d->parameters, d->data->x,
                                                  d->data->points * d->data->views, own_gate, err);
    if (status)
        return status;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is set where the status is OK */
    size_t outputs = (size_t)d->view->outputs;
    mean_over_views(d->data, d->view->k, d->network.parameters * outputs, d->mean_k);
    mean_over_views(d->data, d->view->f, outputs, d->mean_f);
    return STATUS_OK;
}

/* Whether the mean output varies over the data by a fair fraction of its size. */
static bool alive(const struct dual *d)
{
    int outputs = d->view->outputs;
    double variance = 0, square = 0;
    for (int o = 0; o < outputs; o++) {
        double mean = 0, second = 0;
        for (int x = 0; x < d->data->points; x++) {
            double f = d->mean_f[x * outputs + o];
            mean += d->data->p[x] * f;
            second += d->data->p[x] * f * f;
        }
        variance += second - mean * mean;
        square += second;
    }
    return variance > 1e-2 * square && variance > 1e-4;
}

/* Whether the normalised outputs of all views are defined and differ in direction. */
static bool directions_differ(const struct dual *d)
{
    int outputs = d->view->outputs;
    double least = 1;
    for (int s = 0; s < d->view->samples; s++) {
        const double *a = d->view->f, *b = d->view->f + s * outputs;
        double aa = 0, bb = 0, ab = 0;
        for (int o = 0; o < outputs; o++) {
            aa += a[o] * a[o];
            bb += b[o] * b[o];
            ab += a[o] * b[o];
        }
        if (!(aa > 0 && bb > 0))
            return false;
        least = smaller(least, ab / sqrt(aa * bb));
    }
    return least < 0.9;
}

/* Sums over pairs of data points of differences of f and of g = K_l^T vec(W_l), mean views: *whole
 * of g times f, which is the growth of |W_l|^2 without biases, and *added of g times f - g, which
 * is what biases add to it. */
static void form_of_layer(const struct dual *d, int l, double *whole, double *added)
{
    size_t outputs = (size_t)d->view->outputs, first, end;
    layer_weights(&d->network, l, &first, &end);
    *whole = *added = 0;
    for (int x = 0; x < d->data->points; x++)
        for (int y = 0; y < x; y++)
            for (size_t o = 0; o < outputs; o++) {
                double p = d->data->p[x] * d->data->p[y], g = 0;
                double f = d->mean_f[(size_t)x * outputs + o] - d->mean_f[(size_t)y * outputs + o];
                for (size_t i = first; i < end; i++)
                    g += (point_k(d, x)[i * outputs + o] - point_k(d, y)[i * outputs + o]) *
                         d->parameters[i];
                *whole += p * g * f;
                *added += p * g * (f - g);
            }
}

/* Whether biases add a fair share to the growth of some layer. */
static bool biases_tell(const struct dual *d)
{
    for (int l = 0; l < d->network.levels; l++) {
        double whole, added;
        form_of_layer(d, l, &whole, &added);
        if (fabs(added) > 0.05 * fabs(whole))
            return true;
    }
    return false;
}

enum status dual_create(struct dual *d, const struct network *network, double *parameters,
                        struct population *data, struct error *err)
{
    *d = (struct dual){.network = *network, .parameters = parameters, .data = data};
    enum status status = allocate_means(d, err);
    if (!status)
        status = dual_refresh(d, true, err);
    if (status)
        dual_free(d);
    return status;
}

static enum status draw_once(struct dual *d, const struct trial *trial, struct dual_wish wish)
{
    const struct dual_settings *s = trial->settings;
    double spread = wish.spread > 0 ? wish.spread : 0.3 + 0.5 * gsl_rng_uniform(trial->rng);
    struct network network = {.bias = wish.bias, .normalize = wish.normalize};
    const bool edge = dual_at_edge(trial) && !wish.telling;
    struct population *data;
    double *parameters;
    *d = (struct dual){.parameters = NULL};
    network.relu = draw_choice(trial->rng, wish.relu);
    draw_shape(trial, edge, wish, &network);
    enum status status = dual_draw_parameters(trial->rng, &network, &parameters, trial->err);
    if (status)
        return status;
    status = draw_data(trial, edge, wish.points ? wish.points : (int)s->points,
                       wish.views ? wish.views : (int)s->views, (int)network.leaves, spread, &data);
    if (status) {
        free(parameters);
        return status;
    }
    return dual_create(d, &network, parameters, data, trial->err);
}

static bool serves(const struct dual *d, struct dual_wish wish)
{
    return alive(d) && (!wish.normalize || directions_differ(d)) &&
           (!wish.telling || biases_tell(d));
}

enum status dual_draw(struct dual *d, const struct trial *trial, struct dual_wish wish)
{
    for (int made = 0;;) {
        enum status status = draw_once(d, trial, wish);
        if (!status && serves(d, wish))
            return STATUS_OK;
        dual_free(d);
        if (!status)
            status = claim_redraw(trial, &made, "network with a varying output");
        if (status)
            return status;
    }
}

void dual_free(struct dual *d)
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): all that is freed here is forgotten here */
    free(d->parameters);
    population_free(d->data);
    sample_connection_free(d->view);
    free(d->mean_k);
    free(d->mean_f);
    *d = (struct dual){.parameters = NULL};
}

/* ---- operators ---- */

void dual_add(const struct dual *d, double weight, const double *a, const double *b, double *out)
{
    enum { MAX_OUTPUTS = 64 };
    size_t outputs = (size_t)d->view->outputs, first, end;
    double u[MAX_OUTPUTS];
    for (int l = 0; l < d->network.levels; l++) {
        layer_weights(&d->network, l, &first, &end);
        memset(u, 0, sizeof u);
        for (size_t p = first; p < end; p++)
            for (size_t o = 0; o < outputs; o++)
                u[o] += (a[p * outputs + o] - (b ? b[p * outputs + o] : 0)) * d->parameters[p];
        for (size_t p = first; p < end; p++)
            for (size_t o = 0; o < outputs; o++)
                out[p] += weight * (a[p * outputs + o] - (b ? b[p * outputs + o] : 0)) * u[o];
    }
}

/* V_x V = sum_{x,x'} p p' (A - A')(A - A')^T / 2, which needs no mean. */
void dual_operator(const struct dual *d, double beta, double *out)
{
    const struct population *data = d->data;
    memset(out, 0, d->network.parameters * sizeof *out);
    for (int x = 0; x < data->points; x++)
        for (int y = 0; y < data->points; y++)
            dual_add(d, data->p[x] * data->p[y], point_k(d, x), point_k(d, y), out);
    for (int x = 0; x < data->points && beta != 0; x++)
        for (int v = 0; v < data->views; v++)
            dual_add(d, -2 * beta * data->p[x] * data->q[x * data->views + v],
                     view_k(d, x * data->views + v), point_k(d, x), out);
}

void dual_weighted_operator(const struct dual *d, const double *xi, double *out)
{
    const struct population *data = d->data;
    memset(out, 0, d->network.parameters * sizeof *out);
    for (int x = 0; x < data->points; x++)
        for (int y = 0; y < data->points; y++)
            dual_add(d, data->p[x] * data->p[y] * xi[x * data->points + y], point_k(d, x),
                     point_k(d, y), out);
}

double layer_product(const struct dual *d, int l, const double *a, const double *b)
{
    size_t first, end;
    double sum = 0;
    layer_weights(&d->network, l, &first, &end);
    for (size_t p = first; p < end; p++)
        sum += a[p] * b[p];
    return sum;
}

double half_square(const double *a, const double *b, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]) / 2;
    return sum;
}

double dual_error(const struct dual *d, const double *measured, const double *predicted)
{
    double worst = 0;
    for (int l = 0; l < d->network.levels; l++) {
        size_t first, end;
        layer_weights(&d->network, l, &first, &end);
        double error = relative_error(measured + first, predicted + first, end - first);
        worst = larger(error, worst);
    }
    return worst;
}

enum status dual_descent(const struct dual *d, const struct trial *trial,
                         const struct objective *objective, const void *settings,
                         struct ensemble_options options, double *measured)
{
    struct network ungated = d->network;
    ungated.relu = false;
    struct ensemble *e;
    enum status status =
        ensemble_create(&e, &d->network, d->data, objective, settings, options, trial->err);
    if (status)
        return status;
    ensemble_loss(e, d->parameters, measured);
    if (trial->fault == FAULT_GATE) { /* the same activations, gradients without gates */
        e->loss.batch.pass.network = &ungated;
        batch_backward(&e->loss.batch, e->parameters, measured);
    }
    for (size_t i = 0; i < d->network.parameters; i++)
        measured[i] = -measured[i];
    plant(trial, measured, d->network.parameters);
    ensemble_free(e);
    return STATUS_OK;
}
