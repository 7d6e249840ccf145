/* The state that a training goes on from: named blocks of memory.
 *
 * A part of a run that remembers something from one step to the next adds what it remembers to a
 * list.  Saving writes the blocks of the list, loading fills them, so both are the same for all
 * parts.  Left out is all that follows from the spec and the place in the run: samples and their
 * randomness have addresses (core/random.h), and settings, sizes and first weights come back with
 * the layout.
 *
 * A part adds its blocks after the real layout, always in the same order.  It does so twice: first
 * the list only counts, then it is filled.  Which blocks there are, and their sizes, may depend on
 * naturals that are always there: these are loaded before the list is made for good.  The memory
 * belongs to the part and stays in its place. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STATE_NAME = 128 };

/* Reals, or one natural number. */
struct state_block {
    char name[STATE_NAME]; /* "comatch/bank": a path below the group of the state */
    double *real;          /* [count] */
    size_t count;
    uint64_t *natural; /* NULL: the block is of reals */
    uint64_t most;     /* largest sound value; a file that has another is damaged */
};

struct state_list {
    struct state_block *entry;  /* NULL while counting */
    size_t count;               /* added so far */
    size_t reals;               /* of them all */
    struct state_block ignored; /* takes the writes while counting */
};

/* Add `count` reals; none where count is 0 or `value` is NULL.  The name is printed from `format`.
 */
void state_reals(struct state_list *list, size_t count, double *value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Add a natural number, 0..most. */
void state_natural(struct state_list *list, uint64_t *value, uint64_t most, const char *name);
