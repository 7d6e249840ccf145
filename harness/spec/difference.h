/* Where two specs differ, in words. */
#pragma once

#include <stddef.h>

/* Of two complete specs (the `yaml` of struct spec), the keys whose values differ, the first few:
 * "train.epochs is 20 here and 10 there, seed is 1 here and 2 there"; "" where none does.  Left
 * out are `name` and keys that change nothing that is computed (`aside`, core/descriptor.h).
 * Returns how many differ. */
size_t spec_difference(const char *here, const char *there, char *text, size_t size);
