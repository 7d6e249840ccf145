/* vicreg: variance, invariance and covariance of the outputs (sim/loss/moments.h) */
#include "sim/loss/objectives/objectives.h"

struct settings {
    int form; /* 0 hinge, 1 squared */
    double invariance, variance, covariance, target, epsilon;
};

enum { HINGE, SQUARED };

static bool centred(const void *settings)
{
    return ((const struct settings *)settings)->form == HINGE;
}

/* variance / 2 mean_d max(0, target - sqrt(Var_d + epsilon)) + covariance sum_{i != j} Cov_ij^2 / k
 * of the view whose outputs begin at z_first, Var and Cov over batch - 1. */
static double spread(const struct settings *s, const struct batch_moments *m, size_t first,
                     struct batch_moments *d)
{
    const size_t size = 2 * (size_t)m->width, end = first + (size_t)m->width;
    const double unbiased = (double)m->samples / ((double)m->samples - 1), k = m->width;
    double sum = 0;
    for (size_t i = first; i < end; i++)
        for (size_t j = first; j < end; j++) {
            const double c = unbiased * m->product[i * size + j];
            double *slope = &d->product[i * size + j];
            const double deviation = i == j ? sqrt(c + s->epsilon) : 0;
            if (i != j) {
                sum += s->covariance * c * c / k;
                *slope = unbiased * 2 * s->covariance * c / k;
            } else if (!(deviation >= s->target)) {
                sum += s->variance / 2 * (s->target - deviation) / k;
                *slope = -unbiased * s->variance / 4 / (deviation * k);
            }
        }
    return sum;
}

/* |C - I|^2, C = Z^T Z / (2 batch) over both views */
static double squared(const struct batch_moments *m, struct batch_moments *d)
{
    const size_t width = (size_t)m->width, size = 2 * width;
    double sum = 0;
    for (size_t i = 0; i < width; i++)
        for (size_t j = 0; j < width; j++) {
            const size_t first = i * size + j, second = (width + i) * size + width + j;
            const double away = (m->product[first] + m->product[second]) / 2 - (i == j);
            sum += away * away;
            d->product[first] = d->product[second] = away;
        }
    return sum;
}

static double loss(const void *settings, const struct batch_moments *m, struct batch_moments *d)
{
    const struct settings *s = settings;
    d->distance = s->form == HINGE ? s->invariance / m->width : s->invariance;
    const double together = d->distance * m->distance;
    return s->form == HINGE ? together + spread(s, m, 0, d) + spread(s, m, (size_t)m->width, d)
                            : together + squared(m, d);
}

#define WEIGHT(key, value, meaning)                                                                \
    NUMBER_PARAM(#key, PARAM_REAL, struct settings, key, value, 0, UNBOUNDED, meaning)

static const struct param params[] = {
    CHOICE_PARAM(
        struct settings, form, "hinge", "hinge squared",
        "hinge: as published; squared: |Z^T Z / (2 batch) - I|^2 over both views, in the place "
        "of variance and covariance"),
    WEIGHT(invariance, "25", "weight of the squared distance of the two views"),
    WEIGHT(variance, "25", "weight of the outputs' deviations below the target; hinge only"),
    WEIGHT(covariance, "1", "weight of the squared covariances; hinge only"),
    WEIGHT(target, "1", "deviation above which an output is left alone; hinge only"),
    REAL_PARAM(struct settings, epsilon, "1e-4", POSITIVE, UNBOUNDED,
               "added to a variance before its square root; hinge only"),
    {0}};

const struct objective objective_vicreg = {
    .about =
        {.name = "vicreg",
         .doc = "VICReg: outputs for the two views are drawn together, while each output's "
                "deviation over the batch is kept above a target and the covariances of "
                "different outputs are kept small. Outputs are usually not normalised "
                "(network.normalize: false).",
         .source =
             "Bardes et al., arXiv:2105.04906, Eqns. 1 to 6; means over outputs as in their code",
         .params = params,
         .settings_size = sizeof(struct settings)},
    .form = &form_moments,
    .of = &(const struct of_moments){centred, loss},
};
