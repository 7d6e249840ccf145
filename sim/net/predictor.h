/* Predictors: what non-contrastive learning puts on top of the online network's output, [NCP].
 *
 *     identity   q = f, there is nothing to learn
 *     linear     q = W_p f (+ b)
 *     two layers q = W_2 ReLU(W_1 f (+ b_1)) (+ b_2)
 *
 * Input and prediction have the network's `width`.  All parameters are one flat array: W_p [width]
 * [width], b [width]; with two layers W_1 [hidden][width], b_1 [hidden], W_2 [width][hidden],
 * b_2 [width].  Samples are feature-major, [feature][stride]. */
#pragma once

#include "core/arena.h"
#include "core/product.h"

#include <stdbool.h>

enum predictor_kind { PREDICTOR_IDENTITY, PREDICTOR_LINEAR, PREDICTOR_TWO_LAYERS };

enum { PREDICTOR_MAX_LAYERS = 2 };

struct predictor {
    enum predictor_kind kind;
    int width;
    bool bias, symmetric;
    int layers;
    struct {
        int outputs, inputs;
        size_t weights, biases; /* offsets in the parameters; biases: meaningless without bias */
    } layer[PREDICTOR_MAX_LAYERS];
    size_t parameters; /* doubles */
};

/* `hidden`: neurons between two layers; ignored by the other kinds.  `symmetric`: all weight
 * matrices are kept symmetric, which needs square ones: two layers with another `hidden` than
 * `width` are STATUS_INVALID, as are sizes below 1. */
enum status predictor_build(struct predictor *predictor, enum predictor_kind kind, int width,
                            int hidden, bool bias, bool symmetric, struct error *err);

/* W -> (W + W^T) / 2 for every weight matrix of a symmetric predictor; others are left alone.
 * `array` is [parameters]: the parameters, or their gradient, which becomes the one along symmetric
 * matrices. */
void predictor_project(const struct predictor *predictor, double *array);

/* Initial parameters at (seed, PURPOSE_PREDICTOR): uniform in [-1, 1] / sqrt(inputs), then
 * projected. */
void predictor_init(const struct predictor *predictor, uint64_t seed, double *parameters);

/* The arrays of one batch; memory belongs to the arena. */
struct predictor_pass {
    const struct predictor *predictor;
    size_t columns;       /* samples, a multiple of 8; also the stride of all rows */
    double *hidden;       /* [hidden][columns] ReLU's values; two layers only, as the next */
    double *delta_hidden; /* d loss / d pre-activations of the hidden layer */
    struct product forward[PREDICTOR_MAX_LAYERS], outer[PREDICTOR_MAX_LAYERS],
        backward[PREDICTOR_MAX_LAYERS];
};

void predictor_layout(struct predictor_pass *pass, const struct predictor *predictor,
                      size_t columns, struct arena *arena);

/* q [width][columns] of f [width][columns], 64-byte aligned, not the same array. */
void predictor_forward(struct predictor_pass *pass, double *parameters, double *f, double *q);

/* After predictor_forward, from dq = d loss / d q: df [width][columns] is overwritten, `gradient`
 * ([parameters]) is added to.  Columns that hold no sample must have dq = 0. */
void predictor_backward(struct predictor_pass *pass, double *parameters, double *f, double *dq,
                        double *gradient, double *df);
