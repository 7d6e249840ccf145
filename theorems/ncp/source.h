/* Worlds of the sources scrambling and gaussian for NCP-15: their covariances, their exact moments,
 * and views as they are drawn for training. */
#pragma once

#include "sim/data/source.h"
#include "theorems/ncp/ncp.h"

/* An open world of source_scrambling or source_gaussian, its covariances and its moments. */
struct ncp_source {
    const struct source *source;
    void *world;
    size_t n, k;           /* inputs; of them the first k are scrambled */
    size_t *length;        /* [n], all n */
    double *x;             /* Sigma^x */
    double *noise;         /* Sigma^n */
    double *same, *across; /* E[x_1 x_1^T] and E[x_1 x_2^T] by the source */
    double *work;          /* 3 n^2 */
};

/* Sigma^x and Sigma^n are drawn, with eigenvalues from 0.2 to 1.5.  Close it also after an error.
 */
enum status ncp_source_open(struct ncp_source *s, const struct trial *trial,
                            const struct source *source, size_t n, size_t k);
void ncp_source_close(struct ncp_source *s);

/* Scrambling of one direction or two; with `edges`, every fifth instance, of both of two inputs, or
 * of the only one. */
enum status ncp_source_open_scrambling(struct ncp_source *s, const struct trial *trial, bool edges);

/* p-value of the means of x_1 x_1^T and x_1 x_2^T over drawn samples against the exact moments; not
 * of the `same_point`, x_2 is a view of another x. */
enum status ncp_source_drawn_p(const struct ncp_source *s, const struct trial *trial,
                               bool same_point, double *p);
