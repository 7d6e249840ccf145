/* Vectors of four doubles, aligned like one double. */
#pragma once

typedef double quad __attribute__((vector_size(32), aligned(8), may_alias));
typedef double pair __attribute__((vector_size(16), aligned(8), may_alias));

static inline void quad_transpose(quad r[4])
{
    quad a = __builtin_shufflevector(r[0], r[1], 0, 4, 2, 6),
         b = __builtin_shufflevector(r[0], r[1], 1, 5, 3, 7);
    quad c = __builtin_shufflevector(r[2], r[3], 0, 4, 2, 6),
         d = __builtin_shufflevector(r[2], r[3], 1, 5, 3, 7);
    r[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
    r[1] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
    r[2] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
    r[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
}

/* *a = 0 where b is not > 0, NaN included. */
static inline void quad_gate(quad *a, const quad *b)
{
    typedef long long bits __attribute__((vector_size(32)));
    *a = (quad)((bits)*a & (bits)(*b > 0));
}

/* {sum of a, sum of b}, each (0 + 1) + (2 + 3). */
static inline pair quad_sums(quad a, quad b)
{
    quad pairs =
        __builtin_shufflevector(a, b, 0, 4, 2, 6) + __builtin_shufflevector(a, b, 1, 5, 3, 7);
    return __builtin_shufflevector(pairs, pairs, 0, 1) +
           __builtin_shufflevector(pairs, pairs, 2, 3);
}
