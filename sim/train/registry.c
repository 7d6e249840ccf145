#include "sim/registry.h"

#include "sim/data/sources/sources.h"
#include "sim/loss/objectives/objectives.h"
#include "sim/net/kinds/kinds.h"
#include "sim/optimisers/optimisers.h"
#include "sim/train/trainer_kind.h"

#define SOURCE(name) &source_##name.about,
#define NETWORK(name) &network_##name.about,
#define OBJECTIVE(name) &objective_##name.about,
#define OPTIMISER(name) &optimiser_##name.about,
#define TRAINER(name) &trainer_##name.about,

/* A registry of the entries that the list of a folder's header names. */
#define REGISTRY(registry_, what_, list)                                                           \
    static const struct descriptor *const registry_##_entries[] = {list};                          \
    const struct registry registry_ = {.what = what_,                                              \
                                       .entries = registry_##_entries,                             \
                                       .count = sizeof registry_##_entries /                       \
                                                sizeof *registry_##_entries}

REGISTRY(source_registry, "data source", SOURCES(SOURCE));
REGISTRY(network_registry, "network", NETWORK_KINDS(NETWORK));
REGISTRY(objective_registry, "objective", OBJECTIVES(OBJECTIVE));
REGISTRY(optimiser_registry, "optimiser", OPTIMISERS(OPTIMISER));
REGISTRY(trainer_registry, "trainer", TRAINER_KINDS(TRAINER));
