/* Samples of a source as rows: fills batches, and arrays, with samples [first, first + count) of an
 * address (seed, purpose, epoch), which the source draws in blocks. */
#pragma once

#include "core/arena.h"
#include "sim/net/network.h"

/* Draws for one thread.  The caller fills in the members up to `latents`, which are borrowed. */
struct views {
    const struct source *source;
    const void *world;
    int positives, count; /* views of a sample: x_1, `positives` of its point, others */
    bool latents;         /* whether rows of latents are wanted, too */
    struct samples block; /* [view][leaf][BLOCK] */
    uint8_t *latent;      /* [node][BLOCK] */
    void *scratch;        /* of the source */
    struct arena arena;   /* owned, after views_open */
};

/* Where a part of each sample goes: one of the arrays, with a row for each of its variables. */
struct rows {
    int view;      /* which one is taken of state, value and pattern */
    size_t stride; /* from row to row */
    uint8_t *state;
    double *value;
    uint16_t *pattern; /* of the states below the nodes of `level` (sim/net/pattern.h) */
    const struct network *network; /* ... of this network */
    int level;
    uint8_t *label;  /* one row */
    uint8_t *latent; /* the first `nodes` of the tree, from the root on, un-augmented */
    size_t nodes;
};

/* Lay out in `arena` (once counting, once real), or in memory of its own. */
void views_layout(struct views *views, struct arena *arena);
enum status views_open(struct views *views, struct error *err);
void views_close(struct views *views);

/* Samples `first`, first + 1, ... at (draw.seed, draw.purpose, draw.epoch) go into the first
 * `count` entries of rows[0 ... kinds - 1].  Nothing is drawn that no row wants. */
void views_fill(struct views *views, struct draw draw, size_t first, size_t count,
                const struct rows *rows, size_t kinds);
