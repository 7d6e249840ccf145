/* Loss and gradient of one explicit batch (sim/net/batch.h). */
#pragma once

#include "sim/loss/objective.h"
#include "sim/net/batch.h"

/* Memory belongs to the arena. */
struct batch_loss {
    struct batch
        batch; /* the caller sets its samples, and outputs.label and .weight where wanted */
    struct loss loss;
};

/* `boundary` as in batch_layout_views.  Objectives without a target. */
void batch_loss_layout(struct batch_loss *b, const struct network *network,
                       const struct objective *objective, const void *settings, size_t samples,
                       int boundary, struct arena *arena);

/* Mean loss; its gradient too where `gradient` ([parameters], overwritten) is not NULL. */
double batch_loss(struct batch_loss *b, double *parameters, double *gradient);
