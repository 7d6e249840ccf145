/* One explicit batch without negative pairs: loss and gradients with respect to trunk and
 * predictor of
 *     J = mean of r(q, t),   q = predictor(f(x_1)),   t = the target's output for x_2,  [NCP]
 * (sim/loss/prediction.h), where the objective says whether t is a second network's (byol,
 * byol_cosine), the online one's without gradient (simsiam) or with it (no_stopgrad).  By the
 * passes that training uses; for reference files, finite-difference tests and exact sums over small
 * supports.
 */
#pragma once

#include "sim/loss/prediction.h"
#include "sim/net/batch.h"

/* Memory belongs to the arena. */
struct noncontrastive_batch {
    struct batch online; /* x_1, and x_2 where the online network makes the target */
    struct batch target; /* x_2 by the target network; laid out for TARGET_NETWORK only */
    struct prediction
        prediction; /* compared.weight may be set to give samples other shares than 1 / samples */
    struct loss loss;
};

/* `objective` must have a target, `predictor` the network's width.  `boundary` as in
 * batch_layout_views. */
void noncontrastive_batch_layout(struct noncontrastive_batch *batch, const struct network *network,
                                 const struct predictor *predictor,
                                 const struct objective *objective, const void *settings,
                                 size_t samples, int boundary, struct arena *arena);

/* Where the samples of view 0 (x_1) or 1 (x_2) go: *at is the view's number in the batch that is
 * returned, for batch_set_states, batch_set_values or batch_value. */
struct batch *noncontrastive_batch_view(struct noncontrastive_batch *batch, int view, int *at);

/* Parameters of one evaluation; none is changed. */
struct noncontrastive_parameters {
    double *trunk, *predictor;
    double *target; /* of the target network; not looked at unless TARGET_NETWORK */
};

/* Mean loss.  Its gradients too, unless one is NULL: `trunk` and `predictor` ([parameters] each,
 * overwritten), the latter projected where the predictor is symmetric. */
double noncontrastive_batch_loss(struct noncontrastive_batch *batch,
                                 const struct noncontrastive_parameters *parameters, double *trunk,
                                 double *predictor);
