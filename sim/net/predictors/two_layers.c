/* W_2 ReLU(W_1 f + b_1) + b_2 */
#include "sim/net/predictors/predictors.h"

static const struct param params[] = {
    PREDICTOR_PARAMS,
    NUMBER_PARAM("hidden", PARAM_INTEGER, struct predictor_settings, hidden, "0", 0, 4096,
                 "neurons between the layers; 0: as many as the network has outputs"),
    {0}};

const struct predictor_descriptor predictor_two_layers = {
    .about = {.name = "two_layers",
              .doc = "Two layers with ReLU between them, without batch normalisation.",
              .source = "Grill et al., arXiv:2006.07733",
              .params = params,
              .settings_size = sizeof(struct predictor_settings)},
    .kind = PREDICTOR_TWO_LAYERS,
};
