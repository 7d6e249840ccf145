/* What can be named in the section `measure` of a spec. */
#ifndef DUET_ANALYSIS_REGISTRY_H
#define DUET_ANALYSIS_REGISTRY_H

#include "core/descriptor.h"

extern const struct registry probe_registry;   /* measure.probes */
extern const struct registry measure_registry; /* the one table of `measure` */

#endif
