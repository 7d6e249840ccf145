/* Data sources: where samples, their views and their latents come from.
 *
 * A source builds a world from the settings of a spec and draws samples from it.  Samples come in
 * blocks of BLOCK at an address (hltm/sample.h), so they are the same whichever thread draws them,
 * and in whichever order.  Every source draws views; what else is known of its data comes in
 * groups of functions, each of which a source has or has not.  A new source is one file and one
 * line in sim/data/sources/sources.h; tests/sim/test_sources.c tests it by its example
 * (core/descriptor.h). */
#pragma once

#include "core/descriptor.h"
#include "core/error.h"
#include "hltm/sample.h"

/* The variables that a view consists of. */
struct observed {
    size_t leaves;
    int states; /* of each, 0 ... states - 1; 0: they are real numbers */
};

/* A block of samples, [view][leaf][BLOCK]: one of the two, as `observed` says. */
struct samples {
    uint8_t *state;
    double *value; /* starts on 64 bytes */
};

/* The tree that made the data. */
struct source_latents {
    const struct tree *(*tree)(const void *world);
    /* A block of un-augmented samples with all latents, states[node][BLOCK].  Its leaves are view 0
     * of the same draw. */
    void (*draw)(const void *world, struct draw draw, void *scratch, uint8_t *states);
};

struct source_labels {
    int (*classes)(const void *world); /* labels are 0 ... classes - 1; 0: this world has none */
    /* A label of each sample of a block, label[BLOCK], which x_1 and all x_+ share. */
    void (*draw)(const void *world, struct draw draw, uint8_t *label);
};

/* x = M z + noise, [FD]: columns M_j stand for features, of which a sample has few. */
struct dictionary {
    size_t features, inputs;
    double *column;  /* [feature][inputs], orthonormal */
    double sparsity; /* P(z_j != 0); z_j is -1, 0 or 1, both signs as likely */
    double noise;    /* variance of each of the noise's independent entries */
};

struct source_features {
    const struct dictionary *(*dictionary)(const void *world);
    /* What a block of x is made of before it is augmented: z[feature][BLOCK], (M z)[input][BLOCK],
     * noise[input][BLOCK]. */
    void (*draw)(const void *world, struct draw draw, void *scratch, double *z, double *signal,
                 double *noise);
};

struct source {
    struct descriptor about;
    /* Build the world that samples are drawn from; errors name the key to blame. */
    enum status (*open)(const void *settings, uint64_t seed, void **world, struct error *err);
    void (*close)(void *world);
    /* A hash of what the world was read from beside the settings, by which a run notices that this
     * is no longer what it was named by: about.content gives the same.  NULL where that is. */
    uint64_t (*content)(const void *world);
    struct observed (*observed)(const void *world);
    size_t (*scratch_size)(const void *world); /* bytes, one thread; they start on 64 bytes */
    /* A block of x_1, x_+1, ..., x_+K, x_1-, ..., x_H-, K = `positives` and 1 + K + H = `views`. */
    void (*draw)(const void *world, struct draw draw, int positives, int views, void *scratch,
                 struct samples out);
    /* Groups; NULL: the source has not. */
    const struct source_latents *latents;
    const struct source_labels *labels;
    const struct source_features *features;
    /* Exact second moments of views, [NCP]: X = E[mean view mean view^T] and X' = E_x V[view | x],
     * [inputs][inputs] of the numbers that a network sees, neither centred; where x_1 and x_+ are
     * not independent given x, X = E[x_1 x_+^T] and X + X' = E[x_1 x_1^T].  NULL: they have no
     * closed form. */
    void (*moments)(const void *world, double *x, double *x_prime);
};

/* ---- of a source that may have no such group ---- */

static inline const struct tree *source_tree(const struct source *source, const void *world)
{
    return source->latents ? source->latents->tree(world) : NULL;
}

static inline int source_classes(const struct source *source, const void *world)
{
    return source->labels ? source->labels->classes(world) : 0;
}

static inline const struct dictionary *source_dictionary(const struct source *source,
                                                         const void *world)
{
    return source->features ? source->features->dictionary(world) : NULL;
}

/* ---- for sources ---- */

/* Whether a view is of a data point other than the data point of the view before it. */
static inline bool view_is_new(int view, int positives)
{
    return view == 0 || view > positives;
}

/* 0 ... count - 1 from a random word, each with a probability that is off by less than 2^-64. */
static inline size_t pick(uint64_t word, size_t count)
{
    return (size_t)((unsigned __int128)word * count >> 64);
}
