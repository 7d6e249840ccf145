#include "analysis/probes/probes.h"

#define ENTRY(name) &probe_##name.about,

static const struct descriptor *const probes[] = {PROBES(ENTRY)};

enum { PROBE_COUNT = sizeof probes / sizeof *probes };

_Static_assert((int)PROBE_COUNT < (int)PROBE_MOST, "measure.probes has a bit for each probe");

const struct registry probe_registry = {"probe", probes, PROBE_COUNT};

static const struct param params[] = {
    INTEGER_PARAM(struct measure_settings, every, "1", 1, 1e6, "epochs between measurements"),
    INTEGER_PARAM(struct measure_settings, samples, "64000", 1, 1e12, "samples of a measurement"),
    /* The default is part of the stored spec and its hash: a new probe is asked for by name. */
    {.name = "probes",
     .type = PARAM_CHOICES,
     .fallback = "[correlation, covop, spectrum, alignment, linear, features]",
     .registry = &probe_registry,
     .doc = "what is measured (`duet list probes` shows them, with their parameters "
            "measure.NAME.KEY). Of the default list, what does not apply to the run is left out. "
            "[] measures nothing but the loss",
     .offset = offsetof(struct measure_settings, probes)},
    INTEGER_PARAM(struct measure_settings, probe_samples, "10000", 4, 1e9,
                  "samples of probes that need fewer: linear and features, half of them held out; "
                  "class_head; embedding; the pairs of sphere"),
    REAL_PARAM(struct measure_settings, ridge, "1e-6", POSITIVE, UNBOUNDED,
               "penalty of the linear probes, on the squared norm of the readout"),
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
