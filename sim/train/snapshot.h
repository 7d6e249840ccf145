/* The weights of a run at one point in time, as a measurement sees them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Exact second moments of the outputs, [width][width] each: C = E[f f^T], F = E[f f_+^T] and
 * D = E[f_a f^T], as in analysis/output_measure.h. */
struct exact_moments {
    const double *c, *f, *d;
};

/* Everything is borrowed. */
struct snapshot {
    double *parameters; /* of the network; NULL: the trainer's equations no longer say them */
    double *target;    /* of the target network; NULL: it is the online network, or there is none */
    double *predictor; /* NULL: there is none */
    double *class_head;                  /* NULL: there is none */
    size_t class_head_size;              /* its doubles */
    const struct exact_moments *moments; /* NULL: outputs are measured on samples */
    uint64_t epoch;                      /* address of the samples that are measured on */
    int threads;                         /* that may measure, at least 1 */
};
