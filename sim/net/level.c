#include "sim/net/level.h"

/* One row; `relu`, `apart` are constants where it is inlined. */
static inline void activate_row(bool relu, bool apart, double bias, double *pre, double *act,
                                size_t count)
{
    for (size_t s = 0; s < count; s++) {
        const double x = pre[s] + bias, value = !relu || x > 0 ? x : 0;
        if (apart)
            pre[s] = x;
        act[s] = value;
    }
}

void level_activate(const struct network *network, int level, const double *bias, double *pre,
                    double *act, size_t stride, size_t count)
{
    const bool relu = network->relu && level > 0;
    for (size_t k = 0; k < (size_t)network->level[level].width; k++, pre += stride, act += stride) {
        const double b = bias ? bias[k] : 0;
        if (relu && act != pre)
            activate_row(true, true, b, pre, act, count);
        else if (relu)
            activate_row(true, false, b, pre, pre, count);
        else if (act != pre)
            activate_row(false, true, b, pre, act, count);
        else
            activate_row(false, false, b, pre, pre, count);
    }
}

void level_gate(double *delta, const double *act, size_t count)
{
    for (size_t s = 0; s < count; s++)
        delta[s] = act[s] > 0 ? delta[s] : 0;
}

static double row_sum(const double *row, size_t count)
{
    double sum[8] = {0};
    for (size_t s = 0; s < count; s += 8)
        for (size_t i = 0; i < 8; i++)
            sum[i] += row[s + i];
    return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

void level_bias_gradient(const struct network *network, int level, size_t node,
                         const struct product *outer, const double *delta, double *gradient)
{
    double *b = gradient + bias_offset(network, level, node);
    size_t stride = (size_t)outer->stride, samples = (size_t)outer->samples;
    bool trained = network->bias && !network->symmetric;
    for (int k = 0; trained && k < network->level[level].width; k++)
        b[k] += row_sum(delta + (size_t)k * stride, samples);
}

void level_plan_gradient(const struct network *network, int l, size_t columns, size_t learning,
                         struct product *outer, struct product *backward)
{
    const int width = network->level[l].width, fan_in = network->level[l].fan_in;
    product_plan(outer, PRODUCT_OUTER, width, fan_in, (int)learning, (int)columns, fan_in);
    product_plan(backward, PRODUCT_BACKWARD, width, fan_in, (int)learning, (int)columns, fan_in);
}

void level_gradient(const struct network *network, int level, size_t node,
                    const struct product *outer, double *delta, double *input, double *gradient)
{
    product_run(outer, gradient + weight_offset(network, level, node), input, delta);
    level_bias_gradient(network, level, node, outer, delta, gradient);
}

void level_plan(const struct network *network, int l, size_t columns, struct product *forward,
                struct product *outer, struct product *backward)
{
    const struct level *level = &network->level[l];
    int n = (int)columns;
    product_plan(forward, PRODUCT_FORWARD, level->width, level->fan_in, n, n, level->fan_in);
    level_plan_gradient(network, l, columns, columns, outer, backward);
}
