#include "tests/kit/numbers.h"

#include "core/random.h"

const struct kit_stencil kit_stencil[4] = {{1, {1, 8}}, {-1, {-1, -8}}, {2, {0, -1}}, {-2, {0, 1}}};

void kit_fill(double *x, size_t count, double scale, uint64_t seed, uint64_t epoch, uint64_t block)
{
    struct stream stream;
    stream_open(&stream, seed, PURPOSE_TEST, epoch, block);
    for (size_t i = 0; i < count; i++)
        x[i] = scale * (2 * stream_uniform(&stream) - 1);
}

double kit_largest(const double *a, size_t count)
{
    double top = 0;
    for (size_t i = 0; i < count; i++)
        top = isnan(a[i]) ? INFINITY : fmax(top, fabs(a[i]));
    return top;
}

double kit_apart(const double *a, const double *b, size_t count)
{
    double top = 0;
    for (size_t i = 0; i < count; i++)
        top = isnan(a[i] - b[i]) ? INFINITY : fmax(top, fabs(a[i] - b[i]));
    return top;
}

double kit_distance(const double *a, const double *b, size_t count)
{
    const double top = kit_apart(a, b, count);
    return top == 0 || isinf(top) ? top : top / kit_largest(b, count);
}
