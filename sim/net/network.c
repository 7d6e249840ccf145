#include "sim/net/network.h"

#include "core/norm.h"
#include "core/normal.h"
#include "core/quad.h"

#include <math.h>

void network_finish(struct network *network)
{
    size_t offset = 0;
    network->leaf_width = network->leaf_states > 2 ? network->leaf_states : 1;
    for (int l = 0; l < network->levels; l++) {
        struct level *level = &network->level[l];
        level->fan_in = level->children * width_of(network, l + 1);
        level->weights = offset;
        offset += level->nodes * (size_t)level->width * (size_t)level->fan_in;
        level->biases = offset;
        if (network->bias)
            offset += level->nodes * (size_t)level->width;
    }
    network->parameters = offset;
}

enum status network_build(struct network *network, const struct network_kind *kind,
                          const void *settings, const struct source *source, const void *world,
                          struct error *err)
{
    const struct network_common *common = settings;
    const struct observed observed = source->observed(world);
    *network = (struct network){
        .leaves = observed.leaves,
        .leaf_states = observed.states,
        .leaf_width = observed.states > 2 ? observed.states : 1,
        .relu = common->activation == 0,
        .bias = common->bias,
        .normalize = common->normalize,
        .norm_eps = common->norm_eps,
    };
    enum status status = kind->shape(settings, source, world, network, err);
    if (!status)
        network_finish(network);
    return status;
}

double bias_over_norm(const struct bias_schedule *schedule, uint64_t steps)
{
    if (steps < schedule->warmup)
        return 0;
    return fmin(schedule->cap,
                schedule->start * pow(1 + schedule->growth, (double)(steps - schedule->warmup)));
}

void network_set_biases(const struct network *network, uint64_t steps, size_t first, size_t end,
                        double *parameters)
{
    const size_t inputs = (size_t)network->level[0].fan_in;
    const double ratio = bias_over_norm(&network->schedule, steps);
    for (size_t i = first; i < end; i++) {
        const double *w = parameters + network->level[0].weights + i * inputs;
        double square = 0;
        for (size_t k = 0; k < inputs; k++)
            square += w[k] * w[k];
        parameters[network->level[0].biases + i] = ratio * sqrt(square);
    }
}

static void init_symmetric(const struct network *network, uint64_t seed, enum purpose purpose,
                           double *parameters)
{
    const struct level *level = &network->level[0];
    const size_t inputs = (size_t)level->fan_in;
    double row[BLOCK];
    for (size_t i = 0; i < (size_t)level->width * inputs; i++) {
        const size_t neuron = i / inputs, input = i % inputs;
        const struct draw draw = {.seed = seed, .purpose = purpose, .block = neuron};
        if (input % BLOCK == 0)
            normal_row(draw, input / BLOCK, row);
        parameters[level->weights + i] = network->weight_scale * row[input % BLOCK];
    }
    network_set_biases(network, 0, 0, (size_t)level->width, parameters);
}

void network_init(const struct network *network, uint64_t seed, enum purpose purpose,
                  double *parameters)
{
    if (network->symmetric) {
        init_symmetric(network, seed, purpose, parameters);
        return;
    }
    for (int l = 0; l < network->levels; l++) {
        const struct level *level = &network->level[l];
        double bound = 1 / sqrt(level->fan_in);
        for (size_t node = 0; node < level->nodes; node++) {
            struct stream stream;
            stream_open(&stream, seed, purpose, 0, (uint64_t)l << 32 | node);
            double *w = parameters + weight_offset(network, l, node);
            for (int i = 0; i < level->width * level->fan_in; i++)
                w[i] = bound * (2 * stream_uniform(&stream) - 1);
            double *b = parameters + bias_offset(network, l, node);
            for (int i = 0; network->bias && i < level->width; i++)
                b[i] = bound * (2 * stream_uniform(&stream) - 1);
        }
    }
}

/* Eight samples at a time. */
enum { EIGHT = 8 };

/* sum over rows of f g, of eight samples from `at` on */
static inline void dot_eight(int width, size_t stride, const double *f, const double *g, size_t at,
                             double sum[EIGHT])
{
    quad low = {0}, high = {0};
    for (size_t k = 0; k < (size_t)width; k++, at += stride) {
        low += *(const quad *)(f + at) * *(const quad *)(g + at);
        high += *(const quad *)(f + at + 4) * *(const quad *)(g + at + 4);
    }
    *(quad *)sum = low;
    *(quad *)(sum + 4) = high;
}

/* |f| of eight samples; returns whether all of them are safe squares. */
static inline bool norm_eight(int width, size_t stride, const double *f, size_t at,
                              double norm[EIGHT])
{
    bool safe = true;
    dot_eight(width, stride, f, f, at, norm);
    for (size_t i = 0; i < EIGHT; i++)
        safe &= square_is_safe(norm[i]);
    for (size_t i = 0; i < EIGHT; i++)
        norm[i] = safe || square_is_safe(norm[i]) ? sqrt(norm[i])
                                                  : norm_of((size_t)width, f + at + i, stride);
    return safe;
}

void normalize_forward(int width, size_t samples, size_t stride, double eps, const double *f,
                       double *y)
{
    for (size_t s = 0; s < samples; s += EIGHT) {
        double scale[EIGHT];
        norm_eight(width, stride, f, s, scale);
        for (size_t i = 0; i < EIGHT; i++)
            scale[i] = inverse_of_norm(scale[i] + eps); /* 0 stays 0 without eps */
        const quad low = *(quad *)scale, high = *(quad *)(scale + 4);
        for (size_t k = 0, at = s; k < (size_t)width; k++, at += stride) {
            *(quad *)(y + at) = low * *(const quad *)(f + at);
            *(quad *)(y + at + 4) = high * *(const quad *)(f + at + 4);
        }
    }
}

/* f . dy of one sample, f multiplied by its scale first */
static double scaled_dot(int width, size_t stride, const double *f, const double *dy, size_t at,
                         double scale)
{
    double sum = 0;
    for (size_t k = 0; k < (size_t)width; k++, at += stride)
        sum += f[at] * scale * dy[at];
    return sum;
}

/* y = f / (n + eps), n = |f|:  df = (dy - f (f . dy) / (n (n + eps))) / (n + eps) */
void normalize_backward(int width, size_t samples, size_t stride, double eps, const double *f,
                        const double *dy, double *df)
{
    for (size_t s = 0; s < samples; s += EIGHT) {
        double scale[EIGHT], along[EIGHT];
        const bool safe = norm_eight(width, stride, f, s, scale);
        dot_eight(width, stride, f, dy, s, along);
        for (size_t i = 0; i < EIGHT; i++) {
            const double norm = scale[i];
            scale[i] = inverse_of_norm(norm + eps);
            along[i] =
                safe ? along[i] * scale[i] : scaled_dot(width, stride, f, dy, s + i, scale[i]);
            along[i] = norm > 0 ? along[i] / norm : 0;
        }
        for (size_t half = 0; half < EIGHT; half += 4) {
            const quad scales = *(quad *)(scale + half), alongs = *(quad *)(along + half);
            for (size_t k = 0, at = s + half; k < (size_t)width; k++, at += stride)
                *(quad *)(df + at) =
                    scales * (*(const quad *)(dy + at) - alongs * *(const quad *)(f + at));
        }
    }
}
