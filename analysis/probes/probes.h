/* The probes, one file each, and the measurements that several of them share. */
#pragma once

#include "analysis/probe.h"

/* All of them, in the order of `duet list probes`: one line per file.  A new one goes to the end,
 * since a stored spec names them in this order. */
/* clang-format off */
#define PROBES(X) \
    X(correlation) \
    X(covop) \
    X(spectrum) \
    X(alignment) \
    X(linear) \
    X(features) \
    X(weights) \
    X(class_head) \
    X(ceiling) \
    X(sphere) \
    X(embedding)
/* clang-format on */

#define DECLARE(name) extern const struct probe probe_##name;
PROBES(DECLARE)
#undef DECLARE

/* correlation, covop, spectrum: the state begins with a struct latent_measure. */
extern const struct measurement measurement_of_latents;
/* alignment, linear: the state begins with a struct output_measure. */
extern const struct measurement measurement_of_outputs;

/* Why a probe that evaluates the network on samples of a latent tree does not apply, or NULL. */
static inline const char *needs_tree(const struct subject *subject)
{
    return !subject->tree ? "no latent tree" : subject->exact ? "a flow draws no samples" : NULL;
}
