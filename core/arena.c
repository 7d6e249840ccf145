#include "core/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void *arena_take(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    size_t start = arena->used;
    if (__builtin_mul_overflow(count, size, &bytes) ||
        __builtin_add_overflow(bytes, (size_t)(ARENA_ALIGNMENT - 1), &bytes) ||
        __builtin_add_overflow(start, bytes / ARENA_ALIGNMENT * ARENA_ALIGNMENT, &arena->used))
        arena->used = SIZE_MAX / 2; /* more than any machine has: arena_create says so */
    if (!arena->base)
        return NULL;
    assert(arena->used <= arena->size);
    return arena->base + start;
}

enum status arena_create(struct arena *arena, const struct arena *counted, struct error *err)
{
    size_t size = counted->used ? counted->used : ARENA_ALIGNMENT;
    *arena = (struct arena){0};
    if (size < SIZE_MAX / 2)
        arena->base = aligned_alloc(ARENA_ALIGNMENT, size);
    if (!arena->base)
        return error_memory(err,
                            "the %.1f MiB that the plan needs; a smaller tree, network "
                            "or batch needs less",
                            (double)size / 1048576.0);
    memset(arena->base, 0, size);
    arena->size = size;
    return STATUS_OK;
}

void arena_free(struct arena *arena)
{
    free(arena->base);
    *arena = (struct arena){0};
}
