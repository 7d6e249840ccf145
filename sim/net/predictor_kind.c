#include "sim/net/predictor_kind.h"

#include "sim/registry.h"

#define PREDICTOR_PARAMS                                                                           \
    BOOLEAN_PARAM(struct predictor_settings, bias, "false", "whether its neurons have a bias"),    \
        BOOLEAN_PARAM(                                                                             \
            struct predictor_settings, symmetric, "false",                                         \
            "its matrices begin symmetric and move by the symmetric part of their gradients")

static const struct param linear_params[] = {PREDICTOR_PARAMS, {0}};

static const struct param two_layers_params[] = {
    PREDICTOR_PARAMS,
    INTEGER_PARAM(struct predictor_settings, hidden, "0", 0, 4096,
                  "neurons between the layers; 0: as many as the network has outputs"),
    {0}};

static const struct predictor_descriptor none = {
    .about = {.name = "none", .doc = "Nothing is predicted: for the contrastive objectives."},
    .none = true,
};

static const struct predictor_descriptor identity = {
    .about = {.name = "identity",
              .doc = "The output is its own prediction, W_p = I: learning without negatives and "
                     "without a predictor, which collapses.",
              .source = "[NCP]"},
    .kind = PREDICTOR_IDENTITY,
};

static const struct predictor_descriptor linear = {
    .about = {.name = "linear",
              .doc = "One matrix W_p on the output of the online network.",
              .source = "[NCP]",
              .params = linear_params,
              .settings_size = sizeof(struct predictor_settings)},
    .kind = PREDICTOR_LINEAR,
};

static const struct predictor_descriptor two_layers = {
    .about = {.name = "two_layers",
              .doc = "Two layers with ReLU between them, without batch normalisation.",
              .source = "Grill et al., arXiv:2006.07733",
              .params = two_layers_params,
              .settings_size = sizeof(struct predictor_settings)},
    .kind = PREDICTOR_TWO_LAYERS,
};

static const struct descriptor *const kinds[] = {&none.about, &identity.about, &linear.about,
                                                 &two_layers.about};

const struct registry predictor_registry = {"predictor", kinds, sizeof kinds / sizeof *kinds};

enum status predictor_from_settings(struct predictor *predictor,
                                    const struct predictor_descriptor *kind, const void *settings,
                                    int width, struct error *err)
{
    const struct predictor_settings defaults = {0}, *s = settings ? settings : &defaults;
    const int hidden = s->hidden ? (int)s->hidden : width;
    if (kind->kind == PREDICTOR_TWO_LAYERS && s->symmetric && hidden != width)
        return error_key(err, "predictor.symmetric",
                         "predictor.symmetric true needs square matrices, but predictor.hidden is "
                         "%d and the network has %d outputs; set predictor.hidden to 0 or %d",
                         hidden, width, width);
    return predictor_build(predictor, kind->kind, width, hidden, s->bias, s->symmetric, err);
}
