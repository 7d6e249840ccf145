/* Kernels of one level, shared by passes (columns are samples) and tables (columns are patterns):
 * activation, gates, gradients of W and b.  Rows are feature-major, [feature][stride], of columns
 * padded to 8. */
#pragma once

#include "core/product.h"
#include "sim/net/network.h"

/* A node's pre[width][stride] += bias[width], where that is not NULL, and act = psi(pre), of
 * `count` columns.  The output, level 0, has no psi; `act` may be `pre`. */
void level_activate(const struct network *network, int level, const double *bias, double *pre,
                    double *act, size_t stride, size_t count);

/* delta = 0 where the neuron is shut, act <= 0.  A NaN that meets a gate becomes 0, so the trainer
 * checks the parameters too. */
void level_gate(double *delta, const double *act, size_t count);

/* Products of a level with `columns`; `outer` and `backward` of the first `learning` of them. */
void level_plan(const struct network *network, int level, size_t columns, struct product *forward,
                struct product *outer, struct product *backward);
void level_plan_gradient(const struct network *network, int level, size_t columns, size_t learning,
                         struct product *outer, struct product *backward);

/* Add the gradient of one node's b, or of its W and b, from delta = d loss / d pre; outer: the
 * product that makes that of W. */
void level_bias_gradient(const struct network *network, int level, size_t node,
                         const struct product *outer, const double *delta, double *gradient);
void level_gradient(const struct network *network, int level, size_t node,
                    const struct product *outer, double *delta, double *input, double *gradient);
