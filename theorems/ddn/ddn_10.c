/* DDN-10: two objects under translation */
#include "theorems/ddn/ddn_10.h"
#include "core/extreme.h"
#include "theorems/claims.h"
#include "theorems/ddn/descent.h"

#include <gsl/gsl_linalg.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_RING = 12,
    MAX_POOLED = 8,
    WINDOW = 3,
    NEURONS = DDN_10_NEURONS,
    OUTPUTS = 2,
    OBJECTS = 2
};
enum { SAMPLES = DDN_10_TIMES - 1 };

/* Patterns on a ring of d sites; a view is a translation. */
struct ring {
    int sites;
    int pattern[OBJECTS][MAX_RING];
};

static struct ring draw_ring(gsl_rng *rng, int most, bool equal_count)
{
    struct ring r = {.sites = 6 + (int)gsl_rng_uniform_int(rng, (unsigned long)most - 5)};
    r.pattern[0][0] = r.pattern[0][1] = 1;
    r.pattern[1][0] = r.pattern[1][2] = 1;
    r.pattern[1][1] = !equal_count; /* 111 in place of 101 */
    return r;
}

static int site(const struct ring *r, int object, int shift, int i)
{
    return r->pattern[object][((i - shift) % r->sites + r->sites) % r->sites];
}

/* Inputs: the sites, or (window > 0) for every site its window of sites. */
static enum status ring_data(const struct ring *r, int window, struct population **data,
                             struct error *err)
{
    int inputs = window > 0 ? r->sites * window : r->sites;
    enum status status = population_create(data, OBJECTS, r->sites, inputs, err);
    if (status)
        return status;
    for (int object = 0; object < OBJECTS; object++) {
        (*data)->p[object] = 1.0 / OBJECTS;
        for (int shift = 0; shift < r->sites; shift++) {
            int column = object * r->sites + shift;
            (*data)->q[column] = 1.0 / r->sites;
            for (int i = 0; i < inputs; i++)
                (*data)->x[column * inputs + i] =
                    window > 0 ? site(r, object, shift, i / window + i % window)
                               : site(r, object, shift, i);
        }
    }
    return STATUS_OK;
}

/* ---- a linear layer ---- */

/* The term that a second moment in place of the covariance would add: 2 W m m^T, m = E x, which is
 * 2/d at every site. */
static void add_second_moment(const struct dual *d, double *descent)
{
    size_t sites = d->network.leaves;
    double m = 2.0 / (double)sites;
    for (size_t o = 0; o < OUTPUTS; o++)
        for (size_t i = 0; i < sites; i++)
            for (size_t j = 0; j < sites; j++)
                descent[o * sites + i] += 2 * d->parameters[o * sites + j] * m * m;
}

static enum status linear_layer(const struct trial *trial, const struct ring *r, double *error)
{
    struct network n = {.levels = 1,
                        .level = {{.nodes = 1, .width = OUTPUTS, .children = r->sites}},
                        .leaves = (size_t)r->sites,
                        .leaf_width = 1};
    struct population *data;
    struct dual d;
    double *parameters, gradient[OUTPUTS * MAX_RING], size = 0, worst = 0;
    network_finish(&n);
    enum status status = ring_data(r, 0, &data, trial->err);
    if (!status)
        status = dual_draw_parameters(trial->rng, &n, &parameters, trial->err);
    if (!status)
        status = dual_create(&d, &n, parameters, data, trial->err);
    if (status)
        return status;
    status =
        dual_descent(&d, trial, &objective_simple, NULL, (struct ensemble_options){0}, gradient);
    if (trial->fault == FAULT_CENTRING)
        add_second_moment(&d, gradient);
    for (size_t i = 0; i < n.parameters; i++) {
        worst = larger(worst, fabs(gradient[i]));
        size = larger(size, fabs(d.parameters[i]));
    }
    *error = worst / size; /* the data have variance of order 1 / d per site */
    dual_free(&d);
    return status;
}

static enum status measure_linear(const struct trial *trial, struct reading *reading)
{
    struct ring equal = draw_ring(trial->rng, MAX_RING, true),
                unequal = draw_ring(trial->rng, MAX_RING, trial->restored);
    enum status status = linear_layer(trial, &equal, &reading->error);
    return status ? status : linear_layer(trial, &unequal, &reading->control[0]);
}

/* ---- a hidden layer, one weight vector per window, pooled ---- */

