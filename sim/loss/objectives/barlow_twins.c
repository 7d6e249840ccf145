/* barlow_twins: sum_i (1 - C_ii)^2 + lambda sum_{i != j} C_ij^2, C the correlation of output i for
 * x_1 with output j for x_+ (sim/loss/moments.h) */
#include "sim/loss/objectives/objectives.h"

struct settings {
    double lambda;
    bool standardize;
};

static bool centred(const void *settings)
{
    return ((const struct settings *)settings)->standardize;
}

/* 1 / the deviation of z_i where outputs are standardised; 0 where z_i is constant up to rounding,
 * or its variance has no digits: it has no correlations. */
static double inverse_deviation(const struct batch_moments *m, bool standardize, size_t i)
{
    const size_t size = 2 * (size_t)m->width;
    const double variance = m->product[i * size + i], square = m->mean[i] * m->mean[i];
    if (!standardize)
        return 1;
    return variance <= 1e-28 * square || variance < 1e-300 ? 0 : 1 / sqrt(variance);
}

static double loss(const void *settings, const struct batch_moments *m, struct batch_moments *d)
{
    const struct settings *s = settings;
    const size_t width = (size_t)m->width, size = 2 * width;
    double sum = 0;
    for (size_t i = 0; i < width; i++)
        for (size_t k = 0; k < width; k++) {
            const size_t j = width + k;
            const double a = inverse_deviation(m, s->standardize, i);
            const double b = inverse_deviation(m, s->standardize, j);
            const double c = m->product[i * size + j] * a * b;
            const double away = i == k ? c - 1 : c, weight = i == k ? 1 : s->lambda;
            const double slope = 2 * weight * away;
            sum += weight * away * away;
            d->product[i * size + j] += slope * a * b;
            if (s->standardize) { /* C falls with both deviations */
                d->product[i * size + i] -= slope * c * a * a / 2;
                d->product[j * size + j] -= slope * c * b * b / 2;
            }
        }
    return sum;
}

static const struct param params[] = {
    REAL_PARAM(struct settings, lambda, "0.005", 0, UNBOUNDED,
               "weight of the correlations between different outputs"),
    BOOLEAN_PARAM(
        struct settings, standardize, "true",
        "true: C is the correlation over the batch; false: the mean product of the outputs as "
        "they are"),
    {0}};

const struct objective objective_barlow_twins = {
    .about = {.name = "barlow_twins",
              .doc = "Barlow Twins: the correlation of each output for one view with the same "
                     "output for the other view should be 1, and with all other outputs 0. Outputs "
                     "are usually not normalised (network.normalize: false). An output that is "
                     "constant over the batch has no correlations.",
              .source = "Zbontar et al., arXiv:2103.03230, Eqn. 1",
              .params = params,
              .settings_size = sizeof(struct settings)},
    .form = &form_moments,
    .of = &(const struct of_moments){centred, loss},
};
