/* Samples of a source, as rows: what fills batches, and whatever else wants samples [first, first +
 * count) of an address (seed, purpose, epoch) without knowing that they are drawn in blocks. */
#ifndef DUET_SIM_VIEWS_H
#define DUET_SIM_VIEWS_H

#include "core/arena.h"
#include "sim/net/network.h"

/* A drawer of samples, for one thread.  The caller fills in the first lines; all is borrowed but
 * the memory, which views_layout or views_open take. */
struct views {
    const struct source *source;
    const void *world;
    int positives, count; /* views of a sample: x_1, `positives` of its point, others */
    bool latents;         /* whether latents are wanted, too */
    struct samples block;
    uint8_t *latent; /* [node][BLOCK] */
    void *scratch;
    struct arena arena; /* of views_open */
};

/* Where something of each sample goes: one of the arrays, a row for each of its variables. */
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

/* Take the memory from `arena` (call once counting, once real), or own it. */
void views_layout(struct views *views, struct arena *arena);
enum status views_open(struct views *views, struct error *err);
void views_close(struct views *views);

/* Samples `first`, first + 1, ... at (draw.seed, draw.purpose, draw.epoch) go into the first
 * `count` entries of rows[0 ... kinds - 1].  Nothing is drawn that no row wants. */
void views_fill(struct views *views, struct draw draw, size_t first, size_t count,
                const struct rows *rows, size_t kinds);

#endif
