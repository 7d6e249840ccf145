/* The patterns that occur in a batch at the nodes of one level.
 *
 * A level above the tables' boundary has too many patterns for a table of all, but a batch meets
 * few of them: leaves that share an ancestor are alike.  So its nodes are evaluated once per
 * pattern that occurs, one column each, in the order of the patterns; a column is found by its
 * children's patterns, and a sample by its column. */
#pragma once

#include "core/arena.h"
#include "sim/net/network.h"

enum { BATCH_PATTERNS_STEP = 16 }; /* columns that are evaluated at once */

struct batch_patterns {
    const struct network *network;
    int level;                       /* of the nodes */
    size_t patterns, child_patterns; /* that a node, and a child of it, can have */
    size_t most;                     /* columns of a node at most, padded to BATCH_PATTERNS_STEP */
    size_t samples, stride;          /* of a view; padded */
    int views;
    uint16_t *digit; /* [child][patterns] of a child by pattern of its parent */
    /* Of the batch at work: */
    size_t *count;     /* [node] columns in use */
    uint16_t *pattern; /* [node][child][most] of a child by column; 0 past the last one in use */
};

/* The same for a later batch, and the column of each of its samples. */
struct numbering {
    size_t *count;
    uint16_t *pattern;
    uint16_t *column; /* [view][node][stride] of a sample */
};

/* Whether nodes of a level have few enough patterns to look for those that occur in `columns`
 * samples. */
bool batch_patterns_pays(const struct network *network, int level, size_t columns);

/* Lay out for `samples` of each view, with those that fill the last chunk (once counting, once
 * real). */
void batch_patterns_layout(struct batch_patterns *batch_patterns, const struct network *network,
                           int level, int views, size_t samples, struct arena *arena);

/* Lay out numberings of so many batches; the numbering of one batch; its bytes. */
void numbering_layout(struct numbering *numberings, const struct batch_patterns *batch_patterns,
                      size_t batches, struct arena *arena);
struct numbering numbering_of(const struct numbering *numberings,
                              const struct batch_patterns *batch_patterns, size_t batch);
size_t numbering_bytes(const struct batch_patterns *batch_patterns);

/* Number the patterns pattern[view * view_stride + node * stride + sample] of a batch. */
void batch_patterns_number(const struct batch_patterns *batch_patterns, const uint16_t *pattern,
                           size_t view_stride, size_t stride, struct numbering numbering);

/* Begin with that batch at nodes [first, end); disjoint ranges may run in parallel. */
void batch_patterns_take(struct batch_patterns *batch_patterns, struct numbering numbering,
                         size_t first, size_t end);

/* Doubles between rows of columns: not 8 lines of a cache or a multiple, which would share places
 * in it. */
static inline size_t batch_patterns_stride(const struct batch_patterns *batch_patterns)
{
    return batch_patterns->most % 64 ? batch_patterns->most : batch_patterns->most + 8;
}

/* So many columns, padded to BATCH_PATTERNS_STEP. */
static inline size_t batch_patterns_padded(size_t columns)
{
    return (columns + BATCH_PATTERNS_STEP - 1) / BATCH_PATTERNS_STEP * BATCH_PATTERNS_STEP;
}

/* Columns of a node that are evaluated: those in use, padded. */
static inline size_t batch_patterns_columns(const struct batch_patterns *batch_patterns,
                                            size_t node)
{
    return batch_patterns_padded(batch_patterns->count[node]);
}

/* Columns of a view's samples from `first` on, [node][stride]. */
static inline const uint16_t *numbering_columns(struct numbering numbering,
                                                const struct batch_patterns *batch_patterns,
                                                int view, size_t first)
{
    return numbering.column +
           (size_t)view * nodes_of(batch_patterns->network, batch_patterns->level) *
               batch_patterns->stride +
           first;
}
