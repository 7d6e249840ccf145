/* Embeddings of CoMatch (sim/loss/comatch.h), and the loss of its two graphs. */
#pragma once

#include "sim/loss/comatch.h"

/* z of a view, [width][stride], and 1 / |f| of a strong one, [stride]. */
double *comatch_embedding(const struct comatch *comatch, int view);
double *comatch_inverse(const struct comatch *comatch, int view);

/* out[j] = z . other_j / tau of column s of z, for `count` columns of the others */
void comatch_similarities(const struct comatch *comatch, const double *z, size_t s,
                          const double *other, size_t other_stride, size_t count, double *out);

/* The largest of `count` numbers; NaN if one is. */
double comatch_largest(const double *a, size_t count);

/* Mean of H(Q_b, Z_b), a term of the step; its gradient, times lambda_ctr, is added to df of the
 * strong views. */
void comatch_graph_loss(struct comatch *comatch, const struct outputs *outputs);
