/* DirectPred, [NCP] */
#include "sim/train/predictor_optimisers/predictor_optimisers.h"

enum status set_direct(const void *settings, int n, const double *c, const double *d, double *w_p,
                       double *scratch, struct error *err)
{
    (void)d;
    const struct direct_settings *s = settings;
    const struct direct_rule rule = {.power = s->power, .epsilon = s->epsilon, .offset = s->offset};
    return direct_predictor(&rule, n, c, w_p, scratch, err);
}

static const struct param params[] = {
    DIRECT_PARAMS,
    NUMBER_PARAM("power", PARAM_REAL, struct direct_settings, power, "0.5", POSITIVE, 8,
                 "of the eigenvalues: 0.5 on the invariant parabola"),
    {0}};

const struct predictor_optimiser predictor_direct_pred = {
    .about = {.name = "direct_pred",
              .doc = "DirectPred. W_p has the eigenvectors of C = E[f f^T] and the eigenvalues "
                     "p_j = max(s_j - offset, 0)^power + epsilon max s.",
              .source = "[NCP]",
              .params = params,
              .settings_size = sizeof(struct direct_settings)},
    .set = set_direct,
};
