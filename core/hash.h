/* FNV-1a in 64 bits (Fowler, Noll, Vo): names specs and what they read. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HASH_OF_NOTHING UINT64_C(0xcbf29ce484222325)

/* The hash of the bytes that made `hash`, and these after them. */
static inline uint64_t hash_more(uint64_t hash, const void *bytes, size_t size)
{
    for (const unsigned char *at = bytes, *end = at + size; at < end; at++)
        hash = (hash ^ *at) * UINT64_C(0x100000001b3);
    return hash;
}
