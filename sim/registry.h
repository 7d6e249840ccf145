/* The registries that a spec can name entries of, one per folder. */
#pragma once

#include "core/descriptor.h"

extern const struct registry source_registry;              /* data.source */
extern const struct registry network_registry;             /* network.kind */
extern const struct registry objective_registry;           /* objective.name */
extern const struct registry predictor_registry;           /* predictor.kind */
extern const struct registry optimiser_registry;           /* optimiser.name */
extern const struct registry predictor_optimiser_registry; /* predictor_optimiser.name */
extern const struct registry trainer_registry;             /* train.trainer */
