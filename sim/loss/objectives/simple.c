/* simple: r_+ - r_-, [DDN] */
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
