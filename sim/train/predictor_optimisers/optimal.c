/* The least-squares predictor, [NCP] */
#include "sim/train/predictor_optimisers/predictor_optimisers.h"

struct optimal_settings {
    struct predictor_rule rule;
    int form; /* enum optimal_kind */
};

static enum status set(const void *settings, int n, const double *c, const double *d, double *w_p,
                       double *scratch, struct error *err)
{
    const struct optimal_settings *s = settings;
    return optimal_predictor((enum optimal_kind)s->form, n, c, d, w_p, scratch, err);
}

static const struct param params[] = {
    PREDICTOR_RULE_PARAMS("1"),
    CHOICE_PARAM("form", struct optimal_settings, form, "plug_in", "plug_in symmetric",
                 "plug_in: W_p C = (D + D^T) / 2; symmetric: W_p C + C W_p = D + D^T"),
    {0}};

const struct predictor_optimiser predictor_optimal = {
    .about = {.name = "optimal",
              .doc = "The predictor that is best for the moments of the outputs, in the sense of "
                     "least squares.",
              .source = "[NCP]",
              .params = params,
              .settings_size = sizeof(struct optimal_settings)},
    .set = set,
};
