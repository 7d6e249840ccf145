/* The columns of a measurement: a few samples, or a few points of an enumerated support.
 *
 * All columns share the state of the root, so that a conditional mean given the root is a plain
 * sum. A sample has weight 1 and known latents; a support point has weight P(x, z_0 = label) and
 * the posterior of each latent.  Padding has weight 0 and valid states. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { COLUMNS = 64 }; /* always so many, padding included */

struct columns {
    int label;               /* state of the root */
    const double *weight;    /* [COLUMNS] */
    const uint8_t *leaf;     /* [leaf][stride] states */
    const uint8_t *latent;   /* [node][stride] states of all nodes, or NULL */
    const double *posterior; /* [node][m][stride] P(z_node = s | x), where latent is NULL */
    size_t stride;
};

/* Where `count` sums more stand in a flat array of *size so far. */
static inline size_t take_sums(size_t *size, size_t count)
{
    *size += count;
    return *size - count;
}

/* sum_i weight[i] (x[i] - shift)^power, power 0, 1 or 2, in a fixed order */
static inline double weighted_sum(const double *weight, const double *x, double shift, int power)
{
    double lane[8] = {0};
    for (size_t i = 0; i < COLUMNS; i += 8)
        for (size_t k = 0; k < 8; k++) {
            double g = power ? x[i + k] - shift : 1;
            lane[k] += weight[i + k] * (power == 2 ? g * g : g);
        }
    return ((lane[0] + lane[4]) + (lane[1] + lane[5])) +
           ((lane[2] + lane[6]) + (lane[3] + lane[7]));
}
