/* Settings of a data source or of a network for a claim: filled by the names of its parameter
 * table, which alone knows the fields.  What is not set is 0. */
#pragma once

#include "core/descriptor.h"

struct opaque_settings {
    max_align_t align;
    unsigned char bytes[240];
};

/* Each names a parameter of its type, which the table must have. */
void opaque_integer(const struct descriptor *about, struct opaque_settings *settings,
                    const char *name, int64_t value);
void opaque_boolean(const struct descriptor *about, struct opaque_settings *settings,
                    const char *name, bool value);

/* One of the words of a choice. */
void opaque_choice(const struct descriptor *about, struct opaque_settings *settings,
                   const char *name, const char *word);

/* A symmetric matrix, [n][n], as a list of lists; `length` has n entries, all n.  Both are borrowed
 * until the settings have served. */
void opaque_matrix(const struct descriptor *about, struct opaque_settings *settings,
                   const char *name, size_t n, const size_t *length, const double *value);
