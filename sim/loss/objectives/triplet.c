/* triplet: tau log(1 + exp((r_+ - r_- + r_0) / tau)), [DDN] */
#include "sim/loss/objectives/objectives.h"

static double loss(const void *settings, int64_t negatives, const double *r_plus,
                   const double *r_minus, double *d_plus, double *d_minus)
{
    (void)negatives;
    const struct triplet_settings *s = settings;
    const double beyond = r_plus[0] - r_minus[0] + s->margin, x = beyond / s->tau;
    *d_plus = logistic(x);
    d_minus[0] = -*d_plus;
    return (beyond < 0 ? 0 : beyond) + s->tau * log1p(exp(-fabs(x))); /* x may overflow */
}

static const struct param params[] = {
    TAU_PARAM("0.1", "temperature of the soft hinge; the triplet loss is the limit tau -> 0"),
    REAL_PARAM(struct triplet_settings, margin, "1", -UNBOUNDED, UNBOUNDED,
               "r_0: by how much r_- should exceed r_+"),
    {0}};

const struct objective objective_triplet = {
    .about = {.name = "triplet",
              .doc = "Soft triplet loss, tau log(1 + exp((r_+ - r_- + margin) / tau)).",
              .source = "[DDN]",
              .params = params,
              .settings_size = sizeof(struct triplet_settings)},
    .form = &form_per_sample,
    .of = &(const struct per_sample){.loss = loss},
};
