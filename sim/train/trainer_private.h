/* The inside of the trainer, for its own files alone:
 *
 *     trainer_plan.c    sizes, and all memory
 *     trainer_chunk.c   a chunk's way through the network to its loss, and back
 *     trainer_update.c  a thread's own parameters: sums of their gradient, and their steps
 *     trainer_epoch.c   threads, steps and epochs, made of the two above */
#ifndef DUET_SIM_TRAINER_PRIVATE_H
#define DUET_SIM_TRAINER_PRIVATE_H

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

static inline bool real_values(const struct trainer *t)
{
    return t->plan.network->leaf_states == 0;
}

/* First parameter that is not above the entry. */
static inline size_t upper_parameters(const struct trainer *t)
{
    const struct network *n = t->plan.network;
    return t->tables.entry < n->levels ? n->level[t->tables.entry].weights : n->parameters;
}

/* [first, end) of `count` things for thread `i` of `n` */
static inline void share(size_t count, int i, int n, size_t *first, size_t *end)
{
    *first = count * (size_t)i / (size_t)n;
    *end = count * ((size_t)i + 1) / (size_t)n;
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

/* ---- what a thread owns ----
 *
 * A thread sums the gradient of its own parameters and steps them: a range of those above the
 * entry, and those of its entry nodes' subtrees, which nobody else reads.  So it can step,
 * and evaluate its tables anew, without waiting for the others. */

struct owned {
    size_t first_neuron, end_neuron; /* of a symmetric network, whose thresholds are set */
    struct {
        size_t first, end;
    } range[2 * NETWORK_MAX_LEVELS + 1]; /* of parameters; the first: those above the entry */
    int count;
    size_t first_node, end_node;   /* entry nodes */
    size_t first_child, end_child; /* that samples look up */
};

struct owned owned_by(const struct trainer *t, int thread);

/* Tables of the thread's subtrees, for the batch that lies at `place`. */
void owned_tables(struct trainer *t, const struct owned *owned, struct batch_place place);

/* The sums of a shard become 0. */
void shard_clear(struct trainer *t, size_t shard);

/* The shards' sums, times `scale`, become the gradient of the thread's parameters. */
void owned_gradient(struct trainer *t, const struct owned *owned, double scale, int thread);

/* Step number `step` of the thread's parameters, and of the target's; false if one is no longer
 * finite. */
bool owned_step(struct trainer *t, const struct owned *owned, uint64_t step);

/* Step number `step` of the predictor; false if a weight is no longer finite. */
bool predictor_step_of(struct trainer *t, uint64_t step);

#endif
