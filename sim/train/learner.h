/* A learner: everything that training needs to know. */
#pragma once

#include "core/arena.h"
#include "sim/data/source.h"
#include "sim/loss/objective.h"
#include "sim/net/network.h"
#include "sim/net/predictor.h"
#include "sim/optimisers/optimiser.h"
#include "sim/train/predictor_optimiser.h"

/* The data and models of a training; everything is borrowed and stays as it is. */
struct learner {
    const struct source *source;
    const void *world;
    const struct network *network;
    const struct objective *objective;
    const void *objective_settings;
    struct needs needs; /* of the objective with these settings */
    const struct optimiser *optimiser;
    const void *optimiser_settings;
    const struct predictor *predictor; /* of an objective with a target, else without parameters */
    const struct predictor_optimiser *predictor_optimiser;
    const void *predictor_settings;
    int64_t every;         /* epochs between points in time */
    size_t samples, batch; /* of an epoch, rounded down to whole batches; of an update */
    uint64_t seed;
    int threads;
};
