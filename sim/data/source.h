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
#include "sim/net/network.h"

/* x = M z + noise, [FD]: columns M_j stand for features, of which a sample has few. */
struct dictionary {
    size_t features, inputs;
    double *column;  /* [feature][inputs], orthonormal */
    double sparsity; /* P(z_j != 0); z_j is -1, 0 or 1, both signs as likely */
    double noise;    /* variance of each of the noise's independent entries */
};

struct source {
    struct descriptor about;
    /* Build the world that samples are drawn from; errors name the key to blame. */
    enum status (*open)(const void *settings, uint64_t seed, void **world, struct error *err);
    void (*close)(void *world);
    struct observed (*observed)(const void *world);
    const struct tree *(*tree)(const void *world); /* its latents; NULL: there are none */
    size_t (*scratch_size)(const void *world);     /* bytes, one thread */
    /* A block of x_1, x_+1, ..., x_+K, x_1-, ..., x_H-, K = `positives` and 1 + K + H = `views`:
     * leaf[view][leaf][BLOCK] states. */
    void (*views)(const void *world, struct draw draw, int positives, int views, void *scratch,
                  uint8_t *leaf);
    /* The same of real numbers: x[view][input][BLOCK]. */
    void (*values)(const void *world, struct draw draw, int positives, int views, void *scratch,
                   double *x);
    /* How many labels there are, 0 ... classes - 1; none where 0, or where this is NULL. */
    int (*classes)(const void *world);
    /* A label of each sample of a block, label[BLOCK], which x_1 and all x_+ share; NULL only where
     * `classes` is. */
    void (*labels)(const void *world, struct draw draw, uint8_t *label);
    /* A block of un-augmented samples with all latents: states[node][BLOCK]; NULL without a tree.
     * Its leaves are view 0 of the same draw. */
    void (*latents)(const void *world, struct draw draw, void *scratch, uint8_t *states);
    /* Exact second moments of views, [NCP]: X = E[mean view mean view^T] and X' = E_x V[view | x],
     * [inputs][inputs] of the numbers that a network sees, neither centred; where the two views of
     * x are not independent, X = E[x_1 x_+^T] and X + X' = E[x_1 x_1^T].  NULL where they have no
     * closed form. */
    void (*moments)(const void *world, double *x, double *x_prime);
    /* The dictionary of sparse-coding data, and what is hidden in a block of x before it is
     * augmented: z[feature][BLOCK], (M z)[input][BLOCK], noise[input][BLOCK].  NULL: other data. */
    const struct dictionary *(*dictionary)(const void *world);
    void (*hidden)(const void *world, struct draw draw, void *scratch, double *z, double *signal,
                   double *noise);
};

/* Whether a view is of a data point other than that of the view before it. */
static inline bool view_is_new(int view, int positives)
{
    return view == 0 || view > positives;
}

static inline int source_classes(const struct source *source, const void *world)
{
    return source->classes ? source->classes(world) : 0;
}

#endif
