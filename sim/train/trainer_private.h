/* The inside of the trainer, for its own files alone:
 *
 *     trainer_plan.c    sizes, and all memory
 *     trainer_chunk.c   a chunk's way through the network to its loss, and back
 *     trainer_epoch.c   threads, steps and epochs, and what each thread steps
 *     trainer_state.c   what it remembers from one step to the next */
#pragma once

#include "sim/train/trainer.h"

enum { PARTIAL_STRIDE = 8 };

/* Whether predictions are compared with a target's outputs. */
static inline bool predicts(const struct trainer *t)
{
    return t->needs.target != TARGET_NONE;
}

/* Settings of a target network, or NULL. */
static inline const struct target_settings *target_network(const struct trainer *t)
{
    return t->needs.target == TARGET_NETWORK ? t->plan.objective_settings : NULL;
}

/* First parameter that is not above the entry. */
static inline size_t upper_parameters(const struct trainer *t)
{
    const struct network *n = t->plan.network;
    return t->tables.entry < n->levels ? n->level[t->tables.entry].weights : n->parameters;
}

/* First chunk of a shard (or the end of all chunks). */
static inline size_t shard_chunk(const struct trainer *t, size_t shard)
{
    return t->chunks * shard / t->shards;
}

/* ---- a chunk ---- */

/* The pass of a chunk, and the outputs of the top block. */
void chunk_forward(struct trainer *t, size_t chunk, struct batch_place place, int thread);

/* Then the outputs of any block. */
void chunk_outputs(const struct trainer *t, int block, size_t chunk, int thread);

/* Then a phase of the loss, if it has this phase, where it needs the whole batch. */
void chunk_phase(const struct trainer *t, size_t chunk, int thread,
                 void (*phase)(const struct loss *, const struct chunk *));

/* Then a block's loss, and its gradient with respect to the outputs. */
void chunk_gradient(struct trainer *t, int block, size_t chunk, int thread);

/* Then its gradient with respect to the parameters, which is added to the sums of the shard. */
void chunk_backward(struct trainer *t, int block, size_t shard, size_t chunk,
                    struct batch_place place, int thread);

/* A block's mean loss of the batch, after all chunks; and the number by which all gradients are yet
 * to be multiplied. */
double block_loss_of(const struct trainer *t, int block, double *scale);
