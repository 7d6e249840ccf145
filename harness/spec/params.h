/* A parameter table by itself: filled from overrides and written as YAML. */
#ifndef DUET_HARNESS_SPEC_PARAMS_H
#define DUET_HARNESS_SPEC_PARAMS_H

#include "core/descriptor.h"
#include "core/error.h"

/* Fill the settings of one parameter table by itself: each field from the last of `overrides`
 * ("width=8") that names it, or else from its default.  Overrides of other keys are passed over.
 * The table has no text and no lists. */
enum status params_fill(const struct param *params, const char *const *overrides, size_t count,
                        void *settings, struct error *err);

/* The settings as YAML, "grid: 200, sigma2: 0.1"; allocated for the caller. */
enum status params_text(const struct param *params, const void *settings, char **text,
                        struct error *err);

#endif
