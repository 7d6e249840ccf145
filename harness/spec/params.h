/* Parameter tables and nodes as YAML in one line; a table by itself, filled from overrides. */
#pragma once

#include "core/descriptor.h"
#include "core/error.h"
#include "harness/spec/node.h"

#include <stdio.h>

/* Fill the settings of one parameter table by itself: each field from the last of `overrides`
 * ("width=8") that names it, or else from its default.  Overrides of other keys are passed over.
 * The table has no text and no lists. */
enum status params_fill(const struct param *params, const char *const *overrides, size_t count,
                        void *settings, struct error *err);

/* The settings as YAML, "grid: 200, sigma2: 0.1"; allocated for the caller. */
enum status params_text(const struct param *params, const void *settings, char **text,
                        struct error *err);

/* Plain where it cannot be taken for anything but text. */
void emit_text(FILE *out, const char *text);

/* Which keys of a table are written. */
enum emitted {
    EMIT_ALL,
    EMIT_COMPUTED, /* without those that are aside (core/descriptor.h) */
};

/* "KEY: VALUE, KEY: VALUE", with `separator` in front of the first if there is one. */
void emit_params(FILE *out, const struct param *params, const void *settings, enum emitted which,
                 const char *separator);

/* The node as it was written, in flow style. */
void emit_node(FILE *out, const struct node *node);
