#include "core/random.h"

#include <Random123/philox.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

struct random_words random_words(uint64_t seed, enum purpose purpose, uint64_t epoch,
                                 uint64_t sample, uint64_t lane, uint64_t index)
{
    philox4x64_ctr_t counter = {{index, lane, sample, epoch}};
    philox4x64_key_t key = {{seed, (uint64_t)purpose}};
    philox4x64_ctr_t out = philox4x64(counter, key);
    return (struct random_words){{out.v[0], out.v[1], out.v[2], out.v[3]}};
}

/* ---- rows of 32-bit words ---- */

#if defined(__AVX2__)

/* A 32-bit word of four counters, in the lower halves; the upper halves are ignored. */
typedef uint64_t words __attribute__((vector_size(32)));

static inline words words_of(uint64_t word)
{
    return (words){word, word, word, word};
}

/* 64-bit products of the lower halves; GCC has no other way to say that. */
static inline words times(words a, uint32_t factor)
{
    return (words)_mm256_mul_epu32((__m256i)a, (__m256i)words_of(factor));
}

/* Two groups of four counters from `first` on, so that one's products hide the other's latency. */
static void philox_groups(const struct random_words *base, uint32_t row, uint32_t first,
                          uint32_t *out)
{
    enum { GROUPS = 2 };
    uint32_t key0 = (uint32_t)base->word[0], key1 = (uint32_t)(base->word[0] >> 32);
    words x[GROUPS][4];
    for (uint32_t g = 0; g < GROUPS; g++) {
        x[g][0] = words_of(first + 4 * g) + (words){0, 1, 2, 3};
        x[g][1] = words_of(row);
        x[g][2] = words_of((uint32_t)base->word[1]);
        x[g][3] = words_of(base->word[1] >> 32);
    }
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
        for (int g = 0; g < GROUPS; g++) {
            const words p0 = times(x[g][0], PHILOX_M4x32_0), p1 = times(x[g][2], PHILOX_M4x32_1);
            x[g][0] = p1 >> 32 ^ x[g][1] ^ words_of(key0);
            x[g][2] = p0 >> 32 ^ x[g][3] ^ words_of(key1);
            x[g][1] = p1;
            x[g][3] = p0;
        }
        key0 += PHILOX_W32_0;
        key1 += PHILOX_W32_1;
    }
    for (int g = 0; g < GROUPS; g++)
        for (int half = 0; half < 2; half++) {
            const words low = x[g][2 * half] & words_of(0xffffffff),
                        high = x[g][2 * half + 1] << 32;
            const words both = low | high;
            memcpy(out + 16 * g + 8 * half, &both, sizeof both);
        }
}

#else

static void philox_groups(const struct random_words *base, uint32_t row, uint32_t first,
                          uint32_t *out)
{
    for (uint32_t c = 0; c < 8; c++) {
        philox4x32_ctr_t counter = {
            {first + c, row, (uint32_t)base->word[1], (uint32_t)(base->word[1] >> 32)}};
        philox4x32_key_t key = {{(uint32_t)base->word[0], (uint32_t)(base->word[0] >> 32)}};
        philox4x32_ctr_t words = philox4x32(counter, key);
        for (uint32_t i = 0; i < 4; i++)
            out[16 * (c / 4) + 8 * (i / 2) + 2 * (c % 4) + i % 2] = words.v[i];
    }
}

#endif

void random_row(const struct random_words *base, uint32_t row, uint32_t out[RANDOM_ROW])
{
    philox_groups(base, row, 0, out);
    philox_groups(base, row, 8, out + RANDOM_ROW / 2);
}

/* ---- sequences ---- */

void stream_open(struct stream *stream, uint64_t seed, enum purpose purpose, uint64_t epoch,
                 uint64_t sample)
{
    *stream = (struct stream){.seed = seed, .purpose = purpose, .epoch = epoch, .sample = sample};
}

uint64_t stream_word(struct stream *stream)
{
    if (stream->left == 0) {
        stream->words = random_words(stream->seed, stream->purpose, stream->epoch, stream->sample,
                                     stream->lane, stream->index++);
        stream->left = 4;
    }
    return stream->words.word[4 - stream->left--];
}

double stream_uniform(struct stream *stream)
{
    return (double)(stream_word(stream) >> 11) * 0x1p-53;
}

/* ---- as a GSL generator ---- */

static void rng_set(void *state, unsigned long seed)
{
    stream_open(state, seed, PURPOSE_USER, 0, 0);
}

static unsigned long rng_get(void *state)
{
    return stream_word(state);
}

static double rng_get_double(void *state)
{
    return stream_uniform(state);
}

static const gsl_rng_type philox_type = {
    .name = "philox4x64",
    .max = UINT64_MAX,
    .min = 0,
    .size = sizeof(struct stream),
    .set = rng_set,
    .get = rng_get,
    .get_double = rng_get_double,
};

const gsl_rng_type *const stream_rng = &philox_type;

gsl_rng *stream_rng_alloc(uint64_t seed, enum purpose purpose, uint64_t epoch, uint64_t sample)
{
    gsl_rng *rng = gsl_rng_alloc(stream_rng);
    if (rng)
        stream_open(rng->state, seed, purpose, epoch, sample);
    return rng;
}
