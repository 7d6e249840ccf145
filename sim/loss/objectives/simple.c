/* simple: r_+ - r_-, and with a weight, [DDN] */
#include "sim/loss/objectives/objectives.h"

static double loss(const void *settings, int64_t negatives, const double *r_plus,
                   const double *r_minus, double *d_plus, double *d_minus)
{
    (void)settings, (void)negatives;
    *d_plus = 1;
    d_minus[0] = -1;
    return r_plus[0] - r_minus[0];
}

const struct objective objective_simple = {
    .about = {.name = "simple",
              .doc =
                  "Distance to the positive minus distance to the negative, r_+ - r_-. Unbounded "
                  "below unless the output is normalised.",
              .source = "[DDN]"},
    .form = &form_per_sample,
    .of = &(const struct per_sample){.loss = loss},
};

/* (1 + beta) r_+ - r_- */
static double loss_beta(const void *settings, int64_t negatives, const double *r_plus,
                        const double *r_minus, double *d_plus, double *d_minus)
{
    (void)negatives;
    const struct simple_beta_settings *s = settings;
    *d_plus = 1 + s->beta;
    d_minus[0] = -1;
    return (1 + s->beta) * r_plus[0] - r_minus[0];
}

static const struct param params[] = {REAL_PARAM(struct simple_beta_settings, beta, "0.5", -1,
                                                 UNBOUNDED, "extra weight of the positive pair"),
                                      {0}};

const struct objective objective_simple_beta = {
    .about = {.name = "simple_beta",
              .doc = "The simple loss with an extra weight on the positive pair, (1 + beta) r_+ - "
                     "r_-.",
              .source = "[DDN]",
              .params = params,
              .settings_size = sizeof(struct simple_beta_settings)},
    .form = &form_per_sample,
    .of = &(const struct per_sample){.loss = loss_beta},
};
