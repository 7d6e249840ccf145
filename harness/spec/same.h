/* Whether two written values of a key are the same: "0.1" and "1e-1", "[0.7,1]" and "[0.7, 1.0]".
 * Integers are compared exactly, however long; what is no number by its letters. */
#pragma once

#include <stdbool.h>

bool same_value(const char *a, const char *b);