/* A tree network of two levels: the root over all sites, a node over the window of each site.
 * Weights are tied: the same for every site. */
static struct network pooled_network(const struct ring *r, bool relu)
{
    struct network n = {
        .levels = 2,
        .level = {{.nodes = 1, .width = OUTPUTS, .children = r->sites},
                  {.nodes = (size_t)r->sites, .width = NEURONS, .children = WINDOW}},
        .leaves = (size_t)(r->sites * WINDOW),
        .leaf_width = 1,
        .relu = relu};
    network_finish(&n);
    return n;
}

struct pooled {
    struct ring ring;
    struct dual dual;
    double w[NEURONS][WINDOW], v[OUTPUTS][NEURONS];
};

static void tie(const struct pooled *p, const struct network *n, double *parameters)
{
    for (int s = 0; s < p->ring.sites; s++)
        for (int k = 0; k < NEURONS; k++) {
            for (int j = 0; j < WINDOW; j++)
                parameters[weight_offset(n, 1, (size_t)s) + (size_t)(k * WINDOW + j)] = p->w[k][j];
            for (int o = 0; o < OUTPUTS; o++)
                parameters[(size_t)(o * p->ring.sites * NEURONS + s * NEURONS + k)] = p->v[o][k];
        }
}

/* g[k][site][j]: mean gated input over translations of object 11, less the same for object 101: the
 * derivative of twice the selectivity of k with respect to its weights at that site. */
static void response_gradient(const struct pooled *p, bool relu, int k, double *g)
{
    const struct ring *r = &p->ring;
    memset(g, 0, (size_t)(r->sites * WINDOW) * sizeof *g);
    for (int object = 0; object < OBJECTS; object++)
        for (int shift = 0; shift < r->sites; shift++)
            for (int s = 0; s < r->sites; s++) {
                double pre = 0;
                for (int j = 0; j < WINDOW; j++)
                    pre += p->w[k][j] * site(r, object, shift, s + j);
                for (int j = 0; j < WINDOW; j++)
                    g[s * WINDOW + j] += (object == 0 ? 1.0 : -1.0) / r->sites *
                                         (!relu || pre > 0) * site(r, object, shift, s + j);
            }
}

/* Selectivity of neuron k under `parameters`, in the gates of `g`. */
static double selectivity(const struct pooled *p, const double *g, const double *parameters, int k)
{
    const struct network *n = &p->dual.network;
    double sum = 0;
    for (int s = 0; s < p->ring.sites; s++)
        for (int j = 0; j < WINDOW; j++)
            sum += g[s * WINDOW + j] / 2 *
                   parameters[weight_offset(n, 1, (size_t)s) + (size_t)(k * WINDOW + j)];
    return sum;
}

struct growth {
    double g[NEURONS][MAX_RING * WINDOW];
    double s[NEURONS];          /* selectivity now */
    double a[NEURONS][NEURONS]; /* ds/dt = a s: |g_k|^2 <v_k, v_k'> / 2, from OP */
};

static struct growth predict_growth(const struct pooled *p, bool relu)
{
    struct growth out;
    for (int k = 0; k < NEURONS; k++) {
        double square = 0;
        response_gradient(p, relu, k, out.g[k]);
        for (int i = 0; i < p->ring.sites * WINDOW; i++)
            square += out.g[k][i] * out.g[k][i];
        out.s[k] = selectivity(p, out.g[k], p->dual.parameters, k);
        for (int i = 0; i < NEURONS; i++) {
            out.a[k][i] = 0;
            for (int o = 0; o < OUTPUTS; o++)
                out.a[k][i] += square * p->v[o][k] * p->v[o][i] / 2;
        }
    }
    return out;
}

static enum status assemble(struct pooled *p, bool relu, struct error *err)
{
    struct network n = pooled_network(&p->ring, relu);
    struct population *data;
    double *parameters = calloc(padded(n.parameters), sizeof *parameters);
    if (!parameters)
        return error_memory(err, "a network");
    enum status status = ring_data(&p->ring, WINDOW, &data, err);
    if (status) {
        free(parameters);
        return status;
    }
    tie(p, &n, parameters);
    return dual_create(&p->dual, &n, parameters, data, err);
}

