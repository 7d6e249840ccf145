/* Small matrix times a long row of samples: the one kind of product that training needs.
 *
 * Arrays of samples are feature-major, [feature][sample], rows `stride` doubles apart, 64-byte
 * aligned; W is row-major [outputs][inputs].  A product is planned once for its shapes and then run
 * any number of times; the result of a run depends on nothing but its operands.
 *
 *   PRODUCT_FORWARD    Y[o][s]  = sum_i W[o][i] X[i][s]
 *   PRODUCT_BACKWARD   X[i][s]  = sum_o W[o][i] Y[o][s]
 *   PRODUCT_OUTER      W[o][i] += sum_s Y[o][s] X[i][s]
 *
 * libxsmm makes the kernels of the first two.  The third sums over the contiguous index, for which
 * libxsmm has no kernel, so it is written here.  Larger shapes go to dgemm. */
#pragma once

#include <stddef.h>

enum product_kind { PRODUCT_FORWARD, PRODUCT_BACKWARD, PRODUCT_OUTER };

struct product {
    enum product_kind kind;
    int outputs, inputs;
    int samples;    /* columns that are computed; a multiple of 8 */
    int stride;     /* doubles between rows of Y */
    int x_stride;   /* ... of X: `stride`, except in product_plan_apart */
    int weight_row; /* doubles between rows of W */
    void (*kernel)(const double *, const double *, double *, ...); /* libxsmm's, or NULL */
};

/* `weight_row` is `inputs` for a whole matrix, more for a block of columns of a wider one. */
void product_plan(struct product *product, enum product_kind kind, int outputs, int inputs,
                  int samples, int stride, int weight_row);

/* The same where X has a stride of its own, such as X amid other samples.  FORWARD uses a kernel
 * for all except huge shapes: it reads X in place, where dgemm would copy it first. */
void product_plan_apart(struct product *product, enum product_kind kind, int outputs, int inputs,
                        int samples, int stride, int x_stride, int weight_row);

/* Run it.  The operand that the kind computes is written (OUTER: added to). */
void product_run(const struct product *product, double *w, double *x, double *y);

/* Floating-point operations of one run: 2 outputs inputs samples. */
double product_flops(const struct product *product);
