/* The samples that a trainer will need, drawn ahead of their use by threads that have time.
 *
 * An epoch is a sequence of slabs, each the samples of a few batches; a ring holds the slab in use
 * and the next ones, also of the next epoch.  Samples have addresses (core/random.h), so it does
 * not matter which thread draws them, or when.  A batch's patterns are numbered when its samples
 * are drawn (sim/net/batch_patterns.h). */
#pragma once

#include "core/arena.h"
#include "sim/data/source.h"
#include "sim/net/batch_patterns.h"
#include "sim/net/network.h"
#include "sim/net/pass.h"

#include <stdatomic.h>

/* The samples to draw; everything is borrowed. */
struct supply_plan {
    const struct source *source;
    const void *world;
    const struct network *network;
    int level; /* at which states become patterns (sim/net/pattern_tables.h) */
    const struct batch_patterns
        *batch_patterns; /* of that level, whose patterns are numbered; or NULL */
    uint64_t seed;
    int positives, views; /* of a sample: x_1, `positives` of its point, others */
    bool labels;
    size_t batch, chunk; /* samples; a chunk of a batch's last samples may run past its end */
    size_t steps;        /* batches of an epoch */
    int threads;         /* that train */
    size_t ring_bytes;   /* that the ring may take; it takes two slabs in any case */
};

/* Place of a batch: slab of the ring, first sample in it, number of the batch in it. */
struct batch_place {
    size_t slab, sample, batch;
};

/* One per thread, so that threads do not wait for one another's cache lines. */
struct draw_counter {
    _Alignas(64) atomic_size_t next; /* block to be drawn, over all slabs */
};

/* State shared with the measuring thread, which draws samples in its spare time ("visitor"). */
struct visitor_gate {
    _Alignas(64) atomic_size_t used; /* slab in use; those before may be overwritten */
    _Alignas(64) atomic_bool open;
    atomic_int visitors;
};

struct supply {
    struct supply_plan plan;
    size_t slab_steps, slab_stride; /* batches; samples, padded to blocks */
    size_t ring;                    /* slabs, at least 2 */
    uint16_t *pattern;              /* [ring][view][node of the level][slab_stride] of states, or */
    double *value;                  /* [ring][block][view][input][BLOCK] of real numbers */
    struct numbering numbering;     /* [ring][slab_steps], where wanted */
    uint8_t *label;                 /* [ring][slab_stride], where wanted */
    uint8_t *leaf;                  /* [drawer][view][leaf][BLOCK] of states */
    void *scratch;                  /* [drawer] of the source */
    size_t leaf_size, scratch_size;
    /* Slabs are counted from an epoch that began anew; lane i holds every lanes'th block of a slab
     * from block i on. */
    uint64_t epoch;    /* at work */
    size_t begin, end; /* its slabs */
    size_t most;       /* slabs that may be drawn; slabs of the next epoch follow */
    size_t lanes;
    struct draw_counter *counter;
    atomic_size_t *drawn;    /* [ring] blocks, over all slabs that lay there */
    atomic_size_t *complete; /* [ring][slab_steps] of a batch that is yet to be numbered */
    struct visitor_gate *gate;
};

/* Lay out the supply in `arena` (call once counting, once real). */
void supply_layout(struct supply *supply, const struct supply_plan *plan, struct arena *arena);

/* Begin with the slab `first` of the first `steps` batches of an epoch, and end them: no visitor
 * draws any more.  Where all of the next epoch comes after it (`goes_on`), that may be drawn
 * meanwhile. */
void supply_open(struct supply *supply, uint64_t epoch, size_t first, size_t steps, bool goes_on);
void supply_close(struct supply *supply);

/* Slabs of so many batches. */
size_t supply_slabs(const struct supply *supply, size_t steps);

/* Draw one block of the next slab, as thread 0..threads-1, while waiting for others that are at
 * `step`; false where none is left. */
bool supply_draw_next(struct supply *supply, size_t step, int thread);

/* Where batch `step` lies.  Each thread calls it before it reads the batch, and after all have read
 * the one before; it draws what is not drawn, and waits for what others are drawing. */
struct batch_place supply_enter(struct supply *supply, size_t step, int thread);

/* Draw all that the ring holds, beside those who train: for one thread at a time that is not one of
 * them.  Does nothing between supply_close and supply_open. */
void supply_visit(struct supply *supply);

/* `count` samples of a view of real numbers, from `first` after `place` on, go into the columns of
 * a pass from `column` on. */
void supply_load_values(const struct supply *supply, struct pass *pass, int view,
                        struct batch_place place, size_t first, size_t count, size_t column);

/* A view's real numbers from `first` after `place` on, [input][BLOCK]; they end with their block.
 */
const double *supply_values(const struct supply *supply, int view, struct batch_place place,
                            size_t first);

/* A view's patterns from `first` after `place` on: [node of the level][slab_stride]. */
const uint16_t *supply_patterns(const struct supply *supply, int view, struct batch_place place,
                                size_t first);

/* The numbering of the patterns of the batch at `place`; for plans with `batch_patterns`. */
struct numbering supply_numbering(const struct supply *supply, struct batch_place place);

/* The samples' labels from `place` on, NULL where the plan wants none. */
const uint8_t *supply_labels(const struct supply *supply, struct batch_place place);
