/* How two specs differ, in words for a message. */
#pragma once

#include "harness/spec/spec.h"

/* How many keys differ, `name` and keys that are aside (core/descriptor.h) left out.  The text says
 * which, as far as it fits: "train.epochs is 3 here and 2 there, seed is 1 here and 2 there". */
size_t spec_difference(const struct spec *here, const struct spec *there, char *text, size_t size);
