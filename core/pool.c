#include "core/pool.h"

#include <stdlib.h>
#include <string.h>

struct pool_block {
    struct pool_block *next;
    max_align_t content[];
};

void *pool_take(struct pool *pool, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct pool_block), &bytes))
        return NULL;
    struct pool_block *block = calloc(1, bytes);
    if (!block)
        return NULL;
    block->next = pool->blocks;
    pool->blocks = block;
    return block->content;
}

char *pool_room(struct pool *pool, size_t size)
{
    enum { ROOM = 1 << 12 };
    if (size > ROOM / 8)
        return pool_take(pool, size, 1);
    if (size > pool->room_left) {
        pool->room = pool_take(pool, ROOM, 1);
        pool->room_left = pool->room ? ROOM : 0;
    }
    char *room = pool->room;
    if (room) {
        pool->room += size;
        pool->room_left -= size;
    }
    return room;
}

char *pool_text(struct pool *pool, const char *text, size_t length)
{
    char *copy = pool_room(pool, length + 1);
    return copy ? memcpy(copy, text, length) : NULL;
}

void pool_free(struct pool *pool)
{
    while (pool->blocks) {
        struct pool_block *next = pool->blocks->next;
        free(pool->blocks);
        pool->blocks = next;
    }
    *pool = (struct pool){0};
}
