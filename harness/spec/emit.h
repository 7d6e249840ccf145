/* Settings and nodes as YAML in one line. */
#ifndef DUET_HARNESS_SPEC_EMIT_H
#define DUET_HARNESS_SPEC_EMIT_H

#include "core/descriptor.h"
#include "harness/spec/node.h"

#include <stdio.h>

/* Plain where it cannot be taken for anything but text. */
void emit_text(FILE *out, const char *text);

/* "KEY: VALUE, KEY: VALUE", with `separator` in front of the first if there is one. */
void emit_params(FILE *out, const struct param *params, const void *settings,
                 const char *separator);

/* The node as it was written, in flow style. */
void emit_node(FILE *out, const struct node *node);

#endif
