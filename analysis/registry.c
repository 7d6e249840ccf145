#include "analysis/probes/probes.h"

#define ENTRY(name) &probe_##name.about,

static const struct descriptor *const probes[] = {PROBES(ENTRY)};

enum { PROBE_COUNT = sizeof probes / sizeof *probes };

_Static_assert((int)PROBE_COUNT < (int)PROBE_MOST, "measure.probes has a bit for each probe");

const struct registry probe_registry = {"probe", probes, PROBE_COUNT};

static const struct param params[] = {
    {.name = "every",
     .type = PARAM_INTEGER,
     .fallback = "1",
     .low = 1,
     .high = 1e6,
     .doc = "epochs between measurements",
     .offset = offsetof(struct measure_settings, every)},
    {.name = "samples",
     .type = PARAM_INTEGER,
     .fallback = "64000",
     .low = 1,
     .high = 1e12,
     .doc = "samples of a measurement",
     .offset = offsetof(struct measure_settings, samples)},
    /* The default is part of the stored spec and its hash: a new probe is asked for by name. */
    {.name = "probes",
     .type = PARAM_CHOICES,
     .fallback = "[correlation, covop, spectrum, alignment, linear, features]",
     .registry = &probe_registry,
     .doc = "what is measured (`duet list probes` shows them, with their parameters "
            "measure.NAME.KEY). Of the default list, what does not apply to the run is left out. "
            "[] measures nothing but the loss",
     .offset = offsetof(struct measure_settings, probes)},
    {.name = "probe_samples",
     .type = PARAM_INTEGER,
     .fallback = "10000",
     .low = 4,
     .high = 1e9,
     .doc = "samples of the linear probes and of features, half of them held out; and of a class "
            "head",
     .offset = offsetof(struct measure_settings, probe_samples)},
    {.name = "ridge",
     .type = PARAM_REAL,
     .fallback = "1e-6",
     .low = POSITIVE,
     .high = UNBOUNDED,
     .doc = "penalty of the linear probes, on the squared norm of the readout",
     .offset = offsetof(struct measure_settings, ridge)},
    {.name = NULL},
};

static const struct descriptor table = {
    .name = "measure",
    .doc = "What is measured, and how often.",
    .params = params,
    .settings_size = sizeof(struct measure_settings),
};

static const struct descriptor *const tables[] = {&table};

const struct registry measure_registry = {"table", tables, 1};
