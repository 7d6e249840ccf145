/* Random numbers that are addressed, not consumed.
 *
 * Philox4x64-10 (Salmon, Moraes, Dror, Shaw, SC 2011; Random123) maps (key, counter) to four 64-bit
 * words.  Key and counter spell an address: key = (seed, purpose), counter = (index, lane, sample,
 * epoch).  So a number is the same whichever thread, shard or restart asks for it. */
#pragma once

#include <gsl/gsl_rng.h>
#include <stdint.h>

/* Purpose of a stream; each purpose is a generator of its own.  Append only. */
enum purpose {
    PURPOSE_USER,    /* gsl_rng_set on a stream_rng */
    PURPOSE_TREE,    /* polarities */
    PURPOSE_WEIGHTS, /* initial weights */
    PURPOSE_TRAIN,   /* training samples and their views */
    PURPOSE_MEASURE, /* samples of a measurement */
    PURPOSE_CEILING, /* samples of a ceiling that is too large to enumerate */
    PURPOSE_TEST,
    PURPOSE_CLAIM,     /* instances of the claims of `duet verify` */
    PURPOSE_DATA,      /* constants of a data source, except trees: covariances, directions */
    PURPOSE_PREDICTOR, /* initial weights of a predictor */
    PURPOSE_TARGET,    /* ... of a target network that does not begin as a copy */
};

/* Four words at one address. */
struct random_words {
    uint64_t word[4];
};

struct random_words random_words(uint64_t seed, enum purpose purpose, uint64_t epoch,
                                 uint64_t sample, uint64_t lane, uint64_t index);

/* 64 words of 32 bits, much faster than as many bits from random_words: row `row` at the address
 * whose words are `base`.  Philox4x32-10 with key base[0] of the counters
 * (c, row, base[1]), c = 0 ... 15; word i of counter c is
 * out[16 (c / 4) + 8 (i / 2) + 2 (c mod 4) + i mod 2]. */
enum { RANDOM_ROW = 64 };
void random_row(const struct random_words *base, uint32_t row, uint32_t out[RANDOM_ROW]);

/* A sequence that starts at an address: index 0, 1, 2, ... of one lane. */
struct stream {
    uint64_t seed, epoch, sample, lane, index;
    struct random_words words;
    enum purpose purpose;
    int left; /* unread words */
};

void stream_open(struct stream *stream, uint64_t seed, enum purpose purpose, uint64_t epoch,
                 uint64_t sample);
uint64_t stream_word(struct stream *stream);
double stream_uniform(struct stream *stream); /* [0, 1), multiples of 2^-53 */

/* The same words as a GSL generator, for gsl_ran_* and gsl_ran_shuffle.  gsl_rng_set(r, seed) opens
 * (seed, PURPOSE_USER, 0, 0); stream_rng_alloc opens any address.  Free with gsl_rng_free. */
extern const gsl_rng_type *const stream_rng;
gsl_rng *stream_rng_alloc(uint64_t seed, enum purpose purpose, uint64_t epoch, uint64_t sample);
