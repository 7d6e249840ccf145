/* The connection K_l of single inputs, all layers at once ([DDN] Def. 1).
 *
 * K_l(x) = f_{l-1}(x) (x) J_l(x)^T, where J_l(x) = d f_L / d f~_l includes layer l's own gate.  A
 * row of K is one entry of W_l, in the order of the network's flat parameters, so K of all layers
 * is one array [parameter][output] and vec(W_l) is a range of the parameters.  Rows of biases are
 * 0.  The output is the one before normalisation. */
#pragma once

#include "sim/net/batch.h"

struct sample_connection {
    const struct network *network;
    int samples, outputs;
    size_t parameters;
    double *k;  /* [sample][parameter][output] */
    double *f;  /* [sample][output], f_L */
    bool *gate; /* [sample][neuron of levels 1.., level by level]: 1[f~ > 0] */
    size_t neurons;
};

/* `x`: [sample][leaves].  `own_gate` false leaves layer l's own gate out of J_l (a control). */
enum status sample_connection_create(struct sample_connection **connection,
                                     const struct network *network, const double *parameters,
                                     const double *x, int samples, bool own_gate,
                                     struct error *err);
void sample_connection_free(struct sample_connection *connection);

/* Entries [*first, *end) of the parameters that are W of level l. */
void layer_weights(const struct network *network, int level, size_t *first, size_t *end);
