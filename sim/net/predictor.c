#include "sim/net/predictor.h"

#include "core/random.h"

#include <math.h>
#include <string.h>

static enum status check_sizes(enum predictor_kind kind, int width, int hidden, bool symmetric,
                               struct error *err)
{
    if (width < 1)
        return error_set(err, STATUS_INVALID, "a predictor of width %d; it must be at least 1",
                         width);
    if (kind != PREDICTOR_TWO_LAYERS)
        return STATUS_OK;
    if (hidden < 1)
        return error_set(err, STATUS_INVALID,
                         "a predictor with two layers and %d hidden neurons; they must be at least "
                         "1",
                         hidden);
    if (symmetric && hidden != width)
        return error_set(err, STATUS_INVALID,
                         "a symmetric predictor with two layers whose %d hidden neurons make %d x "
                         "%d matrices; symmetric ones need as many hidden neurons as outputs, %d",
                         hidden, hidden, width, width);
    return STATUS_OK;
}

static void add_layer(struct predictor *p, int outputs, int inputs)
{
    size_t weights = p->parameters, biases = weights + (size_t)outputs * (size_t)inputs;
    p->layer[p->layers].outputs = outputs;
    p->layer[p->layers].inputs = inputs;
    p->layer[p->layers].weights = weights;
    p->layer[p->layers].biases = biases;
    p->layers++;
    p->parameters = biases + (p->bias ? (size_t)outputs : 0);
}

enum status predictor_build(struct predictor *predictor, enum predictor_kind kind, int width,
                            int hidden, bool bias, bool symmetric, struct error *err)
{
    *predictor =
        (struct predictor){.kind = kind, .width = width, .bias = bias, .symmetric = symmetric};
    enum status status = check_sizes(kind, width, hidden, symmetric, err);
    if (status || kind == PREDICTOR_IDENTITY)
        return status;
    if (kind == PREDICTOR_TWO_LAYERS)
        add_layer(predictor, hidden, width);
    add_layer(predictor, width, kind == PREDICTOR_TWO_LAYERS ? hidden : width);
    return STATUS_OK;
}

void predictor_project(const struct predictor *p, double *array)
{
    for (int l = 0; p->symmetric && l < p->layers; l++) {
        double *w = array + p->layer[l].weights;
        size_t n = (size_t)p->layer[l].outputs;
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < i; j++)
                w[i * n + j] = w[j * n + i] = (w[i * n + j] + w[j * n + i]) / 2;
    }
}

void predictor_init(const struct predictor *p, uint64_t seed, double *parameters)
{
    for (int l = 0; l < p->layers; l++) {
        const double bound = 1 / sqrt(p->layer[l].inputs);
        const size_t weights = (size_t)p->layer[l].outputs * (size_t)p->layer[l].inputs;
        const size_t end = weights + (p->bias ? (size_t)p->layer[l].outputs : 0);
        struct stream stream;
        stream_open(&stream, seed, PURPOSE_PREDICTOR, 0, (uint64_t)l);
        for (size_t i = 0; i < end; i++)
            parameters[p->layer[l].weights + i] = bound * (2 * stream_uniform(&stream) - 1);
    }
    predictor_project(p, parameters);
}

void predictor_layout(struct predictor_pass *pass, const struct predictor *p, size_t columns,
                      struct arena *arena)
{
    *pass = (struct predictor_pass){.predictor = p, .columns = padded(columns)};
    int n = (int)pass->columns;
    for (int l = 0; l < p->layers; l++) {
        int outputs = p->layer[l].outputs, inputs = p->layer[l].inputs;
        product_plan(&pass->forward[l], PRODUCT_FORWARD, outputs, inputs, n, n, inputs);
        product_plan(&pass->outer[l], PRODUCT_OUTER, outputs, inputs, n, n, inputs);
        product_plan(&pass->backward[l], PRODUCT_BACKWARD, outputs, inputs, n, n, inputs);
    }
    if (p->layers < 2)
        return;
    size_t size = (size_t)p->layer[0].outputs * pass->columns;
    pass->hidden = ARENA_TAKE(arena, double, size);
    pass->delta_hidden = ARENA_TAKE(arena, double, size);
}

/* y = W x (+ b) of one layer */
static void layer_forward(struct predictor_pass *pass, int l, double *parameters, double *x,
                          double *y)
{
    const struct predictor *p = pass->predictor;
    product_run(&pass->forward[l], parameters + p->layer[l].weights, x, y);
    for (size_t k = 0; p->bias && k < (size_t)p->layer[l].outputs; k++)
        for (size_t s = 0; s < pass->columns; s++)
            y[k * pass->columns + s] += parameters[p->layer[l].biases + k];
}

/* dW += dy x^T, db += sum of dy, dx = W^T dy */
static void layer_backward(struct predictor_pass *pass, int l, double *parameters, double *x,
                           double *dy, double *gradient, double *dx)
{
    const struct predictor *p = pass->predictor;
    product_run(&pass->outer[l], gradient + p->layer[l].weights, x, dy);
    for (size_t k = 0; p->bias && k < (size_t)p->layer[l].outputs; k++)
        for (size_t s = 0; s < pass->columns; s++)
            gradient[p->layer[l].biases + k] += dy[k * pass->columns + s];
    product_run(&pass->backward[l], parameters + p->layer[l].weights, dx, dy);
}

static size_t hidden_size(const struct predictor_pass *pass)
{
    return (size_t)pass->predictor->layer[0].outputs * pass->columns;
}

/* Doubles of an input and of a prediction. */
static size_t batch_size(const struct predictor_pass *pass)
{
    return (size_t)pass->predictor->width * pass->columns;
}

void predictor_forward(struct predictor_pass *pass, double *parameters, double *f, double *q)
{
    if (pass->predictor->layers == 0) {
        memcpy(q, f, batch_size(pass) * sizeof *q);
        return;
    }
    if (pass->predictor->layers == 1) {
        layer_forward(pass, 0, parameters, f, q);
        return;
    }
    layer_forward(pass, 0, parameters, f, pass->hidden);
    for (size_t i = 0; i < hidden_size(pass); i++) /* NaN stays */
        pass->hidden[i] = pass->hidden[i] <= 0 ? 0 : pass->hidden[i];
    layer_forward(pass, 1, parameters, pass->hidden, q);
}

void predictor_backward(struct predictor_pass *pass, double *parameters, double *f, double *dq,
                        double *gradient, double *df)
{
    if (pass->predictor->layers == 0) {
        memcpy(df, dq, batch_size(pass) * sizeof *df);
        return;
    }
    if (pass->predictor->layers == 1) {
        layer_backward(pass, 0, parameters, f, dq, gradient, df);
        return;
    }
    layer_backward(pass, 1, parameters, pass->hidden, dq, gradient, pass->delta_hidden);
    for (size_t i = 0; i < hidden_size(pass); i++)
        pass->delta_hidden[i] = pass->hidden[i] > 0 ? pass->delta_hidden[i] : 0;
    layer_backward(pass, 0, parameters, f, pass->delta_hidden, gradient, df);
}
