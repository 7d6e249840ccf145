/* Standard normal numbers at addresses: a row of BLOCK of them, one a sample.
 *
 * Box and Muller's transformation takes one 64-bit word a number, so a row is the same in any order
 * of asking.  Its logarithm, sine and cosine are power series without branches, which the compiler
 * makes vectors of: errors are below 1e-15, |number| is at most 8.5. */
#ifndef DUET_SIM_SOURCES_NORMAL_H
#define DUET_SIM_SOURCES_NORMAL_H

#include "core/error.h"
#include "hltm/sample.h"

/* What a source draws once, before any sample.  Append only. */
enum once {
    ONCE_ROTATION,   /* eigenbasis of covariances */
    ONCE_SUBSPACE,   /* directions that are scrambled */
    ONCE_CENTRES,    /* data points */
    ONCE_DEVIATIONS, /* of their views */
    ONCE_DICTIONARY, /* columns that features stand for */
    ONCE_READOUT     /* w*, whose sign with the features of a sample is its label */
};

/* Random words at (draw, lane), lane < 2^32. */
void word_row(struct draw draw, uint64_t lane, uint64_t word[BLOCK]);

/* Standard normal numbers from the words at (draw, lane). */
void normal_row(struct draw draw, uint64_t lane, double out[BLOCK]);

/* The same for a fraction of the time, for data that are mostly noise: row `row` at an address
 * whose words are `base`, from half the words and in single precision; relative errors below 4e-7,
 * |number| at most 6.7.  Other numbers than normal_row's. */
void normal_row_single(const struct random_words *base, uint32_t row, float out[BLOCK]);

/* `count` standard normal numbers at (seed, PURPOSE_DATA, what). */
void normal_once(uint64_t seed, enum once what, size_t count, double *out);

/* Random orthonormal rows [n][n], up to their signs as likely as any turned ones (Haar), at (seed,
 * PURPOSE_DATA, what); to be freed by the caller. */
enum status random_basis(uint64_t seed, enum once what, size_t n, double **basis,
                         struct error *err);

#endif
