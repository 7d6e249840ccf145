/* A linear classifier on the outputs of a network: p(y | x) = softmax(W f(x) + b).
 *
 * Its parameters are one flat array, W [class][width], then b [class]; they begin at 0, where all
 * classes are as likely.  Samples are feature-major, [feature][stride]. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct class_head {
    int classes, width; /* width: of the network's output */
};

/* Doubles of the parameters; those of W come first. */
size_t class_head_weights(const struct class_head *head);
size_t class_head_parameters(const struct class_head *head);

/* log p [class][stride] of the first `samples` columns of f [width][stride]. */
void class_head_forward(const struct class_head *head, const double *parameters, size_t samples,
                        size_t stride, const double *f, double *log_p);

/* From d loss / d (W f + b), [class][stride]: `gradient` ([parameters]) and df [width][stride] are
 * added to. */
void class_head_backward(const struct class_head *head, const double *parameters, size_t samples,
                         size_t stride, const double *f, const double *d_logit, double *gradient,
                         double *df);

/* The most likely class of column s; the first of equal ones. */
int class_head_choice(const struct class_head *head, size_t stride, const double *log_p, size_t s);
