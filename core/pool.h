/* Things of any size that are freed together, where their number is not known beforehand: a parsed
 * text, a grid of values.  Memory that a run uses in its loops lies in an arena instead
 * (core/arena.h).
 */
#pragma once

#include <stddef.h>

/* A zeroed pool is an empty one. */
struct pool {
    struct pool_block *blocks;
    char *room; /* of the block that texts share */
    size_t room_left;
};

/* `count` zeroed elements of `size` bytes, aligned for any type; NULL for lack of memory. */
void *pool_take(struct pool *pool, size_t count, size_t size);

/* Room for a text of `size` bytes, its end included, zeroed.  Short texts share blocks. */
char *pool_room(struct pool *pool, size_t size);

/* A copy of the first `length` characters of `text`. */
char *pool_text(struct pool *pool, const char *text, size_t length);

void pool_free(struct pool *pool);
