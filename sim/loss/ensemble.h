/* Every way to draw (x_1, x_+1, ..., x_+K, x_1-, ..., x_H-) from a finite distribution, each with
 * its probability, as one weighted batch: so the population gradient of an objective comes from the
 * passes and the derivatives that training uses. */
#pragma once

#include "sim/data/population.h"
#include "sim/loss/batch_loss.h"

struct ensemble {
    struct batch_loss loss; /* of all combinations */
    double *weight;         /* [combinations] */
    double *probability;    /* [combinations], weight without pair weights */
    /* [combinations][1 + K + H]: x * views + v of each view: x_1, x_+1, ..., x_1-, ... */
    int *column;
    double *parameters; /* [parameters], a copy for passes that need one */
    struct arena arena;
};

/* Differences from plain expectations. */
struct ensemble_options {
    /* [points][points] weight xi(x, x') of the pair of data points behind x_1 and x_1-, a constant
     * for the gradient; NULL: 1.  K = 1 and H = 1 only. */
    const double *pair_weight;
    bool same_point; /* negatives are views of x_1's own point */
};

enum { ENSEMBLE_LIMIT = 1 << 20 }; /* combinations; an error beyond */

/* `network` takes real inputs; it, `objective` and `settings` are borrowed. */
enum status ensemble_create(struct ensemble **ensemble, const struct network *network,
                            const struct population *population, const struct objective *objective,
                            const void *settings, struct ensemble_options options,
                            struct error *err);
void ensemble_free(struct ensemble *ensemble);

/* Expected loss, and its gradient [parameters] where that is not NULL. */
double ensemble_loss(struct ensemble *ensemble, const double *parameters, double *gradient);
