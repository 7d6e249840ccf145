/* Data sources: where samples, their views and their latents come from.
 *
 * Samples come in blocks of BLOCK at an address (hltm/sample.h), so they are the same whichever
 * thread draws them.  A source gives either states (`views`) or real numbers (`values`), as
 * `observed` says; the other function is NULL. */
#ifndef DUET_SIM_SOURCE_H
#define DUET_SIM_SOURCE_H

#include "core/descriptor.h"
#include "core/error.h"
#include "hltm/sample.h"
#include "sim/network.h"

struct source {
    struct descriptor about;
    /* Build the world that samples are drawn from; errors name the key to blame. */
    enum status (*open)(const void *settings, uint64_t seed, void **world, struct error *err);
    void (*close)(void *world);
    struct observed (*observed)(const void *world);
    const struct tree *(*tree)(const void *world); /* its latents; NULL: there are none */
    size_t (*scratch_size)(const void *world);     /* bytes, one thread */
    /* A block of x_1, x_+, x_1-, ..., x_H-: leaf[view][leaf][BLOCK] states. */
    void (*views)(const void *world, struct draw draw, int views, void *scratch, uint8_t *leaf);
    /* The same of real numbers: x[view][input][BLOCK]. */
    void (*values)(const void *world, struct draw draw, int views, void *scratch, double *x);
    /* A block of un-augmented samples with all latents: states[node][BLOCK]; NULL without a tree.
     * Its leaves are view 0 of the same draw. */
    void (*latents)(const void *world, struct draw draw, void *scratch, uint8_t *states);
    /* Exact second moments of views, [NCP]: X = E[mean view mean view^T] and X' = E_x V[view | x],
     * [inputs][inputs] of the numbers that a network sees, neither centred; NULL where they have no
     * closed form. */
    void (*moments)(const void *world, double *x, double *x_prime);
};

#endif
