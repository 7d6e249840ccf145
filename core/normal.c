#include "core/normal.h"

#include "core/linalg.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void word_row(struct draw draw, uint64_t lane, uint64_t word[BLOCK])
{
    for (uint64_t group = 0; group < BLOCK / 4; group++) {
        struct random_words words = random_words(draw.seed, draw.purpose, draw.epoch, draw.block,
                                                 draw.view << 32 | lane, group);
        memcpy(word + 4 * group, words.word, sizeof words.word);
    }
}

/* ---- Box and Muller ---- */

#define SIGN 0x8000000000000000u
#define MANTISSA 0x000fffffffffffffu
#define ONE 0x3ff0000000000000u       /* bits of 1.0 */
#define ROOT_HALF 0x3fe6a09e667f3bcdu /* of sqrt(1/2) */
#define TWO_TO_52 0x4330000000000000u /* of 2^52: or-ing a small integer in adds it */

static inline double from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t to_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* log u of a normal u > 0: u = 2^e m with m in [sqrt(1/2), sqrt 2), log m = 2 artanh t with
 * t = (m - 1) / (m + 1), t^2 < 0.0295 */
static inline double series_log(double u)
{
    uint64_t bits = to_bits(u), exponent = (bits + (ONE - ROOT_HALF)) >> 52;
    double e = from_bits(exponent | TWO_TO_52) - (0x1p52 + 1023);
    double m = from_bits(bits - (exponent << 52) + ONE), t = (m - 1) / (m + 1), sum = 0;
#pragma GCC unroll 16
    for (int k = 19; k > 0; k -= 2)
        sum = sum * (t * t) + 1.0 / k;
    return e * M_LN2 + 2 * t * sum;
}

/* cos a and sin a for |a| <= pi / 4 */
static inline void series_turn(double a, double *cosine, double *sine)
{
    double square = a * a, c = 1, s = 1;
#pragma GCC unroll 16
    for (int k = 16; k > 0; k -= 2) {
        c = 1 - square * (1.0 / (k * (k - 1))) * c;
        s = 1 - square * (1.0 / (k * (k + 1))) * s;
    }
    *cosine = c;
    *sine = a * s;
}

/* Two numbers from two words: a radius, and an angle in [-pi/4, pi/4) that one bit mirrors at pi/4
 * and another turns by pi. */
static inline void box_muller(uint64_t word, uint64_t turn, double *first, double *second)
{
    double u = 2 - from_bits(word >> 12 | ONE); /* (0, 1] */
    double radius = from_bits(to_bits(sqrt(-2 * series_log(u))) ^ (turn & SIGN)), c, s;
    series_turn(M_PI_4 * (2 * from_bits((turn & MANTISSA) | ONE) - 3), &c, &s);
    uint64_t swap = (to_bits(c) ^ to_bits(s)) & (0 - (turn >> 62 & 1));
    *first = radius * from_bits(to_bits(c) ^ swap);
    *second = radius * from_bits(to_bits(s) ^ swap);
}

void normal_row(struct draw draw, uint64_t lane, double out[BLOCK])
{
    enum { PAIRS = BLOCK / 2 };
    uint64_t word[BLOCK];
    word_row(draw, lane, word);
#pragma omp simd
    for (int i = 0; i < PAIRS; i++)
        box_muller(word[i], word[PAIRS + i], out + i, out + PAIRS + i);
}

/* ---- the same in single precision ---- */

#define ROOT_HALF_SINGLE 0x3f3504f3u /* bits of sqrt(1/2) */
#define ONE_SINGLE 0x3f800000u

static inline float from_bits_single(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t to_bits_single(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float series_log_single(float u)
{
    uint32_t bits = to_bits_single(u);
    int32_t exponent = (int32_t)(bits - ROOT_HALF_SINGLE) >> 23;
    float m = from_bits_single(bits - ((uint32_t)exponent << 23)), t = (m - 1) / (m + 1), sum = 0;
#pragma GCC unroll 8
    for (int k = 9; k > 0; k -= 2)
        sum = sum * (t * t) + 1.0f / (float)k;
    return (float)exponent * (float)M_LN2 + 2 * t * sum;
}

static inline void series_turn_single(float a, float *cosine, float *sine)
{
    float square = a * a;
    *cosine =
        1 + square * (-1 / 2.0f +
                      square * (1 / 24.0f + square * (-1 / 720.0f + square * (1 / 40320.0f))));
    *sine =
        a * (1 + square * (-1 / 6.0f +
                           square * (1 / 120.0f + square * (-1 / 5040.0f + square / 362880.0f))));
}

/* As box_muller, from halves of words. */
static inline void box_muller_single(uint32_t word, uint32_t turn, float *first, float *second)
{
    float u = ((float)(int32_t)(word >> 1) + 0.5f) * 0x1p-31f; /* (0, 1] */
    float radius = sqrtf(-2 * series_log_single(u)), c, s;
    series_turn_single((float)M_PI_4 * (2 * from_bits_single((turn & 0x7fffffu) | ONE_SINGLE) - 3),
                       &c, &s);
    uint32_t swap = (to_bits_single(c) ^ to_bits_single(s)) & (0 - (turn >> 30 & 1));
    radius = from_bits_single(to_bits_single(radius) ^ (turn & 0x80000000u));
    *first = radius * from_bits_single(to_bits_single(c) ^ swap);
    *second = radius * from_bits_single(to_bits_single(s) ^ swap);
}

void normal_row_single(const struct random_words *base, uint32_t row, float out[BLOCK])
{
    enum { PAIRS = BLOCK / 2 };
    _Static_assert(BLOCK == (int)RANDOM_ROW, "a row of words is a row of samples");
    uint32_t word[BLOCK];
    random_row(base, row, word);
#pragma omp simd
    for (int i = 0; i < PAIRS; i++)
        box_muller_single(word[i], word[PAIRS + i], out + i, out + PAIRS + i);
}

/* ---- drawn once ---- */

void normal_once(uint64_t seed, enum once what, size_t count, double *out)
{
    struct draw draw = {.seed = seed, .purpose = PURPOSE_DATA, .epoch = (uint64_t)what};
    for (size_t done = 0; done < count; done += BLOCK, draw.block++) {
        double row[BLOCK];
        normal_row(draw, 0, row);
        memcpy(out + done, row, (count - done < BLOCK ? count - done : BLOCK) * sizeof *row);
    }
}

/* The eigenvectors of G + G^T with G normal, whose distribution is invariant under rotations. */
enum status random_basis(uint64_t seed, enum once what, size_t n, double **out, struct error *err)
{
    double *basis = calloc(n * (n + 1), sizeof *basis);
    if (!basis)
        return error_memory(err, "a rotation of %zu inputs", n);
    normal_once(seed, what, n * n, basis);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            basis[i * n + j] = basis[j * n + i] = basis[i * n + j] + basis[j * n + i];
    enum status status = symmetric_eigen((int)n, basis, basis + n * n, 1, err);
    if (status)
        free(basis);
    else
        *out = basis;
    return status;
}
