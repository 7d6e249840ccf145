/* Prediction and target of learning without negative pairs, [NCP]: from the outputs of online
 * network and target to what the objective compares, and back.
 *
 *     q = predictor(f(x_1)),   t = the target's output for x_2,   loss = r(q, t)
 *
 * where the objective says whether both are divided by their norms first.  One direction only: x_1
 * is predicted, x_2 is the target.  Outputs are feature-major, [width][stride]. */
#pragma once

#include "sim/loss/objective.h"
#include "sim/net/predictor.h"

/* Memory belongs to the arena. */
struct prediction {
    struct needs needs; /* of the objective */
    struct predictor_pass predictor;
    double *raw;             /* [q, t][width][stride], before they are normalised */
    struct outputs compared; /* q and t as the two views that the objective compares */
};

/* `needs` of an objective with a target; `stride` a multiple of 8. */
void prediction_layout(struct prediction *prediction, const struct predictor *predictor,
                       const struct needs *needs, size_t samples, size_t stride,
                       struct arena *arena);

/* Fill `compared` from f(x_1), 64-byte aligned, and the target's output for x_2. */
void prediction_forward(struct prediction *prediction, double *parameters, double *online,
                        const double *target);

/* After compared.df was filled for the first `samples` columns: d loss / d f(x_1) into `d_online`,
 * and the gradient of the predictor's parameters is added to `gradient`.  `d_target` belongs to the
 * online network's output for x_2, 0 where the gradient stops; NULL where another network made the
 * target. All other columns get 0. */
void prediction_backward(struct prediction *prediction, double *parameters, double *online,
                         size_t samples, double *gradient, double *d_online, double *d_target);
