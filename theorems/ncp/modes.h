/* The matrix flow from a start at which predictor and trunk share their eigenspaces, for the claims
 * on its modes. */
#pragma once

#include "theorems/ncp/ncp.h"

/* W = U^T diag(sqrt s) V, W_p = U^T diag(p) U, W_a = U^T diag(tau sqrt s) V, isotropic moments. */
struct ncp_modes {
    struct ncp_matrix m;
    double *u, *v, *other; /* rows: eigenvectors of F, of W^T W, and others for a control */
    double *first;         /* p, s, tau of each mode, [n][3] */
    double *diagonal, *work;
};

/* At an edge there is one mode, or no noise. Free it unless this fails. */
enum status ncp_modes_draw(struct ncp_modes *modes, const struct trial *trial);
void ncp_modes_free(struct ncp_modes *modes);

/* Compose the first state, where W_p has the eigenvectors of F, or, not `aligned`, others; then run
 * the flow to `end`. */
enum status ncp_modes_run(struct ncp_modes *modes, bool aligned, double end, struct error *err);

enum ncp_which { NCP_OF_PREDICTOR, NCP_OF_FEATURES };

/* W_p or F at record k, [n][n] */
void ncp_modes_matrix(const struct ncp_modes *modes, size_t k, enum ncp_which which, double *out);

/* The same in the first eigenbasis, U W_p U^T or U F U^T; `work` of the modes is overwritten. */
void ncp_modes_turned(struct ncp_modes *modes, size_t k, enum ncp_which which, double *out);