/* Drawn again until some neuron distinguishes the objects at the start. */
static enum status draw_pooled(const struct trial *trial, struct pooled *p)
{
    for (int made = 0;;) {
        double largest = 0;
        p->ring = draw_ring(trial->rng, MAX_POOLED, true);
        for (int k = 0; k < NEURONS; k++) {
            for (int j = 0; j < WINDOW; j++)
                p->w[k][j] = gsl_ran_gaussian(trial->rng, 0.6);
            for (int o = 0; o < OUTPUTS; o++)
                p->v[o][k] = gsl_ran_gaussian(trial->rng, 0.5);
        }
        enum status status = assemble(p, true, trial->err);
        if (status)
            return status;
        struct growth growth = predict_growth(p, true);
        for (int k = 0; k < NEURONS; k++)
            largest = larger(largest, fabs(growth.s[k]));
        if (largest > 0.1)
            return STATUS_OK;
        dual_free(&p->dual);
        status = claim_redraw(trial, &made, "neuron that distinguishes the objects");
        if (status)
            return status;
    }
}

/* ds/dt of every neuron under -grad, by the engine. */
static enum status measured_rate(const struct pooled *p, const struct trial *trial,
                                 const struct growth *growth, double *rate)
{
    double *descent = malloc(p->dual.network.parameters * sizeof *descent);
    if (!descent)
        return error_memory(trial->err, "gradients");
    struct trial plain = *trial;
    plain.fault = trial->fault == FAULT_GATE ? FAULT_GATE : FAULT_NONE;
    enum status status = dual_descent(&p->dual, &plain, &objective_simple, NULL,
                                      (struct ensemble_options){0}, descent);
    for (int k = 0; k < NEURONS; k++)
        rate[k] = selectivity(p, growth->g[k], descent, k);
    plant(trial, rate, NEURONS);
    free(descent);
    return status;
}

/* Against the growth that a ReLU layer has, with the layer that is given. */
static enum status rate_error(struct pooled *p, const struct trial *trial, bool relu, double *error)
{
    struct growth growth = predict_growth(p, true);
    double measured[NEURONS], predicted[NEURONS] = {0};
    for (int k = 0; k < NEURONS; k++)
        for (int i = 0; i < NEURONS; i++)
            predicted[k] += growth.a[k][i] * growth.s[i];
    p->dual.network.relu = relu;
    enum status status = measured_rate(p, trial, &growth, measured);
    *error = relative_error(measured, predicted, NEURONS);
    return status;
}

static enum status measure_rate(const struct trial *trial, struct reading *reading)
{
    struct pooled p;
    enum status status = draw_pooled(trial, &p);
    if (status)
        return status;
    status = rate_error(&p, trial, true, &reading->error);
    if (!status)
        status = rate_error(&p, trial, trial->restored, &reading->control[0]);
    dual_free(&p.dual);
    return status;
}

/* ---- along the flow ---- */

/* s(t) = e^{a t} s(0) */
static void predicted_selectivity(const struct growth *growth, double t, double out[NEURONS])
{
    double at[NEURONS * NEURONS], e[NEURONS * NEURONS];
    for (int i = 0; i < NEURONS * NEURONS; i++)
        at[i] = t * growth->a[i / NEURONS][i % NEURONS];
    gsl_matrix_view a = gsl_matrix_view_array(at, NEURONS, NEURONS);
    gsl_matrix_view exponential = gsl_matrix_view_array(e, NEURONS, NEURONS);
    gsl_linalg_exponential_ss(&a.matrix, &exponential.matrix, GSL_PREC_DOUBLE);
    for (int k = 0; k < NEURONS; k++) {
        out[k] = 0;
        for (int i = 0; i < NEURONS; i++)
            out[k] += e[k * NEURONS + i] * growth->s[i];
    }
}

struct watch {
    const struct pooled *pooled;
    const struct growth *growth;
    struct trial trial;
    double error;
    double grown; /* by how much the prediction differs from s(0), relatively */
    struct curves *curves;
    enum status status;
    struct ddn_10_path *path;
    double (*seen)[NEURONS]; /* of path */
    int count;               /* times seen */
};

/* Selectivity of neuron k from the network's responses, with gates as they are. */
static double response(const struct pooled *p, const double *parameters, int k)
{
    const struct network *n = &p->dual.network;
    double sum = 0;
    for (int object = 0; object < OBJECTS; object++)
        for (int shift = 0; shift < p->ring.sites; shift++)
            for (int s = 0; s < p->ring.sites; s++) {
                const double *w =
                    parameters + weight_offset(n, 1, (size_t)s) + (size_t)(k * WINDOW);
                double pre = 0;
                for (int j = 0; j < WINDOW; j++)
                    pre += w[j] * site(&p->ring, object, shift, s + j);
                sum += (object == 0 ? 0.5 : -0.5) / p->ring.sites * (n->relu ? fmax(pre, 0) : pre);
            }
    return sum;
}

