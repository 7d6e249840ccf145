#include "sim/net/class_head.h"

#include <math.h>

size_t class_head_weights(const struct class_head *h)
{
    return (size_t)h->classes * (size_t)h->width;
}

size_t class_head_parameters(const struct class_head *h)
{
    return class_head_weights(h) + (size_t)h->classes;
}

/* W f + b */
static void logits(const struct class_head *h, const double *parameters, size_t samples,
                   size_t stride, const double *f, double *out)
{
    const double *bias = parameters + class_head_weights(h);
    for (int c = 0; c < h->classes; c++) {
        double *row = out + (size_t)c * stride;
        for (size_t s = 0; s < samples; s++)
            row[s] = bias[c];
        for (int k = 0; k < h->width; k++) {
            const double w = parameters[c * h->width + k], *x = f + (size_t)k * stride;
            for (size_t s = 0; s < samples; s++)
                row[s] += w * x[s];
        }
    }
}

void class_head_forward(const struct class_head *h, const double *parameters, size_t samples,
                        size_t stride, const double *f, double *log_p)
{
    const size_t classes = (size_t)h->classes;
    logits(h, parameters, samples, stride, f, log_p);
    for (size_t s = 0; s < samples; s++) {
        double top = log_p[s], sum = 0;
        for (size_t c = 1; c < classes; c++)
            top = fmax(top, log_p[c * stride + s]);
        for (size_t c = 0; c < classes; c++)
            sum += exp(log_p[c * stride + s] - top);
        for (size_t c = 0; c < classes; c++)
            log_p[c * stride + s] -= top + log(sum);
    }
}

void class_head_backward(const struct class_head *h, const double *parameters, size_t samples,
                         size_t stride, const double *f, const double *d_logit, double *gradient,
                         double *df)
{
    double *d_bias = gradient + class_head_weights(h);
    for (int c = 0; c < h->classes; c++) {
        const double *d = d_logit + (size_t)c * stride;
        for (size_t s = 0; s < samples; s++)
            d_bias[c] += d[s];
        for (int k = 0; k < h->width; k++) {
            const size_t at = (size_t)(c * h->width + k);
            const double *x = f + (size_t)k * stride;
            double *dx = df + (size_t)k * stride, sum = 0;
            for (size_t s = 0; s < samples; s++) {
                sum += d[s] * x[s];
                dx[s] += parameters[at] * d[s];
            }
            gradient[at] += sum;
        }
    }
}

int class_head_choice(const struct class_head *h, size_t stride, const double *log_p, size_t s)
{
    int best = 0;
    for (int c = 1; c < h->classes; c++)
        if (log_p[(size_t)c * stride + s] > log_p[(size_t)best * stride + s])
            best = c;
    return best;
}
