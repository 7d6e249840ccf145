/* Specs in tests, from keys in one line of text.  Use it where a test needs something that a spec
 * describes, with a few keys that differ from the defaults. */
#pragma once

#include "harness/spec/spec.h"
#include "tests/kit/testing.h"

/* The spec of the overrides in `usual` and then in `keys`, separated by blanks; a later one of a
 * key wins.  The caller frees the spec, also where this fails. */
enum status kit_spec(struct spec *spec, const char *usual, const char *keys, struct error *err);