/* Enter a time of the path; the prediction is for the ReLU layer. */
static void record(struct watch *w, double t, const double *state, const double *predicted)
{
    int at = w->count++;
    w->path->time[at] = t;
    for (int k = 0; k < NEURONS; k++)
        w->seen[at][k] = response(w->pooled, state, k);
    if (w->seen == w->path->relu)
        memcpy(w->path->predicted[at], predicted, NEURONS * sizeof *predicted);
}

static bool watch_selectivity(void *context, double t, const double *state)
{
    struct watch *w = ((struct descent *)context)->watcher;
    double s[NEURONS], predicted[NEURONS];
    int best = 0;
    predicted_selectivity(w->growth, t, predicted);
    for (int k = 0; k < NEURONS; k++) {
        s[k] = selectivity(w->pooled, w->growth->g[k], state, k);
        best = fabs(w->growth->a[k][k]) > fabs(w->growth->a[best][best]) ? k : best;
    }
    if (w->curves)
        w->status = curves_add(w->curves, (double[]){t, s[best], predicted[best], 0}, NULL);
    if (w->path)
        record(w, t, state, predicted);
    plant(&w->trial, s, NEURONS);
    w->error = larger(w->error, relative_error(s, predicted, NEURONS));
    w->grown = larger(w->grown, relative_error(predicted, w->growth->s, NEURONS));
    return true;
}

/* tr A, the growth of the fastest direction at least */
static double fastest_growth(const struct growth *growth)
{
    double sum = 0;
    for (int k = 0; k < NEURONS; k++)
        sum += growth->a[k][k];
    return sum;
}

/* Up to `time`, or to the first switch of a gate. */
static enum status run_for(struct watch *w, double time, struct error *err)
{
    struct descent descent;
    const struct dual *d = &w->pooled->dual;
    enum status status = descent_create(&descent, d, &objective_simple, NULL, err);
    double *state = malloc(d->network.parameters * sizeof *state);
    if (!status && !state)
        status = error_memory(err, "a flow");
    if (!status) {
        struct flow_result result;
        descent.hold_output = true;
        descent.watcher = w;
        memcpy(state, d->parameters, d->network.parameters * sizeof *state);
        status = flow_run(&descent.flow, 0, time, 1e-12, 1, SAMPLES, watch_selectivity, state,
                          &result, err);
        descent_free(&descent);
    }
    free(state);
    return status;
}

/* ---- for the figure ---- */

/* The same start in a linear network, with the objects 11 and 101 or (counts) 11 and 111. */
static enum status linear_path(const struct trial *trial, const struct pooled *model, bool counts,
                               struct ddn_10_path *path)
{
    struct pooled p = *model;
    p.ring.pattern[1][1] = counts;
    enum status status = assemble(&p, false, trial->err);
    if (status)
        return status;
    struct growth growth = predict_growth(&p, false);
    struct watch w = {.pooled = &p,
                      .growth = &growth,
                      .trial = *trial,
                      .path = path,
                      .seen = counts ? path->counts : path->linear};
    status = run_for(&w, 1 / path->growth, trial->err);
    dual_free(&p.dual);
    return status;
}

enum status ddn_10_follow(const struct trial *trial, struct ddn_10_path *path)
{
    struct pooled p;
    enum status status = draw_pooled(trial, &p);
    if (status)
        return status;
    struct growth growth = predict_growth(&p, true);
    struct watch w = {
        .pooled = &p, .growth = &growth, .trial = *trial, .path = path, .seen = path->relu};
    *path = (struct ddn_10_path){.sites = p.ring.sites, .growth = fastest_growth(&growth)};
    status = run_for(&w, 1 / fastest_growth(&growth), trial->err);
    path->count = w.count;
    if (!status)
        status = linear_path(trial, &p, false, path);
    if (!status)
        status = linear_path(trial, &p, true, path);
    dual_free(&p.dual);
    return status;
}

