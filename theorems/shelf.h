/* What measurements of one check share: results that several parts and claims ask for and that take
 * long to make.  Which thread makes one, and when, must change none of its bits. */
#ifndef DUET_THEOREMS_SHELF_H
#define DUET_THEOREMS_SHELF_H

#include "core/error.h"

#include <stddef.h>

struct shelf;

enum status shelf_create(struct shelf **shelf, struct error *err);
void shelf_free(struct shelf *shelf);

/* The value that `make` gives for a key: made by the first that asks, while others that ask wait,
 * and copied to `value` for all.  Keys are compared byte by byte, so their padding must be zero.
 * What fails is not kept.  NULL: nothing is kept. */
enum status shelf_take(struct shelf *shelf, const void *key, size_t key_size, void *value,
                       size_t value_size,
                       enum status (*make)(const void *key, void *value, struct error *err),
                       struct error *err);

#endif
