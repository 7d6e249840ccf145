/* DirectCopy: W_p = C + epsilon max(s) I */
#include "sim/train/predictor_optimisers/predictor_optimisers.h"

static enum status set(const void *settings, int n, const double *c, const double *d, double *w_p,
                       double *scratch, struct error *err)
{
    struct direct_settings s = *(const struct direct_settings *)settings;
    s.power = 1;
    return set_direct(&s, n, c, d, w_p, scratch, err);
}

static const struct param params[] = {DIRECT_PARAMS, {0}};

const struct predictor_optimiser predictor_direct_copy = {
    .about = {.name = "direct_copy",
              .doc = "DirectCopy. DirectPred with power 1: W_p = C + epsilon max(s) I where offset "
                     "is 0.",
              .source = "[NCP]",
              .params = params,
              .settings_size = sizeof(struct direct_settings)},
    .set = set,
};
