/* Kinds of predictor; predictor.kind in a spec. */
#pragma once

#include "core/descriptor.h"
#include "sim/net/predictor.h"

struct predictor_settings {
    bool bias, symmetric;
    int64_t hidden; /* 0: as many as outputs */
};

struct predictor_descriptor {
    struct descriptor about;
    bool none; /* for objectives that predict nothing */
    enum predictor_kind kind;
};

/* The predictor of those settings on outputs of `width`; errors name the keys to blame. */
enum status predictor_from_settings(struct predictor *predictor,
                                    const struct predictor_descriptor *kind, const void *settings,
                                    int width, struct error *err);
