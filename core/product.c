#include "core/product.h"

#include "core/quad.h"

#include <cblas.h>
#include <libxsmm.h>
#include <stdbool.h>

/* Beyond this many entries of W, dgemm's blocking wins over one kernel. */
enum { SMALL_WEIGHTS = 64 * 64, APART_WEIGHTS = 1 << 20 };

/* ---- OUTER: blocks of ROWS x COLUMNS dot products held in registers ---- */

#if defined(__AVX512F__)
enum { VECTOR_BYTES = 64 };
#else
enum { VECTOR_BYTES = 32 };
#endif
enum { LANES = VECTOR_BYTES / (int)sizeof(double) };
typedef double vector __attribute__((vector_size(VECTOR_BYTES), may_alias));

static inline double horizontal_sum(vector v)
{
    double sum = 0;
    for (int i = 0; i < LANES; i += 4)
        sum += (v[i] + v[i + 1]) + (v[i + 2] + v[i + 3]);
    return sum;
}

/* w[0] += sum of a, w[1] += sum of b. */
static inline void add_sums(vector a, vector b, double *w)
{
    for (int i = 0; i < LANES; i += 4) {
        quad x = {a[i], a[i + 1], a[i + 2], a[i + 3]}, y = {b[i], b[i + 1], b[i + 2], b[i + 3]};
        *(pair *)w += quad_sums(x, y);
    }
}

#define UNROLL _Pragma("GCC unroll 8")

#define OUTER_BLOCK(ROWS, COLUMNS)                                                                 \
    static inline void outer_##ROWS##x##COLUMNS(int samples, int stride, const double *restrict y, \
                                                const double *restrict x, double *restrict w,      \
                                                int weight_row)                                    \
    {                                                                                              \
        vector sum[ROWS][COLUMNS] = {{{0}}};                                                       \
        for (int s = 0; s < samples; s += LANES) {                                                 \
            vector b[COLUMNS];                                                                     \
            UNROLL for (int c = 0; c < COLUMNS; c++) b[c] =                                        \
                *(const vector *)(x + (size_t)c * (size_t)stride + s);                             \
            UNROLL for (int r = 0; r < ROWS; r++)                                                  \
            {                                                                                      \
                vector a = *(const vector *)(y + (size_t)r * (size_t)stride + s);                  \
                UNROLL for (int c = 0; c < COLUMNS; c++) sum[r][c] += a * b[c];                    \
            }                                                                                      \
        }                                                                                          \
        UNROLL for (int r = 0; r < ROWS; r++)                                                      \
        {                                                                                          \
            if (COLUMNS == 2)                                                                      \
                add_sums(sum[r][0], sum[r][COLUMNS - 1], w + r * weight_row);                      \
            else                                                                                   \
                w[r * weight_row] += horizontal_sum(sum[r][0]);                                    \
        }                                                                                          \
    }

OUTER_BLOCK(5, 2)
OUTER_BLOCK(4, 2)
OUTER_BLOCK(3, 2)
OUTER_BLOCK(2, 2)
OUTER_BLOCK(1, 2)
OUTER_BLOCK(5, 1)
OUTER_BLOCK(4, 1)
OUTER_BLOCK(3, 1)
OUTER_BLOCK(2, 1)
OUTER_BLOCK(1, 1)

typedef void outer_block(int, int, const double *, const double *, double *, int);

static void outer_run(const struct product *p, double *w, const double *x, const double *y)
{
    static outer_block *const block[2][6] = {
        {0, outer_1x1, outer_2x1, outer_3x1, outer_4x1, outer_5x1},
        {0, outer_1x2, outer_2x2, outer_3x2, outer_4x2, outer_5x2},
    };
    for (int o = 0; o < p->outputs; o += 5) {
        int rows = p->outputs - o < 5 ? p->outputs - o : 5;
        for (int i = 0; i < p->inputs; i += 2) {
            int columns = p->inputs - i < 2 ? 1 : 2;
            block[columns - 1][rows](p->samples, p->stride, y + (size_t)o * (size_t)p->stride,
                                     x + (size_t)i * (size_t)p->stride,
                                     w + (size_t)o * (size_t)p->weight_row + i, p->weight_row);
        }
    }
}

/* ---- plan and run ---- */

static bool is_small(const struct product *p)
{
    return (size_t)p->outputs * (size_t)p->inputs <= SMALL_WEIGHTS;
}

static bool takes_kernel(const struct product *p)
{
    if (p->kind == PRODUCT_FORWARD && p->x_stride != p->stride)
        return (size_t)p->outputs * (size_t)p->inputs <= APART_WEIGHTS;
    return p->kind != PRODUCT_OUTER && is_small(p);
}

void product_plan(struct product *product, enum product_kind kind, int outputs, int inputs,
                  int samples, int stride, int weight_row)
{
    product_plan_apart(product, kind, outputs, inputs, samples, stride, stride, weight_row);
}

void product_plan_apart(struct product *product, enum product_kind kind, int outputs, int inputs,
                        int samples, int stride, int x_stride, int weight_row)
{
    *product = (struct product){.kind = kind,
                                .outputs = outputs,
                                .inputs = inputs,
                                .samples = samples,
                                .stride = stride,
                                .x_stride = x_stride,
                                .weight_row = weight_row};
    if (!takes_kernel(product))
        return;
    /* In libxsmm's column-major terms: C (m x n) = A (m x k) B (k x n), m the samples. */
    int flags = kind == PRODUCT_BACKWARD ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
    int n = kind == PRODUCT_BACKWARD ? inputs : outputs;
    int k = kind == PRODUCT_BACKWARD ? outputs : inputs;
    int from = kind == PRODUCT_BACKWARD ? stride : x_stride;
    int to = kind == PRODUCT_BACKWARD ? x_stride : stride;
    double alpha = 1, beta = 0;
    product->kernel = (void (*)(const double *, const double *, double *, ...))(
        void (*)(void))libxsmm_dmmdispatch(samples, n, k, &from, &weight_row, &to, &alpha, &beta,
                                           &flags, NULL);
}

static void dgemm(const struct product *p, double *w, double *x, double *y)
{
    const int o = p->outputs, i = p->inputs, s = p->samples, row = p->weight_row;
    const int ld = p->stride, x_ld = p->x_stride;
    switch (p->kind) {
    case PRODUCT_FORWARD:
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, o, s, i, 1, w, row, x, x_ld, 0, y,
                    ld);
        break;
    case PRODUCT_BACKWARD:
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, i, s, o, 1, w, row, y, ld, 0, x, x_ld);
        break;
    case PRODUCT_OUTER:
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, o, i, s, 1, y, ld, x, x_ld, 1, w, row);
        break;
    }
}

void product_run(const struct product *product, double *w, double *x, double *y)
{
    if (product->kernel && product->kind == PRODUCT_FORWARD)
        product->kernel(x, w, y);
    else if (product->kernel)
        product->kernel(y, w, x);
    else if (product->kind == PRODUCT_OUTER && is_small(product) &&
             product->x_stride == product->stride)
        outer_run(product, w, x, y);
    else
        dgemm(product, w, x, y);
}

double product_flops(const struct product *product)
{
    return 2.0 * product->outputs * product->inputs * product->samples;
}
