/* Standard normal numbers at addresses, in rows of BLOCK, one per sample.
 *
 * Box and Muller's transformation takes one 64-bit word per number, so rows may be drawn in any
 * order.  Its logarithm, sine and cosine are power series without branches, which the compiler
 * vectorises: errors are below 1e-15, |number| is at most 8.5. */
#pragma once

#include "core/error.h"
#include "hltm/sample.h"

/* Draws that a source makes once, before any sample.  Append only. */
enum once {
    ONCE_ROTATION,   /* eigenbasis of covariances */
    ONCE_SUBSPACE,   /* directions that are scrambled */
    ONCE_CENTRES,    /* data points */
    ONCE_DEVIATIONS, /* of the views of data points */
    ONCE_DICTIONARY, /* columns of the features */
    ONCE_READOUT     /* w*: the sign of its product with a sample's features is the label */
};

/* Random words at (draw, lane), lane < 2^32. */
void word_row(struct draw draw, uint64_t lane, uint64_t word[BLOCK]);

/* Standard normal numbers from the words at (draw, lane). */
void normal_row(struct draw draw, uint64_t lane, double out[BLOCK]);

/* Faster, in single precision and from half the words, for data that are mostly noise: row `row` at
 * the address whose words are `base`.  Relative errors are below 4e-7, |number| is at most 6.7. The
 * numbers differ from those that normal_row draws. */
void normal_row_single(const struct random_words *base, uint32_t row, float out[BLOCK]);

/* `count` standard normal numbers at (seed, PURPOSE_DATA, what). */
void normal_once(uint64_t seed, enum once what, size_t count, double *out);

/* Random orthonormal rows [n][n], Haar distributed up to their signs, at (seed, PURPOSE_DATA,
 * what); the caller frees them. */
enum status random_basis(uint64_t seed, enum once what, size_t n, double **basis,
                         struct error *err);
