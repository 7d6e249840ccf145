/* Memory of a run, planned before its first step.
 *
 * A layout function takes every array that it needs from an arena.  It is called twice: first on a
 * counting arena (base NULL; every pointer comes back NULL), which yields the number of bytes, then
 * on a real one.  Nothing is allocated afterwards.  Every block starts on a 64-byte boundary and is
 * zeroed. */
#pragma once

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

enum { ARENA_ALIGNMENT = 64 };

struct arena {
    unsigned char *base; /* NULL while counting */
    size_t used;         /* bytes taken so far */
    size_t size;         /* bytes owned; 0 while counting */
};

/* `count` elements of `size` bytes each, or NULL while counting. */
void *arena_take(struct arena *arena, size_t count, size_t size);

#define ARENA_TAKE(arena, type, count) ((type *)arena_take((arena), (count), sizeof(type)))

/* Own as many zeroed bytes as `counted` counted. */
enum status arena_create(struct arena *arena, const struct arena *counted, struct error *err);
void arena_free(struct arena *arena);

/* `count` doubles rounded up to whole 64-byte lines, as rows of samples are. */
static inline size_t padded(size_t count)
{
    return (count + 7) / 8 * 8;
}