/* The flow of the layer that is given, against the growth that a ReLU layer has. */
static enum status follow(struct pooled *p, const struct trial *trial, bool relu, double *error,
                          double *grown)
{
    struct growth growth = predict_growth(p, true);
    struct watch w = {.pooled = p, .growth = &growth, .trial = *trial};
    p->dual.network.relu = relu;
    enum status status = run_for(&w, 1 / fastest_growth(&growth), trial->err);
    *error = w.error;
    *grown = w.grown;
    return status;
}

/* Drawn again where a gate switches before the growth shows, which the prediction tells. */
static enum status measure_flow(const struct trial *trial, struct reading *reading)
{
    for (int made = 0;;) {
        struct pooled p;
        double grown = 0, unused;
        enum status status = draw_pooled(trial, &p);
        if (status)
            return status;
        status = follow(&p, trial, true, &reading->error, &grown);
        bool shows = !(grown <= 1e-3);
        if (!status && shows)
            status = follow(&p, trial, trial->restored, &reading->control[0], &unused);
        dual_free(&p.dual);
        if (!status && !shows)
            status = claim_redraw(trial, &made, "flow that grows before a gate switches");
        else
            return status;
        if (status)
            return status;
    }
}

static enum status draw(const struct trial *trial, struct curves *curves)
{
    *curves = (struct curves){
        .title = "Two objects under translation",
        .x_label = "time t",
        .y_label = "selectivity s_k",
        .caption = "Half the difference of a neuron's mean responses to the objects 11 and 101, up "
                   "to the first switch of a gate: gradient flow of a ReLU layer, the growth that "
                   "its covariance operator predicts, and a linear layer, which learns nothing.",
        .columns = 4,
        .name = {"t", "ReLU, gradient flow", "ReLU, predicted", "linear"}};
    enum status status;
    int made = 0;
    do {
        struct pooled p;
        curves->rows = 0;
        status = claim_redraw(trial, &made, "long flow within one pattern of gates");
        if (!status)
            status = draw_pooled(trial, &p);
        if (status)
            return status;
        struct growth growth = predict_growth(&p, true);
        struct watch w = {.pooled = &p, .growth = &growth, .trial = *trial, .curves = curves};
        status = run_for(&w, 1 / fastest_growth(&growth), trial->err);
        if (!status && w.status)
            status = error_set(trial->err, w.status, "no memory for a curve");
        dual_free(&p.dual);
    } while (!status && curves->rows < 20);
    return status;
}

static const struct part parts[] = {
    {.statement = "linear: a linear layer has V_x[mean x] = 0, its gradient vanishes",
     .measured = "Largest entry of the population gradient over the largest weight; rings of 6 to "
                 "12 sites, all translations.",
     .controls = {"objects with different numbers of ones (11 and 111)"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 20, .quick = 5},
     .measure = measure_linear},
    {.statement =
         "rate: ds_k/dt = |g_k|^2 sum_k' <v_k, v_k'> s_k' / 2, as OP says; g_k: difference "
         "of mean gated inputs, v: output weights, s: selectivity",
     .measured = "Left: the population gradient of a ReLU layer with one weight vector per window "
                 "of 3 sites, pooled, along the derivative of s_k. Right: sums over patterns.",
     .controls = {"a linear layer"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 20, .quick = 5, .cost = 0.02},
     .measure = measure_rate},
    {.statement = "flow: s(t) = e^{A t} s(0) within one pattern of gates",
     .measured =
         "Gradient flow of the hidden layer with the output's weights fixed, up to one e-folding "
         "or the first switch of a gate.",
     .controls = {"a linear layer"},
     .kind = PART_FLOW,
     .plan = {.instances = 20, .quick = 2, .cost = 0.5},
     .measure = measure_flow},
};

const struct claim claim_ddn_10 = {
    .about = {.name = "DDN-10",
              .doc = "Two objects with equally many ones, seen under all translations, look the "
                     "same to a linear layer on average, which learns nothing. A ReLU layer over "
                     "windows responds differently to them, and the difference grows at the rate "
                     "that the covariance operator predicts.",
              .source = "[DDN], objects under translation",
              DUAL_SETTINGS},
    .title = "Two objects under translation",
    .formula = "V_x[mean x] = 0; ds/dt = A s, A_kk' = |g_k|^2 <v_k, v_k'> / 2",
    .hypotheses = "Objects 11 and 101, equally likely, on a ring; uniform translations; simple "
                  "loss; gates fixed.",
    ALL_PARTS(parts),
    .draw = draw,
};
