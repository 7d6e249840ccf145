/* The data sources, one file each. */
#ifndef DUET_SIM_SOURCES_SOURCES_H
#define DUET_SIM_SOURCES_SOURCES_H

#include "sim/source.h"

extern const struct source source_hltm;

#endif
