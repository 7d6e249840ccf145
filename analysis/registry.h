/* Names and keys of the section `measure` of a spec. */
#pragma once

#include "core/descriptor.h"

extern const struct registry probe_registry;   /* measure.probes */
extern const struct registry measure_registry; /* the one table of `measure` */

/* measure: fixed table */
struct measure_settings {
    int64_t every;   /* epochs between measurements */
    int64_t samples; /* per measurement */
    unsigned probes; /* bit i: entry i of probe_registry */
    int64_t probe_samples;
    double ridge;
};
