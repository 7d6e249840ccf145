/* Results that the measurements of one check share: several parts and claims need them, and they
 * take long to compute.  A result must not depend on the thread that computes it, or when. */
#pragma once

#include "core/error.h"

#include <stddef.h>

struct memo;

enum status memo_create(struct memo **memo, struct error *err);
void memo_free(struct memo *memo);

/* Copy to `value` the result of `make` for `key`. The first caller computes it, while others with
 * the same key wait.  Keys are compared byte by byte, so their padding must be zero.  A failed
 * result is not kept. `memo` NULL: nothing is kept. */
enum status memo_take(struct memo *memo, const void *key, size_t key_size, void *value,
                      size_t value_size,
                      enum status (*make)(const void *key, void *value, struct error *err),
                      struct error *err);
