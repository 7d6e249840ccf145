#include "sim/registry.h"
#include "sim/net/predictors/predictors.h"

#define ENTRY(name) &predictor_##name.about,

static const struct descriptor *const kinds[] = {PREDICTORS(ENTRY)};

const struct registry predictor_registry = {"predictor", kinds, sizeof kinds / sizeof *kinds};

enum status predictor_from_settings(struct predictor *predictor,
                                    const struct predictor_descriptor *kind, const void *settings,
                                    int width, struct error *err)
{
    const struct predictor_settings none = {0}, *s = settings ? settings : &none;
    const int hidden = s->hidden ? (int)s->hidden : width;
    if (kind->kind == PREDICTOR_TWO_LAYERS && s->symmetric && hidden != width)
        return error_key(err, "predictor.symmetric",
                         "predictor.symmetric true needs square matrices, but predictor.hidden is "
                         "%d and the network has %d outputs; set predictor.hidden to 0 or %d",
                         hidden, width, width);
    return predictor_build(predictor, kind->kind, width, hidden, s->bias, s->symmetric, err);
}
